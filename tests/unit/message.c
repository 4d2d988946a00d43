/* message.h, upload.h, mime.h: what goes over the wire, and what the answers say. */
#include "wire/message.h"
#include "wire/mime.h"
#include "wire/object.h"
#include "tests/lib/tap.h"

#include <stdlib.h>

static struct buf out;

static const char *path_to(enum chat_type type, const char *id)
{
	struct address to = { .type = type, .id = (char *)(uintptr_t)id };

	buf_clear(&out);
	message_path(&out, "user/1", &to);
	return out.data;
}

static void test_paths(void)
{
	tap_str(path_to(CHAT_ONE_TO_ONE, "bob@acme.example.com"),
		"/cpaas/chat/v1/user%2F1/oneToOne/bob@acme.example.com/adhoc/messages",
		"one to one: '@' stays, '/' does not");
	tap_str(path_to(CHAT_ONE_TO_ONE, "b o?b#%+é@x"),
		"/cpaas/chat/v1/user%2F1/oneToOne/b%20o%3Fb%23%25+%C3%A9@x/adhoc/messages",
		"what no path segment may hold is encoded");
	tap_str(path_to(CHAT_GROUP, "g/1"), "/cpaas/chat/v1/user%2F1/group/g%2F1/messages", "a group");
	tap_str(path_to(CHAT_SMS, "+1613"), "/cpaas/smsmessaging/v1/user%2F1/outbound/default/requests", "SMS");
}

static const char *encode(enum chat_type type, const char *text, size_t files)
{
	struct address to = { .type = type, .id = (char[]){ "+1613" } };
	struct message_file list[] = { { (char[]){ "é \"1\".png" }, (char[]){ "x1" } },
		{ (char[]){ "b" }, (char[]){ "x2" } } };
	struct message message = { .to = &to, .text = text, .files = list, .file_count = files };

	buf_clear(&out);
	message_encode(&out, &message, "corr");
	return out.data;
}

static void test_bodies(void)
{
	tap_str(encode(CHAT_ONE_TO_ONE, "say \"hi\"\n\\", 0), "{\"chatMessage\":{\"text\":\"say \\\"hi\\\"\\n\\\\\"}}",
		"a text");
	tap_str(encode(CHAT_GROUP, "", 2),
		"{\"chatMessage\":{\"text\":\"\",\"attachment\":[{\"name\":\"é \\\"1\\\".png\",\"x-id\":\"x1\"},{\"name\":\"b\",\"x-id\":\"x2\"}]}}",
		"attachments");
	tap_str(encode(CHAT_SMS, "hi", 0),
		"{\"outboundSMSMessageRequest\":{\"address\":[\"+1613\"],\"clientCorrelator\":\"corr\",\"outboundSMSTextMessage\":{\"message\":\"hi\"}}}",
		"SMS");
	buf_clear(&out);
	message_clean(&out, "a\0b\xff\xc3\xa9", 6);
	tap_str(out.data,
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd\xc3\xa9",
		"NUL and invalid bytes become U+FFFD");
}

static struct message_sent sent;

static enum status decode(const char *text, enum chat_type type, struct err *err)
{
	struct json_doc doc = { 0 };
	struct err parse = ERR_INIT;
	enum status st;

	message_sent_release(&sent);
	if (*text && json_parse(&doc, text, strlen(text), NULL, &parse))
		printf("# %s\n", parse.text);
	st = message_decode_sent(json_root(&doc), type, 5000, &sent, err);
	json_release(&doc);
	return st;
}

static void test_answers(void)
{
	struct err err = ERR_INIT;

	tap_int(decode("{\"chatMessage\":{\"dateTime\":1525895987,\"status\":\"Sent\",\"resourceURL\":\"/cpaas/chat/v1/u/oneToOne/b@x/adhoc/messages/m%201?x\"}}",
			CHAT_ONE_TO_ONE, &err),
		ST_OK, "an answer");
	tap_str(sent.id, "m 1", "its ID is what stands behind /messages/, decoded");
	tap_int(sent.timestamp_ms, 1525895987000, "seconds become milliseconds");
	tap_ok(sent.timed, "the time is the service's");
	decode("{\"chatMessage\":{\"dateTime\":\"1525895987123\",\"resourceURL\":\"/x/messages/\"}}", CHAT_GROUP, &err);
	tap_int(sent.timestamp_ms, 1525895987123, "milliseconds, as a string, stay");
	tap_str(sent.id, NULL, "no ID behind /messages/");
	tap_str(sent.status, "Sent", "a status that is missing");
	tap_int(decode("{\"chatMessage\":{}}", CHAT_ONE_TO_ONE, &err), ST_OK,
		"an answer without details is an acceptance");
	tap_int(sent.timestamp_ms, 5000, "whose time is ours");
	tap_ok(!sent.timed, "the time is marked as local");
	tap_int(decode("", CHAT_ONE_TO_ONE, &err), ST_PROTOCOL, "an empty answer");
	tap_int(err.outcome, ERR_MAYBE_SENT,
		"may come from something in between: whether the message was sent is open");
	tap_int(decode("{\"hello\":1}", CHAT_ONE_TO_ONE, &err), ST_PROTOCOL, "an answer about something else");
	tap_int(err.outcome, ERR_MAYBE_SENT, "leaves open whether the message was sent");
	decode("{\"outboundSMSMessageRequest\":{\"deliveryInfoList\":{\"deliveryInfo\":[{\"address\":\"+1\",\"deliveryStatus\":\"DeliveredToNetwork\"}]},"
	       "\"resourceURL\":\"/r/remoteAddresses/+1/localAddresses/+2/messages/s1\"}}",
		CHAT_SMS, &err);
	tap_str(sent.status, "DeliveredToNetwork", "SMS: its state");
	tap_str(sent.id, "s1", "the ID");
	message_sent_release(&sent);
}

static const char *xid_of(const char *text)
{
	static char id[sizeof(((struct err *)0)->text) + 32];
	struct json_doc doc = { 0 };
	struct err err = ERR_INIT;
	char *xid = NULL;

	if (json_parse(&doc, text, strlen(text), NULL, &err) || object_decode(json_root(&doc), &xid, &err))
		snprintf(id, sizeof(id), "%d %s", (int)err.status, strstr(err.text, "x-id") ? "names x-id" : err.text);
	else
		snprintf(id, sizeof(id), "%s", xid);
	free(xid);
	json_release(&doc);
	return id;
}

static void test_uploads(void)
{
	tap_str(xid_of("{\"object\":{\"attributes\":{\"attribute\":[{\"name\":\"link\",\"value\":\"l\"},{\"name\":\"x-id\",\"value\":\"776e\"}]}}}"),
		"776e", "x-id as a plain value");
	tap_str(xid_of("{\"object\":{\"attributes\":{\"attribute\":[{\"name\":\"X-Id\",\"value\":[\"776f\"]}]}}}"),
		"776f", "x-id in an array of one");
	tap_str(xid_of("{\"object\":{\"attributes\":{\"attribute\":[{\"name\":\"x-id\",\"value\":12}]}}}"), "12",
		"a number");
	tap_str(xid_of("{\"object\":{\"attributes\":{\"attribute\":[{\"name\":\"x-id\",\"value\":\"\"}]}}}"),
		"76 names x-id", "an empty one is none");
	tap_str(xid_of("{}"), "76 names x-id", "an answer without it is named as such");
	buf_clear(&out);
	object_path(&out, "u 1");
	tap_str(out.data, "/cpaas/nms/v1/chat/u%201/objects", "the path");
}

static void test_types(void)
{
	tap_str(mime_type_of("a/b.c/pic.PNG"), "image/png", "in either case");
	tap_str(mime_type_of("x.tar.gz"), "application/gzip", "the last extension counts");
	tap_str(mime_type_of("README"), "application/octet-stream", "no extension");
	tap_str(mime_type_of(".png"), "application/octet-stream", "a hidden file is no picture");
	tap_str(mime_type_of("a.b/c"), "application/octet-stream", "a directory's dot is none");
	tap_str(mime_type_of("a.3gp"), "video/3gpp", "the first of the table");
	tap_str(mime_type_of("a.zst"), "application/zstd", "the last of the table");
	tap_ok(mime_valid("text/plain; charset=utf-8") && mime_valid("application/vnd.a+b"), "types");
	tap_ok(!mime_valid("text") && !mime_valid("text/") && !mime_valid("/x") && !mime_valid("a/b\r\nX: y") &&
			!mime_valid("a/b\xc3"),
		"what is none");
}

int main(void)
{
	buf_init(&out, 65536);
	test_paths();
	test_bodies();
	test_answers();
	test_uploads();
	test_types();
	buf_release(&out);
	return tap_done();
}
