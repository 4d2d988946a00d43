/*
 * json-int.h - internals shared by the files of lib/json.
 */
#ifndef KANDY_JSON_JSON_INT_H
#define KANDY_JSON_JSON_INT_H

#include "json/json.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	NODE_ESCAPED = 1, /* a string with a backslash in it */
	NODE_UNSOUND = 2, /* this string, or one in this container, has the escape of a lone surrogate */
	NODE_SPACED = 4, /* a container with white space between tokens */
};

/*
 * One value of a document; the list is in the order of the text. A container is followed by its contents, and a member
 * is a key (a string node) and a value. `next` is the node after the value and its contents, so the children of a
 * container start at `at + 1`, are linked by `next`, and end at the container's own `next`. While a container is open,
 * its `next` refers to the container around it; this is the parser's only stack.
 */
struct json_node {
	uint32_t start, len; /* in the text; quotes and brackets included */
	uint32_t next;
	uint8_t type, flags;
};

static inline const struct json_node *json_node_of(struct json_value value)
{
	return value.doc ? &value.doc->nodes[value.at] : NULL;
}

/*
 * Whether one of the eight bytes of a word is zero, or below n. Bytes above 0x7f may count too; they end a run anyway.
 */
#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))
#define WORD_HAS_ZERO(w) (((w)-WORD_OF(1)) & ~(w)&WORD_OF(0x80))
#define WORD_HAS_BELOW(w, n) (((w)-WORD_OF(n)) & ~(w)&WORD_OF(0x80))

static inline bool scan_stops_at(unsigned char c)
{
	return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

static inline bool scan_stops_in(const char *eight_bytes)
{
	uint64_t w;

	memcpy(&w, eight_bytes, sizeof(w));
	return (w & WORD_OF(0x80)) | WORD_HAS_BELOW(w, 0x20) | WORD_HAS_ZERO(w ^ WORD_OF('"')) |
		WORD_HAS_ZERO(w ^ WORD_OF('\\'));
}

#ifdef __SSE2__
/* A bit for each of sixteen bytes at which the scan stops. */
static inline unsigned scan_stops_mask(const char *sixteen_bytes)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)sixteen_bytes), control = _mm_set1_epi8(0x1f);
	__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_max_epu8(v, control), control));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, v)); /* `v`: its top bits mark bytes that are not ASCII */
}
#endif

/*
 * The first byte from `s` on that is not plain in a JSON string: a quote, backslash, control character or non-ASCII
 * byte. After the whole steps, one more step, which overlaps the last, checks the remainder.
 */
static inline const char *scan_plain(const char *s, const char *end)
{
#ifdef __SSE2__
	if (end - s >= 16) {
		unsigned mask;

		for (; end - s >= 16; s += 16)
			if ((mask = scan_stops_mask(s)))
				return s + __builtin_ctz(mask);
		mask = scan_stops_mask(end - 16);
		return mask ? end - 16 + __builtin_ctz(mask) : end;
	}
#endif
	if (end - s >= 8) {
		while (end - s >= 8 && !scan_stops_in(s))
			s += 8;
		if (end - s < 8 && !scan_stops_in(end - 8))
			return end;
	}
	while (s < end && !scan_stops_at((unsigned char)*s))
		s++;
	return s;
}

/* Appends the decoded content of a validated string (`s`: the text between the quotes). */
bool json_decode(struct buf *out, const char *s, size_t len);

/* The code unit of the four hex digits at `s`, or -1. */
int json_hex4(const char *s, const char *end);

#endif
