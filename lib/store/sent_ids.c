#include "store/sent_ids.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6b616e6479736e33) /* "kandysn3" */
#define BUCKETS 2048
#define WAYS 4
#define POSTS 512
#define LATE_MS INT64_C(600000) /* a service accepts nothing later than this after the request */

struct bucket {
	_Atomic uint64_t id[WAYS]; /* hash of conversation and ID; 0: empty */
	uint64_t number[WAYS], begun[WAYS], origin[WAYS];
	_Atomic uint64_t forgotten;
};

struct post {
	_Atomic uint64_t number; /* 0: free */
	uint64_t conversation, fingerprint;
	int64_t begun_ms; /* clock_mono_ms() */
	bool closed; /* no process waits for it any more */
};

struct table {
	_Atomic uint64_t magic, counter;
	_Atomic uint64_t posts_lost; /* the number of the newest post in doubt that did not fit */
	struct post posts[POSTS];
	struct bucket buckets[BUCKETS];
};

struct sent_ids {
	char *path;
	struct table *table; /* the file, mapped: an entry costs no system call */
	bool failed;
};

struct sent_ids *sent_ids_new(const char *path)
{
	struct sent_ids *ids = xcalloc(1, sizeof(*ids));

	ids->path = xstrdup(path);
	return ids;
}

void sent_ids_free(struct sent_ids *ids)
{
	if (!ids)
		return;
	if (ids->table)
		munmap(ids->table, sizeof(*ids->table));
	free(ids->path);
	free(ids);
}

/*
 * A table of another version is cleared, because its entries mean something else. In place: another process may have
 * the file mapped, and a file that shrinks would end it.
 */
static struct table *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct table *table = MAP_FAILED;

	if (fd < 0)
		return NULL;
	/* all of its blocks: a write into a hole on a full disk would be a SIGBUS */
	if (!posix_fallocate(fd, 0, sizeof(*table)))
		table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (table == MAP_FAILED)
		return NULL;
	if (table->magic != MAGIC)
		memset(table, 0, sizeof(*table));
	table->magic = MAGIC;
	return table;
}

/* False if the file cannot be opened: then nothing can be ruled out. */
static bool usable(struct sent_ids *ids)
{
	if (!ids || ids->failed)
		return false;
	if (!ids->table)
		ids->table = map(ids->path);
	ids->failed = !ids->table;
	return !ids->failed;
}

static uint64_t hash(uint64_t seed, const char *text)
{
	struct hash_key key = { { seed, MAGIC } };
	uint64_t value = text ? hash_bytes(&key, text, strlen(text)) : 0;

	return value || !text ? value : 1;
}

uint64_t sent_ids_conversation(const char *type, const char *id)
{
	char *lower = xstrdup(id);
	uint64_t value;

	for (char *at = lower; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	value = hash(hash(0, type), lower);
	free(lower);
	return value;
}

static void raise_to(_Atomic uint64_t *at, uint64_t value)
{
	uint64_t now = *at;

	while (now < value && !atomic_compare_exchange_weak(at, &now, value))
		;
}

static struct bucket *bucket_of(struct sent_ids *ids, uint64_t key)
{
	return &ids->table->buckets[key % BUCKETS];
}

static size_t find(const struct bucket *bucket, uint64_t key)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (bucket->id[i] == key)
			return i;
	}
	return WAYS;
}

static size_t oldest(const struct bucket *bucket)
{
	size_t which = 0;

	for (size_t i = 0; i < WAYS; i++) {
		if (!bucket->id[i])
			return i;
		if (bucket->number[i] < bucket->number[which])
			which = i;
	}
	return which;
}

void sent_ids_note(struct sent_ids *ids, uint64_t conversation, const char *id, uint64_t post, const char *origin)
{
	struct bucket *bucket;
	uint64_t key, before;
	size_t at;

	if (!usable(ids))
		return;
	key = hash(conversation, id);
	bucket = bucket_of(ids, key);
	at = find(bucket, key);
	if (at == WAYS) {
		at = oldest(bucket);
		before = bucket->id[at];
		if (before)
			raise_to(&bucket->forgotten, bucket->number[at]);
		/* another process may take the same place: the bucket counts as having forgotten this one then */
		if (!atomic_compare_exchange_strong(&bucket->id[at], &before, key)) {
			raise_to(&bucket->forgotten, ++ids->table->counter);
			return;
		}
	}
	bucket->origin[at] = hash(0, origin);
	bucket->begun[at] = post;
	bucket->number[at] = ++ids->table->counter;
}

struct sent_id sent_ids_get(struct sent_ids *ids, uint64_t conversation, const char *id, const char *origin)
{
	struct sent_id result = { 0 };
	uint64_t key, mine;
	const struct bucket *bucket;
	size_t at;

	if (!usable(ids))
		return result;
	key = hash(conversation, id);
	mine = hash(0, origin);
	bucket = bucket_of(ids, key);
	at = find(bucket, key);
	if (at == WAYS)
		return result;
	result.known = true;
	result.same_origin = mine && bucket->origin[at] == mine;
	result.number = bucket->number[at];
	result.begun = bucket->begun[at];
	return result;
}

uint64_t sent_ids_forgotten(struct sent_ids *ids, uint64_t conversation, const char *id)
{
	if (!ids)
		return 0;
	return usable(ids) ? bucket_of(ids, hash(conversation, id))->forgotten : UINT64_MAX;
}

/* ---- posts in doubt ---------------------------------------------------------------------------------------------- */

static bool take(struct post *post, uint64_t before, uint64_t number)
{
	return atomic_compare_exchange_strong(&post->number, &before, number);
}

uint64_t sent_ids_begin(struct sent_ids *ids, uint64_t conversation, uint64_t fingerprint)
{
	struct post *place = NULL;
	uint64_t number, oldest_number = UINT64_MAX;

	if (!usable(ids))
		return 0;
	number = ++ids->table->counter;
	for (size_t i = 0; i < POSTS && oldest_number; i++) {
		struct post *post = &ids->table->posts[(number + i) % POSTS];

		if (post->number < oldest_number) {
			oldest_number = post->number;
			place = post;
		}
	}
	if (oldest_number)
		raise_to(&ids->table->posts_lost, oldest_number);
	if (!take(place, oldest_number, number)) {
		raise_to(&ids->table->posts_lost, number); /* another process was faster */
		return number;
	}
	place->conversation = conversation;
	place->fingerprint = fingerprint;
	place->begun_ms = clock_mono_ms();
	place->closed = false;
	return number;
}

static struct post *find_post(struct sent_ids *ids, uint64_t number)
{
	if (!number || !usable(ids))
		return NULL;
	for (size_t i = 0; i < POSTS; i++) {
		struct post *post = &ids->table->posts[(number + i) % POSTS];

		if (post->number == number)
			return post;
	}
	return NULL;
}

void sent_ids_settle(struct sent_ids *ids, uint64_t number)
{
	struct post *post = find_post(ids, number);

	if (post)
		take(post, number, 0);
}

void sent_ids_close(struct sent_ids *ids, uint64_t number)
{
	struct post *post = find_post(ids, number);

	if (post)
		post->closed = true;
}

/* It may still be accepted. */
static bool is_open(const struct post *post, int64_t now)
{
	return !post->closed && post->begun_ms <= now && now - post->begun_ms < LATE_MS;
}

size_t sent_ids_doubts(struct sent_ids *ids, uint64_t conversation, uint64_t fingerprint, uint64_t number,
	uint64_t floor)
{
	int64_t now = clock_mono_ms();
	size_t count = 0;

	if (!ids)
		return 0;
	if (!usable(ids) || ids->table->posts_lost > floor)
		return SIZE_MAX;
	for (size_t i = 0; i < POSTS; i++) {
		const struct post *post = &ids->table->posts[i];

		count += post->number && post->number != number && post->conversation == conversation &&
			(post->fingerprint == fingerprint || !fingerprint || !post->fingerprint) &&
			(post->number > floor || is_open(post, now));
	}
	return count;
}
