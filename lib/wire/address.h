/*
 * address.h - who a message goes to, in the one syntax that users type: user@domain, group:ID,
 * sms:+NUMBER.
 */
#ifndef KANDY_WIRE_ADDRESS_H
#define KANDY_WIRE_ADDRESS_H

#include "base/buf.h"
#include "base/err.h"

enum chat_type { CHAT_ONE_TO_ONE, CHAT_GROUP, CHAT_SMS };

struct address {
	enum chat_type type;
	/*
	 * the user's address (lower-cased, as the vendor's client does), the group's ID, or the
	 * number with its '+'
	 */
	char *id;
};

/*
 * ST_DATA with what is wrong. `type` is the name of a type that the input gave beside it ("chat",
 * "im", "group", "sms", or NULL): it decides for an address without a prefix, and must not
 * contradict one.
 */
enum status address_parse(struct address *address, const char *text, const char *type, struct err *err) MUST_USE;
void address_release(struct address *address);

/*
 * What may stand for a type in options: "chat" and "im" for "chat-oneToOne", "group" for "chat-group", "sms".
 * NULL-terminated.
 */
extern const char *const address_type_names[];
bool address_type_parse(const char *word, enum chat_type *type); /* one of them, in either case; false: none */

const char *address_type_name(enum chat_type type); /* "chat-oneToOne", "chat-group", "sms" */
char *address_text(const struct address *address); /* as a user would type it; free it */

/*
 * "type":"chat-group","destination":["ID"],"address":"group:ID", as every line about a conversation has them: what the
 * service calls it, and what to send to. NULL `id`: it is not known ([] and null). No allocation.
 */
void address_add(struct buf *line, enum chat_type type, const char *id, size_t len);

#endif
