#include "sandbox/sandbox-int.h"

#include <stdarg.h>
#include <string.h>

void jsonf(struct buf *out, const char *template, ...)
{
	va_list args;

	/* json_add_ functions place their own commas */
	if (out->len && !strchr("{[:,", out->data[out->len - 1]) && !strchr("}]%", *template))
		buf_addc(out, ',');
	va_start(args, template);
	for (const char *at = template; *at;) {
		size_t plain = strcspn(at, "'%");

		buf_add(out, at, plain);
		at += plain;
		if (*at == '\'') {
			buf_addc(out, '"');
			at++;
		} else if (*at) {
			if (at[1] == 's')
				json_add_string(out, NULL, va_arg(args, const char *));
			else if (at[1] == 'd')
				json_add_bool(out, NULL, va_arg(args, int));
			else
				json_add_int(out, NULL, va_arg(args, intmax_t));
			at += at[1] == 'j' ? 3 : 2;
		}
	}
	va_end(args);
}

void jsonf_optional(struct buf *out, const char *key, const char *s)
{
	if (s)
		json_add_string(out, key, s);
}
