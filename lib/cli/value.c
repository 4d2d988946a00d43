/*
 * value.c - checks the text of one value and stores it at the place of its row.
 */
#include "base/mem.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli-int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *value_example(const struct opt *row)
{
	switch (row->kind) {
	case OPT_INT: return row->fallback ? row->fallback : "10";
	case OPT_DURATION: return row->fallback && row->fallback[0] != '0' ? row->fallback : "30s";
	case OPT_SIZE: return row->fallback && row->fallback[0] != '0' ? row->fallback : "10M";
	case OPT_CHOICE: return row->choices[0];
	default: return row->metavar ? row->metavar : "VALUE";
	}
}

/* "invalid --jobs", "invalid KANDY_JOBS" or "FILE:LINE: invalid jobs". */
static void name_origin(struct buf *out, const struct opt *row, const struct origin *origin)
{
	switch (origin->source) {
	case SOURCE_OPTION:
	case SOURCE_ENVIRONMENT: buf_addf(out, "invalid %s", origin->name); break;
	case SOURCE_SYSTEM:
	case SOURCE_PROFILE: buf_addf(out, "%s: invalid %s", origin->name, row->name); break;
	case SOURCE_DEFAULT: buf_addf(out, "invalid default of --%s", row->name); break;
	}
}

static const char *number_text(const struct opt *row, int64_t n, char out[static 32])
{
	if (row->kind == OPT_DURATION && n % 1000)
		snprintf(out, 32, "%" PRId64 "ms", n);
	else if (row->kind == OPT_DURATION)
		snprintf(out, 32, "%" PRId64 "s", n / 1000);
	else
		snprintf(out, 32, "%" PRId64, n);
	return out;
}

static void add_expected(struct buf *out, const struct opt *row)
{
	char low[32], high[32];

	switch (row->kind) {
	case OPT_FLAG: buf_adds(out, "yes or no"); return;
	case OPT_DURATION: buf_adds(out, "a duration"); break;
	case OPT_SIZE: buf_adds(out, "a size"); break;
	case OPT_CHOICE:
		for (size_t i = 0; row->choices[i]; i++)
			buf_addf(out, "%s%s", !i ? "" : row->choices[i + 1] ? ", " : " or ", row->choices[i]);
		return;
	default: buf_adds(out, "a whole number"); break;
	}
	if (row->max && row->max != INT64_MAX)
		buf_addf(out, " from %s to %s", number_text(row, row->min, low), number_text(row, row->max, high));
	else if (row->min)
		buf_addf(out, " of at least %s", number_text(row, row->min, low));
	if (row->kind == OPT_DURATION || row->kind == OPT_SIZE)
		buf_addf(out, ", such as %s", value_example(row));
}

static enum status refuse(const struct opt *row, const char *text, const struct origin *origin, struct err *err)
{
	bool file = origin->source == SOURCE_SYSTEM || origin->source == SOURCE_PROFILE;
	const char *near = row->kind == OPT_CHOICE ? str_nearest_word(text, row->choices) : NULL;
	struct buf sentence;
	enum status st;

	buf_init(&sentence, BUF_NO_MAX);
	name_origin(&sentence, row, origin);
	if (!row->secret)
		buf_addf(&sentence, " '%s'", text);
	buf_adds(&sentence, ": expected ");
	add_expected(&sentence, row);
	if (near)
		buf_addf(&sentence, "; did you mean '%s'?", near);
	st = err_set(err, file ? ST_CONFIG : ST_USAGE, "%s", sentence.data);
	buf_release(&sentence);
	return st;
}

static bool parse_bool(const char *text, bool *on)
{
	static const char *const yes[] = { "yes", "true", "on", "1", NULL };
	static const char *const no[] = { "no", "false", "off", "0", NULL };

	for (size_t i = 0; yes[i]; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*on = !strcmp(text, yes[i]);
			return true;
		}
	}
	return false;
}

static bool parse_number(const struct opt *row, const char *text, int64_t *n)
{
	bool ok = row->kind == OPT_DURATION ? str_parse_duration(text, n)
		: row->kind == OPT_SIZE     ? str_parse_size(text, n)
					    : str_parse_int64(text, n);

	return ok && *n >= row->min && (!row->max || *n <= row->max);
}

void value_set_flag(struct cli *cli, const struct cli_value *value, bool on)
{
	char *at = (char *)cli->params + value->at;

	if (value->row->kind == OPT_COUNT)
		*(int *)at += 1;
	else
		*(bool *)at = on;
}

static void add_item(struct str_list *list, const char *text)
{
	list->items = xgrow(list->items, list->count, &list->cap, sizeof(*list->items));
	list->items[list->count++] = text;
}

/* Command lines are visible to other users. */
static enum status check_url(const struct opt *row, const char *text, const struct origin *origin, struct err *err)
{
	url_redact(text);
	if (origin->source != SOURCE_OPTION || !row->password_goes || !url_has_password(text))
		return ST_OK;
	return err_set(err, ST_USAGE,
		"option '%s' takes no password, because command lines are visible to other users; put it into %s",
		origin->name, row->password_goes);
}

enum status value_set(struct cli *cli, struct cli_value *value, const char *text, const struct origin *origin,
	struct err *err)
{
	char *at = (char *)cli->params + value->at;
	const struct opt *row = value->row;
	enum status st;
	int64_t n;
	bool on;

	switch (row->kind) {
	case OPT_FLAG:
		if (!parse_bool(text, &on))
			return refuse(row, text, origin, err);
		*(bool *)at = on;
		break;
	case OPT_COUNT:
		if (!str_parse_int64(text, &n) || n < 0 || n > 9)
			return refuse(row, text, origin, err);
		*(int *)at = (int)n;
		break;
	case OPT_INT:
	case OPT_DURATION:
	case OPT_SIZE:
		if (!parse_number(row, text, &n))
			return refuse(row, text, origin, err);
		*(int64_t *)at = n;
		break;
	case OPT_CHOICE: {
		size_t i = 0;

		while (row->choices[i] && strcmp(row->choices[i], text))
			i++;
		if (!row->choices[i])
			return refuse(row, text, origin, err);
		*(const char **)at = row->choices[i];
		break;
	}
	case OPT_STRING:
		if (row->shown == SHOW_URL && (st = check_url(row, text, origin, err)))
			return st;
		*(const char **)at = text;
		break;
	case OPT_LIST: add_item((struct str_list *)at, text); break;
	case OPT_END:
	case OPT_GROUP:
	case OPT_HEADING:
	case OPT_HELP:
	case OPT_VERSION: BUG("a row of kind %d has no value", (int)row->kind);
	}
	value->text = text;
	value->source = origin->source;
	return ST_OK;
}
