/*
 * spool.h - the spool of a profile, for the commands that use it.
 */
#ifndef KANDY_CMD_SPOOL_H
#define KANDY_CMD_SPOOL_H

#include "cmd/command.h"
#include "store/spool.h"

/* Opens the spool of the profile, PROFILE.spool next to its token cache. ST_USAGE for an invalid profile name. */
enum status spool_open_profile(struct spool **spool, const struct run_ctx *ctx, struct err *err) MUST_USE;

#endif
