/*
 * json_schema.h - every kind of JSON line that kandy prints, with its keys: for kandy-json(5) and for the test that
 * compares it with real output.
 */
#ifndef KANDY_CMD_JSON_SCHEMA_H
#define KANDY_CMD_JSON_SCHEMA_H

#include "base/buf.h"

void json_schema_add_man(struct buf *out); /* the text of kandy-json(5), in the format of cli_man_page() */
void json_schema_add_listing(struct buf *out); /* "lines":[...] of the listing */

#endif
