/*
 * Attachments lie in one unlinked sparse file, each in a slot of its own, so that uploads can grow side by side with
 * a single descriptor; a hole is punched where one is forgotten.
 */
#include "sandbox/world.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status world_objects_init(struct world *w, const char *dir, struct err *err)
{
	char *path;

	w->objects_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (w->objects_fd < 0) {
		/* a file system without O_TMPFILE: the file has a name for a moment */
		path = path_join(dir, "kandy-sandbox.XXXXXX");
		w->objects_fd = mkostemp(path, O_CLOEXEC);
		if (w->objects_fd >= 0)
			unlink(path);
		free(path);
	}
	if (w->objects_fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot make a temporary file in '%s': %s", dir, strerror(errno));
	w->slots = xcalloc(OBJECT_SLOTS, sizeof(*w->slots));
	return ST_OK;
}

static void object_free(struct world *w, struct object *object)
{
	if (object->readers) {
		object->dropped = true;
		return;
	}
	w->object_bytes -= object->size;
	/* where holes cannot be punched, the next one to use the slot overwrites it */
	(void)!fallocate(w->objects_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)object->slot * OBJECT_SLOT,
		object->size > 0 ? object->size : 1);
	w->slots[object->slot] = 0;
	free(object->name);
	free(object->type);
	free(object);
}

static void forget_oldest(struct world *w)
{
	struct object *object = w->oldest;

	w->oldest = object->newer;
	if (!w->oldest)
		w->newest = NULL;
	table_remove(&w->objects, object->id);
	object_free(w, object);
}

static size_t free_slot(const struct world *w)
{
	size_t slot = 0;

	while (slot < OBJECT_SLOTS && w->slots[slot])
		slot++;
	return slot;
}

struct object *world_object_new(struct world *w, struct user *owner)
{
	struct object *object;
	size_t slot = free_slot(w);

	if (slot == OBJECT_SLOTS && w->oldest) {
		forget_oldest(w);
		slot = free_slot(w);
	}
	if (slot == OBJECT_SLOTS)
		return NULL;
	w->slots[slot] = 1;
	object = xcalloc(1, sizeof(*object));
	object->owner = owner;
	object->slot = slot;
	random_id(object->id);
	return object;
}

bool world_object_write(struct world *w, struct object *object, const char *p, size_t len)
{
	if (object->size + (int64_t)len > OBJECT_SLOT || object->size + (int64_t)len > w->limits.object_bytes)
		return false;
	while (w->oldest && w->object_bytes + (int64_t)len > w->limits.object_bytes)
		forget_oldest(w);
	while (len) {
		ssize_t n = pwrite(w->objects_fd, p, len, (off_t)object->slot * OBJECT_SLOT + object->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		object->size += n;
		w->object_bytes += n;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

void world_object_publish(struct world *w, struct object *object, int64_t now)
{
	object->time = now;
	if (w->newest)
		w->newest->newer = object;
	else
		w->oldest = object;
	w->newest = object;
	table_put(&w->objects, object->id, object);
}

void world_object_free(struct world *w, struct object *object)
{
	object_free(w, object);
}

void world_object_hold(struct object *object)
{
	object->readers++;
}

void world_object_let_go(struct world *w, struct object *object)
{
	if (!--object->readers && object->dropped)
		object_free(w, object);
}

void world_objects_release(struct world *w)
{
	while (w->oldest)
		forget_oldest(w);
	free(w->slots);
	if (w->objects_fd >= 0)
		close(w->objects_fd);
}
