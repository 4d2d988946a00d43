/* The configuration file: what it may say, and where it says that something is wrong. */
#include "store/config.h"

#include "tests/lib/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/kandy-config.XXXXXX";
static struct config *config;
static struct err err;

static enum status read_bytes(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	bool found;

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
	config_free(config);
	config = NULL;
	err = (struct err)ERR_INIT;
	return config_read(&config, path, true, &found, &err);
}

static enum status read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void refused(const char *text, const char *sentence)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "%s%s", path, sentence);
	tap_int(read_text(text), ST_CONFIG, sentence + 1);
	tap_str(err.text, wanted, "is what is said, with file and line");
}

static void test_values(void)
{
	const char *where;
	char wanted[64];

	tap_int(read_text("\n# a comment\n key = value \r\nempty =\nquoted = \" a \\\"b\\\" \\\\ # \"\n\n"
			  "[reports]\nkey=other\n[ two ]\nkey = a = b # c\nonly = x"),
		ST_OK, "a file with everything that is allowed");
	tap_str(config_get(config, "default", "key", &where), "value", "white space around a value goes");
	snprintf(wanted, sizeof(wanted), "%s:3", path);
	tap_str(where, wanted, "file and line");
	tap_str(config_get(config, NULL, "key", NULL), "value", "without a profile: the first part");
	tap_str(config_get(config, "default", "empty", NULL), "", "an empty value");
	tap_str(config_get(config, "default", "quoted", NULL), " a \"b\" \\ # ", "quotes keep everything");
	tap_str(config_get(config, "reports", "key", NULL), "other", "a section wins");
	tap_str(config_get(config, "reports", "empty", NULL), "", "the first part stands in for it");
	tap_str(config_get(config, "two", "key", NULL), "a = b # c", "'=' and '#' inside a value are its own");
	tap_str(config_get(config, "two", "only", NULL), "x", "a last line without a newline");
	tap_ok(!config_get(config, "default", "only", NULL), "another profile's key is nobody else's");
	tap_ok(!config_get(config, "two", "nothing", NULL), "what is not there");

	tap_int(read_text("key = 1\nkey = 2\n[a]\nx = 1\n[b]\nx = 2\n[a]\ny = 3\n"), ST_OK, "twice the same");
	tap_str(config_get(config, NULL, "key", NULL), "2", "the last one counts");
	tap_str(config_get(config, "a", "x", NULL), "1", "a section that comes twice");
	tap_str(config_get(config, "a", "y", NULL), "3", "is one");
}

static void test_profiles(void)
{
	const char *names[2] = { NULL, NULL };

	tap_int(read_text("[a]\n[b]\n[a]\n[c]\n"), ST_OK, "sections alone");
	tap_int((int)config_profiles(config, names, 2), 3, "three profiles");
	tap_str(names[0], "a", "in the order of the file");
	tap_str(names[1], "b", "as many as there is room for");
}

static void test_refusals(void)
{
	char *big = malloc((2 << 20) + 1);

	refused("key = 1\nwhat is this\n", ":2: invalid line: expected KEY = VALUE, [PROFILE] or a # comment");
	refused("[reports\n", ":1: invalid section: expected [PROFILE]");
	refused("[a/b]\n", ":1: invalid profile name: only letters, digits, '.', '_' and '-' are allowed");
	refused("[]\n", ":1: invalid profile name: only letters, digits, '.', '_' and '-' are allowed");
	refused("\n\n = 1\n", ":3: invalid key before '='");
	refused("a key = 1\n", ":1: invalid key before '='");
	refused("key = \"open\n", ":1: missing closing quote");
	refused("key = \"open\\\"\n", ":1: missing closing quote");
	refused("key = \"a\" b\n", ":1: unexpected text after the closing quote");
	refused("key = \"\\n\"\n", ":1: invalid escape sequence: expected \\\" or \\\\");
	tap_int(read_bytes("key = a\0b\n", 10), ST_CONFIG, "a NUL byte");
	tap_int(read_text("key=\xff\xfe\n"), ST_OK, "bytes that are no UTF-8 are a value like any other");
	memset(big, '#', 2 << 20);
	tap_int(read_bytes(big, 2 << 20), ST_CONFIG, "a file that is too large");
	free(big);
}

static void test_missing(void)
{
	struct config *none = NULL;
	bool found = true;

	tap_int(config_read(&none, "/proc/nonexistent/config", false, &found, &err), ST_OK, "a missing file");
	tap_ok(!found && !config_get(none, "a", "key", NULL), "is an empty one");
	config_free(none);
	tap_int(config_read(&none, "/proc/nonexistent/config", true, &found, &err), ST_CONFIG, "unless it is required");
	tap_int(config_read(&none, "/", false, &found, &err), ST_CONFIG, "a directory is no configuration");
}

static bool known(const char *key, bool *forbidden, void *arg)
{
	(void)arg;
	*forbidden = !strcmp(key, "password");
	return !strcmp(key, "jobs");
}

static const char *nearest(const char *key, void *arg)
{
	(void)arg;
	return !strcmp(key, "job") ? "jobs" : NULL;
}

static void checked(const char *text, const char *sentence)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "%s%s", path, sentence);
	tap_int(read_text(text), ST_OK, "a file in good form");
	tap_int(config_check(config, known, nearest, NULL, &err), ST_CONFIG, sentence + 1);
	tap_str(err.text, wanted, "is what is said, with file and line");
}

static void test_check(void)
{
	tap_int(read_text("jobs = 1\n[a]\njobs = 2\n"), ST_OK, "known keys");
	tap_int(config_check(config, known, nearest, NULL, &err), ST_OK, "are fine");
	checked("jobs = 1\n[a]\njob = 2\n", ":3: unknown key 'job'; did you mean 'jobs'?");
	checked("colour = red\n", ":1: unknown key 'colour'; see kandy(1) for the keys");
	checked("password = hunter2\n",
		":1: 'password' is a secret and does not belong in this file; use 'password-file' or 'password-command'");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	test_values();
	test_profiles();
	test_refusals();
	test_missing();
	test_check();
	config_free(config);
	unlink(path);
	return tap_done();
}
