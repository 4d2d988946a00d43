/*
 * address.h - recipients, in the syntax of users: user@domain, group:ID, sms:+NUMBER. Pure.
 */
#ifndef KANDY_WIRE_ADDRESS_H
#define KANDY_WIRE_ADDRESS_H

#include "base/buf.h"
#include "base/err.h"

enum chat_type { CHAT_ONE_TO_ONE, CHAT_GROUP, CHAT_SMS };

struct address {
	enum chat_type type;
	/* the user's address (lower-cased, as the vendor's client does), the group's ID, or the number with its '+' */
	char *id;
};

/*
 * ST_DATA if the address is invalid. `type` is the name of a type that came with it ("chat", "im", "group", "sms", or
 * NULL): it applies to an address without a prefix, and must match a prefix.
 */
enum status address_parse(struct address *address, const char *text, const char *type, struct err *err) MUST_USE;
void address_release(struct address *address);

/* Names of types for options: "chat", "im" and "chat-oneToOne", "group" and "chat-group", "sms". NULL-terminated. */
extern const char *const address_type_names[];
bool address_type_parse(const char *name, enum chat_type *type); /* in either case; false: unknown */

const char *address_type_name(enum chat_type type); /* "chat-oneToOne", "chat-group", "sms" */
char *address_text(const struct address *address); /* free it */

/*
 * Appends "type":"chat-group","destination":["ID"],"address":"group:ID", for lines about a conversation. NULL `id`: it is
 * unknown ([] and null). No allocation.
 */
void address_add(struct buf *line, enum chat_type type, const char *id, size_t len);

#endif
