/*
 * message.json of a spooled message: an accepted one is complete and within bounds, its copies are in its directory,
 * and it reads the same after it was written again.
 */
#include "store/spool.h"

#include "base/clock.h"
#include "tests/fuzz/fuzz.h"

static const char dir[] = "/s/new/1";

static void check_file(const struct spool_file *file, size_t number)
{
	char path[64];

	MUST(file->name && (file->path || file->xid));
	snprintf(path, sizeof(path), "%s/%zu", dir, number);
	MUST(!file->path || !strcmp(file->path, path));
}

static void check(const struct spool_message *message)
{
	const int64_t times[] = { message->created_ms, message->attempted_ms };

	MUST(message->to && message->text && !message->id);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		MUST(times[i] >= 0 && times[i] <= CLOCK_LAST_MS);
	MUST(message->attempts >= 0 && message->attempts < INT32_MAX);
	for (size_t i = 0; i < message->file_count; i++)
		check_file(&message->files[i], i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct spool_message message = { 0 }, again = { 0 };
	struct buf first, second;
	struct err err = ERR_INIT;

	buf_init(&first, BUF_NO_MAX);
	buf_init(&second, BUF_NO_MAX);
	if (!spool_decode(text, size, dir, &message, &err)) {
		check(&message);
		spool_encode(&message, &first);
		MUST(memchr(first.data, '\n', first.len) == first.data + first.len - 1);
		MUST(!spool_decode(first.data, first.len, dir, &again, &err));
		check(&again);
		MUST(!strcmp(again.to, message.to) && !strcmp(again.text, message.text));
		MUST(again.file_count == message.file_count && again.attempts == message.attempts);
		MUST(!again.ref == !message.ref && (!again.ref || !strcmp(again.ref, message.ref)));
		spool_encode(&again, &second);
		MUST(first.len == second.len && !memcmp(first.data, second.data, first.len));
	} else {
		MUST(err.status == ST_DATA && err.text[0]);
	}
	spool_message_release(&again);
	spool_message_release(&message);
	buf_release(&second);
	buf_release(&first);
	free(text);
	return 0;
}
