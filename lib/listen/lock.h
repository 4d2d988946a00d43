/*
 * lock.h - one listener for each profile: two would take each other's messages and overwrite the checkpoint.
 */
#ifndef KANDY_LISTEN_LOCK_H
#define KANDY_LISTEN_LOCK_H

#include "store/session.h"

/*
 * Locks PROFILE.listen, which contains the holder's process ID; close `*fd` to unlock. ST_TEMPFAIL, with the holder's
 * ID in `err`, if it is locked. With `takeover`, the holder gets SIGTERM and some seconds to end. So does, without a
 * signal, a child that a killed holder left behind, which keeps the lock until it executes its program.
 */
enum status listen_lock(struct store *store, bool takeover, int *fd, struct err *err) MUST_USE;

#endif
