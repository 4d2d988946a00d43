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

/* Loads and initialises libcurl once per process; thread-safe. */
enum status http_load(struct err *err) MUST_USE;

#define curl_global_init http_curl_api.p_curl_global_init
#define curl_easy_init http_curl_api.p_curl_easy_init
#define curl_easy_cleanup http_curl_api.p_curl_easy_cleanup
#define curl_easy_reset http_curl_api.p_curl_easy_reset
#define curl_easy_setopt http_curl_api.p_curl_easy_setopt
#define curl_easy_getinfo http_curl_api.p_curl_easy_getinfo
#define curl_easy_strerror http_curl_api.p_curl_easy_strerror
#define curl_multi_init http_curl_api.p_curl_multi_init
#define curl_multi_cleanup http_curl_api.p_curl_multi_cleanup
#define curl_multi_setopt http_curl_api.p_curl_multi_setopt
#define curl_multi_add_handle http_curl_api.p_curl_multi_add_handle
#define curl_multi_remove_handle http_curl_api.p_curl_multi_remove_handle
#define curl_multi_perform http_curl_api.p_curl_multi_perform
#define curl_multi_poll http_curl_api.p_curl_multi_poll
#define curl_multi_info_read http_curl_api.p_curl_multi_info_read
#define curl_multi_strerror http_curl_api.p_curl_multi_strerror
#define curl_slist_append http_curl_api.p_curl_slist_append
#define curl_slist_free_all http_curl_api.p_curl_slist_free_all
#define curl_mime_init http_curl_api.p_curl_mime_init
#define curl_mime_addpart http_curl_api.p_curl_mime_addpart
#define curl_mime_name http_curl_api.p_curl_mime_name
#define curl_mime_filename http_curl_api.p_curl_mime_filename
#define curl_mime_type http_curl_api.p_curl_mime_type
#define curl_mime_data http_curl_api.p_curl_mime_data
#define curl_mime_data_cb http_curl_api.p_curl_mime_data_cb
#define curl_mime_free http_curl_api.p_curl_mime_free
#define curl_url http_curl_api.p_curl_url
#define curl_url_cleanup http_curl_api.p_curl_url_cleanup
#define curl_url_set http_curl_api.p_curl_url_set
#define curl_url_get http_curl_api.p_curl_url_get
#define curl_free http_curl_api.p_curl_free

#endif
