/*
 * filename.h - safe file names from untrusted ones. Pure.
 *
 * The sender of a message chooses the names of its attachments. The result of filename_clean()
 *  - is an entry of the directory in which it is used: no separators of either kind, no drive letter, no "." or "..", no
 *    NUL;
 *  - is displayed as it is: no control characters, bidirectional overrides or line separators, valid UTF-8;
 *  - is safe in a command line: it does not begin with '.', '-', '~' or a space;
 *  - is valid on FAT, NTFS and SMB: none of <>:"|?*, no trailing dot or space;
 *  - is never the name of a partial file (FILENAME_PART, FILENAME_INFO);
 *  - is at most FILENAME_LIMIT bytes long, cut between characters, with its extension kept.
 * It may be in use already: see fetch/download_dir.h.
 */
#ifndef KANDY_BASE_FILENAME_H
#define KANDY_BASE_FILENAME_H

#include "base/buf.h"

#include <stddef.h>

#define FILENAME_PART ".part" /* suffix of a file that is being downloaded */
#define FILENAME_INFO ".part.info" /* suffix of the file with its resume info */

/* NAME_MAX (255) less the longest suffixes: "-xxxxxxxx" for a name in use, and FILENAME_INFO. */
#define FILENAME_LIMIT ((size_t)235)

/* Appends the safe form of `name`, or "attachment" if nothing is left of it. */
void filename_clean(struct buf *out, const char *name, size_t len);

/*
 * The same for the last segment of a URL's path, percent-decoded. `.../objects/ID/payload` gives ID, because otherwise
 * every attachment would be called "payload".
 */
void filename_from_url(struct buf *out, const char *url);

/*
 * Appends the clean name `name` with `-TAG` before its extension: "pic.png" -> "pic-2.png", "a.tar.gz" ->
 * "a-2.tar.gz". The name is cut to FILENAME_LIMIT, which leaves room for the suffix of filename_numbered().
 */
void filename_tagged(struct buf *out, const char *name, const char *tag);

/* Names that are tried for one file: NAME, NAME-2 to NAME-99, then one with eight random hex digits. */
#define FILENAME_TRIES 100U
void filename_numbered(struct buf *out, const char *name, unsigned attempt); /* 1: the name itself */

#endif
