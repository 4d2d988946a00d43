/*
 * services.h - operands of subscribe and unsubscribe: "chat", "sms", "sms=+16135550199", "receipts".
 */
#ifndef KANDY_CMD_SERVICES_H
#define KANDY_CMD_SERVICES_H

#include "wire/channel.h"

extern const char *const service_names[]; /* for operand_choices; NULL-terminated */

/* One service for each operand, whose strings it borrows; free `*out`. ST_USAGE for an unknown one. */
enum status services_parse(char *const *operands, size_t count, struct channel_service **out, struct err *err) MUST_USE;

#endif
