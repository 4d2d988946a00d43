#include "store/sent_ids.h"

#include "base/hash.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 4096
#define SIZE (PLACES * sizeof(struct place))

struct place {
	uint64_t id, origin; /* hashes; 0: none */
	int64_t found_ms; /* when a look into history took it; 0: it was the answer to a post */
};

struct sent_ids {
	char *path;
	struct place *places; /* the file, in memory: thousands of messages are noted without a system call */
	bool hopeless; /* it cannot be had */
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
	if (ids->places)
		munmap(ids->places, SIZE);
	free(ids->path);
	free(ids);
}

static struct place *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct place *places = MAP_FAILED;

	if (fd < 0)
		return NULL;
	/* all of its blocks: to write into a hole on a full disk would be the end of the process */
	if (!posix_fallocate(fd, 0, SIZE))
		places = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return places == MAP_FAILED ? NULL : places;
}

static bool ready(struct sent_ids *ids)
{
	if (!ids || ids->hopeless)
		return false;
	if (!ids->places)
		ids->places = map(ids->path);
	ids->hopeless = !ids->places;
	return !ids->hopeless;
}

/* The service chooses the IDs: who could make two of them meet can do anything else as well. */
static uint64_t hash_of(const char *text)
{
	static const struct hash_key key;
	uint64_t hash = text ? hash_bytes(&key, text, strlen(text)) : 0;

	return hash || !text ? hash : 1;
}

void sent_ids_find(struct sent_ids *ids, const char *id, const char *origin, int64_t now_ms)
{
	struct place place = { hash_of(id), hash_of(origin), now_ms };

	if (ready(ids))
		ids->places[place.id % PLACES] = place;
}

void sent_ids_note(struct sent_ids *ids, const char *id, const char *origin)
{
	sent_ids_find(ids, id, origin, 0);
}

/* The place of `id`, if it was noted for another message than that of `origin`; else an empty one. */
static struct place other(struct sent_ids *ids, const char *id, const char *origin)
{
	uint64_t wanted = hash_of(id), mine = hash_of(origin);
	struct place place = { 0 };

	if (ready(ids))
		place = ids->places[wanted % PLACES];
	if (place.id != wanted || (mine && place.origin == mine))
		place = (struct place){ 0 };
	return place;
}

bool sent_ids_other(struct sent_ids *ids, const char *id, const char *origin)
{
	return other(ids, id, origin).id != 0;
}

bool sent_ids_found(struct sent_ids *ids, const char *id, const char *origin, int64_t since_ms)
{
	struct place place = other(ids, id, origin);

	return place.found_ms && place.found_ms >= since_ms;
}
