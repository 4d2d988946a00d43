/*
 * wire.h - the gate of this room: the data that is exchanged with the service.
 *
 * Encoders append the path or body of a request to a buf; decoders turn a body into plain structs, or an error that
 * names a missing field. All functions are pure: no I/O, no clock, no state beyond their arguments, so that each can be
 * tested and fuzzed alone. They accept what PROTOCOL.md allows and refuse the rest; input from the network is hostile.
 * Requests are sent by lib/client and the rooms above. Include this header, or the single one that you need.
 */
#ifndef KANDY_WIRE_WIRE_H
#define KANDY_WIRE_WIRE_H

#include "wire/address.h" /* recipients */
#include "wire/attachment.h" /* message lines with downloaded files */
#include "wire/auth.h" /* token requests */
#include "wire/channel.h" /* notification channels and subscriptions */
#include "wire/claims.h" /* claims in tokens */
#include "wire/group.h"
#include "wire/history.h" /* conversations and pages of their messages */
#include "wire/draft.h" /* input lines of send --jsonl */
#include "wire/link.h" /* which links may be downloaded */
#include "wire/message.h" /* outgoing messages */
#include "wire/notification.h" /* incoming messages and other notifications */
#include "wire/object.h" /* uploaded files */
#include "wire/path.h"
#include "wire/range.h" /* Content-Range */
#include "wire/service_error.h" /* responses other than 2xx */

#endif
