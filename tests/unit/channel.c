/* Channels and subscriptions as JSON. */
#include "../lib/tap.h"

#include "client/client.h"
#include "wire/service_error.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

static void encoded(struct buf *out, const char *wanted, const char *what)
{
	tap_str(out->data, wanted, what);
	buf_clear(out);
}

static void encode_tests(void)
{
	static const struct channel_service chat = { "chat", NULL }, sms = { "sms", "+1613" }, any = { "sms", NULL },
					    receipts = { "receipts", NULL };
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	channel_encode(&out, 3600000, "corr", "client");
	encoded(&out,
		"{\"notificationChannel\":{\"channelLifetime\":3600,\"channelType\":\"Websockets\","
		"\"clientCorrelator\":\"corr\",\"x-connCheckRole\":\"client\"}}",
		"a channel");
	channel_encode_lifetime(&out, 7200999);
	encoded(&out, "{\"notificationChannelLifetime\":{\"channelLifetime\":7200}}", "a lifetime");
	channel_encode_subscription(&out, &chat, "ws-1", "corr");
	encoded(&out,
		"{\"chatNotificationSubscription\":{\"callbackReference\":{\"notifyURL\":\"ws-1\"},"
		"\"clientCorrelator\":\"corr\"}}",
		"chat");
	channel_encode_subscription(&out, &sms, "ws-1", "corr");
	encoded(&out,
		"{\"subscription\":{\"callbackReference\":{\"notifyURL\":\"ws-1\"},"
		"\"clientCorrelator\":\"corr\",\"destinationAddress\":\"+1613\"}}",
		"SMS to a number");
	channel_encode_subscription(&out, &any, "ws-1", NULL);
	encoded(&out, "{\"subscription\":{\"callbackReference\":{\"notifyURL\":\"ws-1\"}}}", "SMS");
	channel_encode_subscription(&out, &receipts, "ws-1", "corr");
	encoded(&out,
		"{\"deliveryReceiptSubscription\":{\"callbackReference\":{\"notifyURL\":\"ws-1\"},"
		"\"clientCorrelator\":\"corr\"}}",
		"receipts");
	buf_release(&out);
}

static enum status decode(const char *text, struct session *session, struct err *err)
{
	struct json_doc doc = { 0 };
	enum status st;

	if (json_parse(&doc, text, strlen(text), NULL, err))
		BUG("%s", err->text);
	st = channel_decode(json_root(&doc), 1000000, session, err);
	json_release(&doc);
	return st;
}

static int64_t lifetime(const char *text)
{
	struct json_doc doc = { 0 };
	int64_t ms;

	if (json_parse(&doc, text, strlen(text), NULL, NULL))
		BUG("not JSON");
	ms = channel_decode_lifetime(json_root(&doc));
	json_release(&doc);
	return ms;
}

static void decode_tests(void)
{
	struct session s = {
		.user_id = xstrdup("me"), .channel_lifetime_ms = 3600000, .channel_role = xstrdup("client")
	};
	struct err err = ERR_INIT;

	tap_int(decode("{\"notificationChannel\":{\"callbackURL\":\"ws-7\",\"channelData\":{"
		       "\"channelURL\":\"/c/ws-7/websocket\",\"x\":1},"
		       "\"channelLifetime\":\"600\",\"channelType\":\"websockets\",\"resourceURL\":"
		       "\"/c/ws-7\",\"x-connCheckRole\":\"server\"}}",
			&s, &err),
		ST_OK, "an answer as it should be");
	tap_str(s.channel_url, "/c/ws-7/websocket", "where the socket is");
	tap_str(s.channel_resource, "/c/ws-7", "the resource");
	tap_str(s.channel_callback, "ws-7", "what subscriptions name");
	tap_str(s.channel_role, "server", "the role is the server's choice");
	tap_int(s.channel_lifetime_ms, 600000, "the lifetime too");
	tap_int(s.channel_expires_ms, 1600000, "the end of its lifetime");
	tap_str(s.user_id, "me", "the rest stays");
	tap_int(decode("{\"callbackURL\":\"ws-8\",\"channelData\":{\"channelURL\":\"/"
		       "w\"},\"resourceURL\":\"/c/ws-8\"}",
			&s, &err),
		ST_OK, "without the outer key, the role and the lifetime");
	tap_str(s.channel_role, "server", "what was known stays");
	tap_int(s.channel_lifetime_ms, 600000, "the lifetime, too");
	tap_int(decode("{\"notificationChannel\":{\"callbackURL\":\"ws-9\",\"channelData\":{"
		       "\"channelURL\":\"/w\"}}}",
			&s, &err),
		ST_PROTOCOL, "no resourceURL");
	tap_ok(strstr(err.text, "'resourceURL'") != NULL, "is named");
	tap_str(s.channel_callback, "ws-8", "the session is unchanged");
	tap_int(decode("{\"notificationChannel\":{\"callbackURL\":\"ws-9\",\"resourceURL\":\"/"
		       "r\"}}",
			&s, &err),
		ST_PROTOCOL, "no channelURL");
	tap_int(decode("[]", &s, &err), ST_PROTOCOL, "no object at all");
	session_release(&s);

	tap_int(lifetime("{\"notificationChannelLifetime\":{\"channelLifetime\":60}}"), 60000, "a granted lifetime");
	tap_int(lifetime("{\"channelLifetime\":\"60\"}"), 60000, "a bare one, as a string");
	tap_int(lifetime("{}"), -1, "none");
	tap_int(lifetime("{\"x\":{\"channelLifetime\":-3}}"), -1, "a negative one is none");
	tap_int(lifetime("{\"x\":{\"channelLifetime\":99999999999999999}}"), -1, "an invalid lifetime");
}

static void find_tests(void)
{
	struct session_subscription subs[] = { { (char *)(uintptr_t) "sms", (char *)(uintptr_t) "+1",
						       (char *)(uintptr_t) "/1" },
		{ (char *)(uintptr_t) "chat", NULL, (char *)(uintptr_t) "/2" } };
	struct session s = { .subscriptions = subs, .subscription_count = 2 };
	struct err err = { .http = 404 };

	tap_str(channel_find(&s, "chat", NULL)->url, "/2", "by service");
	tap_str(channel_find(&s, "sms", NULL)->url, "/1", "of any number");
	tap_str(channel_find(&s, "sms", "+1")->url, "/1", "of that number");
	tap_ok(!channel_find(&s, "sms", "+2"), "not of another");
	tap_ok(!channel_find(&s, "receipts", NULL), "not there");
	tap_ok(service_error_is_gone(&err), "404 is gone");
	err.http = 503;
	tap_ok(!service_error_is_gone(&err), "503 is not");
}

static enum status put_url(struct session *session, void *arg, struct err *err)
{
	(void)err;
	session_release(session);
	session->base_url = xstrdup("https://host.example");
	session->channel_url = xstrdup(arg);
	session->channel_resource = xstrdup("/r");
	session->channel_callback = xstrdup("ws-1");
	return ST_OK;
}

/* The token is sent to this path. */
static void socket_tests(const char *dir)
{
	static const struct {
		const char *url;
		enum status status;
		const char *path;
	} cases[] = {
		{ "/c/ws-1/websocket", ST_OK, "/c/ws-1/websocket" },
		{ "wss://host.example/c/ws-1?x=1", ST_OK, "/c/ws-1?x=1" },
		{ "https://HOST.example:443/c", ST_OK, "/c" },
		{ "ws://host.example/c", ST_PROTOCOL, "" },
		{ "wss://host.example:8443/c", ST_PROTOCOL, "" },
		{ "wss://host.example.evil/c", ST_PROTOCOL, "" },
		{ "//evil.example/c", ST_PROTOCOL, "" },
		{ "wss://host.example@evil.example/c", ST_PROTOCOL, "" },
		{ "/c HTTP/1.1\r\nX-Evil: 1", ST_PROTOCOL, "" },
		{ "/c\177", ST_PROTOCOL, "" },
		{ "/\303\266", ST_PROTOCOL, "" },
	};
	struct tls_trust trust = { 0 };
	struct store *store = NULL;
	struct err err = ERR_INIT;

	if (store_new(&store, dir, "p", &err) || tls_trust_init(&trust, NULL, false, &err))
		BUG("%s", err.text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client_config config = { .trust = trust, .timeout_ms = 1000, .connect_timeout_ms = 1000 };
		struct client *client = NULL;
		struct buf path;

		buf_init(&path, BUF_NO_MAX);
		if (store_update(store, put_url, (void *)(uintptr_t)cases[i].url, &err) ||
			client_new(&client, &config, store, &err))
			BUG("%s", err.text);
		tap_int(channel_socket_path(client, &path, &err), cases[i].status, cases[i].url);
		tap_str(path.data, cases[i].path, "the path");
		buf_release(&path);
		client_free(client);
	}
	tls_trust_release(&trust);
	store_free(store);
}

int main(void)
{
	char dir[] = "/tmp/kandy-unit.XXXXXX";
	char *command;

	encode_tests();
	decode_tests();
	find_tests();
	if (!mkdtemp(dir))
		return 1;
	socket_tests(dir);
	command = xasprintf("rm -rf '%s'", dir);
	if (system(command))
		return 1;
	free(command);
	log_close();
	return tap_done();
}
