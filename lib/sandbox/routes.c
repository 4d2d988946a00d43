#include "sandbox/sandbox-int.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum {
	OPEN = 1, /* no token is asked for */
	FORM = 2, /* the body is no JSON */
};

/* In `path`, ":user" must be the caller, and ":" is whatever stands there. */
static const struct route {
	const char *method, *path;
	void (*handle)(struct call *call);
	unsigned flags;
} routes[] = {
	{ "POST", "cpaas/auth/v1/token", handle_token, OPEN | FORM },
	{ "POST", "sandbox/control", handle_control, OPEN },

	{ "POST", "cpaas/notificationchannel/v1/:user/channels", handle_channel_create, 0 },
	{ "GET", "cpaas/notificationchannel/v1/:user/channels", handle_channel_list, 0 },
	{ "GET", "cpaas/notificationchannel/v1/:user/channels/:", handle_channel_get, 0 },
	{ "DELETE", "cpaas/notificationchannel/v1/:user/channels/:", handle_channel_delete, 0 },
	{ "PUT", "cpaas/notificationchannel/v1/:user/channels/:/channelLifetime", handle_channel_extend, 0 },

	{ "POST", "cpaas/chat/v1/:user/subscriptions", handle_subscribe_chat, 0 },
	{ "GET", "cpaas/chat/v1/:user/subscriptions", handle_subscriptions_chat, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/subscriptions/:", handle_unsubscribe_chat, 0 },
	{ "POST", "cpaas/smsmessaging/v1/:user/inbound/subscriptions", handle_subscribe_sms, 0 },
	{ "GET", "cpaas/smsmessaging/v1/:user/inbound/subscriptions", handle_subscriptions_sms, 0 },
	{ "DELETE", "cpaas/smsmessaging/v1/:user/inbound/subscriptions/:", handle_unsubscribe_sms, 0 },
	{ "POST", "cpaas/smsmessaging/v1/:user/outbound/:user/subscriptions", handle_subscribe_receipts, 0 },
	{ "GET", "cpaas/smsmessaging/v1/:user/outbound/:user/subscriptions", handle_subscriptions_receipts, 0 },
	{ "DELETE", "cpaas/smsmessaging/v1/:user/outbound/:user/subscriptions/:", handle_unsubscribe_receipts, 0 },

	{ "GET", "cpaas/chat/v1/:user/oneToOne/sessions", handle_chat_sessions, 0 },
	{ "POST", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages", handle_chat_send, 0 },
	{ "GET", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages", handle_chat_history, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages", handle_chat_clear, 0 },
	{ "GET", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages/:", handle_chat_get, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages/:", handle_chat_delete, 0 },
	{ "GET", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages/:/status", handle_chat_status_get, 0 },
	{ "PUT", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages/:/status", handle_chat_status_put, 0 },

	{ "GET", "cpaas/chat/v1/:user/group/sessions", handle_group_sessions, 0 },
	{ "POST", "cpaas/chat/v1/:user/group", handle_group_create, 0 },
	{ "GET", "cpaas/chat/v1/:user/group", handle_group_list, 0 },
	{ "GET", "cpaas/chat/v1/:user/group/:", handle_group_get, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/group/:", handle_group_delete, 0 },
	{ "POST", "cpaas/chat/v1/:user/group/:/participants", handle_participant_add, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/group/:/participants/:", handle_participant_remove, 0 },
	{ "PUT", "cpaas/chat/v1/:user/group/:/participants/:/status", handle_participant_status, 0 },
	{ "POST", "cpaas/chat/v1/:user/group/:/messages", handle_group_send, 0 },
	{ "GET", "cpaas/chat/v1/:user/group/:/messages", handle_group_history, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/group/:/messages", handle_group_clear, 0 },
	{ "GET", "cpaas/chat/v1/:user/group/:/messages/:", handle_group_message_get, 0 },
	{ "DELETE", "cpaas/chat/v1/:user/group/:/messages/:", handle_group_message_delete, 0 },
	{ "GET", "cpaas/chat/v1/:user/group/:/messages/:/status", handle_group_status_get, 0 },
	{ "PUT", "cpaas/chat/v1/:user/group/:/messages/:/status", handle_group_status_put, 0 },

	{ "GET", "cpaas/nms/v1/chat/:owner/objects/:/payload", handle_object_get, 0 },

	{ "POST", "cpaas/smsmessaging/v1/:user/outbound/:/requests", handle_sms_send, 0 },
	{ "GET", "cpaas/smsmessaging/v1/:user/remoteAddresses", handle_sms_threads, 0 },
	{ "GET", "cpaas/smsmessaging/v1/:user/remoteAddresses/:/localAddresses/:/messages", handle_sms_history, 0 },
	{ "DELETE", "cpaas/smsmessaging/v1/:user/remoteAddresses/:/localAddresses/:/messages/:", handle_sms_delete, 0 },
	{ "DELETE", "cpaas/smsmessaging/v1/:user/remoteAddresses/:/localAddresses/:", handle_sms_clear, 0 },
};

/* What stood in place of ":user" is put into `*user`, of ":" into call->args. */
static bool path_matches(struct call *call, const char *pattern, const char **user)
{
	const struct request *r = call->request;
	size_t segment = 0, args = 0;

	*user = NULL;
	for (; segment < r->segment_count; segment++) {
		size_t len = strcspn(pattern, "/");
		const char *got = r->segments[segment];

		if (!len)
			return false;
		if (*pattern != ':') {
			if (strlen(got) != len || strncmp(got, pattern, len) != 0)
				return false;
		} else if (len == 1) {
			call->args[args++] = got;
		} else if (!strncmp(pattern, ":user", len)) {
			if (*user && strcmp(*user, got) != 0)
				return false;
			*user = got;
		}
		pattern += len + (pattern[len] == '/');
	}
	return !*pattern;
}

/* The body as JSON: an object, or the answer says what is wrong with it. */
static bool parse_body(struct call *call)
{
	static const struct json_limits limits = { .bytes = BODY_MAX, .depth = 32, .values = 100000 };

	if (!strcmp(call->request->method, "GET") || !strcmp(call->request->method, "DELETE"))
		return true;
	if (json_parse(&call->doc, call->body, call->body_len, &limits, NULL) ||
		json_type(json_root(&call->doc)) != JSON_OBJECT) {
		answer_error(&call->answer, 400, "SVC0002", "Invalid input value for message part %1", "body");
		return false;
	}
	return true;
}

void call_route(struct call *call)
{
	bool path_known = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *route = &routes[i];
		const char *user;

		if (!path_matches(call, route->path, &user))
			continue;
		path_known = true;
		if (strcmp(call->request->method, route->method) != 0)
			continue;
		if (!(route->flags & OPEN) && !call_authorize(call))
			return;
		if (user && strcmp(user, call->user->id) != 0) {
			answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
				"userId");
			return;
		}
		if ((route->flags & FORM) || parse_body(call))
			route->handle(call);
		return;
	}
	if (path_known)
		answer_error(&call->answer, 405, "SVC0001", "A service error occurred. Error code is %1", "method");
	else
		answer_error(&call->answer, 404, "SVC0001", "A service error occurred. Error code is %1", "path");
}

struct json_value call_json(const struct call *call, const char *key)
{
	return json_get(json_root(&call->doc), key);
}

bool call_query(const struct call *call, const char *name, struct buf *out)
{
	return form_get(call->request->query, name, out);
}

bool call_query_int(const struct call *call, const char *name, int64_t *value)
{
	struct buf text;
	bool ok;

	buf_init(&text, 64);
	ok = call_query(call, name, &text) && parse_int64(text.data, value);
	buf_release(&text);
	return ok;
}
