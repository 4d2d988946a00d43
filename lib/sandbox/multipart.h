/*
 * multipart.h - multipart/form-data (RFC 7578), streamed. Pure: what it finds goes to callbacks.
 */
#ifndef KANDY_SANDBOX_MULTIPART_H
#define KANDY_SANDBOX_MULTIPART_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct multipart_part {
	const char *name, *filename, *type; /* "" where it does not say */
};

/* A callback that returns false ends the parse (MULTIPART_BAD). */
struct multipart_handler {
	bool (*begin)(void *arg, const struct multipart_part *part);
	bool (*data)(void *arg, const char *p, size_t len);
	bool (*end)(void *arg);
};

struct multipart {
	const struct multipart_handler *handler;
	void *arg;
	struct buf boundary; /* CR LF "--" and the boundary */
	struct buf in; /* what cannot be told apart yet */
	enum { MULTIPART_PREAMBLE, MULTIPART_BOUNDARY, MULTIPART_HEAD, MULTIPART_DATA, MULTIPART_ENDED } at;
};

enum multipart_result { MULTIPART_MORE, MULTIPART_DONE, MULTIPART_BAD };

/* From the Content-Type header; false if that is not multipart/form-data with a boundary. Release in both cases. */
bool multipart_init(struct multipart *m, const char *content_type, const struct multipart_handler *handler, void *arg);
void multipart_release(struct multipart *m); /* also for a zeroed struct */
enum multipart_result multipart_take(struct multipart *m, const char *p, size_t len);

#endif
