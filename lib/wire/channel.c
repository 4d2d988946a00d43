#include "wire/channel.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned bit;
} services[] = { { "chat", CHANNEL_CHAT }, { "sms", CHANNEL_SMS }, { "receipts", CHANNEL_RECEIPTS } };

unsigned channel_service_bit(const char *service)
{
	size_t i = sizeof(services) / sizeof(*services) - 1;

	while (i && strcmp(services[i].name, service) != 0)
		i--;
	return services[i].bit;
}

const char *channel_service_name(unsigned bit)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		if (services[i].bit == bit)
			return services[i].name;
	}
	BUG("unknown service bit %u", bit);
}

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

/* The object under the response's only key; the response itself if a server leaves that key out. */
static struct json_value inner(struct json_value response)
{
	struct json_iter it = json_first(response);

	return json_count(response) == 1 && json_type(it.value) == JSON_OBJECT ? it.value : response;
}

int64_t channel_decode_lifetime(struct json_value response)
{
	int64_t seconds;

	if (!json_int(json_get(inner(response), "channelLifetime"), &seconds) || seconds < 0 || seconds > INT32_MAX)
		return -1;
	return seconds * 1000;
}

static void replace(char **to, char *from)
{
	free(*to);
	*to = from;
}

static enum status required(struct json_value object, const char *field, const char *where, char **out, struct err *err)
{
	*out = json_dup(json_get(object, field));
	return *out ? ST_OK : err_set(err, ST_PROTOCOL, "the server's response to %s has no '%s'", where, field);
}

enum status channel_decode(struct json_value response, int64_t now_ms, struct session *session, struct err *err)
{
	static const char where[] = "the request for a notification channel";
	struct json_value channel = inner(response);
	char *url = NULL, *resource = NULL, *callback = NULL, *role;
	int64_t lifetime = channel_decode_lifetime(response);
	enum status st;

	if ((st = required(json_get(channel, "channelData"), "channelURL", where, &url, err)) ||
		(st = required(channel, "resourceURL", where, &resource, err)) ||
		(st = required(channel, "callbackURL", where, &callback, err))) {
		free(url);
		free(resource);
		return st;
	}
	replace(&session->channel_url, url);
	replace(&session->channel_resource, resource);
	replace(&session->channel_callback, callback);
	if ((role = json_dup(json_get(channel, "x-connCheckRole"))))
		replace(&session->channel_role, role);
	if (lifetime > 0)
		session->channel_lifetime_ms = lifetime;
	session->channel_expires_ms = now_ms + session->channel_lifetime_ms;
	return ST_OK;
}

enum status channel_decode_subscription(struct json_value response, char **url, struct err *err)
{
	return required(inner(response), "resourceURL", "the request for a subscription", url, err);
}

/* The last segment of the path, without a query. */
static size_t last_segment(const char *url, const char **segment)
{
	size_t end = strcspn(url, "?#"), at = end;

	while (at && url[at - 1] != '/')
		at--;
	*segment = url + at;
	return end - at;
}

static bool ends_in(struct json_value resource, const char *id, size_t len)
{
	char *url = json_dup(resource);
	const char *segment;
	bool same = url && last_segment(url, &segment) == len && !memcmp(segment, id, len);

	free(url);
	return same;
}

/* Servers wrap lists in different ways, so all of the response is searched. */
static bool has_resource(struct json_value value, const char *id, size_t len)
{
	if (ends_in(json_get(value, "resourceURL"), id, len))
		return true;
	for (struct json_iter it = json_first(value); json_more(it); it = json_next(it)) {
		if (has_resource(it.value, id, len))
			return true;
	}
	return false;
}

bool channel_decode_listed(struct json_value response, const char *url)
{
	const char *id;
	size_t len = last_segment(url, &id);

	return len && has_resource(response, id, len);
}
