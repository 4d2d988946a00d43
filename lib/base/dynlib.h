/*
 * dynlib.h - shared libraries that are loaded on first use.
 *
 * Loading libcurl, libwebsockets, libjq and OpenSSL takes 8 ms, ten times as long as the rest of the start; most
 * commands need one of them and `kandy help` needs none. So each room that uses a library lists the functions that it
 * calls, resolves them before the first call, and then calls them by their own names:
 *
 *	#define JQ_FUNCTIONS(X) X(jq_init) X(jq_teardown)
 *	static struct { JQ_FUNCTIONS(DYNLIB_SLOT) } jq_api;
 *	#define DYNLIB_TABLE jq_api
 *	static const struct dynlib_symbol jq_symbols[] = { JQ_FUNCTIONS(DYNLIB_SYMBOL) { NULL, NULL } };
 *	#include "dynlib_calls.h"
 *
 * DYNLIB_SLOT takes the type from the library's own header, so the compiler checks these calls like any others. The
 * Makefile generates dynlib_calls.h, which defines the name of each listed function as that of its slot in
 * DYNLIB_TABLE, and sonames.h with the sonames of the libraries found by the build.
 */
#ifndef KANDY_BASE_DYNLIB_H
#define KANDY_BASE_DYNLIB_H

#include "base/err.h"

struct dynlib_symbol {
	const char *name;
	void *slot; /* the address of a function pointer */
};

#define DYNLIB_SLOT(function) __typeof__(&function) p_##function;
#define DYNLIB_SYMBOL(function) { #function, &DYNLIB_TABLE.p_##function },

/*
 * Loads `soname`, for good, and fills the slots of `symbols` (terminated by a NULL name), unless an earlier call did.
 * Thread-safe. ST_CONFIG names the library, the reason, and the Debian package that contains it.
 */
enum status dynlib_load(const char *soname, const char *package, const struct dynlib_symbol *symbols,
	struct err *err) MUST_USE;

#endif
