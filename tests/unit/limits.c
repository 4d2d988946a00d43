/* Limits on what comes in: each one below it, at it, and one above. */
#include "wire/address.h"
#include "wire/auth.h"
#include "wire/draft.h"
#include "wire/notification.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/config.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <unistd.h>

static struct json_doc doc;
static struct err err;

static void limit(bool taken, bool wanted, const char *what, size_t n)
{
	char name[100];

	snprintf(name, sizeof(name), "%s: %zu %s", what, n, wanted ? "is fine" : "is too much");
	tap_ok(taken == wanted, name);
}

static void add_many(struct buf *out, char c, size_t count)
{
	while (count--)
		buf_addc(out, c);
}

/* A draft of `recipients`, `files`, and a text of `bytes`. */
static bool draft_taken(size_t recipients, size_t files, size_t bytes)
{
	struct draft *draft;
	struct buf line;
	bool taken;

	buf_init(&line, BUF_NO_MAX);
	buf_adds(&line, "{\"to\":[");
	for (size_t i = 0; i < recipients; i++)
		buf_addf(&line, "%s\"u%zu@acme.example.com\"", i ? "," : "", i);
	buf_adds(&line, "],\"files\":[");
	for (size_t i = 0; i < files; i++)
		buf_addf(&line, "%s\"f%zu\"", i ? "," : "", i);
	buf_adds(&line, "],\"text\":\"");
	add_many(&line, 'x', bytes);
	buf_adds(&line, "\"}");
	draft = draft_from_json(&doc, line.data, line.len, &(struct draft_defaults){ 0 });
	taken = !draft->bad.status && draft->to_count == recipients && draft->file_count == files;
	draft_free(draft);
	buf_release(&line);
	return taken;
}

static bool address_taken(size_t len)
{
	struct address address = { 0 };
	struct buf text;
	bool taken;

	buf_init(&text, BUF_NO_MAX);
	buf_adds(&text, "group:");
	add_many(&text, 'g', len);
	taken = !address_parse(&address, text.data, NULL, &err);
	address_release(&address);
	buf_release(&text);
	return taken;
}

/* A notification of a kind that nobody knows, so deep, with a filling of so many bytes. */
static bool notification_taken(size_t depth, size_t bytes)
{
	static struct notification_decoder decoder;
	struct notification n;
	struct buf text, out;
	bool taken;

	buf_init(&text, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	buf_adds(&text, "{\"x\":");
	add_many(&text, '[', depth - 1);
	add_many(&text, ']', depth - 1);
	buf_addc(&text, '}');
	if (bytes)
		add_many(&text, ' ', bytes - text.len);
	taken = !notification_decode(&decoder, text.data, text.len, &out, &n, &err);
	buf_release(&out);
	buf_release(&text);
	return taken;
}

static bool config_taken(size_t bytes)
{
	char path[] = "/tmp/kandy-limits-XXXXXX";
	struct config *config = NULL;
	int fd = mkstemp(path);
	bool found, taken;
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	add_many(&text, '#', bytes);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		return false;
	close(fd);
	taken = !config_read(&config, path, true, &found, &err);
	unlink(path);
	config_free(config);
	buf_release(&text);
	return taken;
}

static bool token_taken(size_t len)
{
	struct session session = { .user_id = xstrdup("u") };
	struct buf answer;
	bool taken;

	buf_init(&answer, BUF_NO_MAX);
	buf_adds(&answer, "{\"access_token\":\"");
	add_many(&answer, 't', len);
	buf_adds(&answer, "\"}");
	taken = !json_parse(&doc, answer.data, answer.len, NULL, &err) &&
		!auth_decode(json_root(&doc), 0, &session, &err) && session.access_token.len == len;
	session_release(&session);
	buf_release(&answer);
	return taken;
}

int main(void)
{
	log_set_level(LOG_QUIET);
	for (int more = -1; more <= 1; more++) {
		bool fine = more <= 0;

		limit(draft_taken(DRAFT_RECIPIENTS_MAX + more, 1, 1), fine, "recipients", DRAFT_RECIPIENTS_MAX + more);
		limit(draft_taken(1, DRAFT_FILES_MAX + more, 1), fine, "attachments", DRAFT_FILES_MAX + more);
		limit(draft_taken(1, 0, DRAFT_TEXT_MAX + more), fine, "bytes of text", DRAFT_TEXT_MAX + more);
		limit(address_taken(512 + more), fine, "bytes of an address", 512 + more);
		limit(notification_taken(NOTIFICATION_DEPTH_MAX + more, 0), fine, "levels in a notification",
			NOTIFICATION_DEPTH_MAX + more);
		limit(notification_taken(2, (1 << 20) + more), fine, "bytes of a notification", (1 << 20) + more);
		limit(token_taken(65536 + more), fine, "bytes of a token", 65536 + more);
		limit(config_taken((1 << 20) + more), fine, "bytes of a configuration file", (1 << 20) + more);
	}
	tap_cases("limits");
	return tap_done();
}
