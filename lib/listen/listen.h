/*
 * listen.h - the gate of the room: a listener, from its options to its exit status.
 *
 * The room in one walk: run.c drives the epoll loop and connects the parts. ws delivers notifications to the state
 * machine (machine.c), which owns the connection: connect, keepalive, reconnect, renewal, the end. ingest.c drops
 * duplicates, backfills from the history (backfill.c) before live messages, filters, and puts lines on the output queue
 * (output_queue.c, for stdout) or the exec queue (exec_queue.c), from which exec.c runs the command hook. Requests
 * (job.c) are made by a child process (worker.c), which talks in worker_msg.c's format. The checkpoint (store/cursor.h)
 * advances only over messages that stdout or the command has acknowledged. lock.c allows one listener per profile.
 * machine, ingest, backfill, worker_msg and the queues are pure: no socket, no clock, no process.
 */
#ifndef KANDY_LISTEN_LISTEN_H
#define KANDY_LISTEN_LISTEN_H

#include "client/client.h"
#include "json/filter.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_NEVER INT64_MAX /* a deadline that is not set */

/* Everything is borrowed. 0, false and NULL mean "no limit", "off" and "none" unless a comment says otherwise. */
struct listen_options {
	/* when to stop */
	int64_t count; /* after so many lines */
	int64_t for_ms; /* after so long */
	int64_t idle_ms; /* after so long without a line; does not run during the backfill */
	int64_t max_offline_ms; /* after so long without a connection; 0: if the first connect fails */
	bool once; /* after the backfill; no socket is opened */
	/* where to start */
	const char *since; /* "last" (also NULL), "none", "all", or a time (time_arg.h) */
	bool takeover; /* stop another listener of the profile first */
	/* output */
	bool events; /* also connection events, and with `exec` notifications that are not messages */
	bool outbound; /* also messages that this user has sent */
	bool text; /* lines for people instead of JSON */
	bool terminal; /* `out` is a terminal: control characters are escaped */
	struct filter *filter;
	int out; /* the descriptor for lines; its flags are not changed */
	const char *temp_dir; /* for a backfill that does not fit into memory */
	/* command hook (exec.h) */
	char *const *exec; /* command and arguments, NULL-terminated */
	const char *exec_name; /* the command's name in error messages */
	char *const *environment;
	int64_t jobs; /* commands at once */
	int64_t exec_retries;
	int64_t exec_delay_ms; /* between retries; 0: exponential backoff */
	const char *dead_letter;
	/* connection and monitoring */
	int64_t keepalive_ms; /* between two connChecks */
	const char *heartbeat; /* file whose modification time is set whenever the server responds */
	const char *notify_socket; /* systemd's */
	int64_t watchdog_ms; /* systemd's watchdog interval */
};

/*
 * Listens until an option, a signal or a failure ends it. ST_OK, ST_NOTHING, ST_SIGINT, ST_SIGTERM, ST_SIGPIPE,
 * ST_PARTIAL (messages were skipped or dead-lettered), or a failure with `err` set. ST_TEMPFAIL if another listener
 * holds the profile's lock, or if the command deferred messages to the next run; ST_DATA if the checkpoint was corrupt
 * and `once` was set.
 */
enum status listen_run(struct client *client, const struct listen_options *options, struct err *err) MUST_USE;

#endif
