/*
 * lock.h - one listener for each profile: two would take each other's messages, and fight about the cursor.
 */
#ifndef KANDY_LISTEN_LOCK_H
#define KANDY_LISTEN_LOCK_H

#include "store/session.h"

/*
 * Takes PROFILE.listen, whose content is the process ID of who has it; `*fd` to be closed. ST_TEMPFAIL names the one
 * that has it; with `takeover` that one is asked to end (SIGTERM), and gets some seconds for it. So does the
 * child of one that was killed, which has the lock for as long as it takes to begin its own work.
 */
enum status listen_lock(struct store *store, bool takeover, int *fd, struct err *err) MUST_USE;

#endif
