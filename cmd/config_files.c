#include "cmd/config_files.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_CONFIG "/etc/kandy/config"

struct layer {
	char *path;
	struct config *config;
	bool found;
};

struct config_files {
	const char *profile;
	struct layer system, user;
	char *home;
};

static char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (!home || home[0] != '/') {
		user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	return xstrdup_null(home);
}

char *xdg_dir(const char *variable, const char *fallback)
{
	const char *dir = getenv(variable);
	char *home, *path;

	if (dir && dir[0] == '/')
		return file_join(dir, "kandy");
	home = home_dir();
	path = home ? xasprintf("%s/%s/kandy", home, fallback) : NULL;
	free(home);
	return path;
}

struct question {
	const char *key;
	bool known, forbidden;
	const char **words; /* for nearest_key(): room for all keys */
	size_t count, cap;
};

static void compare_row(const struct opt *row, size_t base, void *arg)
{
	struct question *question = arg;

	(void)base;
	if (!row->name || strcmp(row->name, question->key))
		return;
	question->known |= row->config;
	question->forbidden |= row->secret && !row->config;
}

static bool known_key(const char *key, bool *forbidden, void *arg)
{
	const struct command *const *commands = arg;
	struct question question = { .key = key };

	for (; *commands; commands++)
		cli_each_row((*commands)->opts, compare_row, &question);
	*forbidden = question.forbidden;
	return question.known;
}

static void collect_row(const struct opt *row, size_t base, void *arg)
{
	struct question *question = arg;

	(void)base;
	if (!row->config)
		return;
	question->words = xgrow(question->words, question->count, &question->cap, sizeof(*question->words));
	question->words[question->count++] = row->name;
}

static const char *nearest_key(const char *key, void *arg)
{
	const struct command *const *commands = arg;
	struct question question = { .key = key };
	const char *near;

	for (; *commands; commands++)
		cli_each_row((*commands)->opts, collect_row, &question);
	question.words = xgrow(question.words, question.count, &question.cap, sizeof(*question.words));
	question.words[question.count] = NULL;
	near = str_nearest_word(key, question.words);
	free(question.words);
	return near;
}

static enum status open_layer(struct layer *layer, const struct command *const *commands, struct err *err)
{
	enum status st;

	if (!layer->path)
		return ST_OK;
	st = config_read(&layer->config, layer->path, false, &layer->found, err);
	if (!st)
		st = config_check(layer->config, known_key, nearest_key, (void *)(uintptr_t)commands, err);
	return st;
}

enum status config_files_open(struct config_files **out, const char *profile, const struct command *const *commands,
	struct err *err)
{
	struct config_files *files = xcalloc(1, sizeof(*files));
	const char *system = getenv("KANDY_SYSTEM_CONFIG");
	char *dir = xdg_dir("XDG_CONFIG_HOME", ".config");
	enum status st;

	files->profile = profile;
	files->home = home_dir();
	files->system.path = xstrdup(system && *system ? system : SYSTEM_CONFIG);
	files->user.path = dir ? file_join(dir, "config") : NULL;
	free(dir);
	st = open_layer(&files->system, commands, err);
	if (!st)
		st = open_layer(&files->user, commands, err);
	if (st)
		config_files_free(files);
	else
		*out = files;
	return st;
}

void config_files_free(struct config_files *files)
{
	if (!files)
		return;
	config_free(files->system.config);
	config_free(files->user.config);
	free(files->system.path);
	free(files->user.path);
	free(files->home);
	free(files);
}

static const struct layer *layer_of(const struct config_files *files, enum opt_source source)
{
	return source == SOURCE_SYSTEM ? &files->system : &files->user;
}

static const char *look_up(void *arg, enum opt_source source, const char *key, const char **where)
{
	const struct config_files *files = arg;
	const struct layer *layer = layer_of(files, source);

	return layer->config ? config_get(layer->config, files->profile, key, where) : NULL;
}

struct cli_lookup config_files_lookup(const struct config_files *files)
{
	return (struct cli_lookup){ .get = look_up, .arg = (void *)(uintptr_t)files, .home = files->home };
}

const char *config_files_path(const struct config_files *files, enum opt_source source, bool *found)
{
	const struct layer *layer = layer_of(files, source);

	*found = layer->found;
	return layer->path;
}

const struct config *config_files_get(const struct config_files *files, enum opt_source source)
{
	return layer_of(files, source)->config;
}
