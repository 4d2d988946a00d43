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
 * The length (1 to 4) of the valid character at `s`, of which `len` > 0 bytes are there, and its code
 * point in `*point` (may be NULL); 0 where no valid character starts.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *point);

/* Appends the character to `out`; a surrogate or a number above U+10FFFF becomes U+FFFD. */
bool utf8_encode(struct buf *out, uint32_t point);

bool utf8_valid(const char *s, size_t len);

/* Appends `s` with U+FFFD for every byte that belongs to no valid character. */
bool utf8_sanitize(struct buf *out, const char *s, size_t len);

/* The longest prefix of `s` (of `len` bytes) that is at most `max` bytes and ends between characters. */
size_t utf8_cut(const char *s, size_t len, size_t max);

/*
 * Appends `s` fit for a terminal: invalid bytes as U+FFFD; control characters (C0, DEL, C1), the
 * bidirectional controls and the line and paragraph separators left out, but a newline or a tab becomes a space.
 */
bool utf8_printable(struct buf *out, const char *s, size_t len);

/*
 * Appends lines of JSON fit for a terminal, with the same value: what utf8_printable() would leave out of their strings
 * is written as \uXXXX, if it is not so already.
 */
bool utf8_escape_controls(struct buf *out, const char *s, size_t len);

/* True for the code points that utf8_printable() leaves out (newline and tab included). */
bool utf8_is_control(uint32_t point);

#endif
