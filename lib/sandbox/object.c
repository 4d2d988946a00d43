/*
 * Attachments are stored in one unlinked sparse file, each in its own slot, so that concurrent uploads need a single
 * descriptor. A dropped attachment leaves a hole.
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

enum status object_store_open(struct world *w, struct err *err)
{
	const char *dir = w->config->dir;

	w->objects_fd = file_open_temp(dir);
	if (w->objects_fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot create a temporary file in '%s': %s", dir, strerror(errno));
	w->slots = xcalloc(OBJECT_SLOTS, sizeof(*w->slots));
	return ST_OK;
}

void object_free(struct world *w, struct object *object)
{
	if (object->readers) {
		object->dropped = true;
		return;
	}
	w->object_bytes -= object->size;
	/* without support for holes, the next object in the slot overwrites the bytes */
	(void)!fallocate(w->objects_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)object->slot * OBJECT_SLOT,
		object->size > 0 ? object->size : 1);
	w->slots[object->slot] = 0;
	free(object->name);
	free(object->type);
	free(object);
}

static void drop_oldest(struct world *w)
{
	struct object *object = HASH_STRUCT(w->object_order.oldest, struct object, order);

	hash_lru_remove(&w->object_order, &object->order);
	hash_table_remove(&w->objects, &object->node);
	object_free(w, object);
}

static size_t free_slot(const struct world *w)
{
	size_t slot = 0;

	while (slot < OBJECT_SLOTS && w->slots[slot])
		slot++;
	return slot;
}

struct object *object_new(struct world *w, struct user *owner)
{
	struct object *object;
	size_t slot = free_slot(w);

	if (slot == OBJECT_SLOTS && w->object_order.oldest) {
		drop_oldest(w);
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

bool object_write(struct world *w, struct object *object, const char *p, size_t len)
{
	if (object->size + (int64_t)len > OBJECT_SLOT || object->size + (int64_t)len > w->config->attachment_bytes)
		return false;
	while (w->object_order.oldest && w->object_bytes + (int64_t)len > w->config->attachment_bytes)
		drop_oldest(w);
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

void object_publish(struct world *w, struct object *object)
{
	hash_lru_add(&w->object_order, &object->order);
	hash_table_add(&w->objects, &object->node, hash_local(object->id, strlen(object->id)));
}

void object_hold(struct object *object)
{
	object->readers++;
}

void object_release(struct world *w, struct object *object)
{
	if (!--object->readers && object->dropped)
		object_free(w, object);
}

void object_store_close(struct world *w)
{
	while (w->object_order.oldest)
		drop_oldest(w);
	free(w->slots);
	if (w->objects_fd >= 0)
		close(w->objects_fd);
}
