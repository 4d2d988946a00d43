/*
 * multipart.h - a streaming parser of multipart/form-data (RFC 7578). Pure: the parts go to callbacks.
 */
#ifndef KANDY_SANDBOX_MULTIPART_H
#define KANDY_SANDBOX_MULTIPART_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct multipart_part {
	const char *name, *filename, *type; /* "" if missing */
};

/* A callback that returns false stops the parser (MULTIPART_BAD). */
struct multipart_handler {
	bool (*begin)(void *arg, const struct multipart_part *part);
	bool (*data)(void *arg, const char *p, size_t len);
	bool (*end)(void *arg);
};

struct multipart {
	const struct multipart_handler *handler;
	void *arg;
	struct buf boundary; /* with CR LF "--" before it */
	struct buf in; /* unparsed input */
	enum { MULTIPART_PREAMBLE, MULTIPART_BOUNDARY, MULTIPART_HEAD, MULTIPART_DATA, MULTIPART_ENDED } at;
};

enum multipart_result { MULTIPART_MORE, MULTIPART_DONE, MULTIPART_BAD };

/* False: the Content-Type is not multipart/form-data with a boundary. Release it in both cases. */
bool multipart_init(struct multipart *m, const char *content_type, const struct multipart_handler *handler, void *arg);
void multipart_release(struct multipart *m); /* also for a zeroed struct */
enum multipart_result multipart_add(struct multipart *m, const char *p, size_t len);

#endif
