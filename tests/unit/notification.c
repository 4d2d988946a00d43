/* Notifications and messages from the history, and their lines. */
#include "wire/notification.h"

#include "tests/lib/tap.h"

#include <stdlib.h>
#include <time.h>

#define LINK(path) "\"link\":[{\"rel\":\"x\",\"href\":\"/cpaas/chat/v1/u-1/" path "\"}]"

static struct notification_decoder decoder;
static struct notification n;
static struct buf out;
static struct err err;

static const char *decode(const char *text)
{
	buf_clear(&out);
	err.text[0] = '\0';
	if (notification_decode(&decoder, text, strlen(text), &out, &n, &err))
		return err.text;
	return out.data;
}

static bool slice_is(struct slice slice, const char *s)
{
	return slice.s ? slice.len == strlen(s) && !memcmp(slice.s, s, slice.len) : !s[0];
}

static void test_messages(void)
{
	tap_str(decode("{\"chatMessageNotification\":{\"id\":\"n1\","
		       "\"dateTime\":1525895987000,\"chatMessage\":{\"text\":\"hello\","
		       "\"senderAddress\":\"alice@acme.example.com\","
		       "\"x-destinationAddress\":\"bob@acme.example.com\",\"x-type\":\"inbound\","
		       "\"dateTime\":1525895987000,\"status\":\"Sent\","
		       "\"attachment\":[{\"link\":\"https://host/x\",\"name\":\"pic.png\",\"size\":100000,"
		       "\"type\":\"image/png\",\"x-id\":\"776e\","
		       "\"thumbnail\":{\"link\":\"https://host/t\"}}]}," LINK(
			       "oneToOne/alice@acme.example.com/adhoc/messages/msg1") "}}"),
		"{\"event\":\"message\",\"id\":\"n1\",\"type\":\"chat-oneToOne\","
		"\"destination\":[\"alice@acme.example.com\"],\"address\":\"alice@acme.example.com\",\"messageId\":\"msg1\","
		"\"sender\":\"alice@acme.example.com\",\"direction\":\"inbound\","
		"\"timestamp\":1525895987000,\"parts\":[{\"type\":\"text\",\"text\":\"hello\"},"
		"{\"type\":\"file\",\"name\":\"pic.png\",\"size\":100000,\"mimeType\":\"image/png\","
		"\"x-id\":\"776e\",\"rawURL\":\"https://host/x\","
		"\"thumbnailURL\":\"https://host/t\",\"url\":null}]}\n",
		"a message with a file");
	tap_ok(n.kind == NOTIFICATION_MESSAGE && n.type == CHAT_ONE_TO_ONE && !n.outbound &&
			n.timestamp_ms == 1525895987000 && n.lines == 1,
		"what the listener needs");
	tap_ok(slice_is(n.id, "n1") && slice_is(n.conversation, "alice@acme.example.com") &&
			slice_is(n.message_id, "msg1"),
		"the names");

	tap_str(decode("{\"chatMessageNotification\":{\"id\":\"n2\",\"chatMessage\":{\"text\":\"t\","
		       "\"senderAddress\":\"Bob@A.b\",\"x-destinationAddress\":"
		       "\"Alice@A.b\",\"x-type\":\"Outbound\",\"dateTime\":\"1525895987\"},"
		       "\"link\":{\"href\":\"\\/cpaas\\/chat\\/v1\\/u\\/oneToOne\\/Alice@A.b\\/adhoc"
		       "\\/messages\\/m%201%2Fx?y=z\"}}}"),
		"{\"event\":\"message\",\"id\":\"n2\",\"type\":\"chat-oneToOne\","
		"\"destination\":[\"alice@a.b\"],\"address\":\"alice@a.b\",\"messageId\":\"m 1/x\",\"sender\":\"Bob@A.b\","
		"\"direction\":\"outbound\",\"timestamp\":1525895987000,\"parts\":[{\"type\":\"text\","
		"\"text\":\"t\"}]}\n",
		"sent from elsewhere; one link alone, escaped and encoded; seconds as a string");
	tap_ok(slice_is(n.conversation, "alice@a.b") && slice_is(n.message_id, "m 1/x") && n.outbound, "decoded");

	tap_str(decode("{\"CHATMESSAGENOTIFICATION\":{\"id\":7,\"chatMessage\":{\"text\":5,\"senderAddress\":\""
		       "bob@a.b\",\"x-destinationAddress\":\"G-1\"}," LINK("Group/G-1/messages/m2") "}}"),
		"{\"event\":\"message\",\"id\":\"7\",\"type\":\"chat-group\",\"destination\":[\"G-1\"],\"address\":\"group:G-1\","
		"\"messageId\":\"m2\",\"sender\":\"bob@a.b\","
		"\"direction\":\"inbound\",\"timestamp\":null,\"parts\":[{\"type\":\"text\",\"text\":\"5\"}]}\n",
		"a group's ID keeps its case; numbers for strings; another case of the kind");
	tap_str(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"\","
		       "\"attachment\":{\"name\":null,\"size\":\"12\"}}}}"),
		"{\"event\":\"message\",\"id\":null,\"type\":\"chat-oneToOne\",\"destination\":[],\"address\":null,"
		"\"messageId\":null,\"sender\":null,\"direction\":\"inbound\","
		"\"timestamp\":null,\"parts\":[{\"type\":\"file\","
		"\"name\":null,\"size\":12,\"mimeType\":null,\"x-id\":null,\"rawURL\":null,"
		"\"thumbnailURL\":null,\"url\":null}]}\n",
		"nearly everything missing; one attachment without its array");
	tap_ok(!n.id.s && !n.conversation.s && !n.message_id.s && n.timestamp_ms == -1, "the direction is outbound");
	tap_str(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"\",\"attachment\":[1,null]}," LINK(
			"group/g%20x/messages/") "}}"),
		"{\"event\":\"message\",\"id\":null,\"type\":\"chat-group\",\"destination\":[\"g x\"],\"address\":\"group:g x\","
		"\"messageId\":null,\"sender\":null,\"direction\":\"inbound\","
		"\"timestamp\":null,\"parts\":[]}\n",
		"a group known by its link alone; attachments that are none");
	tap_ok(strstr(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"a\\ud800\\nb\\u0041\\\""
			     "\"}}}"),
		       "\"text\":\"a\xef\xbf\xbd\\nbA\\\"\""),
		"a lone surrogate is mended");
	tap_ok(strstr(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"a\\nb\\u0041\"}}}"),
		       "\"text\":\"a\\nb\\u0041\""),
		"other escapes are copied");
	tap_ok(strstr(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"a\xff"
			     "b\"}}}"),
		       "\"text\":\"a\xef\xbf\xbd"
		       "b\""),
		"bytes that are not UTF-8");
	tap_ok(strstr(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"x\"}," LINK(
			      "oneToOne/a@b/adhoc/messages/%ff%zz") "}}"),
		       "\"messageId\":\"%ff%zz\""),
		"what cannot be decoded stays as it is");
	tap_ok(strstr(decode("{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"x\"},"
			     "\"link\":[{\"href\":\"/group/g\"},{\"href\":5},7,"
			     "{\"href\":\"/oneToOne/messages/adhoc/messages/m9\"}]}}"),
		       "\"destination\":[\"messages\"],\"address\":\"messages\",\"messageId\":\"m9\""),
		"the link with a message is taken");
}

static void test_other_kinds(void)
{
	tap_str(decode("{\"chatMessageNotification\":{\"id\":\"n3\",\"isComposing\":{\"state\":\"Active\","
		       "\"refresh\":\"60\",\"senderAddress\":\"a@b\",\"x-type\":\"inbound\","
		       "\"lastactive\":1525895987000}," LINK("oneToOne/a@b/adhoc") "}}"),
		"{\"event\":\"typing\",\"id\":\"n3\",\"type\":\"chat-oneToOne\",\"destination\":[\"a@b\"],\"address\":\"a@b\","
		"\"sender\":\"a@b\",\"direction\":\"inbound\","
		"\"state\":\"active\",\"refresh\":60,\"timestamp\":1525895987000}\n",
		"typing");
	tap_int(n.kind, NOTIFICATION_OTHER, "its kind");
	tap_str(decode("{\"inboundSMSMessageNotification\":{\"id\":\"n4\","
		       "\"dateTime\":1525895987,\"inboundSMSMessage\":{\"message\":\"hi\",\"messageId\":88,"
		       "\"senderAdress\":\"+16130001111\",\"destinationAddress\":\"+16139998877\"}}}"),
		"{\"event\":\"message\",\"id\":\"n4\",\"type\":\"sms\",\"destination\":[\"+16130001111\"],\"address\":\"sms:+16130001111\","
		"\"messageId\":\"88\",\"sender\":\"+16130001111\","
		"\"direction\":\"inbound\",\"timestamp\":1525895987000,\"parts\":[{\"type\":\"text\","
		"\"text\":\"hi\"}]}\n",
		"an SMS, its sender misspelt");
	tap_str(decode("{\"deliveryInfoNotification\":{\"id\":\"n5\",\"deliveryInfo\":{\"address\":\"+1\","
		       "\"deliveryStatus\":\"deliveredtoterminal\",\"messageId\":\"m\"}}}"),
		"{\"event\":\"receipt\",\"id\":\"n5\",\"type\":\"sms\",\"destination\":[\"+1\"],\"address\":\"sms:+1\","
		"\"messageId\":\"m\",\"status\":\"DeliveredToTerminal\",\"timestamp\":null}\n",
		"a receipt");
	tap_str(decode("{\"deliveryInfoNotification\":{\"deliveryInfo\":[{\"address\":\"+1\","
		       "\"deliveryStatus\":\"New\"},{\"address\":\"+2\"}]}}"),
		"{\"event\":\"receipt\",\"id\":null,\"type\":\"sms\",\"destination\":[\"+1\"],\"address\":\"sms:+1\","
		"\"messageId\":null,\"status\":\"New\",\"timestamp\":null}\n"
		"{\"event\":\"receipt\",\"id\":null,\"type\":\"sms\",\"destination\":[\"+2\"],\"address\":\"sms:+2\","
		"\"messageId\":null,\"status\":null,\"timestamp\":null}\n",
		"two receipts at once");
	tap_ok(n.kind == NOTIFICATION_OTHER && n.lines == 2, "are two lines");
	tap_str(decode("{\"groupChatSessionInvitationNotification\":{\"id\":\"n6\",\"x-name\":\"team\","
		       "\"participant\":[{\"address\":\"a@b\",\"status\":\"Invited\","
		       "\"x-isAdmin\":\"true\"},{}]," LINK("group/g1") "}}"),
		"{\"event\":\"invitation\",\"id\":\"n6\",\"type\":\"chat-group\",\"destination\":[\"g1\"],\"address\":\"group:g1\","
		"\"name\":\"team\",\"subject\":null,\"participants\":["
		"{\"address\":\"a@b\",\"status\":\"Invited\",\"isAdmin\":true},"
		"{\"address\":null,\"status\":null,\"isAdmin\":false}],\"timestamp\":null}\n",
		"an invitation");
	tap_int(n.kind, NOTIFICATION_OTHER, "its kind");
	tap_str(decode("{\"chatParticipantStatusNotification\":{\"id\":\"n7\","
		       "\"participant\":{\"address\":\"a@b\",\"status\":\"Connected\"}," LINK(
			       "group/g1/participants") "}}"),
		"{\"event\":\"participants\",\"id\":\"n7\",\"type\":\"chat-group\",\"destination\":[\"g1\"],\"address\":\"group:g1\","
		"\"participants\":[{\"address\":\"a@b\",\"status\":\"Connected\","
		"\"isAdmin\":false}],\"timestamp\":null}\n",
		"participants");
	tap_str(decode("{\"chatEventNotification\":{\"id\":\"n8\",\"eventType\":\"SessionEnded\"," LINK(
			"group/g1") "}}"),
		"{\"event\":\"group\",\"id\":\"n8\",\"type\":\"chat-group\",\"destination\":[\"g1\"],\"address\":\"group:g1\","
		"\"eventType\":\"SessionEnded\",\"timestamp\":null}\n",
		"a group's event");
	tap_str(decode("{\"chatSubscriptionCancellationNotification\":{\"id\":\"n9\","
		       "\"reason\":{\"text\":\"expired\"}}}"),
		"{\"event\":\"subscription\",\"id\":\"n9\",\"service\":\"chat\",\"status\":\"cancelled\","
		"\"reason\":\"expired\",\"timestamp\":null}\n",
		"a cancelled subscription");
	tap_ok(n.kind == NOTIFICATION_SUBSCRIPTION && n.service && !strcmp(n.service, "chat"), "of chat");
	decode("{\"subscriptionCancellationNotification\":{}}");
	tap_str(n.service, "sms", "of SMS");
	decode("{\"deliveryReceiptSubscriptionCancellationNotification\":{}}");
	tap_str(n.service, "receipts", "of receipts");
	decode("{\"faxSubscriptionCancellationNotification\":{}}");
	tap_ok(n.kind == NOTIFICATION_SUBSCRIPTION && !n.service, "of something else");
}

static void test_keep_alive(void)
{
	tap_str(decode("{\"connCheck\":{\"interval\":30}}"), "", "connCheck is no line");
	tap_ok(n.kind == NOTIFICATION_CONN_CHECK && n.interval_ms == 30000 && n.lines == 0, "but an interval");
	tap_str(decode("{\"connCheck\":{\"interval\":\"5\"}}"), "", "as a string");
	tap_int(n.interval_ms, 5000, "too");
	decode("{\"connCheck\":null}");
	tap_ok(n.kind == NOTIFICATION_CONN_CHECK && n.interval_ms == 0, "or without");
	decode("{\"connCheck\":{\"interval\":99999999999999999}}");
	tap_int(n.interval_ms, 0, "or with nonsense");
	tap_str(decode("{\"connAck\":{}}"), "", "connAck is no line");
	tap_int(n.kind, NOTIFICATION_CONN_ACK, "its kind");
}

static void test_unknown(void)
{
	tap_str(decode("{ \"someNotification\" : {\"id\":\"u1\","
		       " \"n\": 10000000000000000001, \"dateTime\":1525895987} }"),
		"{\"event\":\"notification\",\"id\":\"u1\",\"kind\":\"someNotification\","
		"\"raw\":{\"someNotification\":{\"id\":\"u1\",\"n\":10000000000000000001,"
		"\"dateTime\":1525895987}},\"timestamp\":1525895987000}\n",
		"an unknown kind is passed on");
	tap_ok(n.kind == NOTIFICATION_OTHER && slice_is(n.id, "u1"), "its id");
	tap_str(decode("[1, \"x\"]"),
		"{\"event\":\"notification\",\"id\":null,\"kind\":null,\"raw\":[1,\"x\"],\"timestamp\":null}\n",
		"no object");
	tap_str(decode("{}"),
		"{\"event\":\"notification\",\"id\":null,\"kind\":null,\"raw\":{},"
		"\"timestamp\":null}\n",
		"an empty one");
	tap_str(decode("{\"chatMessageNotification\":{\"id\":\"u2\"}}"),
		"{\"event\":\"notification\",\"id\":\"u2\",\"kind\":\"chatMessageNotification\","
		"\"raw\":{\"chatMessageNotification\":{\"id\":\"u2\"}},\"timestamp\":null}\n",
		"a known kind without its content");
	tap_str(decode("{\"deliveryInfoNotification\":{\"deliveryInfo\":[1]}}"),
		"{\"event\":\"notification\",\"id\":null,\"kind\":\"deliveryInfoNotification\","
		"\"raw\":{\"deliveryInfoNotification\":{\"deliveryInfo\":[1]}},\"timestamp\":null}\n",
		"or with another");
	tap_ok(strstr(decode("{\"version\":1,\"chatEventNotification\":{\"id\":\"u3\"}}"),
		       "\"event\":\"group\",\"id\":\"u3\""),
		"the kind need not be the first key");
}

static void test_failures(void)
{
	struct buf small;
	char *big;

	tap_str(decode("<html>"), "invalid notification: invalid JSON at byte 1: value expected", "no JSON");
	tap_int(notification_decode(&decoder, "{\"a\"", 4, &out, &n, &err), ST_PROTOCOL, "half of one");
	tap_ok(err.status == ST_PROTOCOL && !out.len, "nothing comes of it");
	buf_init(&small, 50);
	tap_int(notification_decode(&decoder, "{\"chatEventNotification\":{}}", 28, &small, &n, &err), ST_DATA,
		"no room");
	tap_ok(!small.len && !small.overflow, "nothing half in it");
	buf_release(&small);
	big = malloc(2 << 20);
	memset(big, ' ', 2 << 20);
	memcpy(big, "{\"connAck\":{}}", 14);
	tap_int(notification_decode(&decoder, big, 1 << 20, &out, &n, &err), ST_OK, "as large as allowed");
	tap_int(notification_decode(&decoder, big, (1 << 20) + 1, &out, &n, &err), ST_PROTOCOL, "one byte more");
	memset(big, '[', 63);
	memset(big + 63, ']', 63);
	buf_clear(&out);
	tap_int(notification_decode(&decoder, big, 126, &out, &n, &err), ST_OK, "as deep as allowed");
	tap_int(json_parse(&decoder.doc, out.data, out.len, NULL, &err), ST_OK,
		"so is the line that comes "
		"of it");
	memset(big, '[', 64);
	memset(big + 64, ']', 64);
	tap_int(notification_decode(&decoder, big, 128, &out, &n, &err), ST_PROTOCOL, "too deep");
	free(big);
}

static const char *history(const char *text, const struct history_context *context)
{
	static struct json_doc doc;

	buf_clear(&out);
	if (json_parse(&doc, text, strlen(text), NULL, &err) ||
		notification_from_history(&decoder, json_root(&doc), context, &out, &n, &err))
		return err.text;
	return out.data;
}

static void test_history(void)
{
	struct history_context chat = { CHAT_ONE_TO_ONE, "Alice@a.b", "bob@a.b" },
			       group = { CHAT_GROUP, "G1", "bob@a.b" }, sms = { CHAT_SMS, "+1613", "+1999" };

	tap_str(history("{\"text\":\"hi\",\"senderAddress\":\"alice@a.b\","
			"\"dateTime\":1525895987,\"attachment\":[{\"name\":\"f\",\"link\":\"/x\"}],"
			"\"resourceURL\":\"/cpaas/chat/v1/u/oneToOne/alice@a.b/adhoc/messages/m%201\"}",
			&chat),
		"{\"event\":\"message\",\"id\":null,\"type\":\"chat-oneToOne\",\"destination\":[\"alice@a.b\"],\"address\":\"alice@a.b\","
		"\"messageId\":\"m 1\",\"sender\":\"alice@a.b\","
		"\"direction\":\"inbound\",\"timestamp\":1525895987000,\"parts\":[{\"type\":\"text\","
		"\"text\":\"hi\"},{\"type\":\"file\",\"name\":\"f\",\"size\":null,"
		"\"mimeType\":null,\"x-id\":null,\"rawURL\":\"/x\",\"thumbnailURL\":null,\"url\":null}],"
		"\"backfilled\":true}\n",
		"of a conversation");
	tap_ok(slice_is(n.message_id, "m 1") && slice_is(n.conversation, "alice@a.b") &&
			n.timestamp_ms == 1525895987000,
		"the names");
	tap_ok(strstr(history("{\"text\":\"hi\",\"senderAddress\":\"Bob@A.b\"}", &chat),
		       "\"destination\":[\"alice@a.b\"],\"address\":\"alice@a.b\",\"messageId\":null,"
		       "\"sender\":\"Bob@A.b\",\"direction\":\"outbound\""),
		"one's own");
	tap_ok(strstr(history("{\"text\":\"hi\",\"x-type\":\"inbound\",\"messageId\":9}", &chat),
		       "\"messageId\":\"9\",\"sender\":\"Alice@a.b\",\"direction\":\"inbound\""),
		"the other's, by its type");
	tap_ok(strstr(history("{\"text\":\"hi\"}", &group),
		       "\"type\":\"chat-group\",\"destination\":[\"G1\"],\"address\":\"group:G1\",\"messageId\":null,\"sender\":null"),
		"a group's");
	tap_str(history("{\"message\":\"hi\",\"type\":\"Outbound\","
			"\"dateTime\":1525895987000,\"resourceURL\":\"/a/remoteAddresses/+1613/localAddresses/+1999/mes"
			"sages/s1\"}",
			&sms),
		"{\"event\":\"message\",\"id\":null,\"type\":\"sms\",\"destination\":[\"+1613\"],\"address\":\"sms:+1613\","
		"\"messageId\":\"s1\",\"sender\":\"+1999\",\"direction\":\"outbound\","
		"\"timestamp\":1525895987000,\"parts\":[{\"type\":\"text\",\"text\":\"hi\"}],\"backfilled\":true}\n",
		"an SMS");
	tap_str(history("[1]", &sms), "invalid message in the history: not a JSON object", "no object");
}

static void test_message_ids(void)
{
	static const struct {
		const char *url, *id;
	} cases[] = { { "\"/cpaas/chat/v1/u/oneToOne/b@c/adhoc/messages/m1\"", "m1" },
		{ "\"\\/x\\/messages\\/m%20%C3%A9?y\"", "m \xc3\xa9" },
		{ "\"/oneToOne/messages/adhoc/messages/m2/status\"", "m2" },
		{ "\"https://host/Messages/a%2Fb\"", "a/b" }, { "\"/messages/a%00b\"", "a%00b" },
		{ "\"/messages/%ff\"", "%ff" }, { "\"/messages/%4\"", "%4" }, { "\"/messages/\"", NULL },
		{ "\"/messages\"", NULL }, { "\"\"", NULL }, { "\"/messages/a\\u0000b\"", NULL }, { "7", NULL },
		{ "null", NULL } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_doc doc = { 0 };
		char *id;

		tap_int(json_parse(&doc, cases[i].url, strlen(cases[i].url), NULL, &err), ST_OK, "a resourceURL");
		id = notification_message_id(json_root(&doc));
		tap_str(id, cases[i].id, "its message ID");
		free(id);
		json_release(&doc);
	}
}

static const char *text(const char *line)
{
	static struct json_doc doc;

	buf_clear(&out);
	if (notification_text(&doc, line, strlen(line), INT64_C(1525895987000), &out, &err))
		return err.text;
	return out.data;
}

static void test_text(void)
{
	tap_str(text("{\"event\":\"message\",\"type\":\"chat-oneToOne\",\"sender\":\"alice@acme\","
		     "\"direction\":\"inbound\",\"timestamp\":1525895987000,"
		     "\"parts\":[{\"type\":\"text\",\"text\":\"hello\"},{\"type\":\"file\","
		     "\"name\":\"pic.png\",\"size\":100000}]}"),
		"19:59 alice@acme: hello  [pic.png 98 KiB]\n", "a message");
	tap_str(text("{\"event\":\"message\",\"type\":\"chat-group\",\"destination\":[\"g1\"],\"address\":\"group:g1\","
		     "\"sender\":\"a@b\",\"timestamp\":1525809587000,\"parts\":[{\"type\":\"file\"}]}"),
		"2018-05-08 19:59 a@b in g1: [a file]\n", "of another day, in a group, a file without a name");
	tap_str(text("{\"event\":\"message\",\"destination\":[\"x@y\"],\"address\":\"x@y\",\"sender\":\"a@b\","
		     "\"direction\":\"outbound\",\"timestamp\":null,\"parts\":[{\"type\":\"text\","
		     "\"text\":\"one\\ntwo\\u001b[31m\\u009b2J\\u202e\xc3\xa9\\u0000\"}]}"),
		"a@b to x@y: one two[31m2J\xc3\xa9\n", "control characters are taken out");
	tap_str(text("{\"event\":\"typing\",\"type\":\"chat-oneToOne\",\"sender\":\"a@b\\n\",\"state\":\"active\"}"),
		"a@b  is typing\n", "typing");
	tap_str(text("{\"event\":\"receipt\",\"messageId\":\"m\",\"destination\":[\"+1\"],\"address\":\"+1\","
		     "\"status\":\"DeliveredToTerminal\"}"),
		"message m to +1: DeliveredToTerminal\n", "a receipt");
	tap_str(text("{\"event\":\"invitation\",\"destination\":[\"g1\"],\"address\":\"g1\",\"name\":\"team\","
		     "\"participants\":[{\"address\":\"a@b\",\"status\":\"Invited\"},{\"address\":\"c@d\"}]}"),
		"invitation to the group g1 'team': a@b (Invited), c@d\n", "an invitation");
	tap_str(text("{\"event\":\"group\",\"destination\":[\"g1\"],\"address\":\"g1\",\"eventType\":\"SessionEnded\"}"),
		"group g1: SessionEnded\n", "a group's end");
	tap_str(text("{\"event\":\"connection\",\"state\":\"connected\"}"), "connection: connected\n",
		"the listener's own");
	tap_str(text("{\"event\":\"error\",\"error\":{\"message\":\"no\\u0007\"}}"), "error: no\n", "an error");
	tap_str(text("{\"event\":\"conversation\",\"address\":\"group:g\",\"lastText\":\"a\\u001bb\"}"),
		"group:g: ab\n", "a conversation");
	tap_str(text("{\"event\":\"conversation\",\"address\":\"a@b\",\"lastText\":null}"), "a@b\n",
		"one without a text");
	tap_str(text("{\"event\":\"notification\",\"kind\":\"x\",\"raw\":{}}"), "notification: x\n", "an unknown kind");
	tap_str(text("{}"), "something\n", "nothing at all");
	tap_str(text("[]"), "not a JSON object", "no object");
}

int main(void)
{
	if (setenv("TZ", "UTC", 1))
		return 1;
	tzset();
	buf_init(&out, 8 << 20);
	test_messages();
	test_other_kinds();
	test_keep_alive();
	test_unknown();
	test_failures();
	test_history();
	test_message_ids();
	test_text();
	notification_decoder_release(&decoder);
	return tap_done();
}
