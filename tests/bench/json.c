/*
 * json.c - measures the cost of parsing one notification of about 700 bytes, compared with libjq.
 *
 * The rows are measured in turn for several rounds. The minimum counts, because other load only adds time.
 */
#include "wire/notification.h"
#include "json/json.h"

#include <jv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char message[] =
	"{\"chatMessageNotification\":{\"chatMessage\":{\"text\":\"hello there, this is the nightly report; see the attachment for "
	"what happened in each of the jobs\",\"attachment\":[{\"link\":\"https://host.example/cpaas/nms/v1/chat/0f1d2c3b/objects/"
	"776e1234-aaaa-bbbb-cccc-0123456789ab/payload\",\"name\":\"pic.png\",\"size\":100000,\"type\":\"image/png\",\"x-id\":"
	"\"776e1234-aaaa-bbbb-cccc-0123456789ab\"}],\"senderAddress\":\"alice@acme.example.com\",\"x-destinationAddress\":"
	"\"bob@acme.example.com\",\"x-type\":\"inbound\",\"dateTime\":1525895987000,\"status\":\"Sent\"},\"id\":"
	"\"0f1d2c3b-1111-2222-3333-444455556666\",\"dateTime\":1525895987000,\"link\":[{\"rel\":\"chatMessage\",\"href\":"
	"\"/cpaas/chat/v1/0f1d2c3b/oneToOne/alice@acme.example.com/adhoc/messages/msg-0123456789\"}]}}";
static const size_t message_len = sizeof(message) - 1;

static struct json_doc doc;
static struct notification_decoder decoder;
static struct buf out;

static void fail(const char *what)
{
	fprintf(stderr, "json: %s failed\n", what);
	exit(1);
}

static void our_parse(void)
{
	if (json_parse(&doc, message, message_len, NULL, NULL))
		fail("parse");
}

static void our_parse_and_copy(void)
{
	our_parse();
	buf_clear(&out);
	if (!json_add_value(&out, NULL, json_root(&doc)))
		fail("copy");
}

static void our_line(void)
{
	struct notification n;

	buf_clear(&out);
	if (notification_decode(&decoder, message, message_len, &out, &n, NULL) || n.lines != 1)
		fail("decode");
}

static void their_parse(void)
{
	jv_free(jv_parse_sized(message, (int)message_len));
}

static void their_parse_and_dump(void)
{
	jv_free(jv_dump_string(jv_parse_sized(message, (int)message_len), 0));
}

static double microseconds(void (*work)(void), int times)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; i < times; i++)
		work();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) / times;
}

int main(void)
{
	static struct {
		const char *name;
		void (*work)(void);
		int times;
		double least;
	} rows[] = {
		{ "kandy: parse", our_parse, 50000, 1e9 },
		{ "kandy: parse, copy through", our_parse_and_copy, 50000, 1e9 },
		{ "kandy: notification to line", our_line, 50000, 1e9 },
		{ "libjq: parse", their_parse, 4000, 1e9 },
		{ "libjq: parse, dump", their_parse_and_dump, 4000, 1e9 },
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]), ROUNDS = 9 };

	buf_init(&out, 1 << 20);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < ROWS; i++) {
			double took = microseconds(rows[i].work, rows[i].times);

			if (took < rows[i].least)
				rows[i].least = took;
		}
	printf("%-30s %8s %10s %8s %22s\n", "one notification", "us", "a second", "MB/s", "libjq's parse and dump");
	for (int i = 0; i < ROWS; i++)
		printf("%-30s %8.2f %10.0f %8.0f %20.1f x\n", rows[i].name, rows[i].least, 1e6 / rows[i].least,
			(double)message_len / rows[i].least, rows[ROWS - 1].least / rows[i].least);
	json_release(&doc);
	notification_decoder_release(&decoder);
	buf_release(&out);
	return 0;
}
