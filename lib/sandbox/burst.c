/*
 * A load generator: messages that are stored and pushed like real ones, as fast as the reader takes them, or at a rate.
 *
 * Every text is "LABEL CONVERSATION NUMBER xxxx", with numbers from 1 in each conversation, so that a test can find
 * missing, duplicate and reordered messages.
 */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	CONVERSATIONS_PER_BURST_MAX = 1000,
	SIZE_MAX_BYTES = 64 * 1024,
	STEP = 512, /* messages per turn of the event loop */
	HOLD_AT = 512 * 1024, /* bytes queued for the slowest reader */
	WAIT_MS = 20, /* between checks of a slow reader */
	TICK_MS = 2, /* between turns if there is a rate */
};

struct burst {
	struct sandbox *s;
	struct net_timer *timer;
	struct user *from, *to;
	struct user **senders; /* one per conversation */
	char *label;
	int64_t count, conversations, size; /* size: bytes of text */
	int64_t rate; /* messages per second; 0: no limit */
	bool hold; /* wait for a slow reader instead of overflowing its queue */
	int64_t done, started;
	struct burst *next;
};

static void burst_free(struct burst *burst)
{
	net_timer_free(burst->timer);
	free(burst->label);
	free(burst->senders);
	free(burst);
}

static void burst_end(struct burst *burst)
{
	struct burst **at = &burst->s->bursts;

	while (*at != burst)
		at = &(*at)->next;
	*at = burst->next;
	burst_free(burst);
}

static void send_one(struct burst *burst)
{
	int64_t conversation = burst->done % burst->conversations;
	struct buf text, content;

	buf_init(&text, 2 * SIZE_MAX_BYTES);
	buf_init(&content, 4 * SIZE_MAX_BYTES);
	buf_addf(&text, "%s %lld %lld ", burst->label, (long long)conversation + 1,
		(long long)(burst->done / burst->conversations) + 1);
	if ((int64_t)text.len < burst->size && buf_reserve(&text, (size_t)burst->size - text.len)) {
		memset(text.data + text.len, 'x', (size_t)burst->size - text.len);
		buf_commit(&text, (size_t)burst->size - text.len);
	}
	json_add_string_len(&content, "text", text.data, text.len);
	conversation_message_release(&burst->s->world,
		chat_post(burst->s, burst->senders[conversation], burst->to, NULL, buf_take(&content), text.data));
	burst->done++;
	buf_release(&text);
	buf_release(&content);
}

static void burst_step(void *arg)
{
	struct burst *burst = arg;
	int64_t allowed = burst->count;
	bool slow = false;

	if (burst->rate)
		allowed = (clock_mono_ms() - burst->started) * burst->rate / 1000 + 1;
	if (allowed > burst->count)
		allowed = burst->count;
	for (int n = 0; n < STEP && burst->done < allowed && !slow; n++) {
		slow = burst->hold && socket_queued(burst->s, burst->to) > HOLD_AT;
		if (!slow)
			send_one(burst);
	}
	if (burst->done >= burst->count)
		burst_end(burst);
	else
		net_timer_set(burst->timer, slow ? WAIT_MS : burst->rate ? TICK_MS : 0);
}

bool burst_start(struct call *call)
{
	struct burst *burst = xcalloc(1, sizeof(*burst));
	struct sandbox *s = call->s;

	burst->s = s;
	burst->count = call_int(call, "count", 1);
	burst->conversations = call_int(call, "conversations", 1);
	burst->size = call_int(call, "size", 100);
	burst->rate = call_int(call, "rate", 0);
	burst->hold = call_flag(call, "hold", true);
	if (!call_user(call, "from", true, &burst->from) || !call_user(call, "to", true, &burst->to) ||
		burst->count < 0 || burst->conversations < 1 || burst->conversations > CONVERSATIONS_PER_BURST_MAX ||
		burst->size < 0 || burst->size > SIZE_MAX_BYTES || burst->rate < 0) {
		burst_free(burst);
		return false;
	}
	burst->label = json_dup(call_json(call, "label"));
	if (!burst->label)
		burst->label = xstrdup("burst");
	burst->senders = xcalloc((size_t)burst->conversations, sizeof(*burst->senders));
	burst->senders[0] = burst->from;
	for (int64_t i = 1; i < burst->conversations; i++) {
		char *name = xasprintf("%s.%lld", burst->from->name, (long long)i + 1);

		burst->senders[i] = world_add_user(&s->world, name);
		free(name);
	}
	burst->started = clock_mono_ms();
	burst->timer = net_timer_new(s->net, burst_step, burst);
	burst->next = s->bursts;
	s->bursts = burst;
	net_timer_set(burst->timer, 0);
	return true;
}

void burst_drained(struct sandbox *s, const struct user *user)
{
	for (struct burst *burst = s->bursts, *next; burst; burst = next) {
		next = burst->next;
		if (burst->to == user && !burst->rate)
			burst_step(burst);
	}
}

size_t burst_count(const struct sandbox *s)
{
	size_t count = 0;

	for (const struct burst *burst = s->bursts; burst; burst = burst->next)
		count++;
	return count;
}

void burst_free_all(struct sandbox *s)
{
	while (s->bursts)
		burst_end(s->bursts);
}
