#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_DEFAULT = 50, PAGE_MAX = 1000 };

/* Which messages of a thread belong to a page: indexes [low, high), of which the newest `max` come, newest first. */
struct window {
	size_t low, high;
	int64_t max;
};

static bool window_of(struct call *call, const struct thread *thread, struct window *window)
{
	int64_t time = 0, max = PAGE_DEFAULT;
	struct buf next;
	bool ok = true;

	*window = (struct window){ .high = thread ? thread->count : 0 };
	call_query_int(call, "max", &max);
	window->max = max < 1 ? 1 : max > PAGE_MAX ? PAGE_MAX : max;
	if (!thread)
		return true;
	if (call_query_int(call, "lastMessageTime", &time) && time > 0) {
		/* seconds: a message of that very second counts in both readings */
		bool seconds = time < INT64_C(100000000000);
		int64_t from = clock_server_ms(time), until = seconds ? from + 999 : from;

		if (call->s->config->until)
			while (window->high && thread_at(thread, window->high - 1)->time > until)
				window->high--;
		else
			while (window->low < window->high && thread_at(thread, window->low)->time < from)
				window->low++;
	}
	buf_init(&next, 64);
	if (call_query(call, "next", &next)) {
		int64_t n = 0;
		size_t at;

		ok = next.len > 2 && parse_int64(next.data + 2, &n) && n >= 0 &&
			(starts_with(next.data, "n-") || starts_with(next.data, "o-"));
		if (ok && next.data[0] == 'n') /* everything older than the message n */
			at = thread_before(thread, (uint64_t)n);
		else /* everything behind the n newest */
			at = (size_t)n < window->high ? window->high - (size_t)n : 0;
		if (ok && at < window->high)
			window->high = at;
	}
	buf_release(&next);
	return ok;
}

/* As a conversation that is read while others write to it: the peer says something more. */
static void grow(struct call *call, struct thread *thread)
{
	struct user *peer = thread && thread->kind == THREAD_CHAT ? world_user(&call->s->world, thread->peer) : NULL;

	for (int64_t i = 0; peer && i < call->s->config->history_grows; i++) {
		struct buf content;

		buf_init(&content, 256);
		buf_adds(&content, "\"text\":\"while you were reading\"");
		chat_done(call->s,
			chat_say(call->s, peer, thread->owner, NULL, buf_take(&content), "while you were reading"));
	}
}

void history_page(struct call *call, struct thread *thread, const char *list_key, const char *key)
{
	struct window window;
	struct buf *out;
	size_t at;

	if (!window_of(call, thread, &window)) {
		answer_missing(&call->answer, "next");
		return;
	}
	out = answer_json(&call->answer, 200);
	json_open(out, '{');
	json_open_key(out, list_key, '{');
	json_open_key(out, key, '[');
	for (at = window.high; at > window.low && window.max; window.max--)
		chat_message_json(call->s, out, NULL, thread, thread_at(thread, --at));
	json_close(out, ']');
	if (at > window.low) {
		struct buf next;

		buf_init(&next, 64);
		if (call->s->config->offsets)
			buf_addf(&next, "o-%zu", thread->count - at);
		else
			buf_addf(&next, "n-%llu", (unsigned long long)thread_at(thread, at)->seq);
		json_add_string(out, "next", next.data);
		buf_release(&next);
	}
	json_add_string(out, "resourceURL", call->request->path);
	json_close(out, '}');
	json_close(out, '}');
	if (thread)
		thread->last_pull = call->now;
	call->answer.delay_ms = call->s->config->history_delay_ms;
	grow(call, thread);
}

/* The index of the message, or SIZE_MAX and the answer is 404. */
static size_t find(struct call *call, const struct thread *thread, const char *id)
{
	size_t at = thread ? thread_find(thread, id) : 0;

	if (thread && at < thread->count)
		return at;
	answer_not_found(&call->answer, "messageId");
	return SIZE_MAX;
}

void history_message(struct call *call, struct thread *thread, const char *id)
{
	size_t at = find(call, thread, id);
	struct buf *out;

	if (at == SIZE_MAX)
		return;
	out = answer_json(&call->answer, 200);
	json_open(out, '{');
	chat_message_json(call->s, out, thread->kind == THREAD_SMS ? "smsMessage" : "chatMessage", thread,
		thread_at(thread, at));
	json_close(out, '}');
}

void history_delete(struct call *call, struct thread *thread, const char *id)
{
	size_t at = find(call, thread, id);

	if (at == SIZE_MAX)
		return;
	thread_remove(&call->s->world, thread, at);
	call->answer.status = 204;
}

void history_clear(struct call *call, struct thread *thread)
{
	if (thread)
		thread_clear(&call->s->world, thread);
	call->answer.status = 204;
}

static void push_status(struct call *call, const struct thread *thread, const struct message *message)
{
	struct user *sender = world_user(&call->s->world, message->sender);
	struct buf out, url;

	if (!sender || sender == call->user)
		return;
	buf_init(&out, 4096);
	buf_init(&url, 2048);
	chat_message_url(&url, sender, thread->kind, thread->kind == THREAD_CHAT ? call->user->address : thread->peer,
		message->id);
	json_open(&out, '{');
	json_open_key(&out, "messageStatusNotification", '{'); /* as OMA Chat names it */
	notification_id(&out);
	json_add_string(&out, "status", message->status);
	json_add_string(&out, "senderAddress", call->user->address);
	link_json(&out, "chatMessage", url.data);
	json_close(&out, '}');
	json_close(&out, '}');
	world_push(&call->s->world, sender, SUBSCRIBED_CHAT, NULL, NULL, out.data, out.len);
	buf_release(&out);
	buf_release(&url);
}

void history_status(struct call *call, struct thread *thread, const char *id, bool put)
{
	size_t at = find(call, thread, id);
	struct message *message;
	struct buf *out;
	char *status = NULL;

	if (at == SIZE_MAX)
		return;
	message = thread_at(thread, at);
	if (put) {
		status = json_dup(json_get(call_json(call, "messageStatusReport"), "status"));
		if (!status || strlen(status) >= sizeof(message->status)) {
			answer_missing(&call->answer, "status");
			free(status);
			return;
		}
		snprintf(message->status, sizeof(message->status), "%s", status);
		free(status);
		push_status(call, thread, message);
	}
	out = answer_json(&call->answer, 200);
	json_open(out, '{');
	json_open_key(out, "messageStatusReport", '{');
	json_add_string(out, "status", message->status);
	json_close(out, '}');
	json_close(out, '}');
}

void history_sessions(struct call *call, enum thread_kind kind)
{
	struct buf *out = answer_json(&call->answer, 200);
	const struct sandbox *s = call->s;

	json_open(out, '{');
	json_open_key(out, "chatSessionList", '{');
	json_open_key(out, "chatSession", '[');
	for (size_t i = 0; i < call->user->thread_count; i++) {
		struct thread *thread = call->user->threads[i];
		const struct message *last;

		if (thread->kind != kind || !thread->count)
			continue;
		last = thread_at(thread, thread->count - 1);
		json_open(out, '{');
		json_add_string(out, "sessionId", kind == THREAD_CHAT ? "adhoc" : thread->peer);
		json_add_string(out, "sessionType", kind == THREAD_CHAT ? "OneToOne" : "Group");
		json_add_string(out, "remoteAddress", thread->peer);
		json_add_string(out, "localAddress", call->user->address);
		json_open_key(out, "sessionDetails", '{');
		json_add_string(out, "lastText", last->text);
		json_add_int(out, "lastPullTime", rest_time(s, thread->last_pull));
		json_add_int(out, "lastMessageTime", rest_time(s, last->time));
		json_close(out, '}');
		json_close(out, '}');
	}
	json_close(out, ']');
	json_add_string(out, "resourceURL", call->request->path);
	json_close(out, '}');
	json_close(out, '}');
}
