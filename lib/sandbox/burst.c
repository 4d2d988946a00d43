/*
 * A load generator. BURST_REAL stores and pushes each message like a real one. The other modes push notifications that
 * are stored nowhere, to find the limit of the reader.
 *
 * Every text is "LABEL CONVERSATION NUMBER xxxx", with numbers from 1 in each conversation, so that a test can find
 * missing, duplicate and reordered messages.
 */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum {
	STEP = 512, /* messages per turn of the event loop */
	HOLD_AT = 512 * 1024, /* bytes queued for the slowest reader */
	WAIT_MS = 20, /* between checks of a slow reader */
	TICK_MS = 2, /* between turns if there is a rate */
};

struct burst {
	struct sandbox *s;
	struct net_timer *timer;
	struct burst_order order;
	struct user **from; /* one per conversation */
	char *filler;
	int64_t done, started;
	int64_t padding; /* filler bytes per notification; negative: not known yet */
	struct buf json, frame;
	struct burst *next;
};

/* The first conversation is with `from`, the others with users named after it. */
static void make_senders(struct burst *burst)
{
	burst->from = xcalloc((size_t)burst->order.conversations, sizeof(*burst->from));
	burst->from[0] = burst->order.from;
	for (int64_t i = 1; i < burst->order.conversations; i++) {
		char *name = xasprintf("%s.%lld", burst->order.from->name, (long long)i + 1);

		burst->from[i] = world_add_user(&burst->s->world, name);
		free(name);
	}
}

static int64_t conversation(const struct burst *burst)
{
	return burst->done % burst->order.conversations;
}

static void add_label(const struct burst *burst, struct buf *out)
{
	buf_addf(out, "%s %lld %lld ", burst->order.label, (long long)conversation(burst) + 1,
		(long long)(burst->done / burst->order.conversations) + 1);
}

static void add_text(const struct burst *burst, struct buf *out)
{
	add_label(burst, out);
	if ((int64_t)out->len < burst->order.size)
		buf_add(out, burst->filler, (size_t)burst->order.size - out->len);
}

static void send_real(struct burst *burst)
{
	struct buf text, content;

	buf_init(&text, 2 * BURST_SIZE_MAX);
	buf_init(&content, 4 * BURST_SIZE_MAX);
	add_text(burst, &text);
	json_add_string_len(&content, "text", text.data, text.len);
	conversation_message_release(&burst->s->world,
		chat_post(burst->s, burst->from[conversation(burst)], burst->order.to, NULL, buf_take(&content),
			text.data));
	buf_release(&text);
	buf_release(&content);
}

static void add_notification(struct burst *burst, int64_t filler)
{
	const struct user *from = burst->from[conversation(burst)], *to = burst->order.to;
	int64_t now = clock_wall_ms();
	struct buf *out = &burst->json;
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	buf_addf(&text, "b-%08x-%lld", (unsigned)burst->started, (long long)burst->done);
	buf_clear(out);
	jsonf(out, "{'chatMessageNotification':{'id':%s,'dateTime':%jd,'chatMessage':{", text.data, now);
	buf_clear(&text);
	add_label(burst, &text);
	buf_add(&text, burst->filler, (size_t)filler);
	jsonf(out, "'text':%s,'senderAddress':%s,'x-destinationAddress':%s,'x-type':'inbound',", text.data,
		from->address, to->address);
	jsonf(out, "'dateTime':%jd,'status':'Sent'}", now);
	buf_clear(&text);
	buf_addf(&text, "/cpaas/chat/v1/%s/oneToOne/%s/adhoc/messages/%016llx%016llx", to->id, from->address,
		(unsigned long long)burst->started, (unsigned long long)burst->done + 1);
	push_link(out, "chatMessage", text.data);
	push_end(out);
	buf_release(&text);
}

/* Here the order's size is that of the whole notification; the first one shows how much filler it needs. */
static void make_frame(struct burst *burst)
{
	if (burst->padding < 0) {
		add_notification(burst, 0);
		burst->padding =
			burst->order.size > (int64_t)burst->json.len ? burst->order.size - (int64_t)burst->json.len : 0;
	}
	add_notification(burst, burst->padding);
	buf_clear(&burst->frame);
	frame_add(&burst->frame, FRAME_TEXT, false, burst->json.data, burst->json.len);
}

/* One message. False: the readers are too slow. */
static bool send_one(struct burst *burst)
{
	struct sandbox *s = burst->s;
	size_t queued;
	bool any = socket_queued(s, burst->order.to, &queued);

	switch (burst->order.mode) {
	case BURST_REAL:
		if (burst->order.hold && queued > HOLD_AT)
			return false;
		send_real(burst);
		return true;
	case BURST_BLAST:
		if (!any || queued > HOLD_AT)
			return false;
		make_frame(burst);
		socket_write_all(s, burst->order.to, &burst->frame, false);
		return true;
	case BURST_SINGLE:
		if (!any || queued)
			return false;
		make_frame(burst);
		socket_write_all(s, burst->order.to, &burst->frame, true);
		return true;
	}
	return false;
}

static void burst_free(struct burst *burst)
{
	net_timer_free(burst->timer);
	buf_release(&burst->json);
	buf_release(&burst->frame);
	free(burst->order.label);
	free(burst->from);
	free(burst->filler);
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

static void burst_step(void *arg)
{
	struct burst *burst = arg;
	int64_t allowed = burst->order.count;
	bool sent = true;

	if (burst->order.rate)
		allowed = (clock_mono_ms() - burst->started) * burst->order.rate / 1000 + 1;
	if (allowed > burst->order.count)
		allowed = burst->order.count;
	for (int n = 0; sent && n < STEP && burst->done < allowed; n++) {
		sent = send_one(burst);
		burst->done += sent;
	}
	if (burst->done >= burst->order.count)
		burst_end(burst);
	else
		net_timer_set(burst->timer, !sent ? WAIT_MS : burst->order.rate ? TICK_MS : 0);
}

void burst_start(struct sandbox *s, const struct burst_order *order)
{
	struct burst *burst = xcalloc(1, sizeof(*burst));

	burst->s = s;
	burst->order = *order;
	burst->order.label = xstrdup(order->label ? order->label : "burst");
	burst->started = clock_mono_ms();
	burst->padding = -1;
	burst->filler = xmalloc((size_t)order->size + 1);
	memset(burst->filler, 'x', (size_t)order->size);
	burst->filler[order->size] = '\0';
	buf_init(&burst->json, BUF_NO_MAX);
	buf_init(&burst->frame, BUF_NO_MAX);
	make_senders(burst);
	burst->timer = net_timer_new(s->net, burst_step, burst);
	burst->next = s->bursts;
	s->bursts = burst;
	net_timer_set(burst->timer, 0);
}

void burst_drained(struct sandbox *s, const struct user *user)
{
	for (struct burst *burst = s->bursts, *next; burst; burst = next) {
		next = burst->next;
		if (burst->order.to == user && !burst->order.rate)
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
