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

#define SKEW_MAX_MS INT64_C(60000) /* beyond it, certificates and tokens may seem expired or not yet valid */

struct network {
	struct report *report;
	struct client *client;
	const struct session_params *params;
	int64_t skew_ms; /* the local clock minus the service's */
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
	report_ok(n->report, "proxy", "%s for %s", shown.data, base->host);
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

/* False: no address. */
static bool check_dns(struct network *n, const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int64_t start = clock_mono_ms();
	struct err err = ERR_INIT;
	struct buf addresses;
	int error = getaddrinfo(host, NULL, &hints, &list);
	long long took_ms = (long long)(clock_mono_ms() - start);

	if (error) {
		err_set(&err, ST_UNAVAILABLE, "cannot resolve host '%s': %s", host,
			error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		report_failure(n->report, "dns", &err);
		return false;
	}
	buf_init(&addresses, BUF_NO_MAX);
	list_addresses(&addresses, list);
	if (strcmp(host, addresses.data))
		report_ok(n->report, "dns", "%s resolved to %s in %lld ms", host, addresses.data, took_ms);
	else
		report_ok(n->report, "dns", "%s resolved in %lld ms", host, took_ms);
	buf_release(&addresses);
	freeaddrinfo(list);
	return true;
}

/* One request to the origin without a token. Any response will do. */
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
	report_ok(n->report, "connection", "%s responds over %s in %lld ms", base->host,
		!base->tls                    ? "plain HTTP"
			: n->params->insecure ? "unverified TLS (--insecure)"
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
		report_skipped(n->report, "clock", "skipped: the response has no date");
	} else if (llabs(n->skew_ms) <= SKEW_MAX_MS) {
		report_ok(n->report, "clock", "within a minute of the service's");
	} else {
		err_set(&err, ST_CONFIG, "the local clock is %lld s %s the service's; correct it", llabs(seconds),
			seconds > 0 ? "ahead of" : "behind");
		report_failure(n->report, "clock", &err);
	}
}

static void check_token(struct network *n, bool *good)
{
	struct client *client = n->client;
	struct err err = ERR_INIT;
	char until[32];

	*good = !client_authenticate(client, NULL, &err);
	report_format_time(until, client_session(client)->expires_ms);
	if (*good)
		report_ok(n->report, "token", "valid until %s", until);
	else
		report_failure(n->report, "token", &err);
}

/* Compares the session with what exists on the server. */
static enum status judge_channel(const struct session *session, const struct session *known, struct err *err)
{
	if (!known->channel_resource)
		return err_set(err, ST_TEMPFAIL,
			"missing on the server; 'kandy subscribe' or 'kandy listen' creates a new one");
	if (known->subscription_count < session->subscription_count)
		return err_set(err, ST_TEMPFAIL,
			"%zu of %zu subscriptions are missing on the server; 'kandy subscribe' or 'kandy listen' re-creates them",
			session->subscription_count - known->subscription_count, session->subscription_count);
	return ST_OK;
}

static void check_channel(struct network *n)
{
	const struct session *session = client_session(n->client);
	struct session known = { 0 };
	struct err err = ERR_INIT;

	if (!session->channel_url)
		report_ok(n->report, "channel", "none yet; 'kandy subscribe' or 'kandy listen' creates one");
	else if (channel_known(n->client, &known, &err) || judge_channel(session, &known, &err))
		report_failure(n->report, "channel", &err);
	else
		report_ok(n->report, "channel", "exists on the server; subscriptions: %zu", known.subscription_count);
	session_release(&known);
}

static void skip(struct network *n, const char *const *names, const char *why)
{
	for (; *names; names++)
		report_skipped(n->report, *names, why);
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
		skip(n, CLI_LIST("connection", "clock", "token", "channel"), "skipped: no address");
	} else if (interrupt_status()) {
		/* stop */
	} else if (!check_connection(n)) {
		skip(n, CLI_LIST("clock", "token", "channel"), "skipped: no connection");
	} else {
		check_clock(n);
		check_token(n, &good);
		if (good)
			check_channel(n);
		else
			skip(n, CLI_LIST("channel"), "skipped: no token");
	}
	buf_release(&host);
}
