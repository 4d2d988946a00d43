/*
 * What is said about channels and subscriptions, as JSON. Pure.
 */
#include "client/channel.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void channel_encode(struct buf *out, int64_t lifetime_ms, const char *correlator, const char *role)
{
	json_open(out, '{');
	json_open_key(out, "notificationChannel", '{');
	json_add_int(out, "channelLifetime", lifetime_ms / 1000);
	json_add_string(out, "channelType", "Websockets");
	if (correlator)
		json_add_string(out, "clientCorrelator", correlator);
	json_add_string(out, "x-connCheckRole", role);
	json_close(out, '}');
	json_close(out, '}');
}

void channel_encode_lifetime(struct buf *out, int64_t lifetime_ms)
{
	json_open(out, '{');
	json_open_key(out, "notificationChannelLifetime", '{');
	json_add_int(out, "channelLifetime", lifetime_ms / 1000);
	json_close(out, '}');
	json_close(out, '}');
}

void channel_encode_subscription(struct buf *out, const struct channel_service *service, const char *callback,
	const char *correlator)
{
	bool sms = !strcmp(service->service, "sms");
	const char *key = sms                           ? "subscription"
		: !strcmp(service->service, "receipts") ? "deliveryReceiptSubscription"
							: "chatNotificationSubscription";

	json_open(out, '{');
	json_open_key(out, key, '{');
	json_open_key(out, "callbackReference", '{');
	json_add_string(out, "notifyURL", callback);
	json_close(out, '}');
	if (correlator)
		json_add_string(out, "clientCorrelator", correlator);
	if (sms && service->number)
		json_add_string(out, "destinationAddress", service->number);
	json_close(out, '}');
	json_close(out, '}');
}

/* The object under the answer's one key; the answer itself where a server leaves the key out. */
static struct json_value inner(struct json_value answer)
{
	struct json_iter it = json_first(answer);

	return json_count(answer) == 1 && json_type(it.value) == JSON_OBJECT ? it.value : answer;
}

int64_t channel_decode_lifetime(struct json_value answer)
{
	int64_t seconds;

	if (!json_int(json_get(inner(answer), "channelLifetime"), &seconds) || seconds < 0 || seconds > INT32_MAX)
		return -1;
	return seconds * 1000;
}

static void take(char **to, char *from)
{
	free(*to);
	*to = from;
}

enum status channel_decode(struct json_value answer, int64_t now_ms, struct session *session, struct err *err)
{
	static const char where[] = "the request for a notification channel";
	struct json_value channel = inner(answer);
	char *url = NULL, *resource = NULL, *callback = NULL, *role;
	int64_t lifetime = channel_decode_lifetime(answer);
	enum status st;

	if ((st = client_need(json_get(channel, "channelData"), "channelURL", where, &url, err)) ||
		(st = client_need(channel, "resourceURL", where, &resource, err)) ||
		(st = client_need(channel, "callbackURL", where, &callback, err))) {
		free(url);
		free(resource);
		return st;
	}
	take(&session->channel_url, url);
	take(&session->channel_resource, resource);
	take(&session->channel_callback, callback);
	if ((role = json_dup(json_get(channel, "x-connCheckRole"))))
		take(&session->channel_role, role);
	if (lifetime > 0)
		session->channel_lifetime_ms = lifetime;
	session->channel_expires_ms = now_ms + session->channel_lifetime_ms;
	return ST_OK;
}

enum status channel_decode_subscription(struct json_value answer, char **url, struct err *err)
{
	return client_need(inner(answer), "resourceURL", "the request for a subscription", url, err);
}

/* What stands behind the last '/', without a query. */
static size_t last_segment(const char *url, const char **segment)
{
	size_t end = strcspn(url, "?#"), at = end;

	while (at && url[at - 1] != '/')
		at--;
	*segment = url + at;
	return end - at;
}

static bool is_at(struct json_value resource, const char *id, size_t len)
{
	char *url = json_dup(resource);
	const char *segment;
	bool same = url && last_segment(url, &segment) == len && !memcmp(segment, id, len);

	free(url);
	return same;
}

/* Servers wrap lists in more ways than one: so, in whatever is there. */
static bool has_resource(struct json_value value, const char *id, size_t len)
{
	if (is_at(json_get(value, "resourceURL"), id, len))
		return true;
	for (struct json_iter it = json_first(value); json_more(it); it = json_next(it)) {
		if (has_resource(it.value, id, len))
			return true;
	}
	return false;
}

bool channel_decode_listed(struct json_value answer, const char *url)
{
	const char *id;
	size_t len = last_segment(url, &id);

	return len && has_resource(answer, id, len);
}
