#include "client/client-int.h"

#define PATH_BYTES_MAX ((size_t)16 * 1024)

enum status group_fetch_all(struct client *client, struct group_list *list, struct err *err)
{
	struct client_response response = { 0 };
	struct buf path;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, "chat", "/group");
	st = client_call(client, &(struct client_call){ .method = "GET", .path = path.data }, &response, err);
	if (!st)
		st = group_decode_list(json_root(&response.json), list, err);
	client_response_release(&response);
	buf_release(&path);
	return st;
}

/* Sends `body`, if it is not NULL, and reads the group in the response, if `group` is not NULL. Releases both bufs. */
static enum status send_request(struct client *client, const char *method, struct buf *path, struct buf *body,
	struct group *group, struct err *err)
{
	struct client_call call = { .method = method, .path = path->data };
	struct client_response response = { 0 };
	enum status st;

	if (body) {
		call.json = body->data;
		call.json_len = body->len;
	}
	st = client_call(client, &call, &response, err);
	if (!st && group)
		st = group_decode(json_get(json_root(&response.json), GROUP_KEY), group, err);
	client_response_release(&response);
	buf_release(path);
	if (body)
		buf_release(body);
	return st;
}

enum status group_fetch(struct client *client, const char *id, struct group *group, struct err *err)
{
	struct buf path;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, "chat", "/group/{}", id);
	return send_request(client, "GET", &path, NULL, group, err);
}

enum status group_create(struct client *client, const struct group *wanted, struct group *made, struct err *err)
{
	struct buf path, body;

	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BUF_NO_MAX);
	client_path(client, &path, "chat", "/group");
	group_encode(&body, wanted);
	return send_request(client, "POST", &path, &body, made, err);
}

enum status group_delete(struct client *client, const char *id, struct err *err)
{
	struct buf path;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, "chat", "/group/{}", id);
	st = client_delete(client, path.data, err);
	buf_release(&path);
	return st;
}

enum status group_invite(struct client *client, const char *id, const char *address, bool admin, struct err *err)
{
	struct buf path, body;

	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BUF_NO_MAX);
	client_path(client, &path, "chat", "/group/{}/participants", id);
	group_encode_member(&body, address, admin);
	return send_request(client, "POST", &path, &body, NULL, err);
}

enum status group_remove_member(struct client *client, const char *id, const char *address, struct err *err)
{
	struct buf path;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, "chat", "/group/{}/participants/{}", id, address);
	st = client_delete(client, path.data, err);
	buf_release(&path);
	return st;
}

enum status group_join(struct client *client, const char *id, struct err *err)
{
	struct buf path, body;

	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BUF_NO_MAX);
	client_path(client, &path, "chat", "/group/{}/participants/{}/status", id, client_session(client)->address);
	buf_adds(&body, GROUP_JOIN_BODY);
	return send_request(client, "PUT", &path, &body, NULL, err);
}
