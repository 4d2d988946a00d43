/*
 * libcurl.h - libcurl's functions, looked up at the first request (base/dynlib.h).
 *
 * curl.h wraps variadic functions such as curl_easy_setopt() in type-checking macros, which must be undefined here. So
 * argument types are not checked: a number must be a long (1L) or, for a _LARGE option, a curl_off_t.
 */
#ifndef KANDY_HTTP_LIBCURL_H
#define KANDY_HTTP_LIBCURL_H

#include "base/dynlib.h"
#include "base/err.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define CURL_FUNCTIONS(X) \
	X(curl_global_init) \
	X(curl_easy_init) \
	X(curl_easy_cleanup) \
	X(curl_easy_reset) \
	X(curl_easy_setopt) \
	X(curl_easy_getinfo) \
	X(curl_easy_strerror) \
	X(curl_multi_init) \
	X(curl_multi_cleanup) \
	X(curl_multi_setopt) \
	X(curl_multi_add_handle) \
	X(curl_multi_remove_handle) \
	X(curl_multi_perform) \
	X(curl_multi_poll) \
	X(curl_multi_info_read) \
	X(curl_multi_strerror) \
	X(curl_slist_append) \
	X(curl_slist_free_all) \
	X(curl_mime_init) \
	X(curl_mime_addpart) \
	X(curl_mime_name) \
	X(curl_mime_filename) \
	X(curl_mime_type) \
	X(curl_mime_data) \
	X(curl_mime_data_cb) \
	X(curl_mime_free) \
	X(curl_url) \
	X(curl_url_cleanup) \
	X(curl_url_set) \
	X(curl_url_get) \
	X(curl_free)

struct http_curl_api {
	CURL_FUNCTIONS(DYNLIB_SLOT)
};
extern struct http_curl_api http_curl_api;
#define DYNLIB_TABLE http_curl_api
#include "dynlib_calls.h"

/* Loads and initialises libcurl once per process; thread-safe. */
enum status http_load(struct err *err) MUST_USE;

#endif
