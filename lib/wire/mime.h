/*
 * mime.h - the MIME type of a file by its name. Uses no table of the system, so that the same command sends the same
 * type everywhere.
 */
#ifndef KANDY_WIRE_MIME_H
#define KANDY_WIRE_MIME_H

#include <stdbool.h>

/* By the file name extension, ignoring case; "application/octet-stream" if it is unknown. Never NULL. */
const char *mime_type_of(const char *name);

/*
 * True if it is valid in a Content-Type header: token "/" token (RFC 9110, 8.3.1), then parameters of printable ASCII
 * after ';'.
 */
bool mime_valid(const char *type);

#endif
