/*
 * listing.h - commands, options, JSON lines and exit statuses as one line of JSON, for tests and other tools.
 */
#ifndef KANDY_CMD_LISTING_H
#define KANDY_CMD_LISTING_H

#include "base/buf.h"
#include "cli/cli.h"

/* `list` is NULL-terminated. Hidden commands and rows are left out. */
void listing_add(struct buf *out, const struct command *const *list);

#endif
