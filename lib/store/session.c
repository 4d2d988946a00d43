/*
 * The session as a struct and as text. One table of fields serves reading, writing, copying and releasing.
 */
#include "store/session.h"

#include "base/clock.h"
#include "base/mem.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1

enum kind { TEXT, SECRET, TIME };
enum part { IDENTITY, TOKENS, CHANNEL }; /* for session_forget_...() */

static const struct field {
	const char *key;
	enum kind kind;
	enum part part;
	size_t at;
} fields[] = {
	{ "baseUrl", TEXT, IDENTITY, offsetof(struct session, base_url) },
	{ "clientId", TEXT, IDENTITY, offsetof(struct session, client_id) },
	{ "username", TEXT, IDENTITY, offsetof(struct session, username) },
	{ "grant", TEXT, IDENTITY, offsetof(struct session, grant) },
	{ "userId", TEXT, IDENTITY, offsetof(struct session, user_id) },
	{ "address", TEXT, IDENTITY, offsetof(struct session, address) },
	{ "correlator", TEXT, IDENTITY, offsetof(struct session, correlator) },
	{ "accessToken", SECRET, TOKENS, offsetof(struct session, access_token) },
	{ "idToken", SECRET, TOKENS, offsetof(struct session, id_token) },
	{ "refreshToken", SECRET, TOKENS, offsetof(struct session, refresh_token) },
	{ "issued", TIME, TOKENS, offsetof(struct session, issued_ms) },
	{ "expires", TIME, TOKENS, offsetof(struct session, expires_ms) },
	{ "refreshExpires", TIME, TOKENS, offsetof(struct session, refresh_expires_ms) },
	{ "channelURL", TEXT, CHANNEL, offsetof(struct session, channel_url) },
	{ "channelResource", TEXT, CHANNEL, offsetof(struct session, channel_resource) },
	{ "channelCallback", TEXT, CHANNEL, offsetof(struct session, channel_callback) },
	{ "channelRole", TEXT, CHANNEL, offsetof(struct session, channel_role) },
	{ "channelExpires", TIME, CHANNEL, offsetof(struct session, channel_expires_ms) },
	{ "channelLifetime", TIME, CHANNEL, offsetof(struct session, channel_lifetime_ms) },
};

#define EACH_FIELD(field) \
	for (const struct field *field = fields; field < fields + sizeof(fields) / sizeof(*fields); field++)

static void *place(const struct session *session, const struct field *field)
{
	return (char *)(uintptr_t)session + field->at;
}

static void field_release(struct session *session, const struct field *field)
{
	char **text;

	switch (field->kind) {
	case TEXT:
		text = place(session, field);
		free(*text);
		*text = NULL;
		break;
	case SECRET: secret_release(place(session, field)); break;
	case TIME: *(int64_t *)place(session, field) = 0; break;
	}
}

static void forget(struct session *session, enum part part)
{
	EACH_FIELD(field)
	{
		if (field->part == part)
			field_release(session, field);
	}
}

void session_forget_tokens(struct session *session)
{
	forget(session, TOKENS);
}

static void subscription_release(struct session_subscription *subscription)
{
	free(subscription->service);
	free(subscription->number);
	free(subscription->url);
}

void session_forget_channel(struct session *session)
{
	forget(session, CHANNEL);
	for (size_t i = 0; i < session->subscription_count; i++)
		subscription_release(&session->subscriptions[i]);
	free(session->subscriptions);
	session->subscriptions = NULL;
	session->subscription_count = 0;
}

void session_release(struct session *session)
{
	session_forget_channel(session);
	session_forget_tokens(session);
	forget(session, IDENTITY);
}

struct session_subscription *session_add_subscription(struct session *session)
{
	size_t n = session->subscription_count++;

	session->subscriptions = xreallocarray(session->subscriptions, n + 1, sizeof(*session->subscriptions));
	session->subscriptions[n] = (struct session_subscription){ 0 };
	return &session->subscriptions[n];
}

void session_remove_subscription(struct session *session, size_t at)
{
	subscription_release(&session->subscriptions[at]);
	session->subscription_count--;
	memmove(&session->subscriptions[at], &session->subscriptions[at + 1],
		(session->subscription_count - at) * sizeof(*session->subscriptions));
}

static void copy_part(struct session *to, const struct session *from, enum part part)
{
	EACH_FIELD(field)
	{
		if (field->part != part)
			continue;
		switch (field->kind) {
		case TEXT: *(char **)place(to, field) = xstrdup_null(*(char **)place(from, field)); break;
		case SECRET: secret_copy(place(to, field), place(from, field)); break;
		case TIME: *(int64_t *)place(to, field) = *(int64_t *)place(from, field); break;
		}
	}
}

void session_copy_login(struct session *to, const struct session *from)
{
	char *correlator = to->correlator;

	to->correlator = NULL;
	forget(to, IDENTITY);
	forget(to, TOKENS);
	copy_part(to, from, IDENTITY);
	copy_part(to, from, TOKENS);
	free(to->correlator);
	to->correlator = correlator;
}

void session_copy_channel(struct session *to, const struct session *from)
{
	if (to == from)
		return;
	session_forget_channel(to);
	copy_part(to, from, CHANNEL);
	for (size_t i = 0; i < from->subscription_count; i++) {
		const struct session_subscription *old = &from->subscriptions[i];
		struct session_subscription *new = session_add_subscription(to);

		new->service = xstrdup_null(old->service);
		new->number = xstrdup_null(old->number);
		new->url = xstrdup_null(old->url);
	}
}

void session_copy(struct session *to, const struct session *from)
{
	if (to == from)
		return;
	session_release(to);
	copy_part(to, from, IDENTITY);
	copy_part(to, from, TOKENS);
	session_copy_channel(to, from);
}

static void add_optional(struct buf *out, const char *key, const char *value)
{
	if (value)
		json_add_string(out, key, value);
}

void session_encode(const struct session *session, struct buf *out)
{
	json_open(out, '{');
	json_add_int(out, "version", VERSION);
	EACH_FIELD(field)
	{
		const struct secret *secret = place(session, field);
		int64_t time;

		switch (field->kind) {
		case TEXT: add_optional(out, field->key, *(char **)place(session, field)); break;
		case SECRET:
			if (secret->s)
				json_add_string_len(out, field->key, secret->s, secret->len);
			break;
		case TIME:
			time = *(int64_t *)place(session, field);
			if (time)
				json_add_int(out, field->key, time);
			break;
		}
	}
	if (session->subscription_count) {
		json_open_key(out, "subscriptions", '[');
		for (size_t i = 0; i < session->subscription_count; i++) {
			json_open(out, '{');
			add_optional(out, "service", session->subscriptions[i].service);
			add_optional(out, "number", session->subscriptions[i].number);
			add_optional(out, "url", session->subscriptions[i].url);
			json_close(out, '}');
		}
		json_close(out, ']');
	}
	json_close(out, '}');
}

static enum status field_decode(struct session *session, const struct field *field, struct json_value value,
	struct err *err)
{
	int64_t time = 0;
	struct buf text;
	bool ok = false;

	if (!json_exists(value))
		return ST_OK;
	switch (field->kind) {
	case TEXT: ok = (*(char **)place(session, field) = json_dup(value)); break;
	case SECRET:
		buf_init_secret(&text, BUF_NO_MAX);
		ok = json_string(value, &text) && text.len && !memchr(text.data, '\0', text.len);
		if (ok)
			secret_set_token(place(session, field), text.data, text.len);
		buf_release(&text);
		break;
	case TIME:
		ok = json_int(value, &time);
		*(int64_t *)place(session, field) = clock_bounded_ms(time);
		break;
	}
	return ok ? ST_OK : err_set(err, ST_DATA, "invalid '%s'", field->key);
}

static enum status decode_subscriptions(struct session *session, struct json_value list, struct err *err)
{
	for (struct json_iter it = json_first(list); json_more(it); it = json_next(it)) {
		struct session_subscription *subscription = session_add_subscription(session);

		subscription->service = json_dup(json_get(it.value, "service"));
		subscription->number = json_dup(json_get(it.value, "number"));
		subscription->url = json_dup(json_get(it.value, "url"));
		if (!subscription->service || !subscription->url)
			return err_set(err, ST_DATA, "subscription without service or URL");
	}
	return ST_OK;
}

/* The rest of the program relies on these. */
static enum status check(const struct session *session, struct err *err)
{
	const char *missing = NULL;

	if (session->access_token.s && !session->base_url)
		missing = "baseUrl";
	else if (session->access_token.s && !session->client_id)
		missing = "clientId";
	else if (session->access_token.s && !session->user_id)
		missing = "userId";
	else if (session->access_token.s && !session->address)
		missing = "address";
	else if (session->channel_url && !session->channel_resource)
		missing = "channelResource";
	else if (session->channel_url && !session->channel_callback)
		missing = "channelCallback";
	return missing ? err_set(err, ST_DATA, "missing '%s'", missing) : ST_OK;
}

enum status session_decode(const char *text, size_t len, struct session *session, struct err *err)
{
	struct json_doc doc = { 0 };
	struct json_value root;
	int64_t version = VERSION;
	enum status st;

	*session = (struct session){ 0 };
	if ((st = json_parse(&doc, text, len, NULL, err)))
		goto out;
	root = json_root(&doc);
	if (json_type(root) != JSON_OBJECT) {
		st = err_set(err, ST_DATA, "not a JSON object");
		goto out;
	}
	json_int(json_get(root, "version"), &version);
	if (version > VERSION) {
		st = err_set(err, ST_CONFIG, "written by a newer version of kandy");
		goto out;
	}
	EACH_FIELD(field)
	{
		if ((st = field_decode(session, field, json_get(root, field->key), err)))
			goto out;
	}
	if (!(st = decode_subscriptions(session, json_get(root, "subscriptions"), err)))
		st = check(session, err);
out:
	if (st)
		session_release(session);
	json_release(&doc);
	return st;
}
