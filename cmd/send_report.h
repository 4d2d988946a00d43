/*
 * send_report.h - the output lines of `send` and `flush`, one for each recipient.
 *
 *	{"event":"sent","line","ref","type","destination":[..],"messageId","status","timestamp","attempts"}
 *	{"event":"error","line","ref","command","type","destination":[..],"status":"failed"|"unknown","attempts","error":{..}}
 *	{"event":"spooled","line","ref","type","destination":[..],"spoolId","error":{..}}
 *	{"event":"dry-run","line","ref","type","destination":[..],"text","files":[{"name","mimeType","size","path"}]}
 *
 * `line` and `ref` are there if the input had them. If no address could be read, `destination` is empty and `type` is
 * missing.
 */
#ifndef KANDY_CMD_SEND_REPORT_H
#define KANDY_CMD_SEND_REPORT_H

#include "send/send.h"

void report_sent(struct buf *out, const struct draft *draft, const struct send_result *result);
void report_error(struct buf *out, const char *command, const struct draft *draft, const struct send_result *result);
void report_spooled(struct buf *out, const struct draft *draft, const struct send_result *result, const char *spool_id);
void report_dry_run(struct buf *out, const struct draft *draft, const struct address *to);

#endif
