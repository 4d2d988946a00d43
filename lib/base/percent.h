/*
 * percent.h - percent-encoding of URLs and forms (RFC 3986, 2.1).
 */
#ifndef KANDY_BASE_PERCENT_H
#define KANDY_BASE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Appends `s`; all bytes except the unreserved ones are encoded. For form fields and query values. */
bool percent_encode(struct buf *out, const char *s, size_t len);

/* The same for one path segment: RFC 3986's pchar is left as it is, including '@' and '+'. */
bool percent_encode_segment(struct buf *out, const char *s, size_t len);

/* Appends `s` decoded. False, and nothing appended, if a '%' is not followed by two hex digits. */
bool percent_decode(struct buf *out, const char *s, size_t len);

#endif
