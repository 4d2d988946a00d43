/*
 * random.h - random numbers from the kernel, for secrets, IDs and jitter.
 */
#ifndef KANDY_BASE_RANDOM_H
#define KANDY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t len);
uint32_t random_u32(void);
int64_t random_below(int64_t n); /* 0 <= x < n; 0 if n <= 0 */
void random_id(char out[static 33]); /* 32 hex digits */

#endif
