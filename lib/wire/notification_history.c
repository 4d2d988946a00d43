#include "wire/notification-int.h"

#include <string.h>

/* Who sent it, where the object does not say so itself: this user, if the sender is known and the same. */
static bool is_outbound(struct json_value message, struct json_value sender, const struct history_context *context)
{
	struct json_value type = json_get(message, context->type == CHAT_SMS ? "type" : "x-type");

	if (json_equals_nocase(type, "outbound") || json_equals_nocase(type, "inbound"))
		return json_equals_nocase(type, "outbound");
	return context->self && json_equals_nocase(sender, context->self);
}

enum status notification_from_history(struct notification_decoder *decoder, struct json_value message,
	const struct history_context *context, struct buf *out, struct notification *n, struct err *err)
{
	bool sms = context->type == CHAT_SMS;
	struct notification_message line = { .sender = json_get(message, "senderAddress"), .backfilled = true };
	struct notification_place place;
	struct json_value id;
	const char *text;
	size_t len;

	*n = (struct notification){ .kind = NOTIFICATION_MESSAGE, .type = context->type, .timestamp_ms = -1 };
	if (json_type(message) != JSON_OBJECT || !json_slice(message, &text, &len))
		return err_set(err, ST_PROTOCOL, "a message in the history is no JSON object");
	notification_begin(decoder, len + strlen(context->conversation));
	line.text = json_get(message, sms ? "message" : "text");
	line.attachment = json_get(message, "attachment");
	n->outbound = is_outbound(message, line.sender, context);
	if (n->outbound)
		line.fallback = context->self;
	else if (context->type != CHAT_GROUP)
		line.fallback = context->conversation;

	notification_set_conversation(decoder, n,
		(struct slice){ context->conversation, strlen(context->conversation) });
	place = notification_path(notification_string(decoder, json_get(message, "resourceURL")));
	n->message_id = notification_segment(decoder, place.message);
	id = json_get(message, "messageId");
	if (!n->message_id.s)
		n->message_id = notification_string(decoder, id);
	notification_set_time(n, json_get(message, "dateTime"), json_get(message, "lastMessageTime"));
	notification_add_message(&decoder->line, &line, n);
	return notification_finish(decoder, out, err);
}
