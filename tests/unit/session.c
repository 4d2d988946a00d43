/* The token cache as text, and as a file shared by processes. */
#include "../lib/tap.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/log.h"
#include "store/session.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct session full(void)
{
	struct session s = { .base_url = xstrdup("https://h"),
		.client_id = xstrdup("c"),
		.username = xstrdup("u@x"),
		.grant = xstrdup("password"),
		.user_id = xstrdup("id"),
		.address = xstrdup("a@\"b\\"),
		.correlator = xstrdup("corr"),
		.issued_ms = 1,
		.expires_ms = 1525895987000,
		.refresh_expires_ms = 3,
		.channel_url = xstrdup("/w"),
		.channel_resource = xstrdup("/r"),
		.channel_callback = xstrdup("ws-1"),
		.channel_role = xstrdup("client"),
		.channel_expires_ms = 4,
		.channel_lifetime_ms = 5 };
	struct session_subscription *sub = session_add_subscription(&s);

	sub->service = xstrdup("sms");
	sub->number = xstrdup("+1613");
	sub->url = xstrdup("/s/1");
	sub = session_add_subscription(&s);
	sub->service = xstrdup("chat");
	sub->url = xstrdup("/s/2");
	secret_set(&s.access_token, "access-token", 12);
	secret_set(&s.id_token, "id-token", 8);
	secret_set(&s.refresh_token, "refresh-token", 13);
	return s;
}

static void text_tests(void)
{
	struct session s = full(), back, copy = { 0 };
	struct buf one, two;
	struct err err = ERR_INIT;

	buf_init(&one, BUF_NO_MAX);
	buf_init(&two, BUF_NO_MAX);
	session_encode(&s, &one);
	tap_int(session_decode(one.data, one.len, &back, &err), ST_OK, "what was written can be read");
	session_encode(&back, &two);
	tap_str(two.data, one.data, "the copy encodes to the same text");
	session_copy(&copy, &back);
	session_release(&back);
	buf_clear(&two);
	session_encode(&copy, &two);
	tap_str(two.data, one.data, "a copy stands alone");
	tap_str(copy.refresh_token.s, "refresh-token", "the refresh token is there");
	tap_str(copy.subscriptions[0].number, "+1613", "the number of a subscription");

	session_remove_subscription(&copy, 0);
	tap_int((intmax_t)copy.subscription_count, 1, "one subscription is taken out");
	tap_str(copy.subscriptions[0].service, "chat", "the right one");
	session_forget_tokens(&copy);
	tap_ok(!copy.access_token.s && !copy.id_token.s && !copy.refresh_token.s && !copy.expires_ms,
		"tokens are forgotten");
	tap_str(copy.channel_url, "/w", "which leaves the channel");
	session_forget_channel(&copy);
	tap_ok(!copy.channel_url && !copy.subscriptions && !copy.subscription_count && !copy.channel_lifetime_ms,
		"the channel is forgotten");
	tap_str(copy.correlator, "corr", "which leaves who it was");
	session_release(&copy);
	session_release(&s);
	buf_release(&one);
	buf_release(&two);
}

static void refuse_tests(void)
{
	static const struct {
		const char *text;
		enum status status;
		const char *why;
	} cases[] = {
		{ "", ST_DATA, "" },
		{ "{", ST_DATA, "" },
		{ "[]", ST_DATA, "not a JSON object" },
		{ "{\"version\":2}", ST_CONFIG, "written by a newer version of kandy" },
		{ "{\"accessToken\":\"x\"}", ST_DATA, "missing 'baseUrl'" },
		{ "{\"accessToken\":\"x\",\"baseUrl\":\"h\",\"clientId\":\"c\"}", ST_DATA, "missing 'userId'" },
		{ "{\"accessToken\":\"\"}", ST_DATA, "invalid 'accessToken'" },
		{ "{\"accessToken\":[]}", ST_DATA, "invalid 'accessToken'" },
		{ "{\"expires\":\"soon\"}", ST_DATA, "invalid 'expires'" },
		{ "{\"userId\":{}}", ST_DATA, "invalid 'userId'" },
		{ "{\"channelURL\":\"/w\"}", ST_DATA, "missing 'channelResource'" },
		{ "{\"subscriptions\":[{\"service\":\"chat\"}]}", ST_DATA, "subscription without service or URL" },
		{ "{\"userId\":\"a\\u0000b\"}", ST_DATA, "invalid 'userId'" },
	};
	struct session s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = ERR_INIT;

		tap_int(session_decode(cases[i].text, strlen(cases[i].text), &s, &err), cases[i].status, cases[i].text);
		if (*cases[i].why)
			tap_str(err.text, cases[i].why, "the reason");
		tap_ok(!s.access_token.s && !s.user_id && !s.subscriptions, "nothing is left of it");
	}
	tap_int(session_decode("{\"userId\":null,\"extra\":[1]}", 27, &s, NULL), ST_OK,
		"null is absence, and unknown keys are passed over");
	session_release(&s);
}

static void time_tests(void)
{
	static const char text[] =
		"{\"issued\":-9223372036854775808,\"expires\":9223372036854775807,\"channelExpires\":-1,"
		"\"channelLifetime\":253402300799999}";
	struct session s;

	tap_int(session_decode(text, strlen(text), &s, NULL), ST_OK, "times that nobody has written");
	tap_int(s.issued_ms, 0, "before 1970: not known");
	tap_int(s.expires_ms, CLOCK_LAST_MS, "after 9999: its end");
	tap_int(s.channel_expires_ms, 0, "one before");
	tap_int(s.channel_lifetime_ms, CLOCK_LAST_MS, "just in time");
	session_release(&s);
}

static enum status add_one(struct session *session, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	session->issued_ms++;
	return ST_OK;
}

static enum status fill(struct session *session, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	session_release(session);
	*session = full();
	return ST_OK;
}

static enum status refuse(struct session *session, void *arg, struct err *err)
{
	(void)arg;
	session->issued_ms = 99;
	return err_set(err, ST_DATA, "no");
}

static int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int)(st.st_mode & 07777);
}

static bool exists_like(const char *dir, const char *part)
{
	DIR *d = opendir(dir);
	bool found = false;
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		found |= strstr(entry->d_name, part) != NULL;
	if (d)
		closedir(d);
	return found;
}

static void write_text(const char *path, const char *text)
{
	if (file_write_atomic(path, text, strlen(text), NULL))
		BUG("cannot write");
}

static void file_tests(const char *top)
{
	char *dir = file_join(top, "state/kandy");
	struct store *store = NULL;
	struct session s;
	struct err err = ERR_INIT;
	char *path, *lock;
	bool found = true;
	int fd;

	tap_int(store_new(&store, dir, "../x", &err), ST_USAGE, "a profile name is not a path");
	tap_int(store_new(&store, dir, "", &err), ST_USAGE, "an empty profile name is refused");
	tap_int(store_new(&store, dir, ".hidden", &err), ST_USAGE, "a profile name with a leading dot is refused");
	tap_int(store_new(&store, dir, "work.2_a-b", &err), ST_OK, "else it may be what it likes");
	path = store_path(store, ".json");
	lock = store_path(store, ".lock");
	tap_int(store_load(store, &s, &found, &err), ST_OK, "there is no file yet");
	tap_ok(!found && !s.access_token.s, "the session is empty");
	tap_int(mode_of(dir), -1, "which makes no directory");
	tap_int(store_remove(store, &err), ST_OK, "to remove what is not there is done");
	tap_int(store_update(store, fill, NULL, &err), ST_OK, "the first change makes file and directory");
	tap_int(mode_of(path), 0600, "the file is private");
	tap_int(mode_of(dir), 0700, "the directory too");
	tap_int(store_update(store, refuse, NULL, &err), ST_DATA, "a change that fails");
	tap_int(store_load(store, &s, &found, &err), ST_OK, "leaves the file");
	tap_ok(found && s.issued_ms == 1, "as it was");
	session_release(&s);

	chmod(path, 0640);
	tap_int(store_load(store, &s, &found, &err), ST_CONFIG, "a file that others can read is refused");
	tap_ok(strstr(err.text, "chmod 600") != NULL, "the error says what to do");
	tap_int(store_update(store, add_one, NULL, &err), ST_CONFIG, "also for a change");
	tap_int(store_remove(store, &err), ST_OK, "but it can be removed");
	tap_int(mode_of(path), -1, "the file is deleted");
	tap_int(store_update(store, fill, NULL, &err), ST_OK, "a new one");
	chmod(dir, 0770);
	tap_int(store_load(store, &s, &found, &err), ST_CONFIG, "a directory that others can write to is refused");
	chmod(dir, 0700);

	write_text(path, "{\"accessToken\":");
	log_set_level(LOG_QUIET);
	tap_int(store_load(store, &s, &found, &err), ST_OK, "a corrupt file is not an error");
	tap_ok(!found && !s.access_token.s, "it counts as missing");
	tap_ok(exists_like(dir, "work.2_a-b.json.corrupt-"), "it is quarantined");
	tap_int(mode_of(path), -1, "the corrupt file is moved");
	write_text(path, "\377\376");
	tap_int(store_update(store, add_one, NULL, &err), ST_OK, "a change starts with an empty session");
	write_text(path, "{\"version\":7}");
	tap_int(store_load(store, &s, &found, &err), ST_CONFIG, "a newer kandy's file is left alone");
	tap_ok(strstr(err.text, "newer") && mode_of(path) == 0600, "the error says so, and the file is unchanged");
	unlink(path);

	tap_int(store_update(store, fill, NULL, &err), ST_OK, "full again");
	tap_int(store_remove(store, &err), ST_OK, "removed");
	tap_int(store_load(store, &s, &found, &err), ST_OK, "the new file is read");
	tap_ok(!s.access_token.s && !s.refresh_token.s && !s.channel_url && !s.user_id, "nothing is left");
	tap_str(s.correlator, "corr", "but the correlator of this installation");
	session_release(&s);

	tap_int(store_lock(store, ".renew", 0, &fd, &err), ST_OK, "the renewal lock");
	tap_int(store_update(store, add_one, NULL, &err), ST_OK, "does not stand in the way of a change");
	tap_int(file_lock(lock, 0, &(int){ 0 }, &err), ST_OK, "whose own lock is free again");
	close(fd);
	free(path);
	free(lock);
	free(dir);
	store_free(store);
}

/* Many processes change one file; no change is lost. */
static void crowd_test(const char *top)
{
	enum { PROCESSES = 8, CHANGES = 25 };
	struct store *store = NULL;
	struct session s;
	bool found, fine = true;

	if (store_new(&store, top, "crowd", NULL))
		BUG("no store");
	for (int i = 0; i < PROCESSES; i++) {
		if (fork())
			continue;
		for (int k = 0; k < CHANGES; k++) {
			if (store_update(store, add_one, NULL, NULL))
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0, status; i < PROCESSES; i++)
		fine &= wait(&status) > 0 && !status;
	tap_ok(fine, "every process could change the file");
	tap_int(store_load(store, &s, &found, NULL), ST_OK, "which is whole");
	tap_int(s.issued_ms, PROCESSES * CHANGES, "every change is there");
	session_release(&s);
	store_free(store);
}

int main(void)
{
	char top[] = "/tmp/kandy-unit.XXXXXX";
	char *command;

	if (!mkdtemp(top))
		return 1;
	text_tests();
	refuse_tests();
	time_tests();
	file_tests(top);
	crowd_test(top);
	command = xasprintf("rm -rf '%s'", top);
	if (system(command))
		return 1;
	free(command);
	log_close();
	return tap_done();
}
