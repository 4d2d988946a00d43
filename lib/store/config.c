#include "store/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1024 * 1024 };

struct config_entry {
	const char *profile; /* NULL: before the first section. Borrowed from profiles[] */
	char *key, *value;
	char *where; /* "FILE:LINE" */
};

struct config {
	char *path;
	struct config_entry *entries;
	size_t count, cap;
	char **profiles; /* as they first appear */
	size_t profile_count, profile_cap;
};

/* The current line; parsing changes it in place. */
struct line {
	const char *path;
	size_t number;
	char *text;
};

static enum status wrong(const struct line *line, const char *what, struct err *err)
{
	return err_set(err, ST_CONFIG, "%s:%zu: %s", line->path, line->number, what);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Removes white space at both ends, in place. */
static char *trim(char *s)
{
	size_t len;

	while (is_space(*s))
		s++;
	len = strlen(s);
	while (len && is_space(s[len - 1]))
		s[--len] = '\0';
	return s;
}

static bool is_name(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

/* Removes the quotes of a value, in place. */
static enum status unquote(const struct line *line, char *value, struct err *err)
{
	char *to = value;
	char *from = value + 1;

	if (*value != '"')
		return ST_OK;
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1] != '"' && from[1] != '\\')
			return wrong(line, "invalid escape sequence: expected \\\" or \\\\", err);
		if (*from == '\\')
			from++;
		*to++ = *from;
	}
	if (*from != '"')
		return wrong(line, "missing closing quote", err);
	if (from[1])
		return wrong(line, "unexpected text after the closing quote", err);
	*to = '\0';
	return ST_OK;
}

static const char *add_profile(struct config *config, const char *name)
{
	for (size_t i = 0; i < config->profile_count; i++) {
		if (!strcmp(config->profiles[i], name))
			return config->profiles[i];
	}
	config->profiles =
		xgrow(config->profiles, config->profile_count, &config->profile_cap, sizeof(*config->profiles));
	return config->profiles[config->profile_count++] = xstrdup(name);
}

static enum status read_section(struct config *config, const struct line *line, const char **profile, struct err *err)
{
	size_t len = strlen(line->text);
	char *name;

	if (line->text[len - 1] != ']')
		return wrong(line, "invalid section: expected [PROFILE]", err);
	line->text[len - 1] = '\0';
	name = trim(line->text + 1);
	if (!is_name(name))
		return wrong(line, "invalid profile name: only letters, digits, '.', '_' and '-' are allowed", err);
	*profile = add_profile(config, name);
	return ST_OK;
}

/* Errors do not quote the value, which may be a password. */
static enum status read_entry(struct config *config, const struct line *line, const char *profile, struct err *err)
{
	char *equals = strchr(line->text, '=');
	char *key, *value;
	enum status st;

	if (!equals)
		return wrong(line, "invalid line: expected KEY = VALUE, [PROFILE] or a # comment", err);
	*equals = '\0';
	key = trim(line->text);
	value = trim(equals + 1);
	if (!is_name(key))
		return wrong(line, "invalid key before '='", err);
	if ((st = unquote(line, value, err)))
		return st;
	config->entries = xgrow(config->entries, config->count, &config->cap, sizeof(*config->entries));
	config->entries[config->count++] = (struct config_entry){
		.profile = profile,
		.key = xstrdup(key),
		.value = xstrdup(value),
		.where = xasprintf("%s:%zu", line->path, line->number),
	};
	return ST_OK;
}

static enum status read_lines(struct config *config, char *text, struct err *err)
{
	struct line line = { .path = config->path };
	const char *profile = NULL;
	enum status st = ST_OK;
	char *rest = text;
	char *start;

	while (!st && (start = strsep(&rest, "\n"))) {
		line.number++;
		line.text = trim(start);
		if (!*line.text || *line.text == '#')
			continue;
		if (*line.text == '[')
			st = read_section(config, &line, &profile, err);
		else
			st = read_entry(config, &line, profile, err);
	}
	return st;
}

/* Every failure to read the file is reported as a configuration error. */
static enum status as_config(struct err *err)
{
	if (err)
		err->status = ST_CONFIG;
	return ST_CONFIG;
}

enum status config_parse(struct config **out, const char *path, char *text, size_t len, struct err *err)
{
	struct config *config;
	enum status st;

	if (memchr(text, '\0', len))
		return err_set(err, ST_CONFIG, "'%s' is not a text file: it contains a NUL byte", path);
	config = xcalloc(1, sizeof(*config));
	config->path = xstrdup(path);
	st = read_lines(config, text, err);
	if (st)
		config_free(config);
	else
		*out = config;
	return st;
}

enum status config_read(struct config **out, const char *path, bool required, bool *found, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf text;
	enum status st;

	buf_init_secret(&text, FILE_MAX);
	st = file_read_trusted(path, &text, &why);
	*found = st != ST_NOINPUT;
	if (st && err && (*found || required))
		*err = why;
	if (st && (*found || required))
		st = as_config(err);
	else
		st = config_parse(out, path, text.data, text.len, err);
	buf_release(&text);
	return st;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->count; i++) {
		free(config->entries[i].key);
		free(config->entries[i].value);
		free(config->entries[i].where);
	}
	for (size_t i = 0; i < config->profile_count; i++)
		free(config->profiles[i]);
	free(config->profiles);
	free(config->entries);
	free(config->path);
	free(config);
}

static const struct config_entry *find(const struct config *config, const char *profile, const char *key)
{
	for (size_t i = config->count; i--;) {
		const struct config_entry *entry = &config->entries[i];
		bool there = profile ? entry->profile && !strcmp(entry->profile, profile) : !entry->profile;

		if (there && !strcmp(entry->key, key))
			return entry;
	}
	return NULL;
}

const char *config_get(const struct config *config, const char *profile, const char *key, const char **where)
{
	const struct config_entry *entry = profile ? find(config, profile, key) : NULL;

	if (!entry)
		entry = find(config, NULL, key);
	if (!entry)
		return NULL;
	if (where)
		*where = entry->where;
	return entry->value;
}

enum status config_check(const struct config *config, bool (*known)(const char *key, bool *forbidden, void *arg),
	const char *(*nearest)(const char *key, void *arg), void *arg, struct err *err)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_entry *entry = &config->entries[i];
		bool forbidden = false;
		const char *near;

		if (known(entry->key, &forbidden, arg))
			continue;
		if (forbidden)
			return err_set(err, ST_CONFIG,
				"%s: '%s' is a secret and does not belong in this file; use '%s-file' or '%s-command'",
				entry->where, entry->key, entry->key, entry->key);
		near = nearest(entry->key, arg);
		if (near)
			return err_set(err, ST_CONFIG, "%s: unknown key '%s'; did you mean '%s'?", entry->where,
				entry->key, near);
		return err_set(err, ST_CONFIG, "%s: unknown key '%s'; see kandy(1) for the keys", entry->where,
			entry->key);
	}
	return ST_OK;
}

size_t config_profiles(const struct config *config, const char **names, size_t max)
{
	for (size_t i = 0; i < config->profile_count && i < max; i++)
		names[i] = config->profiles[i];
	return config->profile_count;
}
