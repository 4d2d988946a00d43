/* Addresses in the syntax of users. */
#include "../lib/tap.h"

#include "wire/address.h"

#include <stdlib.h>

static const struct {
	const char *text, *type;
	enum status status;
	enum chat_type wanted;
	const char *id, *typed; /* typed: the result of address_text() */
} cases[] = {
	{ "Bob@Acme.example.com", NULL, ST_OK, CHAT_ONE_TO_ONE, "bob@acme.example.com", "bob@acme.example.com" },
	{ "bob@acme", "chat", ST_OK, CHAT_ONE_TO_ONE, "bob@acme", "bob@acme" },
	{ "bob@acme", "im", ST_OK, CHAT_ONE_TO_ONE, "bob@acme", "bob@acme" },
	{ "bob@acme", "Chat-OneToOne", ST_OK, CHAT_ONE_TO_ONE, "bob@acme", "bob@acme" },
	{ "group:AbC-1", NULL, ST_OK, CHAT_GROUP, "AbC-1", "group:AbC-1" },
	{ "GROUP:x", "group", ST_OK, CHAT_GROUP, "x", "group:x" },
	{ "AbC-1", "chat-group", ST_OK, CHAT_GROUP, "AbC-1", "group:AbC-1" },
	{ "g@host", "group", ST_OK, CHAT_GROUP, "g@host", "group:g@host" },
	{ "sms:+16135550199", NULL, ST_OK, CHAT_SMS, "+16135550199", "sms:+16135550199" },
	{ "+16135550199", "sms", ST_OK, CHAT_SMS, "+16135550199", "sms:+16135550199" },
	{ "sms:72000", NULL, ST_OK, CHAT_SMS, "72000", "sms:72000" },
	{ "", NULL, ST_DATA, 0, NULL, NULL },
	{ "bob", NULL, ST_DATA, 0, NULL, NULL },
	{ "@x", NULL, ST_DATA, 0, NULL, NULL },
	{ "bob@", NULL, ST_DATA, 0, NULL, NULL },
	{ "a@b@c", NULL, ST_DATA, 0, NULL, NULL },
	{ "a b@c", NULL, ST_DATA, 0, NULL, NULL },
	{ "a@b\n", NULL, ST_DATA, 0, NULL, NULL },
	{ "a@b\342\200\256c", NULL, ST_DATA, 0, NULL, NULL },
	{ "a@b\377", NULL, ST_DATA, 0, NULL, NULL },
	{ "group:", NULL, ST_DATA, 0, NULL, NULL },
	{ "sms:", NULL, ST_DATA, 0, NULL, NULL },
	{ "sms:+1613x", NULL, ST_DATA, 0, NULL, NULL },
	{ "sms:+12", NULL, ST_DATA, 0, NULL, NULL },
	{ "sms:+1234567890123456", NULL, ST_DATA, 0, NULL, NULL },
	{ "group:x", "sms", ST_DATA, 0, NULL, NULL },
	{ "sms:+1613", "chat", ST_DATA, 0, NULL, NULL },
	{ "a@b", "fax", ST_DATA, 0, NULL, NULL },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address address;
		struct err err = ERR_INIT;
		char *typed;

		tap_int(address_parse(&address, cases[i].text, cases[i].type, &err), cases[i].status, cases[i].text);
		if (cases[i].status) {
			tap_ok(err.text[0] && !address.id, "says what is wrong, and leaves nothing");
			continue;
		}
		typed = address_text(&address);
		tap_int(address.type, cases[i].wanted, "type");
		tap_str(address.id, cases[i].id, "ID");
		tap_str(typed, cases[i].typed, "typed");
		free(typed);
		address_release(&address);
	}
	tap_str(address_type_name(CHAT_GROUP), "chat-group", "a type's name");
	return tap_done();
}
