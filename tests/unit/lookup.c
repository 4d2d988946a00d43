/* lookup.h: found, not found, or inconclusive. */
#include "send/lookup.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <unistd.h>

#define SINCE INT64_C(1700000000000)

static struct lookup lookup;

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

static void test_time(void)
{
	lookup.last_sent_id = NULL;
	tap_int(look("[]"), LOOKUP_NOT_FOUND, "not found in an empty history");
	tap_int(look("[" ENTRY("hi", "Alice@x", "1700000001", "m1") "]"), LOOKUP_FOUND,
		"found: our own, newer, same text");
	tap_str(lookup.found.id, "m1", "its ID");
	tap_int(lookup.found.timestamp_ms, SINCE + 1000, "its time");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999998", "m1") "]"), LOOKUP_FOUND,
		"found: two seconds earlier is within the tolerance of the clocks");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999990", "m1") "]"), LOOKUP_NOT_FOUND,
		"not found: ten seconds earlier is another message");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000060", "m1") "]"), LOOKUP_FOUND, "found: a minute late");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000070", "m1") "]"), LOOKUP_INCONCLUSIVE,
		"inconclusive: more than a minute late");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000070", "m2") "," ENTRY("hi", "alice@x", "1700000001", "m1") "]"),
		LOOKUP_FOUND, "found: an entry in time among late ones");
	tap_str(lookup.found.id, "m1", "the entry in time is the result");
	lookup.skew_known = false;
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_FOUND,
		"unknown skew: clocks are assumed to agree");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999990", "m1") "]"), LOOKUP_INCONCLUSIVE,
		"unknown skew: ten seconds earlier is inconclusive");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699990000", "m1") "]"), LOOKUP_INCONCLUSIVE,
		"unknown skew: hours earlier is inconclusive");
	tap_int(look("[" ENTRY("ho", "alice@x", "1699990000", "m1") "]"), LOOKUP_NOT_FOUND,
		"unknown skew: another text is not found");
	lookup.skew_known = true;
	tap_int(look("[" ENTRY("hi", "bob@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND, "not found: another sender");
	tap_int(look("[" ENTRY("ho", "alice@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND, "not found: another text");
	tap_int(look("[{\"text\":\"hi\",\"senderAddress\":\"alice@x\"}]"), LOOKUP_INCONCLUSIVE,
		"inconclusive: entry without a time");
	tap_int(look("[{\"text\":\"hi\",\"dateTime\":1700000001}]"), LOOKUP_INCONCLUSIVE,
		"inconclusive: entry without a sender");
	tap_int(look("[{\"text\":\"hi\",\"x-type\":\"outbound\",\"dateTime\":1700000001}]"), LOOKUP_FOUND,
		"found: outbound is our own");
	tap_int(look("{\"text\":\"hi\",\"x-type\":\"outbound\",\"dateTime\":1700000001}"), LOOKUP_FOUND,
		"found: an object in place of an array of one");
}

/* What this profile has sent lately is known by its ID. */
static void test_others(void)
{
	char path[] = "/tmp/kandy-lookup-XXXXXX";
	int fd = mkstemp(path);

	lookup.others = sent_ids_new(path);
	sent_ids_note(lookup.others, "m1", NULL);
	sent_ids_note(lookup.others, "m2", "spooled-2");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND,
		"not found: an ID recorded for another message");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m3") "," ENTRY("hi", "alice@x", "1700000001", "m1") "]"),
		LOOKUP_FOUND, "found: an entry besides the recorded one");
	tap_str(lookup.found.id, "m3", "the ID that was not recorded is the result");
	lookup.origin = "spooled-3";
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m2") "]"), LOOKUP_NOT_FOUND,
		"not found: an ID recorded for another origin");
	lookup.origin = "spooled-2";
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m2") "]"), LOOKUP_FOUND,
		"found: an ID recorded for the same origin");
	sent_ids_free(lookup.others);
	lookup.others = sent_ids_new(path);
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND,
		"recorded IDs are seen by the next process");
	sent_ids_free(lookup.others);
	lookup.others = sent_ids_new("/proc/nonexistent/ids");
	sent_ids_note(lookup.others, "m1", NULL);
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_FOUND,
		"without the file of IDs, the time decides");
	sent_ids_free(lookup.others);
	lookup.others = NULL;
	lookup.origin = NULL;
	if (fd >= 0)
		close(fd);
	unlink(path);
}

static void test_last_sent_id(void)
{
	lookup.last_sent_id = "m1";
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND,
		"not found: the previous message");
	tap_int(look("[" ENTRY("hi", "alice@x", "1699999000", "m2") "," ENTRY("hi", "alice@x", "1699999000", "m1") "]"),
		LOOKUP_FOUND, "found: above the previous message, whatever the clocks say");
	tap_str(lookup.found.id, "m2", "the entry above the previous message is the result");
	tap_int(look("[" ENTRY("ho", "bob@x", "1700000001", "m2") "," ENTRY("hi", "alice@x", "1699999999", "m1") "]"),
		LOOKUP_NOT_FOUND, "not found: nothing of ours above the previous message");
	lookup.last_sent_id = NULL;
}

static void test_pages(void)
{
	struct buf path;

	lookup_release(&lookup);
	tap_int(page("[" ENTRY("a", "bob@x", "1700000009", "m9") "]", "t/2"), LOOKUP_MORE,
		"more: there is another page");
	buf_init(&path, 1024);
	lookup_path(&lookup, &path, "u");
	tap_str(path.data, "/cpaas/chat/v1/u/oneToOne/bob@x/adhoc/messages?max=50&next=t%2F2",
		"the next page is requested by its token");
	buf_release(&path);
	tap_int(page("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]", NULL), LOOKUP_FOUND,
		"found: on the second page");
	lookup_release(&lookup);
	for (int i = 1; i < LOOKUP_PAGES_MAX; i++) {
		if (page("[]", "more") != LOOKUP_MORE)
			tap_ok(false, "more pages");
	}
	tap_int(page("[]", "more"), LOOKUP_INCONCLUSIVE, "inconclusive: too many pages");
}

static void test_files(void)
{
	struct message_file files[] = { { (char[]){ "a" }, (char[]){ "x1" } }, { (char[]){ "b" }, (char[]){ "x2" } } };
	struct message message = *lookup.message;
	const struct message *before = lookup.message;
	static const char entry[] =
		"[{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":1700000001,\"attachment\":[{\"x-id\":\"x1\"},{\"x-id\":\"%s\"}]}]";
	char text[256];

	tap_int((snprintf(text, sizeof(text), entry, "x2"), look(text)), LOOKUP_NOT_FOUND,
		"not found: attachments that were not sent");
	message.files = files;
	message.file_count = 2;
	lookup.message = &message;
	tap_int(look(text), LOOKUP_FOUND, "found: the same attachments");
	snprintf(text, sizeof(text), entry, "x3");
	tap_int(look(text), LOOKUP_NOT_FOUND, "not found: another attachment");
	tap_int(look("[" ENTRY("hi", "alice@x", "1700000001", "m1") "]"), LOOKUP_NOT_FOUND, "no attachments");
	message.text = "";
	tap_int(look("[{\"senderAddress\":\"alice@x\",\"dateTime\":1700000001,\"attachment\":[{\"x-id\":\"x1\"},{\"x-id\":\"x2\"}]}]"),
		LOOKUP_FOUND, "attachments alone, the empty text left out");
	lookup.message = before;
}

int main(void)
{
	struct address to = { .type = CHAT_ONE_TO_ONE, .id = (char[]){ "bob@x" } };
	struct message message = { .to = &to, .text = "hi" };

	lookup = (struct lookup){ .message = &message,
		.sender = "alice@x",
		.since_ms = SINCE,
		.until_ms = SINCE + 1000,
		.skew_known = true };
	test_time();
	test_others();
	test_last_sent_id();
	test_pages();
	test_files();
	lookup_release(&lookup);
	return tap_done();
}
