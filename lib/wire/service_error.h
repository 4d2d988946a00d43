/*
 * service_error.h - responses other than 2xx, as errors (PROTOCOL.md, "Errors"). Pure.
 */
#ifndef KANDY_WIRE_SERVICE_ERROR_H
#define KANDY_WIRE_SERVICE_ERROR_H

#include "base/err.h"
#include "http/http.h"

/*
 * Fills `err` with the service's message and code, if it sent one, else with the status, content type and `what`
 * ("POST /cpaas/..."):
 *
 *	401, 403, 404 and other 4xx   ST_AUTH, ERR_REFUSED
 *	408, 425, 429                 ST_TEMPFAIL, not processed
 *	503                           ST_UNAVAILABLE, not processed
 *	500, 502, 504                 ST_UNAVAILABLE, ERR_MAYBE_SENT: may have been processed
 *	407                           ST_CONFIG: the proxy requires authentication
 *	3xx, a 4xx page in HTML       ST_PROTOCOL: not from the service
 */
enum status service_error(const struct http_response *response, const char *what, struct err *err);

/* For an invalid response, even a 2xx: `problem` is "not JSON" or the like. */
enum status service_error_shape(const struct http_response *response, const char *what, const char *problem,
	struct err *err);

/* True for HTML, which comes from a proxy or another web server, not from the service. */
bool service_error_is_page(const struct http_response *response);

/* True if the same request would be refused again, and not because of the token: missing, or not allowed. */
bool service_error_is_permanent(const struct err *err);

bool service_error_is_gone(const struct err *err); /* 404, 410 */

#endif
