/*
 * utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef KANDY_BASE_UTF8_H
#define KANDY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * The length (1 to 4) of the valid character at the start of the `len` > 0 bytes at `s`, and its code point in `*point`
 * (may be NULL); 0 if there is none.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *point);

/* Appends the character to `out`; a surrogate or a number above U+10FFFF becomes U+FFFD. */
bool utf8_encode(struct buf *out, uint32_t point);

bool utf8_valid(const char *s, size_t len);

/* Appends `s` with U+FFFD for every byte that is not part of a valid character. */
bool utf8_sanitize(struct buf *out, const char *s, size_t len);

/* The longest prefix of `s` (of `len` bytes) that is at most `max` bytes and ends between characters. */
size_t utf8_cut(const char *s, size_t len, size_t max);

/*
 * Appends `s` in a form that is safe for a terminal: invalid bytes become U+FFFD, a newline or tab becomes a space, and
 * other control characters (C0, DEL, C1), bidirectional controls, line and paragraph separators, and invisible
 * characters (zero-width, tag, filler) are removed. That splits emoji that are joined by U+200D.
 */
bool utf8_printable(struct buf *out, const char *s, size_t len);

/*
 * Appends lines of JSON in a form that is safe for a terminal and has the same value: the characters that
 * utf8_printable() removes are written as \uXXXX.
 */
bool utf8_escape_controls(struct buf *out, const char *s, size_t len);

/* True for the code points that utf8_printable() removes or replaces. */
bool utf8_is_control(uint32_t point);

#endif
