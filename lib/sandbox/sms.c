/* Sending SMS. The conversation of a user with a number is "REMOTE/LOCAL". */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 * 1024 };

static void store(struct sandbox *s, struct user *owner, const char *remote, const char *local,
	struct stored_message *message)
{
	char *key = xasprintf("%s/%s", remote, local);
	struct conversation *conversation = conversation_find(&s->world, owner, CONVERSATION_SMS, key, true);

	if (conversation)
		conversation_append(&s->world, conversation, message);
	free(key);
}

static void push_inbound(struct sandbox *s, struct user *to, const char *number, const struct stored_message *message,
	const char *text)
{
	struct buf out;

	push_begin(&out, "inboundSMSMessageNotification");
	jsonf(&out,
		"'dateTime':%jd,'inboundSMSMessage':"
		"{'message':%s,'messageId':%s,'senderAddress':%s,'destinationAddress':%s,'dateTime':%jd}",
		message->time, text, message->id, message->sender, number, message->time);
	push_send(s, &out, to, SUBSCRIBED_SMS, number, NULL);
}

static void push_receipt(struct sandbox *s, struct user *to, const char *number, const char *status, const char *id)
{
	struct buf out;

	push_begin(&out, "deliveryInfoNotification");
	jsonf(&out, "'deliveryInfo':{'address':%s,'deliveryStatus':%s,'messageId':%s}", number, status, id);
	push_send(s, &out, to, SUBSCRIBED_RECEIPTS, NULL, NULL);
}

/* One message to one number, which may belong to a user of the sandbox. Its ID is put into `id`. */
static void post(struct call *call, const char *from, const char *number, const char *text, char id[ID_SIZE])
{
	struct sandbox *s = call->s;
	struct user *to = world_number_owner(&s->world, number);
	struct stored_message *message;
	struct buf content;

	buf_init(&content, 2 * BODY_MAX);
	json_add_string(&content, "message", text);
	message = conversation_message_new(&s->world, from, buf_take(&content), text, sandbox_message_time(s));
	store(s, call->user, number, from, message);
	if (to && to != call->user)
		store(s, to, from, number, message);
	if (to)
		push_inbound(s, to, number, message, text);
	memcpy(id, message->id, ID_SIZE);
	push_receipt(s, call->user, number, "DeliveredToNetwork", id);
	push_receipt(s, call->user, number, to ? "DeliveredToTerminal" : "DeliveryImpossible", id);
	conversation_message_release(&s->world, message);
}

static bool number_valid(const char *s)
{
	size_t digits;

	s += *s == '+';
	digits = strspn(s, "0123456789");
	return digits >= 3 && digits <= 15 && !s[digits];
}

static void respond_request(struct call *call, struct json_value wanted, const char *from, const char *text,
	const char *id)
{
	struct json_value addresses = json_get(wanted, "address"), correlator = json_get(wanted, "clientCorrelator");
	struct buf *out = response_json(&call->response, 201), url;
	char *first = json_dup(json_first(addresses).value);

	buf_init(&url, URL_PATH_MAX);
	buf_addf(&url, "/cpaas/smsmessaging/v1/%s/remoteAddresses/%s/localAddresses/%s/messages/%s", call->user->id,
		first ? first : "", from, id);
	jsonf(out, "{'outboundSMSMessageRequest':{");
	json_add_value(out, "address", addresses);
	if (json_exists(correlator))
		json_add_value(out, "clientCorrelator", correlator);
	jsonf(out, "'outboundSMSTextMessage':{'message':%s},'senderAddress':%s,'deliveryInfoList':{'deliveryInfo':[",
		text, from);
	for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
		jsonf(out, "{");
		json_add_value(out, "address", it.value);
		jsonf(out, "'deliveryStatus':'DeliveredToNetwork'}");
	}
	jsonf(out, "]},'resourceURL':%s}}", url.data);
	buf_release(&url);
	free(first);
}

static bool addresses_valid(struct call *call, struct json_value addresses)
{
	for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
		char *number = json_dup(it.value);
		bool valid = number && number_valid(number);

		if (!valid)
			response_error(&call->response, 400, "SVC0004", number ? number : "address");
		free(number);
		if (!valid)
			return false;
	}
	return true;
}

static void send_sms(struct call *call)
{
	struct json_value wanted = call_json(call, "outboundSMSMessageRequest"),
			  addresses = json_get(wanted, "address");
	const char *from = !strcmp(call->args[0], "default") ? call->user->number : call->args[0];
	char id[ID_SIZE] = "";
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (!json_string(json_get(json_get(wanted, "outboundSMSTextMessage"), "message"), &text)) {
		response_invalid(&call->response, "message");
	} else if (world_number_owner(&call->s->world, from) != call->user) {
		response_invalid(&call->response, "senderAddress");
	} else if (json_type(addresses) != JSON_ARRAY || !json_count(addresses)) {
		response_invalid(&call->response, "address");
	} else if (addresses_valid(call, addresses)) {
		for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
			char *number = json_dup(it.value);

			post(call, from, number, text.data, id);
			free(number);
		}
		respond_request(call, wanted, from, text.data, id);
	}
	buf_release(&text);
}

const struct route sms_routes[] = {
	{ "POST", "cpaas/smsmessaging/v1/:user/outbound/:/requests", send_sms, 0, 0 },
	{ 0 },
};
