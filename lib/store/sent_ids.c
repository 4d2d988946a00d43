#include "store/sent_ids.h"

#include "base/hash.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 4096

struct place {
	uint64_t id, origin; /* hashes; 0: none */
};

struct sent_ids {
	char *path;
	int fd; /* -1: not open yet */
	bool hopeless; /* it cannot be opened, or written */
};

struct sent_ids *sent_ids_new(const char *path)
{
	struct sent_ids *ids = xcalloc(1, sizeof(*ids));

	ids->path = xstrdup(path);
	ids->fd = -1;
	return ids;
}

void sent_ids_free(struct sent_ids *ids)
{
	if (!ids)
		return;
	if (ids->fd >= 0)
		close(ids->fd);
	free(ids->path);
	free(ids);
}

static bool ready(struct sent_ids *ids)
{
	if (!ids || ids->hopeless)
		return false;
	if (ids->fd < 0)
		ids->fd = open(ids->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	ids->hopeless = ids->fd < 0;
	return !ids->hopeless;
}

/* The service chooses the IDs: who could make two of them meet can do anything else as well. */
static uint64_t hash_of(const char *text)
{
	static const struct hash_key key;
	uint64_t hash = text ? hash_bytes(&key, text, strlen(text)) : 0;

	return hash || !text ? hash : 1;
}

static off_t offset_of(uint64_t id)
{
	return (off_t)(id % PLACES * sizeof(struct place));
}

void sent_ids_note(struct sent_ids *ids, const char *id, const char *origin)
{
	struct place place = { hash_of(id), hash_of(origin) };

	if (ready(ids) && pwrite(ids->fd, &place, sizeof(place), offset_of(place.id)) != (ssize_t)sizeof(place))
		ids->hopeless = true; /* a full disk */
}

bool sent_ids_other(struct sent_ids *ids, const char *id, const char *origin)
{
	uint64_t wanted = hash_of(id), mine = hash_of(origin);
	struct place place;

	return ready(ids) && pread(ids->fd, &place, sizeof(place), offset_of(wanted)) == (ssize_t)sizeof(place) &&
		place.id == wanted && (!mine || place.origin != mine);
}
