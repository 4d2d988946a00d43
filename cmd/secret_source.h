/*
 * secret_source.h - sources of a password or client secret, which is never an argument of an option.
 *
 * Each source gives one line, whose newline is removed. An empty line, or a second one, is an error (only a command may
 * print more). Error messages name the source and never its content. `what` is "password" or "client secret".
 */
#ifndef KANDY_CMD_SECRET_SOURCE_H
#define KANDY_CMD_SECRET_SOURCE_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>

/*
 * ST_CONFIG for a regular file that other users can access, unless `guarded`: its directory protects it. A pipe, a
 * terminal or /dev/fd/N, as from <(...), is accepted. ST_NOINPUT if the file does not exist.
 */
enum status secret_from_file(const char *path, const char *what, bool guarded, struct secret *out,
	struct err *err) MUST_USE;

enum status secret_from_stdin(const char *what, struct secret *out, struct err *err) MUST_USE;

/*
 * The first line of the output of `command`, run by /bin/sh with stdin from /dev/null, for at most a minute. ST_AUTH if
 * its exit status is not 0.
 */
enum status secret_from_command(const char *command, const char *what, struct secret *out, struct err *err) MUST_USE;

/* The value of the variable `name`. */
enum status secret_from_value(const char *value, const char *name, const char *what, struct secret *out,
	struct err *err) MUST_USE;

#endif
