/*
 * listing.h - all commands, options and exit codes as one line of JSON, for other tools. Secrets have no default in it.
 */
#ifndef KANDY_CMD_LISTING_H
#define KANDY_CMD_LISTING_H

#include "base/buf.h"
#include "cli/cli.h"

/* Of all `commands` (NULL-terminated). Hidden commands and rows are left out. */
void listing_add(struct buf *out, const struct command *const *commands);

#endif
