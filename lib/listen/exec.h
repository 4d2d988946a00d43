/*
 * exec.h - the command hook (--exec): runs a command for each message of the exec queue.
 *
 * The command gets the message's line on stdin (an unnamed file, so that a command that does not read it blocks
 * nothing) and the main fields in KANDY_ variables; its stdout goes to our stderr. It runs in its own process group: ^C
 * on the terminal ends the listener, which lets the command finish.
 *
 * Exit status 0 acknowledges the message. 75 retries it with backoff, without a limit, or defers it to the next run
 * (--once). Any other status or signal retries it --exec-retries times; then the message is dead-lettered: written to
 * the dead-letter file with the reason, or, without such a file, only reported as an error. If the command was ended
 * together with the listener, or by SIGTERM, this does not count as a failure.
 */
#ifndef KANDY_LISTEN_EXEC_H
#define KANDY_LISTEN_EXEC_H

#include "listen/exec_queue.h"
#include "listen/listen.h"
#include "json/json.h"
#include "store/cursor.h"

struct exec_slot {
	int pidfd; /* readable when the command has ended; -1: free */
	struct exec_entry *entry;
};

struct exec {
	const struct listen_options *options;
	struct exec_queue *queue;
	struct cursor *cursor;
	struct exec_slot *slots; /* `options->jobs` of them */
	struct json_doc doc;
	int64_t dead_lettered;
};

/* Everything is borrowed. ST_NOINPUT if the command does not exist. */
enum status exec_init(struct exec *exec, const struct listen_options *options, struct exec_queue *queue,
	struct cursor *cursor, struct err *err) MUST_USE;
void exec_release(struct exec *exec);

/*
 * Starts commands for the messages that are due. `watch` is called with the descriptor of each new process. `*due` is
 * lowered to when to call again.
 */
enum status exec_start(struct exec *exec, int64_t now, int64_t *due, void (*watch)(void *arg, int pidfd), void *arg,
	struct err *err) MUST_USE;

/*
 * The process of `pidfd` has ended: reaps it, handles its message, and closes the descriptor (unwatch it before). ST_IO
 * if the dead-letter file cannot be written; the message then stays in the queue.
 */
enum status exec_child_ended(struct exec *exec, int pidfd, int64_t now, struct err *err) MUST_USE;

/* Pure: the environment with the KANDY_ variables of a message, NULL-terminated; free each string and the array. */
char **exec_environment(struct json_doc *doc, const char *line, size_t len, int64_t attempt, char *const *base);

#endif
