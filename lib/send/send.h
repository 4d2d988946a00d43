/*
 * send.h - the gate of lib/send: from messages that a command reads to messages that are delivered.
 *
 * A draft (wire/draft.h) is a message as the user gave it: recipients, text, files. batch.h reads drafts from options,
 * lines or JSON lines (input.h), flush.h takes them from the spool. Both put them into the send queue (queue.h), which
 * keeps the order of each conversation, uploads attachments once, retries, and, if a response was lost, looks the
 * message up in the conversation's history (lookup.h) before it sends it again. Each recipient gives one result; the
 * commands print it. What cannot be delivered now goes to the spool (spool_item.h) or to the file of --failed
 * (failed.h). Nothing here prints to stdout or knows about options.
 */
#ifndef KANDY_SEND_SEND_H
#define KANDY_SEND_SEND_H

#include "send/batch.h"
#include "send/flush.h"

#endif
