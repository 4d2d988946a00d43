#include "base/dynlib.h"

#include <dlfcn.h>
#include <string.h>

enum status dynlib_load(const char *soname, const char *package, const struct dynlib_symbol *symbols, struct err *err)
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
		memcpy(symbols->slot, &function,
			sizeof(function)); /* POSIX: both kinds of pointer have the same size */
	}
	return ST_OK;
}
