/* Content-Range, valid and invalid. */
#include "wire/range.h"

#include "tests/lib/tap.h"

static void good(const char *text, int64_t first, int64_t last, int64_t total)
{
	struct content_range r = { 0 };

	tap_ok(range_parse(text, &r) && r.first == first && r.last == last && r.total == total, text);
}

int main(void)
{
	static const char *const bad[] = { "", "bytes", "bytes ", "bytes *", "bytes */*", "bytes 0-9", "bytes 0-9/",
		"bytes -9/10", "bytes 9-0/10", "bytes 0-10/10", "bytes 0-9/10 ", "bytes 0-9/10x", "items 0-9/10",
		"bytes=0-9/10", "bytes 0--9/10", "bytes 0-9/-10", "bytes 99999999999999999999-99999999999999999999/1",
		"bytes 0-9,20-29/100", "bytes +0-9/10" };

	good("bytes 0-99/1234", 0, 99, 1234);
	good("bytes 100-1233/1234", 100, 1233, 1234);
	good("bytes 0-0/1", 0, 0, 1);
	good("Bytes  5-6/*", 5, 6, -1);
	good("bytes */1234", -1, -1, 1234);
	good("bytes */0", -1, -1, 0);
	good("bytes 0-9223372036854775806/9223372036854775807", 0, INT64_MAX - 1, INT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct content_range r = { 7, 7, 7 };

		tap_ok(!range_parse(bad[i], &r) && r.first == 7, bad[i][0] ? bad[i] : "nothing");
	}
	return tap_done();
}
