/*
 * base64.h - base64 (RFC 4648).
 */
#ifndef KANDY_BASE_BASE64_H
#define KANDY_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

bool base64_encode(struct buf *out, const void *p, size_t len); /* with padding (section 4), as in HTTP headers */

/* The URL-safe alphabet without padding (section 5), as in a JWT. Decoding ignores trailing '='. */
bool base64_encode_url(struct buf *out, const void *p, size_t len);
bool base64_decode_url(struct buf *out, const char *s, size_t len);

#endif
