#include "base/dynlib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static enum status fill_slots(const char *soname, const char *package, const struct dynlib_symbol *symbols,
	struct err *err)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(err, ST_CONFIG, "cannot load a library: %s; install the package '%s'", dlerror(),
			package);
	for (; symbols->name; symbols++) {
		void *function = dlsym(library, symbols->name);

		if (!function)
			return err_set(err, ST_CONFIG,
				"'%s' lacks the function '%s': kandy was built for another version", soname,
				symbols->name);
		/* POSIX: both kinds of pointer have the same size */
		memcpy(symbols->slot, &function, sizeof(function));
	}
	return ST_OK;
}

static bool is_loaded(const struct dynlib_symbol *symbols)
{
	void *last;

	while (symbols[1].name)
		symbols++;
	memcpy(&last, symbols->slot, sizeof(last));
	return last;
}

enum status dynlib_load(const char *soname, const char *package, const struct dynlib_symbol *symbols, struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	enum status status;

	pthread_mutex_lock(&lock);
	status = is_loaded(symbols) ? ST_OK : fill_slots(soname, package, symbols, err);
	pthread_mutex_unlock(&lock);
	return status;
}
