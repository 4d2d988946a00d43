/* jq programs on items: what passes, what comes out, and how failures are told. */
#include "json/filter.h"

#include "base/file.h"
#include "base/str.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNKNOWN_END "; run jq on that line to see its error"
#define UNKNOWN "65: jq program failed" UNKNOWN_END

static struct err err;

/* What a filter makes of one item, or "STATUS: sentence". */
static const char *run(const char *select, const char *program, const char *json)
{
	static char answer[2048];
	struct filter_arg args[] = { { "who", "bob\"; error" }, { "n", "7" } };
	struct filter *filter = NULL;
	struct buf out;
	enum status st;

	buf_init(&out, 1000);
	st = filter_new(&filter, select, program, args, 2, &err);
	if (!st)
		st = filter_run(filter, json, strlen(json), &out, &err);
	snprintf(answer, sizeof(answer), st ? "%s%d: %s" : "%s", out.data, (int)st, err.text);
	filter_free(filter);
	buf_release(&out);
	return answer;
}

static void test_results(void)
{
	tap_str(run(NULL, ".a", "{\"a\":{\"b\":[1,\"x\"]}}"), "{\"b\":[1,\"x\"]}\n", "a result on a line");
	tap_str(run(NULL, ".[]", "[1,null,\"a\\nb\"]"), "1\nnull\n\"a\\nb\"\n", "each result on one");
	tap_str(run(NULL, "empty", "1"), "", "no result, no line");
	tap_str(run(NULL, "[$who, $n]", "1"), "[\"bob\\\"; error\",\"7\"]\n",
		"arguments are strings, whatever is in them");
	tap_str(run(NULL, ".", "\"\\ud800\xc3\xa9\""), "\"\xef\xbf\xbd\xc3\xa9\"\n", "valid UTF-8 comes out");
	tap_str(run(NULL, "1, halt, 2", "1"), "1\n", "halt ends the results");
}

static void test_select(void)
{
	const char *item =
		"{\"n\":10000000000000000001,\"parts\":[{\"text\":\"x\"},{\"text\":\"status\"},{\"text\":\"status\"}]}";
	char wanted[200];

	snprintf(wanted, sizeof(wanted), "%s\n", item);
	tap_str(run(".parts[].text? == \"status\"", NULL, item), wanted,
		"passed on once though two results are true, byte for byte");
	tap_str(run(".parts[].text == \"other\"", NULL, item), "", "none is true");
	tap_str(run("empty", NULL, item), "", "no result is not true");
	tap_str(run(".nothing", NULL, item), "", "null is not true");
	tap_str(run("0", NULL, "[1, 2]\n"), "[1,2]\n", "zero is true in jq; the item stands on one line");
	tap_str(run("true, error(\"late\")", NULL, "1"), "1\n", "what follows the first true result is not asked");
	tap_str(run(".parts | length > 2", ".parts[0]", item), "{\"text\":\"x\"}\n", "select, then the program");
	tap_str(run(".parts | length > 3", ".parts[0]", item), "", "not selected, no program");
	tap_str(run("true # comment", ". # comment", "1"), "1\n", "comments do no harm");
}

static void test_failures(void)
{
	char big[1200] = "\"";

	tap_str(run(NULL, ".a |", "1"),
		"64: jq cannot compile '.a |': syntax error, unexpected $end (Unix shell quoting issues?) at "
		"<top-level>, line 1",
		"a program that is cut off");
	tap_str(run("nosuch", NULL, "1"),
		"64: jq cannot compile 'nosuch': nosuch/0 is not defined at <top-level>, line 1",
		"an unknown function");
	tap_str(run(".", "$nosuch", "1"),
		"64: jq cannot compile '$nosuch': $nosuch is not defined at <top-level>, line 1",
		"an unknown variable");
	tap_ok(!strncmp(run(NULL, "import \"nosuch\" as x; .", "1"), "64: jq cannot compile", 21),
		"a module that is not there");
	tap_ok(!strncmp(run(NULL, "import \"nosuch\" as x {search:\"./\"}; .", "1"), "64: jq cannot compile", 21),
		"nor here");
	tap_str(run(NULL, ".a", "[]"), UNKNOWN, "an error of the program");
	tap_str(run(NULL, "1, error({a:1})", "[]"), "1\n" UNKNOWN, "what came before it stays");
	tap_str(run(NULL, ".", "{\"secret\":tru}"), "65: invalid JSON at byte 11: invalid literal",
		"no JSON, and it is not quoted");
	memset(big + 1, 'x', 1100);
	big[1100] = '"';
	tap_str(run(NULL, "1,.", big), "1\n65: the results of '1,.' exceed the limit of 1000 bytes",
		"whole lines alone");
	tap_str(run(".", NULL, big), "65: a line exceeds the limit of 1000 bytes", "also when passed on");
}

/* Sentences of libjq quote what the line has in it, which is somebody's message. */
static void test_discretion(void)
{
	static const char line[] = "{\"messageId\":\"msg1\",\"n\":null,\"text\":\"my secret PIN is 1234\"}";
	static const char *const failing[] = { ".n[]", ".text[]", "[][.text]", "{(.n|tojson|length):1}", ".text|has(0)",
		".text + 1", ".n - 1", ".text * .text", ".text / 0", ".text | keys", ".n | test(\"a\")",
		".n | tonumber", ".text | sort", ".n | floor", ".text | tonumber", ".text | fromjson",
		".text | fromdate", "error(.text)", "error(\"string \" + .text)", "error(\"Cannot \" + .text)", "error",
		".text | halt_error", "halt_error", "path(.text|ascii_downcase)", "input" };
	static const char *const passing[] = { ".n[.text]", "[inputs]", "input_filename, input_line_number" };

	for (size_t i = 0; i < sizeof(failing) / sizeof(*failing); i++)
		tap_str(run(NULL, failing[i], line), "65: jq program failed on message 'msg1'" UNKNOWN_END, failing[i]);
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		tap_ok(!strstr(run(NULL, passing[i], line), "PIN"), passing[i]);
}

static void test_reuse(void)
{
	struct filter *filter = NULL;
	struct buf out;

	buf_init(&out, 1000);
	tap_int(filter_new(&filter, NULL, ".a", NULL, 0, &err), ST_OK, "a filter");
	tap_int(filter_ready(filter, &err), ST_OK, "compiled");
	tap_int(filter_run(filter, "{\"a\":1}", 7, &out, &err), ST_OK, "first item");
	tap_int(filter_run(filter, "[]", 2, &out, &err), ST_DATA, "one that fails");
	tap_int(filter_run(filter, "{\"a\":2}", 7, &out, &err), ST_OK, "an item after one that failed");
	tap_str(out.data, "1\n2\n", "their results");
	filter_free(filter);
	tap_int(filter_new(&filter, ".", ".", NULL, 0, &err), ST_OK, "one that is never run");
	filter_free(filter);
	filter_free(NULL);
	buf_release(&out);
}

static void test_own_definitions(void)
{
	char dir[] = "/tmp/kandy-filter-XXXXXX";
	char word = 0;
	pid_t child;
	int fds[2];
	char *path;

	tap_ok(mkdtemp(dir) && !setenv("HOME", dir, 1), "a home");
	path = file_join(dir, ".jq");
	tap_int(file_write_atomic(path, "def twice: . * 2;", 17, &err), ST_OK, "with definitions");
	tap_str(run(NULL, "twice", "4"), "8\n", "they count, as with jq");
	tap_int(file_write_atomic(path, "def twice: (", 12, &err), ST_OK, "definitions with a mistake");
	/*
	 * In a process of its own, whose word counts and not its status: libjq forgets memory over that, and a leak
	 * checker would say so.
	 */
	if (pipe(fds))
		return;
	if (!(child = fork())) {
		bool told = str_ends_with(run(NULL, "twice", "4"), "; check ~/.jq");

		_exit(write(fds[1], told ? "y" : "n", 1) != 1);
	}
	waitpid(child, NULL, 0);
	tap_ok(read(fds[0], &word, 1) == 1 && word == 'y', "it is told where to look");
	close(fds[0]);
	close(fds[1]);
	unlink(path);
	rmdir(dir);
	free(path);
}

int main(void)
{
	/* libjq reads ~/.jq */
	if (setenv("HOME", "/proc/nonexistent", 1))
		return 1;
	test_results();
	test_select();
	test_failures();
	test_discretion();
	test_reuse();
	test_own_definitions();
	return tap_done();
}
