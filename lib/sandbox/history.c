/* The stored messages of all kinds of conversations: pages, single messages, status, deletion, lists. */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_DEFAULT = 50, PAGE_MAX = 1000 };

/*
 * The conversation in the path; NULL: it has no messages yet. An SMS conversation is named by two segments. False: the
 * caller is not in the group, and the response is a 404.
 */
static bool find_conversation(struct call *call, struct conversation **conversation)
{
	enum conversation_kind kind = (enum conversation_kind)call->kind;
	struct world *w = &call->s->world;
	struct chat_group *group = kind == CONVERSATION_GROUP ? world_find(&w->groups, call->args[0]) : NULL;
	char *remote =
		kind == CONVERSATION_SMS ? xasprintf("%s/%s", call->args[0], call->args[1]) : xstrdup(call->args[0]);

	*conversation = conversation_find(w, call->user, kind, remote, false);
	free(remote);
	return kind != CONVERSATION_GROUP || (group && world_participant(group, call->user->address));
}

/* The message in the path. False: the response is a 404. */
static bool find_message(struct call *call, struct conversation **conversation, size_t *at)
{
	const char *id = call->args[call->kind == CONVERSATION_SMS ? 2 : 1];

	find_conversation(call, conversation);
	*at = *conversation ? conversation_index(*conversation, id) : 0;
	if (*conversation && *at < (*conversation)->count)
		return true;
	response_not_found(&call->response, "messageId");
	return false;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* A page is the newest `max` messages of the indexes [low, high), newest first. */
struct window {
	size_t low, high;
	int64_t max;
};

static void apply_time(const struct call *call, const struct conversation *conversation, struct window *window)
{
	int64_t time, from, until;

	if (!call_query_int(call, "lastMessageTime", &time) || time <= 0)
		return;
	from = until = clock_server_ms(time);
	if (time < INT64_C(100000000000))
		until += 999; /* seconds: messages of that very second are included in both variants */
	if (!strcmp(call->s->config->last_message_time, "until"))
		while (window->high && conversation_at(conversation, window->high - 1)->time > until)
			window->high--;
	else
		while (window->low < window->high && conversation_at(conversation, window->low)->time < from)
			window->low++;
}

/* `next` is "n-SEQ" (messages older than SEQ) or "o-COUNT" (all but the COUNT newest). False: neither. */
static bool apply_next(const struct call *call, const struct conversation *conversation, struct window *window)
{
	int64_t n = 0;
	struct buf next;
	size_t at;
	bool ok = true;

	buf_init(&next, 64);
	if (call_query(call, "next", &next)) {
		ok = (str_starts_with(next.data, "n-") || str_starts_with(next.data, "o-")) &&
			str_parse_int64(next.data + 2, &n) && n >= 0;
		if (ok && *next.data == 'n')
			at = conversation_older(conversation, (uint64_t)n);
		else
			at = (size_t)n < window->high ? window->high - (size_t)n : 0;
		if (ok && at < window->high)
			window->high = at;
	}
	buf_release(&next);
	return ok;
}

static bool window_of(const struct call *call, const struct conversation *conversation, struct window *window)
{
	*window = (struct window){ .high = conversation ? conversation->count : 0, .max = PAGE_DEFAULT };
	call_query_int(call, "max", &window->max);
	window->max = window->max < 1 ? 1 : window->max > PAGE_MAX ? PAGE_MAX : window->max;
	if (!conversation)
		return true;
	apply_time(call, conversation, window);
	return apply_next(call, conversation, window);
}

/* --history-grows: the other user writes while the caller reads. */
static void grow(struct call *call, const struct conversation *conversation)
{
	struct sandbox *s = call->s;
	struct user *other = conversation && conversation->kind == CONVERSATION_CHAT
		? world_user(&s->world, conversation->remote)
		: NULL;

	for (int64_t i = 0; other && i < s->config->history_grows; i++)
		conversation_message_release(&s->world,
			chat_post(s, other, conversation->owner, NULL, xstrdup("\"text\":\"while you were reading\""),
				"while you were reading"));
}

static void get_page(struct call *call)
{
	bool sms = call->kind == CONVERSATION_SMS;
	struct conversation *conversation;
	struct window window;
	char next[32] = "";
	struct buf *out;
	size_t at;

	if (!find_conversation(call, &conversation)) {
		response_not_found(&call->response, "groupId");
		return;
	}
	if (!window_of(call, conversation, &window)) {
		response_invalid(&call->response, "next");
		return;
	}
	out = call_list_begin(call, sms ? "smsMessageList" : "chatMessageList", sms ? "smsMessage" : "chatMessage");
	for (at = window.high; at > window.low && window.max; window.max--)
		chat_message_json(call->s, out, conversation, conversation_at(conversation, --at));
	if (at > window.low && !strcmp(call->s->config->next, "offset"))
		snprintf(next, sizeof(next), "o-%zu", conversation->count - at);
	else if (at > window.low)
		snprintf(next, sizeof(next), "n-%llu", (unsigned long long)conversation_at(conversation, at)->seq);
	call_list_end(call, *next ? next : NULL);
	if (conversation)
		conversation->last_pull = call->now;
	call->response.delay_ms = call->s->config->history_delay_ms;
	grow(call, conversation);
}

static void clear(struct call *call)
{
	struct conversation *conversation;

	find_conversation(call, &conversation);
	if (conversation)
		conversation_clear(&call->s->world, conversation);
	call->response.status = 204;
}

/* ---- single messages -------------------------------------------------------------------------------------------- */

static void get_message(struct call *call)
{
	struct conversation *conversation;
	struct buf *out;
	size_t at;

	if (!find_message(call, &conversation, &at))
		return;
	out = response_json(&call->response, 200);
	jsonf(out, "{'chatMessage':");
	chat_message_json(call->s, out, conversation, conversation_at(conversation, at));
	jsonf(out, "}");
}

static void delete_message(struct call *call)
{
	struct conversation *conversation;
	size_t at;

	if (!find_message(call, &conversation, &at))
		return;
	conversation_remove(&call->s->world, conversation, at);
	call->response.status = 204;
}

static void push_status(struct call *call, const struct conversation *conversation,
	const struct stored_message *message)
{
	struct user *sender = world_user(&call->s->world, message->sender);
	struct buf out, url;

	if (!sender || sender == call->user)
		return;
	buf_init(&url, URL_PATH_MAX);
	chat_message_url(&url, sender, conversation->kind,
		conversation->kind == CONVERSATION_CHAT ? call->user->address : conversation->remote, message->id);
	push_begin(&out, "messageStatusNotification"); /* the name in OMA Chat */
	jsonf(&out, "'status':%s,'senderAddress':%s", message->status, call->user->address);
	push_link(&out, "chatMessage", url.data);
	push_send(call->s, &out, sender, SUBSCRIBED_CHAT, NULL, NULL);
	buf_release(&url);
}

static void get_or_put_status(struct call *call)
{
	struct conversation *conversation;
	struct stored_message *message;
	size_t at;

	if (!find_message(call, &conversation, &at))
		return;
	message = conversation_at(conversation, at);
	if (!strcmp(call->request->method, "PUT")) {
		char *status = json_dup(json_get(call_json(call, "messageStatusReport"), "status"));
		bool ok = status && strlen(status) < sizeof(message->status);

		if (ok)
			snprintf(message->status, sizeof(message->status), "%s", status);
		free(status);
		if (!ok) {
			response_invalid(&call->response, "status");
			return;
		}
		push_status(call, conversation, message);
	}
	jsonf(response_json(&call->response, 200), "{'messageStatusReport':{'status':%s}}", message->status);
}

/* ---- lists of conversations ------------------------------------------------------------------------------------- */

static void list_sessions(struct call *call)
{
	struct buf *out = call_list_begin(call, "chatSessionList", "chatSession");
	bool chat = call->kind == CONVERSATION_CHAT;
	const struct sandbox *s = call->s;

	for (size_t i = 0; i < call->user->conversation_count; i++) {
		const struct conversation *conversation = call->user->conversations[i];
		const struct stored_message *last;

		if ((int)conversation->kind != call->kind || !conversation->count)
			continue;
		last = conversation_at(conversation, conversation->count - 1);
		jsonf(out, "{'sessionId':%s,'sessionType':%s,'remoteAddress':%s,'localAddress':%s,",
			chat ? "adhoc" : conversation->remote, chat ? "OneToOne" : "Group", conversation->remote,
			call->user->address);
		jsonf(out, "'sessionDetails':{'lastText':%s,'lastPullTime':%jd,'lastMessageTime':%jd}}", last->excerpt,
			sandbox_rest_time(s, conversation->last_pull), sandbox_rest_time(s, last->time));
	}
	call_list_end(call, NULL);
}

static void list_sms(struct call *call)
{
	struct buf *out = response_json(&call->response, 200), url;
	const struct sandbox *s = call->s;

	buf_init(&url, URL_PATH_MAX);
	jsonf(out, "{'smsThreadList':{'smsThread':[");
	for (size_t i = 0; i < call->user->conversation_count; i++) {
		const struct conversation *conversation = call->user->conversations[i];
		const struct stored_message *last;
		const char *slash;
		size_t len;

		if (conversation->kind != CONVERSATION_SMS || !conversation->count)
			continue;
		last = conversation_at(conversation, conversation->count - 1);
		slash = strchr(conversation->remote, '/');
		len = (size_t)(slash - conversation->remote);
		buf_clear(&url);
		buf_addf(&url, "/cpaas/smsmessaging/v1/%s/remoteAddresses/%.*s/localAddresses/%s", call->user->id,
			(int)len, conversation->remote, slash + 1);
		jsonf(out, "{");
		json_add_string_len(out, "remoteAddress", conversation->remote, len);
		jsonf(out, "'localAddress':%s,'threadDetails':{'lastText':%s,'lastMessageTime':%jd,", slash + 1,
			last->excerpt, sandbox_rest_time(s, last->time));
		jsonf(out, "'firstMessageTime':%jd,'lastPullTime':%jd,'length':%jd},'resourceURL':%s}",
			sandbox_rest_time(s, conversation_at(conversation, 0)->time),
			sandbox_rest_time(s, conversation->last_pull), (intmax_t)conversation->count, url.data);
	}
	jsonf(out, "]}}");
	buf_release(&url);
}

#define CHAT "cpaas/chat/v1/:user/oneToOne"
#define GROUP "cpaas/chat/v1/:user/group"
#define SMS "cpaas/smsmessaging/v1/:user/remoteAddresses"

const struct route history_routes[] = {
	{ "GET", CHAT "/sessions", list_sessions, CONVERSATION_CHAT, 0 },
	{ "GET", CHAT "/:/adhoc/messages", get_page, CONVERSATION_CHAT, 0 },
	{ "DELETE", CHAT "/:/adhoc/messages", clear, CONVERSATION_CHAT, 0 },
	{ "GET", CHAT "/:/adhoc/messages/:", get_message, CONVERSATION_CHAT, 0 },
	{ "DELETE", CHAT "/:/adhoc/messages/:", delete_message, CONVERSATION_CHAT, 0 },
	{ "GET", CHAT "/:/adhoc/messages/:/status", get_or_put_status, CONVERSATION_CHAT, 0 },
	{ "PUT", CHAT "/:/adhoc/messages/:/status", get_or_put_status, CONVERSATION_CHAT, 0 },

	{ "GET", GROUP "/sessions", list_sessions, CONVERSATION_GROUP, 0 },
	{ "GET", GROUP "/:/messages", get_page, CONVERSATION_GROUP, 0 },
	{ "DELETE", GROUP "/:/messages", clear, CONVERSATION_GROUP, 0 },
	{ "GET", GROUP "/:/messages/:", get_message, CONVERSATION_GROUP, 0 },
	{ "DELETE", GROUP "/:/messages/:", delete_message, CONVERSATION_GROUP, 0 },
	{ "GET", GROUP "/:/messages/:/status", get_or_put_status, CONVERSATION_GROUP, 0 },
	{ "PUT", GROUP "/:/messages/:/status", get_or_put_status, CONVERSATION_GROUP, 0 },

	{ "GET", SMS, list_sms, CONVERSATION_SMS, 0 },
	{ "GET", SMS "/:/localAddresses/:/messages", get_page, CONVERSATION_SMS, 0 },
	{ "DELETE", SMS "/:/localAddresses/:/messages/:", delete_message, CONVERSATION_SMS, 0 },
	{ "DELETE", SMS "/:/localAddresses/:", clear, CONVERSATION_SMS, 0 },
	{ 0 },
};
