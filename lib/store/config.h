/*
 * config.h - the configuration files.
 *
 * `KEY = VALUE` lines; keys are option names. Lines before the first section count for every profile, those under
 * `[NAME]` for the profile NAME alone, and win there. `#` begins a comment line; a value may stand in double quotes
 * (then with \" and \\). Nothing else is allowed: an unknown line is ST_CONFIG with file and line number.
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
 * Reads one file. A missing one gives an empty config (`*found` false), unless `required`. One that others may write,
 * or that belongs to neither us nor root, is ST_CONFIG: it may name a command to run, and where to log in.
 */
enum status config_read(struct config **out, const char *path, bool required, bool *found, struct err *err) MUST_USE;

/*
 * The same from memory: `len` bytes with a NUL behind them, which are changed in place. `path` is what the sentences
 * call them.
 */
enum status config_parse(struct config **out, const char *path, char *text, size_t len, struct err *err) MUST_USE;
void config_free(struct config *config);

/*
 * The value of `key` for `profile` (its section, then the part before the first section), or NULL. `*where` (may be
 * NULL) receives "FILE:LINE". Both are borrowed. Where a key stands twice in one part, the last one counts.
 */
const char *config_get(const struct config *config, const char *profile, const char *key, const char **where);

/*
 * Checks every key against `known` (asked with each key; `forbidden` set where it is a secret, which does not belong
 * in a file: the sentence names the -file and -command keys instead). ST_CONFIG names file, line and the nearest
 * known key.
 */
enum status config_check(const struct config *config, bool (*known)(const char *key, bool *forbidden, void *arg),
	const char *(*nearest)(const char *key, void *arg), void *arg, struct err *err) MUST_USE;

/*
 * Profile names in the order of the file; for completion and "no such profile". Returns the count; names are
 * borrowed.
 */
size_t config_profiles(const struct config *config, const char **names, size_t max);

#endif
