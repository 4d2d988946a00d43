#include "wire/message.h"

#include "wire/notification.h"
#include "wire/path.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xFFFD
#define TYPING_REFRESH "60" /* seconds until the indicator expires */

bool message_clean(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *nul = memchr(s, '\0', (size_t)(end - s));

		utf8_sanitize(out, s, (size_t)((nul ? nul : end) - s));
		if (!nul)
			break;
		utf8_encode(out, REPLACEMENT);
		s = nul + 1;
	}
	return !out->overflow;
}

void message_path(struct buf *out, const char *user_id, const struct address *to)
{
	switch (to->type) {
	case CHAT_ONE_TO_ONE: path_add(out, "/cpaas/chat/v1/{}/oneToOne/{}/adhoc/messages", user_id, to->id); break;
	case CHAT_GROUP: path_add(out, "/cpaas/chat/v1/{}/group/{}/messages", user_id, to->id); break;
	case CHAT_SMS: path_add(out, "/cpaas/smsmessaging/v1/{}/outbound/default/requests", user_id); break;
	}
}

static void encode_sms(struct buf *out, const struct message *message, const char *correlator)
{
	json_open_key(out, "outboundSMSMessageRequest", '{');
	json_open_key(out, "address", '[');
	json_add_string(out, NULL, message->to->id);
	json_close(out, ']');
	if (correlator)
		json_add_string(out, "clientCorrelator", correlator);
	json_open_key(out, "outboundSMSTextMessage", '{');
	json_add_string(out, "message", message->text);
	json_close(out, '}');
	json_close(out, '}');
}

static void encode_chat(struct buf *out, const struct message *message)
{
	json_open_key(out, "chatMessage", '{');
	json_add_string(out, "text", message->text);
	if (message->file_count)
		json_open_key(out, "attachment", '[');
	for (size_t i = 0; i < message->file_count; i++) {
		json_open(out, '{');
		json_add_string(out, "name", message->files[i].name);
		json_add_string(out, "x-id", message->files[i].xid);
		json_close(out, '}');
	}
	if (message->file_count)
		json_close(out, ']');
	json_close(out, '}');
}

void message_encode(struct buf *out, const struct message *message, const char *correlator)
{
	json_open(out, '{');
	if (message->to->type == CHAT_SMS)
		encode_sms(out, message, correlator);
	else
		encode_chat(out, message);
	json_close(out, '}');
}

void message_encode_typing(struct buf *out, bool active, int64_t now_ms)
{
	json_open(out, '{');
	json_open_key(out, "isComposing", '{');
	json_add_string(out, "contenttype", "text/plain");
	json_add_string(out, "refresh", TYPING_REFRESH);
	json_add_string(out, "state", active ? "active" : "idle");
	json_add_int(out, "lastactive", now_ms);
	json_close(out, '}');
	json_close(out, '}');
}

/* An SMS has a status for each address, of which there is one. */
static struct json_value sms_status(struct json_value request)
{
	struct json_value list = json_get(json_get(request, "deliveryInfoList"), "deliveryInfo");

	return json_get(json_items(list).value, "deliveryStatus");
}

enum status message_decode_sent(struct json_value response, enum chat_type type, int64_t now_ms,
	struct message_sent *sent, struct err *err)
{
	const char *key = type == CHAT_SMS ? "outboundSMSMessageRequest" : "chatMessage";
	struct json_value object = json_get(response, key);
	int64_t time;

	if (json_type(object) != JSON_OBJECT) {
		/* the service may have sent it, or a proxy that never passed the message on */
		err_set(err, ST_PROTOCOL, "the server's response to a message has no '%s'", key);
		if (err)
			err->outcome = ERR_MAYBE_SENT;
		return ST_PROTOCOL;
	}
	*sent = (struct message_sent){ .id = notification_message_id(json_get(object, "resourceURL")),
		.timestamp_ms = now_ms };
	sent->status = json_dup(type == CHAT_SMS ? sms_status(object) : json_get(object, "status"));
	if (!sent->status)
		sent->status = xstrdup("Sent");
	if (json_int(json_get(object, "dateTime"), &time) && time > 0) {
		sent->timestamp_ms = clock_server_ms(time);
		sent->timed = true;
	}
	return ST_OK;
}

void message_sent_release(struct message_sent *sent)
{
	free(sent->id);
	free(sent->status);
	*sent = (struct message_sent){ 0 };
}
