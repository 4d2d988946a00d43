#include "sandbox/sandbox-int.h"

#include <stdlib.h>

#include <string.h>

static void channel_path(struct buf *out, const struct channel *channel)
{
	buf_addf(out, "/cpaas/notificationchannel/v1/%s/channels/%s", channel->user->id, channel->id);
}

static void channel_json(struct buf *out, const char *key, const struct channel *channel)
{
	struct buf path;

	buf_init(&path, 512);
	channel_path(&path, channel);
	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	json_add_string(out, "callbackURL", channel->id);
	json_open_key(out, "channelData", '{');
	buf_adds(&path, "/websocket");
	json_add_string(out, "channelURL", path.data);
	json_close(out, '}');
	buf_truncate(&path, path.len - strlen("/websocket"));
	json_add_int(out, "channelLifetime", channel->lifetime_s);
	json_add_string(out, "channelType", "websockets");
	if (channel->correlator)
		json_add_string(out, "clientCorrelator", channel->correlator);
	json_add_string(out, "x-connCheckRole", channel->server_checks ? "server" : "client");
	json_add_string(out, "resourceURL", path.data);
	json_close(out, '}');
	buf_release(&path);
}

/* The caller's own channel by its ID; NULL, and the answer is 404. */
static struct channel *own_channel(struct call *call, const char *id)
{
	struct channel *channel = table_get(&call->s->world.channels, id);

	if (channel && channel->user == call->user && channel->until > call->now)
		return channel;
	answer_not_found(&call->answer, "channelId");
	return NULL;
}

static void answer_channel(struct call *call, int status, const struct channel *channel)
{
	struct buf *out = answer_json(&call->answer, status);

	json_open(out, '{');
	channel_json(out, "notificationChannel", channel);
	json_close(out, '}');
}

void handle_channel_create(struct call *call)
{
	struct json_value wanted = call_json(call, "notificationChannel");
	struct channel *channel;
	int64_t lifetime = 0;

	if (json_type(wanted) != JSON_OBJECT) {
		answer_missing(&call->answer, "notificationChannel");
		return;
	}
	if (!json_equals_nocase(json_get(wanted, "channelType"), "websockets")) {
		answer_missing(&call->answer, "channelType");
		return;
	}
	json_int(json_get(wanted, "channelLifetime"), &lifetime);
	channel = world_channel_new(&call->s->world, call->user, lifetime, call->now);
	if (!channel) {
		answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
			"too many channels");
		return;
	}
	channel->correlator = json_dup(json_get(wanted, "clientCorrelator"));
	channel->server_checks = json_equals_nocase(json_get(wanted, "x-connCheckRole"), "server");
	memcpy(channel->session_id, call->session->id, sizeof(channel->session_id));
	answer_channel(call, 201, channel);
}

void handle_channel_list(struct call *call)
{
	struct buf *out = answer_json(&call->answer, 200);

	json_open(out, '{');
	json_open_key(out, "notificationChannelList", '{');
	json_open_key(out, "notificationChannel", '[');
	for (struct channel *channel = call->user->channels; channel; channel = channel->next)
		if (channel->until > call->now)
			channel_json(out, NULL, channel);
	json_close(out, ']');
	json_add_string(out, "resourceURL", call->request->path);
	json_close(out, '}');
	json_close(out, '}');
}

void handle_channel_get(struct call *call)
{
	struct channel *channel = own_channel(call, call->args[0]);

	if (channel)
		answer_channel(call, 200, channel);
}

void handle_channel_extend(struct call *call)
{
	struct json_value wanted = call_json(call, "notificationChannelLifetime");
	struct channel *channel = own_channel(call, call->args[0]);
	struct buf *out;
	int64_t lifetime;

	if (!channel)
		return;
	if (!json_int(json_get(wanted, "channelLifetime"), &lifetime)) {
		answer_missing(&call->answer, "channelLifetime");
		return;
	}
	world_channel_extend(&call->s->world, channel, lifetime, call->now);
	out = answer_json(&call->answer, 200);
	json_open(out, '{');
	json_open_key(out, "notificationChannelLifetime", '{');
	json_add_int(out, "channelLifetime", channel->lifetime_s);
	json_close(out, '}');
	json_close(out, '}');
}

void handle_channel_delete(struct call *call)
{
	struct channel *channel = own_channel(call, call->args[0]);

	if (!channel)
		return;
	world_channel_remove(&call->s->world, channel);
	call->answer.status = 204;
}

/* ---- subscriptions -------------------------------------------------------------------------------------------- */

static const struct {
	const char *key, *list_key;
} kinds[] = {
	[SUBSCRIBED_CHAT] = { "chatNotificationSubscription", "chatNotificationSubscriptionList" },
	[SUBSCRIBED_SMS] = { "subscription", "subscriptionList" },
	[SUBSCRIBED_RECEIPTS] = { "deliveryReceiptSubscription", "deliveryReceiptSubscriptionList" },
};

static void subscription_json(struct buf *out, const char *key, const struct subscription *subscription)
{
	const char *user = subscription->channel->user->id;
	struct buf path;

	buf_init(&path, 512);
	switch (subscription->kind) {
	case SUBSCRIBED_CHAT: buf_addf(&path, "/cpaas/chat/v1/%s", user); break;
	case SUBSCRIBED_SMS: buf_addf(&path, "/cpaas/smsmessaging/v1/%s/inbound", user); break;
	case SUBSCRIBED_RECEIPTS: buf_addf(&path, "/cpaas/smsmessaging/v1/%s/outbound/%s", user, user); break;
	}
	buf_addf(&path, "/subscriptions/%s", subscription->id);
	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	json_open_key(out, "callbackReference", '{');
	json_add_string(out, "notifyURL", subscription->channel->id);
	json_close(out, '}');
	if (subscription->correlator)
		json_add_string(out, "clientCorrelator", subscription->correlator);
	if (subscription->number)
		json_add_string(out, "destinationAddress", subscription->number);
	json_add_string(out, "resourceURL", path.data);
	json_close(out, '}');
	buf_release(&path);
}

static void subscribe(struct call *call, enum subscription_kind kind)
{
	struct json_value wanted = call_json(call, kinds[kind].key);
	char *url = json_dup(json_get(json_get(wanted, "callbackReference"), "notifyURL"));
	struct channel *channel = url ? table_get(&call->s->world.channels, url) : NULL;
	struct subscription *subscription;
	struct buf *out;

	free(url);
	if (!channel || channel->user != call->user || channel->until <= call->now) {
		answer_error(&call->answer, 400, "SVC0002", "Invalid input value for message part %1", "notifyURL");
		return;
	}
	subscription = world_subscribe(channel, kind);
	if (!subscription) {
		answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
			"too many subscriptions");
		return;
	}
	subscription->correlator = json_dup(json_get(wanted, "clientCorrelator"));
	subscription->number = json_dup(json_get(wanted, "destinationAddress"));
	out = answer_json(&call->answer, 201);
	json_open(out, '{');
	subscription_json(out, kinds[kind].key, subscription);
	json_close(out, '}');
}

static void list_subscriptions(struct call *call, enum subscription_kind kind)
{
	struct buf *out = answer_json(&call->answer, 200);

	json_open(out, '{');
	json_open_key(out, kinds[kind].list_key, '{');
	json_open_key(out, kinds[kind].key, '[');
	for (struct channel *channel = call->user->channels; channel; channel = channel->next)
		for (struct subscription *s = channel->subscriptions; s; s = s->next)
			if (s->kind == kind && channel->until > call->now)
				subscription_json(out, NULL, s);
	json_close(out, ']');
	json_add_string(out, "resourceURL", call->request->path);
	json_close(out, '}');
	json_close(out, '}');
}

static void unsubscribe(struct call *call, enum subscription_kind kind)
{
	const char *id = call->request->segments[call->request->segment_count - 1];
	struct subscription *subscription = world_subscription(call->user, kind, id);

	if (!subscription) {
		answer_not_found(&call->answer, "subscriptionId");
		return;
	}
	world_unsubscribe(subscription);
	call->answer.status = 204;
}

void handle_subscribe_chat(struct call *call)
{
	subscribe(call, SUBSCRIBED_CHAT);
}

void handle_subscribe_sms(struct call *call)
{
	subscribe(call, SUBSCRIBED_SMS);
}

void handle_subscribe_receipts(struct call *call)
{
	subscribe(call, SUBSCRIBED_RECEIPTS);
}

void handle_subscriptions_chat(struct call *call)
{
	list_subscriptions(call, SUBSCRIBED_CHAT);
}

void handle_subscriptions_sms(struct call *call)
{
	list_subscriptions(call, SUBSCRIBED_SMS);
}

void handle_subscriptions_receipts(struct call *call)
{
	list_subscriptions(call, SUBSCRIBED_RECEIPTS);
}

void handle_unsubscribe_chat(struct call *call)
{
	unsubscribe(call, SUBSCRIBED_CHAT);
}

void handle_unsubscribe_sms(struct call *call)
{
	unsubscribe(call, SUBSCRIBED_SMS);
}

void handle_unsubscribe_receipts(struct call *call)
{
	unsubscribe(call, SUBSCRIBED_RECEIPTS);
}
