/*
 * manual.h - the prose of kandy(1), and the man pages of section 5.
 */
#ifndef KANDY_CMD_MANUAL_H
#define KANDY_CMD_MANUAL_H

#include "base/buf.h"

extern const char manual_guarantees[]; /* section of kandy(1) */

void manual_add_config(struct buf *out); /* kandy-config(5) */
void manual_add_json(struct buf *out); /* kandy-json(5) */

#endif
