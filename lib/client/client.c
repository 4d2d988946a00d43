#include "client/client-int.h"

#include "base/mem.h"

#include <stdlib.h>

static enum status choose_base(struct client *client, struct err *err)
{
	const char *base = client->config.base_url ? client->config.base_url : client->session.base_url;

	if (!base)
		return err_set(err, ST_CONFIG,
			"missing base URL; give --base-url, set KANDY_BASE_URL, or put "
			"'base-url = https://HOST' into the configuration file");
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

		client_check_session(client);
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
	http_free(client->http); /* first: it points into the calls */
	client_free_calls(client);
	session_release(&client->session);
	free((char *)(uintptr_t)client->config.base_url);
	free((char *)(uintptr_t)client->config.client_id);
	free((char *)(uintptr_t)client->config.username);
	free((char *)(uintptr_t)client->config.proxy);
	free(client);
}
