#include "sandbox/sandbox-int.h"

#include "base/random.h"

void push_begin(struct buf *out, const char *key)
{
	char id[33];

	random_id(id);
	buf_init(out, NOTIFICATION_MAX);
	jsonf(out, "{%s:{'id':%s", key, id);
}

void push_link(struct buf *out, const char *rel, const char *href)
{
	jsonf(out, "'link':[{'rel':%s,'href':%s}]", rel, href);
}

void push_end(struct buf *out)
{
	jsonf(out, "}}");
}

void push_send(struct sandbox *s, struct buf *out, struct user *to, enum subscription_kind kind, const char *number,
	const char *except)
{
	push_end(out);
	if (!out->overflow)
		world_push(&s->world, to, kind, number, except, out->data, out->len);
	buf_release(out);
}
