/*
 * Every jv function except jv_copy() frees its arguments, so each jv here has one owner, and its last use passes it on.
 */
#include "json/filter.h"

#include "base/dynlib.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json.h"
#include "sonames.h"

#include <jq.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* An unused inline function of jv.h calls it, which without optimisation would need it at link time. */
#pragma weak jv_get_kind

#define JQ_FUNCTIONS(X) \
	X(jq_init) \
	X(jq_teardown) \
	X(jq_set_error_cb) \
	X(jq_set_input_cb) \
	X(jq_set_debug_cb) \
	X(jq_set_attr) \
	X(jq_compile_args) \
	X(jq_start) \
	X(jq_next) \
	X(jq_halted) \
	X(jq_get_exit_code) \
	X(jq_get_error_message) \
	X(jv_get_kind) \
	X(jv_copy) \
	X(jv_free) \
	X(jv_invalid_get_msg) \
	X(jv_parse_sized) \
	X(jv_dump_string) \
	X(jv_string) \
	X(jv_string_value) \
	X(jv_string_length_bytes) \
	X(jv_array) \
	X(jv_array_append) \
	X(jv_object) \
	X(jv_object_set)
static struct {
	JQ_FUNCTIONS(DYNLIB_SLOT)
} jq_api;
#define DYNLIB_TABLE jq_api
static const struct dynlib_symbol jq_symbols[] = { JQ_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
#include "dynlib_calls.h"

struct program {
	char *text; /* NULL: none */
	jq_state *jq;
	struct buf errors; /* errors of libjq while it compiles */
};

struct filter {
	struct program select, program;
	struct filter_arg *args;
	size_t arg_count;
	pthread_t thread;
	bool started, compiling; /* compiling: on the thread */
	struct json_doc doc; /* these two are kept from one item to the next */
	struct buf line;
	enum status status; /* of the compilation */
	struct err err;
};

static bool add_dumped(struct buf *out, jv value)
{
	jv text = jv_dump_string(value, 0);
	bool ok = buf_add(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));

	jv_free(text);
	return ok;
}

/* libjq's callback for `debug`. The user asks for the value, so it may contain message text. */
static void show_value(void *data, jv value)
{
	struct buf text;

	(void)data;
	buf_init(&text, 64 * 1024);
	if (add_dumped(&text, value))
		log_private("jq debug: %s", text.data);
	else
		log_private("jq debug: value too long");
	buf_release(&text);
}

/* libjq's callback for errors, which it would print to stderr otherwise. */
static void collect_error(void *data, jv message)
{
	struct buf *errors = data;

	if (jv_get_kind(message) == JV_KIND_STRING)
		buf_adds(errors, jv_string_value(message));
	jv_free(message);
}

/*
 * Extracts the sentence of "jq: error: syntax error, unexpected ... at <top-level>, line 1:\n.a |\njq: 1 compile error".
 */
static enum status compile_error(const struct program *program, struct err *err)
{
	const char *s = program->errors.data;
	size_t len;

	s += strncmp(s, "jq: ", 4) ? 0 : 4;
	s += strncmp(s, "error: ", 7) ? 0 : 7;
	len = strcspn(s, "\n");
	while (len && strchr(": ", s[len - 1]))
		len--;
	/* the builtins of libjq compile, so an error there is in the user's ~/.jq */
	return err_set(err, ST_USAGE, "jq cannot compile '%.200s': %.*s%s", program->text, len ? (int)len : 15,
		len ? s : "no reason given", strstr(s, "<builtin>") ? "; check ~/.jq" : "");
}

static enum status compile(struct program *program, const struct filter *filter, struct err *err)
{
	jv args;

	if (!program->text)
		return ST_OK;
	if (!(program->jq = jq_init()))
		return err_set(err, ST_INTERNAL, "cannot start jq");
	jq_set_error_cb(program->jq, collect_error, &program->errors);
	/* jq_init() of 1.6 does not initialise these two. Without an input callback, `input` has no input */
	jq_set_input_cb(program->jq, NULL, NULL);
	jq_set_debug_cb(program->jq, show_value, NULL);
	/* without these two, `import` fails an assertion of libjq */
	jq_set_attr(program->jq, jv_string("JQ_LIBRARY_PATH"), jv_array_append(jv_array(), jv_string("~/.jq")));
	jq_set_attr(program->jq, jv_string("PROGRAM_ORIGIN"), jv_string("."));
	args = jv_object();
	for (size_t i = 0; i < filter->arg_count; i++)
		args = jv_object_set(args, jv_string(filter->args[i].name), jv_string(filter->args[i].value));
	if (!jq_compile_args(program->jq, program->text, args))
		return compile_error(program, err);
	return ST_OK;
}

static void *compile_all(void *arg)
{
	struct filter *filter = arg;

	filter->status = compile(&filter->select, filter, &filter->err);
	if (!filter->status)
		filter->status = compile(&filter->program, filter, &filter->err);
	return NULL;
}

static void program_init(struct program *program, const char *text)
{
	program->text = xstrdup_null(text);
	buf_init(&program->errors, 64 * 1024);
}

static void program_release(struct program *program)
{
	if (program->jq)
		jq_teardown(&program->jq);
	buf_release(&program->errors);
	free(program->text);
}

enum status filter_new(struct filter **out, const char *select, const char *program, const struct filter_arg *args,
	size_t arg_count, struct err *err)
{
	struct filter *filter;
	enum status st;

	if ((st = dynlib_load(SONAME_JQ, "libjq1", jq_symbols, err)))
		return st;
	filter = xcalloc(1, sizeof(*filter));
	program_init(&filter->select, select);
	program_init(&filter->program, program);
	buf_init(&filter->line, BUF_NO_MAX);
	filter->args = xcalloc(arg_count + 1, sizeof(*filter->args));
	for (; filter->arg_count < arg_count; filter->arg_count++) {
		filter->args[filter->arg_count].name = xstrdup(args[filter->arg_count].name);
		filter->args[filter->arg_count].value = xstrdup(args[filter->arg_count].value);
	}
	*out = filter;
	return ST_OK;
}

void filter_start(struct filter *filter)
{
	if (filter->started)
		return;
	filter->started = true;
	filter->compiling = !pthread_create(&filter->thread, NULL, compile_all, filter);
	if (!filter->compiling)
		compile_all(filter);
}

enum status filter_ready(struct filter *filter, struct err *err)
{
	filter_start(filter);
	if (filter->compiling) {
		pthread_join(filter->thread, NULL);
		filter->compiling = false;
	}
	if (filter->status && err)
		*err = filter->err;
	return filter->status;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	if (filter->compiling)
		pthread_join(filter->thread, NULL);
	program_release(&filter->select);
	program_release(&filter->program);
	json_release(&filter->doc);
	buf_release(&filter->line);
	for (size_t i = 0; i < filter->arg_count; i++) {
		free((char *)filter->args[i].name);
		free((char *)filter->args[i].value);
	}
	free(filter->args);
	free(filter);
}

/* Appends " on message 'ID'" if the line has an ID. */
static void add_item_name(struct buf *out, const struct json_doc *doc)
{
	struct json_value root = json_root(doc), id = json_get(root, "messageId");

	if (json_type(id) != JSON_STRING)
		id = json_get(root, "id");
	if (json_type(id) != JSON_STRING)
		return;
	buf_adds(out, " on message '");
	json_string(id, out);
	buf_addc(out, '\'');
}

/*
 * Takes the message of an error, which is not shown because it may contain message text: libjq quotes values in its
 * errors, and `error` raises any value.
 */
static enum status raise_error(const struct filter *filter, jv message, struct err *err)
{
	struct buf where;

	buf_init(&where, 512);
	add_item_name(&where, &filter->doc);
	err_set(err, ST_DATA, "jq program failed%s; run jq on that line to see its error", where.data);
	buf_release(&where);
	jv_free(message);
	return ST_DATA;
}

/* Handles the end of the results, which may be an error, halt or halt_error. Takes the invalid `last`. */
static enum status finish(const struct filter *filter, jq_state *jq, jv last, struct err *err)
{
	jv message, code;
	bool failed;

	if (jq_halted(jq)) {
		jv_free(last);
		code = jq_get_exit_code(jq);
		failed = jv_get_kind(code) == JV_KIND_NUMBER;
		jv_free(code);
		message = jq_get_error_message(jq);
		if (!failed || jv_get_kind(message) == JV_KIND_INVALID) {
			jv_free(message);
			return ST_OK;
		}
		return raise_error(filter, message, err);
	}
	message = jv_invalid_get_msg(last);
	if (jv_get_kind(message) != JV_KIND_NULL)
		return raise_error(filter, message, err);
	jv_free(message);
	return ST_OK;
}

/* Sets `*passes` if any result is neither false nor null. Takes `input`. */
static enum status run_select(const struct filter *filter, jv input, bool *passes, struct err *err)
{
	jq_state *jq = filter->select.jq;

	*passes = false;
	jq_start(jq, input, 0);
	for (;;) {
		jv result = jq_next(jq);
		jv_kind kind = jv_get_kind(result);

		if (kind == JV_KIND_INVALID)
			return finish(filter, jq, result, err);
		jv_free(result);
		if (kind != JV_KIND_NULL && kind != JV_KIND_FALSE) {
			*passes = true;
			return ST_OK;
		}
	}
}

/* Appends the results as lines, without partial ones. Takes `input`. */
static enum status run_program(const struct filter *filter, jv input, struct buf *out, struct err *err)
{
	const struct program *program = &filter->program;

	jq_start(program->jq, input, 0);
	for (;;) {
		jv result = jq_next(program->jq);
		size_t before = out->len;

		if (jv_get_kind(result) == JV_KIND_INVALID)
			return finish(filter, program->jq, result, err);
		if (!add_dumped(out, result) || !buf_addc(out, '\n')) {
			buf_truncate(out, before);
			return err_set(err, ST_DATA, "the results of '%.200s' exceed the limit of %zu bytes",
				program->text, out->max);
		}
	}
}

/*
 * Puts the item on one line, with U+FFFD for lone surrogates and all digits of its numbers. This line is the output
 * without a program, and the input of libjq, which refuses some lone surrogates and leaks memory on invalid input.
 */
static enum status clean_item(struct filter *filter, const char *json, size_t len, struct err *err)
{
	enum status st;

	if ((st = json_parse(&filter->doc, json, len, NULL, err)))
		return st;
	buf_clear(&filter->line);
	if (!json_add_value(&filter->line, NULL, json_root(&filter->doc)) || filter->line.len > INT_MAX)
		return err_set(err, ST_DATA, "a line of %zu bytes is too large for jq", len);
	return ST_OK;
}

enum status filter_run(struct filter *filter, const char *json, size_t len, struct buf *out, struct err *err)
{
	struct buf *line = &filter->line;
	bool passes = true;
	enum status st;
	jv item;

	if ((st = filter_ready(filter, err)) || (st = clean_item(filter, json, len, err)))
		return st;
	item = jv_parse_sized(line->data, (int)line->len);
	if (jv_get_kind(item) == JV_KIND_INVALID) {
		jv_free(item); /* its error quotes the text */
		return err_set(err, ST_DATA, "jq cannot parse the line");
	}
	if (filter->select.text)
		st = run_select(filter, jv_copy(item), &passes, err);
	if (!st && passes && filter->program.text)
		return run_program(filter, item, out, err);
	jv_free(item);
	if (st || !passes)
		return st;
	if (!buf_addc(line, '\n') || !buf_add(out, line->data, line->len))
		return err_set(err, ST_DATA, "a line exceeds the limit of %zu bytes", out->max);
	return ST_OK;
}
