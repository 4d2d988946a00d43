/*
 * layer.c - sets the options that the command line did not set: from the environment, then the configuration files,
 * then the defaults.
 */
#include "base/mem.h"
#include "base/url.h"
#include "cli/cli-int.h"

#include <stdlib.h>
#include <string.h>

static enum status fill(struct cli *cli, struct cli_value *value, const char *text, enum opt_source source,
	const char *where, struct err *err)
{
	struct origin origin = { source, where };
	enum status st = value_set(cli, value, text, &origin, err);

	if (!st)
		value->where = xstrdup_null(where);
	return st;
}

/*
 * A path in a file must not depend on the working directory, because a shell, cron and systemd use the same file.
 */
static enum status fill_path(struct cli *cli, struct cli_value *value, const char *text, enum opt_source source,
	const char *where, const char *home, struct err *err)
{
	bool at_home = !strncmp(text, "~/", 2) || !strcmp(text, "~");

	if (*text == '/' || !*text)
		return fill(cli, value, text, source, where, err);
	if (!at_home)
		return err_set(err, ST_CONFIG, "%s: invalid %s '%s': expected a path that begins with '/' or '~/'",
			where, value->row->name, text);
	if (!home)
		return err_set(err, ST_CONFIG, "%s: cannot expand '%s': no home directory; set HOME", where, text);
	value->path = xasprintf("%s%s", home, text + 1);
	return fill(cli, value, value->path, source, where, err);
}

/* An empty variable counts as not set. */
static const char *from_environment(const struct opt *row)
{
	const char *text = row->env ? getenv(row->env) : NULL;

	return text && *text ? text : NULL;
}

/* Drops the value that an earlier call set, in case no layer sets it this time. */
static void forget(struct cli *cli, struct cli_value *value)
{
	char *at = (char *)cli->params + value->at;

	free(value->where);
	value->where = NULL;
	free(value->path);
	value->path = NULL;
	value->text = NULL;
	value->source = SOURCE_DEFAULT;
	switch (value->row->kind) {
	case OPT_FLAG: *(bool *)at = false; break;
	case OPT_COUNT: *(int *)at = 0; break;
	case OPT_INT:
	case OPT_DURATION:
	case OPT_SIZE: *(int64_t *)at = 0; break;
	case OPT_STRING:
	case OPT_CHOICE: *(const char **)at = NULL; break;
	case OPT_LIST: ((struct str_list *)at)->count = 0; break;
	case OPT_END:
	case OPT_GROUP:
	case OPT_HEADING:
	case OPT_HELP:
	case OPT_VERSION: break;
	}
}

static enum status fill_row(struct cli *cli, struct cli_value *value, const struct cli_lookup *lookup, struct err *err)
{
	static const enum opt_source files[] = { SOURCE_PROFILE, SOURCE_SYSTEM };
	const struct opt *row = value->row;
	bool path = row->hint == HINT_FILE || row->hint == HINT_DIR;
	const char *where = NULL;
	const char *text;

	if (value->times || row->kind == OPT_HELP || row->kind == OPT_VERSION)
		return ST_OK;
	forget(cli, value);
	if ((text = from_environment(row)))
		return fill(cli, value, text, SOURCE_ENVIRONMENT, row->env, err);
	for (size_t i = 0; lookup && row->config && i < sizeof(files) / sizeof(files[0]); i++) {
		if (!(text = lookup->get(lookup->arg, files[i], row->name, &where)))
			continue;
		if (path)
			return fill_path(cli, value, text, files[i], where, lookup->home, err);
		return fill(cli, value, text, files[i], where, err);
	}
	return row->fallback ? fill(cli, value, row->fallback, SOURCE_DEFAULT, NULL, err) : ST_OK;
}

enum status cli_layer(struct cli *cli, const struct cli_lookup *lookup, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < cli->value_count && !st; i++)
		st = fill_row(cli, &cli->values[i], lookup, err);
	return st;
}

static const struct cli_value *find(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		if (cli->values[i].row->name && !strcmp(cli->values[i].row->name, name))
			return &cli->values[i];
	}
	return NULL;
}

bool cli_has(const struct cli *cli, const char *name)
{
	return find(cli, name);
}

enum opt_source cli_source(const struct cli *cli, const char *name, const char **where)
{
	const struct cli_value *value = find(cli, name);

	if (where)
		*where = value ? value->where : NULL;
	return value ? value->source : SOURCE_DEFAULT;
}

char *cli_value_text(const struct cli *cli, const char *name)
{
	const struct cli_value *value = find(cli, name);
	const char *start;
	struct buf shown;
	size_t len;

	if (!value || !value->text)
		return NULL;
	if (value->row->secret)
		return xstrdup("***");
	buf_init(&shown, BUF_NO_MAX);
	switch (value->row->shown) {
	case SHOW_ALL: buf_adds(&shown, value->text); break;
	case SHOW_URL: url_add_setting(&shown, value->text); break;
	case SHOW_PROGRAM:
		len = cli_program(value->text, &start);
		buf_add(&shown, len ? start : "***", len ? len : 3);
		break;
	}
	return buf_take(&shown);
}
