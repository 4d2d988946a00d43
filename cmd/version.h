/*
 * version.h - the version of kandy, and those of the libraries at run time.
 */
#ifndef KANDY_CMD_VERSION_H
#define KANDY_CMD_VERSION_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* "kandy 0.1.0", and with `libraries` a line for each of them. */
enum status version_print(bool libraries, struct err *err) MUST_USE;

enum { VERSION_MAX = 64 };

/*
 * The name of library number `i`, or NULL after the last one. `version` is set to its version, or to "" if it is missing;
 * then `err` says why (untouched otherwise; may be NULL).
 */
const char *version_library(size_t i, char version[static VERSION_MAX], struct err *err);

#endif
