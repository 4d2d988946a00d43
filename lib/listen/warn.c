#include "listen/warn.h"

#include <stdarg.h>
#include <stdio.h>

#define FIRST_MS 60000 /* until the first repetition; then twice as long each time, */
#define MAX_MS 3600000 /* up to this */

void warn_ratelimited(struct warn_limiter *limiter, int64_t now, void (*warn)(const char *format, ...),
	const char *format, ...)
{
	char text[1200];
	va_list args;

	if (now < limiter->next_at)
		return;
	limiter->interval_ms = limiter->interval_ms ? 2 * limiter->interval_ms : FIRST_MS;
	if (limiter->interval_ms > MAX_MS)
		limiter->interval_ms = MAX_MS;
	limiter->next_at = now + limiter->interval_ms;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	warn("%s", text);
}
