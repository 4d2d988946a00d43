/*
 * services.h - what can be subscribed, as operands: "chat", "sms", "sms=+16135550199", "receipts".
 */
#ifndef KANDY_CMD_SERVICES_H
#define KANDY_CMD_SERVICES_H

#include "wire/channel.h"

extern const char *const service_names[]; /* for operand_choices; NULL-terminated */

/*
 * As many as operands; free `*out` (the strings are borrowed from the operands). ST_USAGE for what
 * is no service.
 */
enum status services_parse(char *const *operands, size_t count, struct channel_service **out, struct err *err) MUST_USE;

#endif
