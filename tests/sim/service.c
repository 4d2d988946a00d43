#include "tests/sim/service.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void service_start(struct service *service, const struct service_kind *kind, size_t conversations)
{
	*service = (struct service){ .kind = *kind, .count = conversations };
	service->conversations = xcalloc(conversations, sizeof(*service->conversations));
	for (size_t i = 0; i < conversations; i++)
		snprintf(service->conversations[i].peer, sizeof(service->conversations[i].peer), "peer%zu@sim.example",
			i);
}

void service_release(struct service *service)
{
	for (size_t i = 0; i < service->count; i++) {
		struct service_conversation *c = &service->conversations[i];

		for (size_t k = 0; k < c->count; k++) {
			free(c->messages[k]->text);
			free(c->messages[k]->files);
			free(c->messages[k]);
		}
		free(c->messages);
	}
	free(service->conversations);
	*service = (struct service){ 0 };
}

struct service_message *service_accept(struct service *service, size_t conversation, bool own, uint64_t request,
	const char *text, const char *files)
{
	struct service_conversation *c = &service->conversations[conversation];
	struct service_message *m = xcalloc(1, sizeof(*m));
	int64_t stamp = world_read(&service->kind.message_clock);

	m->number = ++service->accepted;
	m->request = request;
	m->own = own;
	m->text = xstrdup(text);
	m->files = xstrdup(files);
	m->accepted_ms = world_now();
	m->visible_ms = m->accepted_ms + (service->kind.lag_ms ? world_between(0, service->kind.lag_ms) : 0);
	m->stamp = service->kind.milliseconds ? stamp : stamp / 1000;
	snprintf(m->id, sizeof(m->id), "%llu",
		(unsigned long long)(service->kind.ids_by_conversation ? c->count + 1 : m->number + 7000000));
	c->messages = xgrow(c->messages, c->count, &c->cap, sizeof(*c->messages));
	c->messages[c->count++] = m;
	return m;
}

/* ---- as the history writes it ------------------------------------------------------------------------------------ */

static void add_escaped(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c < 0x20)
			buf_addf(out, "\\u%04x", c);
		else
			buf_addc(out, (char)c);
	}
}

static void add_replaced(struct buf *out, const char *text, const char *const pairs[][2])
{
	while (*text) {
		size_t i = 0;

		while (pairs[i][0] && strncmp(text, pairs[i][0], strlen(pairs[i][0])) != 0)
			i++;
		if (pairs[i][0]) {
			add_escaped(out, pairs[i][1], strlen(pairs[i][1]));
			text += strlen(pairs[i][0]);
		} else {
			add_escaped(out, text++, 1);
		}
	}
}

static void add_text(struct buf *out, const char *text, enum service_text form)
{
	static const char *const lf[][2] = { { "\r\n", "\n" }, { NULL, NULL } };
	static const char *const nfc[][2] = { { "e\xcc\x81", "\xc3\xa9" }, { NULL, NULL } };
	static const char *const html[][2] = { { "&", "&amp;" }, { "<", "&lt;" }, { ">", "&gt;" }, { "\"", "&quot;" },
		{ NULL, NULL } };
	static const char *const emoji[][2] = { { "\xf0\x9f\x98\x80", "?" }, { NULL, NULL } };
	size_t len = strlen(text);

	switch (form) {
	case TEXT_LF: add_replaced(out, text, lf); return;
	case TEXT_NFC: add_replaced(out, text, nfc); return;
	case TEXT_HTML: add_replaced(out, text, html); return;
	case TEXT_EMOJI: add_replaced(out, text, emoji); return;
	case TEXT_TRIM:
		while (len && strchr(" \t\r\n", text[len - 1]))
			len--;
		while (len && strchr(" \t\r\n", *text)) {
			text++;
			len--;
		}
		break;
	case TEXT_CUT:
		for (size_t i = 0, characters = 0; i < len; i++) {
			if (((unsigned char)text[i] & 0xc0) != 0x80 && characters++ == 8) {
				len = i;
				break;
			}
		}
		break;
	case TEXT_EXACT:
	case TEXT_FORMS: break;
	}
	add_escaped(out, text, len);
}

static void add_file(struct buf *out, const char *xid, size_t len, enum service_files form)
{
	buf_adds(out, "{\"name\":\"");
	if (form == FILES_RENAMED)
		buf_adds(out, "renamed-");
	buf_adds(out, "file.txt\",");
	if (form == FILES_OTHER_XID)
		buf_addf(out, "\"x-id\":\"other-%.*s\",", (int)len, xid);
	else if (form != FILES_NO_XID)
		buf_addf(out, "\"x-id\":\"%.*s\",", (int)len, xid);
	buf_addf(out, "\"link\":\"https://sim.example/cpaas/nms/%.*s/payload\"}", (int)len, xid);
}

static void add_files(struct buf *out, const char *files, enum service_files form)
{
	const char *starts[16];
	size_t count = 0;

	for (const char *at = files; *at && count < 16; at = strchr(at, ',') + 1)
		starts[count++] = at;
	if (!count)
		return;
	buf_adds(out, ",\"attachment\":[");
	for (size_t i = 0; i < count; i++) {
		const char *at = starts[form == FILES_REVERSED ? count - 1 - i : i];

		if (i)
			buf_addc(out, ',');
		add_file(out, at, (size_t)(strchr(at, ',') - at), form);
	}
	buf_addc(out, ']');
}

static void add_sender(struct buf *out, const struct service *service, const struct service_conversation *c, bool own)
{
	if (!own) {
		buf_addf(out, "%s%s", service->kind.sender == SENDER_SIP ? "sip:" : "", c->peer);
		return;
	}
	switch (service->kind.sender) {
	case SENDER_SIP: buf_adds(out, "sip:" SERVICE_USER); break;
	case SENDER_USER_ID: buf_adds(out, SERVICE_USER_ID); break;
	case SENDER_CASE: buf_adds(out, "Alice@Sim.Example"); break;
	case SENDER_ADDRESS:
	case SENDER_FORMS: buf_adds(out, SERVICE_USER); break;
	}
}

static void add_path(struct buf *out, const struct service_conversation *c)
{
	buf_addf(out, "/cpaas/chat/v1/" SERVICE_USER_ID "/oneToOne/%s/adhoc", c->peer);
}

/* The inside of a chatMessage. `exact`: as it was posted, in a 201. */
static void add_message(struct buf *out, const struct service *service, const struct service_conversation *c,
	const struct service_message *m, bool exact)
{
	buf_adds(out, "\"text\":\"");
	add_text(out, m->text, exact ? TEXT_EXACT : service->kind.text);
	buf_adds(out, "\",\"senderAddress\":\"");
	add_sender(out, service, c, m->own);
	buf_addf(out, "\",\"dateTime\":%lld,\"status\":\"Sent\",\"resourceURL\":\"", (long long)m->stamp);
	add_path(out, c);
	buf_addf(out, "/messages/%s\"", m->id);
	add_files(out, m->files, exact ? FILES_EXACT : service->kind.files);
}

void service_posted(const struct service *service, size_t conversation, const struct service_message *message,
	struct buf *out)
{
	buf_adds(out, "{\"chatMessage\":{");
	add_message(out, service, &service->conversations[conversation], message, true);
	buf_adds(out, "}}");
}

void service_page(struct service *service, size_t conversation, size_t max, const char *next, struct buf *out)
{
	struct service_conversation *c = &service->conversations[conversation];
	int64_t now = world_now();
	unsigned long long skip = 0, before = 0;
	size_t shown = 0, i = c->count;
	const struct service_message *last = NULL;

	if (world_chance(service->kind.stale))
		now -= world_between(0, service->kind.stale_ms);
	if (next && service->kind.ids_shown_first)
		sscanf(next, "i%llu", &before);
	else if (next)
		sscanf(next, "o%llu", &skip);
	if (before) {
		while (i && c->messages[i - 1]->number >= before)
			i--;
	}
	buf_adds(out, "{\"chatMessageList\":{\"chatMessage\":[");
	for (unsigned long long seen = 0; i && shown < max; i--) {
		const struct service_message *m = c->messages[i - 1];

		if (m->visible_ms > now || seen++ < skip)
			continue;
		buf_adds(out, shown++ ? ",{" : "{");
		add_message(out, service, c, m, false);
		buf_addf(out, ",\"x-type\":\"%s\"}", m->own ? "outbound" : "inbound");
		last = m;
	}
	buf_addc(out, ']');
	while (i && c->messages[i - 1]->visible_ms > now)
		i--;
	if (i && last && service->kind.ids_shown_first)
		buf_addf(out, ",\"next\":\"i%llu\"", (unsigned long long)last->number);
	else if (i && last)
		buf_addf(out, ",\"next\":\"o%llu\"", skip + shown);
	buf_adds(out, "}}");
}

int64_t service_date_ms(struct service *service)
{
	return world_read(&service->kind.date_clock) / 1000 * 1000;
}

size_t service_find(const struct service *service, const char *path)
{
	const char *at = strstr(path, "peer");
	size_t number;

	if (!at || sscanf(at, "peer%zu@", &number) != 1 || number >= service->count)
		return SIZE_MAX;
	return number;
}
