/*
 * listen.h - a listener with everything that it needs: the loop, the socket, the worker, the reader of its lines,
 * the command that takes messages, and the ways to tell others that it is alive.
 */
#ifndef KANDY_LISTEN_LISTEN_H
#define KANDY_LISTEN_LISTEN_H

#include "client/client.h"
#include "json/filter.h"

struct listen_options {
	int64_t keepalive_ms, count, for_ms, idle_ms, max_offline_ms; /* as in struct machine_config */
	bool once, events, text, outbound;
	/*
	 * "last", "none", "all", or a time: seconds or milliseconds since 1970, or "2026-01-31[T12:00[:00]]" (UTC);
	 * NULL: last
	 */
	const char *since;
	bool takeover; /* end another listener of the profile */
	const char *temp_dir;
	struct filter *filter; /* borrowed; NULL: none */
	int out; /* the descriptor that lines go to. Its flags are left alone */

	char *const *exec; /* NULL: none; see exec.h */
	const char *exec_name;
	char *const *environment;
	int64_t jobs, exec_retries, exec_delay_ms;
	const char *dead_letter;

	const char *notify_socket; /* of systemd; NULL: none */
	int64_t watchdog_ms; /* how often systemd wants to hear something; 0: never */
	const char *heartbeat; /* a file whose time is set at each sign of life of the server; NULL: none */
};

/*
 * Listens until one of the options, a signal or a failure ends it. ST_OK, ST_NOTHING, ST_SIGINT, ST_SIGTERM,
 * ST_SIGPIPE, ST_PARTIAL (messages were lost or given up), or a failure with `err` set. ST_TEMPFAIL if another listener
 * has the profile, or if the command has left messages for the next run; ST_DATA where nothing could be fetched, since
 * the cursor was damaged.
 */
enum status listen_run(struct client *client, const struct listen_options *options, struct err *err) MUST_USE;

#endif
