#include "http/libcurl.h"

#include "sonames.h"

#include <pthread.h>

struct http_curl_api http_curl_api;

static const struct dynlib_symbol symbols[] = { CURL_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };

static struct {
	pthread_once_t once;
	struct err err; /* why loading failed */
} state = { .once = PTHREAD_ONCE_INIT };

static void load(void)
{
	CURLcode code;

	if (dynlib_load(SONAME_CURL, "libcurl4", symbols, &state.err) != ST_OK)
		return;
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		err_set(&state.err, ST_CONFIG, "cannot initialise libcurl: %s", curl_easy_strerror(code));
}

enum status http_load(struct err *err)
{
	pthread_once(&state.once, load);
	if (state.err.status != ST_OK && err)
		*err = state.err;
	return state.err.status;
}
