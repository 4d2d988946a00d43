/*
 * filename.h - a file name from a stranger made fit for a directory of ours. Pure.
 *
 * The name that a message gives to its attachment is hostile until shown otherwise. What filename_clean() gives
 *  - names one entry of the directory that it is used in, never another place: no separators of either
 *    kind, no drive letter, no "." or "..", no NUL;
 *  - shows what it is: no control characters, no bidirectional overrides, no line separators, valid UTF-8;
 *  - can stand in a command line: it begins with neither '.', '-' nor '~', nor with a space;
 *  - works on file systems of other systems too: none of <>:"|?*, no trailing dot or space, no device name
 *    (CON, NUL, COM1.txt ...);
 *  - is never the name of a temporary file of ours (FILENAME_PART, FILENAME_INFO);
 *  - is at most FILENAME_LIMIT bytes long, cut between characters, with its extension kept.
 * Whether the name is free is another question: see inbox.h.
 */
#ifndef KANDY_BASE_FILENAME_H
#define KANDY_BASE_FILENAME_H

#include "base/buf.h"

#include <stddef.h>

#define FILENAME_PART ".part" /* behind the name while a file is being fetched */
#define FILENAME_INFO ".part.info" /* beside it: what it will be, to go on later */

/* NAME_MAX (255) less the longest of what is put behind a name: "-xxxxxxxx" where it was taken, and FILENAME_INFO. */
#define FILENAME_LIMIT ((size_t)235)

/* Appends the clean form of `name`, or "attachment" where nothing is left of it. */
void filename_clean(struct buf *out, const char *name, size_t len);

/*
 * The same for the last segment of a URL's path, percent-decoded. `.../objects/ID/payload` gives ID, since
 * every attachment would be called "payload" otherwise (protocol.md, "Attachments").
 */
void filename_from_url(struct buf *out, const char *url);

/*
 * Appends the clean name `name` with `-TAG` before its extension: "pic.png" -> "pic-2.png", "a.tar.gz" ->
 * "a-2.tar.gz". The name is cut so that FILENAME_LIMIT holds. (What filename_numbered() adds is allowed for in it.)
 */
void filename_tagged(struct buf *out, const char *name, const char *tag);

/* How many names are tried for one file: NAME, then NAME-2 to NAME-99, then one with eight random hex digits. */
#define FILENAME_TRIES 100U
void filename_numbered(struct buf *out, const char *name, unsigned attempt); /* 1: the name itself */

#endif
