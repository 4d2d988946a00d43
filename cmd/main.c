/*
 * main.c - finds the command, parses its options, runs it, and returns its exit status.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/term.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/config_files.h"
#include "cmd/output.h"
#include "cmd/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_OF_MEMORY "kandy: out of memory\n"

static void out_of_memory(void)
{
	if (write(STDERR_FILENO, OUT_OF_MEMORY, sizeof(OUT_OF_MEMORY) - 1) < 0) {
		/* the exit status reports it as well */
	}
	_exit(ST_INTERNAL);
}

/*
 * If kandy is started with a standard descriptor closed, no file of its own may get that number. The placeholder
 * behaves like a closed descriptor: reading and writing it are errors.
 */
static void sane_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* A closed pipe is not reported: the shell sees the same as with any other program. */
_Noreturn static void die_of_sigpipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
	_exit(ST_SIGPIPE);
}

static enum status print(struct buf *text, struct err *err)
{
	enum status st = output_add(text->data, text->len, err);

	buf_release(text);
	return st;
}

static enum status print_help(const struct cli *cli, struct err *err)
{
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	cli_help(&text, cli->command, cli->verb, cli->want_all, term_width(STDOUT_FILENO));
	return print(&text, err);
}

/* The profile selects a part of the configuration files, so it cannot come from them. */
static const char *profile_of(const struct common_params *common)
{
	const char *variable = getenv("KANDY_PROFILE");

	if (common->profile)
		return common->profile;
	return variable && *variable ? variable : "default";
}

static enum status set_up_log(const struct common_params *common, struct err *err)
{
	log_set_level(common->quiet ? LOG_QUIET : common->verbose ? LOG_VERBOSE : LOG_NORMAL);
	log_set_trace_text(common->trace_text);
	if (common->trace)
		return log_open_trace(common->trace, err);
	if (common->trace_text)
		log_warn("--trace-text has no effect without --trace FILE");
	return ST_OK;
}

/* Settings from the environment and the files. */
static enum status layer(struct cli *cli, struct run_ctx *ctx, struct config_files **files, struct err *err)
{
	struct cli_lookup lookup;
	enum status st;

	if (ctx->command->needs & NEEDS_NO_FILES)
		return cli_layer(cli, NULL, err);
	if ((st = config_files_open(files, ctx->profile, commands, err)))
		return st;
	lookup = config_files_lookup(*files);
	ctx->config = *files;
	return cli_layer(cli, &lookup, err);
}

static enum status run(const struct command *command, struct cli *cli, struct err *err)
{
	struct run_ctx ctx = { .command = command, .commands = commands, .cli = cli };
	struct config_files *files = NULL;
	struct err config_err = ERR_INIT;
	char *state_dir;
	enum status st;

	ctx.profile = profile_of(cli->params);
	ctx.state_dir = state_dir = xdg_dir("XDG_STATE_HOME", ".local/state");
	st = layer(cli, &ctx, &files, err);
	if (st == ST_CONFIG && command->needs & NEEDS_NO_SANE_CONFIG) {
		config_err = *err;
		ctx.config_err = &config_err;
		st = cli_layer(cli, NULL, err);
	}
	if (!st && !state_dir && !(command->needs & NEEDS_NO_FILES))
		st = err_set(err, ST_CONFIG, "no home directory for the token cache; set HOME or XDG_STATE_HOME");
	if (!st)
		st = set_up_log(cli->params, err);
	if (!st && command->needs & NEEDS_STDIN && isatty(STDIN_FILENO))
		log_note("reading from the terminal; Ctrl-D ends the input");
	if (!st)
		st = command->run(&ctx, cli->params, err);
	free(state_dir);
	config_files_free(files);
	return st;
}

static enum status with_command(const struct command *command, int argc, char **argv, struct err *err)
{
	struct cli cli;
	enum status st;

	log_set_command(command->name);
	st = cli_parse(&cli, command, argc, argv, err);
	if (st)
		; /* err has the sentence */
	else if (cli.want_help)
		st = print_help(&cli, err);
	else if (cli.want_version)
		st = version_print(((struct common_params *)cli.params)->verbose > 0, err);
	else
		st = run(command, &cli, err);
	cli_release(&cli);
	return st;
}

/* "kandy", "kandy --help", "kandy -vV" and the like: no command. */
static enum status without_command(const struct cli *cli, struct err *err)
{
	struct buf text;
	enum status st;

	if (cli->want_version)
		return version_print(((const struct common_params *)cli->params)->verbose > 0, err);
	buf_init(&text, BUF_NO_MAX);
	if (cli->want_help) {
		cli_overview(&text, &overview, sections, term_width(STDOUT_FILENO));
		return print(&text, err);
	}
	cli_overview(&text, &overview, sections, term_width(STDERR_FILENO));
	st = file_write_all(STDERR_FILENO, text.data, text.len) ? ST_USAGE : ST_IO;
	buf_release(&text);
	return err_set(err, st, "%s", "");
}

/* Makes "kandy send -p alice ..." of "kandy -p alice send ...". `cli` has been parsed up to the command. */
static enum status behind_options(const struct cli *cli, int argc, char **argv, struct err *err)
{
	const struct command *command = cli_find(commands, cli->operands[0]);
	int at = argc - (int)cli->operand_count, front = at - cli->ended;
	char **words;
	enum status st;

	if (!command)
		return cli_unknown_command(commands, cli->operands[0], err);
	words = xcalloc((size_t)argc + 1, sizeof(*words));
	memcpy(words, argv, (size_t)front * sizeof(*words));
	memcpy(words + front, argv + at + 1, (size_t)(argc - at - 1) * sizeof(*words));
	st = with_command(command, front + argc - at - 1, words, err);
	free(words);
	return st;
}

/* "kandy-send ..." is "kandy send ...". */
static enum status dispatch(int argc, char **argv, struct err *err)
{
	const char *called = argc ? file_basename(argv[0]) : "kandy";
	const struct command *command;
	struct cli cli;
	enum status st;

	if (str_starts_with(called, "kandy-") && (command = cli_find(commands, called + 6)))
		return with_command(command, argc, argv, err);
	if (!(st = cli_parse(&cli, &overview, argc, argv, err)))
		st = cli.operand_count ? behind_options(&cli, argc, argv, err) : without_command(&cli, err);
	cli_release(&cli);
	return st;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct err last = ERR_INIT;
	enum status st, written;

	sane_descriptors();
	mem_set_hook(out_of_memory);
	interrupt_install();
	st = dispatch(argc, argv, &err);
	written = output_finish(&last);
	if (st == ST_SIGPIPE || written == ST_SIGPIPE)
		die_of_sigpipe();
	if (st && err.text[0])
		log_err(&err);
	if (written && written != st) {
		log_err(&last);
		st = written;
	}
	log_close();
	return (int)st;
}
