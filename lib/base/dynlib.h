/*
 * dynlib.h - libraries opened when they are first needed.
 *
 * Loading libcurl, libwebsockets, libjq and OpenSSL costs 8 ms, ten times what everything else takes to start; most
 * commands need one of them and `kandy help` none. So each gate room lists the functions that it calls, has them
 * looked up by name before its first call, and then calls them by their own names:
 *
 *	#define JQ_FUNCTIONS(X) X(jq_init) X(jq_teardown)
 *	static struct { JQ_FUNCTIONS(DYNLIB_SLOT) } jq_api;
 *	#define DYNLIB_TABLE jq_api
 *	static const struct dynlib_symbol jq_symbols[] = { JQ_FUNCTIONS(DYNLIB_SYMBOL) { NULL, NULL } };
 *	#define jq_init jq_api.p_jq_init
 *
 * DYNLIB_SLOT takes the type from the library's own header, so a call through a slot is checked as a plain call is.
 * The file name comes from the library that the build found (sonames.h, made by the Makefile).
 */
#ifndef KANDY_BASE_DYNLIB_H
#define KANDY_BASE_DYNLIB_H

#include "base/err.h"

struct dynlib_symbol {
	const char *name;
	void *slot; /* of a pointer to function */
};

#define DYNLIB_SLOT(function) __typeof__(&function) p_##function;
#define DYNLIB_SYMBOL(function) { #function, &DYNLIB_TABLE.p_##function },

/*
 * Opens `soname` and fills the slots of `symbols` (ends with a NULL name). Never closed again.
 * ST_CONFIG names the library, the reason, and the Debian package that has it.
 */
enum status dynlib_load(const char *soname, const char *package, const struct dynlib_symbol *symbols,
	struct err *err) MUST_USE;

#endif
