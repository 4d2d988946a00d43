#include "cmd/services.h"

#include "wire/address.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

const char *const service_names[] = { "chat", "sms", "receipts", NULL };

static enum status check_number(const char *number, struct err *err)
{
	struct address address;
	struct err why = ERR_INIT;

	if (address_parse(&address, number, "sms", &why))
		return err_set(err, ST_USAGE, "invalid service 'sms=%s': %s", number, why.text);
	address_release(&address);
	return ST_OK;
}

static enum status parse(const char *operand, struct channel_service *service, struct err *err)
{
	const char *near;

	if (str_starts_with(operand, "sms=")) {
		*service = (struct channel_service){ "sms", operand + 4 };
		return check_number(service->number, err);
	}
	for (const char *const *name = service_names; *name; name++) {
		if (!strcmp(operand, *name)) {
			*service = (struct channel_service){ *name, NULL };
			return ST_OK;
		}
	}
	near = str_nearest_word(operand, service_names);
	if (near)
		return err_set(err, ST_USAGE, "unknown service '%s'; did you mean '%s'?", operand, near);
	return err_set(err, ST_USAGE, "unknown service '%s': expected chat, sms, sms=+NUMBER or receipts", operand);
}

enum status services_parse(char *const *operands, size_t count, struct channel_service **out, struct err *err)
{
	struct channel_service *services = xcalloc(count + 1, sizeof(*services));
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < count; i++)
		st = parse(operands[i], &services[i], err);
	if (st)
		free(services);
	else
		*out = services;
	return st;
}
