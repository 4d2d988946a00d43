/* Names that strangers give to files, and what becomes of them. */
#include "base/filename.h"

#include "base/str.h"
#include "base/utf8.h"
#include "tests/lib/tap.h"

#include <stdlib.h>

#define REPEAT10(s) s s s s s s s s s s
#define REPEAT100(s) REPEAT10(REPEAT10(s))
#define E_ACUTE "\xc3\xa9"

static const struct name_case {
	const char *given, *wanted;
} cases[] = {
	/* plain ones stay as they are */
	{ "pic.png", "pic.png" },
	{ "a b c.txt", "a b c.txt" },
	{ "r" E_ACUTE "sum" E_ACUTE ".pdf", "r" E_ACUTE "sum" E_ACUTE ".pdf" },
	{ "\xe6\x96\x87\xe4\xbb\xb6.txt", "\xe6\x96\x87\xe4\xbb\xb6.txt" },
	{ "\xf0\x9f\x98\x80.gif", "\xf0\x9f\x98\x80.gif" },
	{ "archive.tar.gz", "archive.tar.gz" },
	{ "no-extension", "no-extension" },
	{ "a'b$c;d&e`f(g)", "a'b$c;d&e`f(g)" },
	{ "100%.txt", "100%.txt" },
	/* other places */
	{ "../../etc/passwd", "passwd" },
	{ "/etc/cron.d/job", "job" },
	{ "..", "attachment" },
	{ ".", "attachment" },
	{ "../", "attachment" },
	{ "/", "attachment" },
	{ "////", "attachment" },
	{ "a/", "a" },
	{ "a/..", "attachment" },
	{ "..\\..\\windows\\system32\\evil.dll", "evil.dll" },
	{ "\\\\server\\share\\x.txt", "x.txt" },
	{ "a\\/\\", "a" },
	{ "...", "attachment" },
	{ ".. /x", "x" },
	{ "%2e%2e%2fx", "%2e%2e%2fx" },
	{ "..%2fx", "%2fx" },
	{ "\xe2\x80\xae/../x", "x" },
	{ "\xc0\xae\xc0\xae\xc0\xaf"
	  "x",
		"______x" },
	/* drive letters and streams */
	{ "C:evil.txt", "evil.txt" },
	{ "c:\\evil.txt", "evil.txt" },
	{ "C:", "attachment" },
	{ "C:..", "attachment" },
	{ "a.txt:stream", "a.txt_stream" },
	{ "1:x", "1_x" },
	{ "file:///etc/passwd", "passwd" },
	/* control characters, terminal escapes, bidirectional overrides */
	{ "a\nb.txt", "ab.txt" },
	{ "a\r\n\t\v\f\x7f"
	  "b",
		"ab" },
	{ "\x1b[31mred\x1b[0m.txt", "[31mred[0m.txt" },
	{ "\x1b]0;title\x07x", "]0;titlex" },
	{ "\xc2\x9b"
	  "31mx",
		"31mx" },
	{ "photo\xe2\x80\xaegnp.exe", "photognp.exe" },
	{ "a\xe2\x81\xa6"
	  "b\xe2\x81\xa9"
	  "c",
		"abc" },
	{ "\xe2\x80\x8f\xe2\x80\x8e"
	  "a",
		"a" },
	{ "\xd8\x9c"
	  "a",
		"a" },
	{ "a\xe2\x80\xa8\xe2\x80\xa9"
	  "b",
		"ab" },
	{ "\xef\xbb\xbf"
	  "bom.txt",
		"bom.txt" },
	{ "a\xef\xbf\xbf\xf3\xa0\x81\x81"
	  "b",
		"ab" },
	{ "\n\n", "attachment" },
	/* bytes that are not UTF-8 */
	{ "a\xff"
	  "b",
		"a_b" },
	{ "\xe9t\xe9.txt", "_t_.txt" },
	{ "\xed\xa0\x80x", "___x" },
	{ "x\xf0\x9f\x98", "x___" },
	/* beginnings and ends */
	{ ".bashrc", "bashrc" },
	{ "..hidden", "hidden" },
	{ ". .x", "x" },
	{ "-rf", "rf" },
	{ "--output=x", "output=x" },
	{ "~root", "root" },
	{ "- - -", "attachment" },
	{ "  a  ", "a" },
	{ "a.", "a" },
	{ "a. . .", "a" },
	{ "\x01.\x02-\x03x", "x" },
	{ "\xe2\x80\xae.ssh", "ssh" },
	/* characters that other systems refuse */
	{ "a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h" },
	{ "dev/null", "null" },
	{ "\xe2\x80\xae"
	  "CON",
		"CON" },
	/* our own temporary names */
	{ "x.png.part", "x.png.part_" },
	{ "x.PART", "x.PART_" },
	{ "x.png.part.info", "x.png.part.info_" },
	{ ".part", "part" },
	{ "part", "part" },
	{ "x.part.txt", "x.part.txt" },
	{ ".kandy-fetched.jsonl", "kandy-fetched.jsonl" },
	/* nothing */
	{ "", "attachment" },
	{ " ", "attachment" },
	{ "\xe2\x80\x8b.x", "x" },
};

/* What must hold of every name, whatever came in. */
static bool is_safe(const char *name, size_t len)
{
	if (!len || len > FILENAME_LIMIT || strlen(name) != len || !utf8_valid(name, len))
		return false;
	if (strchr(name, '/') || strchr(name, '\\') || strchr(".-~ ", name[0]) || strchr(". ", name[len - 1]))
		return false;
	if (str_ends_with(name, FILENAME_PART) || str_ends_with(name, FILENAME_INFO))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	}
	return true;
}

static void table(void)
{
	struct buf out;
	char what[160];

	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_clear(&out);
		filename_clean(&out, cases[i].given, strlen(cases[i].given));
		snprintf(what, sizeof(what), "name %zu becomes '%s'", i + 1, cases[i].wanted);
		tap_str(out.data, cases[i].wanted, what);
		if (!is_safe(out.data, out.len))
			tap_ok(false, "a cleaned name is safe");
	}
	printf("# hostile names: %zu cases\n", sizeof(cases) / sizeof(*cases));

	buf_clear(&out);
	filename_clean(&out, "a\0/../b\0c.txt", 13);
	tap_str(out.data, "bc.txt", "NUL bytes go");
	buf_release(&out);
}

/* A name of `len` bytes made of `unit` and `tail`. */
static char *long_name(const char *unit, size_t len, const char *tail)
{
	char *name = calloc(1, len + strlen(tail) + 8);
	size_t n = 0;

	while (n + strlen(unit) + strlen(tail) <= len) {
		strcpy(name + n, unit);
		n += strlen(unit);
	}
	strcpy(name + n, tail);
	return name;
}

static void lengths(void)
{
	static const char *const units[] = { "x", E_ACUTE, "\xe6\x96\x87", "\xf0\x9f\x98\x80" };
	size_t count = 0;
	bool all = true, cut_ok = true;
	struct buf out;

	buf_init(&out, 4096);
	for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
		for (size_t len = 200; len <= 300; len++, count++) {
			char *name = long_name(units[u], len, ".jpeg");

			buf_clear(&out);
			filename_clean(&out, name, strlen(name));
			all = all && is_safe(out.data, out.len) && str_ends_with(out.data, ".jpeg");
			if (strlen(name) <= FILENAME_LIMIT - 2)
				all = all && !strcmp(out.data, name);
			else
				cut_ok = cut_ok && out.len > FILENAME_LIMIT - 6;
			free(name);
		}
	}
	tap_ok(all, "long names are cut between characters, their extension kept");
	tap_ok(cut_ok, "long names are cut no shorter than needed");
	printf("# long names: %zu cases\n", count);

	buf_clear(&out);
	filename_clean(&out, "a." REPEAT100("e") REPEAT100("e") REPEAT100("e"), 302);
	tap_ok(is_safe(out.data, out.len) && out.len == FILENAME_LIMIT - 1, "an endless extension is cut like a name");
	buf_clear(&out);
	filename_clean(&out, REPEAT100("a. ") REPEAT100("b"), 400);
	tap_ok(is_safe(out.data, out.len), "a cut that leaves dots and spaces at the end");
	buf_clear(&out);
	filename_clean(&out, REPEAT100("com") ".part", 305);
	tap_ok(is_safe(out.data, out.len), "a long name with our suffix");
	buf_release(&out);
}

/* Every name of three bytes out of a nasty alphabet, and each single byte. */
static void exhaustive(void)
{
	static const char alphabet[] = "./\\:-~ a\0\n\xc3\xa9\x80\xe2\xae"
				       "CON1";
	size_t n = sizeof(alphabet) - 1, count = 0;
	bool all = true;
	struct buf out;
	char name[4];

	buf_init(&out, 4096);
	for (size_t i = 0; i < n * n * n * n; i++, count++) {
		name[0] = alphabet[i % n];
		name[1] = alphabet[i / n % n];
		name[2] = alphabet[i / n / n % n];
		name[3] = alphabet[i / n / n / n];
		buf_clear(&out);
		filename_clean(&out, name, 4);
		all = all && is_safe(out.data, out.len);
	}
	tap_ok(all, "every mixture of four nasty bytes gives a safe name");
	printf("# mixtures: %zu cases\n", count);
	buf_release(&out);
}

static void cleaning_twice(void)
{
	struct buf once, twice;
	bool same = true;

	buf_init(&once, 4096);
	buf_init(&twice, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_clear(&once);
		buf_clear(&twice);
		filename_clean(&once, cases[i].given, strlen(cases[i].given));
		filename_clean(&twice, once.data, once.len);
		same = same && !strcmp(once.data, twice.data);
	}
	tap_ok(same, "a clean name stays as it is");
	buf_release(&once);
	buf_release(&twice);
}

static const char *numbered(struct buf *out, const char *name, unsigned attempt)
{
	buf_clear(out);
	filename_numbered(out, name, attempt);
	return out->data;
}

static const char *tagged(struct buf *out, const char *name)
{
	buf_clear(out);
	filename_tagged(out, name, "thumbnail");
	return out->data;
}

static const char *from_url(struct buf *out, const char *url)
{
	buf_clear(out);
	filename_from_url(out, url);
	return out->data;
}

int main(void)
{
	char name[FILENAME_LIMIT + 1];
	struct buf out;

	table();
	lengths();
	exhaustive();
	cleaning_twice();

	buf_init(&out, 4096);
	tap_str(numbered(&out, "pic.png", 1), "pic.png", "the first try is the name itself");
	tap_str(numbered(&out, "pic.png", 2), "pic-2.png", "the second has a number");
	tap_str(numbered(&out, "a.tar.gz", 3), "a-3.tar.gz", "before a double extension");
	tap_str(numbered(&out, "README", 99), "README-99", "behind a name without one");
	tap_str(numbered(&out, "a.very-long-extension-that-is-none", 2), "a.very-long-extension-that-is-none-2",
		"or with something too long to be one");
	tap_int((intmax_t)strlen(numbered(&out, "pic.png", FILENAME_TRIES)), 16, "the last has eight random digits");

	tap_str(tagged(&out, "pic.png"), "pic-thumbnail.png", "a tag of our own");
	memset(name, 'x', sizeof(name) - 5);
	strcpy(name + sizeof(name) - 5, ".png");
	tap_int((intmax_t)strlen(tagged(&out, name)), (intmax_t)FILENAME_LIMIT, "does not make a name too long");
	tap_ok(str_ends_with(out.data, "x-thumbnail.png"), "the tag is not cut");

	tap_str(from_url(&out, "https://h/a/pic%20one.png?x=1#y"), "pic one.png", "a URL's last segment, decoded");
	tap_str(from_url(&out, "https://h/cpaas/nms/v1/chat/u/objects/776e/payload"), "776e",
		"the object's ID before 'payload'");
	tap_str(from_url(&out, "https://h/"), "attachment", "no path");
	tap_str(from_url(&out, "https://evil.example"), "attachment", "a host is no name");
	tap_str(from_url(&out, "/x/..%2f..%2fetc%2fpasswd"), "passwd", "encoded separators separate");
	tap_str(from_url(&out, "https://h/%zz"), "%zz", "what cannot be decoded stays");
	tap_str(from_url(&out, "https://h/payload"), "payload", "'payload' alone");
	buf_release(&out);
	tap_cases("names");
	return tap_done();
}
