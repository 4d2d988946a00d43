/*
 * service.h - a model of the service: it accepts messages and shows them in its history, as unreliably as its kind
 * says. It shares no encoder with lib/.
 *
 * One user (ours) has conversations with peers. A message is accepted at one moment of true time, which gives it its
 * place in the conversation; when, and as what, the history shows it depends on the kind.
 */
#ifndef KANDY_SIM_SERVICE_H
#define KANDY_SIM_SERVICE_H

#include "tests/sim/world.h"
#include "base/buf.h"

#define SERVICE_USER "alice@sim.example"
#define SERVICE_USER_ID "a11ce"

enum service_sender { SENDER_ADDRESS, SENDER_SIP, SENDER_USER_ID, SENDER_CASE, SENDER_FORMS };

/* How texts come back. */
enum service_text {
	TEXT_EXACT,
	TEXT_TRIM,
	TEXT_LF, /* CRLF becomes LF */
	TEXT_NFC,
	TEXT_HTML, /* & < > " are escaped */
	TEXT_EMOJI, /* replaced by '?' */
	TEXT_CUT, /* after 8 characters */
	TEXT_FORMS,
};

enum service_files { FILES_EXACT, FILES_NO_XID, FILES_OTHER_XID, FILES_REVERSED, FILES_RENAMED, FILES_FORMS };

struct service_kind {
	/* of 1,000 posts */
	unsigned lost_before, lost_after, pending, not_sent, refused;
	unsigned read_fails; /* of 1,000 reads of the history */
	int64_t latency_ms; /* at most, each way */
	int64_t lag_ms; /* the history shows a message so much later, at most */
	unsigned stale; /* of 1,000 pages: they show the state of at most `stale_ms` before */
	int64_t stale_ms;
	bool ids_by_conversation; /* 1, 2, 3 ... in each */
	bool ids_shown_first; /* pages by message ID; else by position, which new messages shift */
	bool milliseconds;
	enum service_sender sender;
	enum service_text text;
	enum service_files files;
	struct sim_clock message_clock, date_clock;
};

struct service_message {
	uint64_t number; /* of all messages, in the order of acceptance; from 1 */
	uint64_t request; /* of ours, from 1; 0: of another installation */
	bool own; /* sent by our user, from whichever installation */
	char id[24];
	char *text, *files; /* as they were posted; files: x-ids, each followed by a ',' */
	int64_t accepted_ms, visible_ms; /* true time */
	int64_t stamp; /* dateTime, in the kind's unit */
};

struct service_conversation {
	char peer[40];
	struct service_message **messages; /* in the order of acceptance */
	size_t count, cap;
};

struct service {
	struct service_kind kind;
	struct service_conversation *conversations;
	size_t count;
	uint64_t accepted;
};

void service_start(struct service *service, const struct service_kind *kind, size_t conversations);
void service_release(struct service *service);

/* Accepts a message now. `text` and `files` are copied. */
struct service_message *service_accept(struct service *service, size_t conversation, bool own, uint64_t request,
	const char *text, const char *files);

/* Bodies, appended to `out`. */
void service_posted(const struct service *service, size_t conversation, const struct service_message *message,
	struct buf *out);
/* One page of the history as it is shown now; `next` as service_page() gave it, or NULL. */
void service_page(struct service *service, size_t conversation, size_t max, const char *next, struct buf *out);

int64_t service_date_ms(struct service *service); /* the Date header */

/* The number of the conversation with the peer in a path, or of a peer; SIZE_MAX: none. */
size_t service_find(const struct service *service, const char *path);

#endif
