#include "client/client-int.h"

#include <stdlib.h>

enum status group_fetch_all(struct client *client, struct group_list *list, struct err *err)
{
	struct client_response response = { 0 };
	enum status st = client_request(client, "GET", client_path(client, "chat", "/group"), NULL, &response, err);

	if (!st)
		st = group_decode_list(json_root(&response.json), list, err);
	client_response_release(&response);
	return st;
}

/* Reads the group in the response. */
static enum status request_group(struct client *client, const char *method, char *path, struct buf *body,
	struct group *group, struct err *err)
{
	struct client_response response = { 0 };
	enum status st = client_request(client, method, path, body, &response, err);

	if (!st)
		st = group_decode(json_get(json_root(&response.json), GROUP_KEY), group, err);
	client_response_release(&response);
	return st;
}

enum status group_fetch(struct client *client, const char *id, struct group *group, struct err *err)
{
	return request_group(client, "GET", client_path(client, "chat", "/group/{}", id), NULL, group, err);
}

enum status group_create(struct client *client, const struct group *wanted, struct group *made, struct err *err)
{
	struct buf body;

	buf_init(&body, BUF_NO_MAX);
	group_encode(&body, wanted);
	return request_group(client, "POST", client_path(client, "chat", "/group"), &body, made, err);
}

enum status group_delete(struct client *client, const char *id, struct err *err)
{
	char *path = client_path(client, "chat", "/group/{}", id);
	enum status st = client_delete(client, path, err);

	free(path);
	return st;
}

enum status group_invite(struct client *client, const char *id, const char *address, bool admin, struct err *err)
{
	char *path = client_path(client, "chat", "/group/{}/participants", id);
	struct buf body;

	buf_init(&body, BUF_NO_MAX);
	group_encode_member(&body, address, admin);
	return client_request(client, "POST", path, &body, NULL, err);
}

enum status group_remove_member(struct client *client, const char *id, const char *address, struct err *err)
{
	char *path = client_path(client, "chat", "/group/{}/participants/{}", id, address);
	enum status st = client_delete(client, path, err);

	free(path);
	return st;
}

enum status group_join(struct client *client, const char *id, struct err *err)
{
	const char *self = client_session(client)->address;
	char *path = client_path(client, "chat", "/group/{}/participants/{}/status", id, self);
	struct buf body;

	buf_init(&body, BUF_NO_MAX);
	buf_adds(&body, GROUP_JOIN_BODY);
	return client_request(client, "PUT", path, &body, NULL, err);
}
