/*
 * service_error.h - what an HTTP answer other than 2xx means (protocol.md, "Errors"). Pure.
 */
#ifndef KANDY_WIRE_SERVICE_ERROR_H
#define KANDY_WIRE_SERVICE_ERROR_H

#include "base/err.h"
#include "http/http.h"

/*
 * Fills `err` with the service's own sentence and code where it gave one, else with status, content
 * type and `what` ("POST /cpaas/..."):
 *
 *	401, 403, 404 and other 4xx   ST_AUTH, ERR_REFUSED
 *	408, 425, 429                 ST_TEMPFAIL, turned away unprocessed
 *	503                           ST_UNAVAILABLE, turned away unprocessed
 *	500, 502, 504                 ST_UNAVAILABLE, ERR_MAYBE_SENT: it may have been acted on
 *	407                           ST_CONFIG: the proxy wants a login
 *	3xx, a 4xx page in HTML       ST_PROTOCOL: that is not the service
 */
enum status service_error(const struct http_response *response, const char *what, struct err *err);

/* For an answer that is not what it should be, a 2xx included: status, content type and where. */
enum status service_error_shape(const struct http_response *response, const char *what, const char *problem,
	struct err *err);

/* True if the same request would be refused again, and not because of the token: missing, or not allowed. */
bool service_error_is_permanent(const struct err *err);

bool service_error_is_gone(const struct err *err); /* 404, 410 */

#endif
