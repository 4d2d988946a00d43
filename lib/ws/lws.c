#include "ws/lws-int.h"

#include "sonames.h"

struct ws_lws_api ws_lws_api;

/* symbols, see dl.h: the argument of a macro that only pastes it is not expanded, so the plain names stand here */
#define DL_TABLE ws_lws_api
static const struct dl_symbol symbols[] = { LWS_FUNCTIONS(DL_SYMBOL){ NULL, NULL } };

enum status ws_lws_load(struct err *err)
{
	static bool loaded;
	enum status st;

	if (loaded)
		return ST_OK;
	if (!(st = dl_load(SONAME_WEBSOCKETS, "libwebsockets17", symbols, err)))
		loaded = true;
	return st;
}
