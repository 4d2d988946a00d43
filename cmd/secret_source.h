/*
 * secret_source.h - where a password or client secret comes from (design: never from the command
 * line).
 *
 * From each source one line is taken, its newline removed. Nothing in it, or a second line where
 * there is nothing to expect one, is an error. The sentences name the source and never what it
 * gave.
 */
#ifndef KANDY_CMD_SECRET_SOURCE_H
#define KANDY_CMD_SECRET_SOURCE_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>

/*
 * A file that is nobody else's to read (ST_CONFIG if group or others may, unless `guarded`, which
 * says that its directory is); a pipe, a terminal or /dev/fd/N, as from <(...), is fine too.
 * ST_NOINPUT where there is none. `what` is "password" or "client secret".
 */
enum status secret_from_file(const char *path, const char *what, bool guarded, struct secret *out,
	struct err *err) MUST_USE;

enum status secret_from_stdin(const char *what, struct secret *out, struct err *err) MUST_USE;

/*
 * The first line that `command` prints, run by /bin/sh with stdin from /dev/null and our stderr,
 * for at most a minute. A status other than 0 is ST_AUTH with the command's first word and the
 * status.
 */
enum status secret_from_command(const char *command, const char *what, struct secret *out, struct err *err) MUST_USE;

/* From a variable that is already at hand; `name` is its name. */
enum status secret_from_value(const char *value, const char *name, const char *what, struct secret *out,
	struct err *err) MUST_USE;

#endif
