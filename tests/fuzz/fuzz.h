/*
 * fuzz.h - functions for the harnesses in this directory. A harness is a program that gets input from libFuzzer and
 * aborts if an invariant is violated. `make fuzz` builds and runs them; their seeds are in seeds/NAME/. A harness with
 * #define FUZZ_MAX_LEN N gets inputs of at most N bytes.
 */
#ifndef KANDY_TESTS_FUZZ_H
#define KANDY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	((condition) ? (void)0 : (fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition), abort()))

/* A NUL-terminated copy in a buffer of exactly that size, so that AddressSanitizer sees an overrun. Free it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
