/* Notification channels and subscriptions. */
#include "sandbox/sandbox-int.h"

#include <stdlib.h>
#include <string.h>

/* ---- channels --------------------------------------------------------------------------------------------------- */

static void channel_json(struct buf *out, const struct channel *channel)
{
	struct buf url;

	buf_init(&url, URL_PATH_MAX);
	buf_addf(&url, "/cpaas/notificationchannel/v1/%s/channels/%s/websocket", channel->user->id, channel->id);
	jsonf(out, "{'callbackURL':%s,'channelData':{'channelURL':%s},'channelLifetime':%jd,'channelType':'websockets'",
		channel->id, url.data, channel->lifetime_s);
	jsonf_optional(out, "clientCorrelator", channel->correlator);
	buf_truncate(&url, url.len - strlen("/websocket"));
	jsonf(out, "'x-connCheckRole':%s,'resourceURL':%s}", channel->server_checks ? "server" : "client", url.data);
	buf_release(&url);
}

static void respond_channel(struct call *call, int status, const struct channel *channel)
{
	struct buf *out = response_json(&call->response, status);

	jsonf(out, "{'notificationChannel':");
	channel_json(out, channel);
	jsonf(out, "}");
}

/* NULL: not a valid channel of the caller. */
static struct channel *find_channel(const struct call *call, const char *id)
{
	struct channel *channel = world_find(&call->s->world.channels, id);

	return channel && channel->user == call->user && channel->until > call->now ? channel : NULL;
}

/* The channel in the path; NULL: the response is a 404. */
static struct channel *own_channel(struct call *call)
{
	struct channel *channel = find_channel(call, call->args[0]);

	if (!channel)
		response_not_found(&call->response, "channelId");
	return channel;
}

static void create_channel(struct call *call)
{
	struct json_value wanted = call_json(call, "notificationChannel");
	struct channel *channel;
	int64_t lifetime = 0;

	if (json_type(wanted) != JSON_OBJECT) {
		response_invalid(&call->response, "notificationChannel");
		return;
	}
	if (!json_equals_nocase(json_get(wanted, "channelType"), "websockets")) {
		response_invalid(&call->response, "channelType");
		return;
	}
	json_int(json_get(wanted, "channelLifetime"), &lifetime);
	channel = world_channel_new(&call->s->world, call->user, lifetime, call->now);
	if (!channel) {
		response_forbidden(&call->response, "too many channels");
		return;
	}
	channel->correlator = json_dup(json_get(wanted, "clientCorrelator"));
	channel->server_checks = json_equals_nocase(json_get(wanted, "x-connCheckRole"), "server");
	memcpy(channel->login_id, call->login->id, sizeof(channel->login_id));
	respond_channel(call, 201, channel);
}

static void list_channels(struct call *call)
{
	struct buf *out = call_list_begin(call, "notificationChannelList", "notificationChannel");

	for (struct channel *channel = call->user->channels; channel; channel = channel->next)
		if (channel->until > call->now)
			channel_json(out, channel);
	call_list_end(call, NULL);
}

static void get_channel(struct call *call)
{
	struct channel *channel = own_channel(call);

	if (channel)
		respond_channel(call, 200, channel);
}

static void extend_channel(struct call *call)
{
	struct json_value wanted = call_json(call, "notificationChannelLifetime");
	struct channel *channel = own_channel(call);
	int64_t lifetime;

	if (!channel)
		return;
	if (!json_int(json_get(wanted, "channelLifetime"), &lifetime)) {
		response_invalid(&call->response, "channelLifetime");
		return;
	}
	world_channel_extend(&call->s->world, channel, lifetime, call->now);
	jsonf(response_json(&call->response, 200), "{'notificationChannelLifetime':{'channelLifetime':%jd}}",
		channel->lifetime_s);
}

static void delete_channel(struct call *call)
{
	struct channel *channel = own_channel(call);

	if (!channel)
		return;
	world_channel_remove(&call->s->world, channel);
	call->response.status = 204;
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *key, *list_key;
} kinds[] = {
	[SUBSCRIBED_CHAT] = { "chatNotificationSubscription", "chatNotificationSubscriptionList" },
	[SUBSCRIBED_SMS] = { "subscription", "subscriptionList" },
	[SUBSCRIBED_RECEIPTS] = { "deliveryReceiptSubscription", "deliveryReceiptSubscriptionList" },
};

static void subscription_json(struct buf *out, const struct subscription *subscription)
{
	const char *user = subscription->channel->user->id;
	struct buf url;

	buf_init(&url, URL_PATH_MAX);
	switch (subscription->kind) {
	case SUBSCRIBED_CHAT: buf_addf(&url, "/cpaas/chat/v1/%s", user); break;
	case SUBSCRIBED_SMS: buf_addf(&url, "/cpaas/smsmessaging/v1/%s/inbound", user); break;
	case SUBSCRIBED_RECEIPTS: buf_addf(&url, "/cpaas/smsmessaging/v1/%s/outbound/%s", user, user); break;
	}
	buf_addf(&url, "/subscriptions/%s", subscription->id);
	jsonf(out, "{'callbackReference':{'notifyURL':%s}", subscription->channel->id);
	jsonf_optional(out, "clientCorrelator", subscription->correlator);
	jsonf_optional(out, "destinationAddress", subscription->number);
	jsonf(out, "'resourceURL':%s}", url.data);
	buf_release(&url);
}

static void subscribe(struct call *call)
{
	struct json_value wanted = call_json(call, kinds[call->kind].key);
	char *id = json_dup(json_get(json_get(wanted, "callbackReference"), "notifyURL"));
	struct channel *channel = id ? find_channel(call, id) : NULL;
	struct subscription *subscription;
	struct buf *out;

	free(id);
	if (!channel) {
		response_invalid(&call->response, "notifyURL");
		return;
	}
	subscription = world_subscribe(channel, (enum subscription_kind)call->kind);
	if (!subscription) {
		response_forbidden(&call->response, "too many subscriptions");
		return;
	}
	subscription->correlator = json_dup(json_get(wanted, "clientCorrelator"));
	subscription->number = json_dup(json_get(wanted, "destinationAddress"));
	out = response_json(&call->response, 201);
	jsonf(out, "{%s:", kinds[call->kind].key);
	subscription_json(out, subscription);
	jsonf(out, "}");
}

static void list_subscriptions(struct call *call)
{
	struct buf *out = call_list_begin(call, kinds[call->kind].list_key, kinds[call->kind].key);

	for (struct channel *channel = call->user->channels; channel; channel = channel->next)
		for (struct subscription *s = channel->subscriptions; s; s = s->next)
			if ((int)s->kind == call->kind && channel->until > call->now)
				subscription_json(out, s);
	call_list_end(call, NULL);
}

static void unsubscribe(struct call *call)
{
	struct subscription *subscription =
		world_subscription(call->user, (enum subscription_kind)call->kind, call->args[0]);

	if (!subscription) {
		response_not_found(&call->response, "subscriptionId");
		return;
	}
	world_unsubscribe(subscription);
	call->response.status = 204;
}

#define CHANNELS "cpaas/notificationchannel/v1/:user/channels"
#define CHAT "cpaas/chat/v1/:user/subscriptions"
#define SMS "cpaas/smsmessaging/v1/:user/inbound/subscriptions"
#define RECEIPTS "cpaas/smsmessaging/v1/:user/outbound/:user/subscriptions"

const struct route channel_routes[] = {
	{ "POST", CHANNELS, create_channel, 0, 0 },
	{ "GET", CHANNELS, list_channels, 0, 0 },
	{ "GET", CHANNELS "/:", get_channel, 0, 0 },
	{ "DELETE", CHANNELS "/:", delete_channel, 0, 0 },
	{ "PUT", CHANNELS "/:/channelLifetime", extend_channel, 0, 0 },
	{ "POST", CHAT, subscribe, SUBSCRIBED_CHAT, 0 },
	{ "GET", CHAT, list_subscriptions, SUBSCRIBED_CHAT, 0 },
	{ "DELETE", CHAT "/:", unsubscribe, SUBSCRIBED_CHAT, 0 },
	{ "POST", SMS, subscribe, SUBSCRIBED_SMS, 0 },
	{ "GET", SMS, list_subscriptions, SUBSCRIBED_SMS, 0 },
	{ "DELETE", SMS "/:", unsubscribe, SUBSCRIBED_SMS, 0 },
	{ "POST", RECEIPTS, subscribe, SUBSCRIBED_RECEIPTS, 0 },
	{ "GET", RECEIPTS, list_subscriptions, SUBSCRIBED_RECEIPTS, 0 },
	{ "DELETE", RECEIPTS "/:", unsubscribe, SUBSCRIBED_RECEIPTS, 0 },
	{ 0 },
};
