/*
 * loop.h - a single-threaded event loop on epoll(7): descriptors that are watched, and timers.
 *
 *	loop_init(&loop, &err);
 *	loop_watch(&loop, fd, EPOLLIN, on_input, arg);
 *	loop_timer_add(&loop, &timer);
 *	while (!done)
 *		loop_step(&loop);
 *	loop_release(&loop);
 *
 * Handlers run in loop_step() only: first those of the ready descriptors, then those of the timers. They may call every
 * function below except loop_step(), loop_release(), loop_timer_add() and loop_timer_remove().
 */
#ifndef KANDY_BASE_LOOP_H
#define KANDY_BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_NEVER INT64_MAX

struct loop_watch {
	int fd;
	void (*ready)(void *arg, int fd, uint32_t events);
	void *arg;
};

struct loop_timer {
	int64_t at_ms; /* by clock_mono_ms(), set by the owner; 0: in the next step; LOOP_NEVER: off */
	void (*expired)(void *arg); /* called with the timer off; NULL: it only ends loop_step() */
	void *arg;
	struct loop_timer *next; /* for the loop */
};

struct loop {
	int epoll;
	struct loop_watch *watches;
	size_t count, cap;
	struct loop_timer *timers;
};

enum status loop_init(struct loop *loop, struct err *err) MUST_USE;
void loop_release(struct loop *loop); /* also for a zeroed struct; closes no watched descriptor */

/*
 * Watches `fd` for `events`, level-triggered; EPOLLERR and EPOLLHUP are always included. A second call replaces events
 * and handler. False if the descriptor cannot be watched: regular files and directories, which never block.
 *
 * The flags of the descriptor do not change: stdout, for example, may be shared with other processes.
 */
bool loop_watch(struct loop *loop, int fd, uint32_t events, void (*ready)(void *arg, int fd, uint32_t events),
	void *arg);
void loop_unwatch(struct loop *loop, int fd); /* before close(2); also for a descriptor that is not watched */

void loop_timer_add(struct loop *loop, struct loop_timer *timer); /* borrowed until it is removed */
void loop_timer_remove(struct loop *loop, struct loop_timer *timer);

void loop_step(struct loop *loop); /* waits for a ready descriptor or an expired timer, and calls the handlers */

#endif
