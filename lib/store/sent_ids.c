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
	uint64_t id, origin; /* hashes; 0: empty */
	int64_t found_ms; /* when a lookup claimed it; 0: from the response to a post */
};

struct sent_ids {
	char *path;
	struct place *places; /* the file, mapped: recording an ID needs no system call */
	bool unavailable;
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
	/* writing into a hole on a full disk would kill the process (SIGBUS) */
	if (!posix_fallocate(fd, 0, SIZE))
		places = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return places == MAP_FAILED ? NULL : places;
}

static bool ready(struct sent_ids *ids)
{
	if (!ids || ids->unavailable)
		return false;
	if (!ids->places)
		ids->places = map(ids->path);
	ids->unavailable = !ids->places;
	return !ids->unavailable;
}

/* The key is public: the IDs come from the service, which has easier ways to do harm than a collision. */
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

/* The place of `id` if it is recorded for another message than that of `origin`; else an empty one. */
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
