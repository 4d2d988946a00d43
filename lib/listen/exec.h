/*
 * exec.h - commands that take messages (--exec).
 *
 * The command gets the message's line on stdin (a file without a name, so that a command that does not read it
 * hinders nobody) and its main fields in KANDY_ variables; what it prints goes to our stderr. It runs in a process
 * group of its own: a ^C at the terminal ends the listener, which lets it finish.
 *
 * Exit status 0: taken. 75: again later, with growing delays, as often as it takes, or in another run. Anything else,
 * or a signal: again, `retries` times; then the message goes to the dead-letter file (a line of JSON with the
 * reason), or, where there is none, an error says which one was given up. A command that is ended together with the
 * listener, or by SIGTERM, has said nothing of its message: that is no failure.
 */
#ifndef KANDY_LISTEN_EXEC_H
#define KANDY_LISTEN_EXEC_H

#include "listen/exec_queue.h"
#include "base/buf.h"
#include "json/json.h"
#include "store/cursor.h"

struct exec_config {
	char *const *argv; /* the command and its arguments, NULL-terminated; searched in PATH; borrowed, as the rest */
	const char *name; /* what it is called in messages */
	char *const *environment;
	int64_t jobs; /* how many at once */
	int64_t retries;
	int64_t delay_ms; /* before a message is tried again; 0: growing, from a second on */
	bool once; /* what is to be tried again later is left for another run */
	const char *dead_letter; /* NULL: none */
	struct exec_queue *exec_queue;
	struct cursor *cursor;
};

struct exec_slot {
	int pidfd; /* readable when it has ended; -1: a free place */
	struct exec_entry *item;
};

struct exec {
	struct exec_config config;
	struct exec_slot *children; /* `jobs` of them */
	struct json_doc doc;
	int64_t dead_lettered;
};

/* ST_NOINPUT where there is no such command. */
enum status exec_init(struct exec *exec, const struct exec_config *config, struct err *err) MUST_USE;
void exec_release(struct exec *exec);

/*
 * Starts what can be started. `watch` is told of each new child's descriptor. `*due` is lowered to when to call
 * again.
 */
enum status exec_start(struct exec *exec, int64_t now, int64_t *due, void (*watch)(void *arg, int pidfd), void *arg,
	struct err *err) MUST_USE;

/*
 * The child behind `pidfd` has ended: reaps it, and deals with its message; closes the descriptor (unwatch it
 * before). ST_IO where the dead-letter file cannot be written: the message is not given up then.
 */
enum status exec_child_ended(struct exec *exec, int pidfd, int64_t now, struct err *err) MUST_USE;

/* Pure: the KANDY_ variables of a message line, as "NAME=value" strings with a NULL behind; free each and the array. */
char **exec_environment(struct json_doc *doc, const char *line, size_t len, int64_t attempt, char *const *base);

#endif
