/*
 * What a client knows: its settings and the session of its profile. Nothing here sends a request.
 */
#include "client/client-int.h"

#include "wire/path.h"

#include <string.h>

const char *client_mismatch(const struct client *client, const char **session_value, const char **setting)
{
	static const char a_project[] = "a project";
	const struct session *session = &client->session;
	const struct client_config *config = &client->config;
	const struct {
		const char *name, *session, *setting; /* setting: NULL: any */
	} all[] = {
		{ "base-url", session->base_url, client->base.origin },
		{ "client-id", session->client_id, config->client_id },
		{ "username", session->username ? session->username : a_project,
			config->project ? a_project : config->username },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].setting && strcmp(all[i].session, all[i].setting) != 0) {
			*session_value = all[i].session;
			*setting = all[i].setting;
			return all[i].name;
		}
	return NULL;
}

void client_check_session(struct client *client)
{
	const char *session_value, *setting;

	client->session_matches = client->session.access_token.s && !client_mismatch(client, &session_value, &setting);
}

enum status client_reload(struct client *client, struct err *err)
{
	struct session session = { 0 };
	enum status st;
	bool found;

	if ((st = store_load(client->store, &session, &found, err)))
		return st;
	session_release(&client->session);
	client->session = session;
	client_check_session(client);
	return ST_OK;
}

enum status client_update(struct client *client,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg, struct err *err)
{
	enum status st = store_update(client->store, change, arg, err);

	return st ? st : client_reload(client, err);
}

const struct session *client_session(const struct client *client)
{
	return &client->session;
}

const struct url *client_base(const struct client *client)
{
	return &client->base;
}

struct http *client_http(struct client *client)
{
	return client->http;
}

struct store *client_store(struct client *client)
{
	return client->store;
}

const struct client_config *client_settings(const struct client *client)
{
	return &client->config;
}

char *client_path(const struct client *client, const char *service, const char *template, ...)
{
	const char *user = client->session.user_id ? client->session.user_id : "";
	struct buf path;
	va_list args;

	buf_init(&path, BUF_NO_MAX);
	buf_addf(&path, "/cpaas/%s", service);
	path_add(&path, strchr(service, '/') ? "/{}" : "/v1/{}", user);
	va_start(args, template);
	path_vadd(&path, template, args);
	va_end(args);
	return buf_take(&path);
}
