/*
 * The files of one profile. Reading needs no lock, because the file is always replaced atomically. PROFILE.lock is held
 * while it is changed.
 */
#include "store/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define PROFILE_MAX 64
#define LOCK_WAIT_MS 30000 /* PROFILE.lock is normally held for milliseconds */
#define LOCK_SLICE_MS 100 /* interval of checks for a signal */

struct store {
	char *dir, *profile, *option;
	char *file; /* DIR/PROFILE.json */
};

enum status store_new(struct store **out, const char *state_dir, const char *profile, struct err *err)
{
	struct store *store;
	size_t len = strlen(profile);
	bool ok = len && len <= PROFILE_MAX && profile[0] != '.' && profile[0] != '-';

	for (const char *p = profile; ok && *p; p++)
		ok = isalnum((unsigned char)*p) || strchr("._-", *p);
	if (!ok)
		return err_set(err, ST_USAGE,
			"invalid profile name '%s': expected up to %d letters, digits, '.', '_' and '-', beginning with "
			"a letter or digit",
			profile, PROFILE_MAX);
	store = xcalloc(1, sizeof(*store));
	store->dir = xstrdup(state_dir);
	store->profile = xstrdup(profile);
	store->option = strcmp(profile, "default") ? xasprintf(" -p %s", profile) : xstrdup("");
	store->file = store_path(store, ".json");
	*out = store;
	return ST_OK;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	free(store->dir);
	free(store->profile);
	free(store->option);
	free(store->file);
	free(store);
}

const char *store_profile(const struct store *store)
{
	return store->profile;
}

const char *store_option(const struct store *store)
{
	return store->option;
}

char *store_path(const struct store *store, const char *suffix)
{
	char *name = xasprintf("%s%s", store->profile, suffix);
	char *path = file_join(store->dir, name);

	free(name);
	return path;
}

/* A user who can write to the directory could replace the file. */
static enum status check_dir(const struct store *store, struct err *err)
{
	struct stat st;

	if (stat(store->dir, &st))
		return errno == ENOENT || errno == ENOTDIR
			? ST_OK
			: err_set(err, ST_IO, "cannot stat '%s': %s", store->dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ST_CONFIG, "'%s' is not a directory", store->dir);
	if (st.st_uid != geteuid())
		return err_set(err, ST_CONFIG, "the directory '%s' belongs to another user", store->dir);
	if (st.st_mode & 022)
		return err_set(err, ST_CONFIG,
			"the directory '%s' is writable by other users (mode %04o); run 'chmod 700 %s'", store->dir,
			(unsigned)(st.st_mode & 07777), store->dir);
	return ST_OK;
}

/* ST_DATA if the file is corrupt. */
static enum status read_session(const struct store *store, struct session *session, bool *found, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf text;
	enum status st;
	int fd;

	*session = (struct session){ 0 };
	*found = false;
	if ((st = check_dir(store, err)))
		return st;
	if ((st = file_open_private(store->file, &fd, &why))) {
		if (st == ST_NOINPUT)
			return ST_OK;
		if (err)
			*err = why;
		return st;
	}
	buf_init_secret(&text, FILE_MAX_BYTES);
	st = file_read_fd(fd, store->file, &text, err);
	close(fd);
	if (!st && (st = session_decode(text.data, text.len, session, err)) == ST_CONFIG)
		err_prefix(err, "cannot use '%s'", store->file);
	buf_release(&text);
	*found = !st;
	return st;
}

static void quarantine(const struct store *store, const struct err *why)
{
	char *suffix = xasprintf(".json.corrupt-%" PRId64, clock_wall_ms());
	char *path = store_path(store, suffix);

	if (!rename(store->file, path))
		log_warn("the token cache '%s' is corrupt (%s); moved to '%s'", store->file, why->text, path);
	else
		log_warn("the token cache '%s' is corrupt (%s) and ignored; cannot rename it: %s", store->file,
			why->text, strerror(errno));
	free(suffix);
	free(path);
}

/* With PROFILE.lock held, because another process may have replaced a corrupt file meanwhile. */
static enum status load_locked(struct store *store, struct session *session, bool *found, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = read_session(store, session, found, &why);

	if (st == ST_DATA)
		quarantine(store, &why);
	else if (st)
		*err = why;
	return st == ST_DATA ? ST_OK : st;
}

static enum status lock(struct store *store, const char *suffix, int wait_ms, int *fd, struct err *err)
{
	char *path = store_path(store, suffix);
	enum status st = file_make_dir(store->dir, err);

	if (!st && !(st = check_dir(store, err)))
		st = file_lock(path, wait_ms, fd, err);
	free(path);
	return st;
}

enum status store_load(struct store *store, struct session *session, bool *found, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = read_session(store, session, found, &why);
	int fd;

	if (st != ST_DATA) {
		if (st)
			*err = why;
		return st;
	}
	if (lock(store, ".lock", LOCK_WAIT_MS, &fd, NULL)) {
		/* the directory is not writable: this only warns */
		quarantine(store, &why);
		return ST_OK;
	}
	st = load_locked(store, session, found, err);
	close(fd);
	return st;
}

static enum status write_session(struct store *store, const struct session *session, struct err *err)
{
	struct buf text;
	enum status st;

	buf_init_secret(&text, FILE_MAX_BYTES);
	session_encode(session, &text);
	buf_addc(&text, '\n');
	if (text.overflow)
		st = err_set(err, ST_INTERNAL, "token cache '%s' too large: limit is %zu bytes", store->file,
			FILE_MAX_BYTES);
	else
		st = file_write_atomic(store->file, text.data, text.len, err);
	buf_release(&text);
	return st;
}

enum status store_update(struct store *store,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg, struct err *err)
{
	struct session session = { 0 };
	enum status st;
	bool found;
	int fd;

	if ((st = lock(store, ".lock", LOCK_WAIT_MS, &fd, err)))
		return st;
	if (!(st = load_locked(store, &session, &found, err)) && !(st = change(&session, arg, err)))
		st = write_session(store, &session, err);
	session_release(&session);
	close(fd);
	return st;
}

enum status store_remove(struct store *store, struct err *err)
{
	char *temp = xasprintf("%s" FILE_TEMP, store->file); /* left, with tokens, by a killed process */
	struct session session = { 0 }, empty = { 0 };
	enum status st = ST_OK;
	bool found;
	int fd;

	if ((access(store->file, F_OK) && errno == ENOENT && access(temp, F_OK)) ||
		(st = lock(store, ".lock", LOCK_WAIT_MS, &fd, err))) {
		free(temp);
		return st;
	}
	unlink(temp);
	/* if the file cannot be rewritten, delete it: the tokens must be gone */
	if (!read_session(store, &session, &found, NULL)) {
		empty.correlator = session.correlator;
		session.correlator = NULL;
	}
	if (!empty.correlator || write_session(store, &empty, NULL)) {
		if (unlink(store->file) && errno != ENOENT)
			st = err_set(err, ST_IO, "cannot remove '%s': %s", store->file, strerror(errno));
	}
	session_release(&session);
	session_release(&empty);
	close(fd);
	free(temp);
	return st;
}

enum status store_lock(struct store *store, const char *suffix, int wait_ms, int *fd, struct err *err)
{
	int64_t deadline = clock_mono_ms() + wait_ms;

	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		enum status st = lock(store, suffix,
			left > LOCK_SLICE_MS ? LOCK_SLICE_MS
				: left > 0   ? (int)left
					     : 0,
			fd, err);

		if (st != ST_TEMPFAIL)
			return st;
		if (interrupt_status())
			return err_set(err, interrupt_status(), "interrupted");
		if (clock_mono_ms() >= deadline)
			return st;
	}
}
