#include "sandbox/multipart.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 8 * 1024, TAKE_MAX = 1024 * 1024 };

/*
 * Appends the parameter `name` of a header value ("form-data; name=\"raw\"; filename=\"a b.png\""), unquoted. Browsers
 * write a quote in a file name as %22; a backslash escapes too.
 */
static bool parameter(const char *value, const char *name, struct buf *out)
{
	size_t len = strlen(name);

	while ((value = strchr(value, ';'))) {
		value += 1 + strspn(value + 1, " \t");
		if (strncasecmp(value, name, len) != 0 || value[len] != '=')
			continue;
		value += len + 1;
		if (*value != '"')
			return buf_add(out, value, strcspn(value, "; \t"));
		for (value++; *value && *value != '"'; value++) {
			if (*value == '\\' && value[1])
				value++;
			if (str_starts_with(value, "%22")) {
				buf_addc(out, '"');
				value += 2;
			} else {
				buf_addc(out, *value);
			}
		}
		return !out->overflow;
	}
	return false;
}

bool multipart_init(struct multipart *m, const char *content_type, const struct multipart_handler *handler, void *arg)
{
	size_t prefix;

	*m = (struct multipart){ .handler = handler, .arg = arg };
	buf_init(&m->boundary, 256);
	buf_init(&m->in, TAKE_MAX);
	if (!content_type || strncasecmp(content_type, "multipart/form-data", 19) != 0)
		return false;
	buf_adds(&m->boundary, "\r\n--");
	prefix = m->boundary.len;
	if (!parameter(content_type, "boundary", &m->boundary) || m->boundary.len == prefix ||
		m->boundary.len > prefix + 70)
		return false;
	buf_adds(&m->in, "\r\n"); /* so that a boundary at the start is found, too */
	return true;
}

void multipart_release(struct multipart *m)
{
	if (m->boundary.data)
		buf_release(&m->boundary);
	if (m->in.data)
		buf_release(&m->in);
}

/* Appends the value of the header `name` in the header block of a part. */
static void part_header(char *head, const char *name, struct buf *out)
{
	size_t len = strlen(name);

	for (char *line = head; line && *line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL)
		if (!strncasecmp(line, name, len) && line[len] == ':') {
			line += len + 1;
			line += strspn(line, " \t");
			buf_add(out, line, strcspn(line, "\r\n"));
			return;
		}
}

static bool begin_part(struct multipart *m, char *head)
{
	struct buf disposition, type, name, filename;
	struct multipart_part part;
	bool ok;

	buf_init(&disposition, HEAD_MAX);
	buf_init(&type, 256);
	buf_init(&name, 256);
	buf_init(&filename, 4096);
	part_header(head, "content-disposition", &disposition);
	part_header(head, "content-type", &type);
	parameter(disposition.data, "name", &name);
	parameter(disposition.data, "filename", &filename);
	part = (struct multipart_part){ name.data, filename.data, type.data };
	ok = !strncasecmp(disposition.data, "form-data", 9) && !name.overflow && !filename.overflow && !type.overflow &&
		m->handler->begin(m->arg, &part);
	buf_release(&disposition);
	buf_release(&type);
	buf_release(&name);
	buf_release(&filename);
	return ok;
}

/*
 * Reports the data before the next boundary, and keeps bytes that may start one. 1: continue, 0: more input is needed,
 * -1: invalid; the functions below return the same.
 */
static int take_data(struct multipart *m, bool report)
{
	char *found = memmem(m->in.data, m->in.len, m->boundary.data, m->boundary.len);
	size_t n = found                      ? (size_t)(found - m->in.data)
		: m->in.len < m->boundary.len ? 0
					      : m->in.len - m->boundary.len + 1;

	if (report && n && !m->handler->data(m->arg, m->in.data, n))
		return -1;
	buf_consume(&m->in, found ? n + m->boundary.len : n);
	if (!found)
		return 0;
	m->at = MULTIPART_BOUNDARY;
	return report && !m->handler->end(m->arg) ? -1 : 1;
}

static int take_head(struct multipart *m)
{
	char *end = memmem(m->in.data, m->in.len, "\r\n\r\n", 4);

	if (!end)
		return m->in.len > HEAD_MAX ? -1 : 0;
	end[2] = '\0';
	if (strlen(m->in.data) != (size_t)(end + 2 - m->in.data) || !begin_part(m, m->in.data))
		return -1;
	buf_consume(&m->in, (size_t)(end + 4 - m->in.data));
	m->at = MULTIPART_DATA;
	return 1;
}

static int take_boundary(struct multipart *m)
{
	if (m->in.len < 2)
		return 0;
	if (!strncmp(m->in.data, "--", 2))
		m->at = MULTIPART_ENDED;
	else if (!strncmp(m->in.data, "\r\n", 2))
		m->at = MULTIPART_HEAD;
	else
		return -1;
	buf_consume(&m->in, 2);
	return 1;
}

enum multipart_result multipart_add(struct multipart *m, const char *p, size_t len)
{
	int step = 1;

	if (!buf_add(&m->in, p, len))
		return MULTIPART_BAD;
	while (step > 0) {
		switch (m->at) {
		case MULTIPART_PREAMBLE: step = take_data(m, false); break;
		case MULTIPART_BOUNDARY: step = take_boundary(m); break;
		case MULTIPART_HEAD: step = take_head(m); break;
		case MULTIPART_DATA: step = take_data(m, true); break;
		case MULTIPART_ENDED: buf_clear(&m->in); return MULTIPART_DONE;
		}
	}
	return step < 0 ? MULTIPART_BAD : MULTIPART_MORE;
}
