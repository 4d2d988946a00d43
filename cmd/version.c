/*
 * version.c - `kandy version`, and what `--version` prints.
 *
 * The libraries are loaded here instead of by their rooms, because no room needs their versions, and a missing library
 * is reported, not an error.
 */
#include "cmd/version.h"

#include "base/dynlib.h"
#include "base/file.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "json/json.h"
#include "sonames.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct library {
	const char *name, *soname, *package;
	const char *function; /* returns the version; takes no argument, or one int (0). libjq has none */
	const char *prefix; /* of the text, before the number */
};

static const struct library libraries[] = {
	{ "libcurl", SONAME_CURL, "libcurl4", "curl_version", "libcurl/" },
	{ "libjq", SONAME_JQ, "libjq1", "jq_init", NULL },
	{ "libwebsockets", SONAME_WEBSOCKETS, "libwebsockets17", "lws_get_library_version", "" },
	{ "OpenSSL", SONAME_CRYPTO, "libssl3", "OpenSSL_version", "OpenSSL " },
};

enum { LIBRARIES = sizeof(libraries) / sizeof(libraries[0]) };

/* libjq.so.1.0.4: the number in the name of the file that the soname links to. */
static bool file_version(void *function, char version[static VERSION_MAX])
{
	char path[PATH_MAX];
	const char *number;
	Dl_info info;

	if (!dladdr(function, &info) || !info.dli_fname || !realpath(info.dli_fname, path))
		return false;
	number = strstr(file_basename(path), ".so.");
	if (!number || strlen(number + 4) >= VERSION_MAX)
		return false;
	memcpy(version, number + 4, strlen(number + 4) + 1);
	return true;
}

/* False if the library is missing; `version` is then the reason, otherwise the number. */
static bool ask(const struct library *library, char version[static VERSION_MAX], struct err *err)
{
	const char *(*function)(int) = NULL;
	const struct dynlib_symbol symbols[] = { { library->function, &function }, { NULL, NULL } };
	const char *text;
	void *address;
	size_t len;

	if (dynlib_load(library->soname, library->package, symbols, err))
		return false;
	memcpy(&address, &function, sizeof(address));
	if (!library->prefix)
		return file_version(address, version);
	text = function(0);
	if (str_starts_with(text, library->prefix))
		text += strlen(library->prefix);
	len = strcspn(text, " ");
	while (len && (text[len - 1] == '-' || len >= VERSION_MAX)) /* libwebsockets without a commit: "4.1.6-" */
		len--;
	memcpy(version, text, len);
	return true;
}

const char *version_library(size_t i, char version[static VERSION_MAX], struct err *err)
{
	if (i >= LIBRARIES)
		return NULL;
	memset(version, 0, VERSION_MAX);
	(void)ask(&libraries[i], version, err);
	return libraries[i].name;
}

static void add_text(struct buf *out, bool with_libraries)
{
	buf_adds(out, "kandy " KANDY_VERSION "\n");
	for (size_t i = 0; with_libraries && i < LIBRARIES; i++) {
		char version[VERSION_MAX];
		struct err err = ERR_INIT;
		const char *name = version_library(i, version, &err);

		buf_addf(out, "%s %s\n", name, err.status ? err.text : version);
	}
}

static void add_json(struct buf *out)
{
	json_open(out, '{');
	json_add_string(out, "event", "version");
	json_add_string(out, "version", KANDY_VERSION);
	json_open_key(out, "libraries", '{');
	for (size_t i = 0; i < LIBRARIES; i++) {
		char version[VERSION_MAX];
		const char *name = version_library(i, version, NULL);

		json_add_string(out, name, version[0] ? version : NULL);
	}
	json_close(out, '}');
	json_close(out, '}');
	buf_addc(out, '\n');
}

static enum status print(struct buf *text, struct err *err)
{
	enum status st = output_add(text->data, text->len, err);

	buf_release(text);
	return st;
}

enum status version_print(bool with_libraries, struct err *err)
{
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	add_text(&text, with_libraries);
	return print(&text, err);
}

struct version_params {
	struct common_params common;
	struct format_params format;
};

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct version_params *params = p;
	struct buf text;

	(void)ctx;
	if (format_is_text(&params->format))
		return version_print(true, err);
	buf_init(&text, BUF_NO_MAX);
	add_json(&text);
	return print(&text, err);
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct version_params, format) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct version_params, common) },
	{ 0 },
};

const struct command cmd_version = {
	.name = "version",
	.summary = "print version information",
	.description = CLI_LIST(
		"Prints the versions of kandy and of the libraries that it finds at run time. A library is loaded when a command "
		"first needs it, so a missing one, which is null here, affects only some commands. libjq does not report a "
		"version; the library's file version is shown."),
	.opts = opts,
	.params_size = sizeof(struct version_params),
	.needs = NEEDS_NO_FILES,
	.examples = CLI_EXAMPLES({ "kandy version", "one line of JSON" },
		{ "kandy version --format text", "the same for people" }),
	.run = run,
};
