#include "wire/address.h"

#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"
#include "json/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX 512

static const struct {
	const char *name;
	enum chat_type type;
} type_names[] = {
	{ "chat-oneToOne", CHAT_ONE_TO_ONE },
	{ "chat", CHAT_ONE_TO_ONE },
	{ "im", CHAT_ONE_TO_ONE },
	{ "oneToOne", CHAT_ONE_TO_ONE },
	{ "chat-group", CHAT_GROUP },
	{ "group", CHAT_GROUP },
	{ "sms", CHAT_SMS },
};

const char *const address_type_names[] = { "chat", "im", "group", "sms", "chat-oneToOne", "chat-group", NULL };

bool address_type_parse(const char *name, enum chat_type *type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++) {
		if (!strcasecmp(name, type_names[i].name)) {
			*type = type_names[i].type;
			return true;
		}
	}
	return false;
}

/* Skips the prefix. */
static bool type_by_prefix(const char **text, enum chat_type *type)
{
	if (!strncasecmp(*text, "group:", 6)) {
		*text += 6;
		*type = CHAT_GROUP;
		return true;
	}
	if (!strncasecmp(*text, "sms:", 4)) {
		*text += 4;
		*type = CHAT_SMS;
		return true;
	}
	return false;
}

static const char *fault_of_user(const char *text)
{
	const char *at = strchr(text, '@');

	if (!at)
		return "expected user@domain, group:ID or sms:+NUMBER";
	if (at == text)
		return "missing user before '@'";
	if (strchr(at + 1, '@'))
		return "more than one '@'; give each address separately";
	if (!at[1])
		return "missing domain after '@'";
	return NULL;
}

static const char *fault_of_number(const char *text)
{
	const char *digits = text + (*text == '+');
	size_t count = strlen(digits);

	if (!*digits || digits[strspn(digits, "0123456789")])
		return "expected sms:+NUMBER, digits only";
	return count < 3 || count > 15 ? "expected a number of 3 to 15 digits" : NULL;
}

static const char *fault_of_any(const char *text)
{
	uint32_t point;
	size_t n;

	if (!*text)
		return "it is empty";
	if (!url_is_path_segment(text))
		return "'.' and '..' are not allowed";
	if (strlen(text) > ADDRESS_MAX)
		return "it is too long";
	for (const char *p = text; *p; p += n) {
		n = 1;
		point = (unsigned char)*p;
		if (point >= 0x80 && !(n = utf8_decode(p, strlen(p), &point)))
			return "it is not valid UTF-8";
		if (point <= ' ' || (point > '~' && utf8_is_control(point)))
			return "it contains a space or control character";
	}
	return NULL;
}

enum status address_parse(struct address *address, const char *text, const char *type, struct err *err)
{
	const char *id = text, *fault;
	enum chat_type by_prefix = CHAT_ONE_TO_ONE, by_name;
	bool prefixed = type_by_prefix(&id, &by_prefix);

	*address = (struct address){ .type = prefixed ? by_prefix : CHAT_ONE_TO_ONE };
	if (type) {
		if (!address_type_parse(type, &by_name))
			return err_set(err, ST_DATA, "unknown message type '%s': expected chat, group or sms", type);
		if (prefixed && by_name != by_prefix)
			return err_set(err, ST_DATA, "address '%s' does not match the type '%s'", text, type);
		address->type = by_name;
	}
	fault = fault_of_any(id);
	if (!fault && address->type == CHAT_ONE_TO_ONE)
		fault = fault_of_user(id);
	if (!fault && address->type == CHAT_SMS)
		fault = fault_of_number(id);
	if (fault)
		return err_set(err, ST_DATA, "invalid address '%s': %s", text, fault);
	address->id = xstrdup(id);
	for (char *p = address->id; address->type == CHAT_ONE_TO_ONE && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return ST_OK;
}

void address_release(struct address *address)
{
	free(address->id);
	address->id = NULL;
}

const char *address_type_name(enum chat_type type)
{
	switch (type) {
	case CHAT_ONE_TO_ONE: return "chat-oneToOne";
	case CHAT_GROUP: return "chat-group";
	case CHAT_SMS: break;
	}
	return "sms";
}

static const char *prefix_of(enum chat_type type)
{
	return type == CHAT_GROUP ? "group:" : type == CHAT_SMS ? "sms:" : "";
}

char *address_text(const struct address *address)
{
	return xasprintf("%s%s", prefix_of(address->type), address->id);
}

void address_add(struct buf *line, enum chat_type type, const char *id, size_t len)
{
	json_add_string(line, "type", address_type_name(type));
	json_open_key(line, "destination", '[');
	if (id)
		json_add_string_len(line, NULL, id, len);
	json_close(line, ']');
	if (id)
		json_add_joined(line, "address", prefix_of(type), id, len);
	else
		json_add_null(line, "address");
}
