/* lookup.h: present, not found or inconclusive, by position, accounted IDs and posts in doubt. */
#include "send/lookup.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <unistd.h>

#define SINCE INT64_C(1700000000000)

static struct lookup lookup;
static struct sent_ids *ids;
static uint64_t conversation;

/* Looks through one page made of `entries`, with the lookup as it is. */
static enum lookup_result page(const char *entries, const char *next)
{
	struct json_doc doc = { 0 };
	struct err err = ERR_INIT;
	struct buf text;
	enum lookup_result result = LOOKUP_MORE;

	buf_init(&text, 65536);
	buf_addf(&text, "{\"chatMessageList\":{\"chatMessage\":%s%s%s%s}}", entries, next ? ",\"next\":\"" : "",
		next ? next : "", next ? "\"" : "");
	if (json_parse(&doc, text.data, text.len, NULL, &err))
		printf("# %s: %s\n", err.text, text.data);
	else
		result = lookup_page(&lookup, json_root(&doc));
	json_release(&doc);
	buf_release(&text);
	return result;
}

/* The same from the start. */
static enum lookup_result look(const char *entries)
{
	lookup_release(&lookup);
	return page(entries, NULL);
}

#define ENTRY(text, sender, time, id) \
	"{\"text\":\"" text "\",\"senderAddress\":\"" sender "\",\"dateTime\":" time \
	",\"resourceURL\":\"/x/messages/" id "\"}"
#define OURS(text, id) ENTRY(text, "alice@x", "1700000001", id)
#define FLOOR OURS("hi", "floor")

/* What services make of texts, senders and attachments: it could be the request, or it could not. */
static void test_normalisation(void)
{
	static const struct {
		const char *posted, *entry;
		enum lookup_result wanted;
	} cases[] = {
		{ "hi", OURS("hi", "m1"), LOOKUP_PRESENT },
		{ " hi \r\n", OURS("hi", "m1"), LOOKUP_PRESENT },
		{ "a\r\nb", OURS("a\\nb", "m1"), LOOKUP_PRESENT },
		{ "a < b & c", OURS("a &lt; b &amp; c", "m1"), LOOKUP_PRESENT },
		{ "it's", OURS("it&#39;s", "m1"), LOOKUP_PRESENT },
		{ "caf\x65\xcc\x81 is open", OURS("caf\xc3\xa9 is open", "m1"), LOOKUP_PRESENT },
		{ "done \xf0\x9f\x98\x80", OURS("done ?", "m1"), LOOKUP_PRESENT },
		{ "done \xf0\x9f\x98\x80", OURS("done :grinning:", "m1"), LOOKUP_PRESENT },
		{ "\xf0\x9f\x98\x80", OURS(":-)", "m1"), LOOKUP_PRESENT },
		{ "a long text", OURS("a long", "m1"), LOOKUP_PRESENT },
		{ "a long text", OURS("a lo...", "m1"), LOOKUP_PRESENT },
		{ "Disk Full", OURS("disk full", "m1"), LOOKUP_PRESENT },
		{ "hi", ENTRY("hi", "sip:alice@x", "1700000001", "m1"), LOOKUP_PRESENT },
		{ "hi", ENTRY("hi", "Alice@X", "1700000001", "m1"), LOOKUP_PRESENT },
		{ "hi", ENTRY("hi", "u", "1700000001", "m1"), LOOKUP_PRESENT },
		{ "hi", "{\"text\":\"hi\",\"x-type\":\"outbound\",\"resourceURL\":\"/x/messages/m1\"}",
			LOOKUP_PRESENT },
		{ "hi", ENTRY("hi", "bob@x", "1700000001", "m1"), LOOKUP_NOT_FOUND },
		{ "hi", ENTRY("hi", "sip:bob@x", "1700000001", "m1"), LOOKUP_NOT_FOUND },
		{ "hi", "{\"text\":\"hi\",\"x-type\":\"inbound\",\"resourceURL\":\"/x/messages/m1\"}",
			LOOKUP_NOT_FOUND },
		{ "hi", OURS("***", "m1"), LOOKUP_INCONCLUSIVE },
		{ "hi", OURS("ho", "m1"), LOOKUP_INCONCLUSIVE },
		{ "hi", OURS("hi", "m2") "," OURS("hi", "m1"), LOOKUP_INCONCLUSIVE },
	};
	struct message message = *lookup.message;
	const struct message *before = lookup.message;
	char text[600];

	lookup.message = &message;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		message.text = cases[i].posted;
		snprintf(text, sizeof(text), "[%s,%s]", cases[i].entry, FLOOR);
		tap_int(look(text), cases[i].wanted, cases[i].entry);
	}
	lookup.message = before;
}

static void test_position(void)
{
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_PRESENT, "the only own message above the floor");
	tap_str(lookup.found.id, "m1", "the ID of the message found");
	tap_int(look("[" ENTRY("hi", "alice@x", "1600000001", "m1") "," FLOOR "]"), LOOKUP_PRESENT,
		"position decides, whatever the clocks say");
	tap_int(look("[" FLOOR "," OURS("hi", "m1") "]"), LOOKUP_NOT_FOUND, "a message below the floor is older");
	tap_int(look("[" FLOOR "]"), LOOKUP_NOT_FOUND, "the message sent before is not taken for the request");
	lookup.last_sent_id = "last";
	tap_int(look("[" OURS("hi", "last") "]"), LOOKUP_NOT_FOUND, "the last ID of this run is a floor");
	tap_int(look("[" FLOOR "]"), LOOKUP_INCONCLUSIVE, "a history that does not show the last message lags");
	tap_int(look("[]"), LOOKUP_INCONCLUSIVE, "an empty history lags, too");
	lookup.last_sent_id = NULL;
	tap_int(look("[]"), LOOKUP_NOT_FOUND, "an empty history of a new conversation");
}

static void test_window(void)
{
	tap_int(look("[" OURS("hi", "m1") "]"), LOOKUP_INCONCLUSIVE,
		"without a floor and a clock, a message may be an old one");
	lookup.window = (struct lookup_window){ true, SINCE, SINCE + 2000 };
	tap_int(look("[" OURS("hi", "m1") "]"), LOOKUP_PRESENT, "without a floor, its time must fit");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999998", "m1") "]"), LOOKUP_INCONCLUSIVE,
		"the same text from elsewhere, two seconds earlier");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999998", "m1") "," FLOOR "]"), LOOKUP_INCONCLUSIVE,
		"a time that contradicts the position");
	tap_int(look("[{\"text\":\"hi\",\"senderAddress\":\"alice@x\"}]"), LOOKUP_INCONCLUSIVE,
		"a message without a time");
	tap_int(look("{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":1700000001}"), LOOKUP_PRESENT,
		"an object for an array of one");
	lookup.window = (struct lookup_window){ 0 };
	lookup.oldest_ms = SINCE;
	tap_int(look("[" ENTRY("hi", "alice@x", "1699900000", "m1") "]"), LOOKUP_NOT_FOUND,
		"more than a day older than the request is a floor");
	lookup.oldest_ms = 0;
}

static void test_accounts(void)
{
	uint64_t number;

	sent_ids_note(ids, conversation, "other", 0, "spooled-2");
	tap_int(look("[" OURS("hi", "other") "," FLOOR "]"), LOOKUP_NOT_FOUND,
		"an ID that is accounted for is not a candidate");
	lookup.origin = "spooled-2";
	tap_int(look("[" OURS("hi", "other") "," FLOOR "]"), LOOKUP_PRESENT,
		"the same message, noted by an earlier process");
	lookup.origin = NULL;
	number = sent_ids_begin(ids, conversation, lookup_fingerprint("hi"));
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_INCONCLUSIVE, "it may be another post in doubt");
	sent_ids_settle(ids, number);
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_PRESENT, "it may not, once that is settled");
	number = sent_ids_begin(ids, conversation, lookup_fingerprint("something else"));
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_PRESENT, "a post in doubt of another text");
	tap_int(look("[" OURS("something else", "m1") "," FLOOR "]"), LOOKUP_NOT_FOUND,
		"an own message that a post in doubt explains");
	sent_ids_settle(ids, number);
	number = sent_ids_begin(ids, sent_ids_conversation("chat-oneToOne", "carol@x"), lookup_fingerprint("hi"));
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_PRESENT, "a post in doubt to another conversation");
	sent_ids_settle(ids, number);
	sent_ids_note(ids, sent_ids_conversation("chat-oneToOne", "carol@x"), "m1", 0, NULL);
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_PRESENT,
		"the same ID in another conversation is another message");
}

/* A table that has forgotten IDs cannot say that one was never sent. */
static void test_forgotten(void)
{
	struct lookup before = lookup;
	char id[32];

	sent_ids_settle(ids, lookup.first);
	for (int i = 0; i < 200000; i++) {
		snprintf(id, sizeof(id), "filler-%d", i);
		sent_ids_note(ids, conversation, id, 0, NULL);
	}
	lookup.first = lookup.last = sent_ids_begin(ids, conversation, lookup_fingerprint("hi"));
	lookup.window = (struct lookup_window){ true, SINCE, SINCE + 2000 };
	tap_int(look("[" OURS("hi", "m1") "]"), LOOKUP_INCONCLUSIVE, "a message that may be a forgotten one");
	tap_int(look("[" OURS("hi", "m1") "," OURS("hi", "filler-199999") "]"), LOOKUP_PRESENT,
		"a message above one that was noted after everything forgotten");
	sent_ids_settle(ids, lookup.first);
	lookup.first = before.first;
	lookup.last = before.last;
	lookup.window = before.window;
}

static void test_without_table(void)
{
	lookup.ids = sent_ids_new("/proc/nonexistent/ids");
	lookup.last_sent_id = "floor";
	tap_int(look("[" OURS("hi", "m1") "," FLOOR "]"), LOOKUP_INCONCLUSIVE,
		"without the table, nothing can be ruled out");
	tap_int(look("[" FLOOR "]"), LOOKUP_NOT_FOUND, "an absent message needs no table");
	sent_ids_free(lookup.ids);
	lookup.ids = ids;
	lookup.last_sent_id = NULL;
}

static void test_pages(void)
{
	struct buf path;

	lookup_release(&lookup);
	tap_int(page("[" ENTRY("a", "bob@x", "1700000009", "m9") "]", "t/2"), LOOKUP_MORE, "another page is wanted");
	buf_init(&path, 1024);
	lookup_path(&lookup, &path);
	tap_str(path.data, "/cpaas/chat/v1/u/oneToOne/bob@x/adhoc/messages?max=50&next=t%2F2",
		"the path has the page's token");
	buf_release(&path);
	tap_int(page("[" OURS("hi", "m1") "]", "t/3"), LOOKUP_MORE, "a candidate alone is no floor");
	tap_int(page("[" OURS("hi", "m1") "," FLOOR "]", NULL), LOOKUP_PRESENT,
		"a message that moved to the next page counts once");
	lookup_release(&lookup);
	for (int i = 1; i < LOOKUP_PAGES_MAX; i++) {
		if (page("[]", "more") != LOOKUP_MORE)
			tap_ok(false, "more pages");
	}
	tap_int(page("[]", "more"), LOOKUP_INCONCLUSIVE, "a history without end is inconclusive");
}

static void test_files(void)
{
	struct message_file files[] = { { (char[]){ "a" }, (char[]){ "x1" } }, { (char[]){ "b" }, (char[]){ "x2" } } };
	struct message message = *lookup.message;
	const struct message *before = lookup.message;
	static const struct {
		const char *files;
		enum lookup_result wanted;
		const char *name;
	} cases[] = {
		{ "[{\"x-id\":\"x1\"},{\"x-id\":\"x2\"}]", LOOKUP_PRESENT, "the same attachments" },
		{ "[{\"x-id\":\"x2\"},{\"x-id\":\"x1\"}]", LOOKUP_PRESENT, "attachments in another order" },
		{ "[{\"name\":\"a\"},{\"name\":\"b\"}]", LOOKUP_PRESENT, "attachments without x-id" },
		{ "[{\"x-id\":\"x8\"},{\"x-id\":\"x9\"}]", LOOKUP_PRESENT, "attachments with other x-ids" },
		{ "{\"x-id\":\"x1\"}", LOOKUP_PRESENT, "a service that keeps the first attachment alone" },
		{ "[]", LOOKUP_INCONCLUSIVE, "no attachments" },
		{ "[{\"x-id\":\"x1\"},{\"x-id\":\"x2\"},{\"x-id\":\"x3\"}]", LOOKUP_INCONCLUSIVE, "more attachments" },
	};
	char text[400];

	message.files = files;
	message.file_count = 2;
	lookup.message = &message;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			"[{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"attachment\":%s,\"resourceURL\":\"/x/messages/m1\"}," FLOOR
			"]",
			cases[i].files);
		tap_int(look(text), cases[i].wanted, cases[i].name);
	}
	message.text = "";
	tap_int(look("[{\"senderAddress\":\"alice@x\",\"attachment\":[{\"x-id\":\"x1\"},{\"x-id\":\"x2\"}]}," FLOOR
		     "]"),
		LOOKUP_PRESENT, "attachments alone, whose empty text is left out");
	lookup.message = before;
}

int main(void)
{
	struct address to = { .type = CHAT_ONE_TO_ONE, .id = (char[]){ "bob@x" } };
	struct message message = { .to = &to, .text = "hi" };
	char path[] = "/tmp/kandy-lookup-XXXXXX";
	int fd = mkstemp(path);

	ids = sent_ids_new(path);
	conversation = sent_ids_conversation("chat-oneToOne", "Bob@x");
	sent_ids_note(ids, conversation, "floor", 0, NULL);
	lookup = (struct lookup){ .message = &message,
		.sender = "alice@x",
		.user_id = "u",
		.ids = ids,
		.conversation = sent_ids_conversation("chat-oneToOne", "bob@x"),
		.oldest_ms = 0 };
	lookup.first = lookup.last = sent_ids_begin(ids, conversation, lookup_fingerprint("hi"));
	test_normalisation();
	test_position();
	test_window();
	test_accounts();
	test_pages();
	test_files();
	test_without_table();
	test_forgotten();
	lookup_release(&lookup);
	sent_ids_free(ids);
	if (fd >= 0)
		close(fd);
	unlink(path);
	return tap_done();
}
