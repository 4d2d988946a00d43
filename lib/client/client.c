#include "client/client-int.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Tokens that were got from elsewhere, or for somebody else, are no use. */
const char *client_mismatch(const struct client *client, const char **session_value, const char **setting)
{
	static const char a_project[] = "a project";
	const struct session *session = &client->session;
	const struct client_config *config = &client->config;
	const struct {
		const char *name, *session, *setting; /* setting: NULL: any will do */
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

static bool session_fits(const struct client *client)
{
	const char *session_value, *setting;

	return client->session.access_token.s && !client_mismatch(client, &session_value, &setting);
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
	client->usable = session_fits(client);
	return ST_OK;
}

enum status client_update(struct client *client,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg, struct err *err)
{
	enum status st = store_update(client->store, change, arg, err);

	return st ? st : client_reload(client, err);
}

static enum status choose_base(struct client *client, struct err *err)
{
	const char *base = client->config.base_url ? client->config.base_url : client->session.base_url;

	if (!base)
		return err_set(err, ST_CONFIG,
			"no base URL is known; give --base-url, set KANDY_BASE_URL, or put "
			"'base-url = https://HOST' into the configuration");
	return url_parse_base(&client->base, base, err);
}

enum status client_new(struct client **out, const struct client_config *config, struct store *store, struct err *err)
{
	struct client *client = xcalloc(1, sizeof(*client));
	enum status st;

	client->config = *config;
	client->config.base_url = xstrdup_null(config->base_url);
	client->config.client_id = xstrdup_null(config->client_id);
	client->config.username = xstrdup_null(config->username);
	client->config.proxy = xstrdup_null(config->proxy);
	client->store = store;
	if (!(st = client_reload(client, err)) && !(st = choose_base(client, err))) {
		struct http_config http = {
			.trust = &client->config.trust,
			.proxy = client->config.proxy,
			.agent = "kandy/" KANDY_VERSION,
			.connect_timeout_ms = config->connect_timeout_ms,
			.timeout_ms = config->timeout_ms,
			.max_connections = config->max_connections,
		};

		client->usable = session_fits(client);
		client->http = http_new(&http);
	}
	if (st) {
		client_free(client);
		return st;
	}
	*out = client;
	return ST_OK;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	http_free(client->http); /* first: it points into the tasks */
	call_free_tasks(client);
	session_release(&client->session);
	free((char *)(uintptr_t)client->config.base_url);
	free((char *)(uintptr_t)client->config.client_id);
	free((char *)(uintptr_t)client->config.username);
	free((char *)(uintptr_t)client->config.proxy);
	free(client);
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

void client_path(const struct client *client, struct buf *out, const char *service, const char *rest)
{
	const char *user = client->session.user_id ? client->session.user_id : "";

	buf_addf(out, "/cpaas/%s%s/", service, strchr(service, '/') ? "" : "/v1");
	percent_encode_segment(out, user, strlen(user));
	buf_adds(out, rest);
}

void client_response_release(struct client_response *answer)
{
	json_release(&answer->json);
	buf_release(&answer->text);
	*answer = (struct client_response){ 0 };
}

enum status client_need(struct json_value object, const char *field, const char *where, char **out, struct err *err)
{
	char *text = json_dup(json_get(object, field));

	if (!text)
		return err_set(err, ST_PROTOCOL, "the server's answer to %s has no '%s'", where, field);
	*out = text;
	return ST_OK;
}
