#include "wire/path.h"

#include "base/percent.h"

#include <string.h>

void path_vadd(struct buf *out, const char *template, va_list args)
{
	for (;;) {
		size_t n = strcspn(template, "{");
		const char *segment;

		buf_add(out, template, n);
		template += n;
		if (!*template)
			return;
		template += 2;
		segment = va_arg(args, const char *);
		percent_encode_segment(out, segment, segment ? strlen(segment) : 0);
	}
}

void path_add(struct buf *out, const char *template, ...)
{
	va_list args;

	va_start(args, template);
	path_vadd(out, template, args);
	va_end(args);
}
