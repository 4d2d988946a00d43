/* What stderr and the trace get to see: no secret, no control character, one line each. */
#include "base/log.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/redact.h"
#include "base/secret.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/kandy-log-XXXXXX";
static int saved_stderr;

static void begin(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/stderr", dir);
	if (!freopen(path, "w+", stderr))
		_exit(1);
}

static const char *end(void)
{
	static struct buf text;
	char path[64];
	struct err err;

	snprintf(path, sizeof(path), "%s/stderr", dir);
	buf_release(&text);
	buf_init(&text, 1 << 20);
	if (file_read(path, &text, &err))
		buf_adds(&text, err.text);
	return text.data;
}

static void test_lines(void)
{
	begin();
	log_error("a plain %s", "sentence");
	tap_str(end(), "kandy: a plain sentence\n", "an error");
	log_set_command("send");
	begin();
	log_warn("w");
	log_note("n");
	log_verbose("v");
	tap_str(end(), "kandy: send: warning: w\nkandy: send: n\n", "a warning and a note");
	log_set_level(LOG_QUIET);
	begin();
	log_warn("w");
	log_note("n");
	log_error("e");
	log_security("a");
	tap_str(end(), "kandy: send: e\nkandy: send: warning: a\n", "-q leaves errors and alarms");
	log_set_level(LOG_VERBOSE);
	begin();
	log_verbose("v");
	tap_str(end(), "kandy: send: v\n", "-v");
	log_set_level(LOG_NORMAL);
	log_set_command(NULL);
	begin();
	log_error("%s", "two\nlines \033]0;title\a \x1b[2J\xc2\x9b\xe2\x80\xae \xff");
	tap_str(end(), "kandy: two lines ]0;title [2J \xef\xbf\xbd\n", "one line without control characters");
	begin();
	log_progress("%d %%", 50);
	tap_str(end(), "", "no progress where stderr is no terminal");
}

static void test_redaction(void)
{
	struct secret secret = { 0 };

	redact_add("hunter2-hunter2", 15);
	begin();
	log_error("the password is '%s', twice: %s", "hunter2-hunter2", "xhunter2-hunter2y");
	tap_str(end(), "kandy: the password is '***', twice: x***y\n", "a secret is not written");
	begin();
	log_error("%s", "hunter2-\001hunter2");
	tap_str(end(), "kandy: ***\n", "a secret with control characters inside is not written");
	redact_add("short", 5);
	begin();
	log_error("short");
	tap_str(end(), "kandy: short\n", "values under six bytes are not taken");
	secret_set(&secret, "through-a-struct", 16);
	begin();
	log_error("%s", secret.s);
	tap_str(end(), "kandy: ***\n", "struct secret tells by itself");
	secret_set_token(&secret, "a-token-in-one", 14);
	begin();
	log_error("%s", secret.s);
	tap_str(end(), "kandy: ***\n", "of a token, too");
	secret_release(&secret);
	redact_add("prefix", 6);
	redact_add("prefix-and-more", 15);
	redact_add("more-behind", 11);
	begin();
	log_error("%s", "a prefix-and-more-behind b");
	tap_str(end(), "kandy: a *** b\n", "of secrets that overlap nothing is left");
}

static void test_memory(void)
{
	char token[32];

	redact_add("the password", 12);
	for (int i = 0; i < 200; i++) {
		snprintf(token, sizeof(token), "token-%06d", i);
		redact_add_token(token, strlen(token));
	}
	begin();
	log_error("token-000199 token-000136 token-000135");
	tap_str(end(), "kandy: *** *** token-000135\n", "of many tokens the latest 64 are kept");
	begin();
	log_error("the password");
	tap_str(end(), "kandy: ***\n", "many tokens do not push a password out");
	for (int i = 0; i < 200; i++) {
		snprintf(token, sizeof(token), "other-%06d", i);
		redact_add(token, strlen(token));
		redact_add("the password", 12);
	}
	begin();
	log_error("the password, other-000199 other-000137 other-000136");
	tap_str(end(), "kandy: ***, *** *** other-000136\n", "other secrets do not push out one that is added again");
	redact_clear();
	begin();
	log_error("the password");
	tap_str(end(), "kandy: the password\n", "forgotten");
}

/* What was not written may be the same when it is decoded. */
static void encoded(const char *text, const char *wanted)
{
	char line[200];

	begin();
	log_error("%s", text);
	snprintf(line, sizeof(line), "kandy: %s\n", wanted);
	tap_str(end(), line, text);
}

static void test_encodings(void)
{
	redact_add("p@ss/word+1", 11);
	redact_add("two \"words\"\xc3\xa9\xf0\x9f\x98\x80", 17);
	encoded("a=b&password=p%40ss%2Fword%2B1&c", "a=b&password=***&c");
	encoded("p%40ss%2fword%2b1", "***");
	encoded("%70%40%73%73%2F%77%6F%72%64%2B%31!", "***!");
	encoded("x=p@ss%2Fword+1;", "x=***;");
	encoded("{\"p\":\"p@ss\\/word+1\"}", "{\"p\":\"***\"}");
	encoded("p\\u0040ss/word\\u002B1", "***");
	encoded("p%2540ss%252Fword%252B1", "***");
	encoded("{\"form\":\"p%40ss\\/word%2B1\"}", "{\"form\":\"***\"}");
	encoded("two+%22words%22%C3%A9%F0%9F%98%80.", "***.");
	encoded("two \\\"words\\\"\\u00e9\\ud83d\\ude00.", "***.");
	encoded("p%40ss%2Fword%2B2 100% %4 \\u12 \\ %zz+\\", "p%40ss%2Fword%2B2 100% %4 \\u12 \\ %zz+\\");
	redact_clear();
}

static void masked(const char *text, const char *wanted)
{
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	redact_patterns(&out, text, strlen(text));
	tap_str(out.data, wanted, text);
	buf_release(&out);
}

static void test_masks(void)
{
	masked("password=ab1 2c,(d)", "password=***");
	masked("a password=ab&b=c", "a password=***&b=c");
	masked("client-secret: x, and", "client-secret: ***, and");
	masked("{clientSecret: x}", "{clientSecret: ***}");
	masked("Api-Key=x&REFRESHTOKEN=y", "Api-Key=***&REFRESHTOKEN=***");
	masked("token=x", "token=***");
	masked("the token: it is old", "the token: it is old");
	masked("secret%3Dx%26y", "secret%3D***");
	masked("the password is wrong", "the password is wrong");
	masked("see https://user:pw@h.example/p@q.", "see https://***@h.example/p@q.");
	masked("http://u:p@w@h:1 http://h/@x", "http://***@h:1 http://h/@x");
	masked("'x://y@'", "'x://***@'");
	masked("://", "://");
	masked("", "");
}

static void test_trace(void)
{
	struct buf text;
	struct stat status;
	char path[64];
	struct err err;

	snprintf(path, sizeof(path), "%s/trace", dir);
	tap_ok(!log_tracing(), "no trace");
	tap_int(log_open_trace(path, &err), ST_OK, "a trace");
	tap_ok(log_tracing() && !stat(path, &status) && (status.st_mode & 0777) == 0600, "a trace has mode 0600");
	redact_add("trace-secret", 12);
	begin();
	log_trace("GET /x?access_token=%s", "trace-secret");
	log_verbose("seen\nin the trace alone");
	tap_str(end(), "", "nothing on stderr");
	log_close();
	log_trace("after the end");
	buf_init(&text, 1 << 16);
	tap_int(file_read(path, &text, &err), ST_OK, "read back");
	tap_ok(strstr(text.data, "GET /x?access_token=***\n") && !strstr(text.data, "trace-secret"),
		"the secret is not in it");
	tap_ok(strstr(text.data, " seen in the trace alone\n") && !strstr(text.data, "after the end"),
		"one line each, until it is closed");
	buf_release(&text);
	unlink(path);
	tap_ok(!symlink("elsewhere", path) && log_open_trace(path, &err) == ST_CANTCREATE,
		"not through a symbolic link");
	unlink(path);
}

static void body(const char *text, const char *wanted)
{
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	log_body_text(&out, text, strlen(text));
	tap_str(out.data, wanted, text);
	buf_release(&out);
}

static void test_bodies(void)
{
	struct buf text, out;

	body("{\"text\":\"hello\"}", "{\"text\":\"hello\"}");
	body("{\"access_token\":\"s3cret\",\"n\":1}", "{\"access_token\":\"***\",\"n\":1}");
	body("{\"Refresh_Token\" : \"s3cret\"}", "{\"Refresh_Token\" : \"***\"}");
	body("{\"t\":\"{\\\"id_token\\\":\\\"s3cret\\\"}\"}", "{\"t\":\"{\\\"id_token\\\":\\\"***\\\"}\"}");
	body("/x?access_token=s3cret&y=1", "/x?access_token=***&y=1");
	body("https%3A%2F%2Fh%3Faccess_token%3Ds3cret%26y", "https%3A%2F%2Fh%3Faccess_token%3D***");
	body("password=s3cret&username=u", "password=***&username=u");
	body("{\"Authorization\":\"Bearer s3cret\"}", "{\"Authorization\":\"***\"}");
	body("the access_token is gone", "the access_token is gone");
	body("a password", "a password");
	body("password=", "password=***");
	body("password=access_token\":\"s3cret\"", "password=***\"");
	body("\xff", "(1 bytes of binary data)");

	/* a secret across the cut */
	buf_init(&text, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	while (text.len < LOG_BODY_MAX - 4)
		buf_addc(&text, 'x');
	buf_adds(&text, "a-secret-that-is-known, and more of it");
	redact_add("a-secret-that-is-known", 22);
	log_body_text(&out, text.data, text.len);
	tap_ok(strstr(out.data, "xxx***, ... (cut; 16418 bytes in all)"), "no part of a secret at the cut");
	buf_clear(&text);
	buf_clear(&out);
	while (text.len < 4 * LOG_BODY_MAX)
		buf_adds(&text, "a-secret-that-is-known or ");
	log_body_text(&out, text.data, text.len);
	tap_ok(!strstr(out.data, "secret"), "no part of one of many secrets at the cut");
	log_close();
	buf_release(&out);
	buf_release(&text);
}

int main(void)
{
	char path[64];

	if (!mkdtemp(dir))
		return 1;
	saved_stderr = dup(STDERR_FILENO);
	test_lines();
	test_redaction();
	test_memory();
	test_encodings();
	test_masks();
	test_trace();
	test_bodies();
	dup2(saved_stderr, STDERR_FILENO); /* for what a sanitizer may have to say at the end */
	snprintf(path, sizeof(path), "%s/stderr", dir);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
