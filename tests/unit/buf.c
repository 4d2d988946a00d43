/* Growth, the ceiling, and what stays behind after each operation. */
#include "base/buf.h"

#include "tests/lib/tap.h"

#include <stdlib.h>

static void test_growth(void)
{
	struct buf b;
	char *s;
	bool same = true;

	buf_init(&b, BUF_NO_MAX);
	tap_str(b.data, "", "empty text at once");
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	for (int i = 0; i < 100000; i++)
		same = same && b.data[i] == 'a' + i % 26;
	tap_ok(same && b.len == 100000 && !b.data[b.len], "a hundred thousand bytes, and a NUL behind them");
	buf_consume(&b, 99998);
	tap_str(b.data, "cd", "the front consumed");
	buf_truncate(&b, 1);
	buf_truncate(&b, 5);
	tap_str(b.data, "c", "cut, not grown");
	buf_addf(&b, "-%d-%s", 7, "x");
	tap_str(b.data, "c-7-x", "formatted");
	s = buf_take(&b);
	tap_str(s, "c-7-x", "taken");
	tap_ok(!b.len && !b.data[0], "empty after its text was taken");
	free(s);
	s = buf_take(&b);
	tap_str(s, "", "of nothing an empty string is taken");
	free(s);
	buf_release(&b);
	buf_release(&b);
	tap_ok(buf_adds(&b, "again"), "usable after a release");
	buf_release(&b);
}

static void test_ceiling(void)
{
	struct buf b;

	buf_init(&b, 8);
	tap_ok(buf_adds(&b, "12345678"), "up to the ceiling");
	tap_ok(!buf_addc(&b, '9') && b.overflow, "not one byte more");
	tap_str(b.data, "12345678", "nothing of it is added");
	buf_truncate(&b, 2);
	tap_ok(!buf_addc(&b, 'x'), "later additions fail too");
	buf_clear(&b);
	tap_ok(buf_addf(&b, "%s", "abcdefgh") && !buf_addf(&b, "%s", "i"), "the same formatted, after a clear");
	buf_clear(&b);
	tap_ok(!buf_reserve(&b, (size_t)-1) && !b.len, "a size that would wrap");
	buf_release(&b);
	buf_init(&b, 0);
	tap_ok(buf_adds(&b, "") && !buf_addc(&b, 'a'), "a ceiling of nothing");
	buf_release(&b);
}

static void test_secret(void)
{
	struct buf b;
	char *at;

	buf_init_secret(&b, 1000);
	buf_adds(&b, "token-token");
	at = b.data;
	buf_truncate(&b, 5);
	tap_ok(!at[6] && !at[10], "what is cut off is wiped");
	buf_consume(&b, 3);
	tap_ok(!strcmp(at, "en") && !at[3] && !at[4], "what is consumed is wiped");
	buf_clear(&b);
	tap_ok(!at[0] && !at[1], "what is cleared is wiped");
	buf_release(&b);
	tap_ok(b.secret, "still for secrets after a release");
}

int main(void)
{
	test_growth();
	test_ceiling();
	test_secret();
	return tap_done();
}
