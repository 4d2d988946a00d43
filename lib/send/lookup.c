#include "send/lookup.h"

#include "wire/notification.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

bool lookup_path(const struct lookup *lookup, struct buf *out, const char *user_id)
{
	if (lookup->message->to->type == CHAT_SMS)
		return false;
	message_path(out, user_id, lookup->message->to);
	buf_addf(out, "?max=%d", LOOKUP_PAGE);
	if (lookup->next) {
		buf_adds(out, "&next=");
		percent_encode(out, lookup->next, strlen(lookup->next));
	}
	return true;
}

static bool same_text(struct json_value text, const char *wanted)
{
	/* a message of attachments only may have lost its empty text */
	return json_equals(text, wanted) || (!*wanted && !json_exists(text));
}

static bool same_files(struct json_value list, const struct message *wanted)
{
	size_t n = 0;

	if (json_count(list) != wanted->file_count)
		return false;
	for (struct json_iter it = json_first(list); json_more(it); it = json_next(it)) {
		if (!json_equals(json_get(it.value, "x-id"), wanted->files[n++].xid))
			return false;
	}
	return true;
}

/* True if the message is our own; `*sure` is false if the entry does not tell. */
static bool is_own(struct json_value entry, const char *sender, bool *sure)
{
	struct json_value address = json_get(entry, "senderAddress");
	struct json_value type = json_get(entry, "x-type");

	*sure = true;
	if (json_exists(address))
		return json_equals_nocase(address, sender);
	if (json_exists(type))
		return json_equals_nocase(type, "outbound");
	*sure = false;
	return true;
}

static void keep_candidate(struct lookup *lookup, struct json_value entry, char **id, int64_t time_ms)
{
	message_sent_release(&lookup->found);
	lookup->found = (struct message_sent){ .id = *id, .timestamp_ms = time_ms };
	*id = NULL;
	lookup->found.status = json_dup(json_get(entry, "status"));
	if (!lookup->found.status)
		lookup->found.status = xstrdup("Sent");
}

/* LOOKUP_MORE: continue with the next entry. */
static enum lookup_result check_entry(struct lookup *lookup, struct json_value entry)
{
	char *id = notification_message_id(json_get(entry, "resourceURL"));
	enum lookup_result result = LOOKUP_MORE;
	int64_t time = 0;
	bool timed = json_int(json_get(entry, "dateTime"), &time) && time > 0;
	bool sure;

	time = timed ? clock_server_ms(time) : lookup->since_ms;
	if (id && lookup->last_sent_id && !strcmp(id, lookup->last_sent_id)) {
		/* everything above this entry is newer, so the candidate is the message */
		result = lookup->has_candidate ? LOOKUP_FOUND : LOOKUP_NOT_FOUND;
	} else if (timed && lookup->skew_known && !lookup->last_sent_id &&
		time < lookup->since_ms - LOOKUP_TOLERANCE_MS) {
		/* this entry and all below it are older */
		result = lookup->has_candidate ? LOOKUP_INCONCLUSIVE : LOOKUP_NOT_FOUND;
	} else if (is_own(entry, lookup->sender, &sure) && same_text(json_get(entry, "text"), lookup->message->text) &&
		same_files(json_get(entry, "attachment"), lookup->message) &&
		!(id && sent_ids_other(lookup->others, id, lookup->origin))) {
		sure = sure && timed && time >= lookup->since_ms - LOOKUP_TOLERANCE_MS &&
			time <= lookup->until_ms + LOOKUP_LATE_MS;
		if (sure || !lookup->has_candidate)
			keep_candidate(lookup, entry, &id, time);
		if (sure)
			result = LOOKUP_FOUND;
		else
			lookup->has_candidate = true;
	}
	free(id);
	return result;
}

enum lookup_result lookup_page(struct lookup *lookup, struct json_value answer)
{
	struct json_value list = json_get(answer, "chatMessageList");
	struct json_value entries = json_get(list, "chatMessage");

	if (json_type(list) != JSON_OBJECT)
		return LOOKUP_INCONCLUSIVE;
	if (json_type(entries) == JSON_OBJECT) { /* some servers write an array of one like this */
		enum lookup_result result = check_entry(lookup, entries);

		if (result != LOOKUP_MORE)
			return result;
	} else {
		for (struct json_iter it = json_first(entries); json_more(it); it = json_next(it)) {
			enum lookup_result result = check_entry(lookup, it.value);

			if (result != LOOKUP_MORE)
				return result;
		}
	}
	free(lookup->next);
	lookup->next = json_dup(json_get(list, "next"));
	if (!lookup->next || !*lookup->next)
		return lookup->has_candidate ? LOOKUP_INCONCLUSIVE : LOOKUP_NOT_FOUND;
	if (++lookup->pages >= LOOKUP_PAGES_MAX)
		return LOOKUP_INCONCLUSIVE;
	return LOOKUP_MORE;
}

void lookup_release(struct lookup *lookup)
{
	message_sent_release(&lookup->found);
	free(lookup->next);
	lookup->next = NULL;
	lookup->has_candidate = false;
	lookup->pages = 0;
}
