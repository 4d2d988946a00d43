/*
 * interrupt.h - SIGINT and SIGTERM as something to wait for.
 *
 * The first signal asks for a clean end: whoever waits includes interrupt_fd() in its poll set, stops, and returns
 * interrupt_status(). The second one of the same kind kills at once, as if none of this were there.
 */
#ifndef KANDY_BASE_INTERRUPT_H
#define KANDY_BASE_INTERRUPT_H

#include "base/err.h"

void interrupt_install(void); /* also ignores SIGPIPE: a closed pipe is EPIPE from write(2) */
int interrupt_fd(void); /* readable for ever once a signal came; -1 before interrupt_install(). Never read from it */
enum status interrupt_status(void); /* ST_OK, or ST_SIGINT or ST_SIGTERM for the first signal that came */
void interrupt_raise(int signal_number); /* as if the signal had come; for tests and for a parent that wants to end */
void interrupt_child(void); /* in a child between fork and exec: default dispositions again */

#endif
