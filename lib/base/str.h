/*
 * str.h - checked conversions of text.
 *
 * Each parse_ function takes the whole string or nothing: it returns false for the empty string, for
 * anything left over and for what does not fit, and leaves its target alone then.
 */
#ifndef KANDY_BASE_STR_H
#define KANDY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

bool parse_int64(const char *s, int64_t *value); /* decimal, an optional '-' */

/* "1.5h", "250ms", "30": a number with an optional unit ms, s, m, h or d; none means seconds. In ms. */
bool parse_duration(const char *s, int64_t *ms);

/* "10", "1.5M": a number with an optional unit k, M or G, powers of 1024. In bytes. */
bool parse_size(const char *s, int64_t *bytes);

const char *plural(int64_t n); /* "s", or "" for 1: "%lld message%s" */

/* "5 B", "98 KiB", "1.2 GiB": for people. */
void format_size(char out[static 24], int64_t bytes);

/* Appends `s` with every byte percent-encoded that is not unreserved in RFC 3986 (for form fields, query values). */
bool percent_encode(struct buf *out, const char *s, size_t len);

/* The same for one path segment: what RFC 3986 calls pchar stays, so '@' and '+' do (protocol.md, "Base"). */
bool percent_encode_segment(struct buf *out, const char *s, size_t len);
/*
 * False for "", "." and "..": in a path they name nothing, or something else (RFC 3986, 5.2.4), and no encoding changes
 * that.
 */
bool is_path_segment(const char *s);

/* Appends the bytes behind %XX; false (and nothing appended) where a '%' is not followed by two hex digits. */
bool percent_decode(struct buf *out, const char *s, size_t len);

/* base64url without padding (RFC 4648, 5), as in a JWT. Decoding ignores trailing '='. */
bool base64url_encode(struct buf *out, const void *p, size_t len);
bool base64url_decode(struct buf *out, const char *s, size_t len);

/* base64 with padding (RFC 4648, 4), as in HTTP headers. */
bool base64_encode(struct buf *out, const void *p, size_t len);

int hex_digit(char c); /* what it counts; -1: it is none */
void hex_encode(char *out, const void *p, size_t len); /* 2 * len digits and a NUL */

bool starts_with(const char *s, const char *prefix);
bool ends_with(const char *s, const char *suffix);

/*
 * How many single-character edits (insert, delete, replace, swap of two neighbours) lead from a to b; for "did you
 * mean".
 */
size_t edit_distance(const char *a, const char *b);

/* Of the NULL-terminated `words`, the one nearest to `word`, or NULL where none is near enough to be meant. */
const char *nearest_word(const char *word, const char *const *words);

#endif
