#include "wire/notification-int.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

struct decoding {
	struct notification_decoder *decoder;
	struct buf *line;
	struct notification *n;
	struct json_value body, id; /* the object under the key of its kind, and its id */
};

/*
 * The conversation of an object with a sender and a destination beside its links (PROTOCOL.md, "What arrives on the
 * socket"): the group's ID, or the other user.
 */
static void place_by_addresses(struct decoding *d, struct json_value object)
{
	struct notification_place place = decoder_links(d->decoder, d->body);
	struct json_value sender = json_get(object, "senderAddress"),
			  destination = json_get(object, "x-destinationAddress");
	struct notification *n = d->n;
	struct json_value conversation;

	n->type = place.known ? place.type : CHAT_ONE_TO_ONE;
	n->outbound = json_equals_nocase(json_get(object, "x-type"), "outbound");
	n->message_id = decoder_segment(d->decoder, place.message);
	conversation = n->type == CHAT_GROUP || n->outbound ? destination : sender;
	if (json_exists(conversation))
		decoder_set_conversation(d->decoder, n, decoder_string(d->decoder, conversation));
	else
		decoder_set_conversation(d->decoder, n, decoder_segment(d->decoder, place.conversation));
}

static void place_by_links(struct decoding *d)
{
	struct notification_place place = decoder_links(d->decoder, d->body);

	d->n->type = place.known ? place.type : CHAT_GROUP;
	decoder_set_conversation(d->decoder, d->n, decoder_segment(d->decoder, place.conversation));
	decoder_set_time(d->n, json_get(d->body, "dateTime"), json_get(d->body, "timestamp"));
}

static void end_line(struct decoding *d)
{
	json_add_time(d->line, "timestamp", d->n->timestamp_ms);
	line_close(d->line, d->n);
}

static void decode_typing(struct decoding *d, struct json_value composing)
{
	struct json_value state = json_get(composing, "state");
	struct buf *line = d->line;

	place_by_addresses(d, composing);
	decoder_set_time(d->n, json_get(d->body, "dateTime"), json_get(composing, "lastactive"));
	line_open(line, "typing", d->id, d->n);
	line_add_text(line, "sender", json_get(composing, "senderAddress"));
	json_add_string(line, "direction", d->n->outbound ? "outbound" : "inbound");
	if (json_equals_nocase(state, "active"))
		json_add_string(line, "state", "active");
	else if (json_equals_nocase(state, "idle"))
		json_add_string(line, "state", "idle");
	else
		line_add_text(line, "state", state);
	line_add_int(line, "refresh", json_get(composing, "refresh"));
	end_line(d);
}

static bool decode_chat(struct decoding *d)
{
	struct json_value chat = json_get(d->body, "chatMessage"), composing;
	struct notification_message message = { .id = d->id };

	if (json_type(chat) != JSON_OBJECT) {
		composing = json_get(d->body, "isComposing");
		if (json_type(composing) != JSON_OBJECT)
			return false;
		decode_typing(d, composing);
		return true;
	}
	d->n->kind = NOTIFICATION_MESSAGE;
	place_by_addresses(d, chat);
	if (!d->n->message_id.s)
		d->n->message_id = decoder_string(d->decoder, json_get(chat, "messageId"));
	decoder_set_time(d->n, json_get(chat, "dateTime"), json_get(d->body, "dateTime"));
	message.sender = json_get(chat, "senderAddress");
	message.text = json_get(chat, "text");
	message.attachment = json_get(chat, "attachment");
	line_add_message(d->line, &message, d->n);
	return true;
}

static bool decode_sms(struct decoding *d)
{
	struct json_value sms = json_get(d->body, "inboundSMSMessage");
	struct notification_message message = { .id = d->id, .text = json_get(sms, "message") };

	if (json_type(sms) != JSON_OBJECT)
		return false;
	message.sender = json_get(sms, "senderAddress");
	if (!json_exists(message.sender))
		message.sender = json_get(sms, "senderAdress"); /* some servers misspell it */
	d->n->kind = NOTIFICATION_MESSAGE;
	d->n->type = CHAT_SMS;
	decoder_set_conversation(d->decoder, d->n, decoder_string(d->decoder, message.sender));
	d->n->message_id = decoder_string(d->decoder, json_get(sms, "messageId"));
	d->n->own = decoder_string(d->decoder, json_get(sms, "destinationAddress"));
	decoder_set_time(d->n, json_get(sms, "dateTime"), json_get(d->body, "dateTime"));
	line_add_message(d->line, &message, d->n);
	return true;
}

static void add_receipt(struct decoding *d, struct json_value info)
{
	static const char *const statuses[] = { "DeliveredToNetwork", "DeliveredToTerminal", "DeliveryImpossible",
		NULL };
	struct json_value status = json_get(info, "deliveryStatus");
	size_t i = 0;

	decoder_set_conversation(d->decoder, d->n, decoder_string(d->decoder, json_get(info, "address")));
	line_open(d->line, "receipt", d->id, d->n);
	line_add_text(d->line, "messageId", json_get(info, "messageId"));
	while (statuses[i] && !json_equals_nocase(status, statuses[i]))
		i++;
	if (statuses[i])
		json_add_string(d->line, "status", statuses[i]);
	else
		line_add_text(d->line, "status", status);
	end_line(d);
}

static bool decode_receipt(struct decoding *d)
{
	d->n->type = CHAT_SMS;
	decoder_set_time(d->n, json_get(d->body, "dateTime"), json_get(d->body, "timestamp"));
	for (struct json_iter it = json_items(json_get(d->body, "deliveryInfo")); json_more(it); it = json_next(it)) {
		if (json_type(it.value) == JSON_OBJECT)
			add_receipt(d, it.value);
	}
	return d->n->lines > 0;
}

static void add_participant(struct buf *line, struct json_value participant)
{
	bool admin = false;

	if (json_type(participant) != JSON_OBJECT)
		return;
	json_bool(json_get(participant, "x-isAdmin"), &admin);
	json_open(line, '{');
	line_add_text(line, "address", json_get(participant, "address"));
	line_add_text(line, "status", json_get(participant, "status"));
	json_add_bool(line, "isAdmin", admin);
	json_close(line, '}');
}

static void add_participants(struct decoding *d)
{
	json_open_key(d->line, "participants", '[');
	for (struct json_iter it = json_items(json_get(d->body, "participant")); json_more(it); it = json_next(it))
		add_participant(d->line, it.value);
	json_close(d->line, ']');
}

static bool decode_invitation(struct decoding *d)
{
	place_by_links(d);
	line_open(d->line, "invitation", d->id, d->n);
	line_add_text(d->line, "name", json_get(d->body, "x-name"));
	line_add_text(d->line, "subject", json_get(d->body, "subject"));
	add_participants(d);
	end_line(d);
	return true;
}

static bool decode_participants(struct decoding *d)
{
	place_by_links(d);
	line_open(d->line, "participants", d->id, d->n);
	add_participants(d);
	end_line(d);
	return true;
}

static bool decode_group(struct decoding *d)
{
	place_by_links(d);
	line_open(d->line, "group", d->id, d->n);
	line_add_text(d->line, "eventType", json_get(d->body, "eventType"));
	end_line(d);
	return true;
}

/* "chatSubscriptionCancellationNotification" and similar keys, which begin with the service. */
static bool decode_cancellation(struct decoding *d, struct slice key)
{
	static const char suffix[] = "subscriptionCancellationNotification";
	static const struct {
		const char *prefix, *service;
	} services[] = { { "chat", "chat" }, { "delivery", "receipts" }, { "sms", "sms" }, { "inbound", "sms" },
		{ NULL, NULL } };
	struct json_value reason = json_get(d->body, "reason");
	size_t i = 0;

	if (key.len < sizeof(suffix) - 1 ||
		strncasecmp(key.s + key.len - (sizeof(suffix) - 1), suffix, sizeof(suffix) - 1) != 0)
		return false;
	while (services[i].prefix && strncasecmp(key.s, services[i].prefix, strlen(services[i].prefix)) != 0)
		i++;
	d->n->kind = NOTIFICATION_SUBSCRIPTION;
	/* without a prefix, it is that of OMA Short Messaging */
	d->n->service = key.len == sizeof(suffix) - 1 ? "sms" : services[i].service;
	decoder_set_time(d->n, json_get(d->body, "dateTime"), json_get(d->body, "timestamp"));
	json_open(d->line, '{');
	json_add_string(d->line, "event", "subscription");
	line_add_text(d->line, "id", d->id);
	json_add_string(d->line, "service", d->n->service);
	json_add_string(d->line, "status", "cancelled");
	line_add_text(d->line, "reason", json_type(reason) == JSON_OBJECT ? json_get(reason, "text") : reason);
	end_line(d);
	return true;
}

static void begin_member(struct decoding *d, struct json_iter member)
{
	d->body = member.value;
	d->id = json_get(d->body, "id");
	*d->n = (struct notification){ .timestamp_ms = -1, .id = decoder_string(d->decoder, d->id) };
}

static void decode_unknown(struct decoding *d, struct json_value root, struct json_value key)
{
	decoder_set_time(d->n, json_get(d->body, "dateTime"), json_get(d->body, "timestamp"));
	json_open(d->line, '{');
	json_add_string(d->line, "event", "notification");
	line_add_text(d->line, "id", d->id);
	line_add_text(d->line, "kind", key);
	json_add_value(d->line, "raw", root);
	end_line(d);
}

static bool decode_known(struct decoding *d, struct json_value key)
{
	static const struct {
		const char *key;
		bool (*decode)(struct decoding *d);
	} kinds[] = { { "chatMessageNotification", decode_chat }, { "inboundSMSMessageNotification", decode_sms },
		{ "deliveryInfoNotification", decode_receipt },
		{ "groupChatSessionInvitationNotification", decode_invitation },
		{ "chatParticipantStatusNotification", decode_participants },
		{ "chatEventNotification", decode_group } };

	if (json_equals_nocase(key, "connAck")) {
		d->n->kind = NOTIFICATION_CONN_ACK;
		return true;
	}
	if (json_equals_nocase(key, "connCheck")) {
		int64_t interval = 0;

		d->n->kind = NOTIFICATION_CONN_CHECK;
		if (json_int(json_get(d->body, "interval"), &interval) && interval > 0 && interval < 1000000)
			d->n->interval_ms = interval * 1000;
		return true;
	}
	if (json_type(d->body) != JSON_OBJECT)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (json_equals_nocase(key, kinds[i].key))
			return kinds[i].decode(d);
	return decode_cancellation(d, decoder_string(d->decoder, key));
}

enum status notification_decode(struct notification_decoder *decoder, const char *text, size_t len, struct buf *out,
	struct notification *n, struct err *err)
{
	static const struct json_limits defaults = {
		.bytes = 1 << 20, .depth = NOTIFICATION_DEPTH_MAX, .values = 1 << 16
	};
	struct decoding d = { .decoder = decoder, .line = &decoder->line, .n = n };
	struct json_iter first = { 0 };
	struct json_value root;

	if (json_parse_lenient(&decoder->doc, text, len, decoder->limits.bytes ? &decoder->limits : &defaults, err)) {
		err_prefix(err, "invalid notification");
		if (err)
			err->status = ST_PROTOCOL;
		return ST_PROTOCOL;
	}
	decoder_begin(decoder, decoder->doc.len);
	root = json_root(&decoder->doc);
	if (json_type(root) == JSON_OBJECT)
		first = json_first(root);
	/* its only key names the kind; if there are several, the first known one counts */
	for (struct json_iter it = first; json_more(it); it = json_next(it)) {
		begin_member(&d, it);
		if (decode_known(&d, it.key))
			return decoder_finish(decoder, out, err);
	}
	begin_member(&d, first);
	decode_unknown(&d, root, first.key);
	return decoder_finish(decoder, out, err);
}

/* Without a type, a message is outbound if this user is its sender. */
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
		return err_set(err, ST_PROTOCOL, "invalid message in the history: not a JSON object");
	decoder_begin(decoder, len + strlen(context->conversation));
	line.text = json_get(message, sms ? "message" : "text");
	line.attachment = json_get(message, "attachment");
	n->outbound = is_outbound(message, line.sender, context);
	if (n->outbound)
		line.fallback = context->self;
	else if (context->type != CHAT_GROUP)
		line.fallback = context->conversation;

	decoder_set_conversation(decoder, n, (struct slice){ context->conversation, strlen(context->conversation) });
	place = decoder_path(decoder_string(decoder, json_get(message, "resourceURL")));
	n->message_id = decoder_segment(decoder, place.message);
	id = json_get(message, "messageId");
	if (!n->message_id.s)
		n->message_id = decoder_string(decoder, id);
	decoder_set_time(n, json_get(message, "dateTime"), json_get(message, "lastMessageTime"));
	line_add_message(&decoder->line, &line, n);
	return decoder_finish(decoder, out, err);
}

char *notification_message_id(struct json_value resource_url)
{
	struct notification_decoder decoder = { 0 };
	struct slice id = { 0 };
	char *copy = NULL;
	const char *s;
	size_t len;

	if (json_type(resource_url) == JSON_STRING && json_slice(resource_url, &s, &len)) {
		decoder_begin(&decoder, len);
		id = decoder_segment(&decoder, decoder_path(decoder_string(&decoder, resource_url)).message);
		if (id.s && !memchr(id.s, '\0', id.len))
			copy = xmemdup0(id.s, id.len);
		notification_decoder_release(&decoder);
	}
	return copy;
}

void notification_decoder_release(struct notification_decoder *decoder)
{
	json_release(&decoder->doc);
	buf_release(&decoder->scratch);
	buf_release(&decoder->line);
	*decoder = (struct notification_decoder){ .limits = decoder->limits };
}
