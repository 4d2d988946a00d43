/* The parser and the layering: every kind of row, every way to write it, every source of a value. */
#include "cli/cli.h"

#include "tests/lib/tap.h"

#include <stddef.h>
#include <stdlib.h>

struct group_params {
	const char *url, *command;
	bool deep;
};

static const struct opt group[] = {
	{ .kind = OPT_HEADING, .name = "connection", .help = "Connection options" },
	{ .kind = OPT_STRING,
		.name = "base-url",
		.at = offsetof(struct group_params, url),
		.env = "TEST_BASE_URL",
		.config = true,
		.shown = SHOW_URL,
		.password_goes = "'TEST_BASE_URL' in the environment",
		.help = "talk to it" },
	{ .kind = OPT_STRING,
		.name = "command",
		.at = offsetof(struct group_params, command),
		.shown = SHOW_PROGRAM,
		.help = "run it" },
	{ .kind = OPT_FLAG,
		.name = "deep",
		.at = offsetof(struct group_params, deep),
		.env = "TEST_DEEP",
		.config = true,
		.help = "go deep" },
	{ 0 },
};

struct params {
	const char *first; /* so that the group does not begin at 0 */
	struct group_params group;
	bool once, inverse;
	int verbose;
	int64_t jobs, limit, wait, size;
	const char *format, *text;
	struct str_list to;
	const char *password, *password_file;
	const char *hidden;
};

static const char *const formats[] = { "json", "text", NULL };

#define AT(member) .at = offsetof(struct params, member)
static const struct opt opts[] = {
	{ .kind = OPT_FLAG, .name = "once", .letter = 'o', AT(once), .help = "once" },
	{ .kind = OPT_FLAG, .name = "no-inverse", AT(inverse), .help = "its own name begins with no-" },
	{ .kind = OPT_COUNT, .name = "verbose", .letter = 'v', AT(verbose), .help = "more" },
	{ .kind = OPT_INT,
		.name = "jobs",
		.letter = 'j',
		.metavar = "N",
		AT(jobs),
		.fallback = "4",
		.min = 1,
		.max = 16,
		.env = "TEST_JOBS",
		.config = true,
		.help = "at once" },
	{ .kind = OPT_INT, .name = "limit", AT(limit), .help = "no limit but 0" },
	{ .kind = OPT_DURATION,
		.name = "wait",
		.letter = 'w',
		.metavar = "DURATION",
		AT(wait),
		.min = 100,
		.max = 60000,
		.help = "wait" },
	{ .kind = OPT_SIZE, .name = "size", AT(size), .fallback = "1k", .help = "size" },
	{ .kind = OPT_CHOICE,
		.name = "format",
		AT(format),
		.choices = formats,
		.fallback = "json",
		.env = "TEST_FORMAT",
		.config = true,
		.help = "format" },
	{ .kind = OPT_STRING,
		.name = "text",
		.letter = 't',
		.metavar = "TEXT",
		AT(text),
		.once = true,
		.help = "text" },
	{ .kind = OPT_LIST, .name = "to", .letter = 'T', .metavar = "ADDRESS", AT(to), .env = "TEST_TO", .help = "to" },
	{ .kind = OPT_STRING,
		.name = "password",
		AT(password),
		.env = "TEST_PASSWORD",
		.secret = true,
		.no_option = true,
		.help = "the password" },
	{ .kind = OPT_STRING, .name = "password-file", AT(password_file), .help = "a file with it" },
	{ .kind = OPT_STRING, .name = "hidden", AT(hidden), .hidden = true, .help = "hidden" },
	{ .kind = OPT_HELP, .name = "help", .letter = 'h', .help = "help" },
	{ .kind = OPT_VERSION, .name = "version", .letter = 'V', .help = "version" },
	{ .kind = OPT_GROUP, .group = group, AT(group) },
	{ 0 },
};

static enum status run(const struct run_ctx *ctx, const void *params, struct err *err)
{
	(void)ctx;
	(void)params;
	return err_set(err, ST_INTERNAL, "nobody runs it");
}

static const struct command command = {
	.name = "test",
	.run = run,
	.operands = "FIRST [SECOND]",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "try it",
	.opts = opts,
	.params_size = sizeof(struct params),
};

/* A command with verbs: --text belongs to one of them, --once to none. */
static const struct cli_verb verbs[] = {
	{ .name = "list", .summary = "list them" },
	{ .name = "create",
		.operands = "NAME...",
		.operands_min = 1,
		.operands_max = 2,
		.summary = "create one",
		.options = (const char *const[]){ "text", NULL } },
	{ 0 },
};
static const struct command with_verbs = {
	.name = "things",
	.run = run,
	.verbs = verbs,
	.summary = "manage things",
	.opts = opts,
	.params_size = sizeof(struct params),
};

static struct cli cli;
static struct params *p;
static struct err err;

/* Parses "test ARGUMENT..." with one operand, and returns the status. */
#define parse(...) parse_list((const char *const[]){ "test", __VA_ARGS__, "operand", NULL })
#define parse_list(...) parse_command(&command, __VA_ARGS__)
static enum status parse_command(const struct command *parsed, const char *const *arguments)
{
	static char *argv[32];
	int argc = 0;
	enum status st;

	cli_release(&cli);
	err = (struct err)ERR_INIT;
	for (; arguments[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc];
	argv[argc] = NULL;
	st = cli_parse(&cli, parsed, argc, argv, &err);
	p = cli.params;
	return st;
}

static void test_spellings(void)
{
	tap_int(parse("--jobs=3"), ST_OK, "--opt=value");
	tap_int(p->jobs, 3, "its value");
	tap_int(parse("--jobs", "5"), ST_OK, "--opt value");
	tap_int(p->jobs, 5, "its value");
	tap_int(parse("-j7"), ST_OK, "-ovalue");
	tap_int(p->jobs, 7, "its value");
	tap_int(parse("-j", "9"), ST_OK, "-o value");
	tap_int(p->jobs, 9, "its value");
	tap_int(parse("-ovvj2"), ST_OK, "letters in a group, the last one with its argument");
	tap_ok(p->once && p->verbose == 2 && p->jobs == 2, "their values");
	tap_int(parse("--verbose", "-v"), ST_OK, "a count");
	tap_int(p->verbose, 2, "counts");
	tap_int(parse("--once", "--no-once"), ST_OK, "--no-flag");
	tap_ok(!p->once, "takes the flag back");
	tap_int(parse("--no-inverse"), ST_OK, "a name of its own that begins with no-");
	tap_ok(p->inverse, "is no taking back");
	tap_int(parse("--text="), ST_OK, "an empty value");
	tap_str(p->text, "", "is empty, not missing");
	tap_int(parse("-t", "--once"), ST_OK, "an argument may look like an option");
	tap_str(p->text, "--once", "an argument that looks like an option is kept as it is");
	tap_int(parse("--text=a=b"), ST_OK, "only the first '=' counts");
	tap_str(p->text, "a=b", "the rest is the value");
	tap_int(parse("--to=a", "-Tb", "--to", "c"), ST_OK, "a list");
	tap_ok(p->to.count == 3 && !strcmp(p->to.items[0], "a") && !strcmp(p->to.items[2], "c"), "in its order");
	tap_int(parse("--jobs=1", "--jobs=2"), ST_OK, "given twice");
	tap_int(p->jobs, 2, "the last one counts");
	tap_int(parse("--deep", "--base-url=x"), ST_OK, "rows of a group");
	tap_ok(p->group.deep && !strcmp(p->group.url, "x"), "arrive in the embedded struct");
	tap_int(parse("--hidden=x"), ST_OK, "a hidden option works");
}

static void test_kinds(void)
{
	tap_int(parse("--wait=1.5s"), ST_OK, "a duration with a fraction");
	tap_int(p->wait, 1500, "in milliseconds");
	tap_int(parse("--wait=2"), ST_OK, "a duration without a unit");
	tap_int(p->wait, 2000, "is seconds");
	tap_int(parse("--size=2M"), ST_OK, "a size");
	tap_int(p->size, 2 << 20, "in bytes");
	tap_int(parse("--format=text"), ST_OK, "a choice");
	tap_str(p->format, "text", "is one of the words");
	tap_int(parse("--limit=9223372036854775807"), ST_OK, "the largest number");
	tap_ok(p->limit == INT64_MAX, "where there is no limit");
}

/* A command line that is refused: 64, and the whole sentence. */
#define refused(sentence, ...) \
	do { \
		tap_int(parse(__VA_ARGS__), ST_USAGE, #__VA_ARGS__ " is refused"); \
		tap_str(err.text, sentence, "the error for " #__VA_ARGS__); \
	} while (0)

static void test_errors(void)
{
	refused("unknown option '--job'; did you mean '--jobs'?", "--job=3");
	refused("unknown option '--verbos'; did you mean '--verbose'?", "--verbos");
	refused("unknown option '--bogus'; 'kandy test --help' lists the options", "--bogus=secret-value");
	refused("unknown option '--hiddne'; 'kandy test --help' lists the options", "--hiddne");
	refused("unknown option '-x'; 'kandy test --help' lists the options", "-ox");
	refused("unknown option '-\xc3\xa9'; 'kandy test --help' lists the options", "-\xc3\xa9");
	refused("unknown option '--no-jobs'; did you mean '--jobs'?", "--no-jobs");
	refused("option '--once' takes no argument; write just '--once'", "--once=yes");
	refused("invalid --jobs '17': expected a whole number from 1 to 16", "--jobs=17");
	refused("invalid --jobs '0': expected a whole number from 1 to 16", "--jobs", "0");
	refused("invalid -j '3x': expected a whole number from 1 to 16", "-j3x");
	refused("invalid --jobs '': expected a whole number from 1 to 16", "--jobs=");
	refused("invalid --limit '-1': expected a whole number", "--limit=-1");
	refused("invalid --limit '9223372036854775808': expected a whole number", "--limit=9223372036854775808");
	refused("invalid --wait 'soon': expected a duration from 100ms to 60s, such as 30s", "--wait=soon");
	refused("invalid --wait '2m': expected a duration from 100ms to 60s, such as 30s", "-w2s", "--wait", "2m");
	refused("invalid --size '1kk': expected a size, such as 1k", "--size=1kk");
	refused("invalid --format 'tetx': expected json or text; did you mean 'text'?", "--format=tetx");
	refused("invalid --format 'yellow': expected json or text", "--format", "yellow");
	refused("option '-t' was given twice", "--text=a", "-tb");
	refused("there is no option '--password', because command lines are visible to other users; use "
		"'--password-file', or 'TEST_PASSWORD' in the environment",
		"--password=hunter2");

	tap_int(parse_list((const char *const[]){ "test", "a", "--jobs", NULL }), ST_USAGE,
		"an argument that is missing");
	tap_str(err.text, "option '--jobs' needs an argument: '--jobs=4'",
		"a missing argument: the error has an example");
	tap_int(parse_list((const char *const[]){ "test", "a", "-oT", NULL }), ST_USAGE, "one of a short option");
	tap_str(err.text, "option '-T' needs an argument: '--to=ADDRESS'",
		"a missing argument of a short option: the error has an example");
}

static void test_operands(void)
{
	tap_int(parse_list((const char *const[]){ "test", "a", "--once", "-", NULL }), ST_OK,
		"operands around options");
	tap_ok(cli.operand_count == 2 && !strcmp(cli.operands[1], "-"), "'-' is one");
	tap_ok(!cli.ended, "no '--' was seen");
	tap_int(parse_list((const char *const[]){ "test", "--", "--once", "-x", NULL }), ST_OK, "behind '--'");
	tap_ok(cli.operand_count == 2 && !strcmp(cli.operands[0], "--once") && cli.ended && !p->once,
		"everything is an operand");
	tap_int(parse_list((const char *const[]){ "test", NULL }), ST_USAGE, "too few operands");
	tap_str(err.text, "missing operand; usage: kandy test [OPTION...] FIRST [SECOND]", "are told with the usage");
	tap_int(parse_list((const char *const[]){ "test", "a", "b", "c", NULL }), ST_USAGE, "too many operands");
	tap_str(err.text, "unexpected operand 'c'; see 'kandy test --help'", "the first too many is named");
	tap_int(parse_list((const char *const[]){ "test", "--help", "--bogus", NULL }), ST_OK, "behind --help");
	tap_ok(cli.want_help, "nothing is checked");
	tap_int(parse_list((const char *const[]){ "test", "-vV", NULL }), ST_OK, "-V needs no operand");
	tap_ok(cli.want_version && p->verbose == 1, "-V keeps the options before it");
}

#define parse_verb(...) parse_command(&with_verbs, (const char *const[]){ "things", __VA_ARGS__ NULL })

static void test_verbs(void)
{
	tap_int(parse_verb(), ST_OK, "no verb");
	tap_ok(cli.verb == &verbs[0], "the first verb is the default");
	tap_int(parse_verb("create", "a", "--text=x", "-o", ), ST_OK, "a verb with its option and one of all verbs");
	tap_ok(cli.verb == &verbs[1] && cli.operand_count == 2, "the verb is known and stays an operand");
	tap_int(parse_verb("list", "--text=x", ), ST_USAGE, "an option of another verb");
	tap_str(err.text, "option '--text' does not apply to 'kandy things list', but to 'kandy things create'",
		"an option of another verb names its verb");
	tap_int(parse_verb("create", ), ST_USAGE, "a missing operand of a verb");
	tap_str(err.text, "missing operand; usage: kandy things create [OPTION...] NAME...", "usage of the verb");
	tap_int(parse_verb("create", "a", "b", "c", ), ST_USAGE, "too many operands of a verb");
	tap_str(err.text, "unexpected operand 'c'; see 'kandy things create --help'",
		"the unexpected operand is named");
	tap_int(parse_verb("craete", ), ST_USAGE, "an unknown verb");
	tap_str(err.text, "unknown verb 'craete'; did you mean 'create'?", "the nearest verb is named");
	tap_int(parse_verb("xyzzy", ), ST_USAGE, "an unknown verb without a similar one");
	tap_str(err.text, "unknown verb 'xyzzy'; 'kandy help things' lists the verbs", "the list of verbs is named");
	tap_int(parse_verb("create", "--help", "--all", ), ST_OK, "help of a verb");
	tap_ok(cli.verb == &verbs[1] && cli.want_help && cli.want_all, "the verb is known to --help --all");
	tap_int(parse_verb("--all", ), ST_USAGE, "--all without --help");
	tap_str(err.text, "unknown option '--all'; 'kandy things --help' lists the options",
		"--all is refused without --help");
}

/* ---- layering -------------------------------------------------------------------------------------------------- */

struct files {
	const char *key, *user, *system;
};

static const char *look_up(void *arg, enum opt_source source, const char *key, const char **where)
{
	const struct files *files = arg;

	if (strcmp(files->key, key))
		return NULL;
	*where = source == SOURCE_PROFILE ? "/home/config:3" : "/etc/config:7";
	return source == SOURCE_PROFILE ? files->user : files->system;
}

static enum status layer(struct files *files)
{
	struct cli_lookup lookup = { .get = look_up, .arg = files };

	return cli_layer(&cli, files ? &lookup : NULL, &err);
}

static void shown(const char *name, const char *wanted, const char *what)
{
	char *text = cli_value_text(&cli, name);

	tap_str(text, wanted, what);
	free(text);
}

static void test_layers(void)
{
	struct files files = { "jobs", "5", "6" };
	const char *where;

	(void)!parse("-v");
	tap_int(layer(NULL), ST_OK, "nothing but defaults");
	tap_ok(p->jobs == 4 && p->size == 1024 && !p->wait && !p->text, "they are there, or zero");
	tap_int(cli_source(&cli, "jobs", &where), SOURCE_DEFAULT, "the source is the default");
	tap_ok(!where, "from nowhere");
	shown("size", "1k", "the text of a default");
	tap_ok(!cli_value_text(&cli, "text"), "a value that is not set has none");

	files.user = NULL;
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->jobs == 6, "the system's file before the default");
	tap_int(cli_source(&cli, "jobs", &where), SOURCE_SYSTEM, "source");
	tap_str(where, "/etc/config:7", "the place is file and line");
	files.user = "5";
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->jobs == 5, "the user's file before the system's");
	tap_int(cli_source(&cli, "jobs", NULL), SOURCE_PROFILE, "source");
	setenv("TEST_JOBS", "7", 1);
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->jobs == 7, "the environment before the files");
	tap_int(cli_source(&cli, "jobs", &where), SOURCE_ENVIRONMENT, "source");
	tap_str(where, "TEST_JOBS", "the place is the name of the variable");
	(void)!parse("-j8");
	tap_ok(!layer(&files) && p->jobs == 8, "the option before everything");
	tap_int(cli_source(&cli, "jobs", &where), SOURCE_OPTION, "source");
	tap_str(where, "-j", "the place is the option as it was written");
	setenv("TEST_JOBS", "", 1);
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->jobs == 5, "an empty variable counts as not set");
	setenv("TEST_JOBS", "many", 1);
	(void)!parse("-v");
	tap_int(layer(&files), ST_USAGE, "a bad variable is a usage error");
	tap_str(err.text, "invalid TEST_JOBS 'many': expected a whole number from 1 to 16", "named");
	(void)!parse("-j8");
	tap_int(layer(&files), ST_OK, "but not where an option stands before it");
	unsetenv("TEST_JOBS");
	files.user = "many";
	(void)!parse("-v");
	tap_int(layer(&files), ST_CONFIG, "a bad value in a file is a configuration error");
	tap_str(err.text, "/home/config:3: invalid jobs 'many': expected a whole number from 1 to 16",
		"a bad value in a file: the error names file and line");
}

static void test_layered_kinds(void)
{
	struct files files = { "deep", "yes", NULL };
	const char *where;

	(void)!parse("-v");
	tap_ok(!layer(&files) && p->group.deep, "a flag from a file, in a group");
	(void)!parse("--no-deep");
	tap_ok(!layer(&files) && !p->group.deep, "--no-flag stands before the file");
	files.user = "perhaps";
	(void)!parse("-v");
	tap_int(layer(&files), ST_CONFIG, "a flag is yes or no");
	tap_str(err.text, "/home/config:3: invalid deep 'perhaps': expected yes or no",
		"a flag in a file: the error names the two values");
	files = (struct files){ "base-url", "x", NULL };
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->group.url && !layer(NULL) && !p->group.url,
		"layered again without files: it is gone");
	tap_ok(!cli_value_text(&cli, "base-url") && !cli_source(&cli, "base-url", &where) && !where,
		"layered again without files: no text, no source and no place");
	files = (struct files){ "size", "3k", NULL };
	(void)!parse("-v");
	tap_ok(!layer(&files) && p->size == 1024, "a row without .config is not looked up in files");
	setenv("TEST_TO", "a b", 1);
	(void)!parse("-v");
	tap_ok(!layer(NULL) && p->to.count == 1 && !strcmp(p->to.items[0], "a b"),
		"a list from the environment: one item");
	(void)!parse("-Tc");
	tap_ok(!layer(NULL) && p->to.count == 1 && !strcmp(p->to.items[0], "c"), "which an option replaces");
	unsetenv("TEST_TO");
	setenv("TEST_PASSWORD", "hunter2", 1);
	(void)!parse("-v");
	tap_ok(!layer(NULL) && !strcmp(p->password, "hunter2"), "a secret from the environment");
	shown("password", "***", "is shown to nobody");
	unsetenv("TEST_PASSWORD");
}

/* What is shown of values that may have a secret in them. */
static void test_shown(void)
{
	(void)!parse("--base-url=http://host:1");
	shown("base-url", "http://host:1", "a URL");
	tap_int(parse("--base-url=http://user@host:1"), ST_OK, "a name is no password");
	shown("base-url", "http://***@host:1", "but may be a token");
	tap_int(parse("--base-url=http://user:hunter2@host:1"), ST_USAGE, "a password in an option");
	tap_str(err.text,
		"option '--base-url' takes no password, because command lines are visible to other users; put it into "
		"'TEST_BASE_URL' in the environment",
		"with where it goes, and not with the password");
	setenv("TEST_BASE_URL", "http://user:hunter2@host:1", 1);
	(void)!parse("-v");
	tap_ok(!layer(NULL) && !strcmp(p->group.url, "http://user:hunter2@host:1"), "which takes it");
	shown("base-url", "http://***@host:1", "and shows it not");
	unsetenv("TEST_BASE_URL");
	(void)!parse("--command=  pass show kandy");
	shown("command", "pass", "of a command, the program");
	(void)!parse("--command=echo;x");
	shown("command", "echo", "and no more");
	(void)!parse("--command=TOKEN=x pass");
	shown("command", "***", "or nothing");
	(void)!parse("--command=");
	shown("command", "***", "of an empty one, too");
}

static void test_help(void)
{
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	cli_help(&text, &command, NULL, true, 60);
	tap_ok(strstr(text.data, "usage: kandy test [OPTION...] FIRST [SECOND]"), "help has the usage");
	tap_ok(strstr(text.data, "-j, --jobs N") && strstr(text.data, "default: 4; TEST_JOBS"), "default and variable");
	tap_ok(!strstr(text.data, "hidden"), "nothing hidden");
	tap_ok(!strstr(text.data, "--password "), "no option for a secret");
	tap_ok(strstr(text.data, "TEST_PASSWORD"), "but its variable");
	tap_ok(strstr(text.data, "\nConnection options:\n"), "headings");
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
		if (strlen(line) > 66) /* the column of the options, and 40 */
			tap_str(line, NULL, "no line is wider than wished");
	}
	buf_release(&text);

	buf_init(&text, BUF_NO_MAX);
	cli_help(&text, &command, NULL, false, 60);
	tap_ok(!strstr(text.data, "--base-url"), "a shared section is left out of --help");
	tap_ok(strstr(text.data, "Connection options: see 'kandy help connection'."), "a shared section is mentioned");
	buf_release(&text);

	buf_init(&text, BUF_NO_MAX);
	cli_help(&text, &with_verbs, NULL, false, 80);
	tap_ok(strstr(text.data, "  create NAME...          create one\n"), "help lists the verbs");
	buf_release(&text);
	buf_init(&text, BUF_NO_MAX);
	cli_help(&text, &with_verbs, &verbs[0], false, 80);
	tap_ok(strstr(text.data, "usage: kandy things list [OPTION...]\n"), "help of a verb has its usage");
	tap_ok(!strstr(text.data, "--text") && strstr(text.data, "--once"),
		"help of a verb has only options that apply");
	buf_release(&text);
}

/* As cmd/ has it for all commands. */
const struct cli_exit cli_exits[] = {
	{ ST_OK, "success", "Success.", NULL },
	{ ST_NOTHING, "nothing", "Nothing.", " test-not not-test " },
	{ 0 },
};

int main(void)
{
	clearenv(); /* whoever runs this may have TEST_JOBS for himself */
	test_spellings();
	test_kinds();
	test_errors();
	test_operands();
	test_verbs();
	test_layers();
	test_layered_kinds();
	test_shown();
	test_help();
	cli_release(&cli);
	return tap_done();
}
