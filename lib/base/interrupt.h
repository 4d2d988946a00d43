/*
 * interrupt.h - SIGINT, SIGTERM and SIGHUP as something to wait for.
 *
 * The first signal asks for a clean end: whoever waits includes interrupt_fd() in its poll set, stops, and returns
 * interrupt_status(). The second one of the same kind kills at once, as if none of this were there.
 */
#ifndef KANDY_BASE_INTERRUPT_H
#define KANDY_BASE_INTERRUPT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void interrupt_install(void); /* also ignores SIGPIPE: a closed pipe is EPIPE from write(2) */
int interrupt_fd(void); /* readable for ever once a signal came; -1 before interrupt_install(). Never read from it */
enum status interrupt_status(void); /* ST_OK, or ST_SIGINT, ST_SIGTERM or ST_SIGHUP for the first signal that came */
void interrupt_sleep_ms(int64_t ms); /* until then, or until there is one */

/* read(2) from what may keep one waiting (stdin): -1 with EINTR once there is an interrupt, before it or meanwhile. */
ssize_t interrupt_read(int fd, void *p, size_t len);

/*
 * In a child process that works for its parent: what ends it is not a signal, which a terminal or systemd sends to the
 * parent too, but the end of the connection `fd` to the parent. interrupt_fd() is then `fd`, so nothing may come on it
 * while somebody waits for an interrupt. SIGINT, SIGTERM and SIGHUP are blocked, every other signal is not; what
 * came before is forgotten. Programs that it starts have to be given an empty signal mask.
 */
void interrupt_by_peer(int fd);

void interrupt_child(void); /* in a child between fork and exec: default dispositions again */

#endif
