/*
 * mime.h - the MIME type of a file by its name. Pure: no file is opened, and no table of the system is read, so that
 * the same command sends the same type everywhere.
 */
#ifndef KANDY_WIRE_MIME_H
#define KANDY_WIRE_MIME_H

#include <stdbool.h>

/* By what is behind the last '.', in either case; "application/octet-stream" for what is not known. Never NULL. */
const char *mime_type_of(const char *name);

/*
 * True for what may stand in a Content-Type header: token "/" token (RFC 9110, 8.3.1), with parameters of printable
 * ASCII behind ';'.
 */
bool mime_valid(const char *type);

#endif
