/*
 * Responses with lists: conversations, pages of messages, groups, subscriptions; and the response to an upload. Decoded
 * values have what the rest of the program relies on.
 */
#include "client/client.h"
#include "wire/object.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc doc, written;

static void check_history(struct json_value response, enum chat_type type)
{
	struct history_sessions sessions = { 0 };
	struct json_value messages;
	char *next = NULL;

	history_decode_sessions(response, type, &sessions, &next);
	MUST(!next || next[0]);
	for (size_t i = 0; i < sessions.count; i++) {
		const struct history_session *session = &sessions.items[i];

		MUST(session->type == type && session->conversation && session->conversation[0] &&
			session->last_ms >= -1);
		for (const char *p = session->conversation; type != CHAT_GROUP && *p; p++)
			MUST(*p < 'A' || *p > 'Z');
	}
	history_sessions_release(&sessions);
	free(next);
	history_decode_page(response, type, &messages, &next);
	MUST(!next || next[0]);
	free(next);
}

/* The body that creates a group is valid JSON, whatever the group. */
static void check_group(struct json_value object)
{
	struct group group = { 0 };
	struct json_value made;
	struct err err;
	struct buf out;

	if (group_decode(object, &group, &err)) {
		MUST(err.status == ST_PROTOCOL && err.text[0]);
		group_release(&group);
		return;
	}
	MUST(group.id && group.id[0]);
	buf_init(&out, BUF_NO_MAX);
	group_encode(&out, &group);
	MUST(!json_parse(&written, out.data, out.len, NULL, NULL));
	made = json_get(json_root(&written), "groupChatSessionInformation");
	MUST(json_count(json_get(made, "participant")) == group.member_count);
	for (size_t i = 0; i < group.member_count; i++)
		MUST(group.members[i].address);
	buf_release(&out);
	group_release(&group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *xid = NULL;
	struct json_value root, groups;
	struct err err;

	if (!json_parse_lenient(&doc, text, size, NULL, NULL)) {
		root = json_root(&doc);
		for (int type = CHAT_ONE_TO_ONE; type <= CHAT_SMS; type++)
			check_history(root, (enum chat_type)type);
		check_group(json_get(root, "groupChatSessionInformation"));
		groups = json_get(json_get(root, "groupChatSessionInformationList"), "groupChatSessionInformation");
		for (struct json_iter it = json_first(groups); json_type(groups) == JSON_ARRAY && json_more(it);
			it = json_next(it))
			check_group(it.value);
		MUST(!channel_decode_listed(root, "") && !channel_decode_listed(root, "/"));
		channel_decode_listed(root, "/cpaas/chat/v1/u/subscriptions/s1");
		if (!object_decode(root, &xid, &err))
			MUST(xid && xid[0]);
		free(xid);
	}
	free(text);
	return 0;
}
