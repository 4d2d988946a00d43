/*
 * config.h - the configuration files.
 *
 * Lines have the form `KEY = VALUE`; keys are option names. Lines before the first section apply to every profile,
 * those under `[NAME]` only to the profile NAME, and override the former. `#` starts a comment line; values may be in
 * double quotes, with \" and \\ inside. Any other line is ST_CONFIG with file and line number.
 *
 *	base-url = https://oauth-cpaas.att.com
 *	[reports]
 *	client-id = PUB-acme
 *	username = reports@acme.example
 *	password-command = pass show kandy/reports
 */
#ifndef KANDY_STORE_CONFIG_H
#define KANDY_STORE_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct config;

/*
 * Reads one file. A missing one gives an empty config (`*found` false), unless `required`. If other users own the file
 * or can write it, that is ST_CONFIG, because it may contain commands to run and the server to log in to.
 */
enum status config_read(struct config **out, const char *path, bool required, bool *found, struct err *err) MUST_USE;

/*
 * The same from memory: `len` bytes and a NUL, which are changed in place. Errors name `path`.
 */
enum status config_parse(struct config **out, const char *path, char *text, size_t len, struct err *err) MUST_USE;
void config_free(struct config *config);

/*
 * The value of `key` for `profile` (its section, then the part before the first section), or NULL. `*where` (may be
 * NULL) receives "FILE:LINE". Both are borrowed. If a key occurs twice in one part, the last one counts.
 */
const char *config_get(const struct config *config, const char *profile, const char *key, const char **where);

/*
 * Checks every key with `known`, which sets `forbidden` for secrets: they are not allowed in a file, and the error
 * names the -file and -command keys instead. ST_CONFIG names file, line and the nearest known key.
 */
enum status config_check(const struct config *config, bool (*known)(const char *key, bool *forbidden, void *arg),
	const char *(*nearest)(const char *key, void *arg), void *arg, struct err *err) MUST_USE;

/*
 * The profile names in the order of the file, for completion and "no such profile". Returns the count; the names are
 * borrowed.
 */
size_t config_profiles(const struct config *config, const char **names, size_t max);

#endif
