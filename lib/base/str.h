/*
 * str.h - conversions and comparisons of strings.
 *
 * The str_parse_ functions accept only the whole string: they return false, and leave the target unchanged, for the
 * empty string, trailing text and values out of range.
 */
#ifndef KANDY_BASE_STR_H
#define KANDY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_parse_int64(const char *s, int64_t *value); /* decimal, an optional '-' */

/* "1.5h", "250ms", "30": a number with an optional unit ms, s, m, h or d; none means seconds. In ms. */
bool str_parse_duration(const char *s, int64_t *ms);

/* "10", "1.5M": a number with an optional unit k, M or G, powers of 1024. In bytes. */
bool str_parse_size(const char *s, int64_t *bytes);

const char *str_plural(int64_t n); /* "s", or "" for 1: "%lld message%s" */

/* "5 B", "98 KiB", "1.2 GiB", for people. */
void str_format_size(char out[static 24], int64_t bytes);

int str_hex_digit(char c); /* its value; -1: not a hex digit */
void str_hex_encode(char *out, const void *p, size_t len); /* 2 * len digits and a NUL */

bool str_equal(const char *a, const char *b); /* NULL equals NULL only */
bool str_is_word(const char *s, size_t len, const char *word); /* these bytes are the word, in either case */
bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);

/*
 * The number of single-character edits (insert, delete, replace, swap of neighbours) from a to b, for "did you mean".
 */
size_t str_edit_distance(const char *a, const char *b);

/* The word of the NULL-terminated list that is nearest to `word`; NULL if none is close enough. */
const char *str_nearest_word(const char *word, const char *const *words);

#endif
