/*
 * doctor_network.h - the checks of `kandy doctor` that need the network: proxy, DNS, connection, clock, token, channel.
 */
#ifndef KANDY_CMD_DOCTOR_NETWORK_H
#define KANDY_CMD_DOCTOR_NETWORK_H

#include "cmd/doctor_report.h"
#include "cmd/session_opts.h"

/* Checks after a failed one are reported as skipped. Ends early on a signal. */
void doctor_network(struct report *report, struct client *client, const struct session_params *params);

#endif
