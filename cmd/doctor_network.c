#include "cmd/doctor_network.h"

#include "client/client.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/interrupt.h"
#include "base/url.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define SKEW_MAX_MS INT64_C(60000) /* beyond it, certificates and tokens look expired, or not valid yet */

struct network {
	struct report *report;
	struct client *client;
	const struct session_params *params;
	int64_t skew_ms; /* our clock less the service's */
	bool skew_known;
};

/* Appends the host of "SCHEME://[USER:PASSWORD@]HOST:PORT". */
static void add_host(struct buf *host, const char *proxy)
{
	const char *scheme = strstr(proxy, "://"), *at = strrchr(proxy, '@');
	const char *start = at ? at + 1 : scheme ? scheme + 3 : proxy;
	bool ipv6 = *start == '[';

	buf_add(host, start + ipv6, strcspn(start + ipv6, ipv6 ? "]" : ":/"));
}

static void check_proxy(struct network *n, struct buf *host)
{
	const struct url *base = client_base(n->client);
	struct buf shown;
	char *proxy;

	proxy = http_proxy_for(n->params->proxy, base->tls, base->host);
	if (!proxy) {
		report_ok(n->report, "proxy", "none for %s", base->host);
		buf_adds(host, base->host);
		return;
	}
	buf_init(&shown, BUF_NO_MAX);
	url_add_setting(&shown, proxy);
	add_host(host, proxy);
	report_ok(n->report, "proxy", "%s leads to %s", shown.data, base->host);
	buf_release(&shown);
	explicit_bzero(proxy, strlen(proxy)); /* it may hold a password */
	free(proxy);
}

static void list_addresses(struct buf *out, const struct addrinfo *list)
{
	enum { SHOWN = 4 };
	size_t count = 0;

	for (; list; list = list->ai_next, count++) {
		char address[64];

		if (count >= SHOWN ||
			getnameinfo(list->ai_addr, list->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST))
			continue;
		buf_addf(out, "%s%s", out->len ? ", " : "", address);
	}
	if (count > SHOWN)
		buf_addf(out, " and %zu more", count - SHOWN);
}

/* False: there is no address to go to. */
static bool check_dns(struct network *n, const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int64_t start = clock_mono_ms();
	struct err err = ERR_INIT;
	struct buf addresses;
	int error = getaddrinfo(host, NULL, &hints, &list);

	if (error) {
		err_set(&err, ST_UNAVAILABLE, "cannot find the address of '%s': %s", host,
			error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		report_failure(n->report, "dns", &err);
		return false;
	}
	buf_init(&addresses, BUF_NO_MAX);
	list_addresses(&addresses, list);
	report_ok(n->report, "dns", "%s is %s, found in %lld ms", host, addresses.data,
		(long long)(clock_mono_ms() - start));
	buf_release(&addresses);
	freeaddrinfo(list);
	return true;
}

/* One request to the origin, without a token: that there is an answer is what counts, not which. */
static bool check_connection(struct network *n)
{
	const struct url *base = client_base(n->client);
	const struct http_request request = { .method = "GET", .url = base->origin };
	struct http_response response = { 0 };
	int64_t start = clock_mono_ms(), now;
	struct err err = ERR_INIT;

	if (http_perform(client_http(n->client), &request, &response, &err)) {
		report_failure(n->report, "connection", &err);
		return false;
	}
	now = clock_wall_ms();
	report_ok(n->report, "connection", "%s answers over %s in %lld ms", base->host,
		!base->tls                    ? "plain HTTP"
			: n->params->insecure ? "TLS that nobody has checked (--insecure)"
					      : "verified TLS",
		(long long)(clock_mono_ms() - start));
	n->skew_known = http_date_ms(response.date) >= 0;
	n->skew_ms = now - http_date_ms(response.date);
	http_response_release(&response);
	return true;
}

static void check_clock(struct network *n)
{
	long long seconds = (long long)(n->skew_ms / 1000);
	struct err err = ERR_INIT;

	if (!n->skew_known) {
		report_untried(n->report, "clock", "the service did not tell the time");
	} else if (llabs(n->skew_ms) <= SKEW_MAX_MS) {
		report_ok(n->report, "clock", "differs from the service's by less than a minute");
	} else {
		err_set(&err, ST_CONFIG, "this computer's clock is %lld s %s the service's; set it right",
			llabs(seconds), seconds > 0 ? "ahead of" : "behind");
		report_failure(n->report, "clock", &err);
	}
}

static void check_token(struct network *n, bool *good)
{
	struct client *client = n->client;
	struct err err = ERR_INIT;

	*good = !client_authenticate(client, NULL, &err);
	if (*good)
		report_ok(n->report, "token", "there is one for %s", client_session(client)->user_id);
	else
		report_failure(n->report, "token", &err);
}

/* What is left on the server of what the session has. */
static enum status judge_channel(const struct session *session, const struct session *known, struct err *err)
{
	if (!known->channel_resource)
		return err_set(err, ST_TEMPFAIL,
			"the service has forgotten it; the next 'kandy subscribe' or 'kandy listen' makes another");
	if (known->subscription_count < session->subscription_count)
		return err_set(err, ST_TEMPFAIL,
			"the service has cancelled subscriptions: there were %zu, and are %zu; the next 'kandy subscribe' or 'kandy listen' "
			"makes them anew",
			session->subscription_count, known->subscription_count);
	return ST_OK;
}

static void check_channel(struct network *n)
{
	const struct session *session = client_session(n->client);
	struct session known = { 0 };
	struct err err = ERR_INIT;

	if (!session->channel_url)
		report_ok(n->report, "channel", "none yet; 'kandy subscribe' or 'kandy listen' makes one");
	else if (channel_known(n->client, &known, &err) || judge_channel(session, &known, &err))
		report_failure(n->report, "channel", &err);
	else
		report_ok(n->report, "channel", "the service knows it; subscriptions: %zu", known.subscription_count);
	session_release(&known);
}

static void untried(struct network *n, const char *const *names, const char *why)
{
	for (; *names; names++)
		report_untried(n->report, *names, "not tried: %s", why);
}

void doctor_network(struct report *report, struct client *client, const struct session_params *params)
{
	struct network network = { .report = report, .client = client, .params = params };
	struct network *n = &network;
	struct buf host;
	bool good;

	buf_init(&host, BUF_NO_MAX);
	check_proxy(n, &host);
	if (!check_dns(n, host.data)) {
		untried(n, (const char *const[]){ "connection", "clock", "token", "channel", NULL },
			"there is no address");
	} else if (interrupt_status()) {
		/* enough */
	} else if (!check_connection(n)) {
		untried(n, (const char *const[]){ "clock", "token", "channel", NULL }, "there is no connection");
	} else {
		check_clock(n);
		check_token(n, &good);
		if (good)
			check_channel(n);
		else
			untried(n, (const char *const[]){ "channel", NULL }, "there is no token");
	}
	buf_release(&host);
}
