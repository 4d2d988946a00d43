/*
 * interrupt.h - SIGINT, SIGTERM and SIGHUP as a descriptor to wait for.
 *
 * The first signal asks for a clean end: code that waits polls interrupt_fd() as well, stops, and returns
 * interrupt_status(). A second signal of the same kind kills the process at once.
 */
#ifndef KANDY_BASE_INTERRUPT_H
#define KANDY_BASE_INTERRUPT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void interrupt_install(void); /* also ignores SIGPIPE: a closed pipe is EPIPE from write(2) */
int interrupt_fd(void); /* readable after the first signal, for good; -1 before interrupt_install(). Never read it */
enum status interrupt_status(void); /* ST_OK, or ST_SIGINT, ST_SIGTERM or ST_SIGHUP for the first signal that came */
void interrupt_sleep_ms(int64_t ms); /* or until an interrupt */

/* read(2) for input that may block (stdin): -1 with EINTR after an interrupt, even an earlier one. */
ssize_t interrupt_read(int fd, void *p, size_t len);

/*
 * For a child process that works for its parent. It ends when the parent closes the connection `fd`, not by a signal,
 * which a terminal or systemd also sends to the parent. interrupt_fd() is then `fd`, so no data may arrive on it during
 * a wait for an interrupt. SIGINT, SIGTERM and SIGHUP are blocked, all other signals are not; earlier interrupts are
 * reset. Programs that the child starts must get an empty signal mask.
 */
void interrupt_by_peer(int fd);

void interrupt_child(void); /* in a child between fork and exec: restores the default dispositions */

#endif
