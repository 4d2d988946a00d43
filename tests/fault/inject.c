/*
 * inject.c - makes one call of a function fail, for tests/fault/: a library for LD_PRELOAD.
 *
 *	KANDY_INJECT=CALL:N:ERRNO    the Nth call (from 1) of CALL fails; ERRNO is a number. With N 0, none does.
 *	                             With ERRNO 0 the process is killed instead of making the call.
 *	KANDY_INJECT_ALSO=CALL:ERRNO    also fails every call of this CALL
 *	KANDY_INJECT_REPORT=FILE     gets a line "fired" when the Nth call fails, and at exit "CALL NUMBER" for each
 *	                             CALL that was made. Also "unsynced PATH" for each file that is renamed or linked
 *	                             (itself or its directory) before it is synced; and, at exit, "unlisted" for each
 *	                             directory with a new name in it that was not synced
 *
 * CALL is one of
 *	malloc    also calloc and realloc; calls of the program itself. "malloc-any": also those of its libraries
 *	write     to files and pipes (not to sockets); also pwrite and copy_file_range
 *	fsync  fdatasync  ftruncate  close  mkdir
 *	aio_fsync (it cannot start)  aio_error (the background operation failed)
 *	open      of files and directories, in all its forms
 *	rename  renameat  renameat2
 *	link      also linkat
 *	unlink    also unlinkat
 *	thread  fork  spawn (posix_spawn)  dup2  pipe2  socketpair  memfd  eventfd  epoll
 *	send  recv    the libraries', too
 *
 * Except for malloc-any, send and recv, only calls of the program itself count, not those of libraries.
 * Calls of child processes are counted together with those of the parent; those of programs that it runs are not.
 *
 * Allocations call the next malloc in library order, which may be AddressSanitizer's. If the program contains a malloc
 * (clang's sanitizers), they are not intercepted.
 *
 * OpenSSL 3.0 does not check whether its default library context was created (get_default_context() in its
 * crypto/context.c), and then uses the NULL lock of that context. Callers cannot prevent this. So a NULL lock from
 * libcrypto after a failed allocation ends the program with status 250 and the line "openssl" in the report.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
	MALLOC,
	MALLOC_ANY,
	WRITE,
	FSYNC,
	FDATASYNC,
	FTRUNCATE,
	AIO_FSYNC,
	AIO_ERROR,
	CLOSE,
	MKDIR,
	OPEN,
	RENAME,
	RENAMEAT,
	RENAMEAT2,
	LINK,
	UNLINK,
	THREAD,
	FORK,
	SPAWN,
	DUP2,
	PIPE2,
	SOCKETPAIR,
	MEMFD,
	EVENTFD,
	EPOLL,
	SEND,
	RECV,
	CALLS
};

static const char *const names[CALLS] = {
	[MALLOC] = "malloc",
	[MALLOC_ANY] = "malloc-any",
	[WRITE] = "write",
	[FSYNC] = "fsync",
	[FDATASYNC] = "fdatasync",
	[FTRUNCATE] = "ftruncate",
	[AIO_FSYNC] = "aio_fsync",
	[AIO_ERROR] = "aio_error",
	[CLOSE] = "close",
	[MKDIR] = "mkdir",
	[OPEN] = "open",
	[RENAME] = "rename",
	[RENAMEAT] = "renameat",
	[RENAMEAT2] = "renameat2",
	[LINK] = "link",
	[UNLINK] = "unlink",
	[THREAD] = "thread",
	[FORK] = "fork",
	[SPAWN] = "spawn",
	[DUP2] = "dup2",
	[PIPE2] = "pipe2",
	[SOCKETPAIR] = "socketpair",
	[MEMFD] = "memfd",
	[EVENTFD] = "eventfd",
	[EPOLL] = "epoll",
	[SEND] = "send",
	[RECV] = "recv",
};

static struct {
	bool ready;
	enum call call, also; /* CALLS: none */
	long wanted;
	int error, also_error;
	atomic_long *counts; /* of each call; shared with child processes */
	const char *report;
	uintptr_t start, end; /* of the program */
} state;

static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
			state.start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			state.end = state.start + info->dlpi_phdr[i].p_memsz;
		}
	}
	return 1; /* the first object is the program */
}

/* Uses system calls only, because library calls could be intercepted. */
static void report(const char *text)
{
	long fd;

	if (!state.report)
		return;
	fd = syscall(SYS_openat, AT_FDCWD, state.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, text, strlen(text)) < 0) {
		/* the test fails without the line */
	}
	syscall(SYS_close, fd);
}

static enum call call_of(const char *name)
{
	int call = 0;

	while (call < CALLS && strcmp(names[call], name) != 0)
		call++;
	return (enum call)call;
}

__attribute__((constructor)) static void begin(void)
{
	const char *spec = getenv("KANDY_INJECT"), *also = getenv("KANDY_INJECT_ALSO");
	char name[16] = "", also_name[16] = "";

	if (!spec)
		return;
	state.report = getenv("KANDY_INJECT_REPORT");
	if (sscanf(spec, "%15[^:]:%ld:%d", name, &state.wanted, &state.error) != 3 ||
		(state.call = call_of(name)) == CALLS ||
		(also &&
			(sscanf(also, "%15[^:]:%d", also_name, &state.also_error) != 2 ||
				call_of(also_name) == CALLS))) {
		report("unknown\n");
		return;
	}
	state.also = also ? call_of(also_name) : CALLS;
	dl_iterate_phdr(find_program, NULL);
	state.counts =
		mmap(NULL, CALLS * sizeof(*state.counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	state.ready = state.counts != MAP_FAILED;
	unsetenv("KANDY_INJECT"); /* not for programs that it runs */
}

__attribute__((destructor)) static void finish(void)
{
	char text[CALLS * 48] = "", digits[24];

	for (int call = 0; state.ready && call < CALLS; call++) {
		long n = atomic_load(&state.counts[call]);
		int at = sizeof(digits);

		if (!n)
			continue;
		digits[--at] = '\0';
		digits[--at] = '\n';
		do
			digits[--at] = (char)('0' + n % 10);
		while (n /= 10);
		strcat(text, names[call]);
		strcat(text, " ");
		strcat(text, digits + at);
	}
	report(text);
}

static void check_lock(const void *lock, void *caller)
{
	Dl_info info;

	if (lock || !state.ready || state.call > MALLOC_ANY || atomic_load(&state.counts[state.call]) < state.wanted ||
		!dladdr(caller, &info) || !strstr(info.dli_fname, "/libcrypto.so"))
		return;
	report("openssl\n");
	_exit(250);
}

/* True if this call is the one to fail; errno is set then. */
static bool is_it(enum call call)
{
	if (state.also == call) {
		errno = state.also_error;
		return true;
	}
	if (atomic_fetch_add(&state.counts[call], 1) + 1 != state.wanted || call != state.call)
		return false;
	report("fired\n");
	if (!state.error)
		syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	errno = state.error;
	return true;
}

static bool fails(enum call call, void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	bool ours = at >= state.start && at < state.end, it = false;

	if (!state.ready)
		return false;
	if (call == MALLOC)
		it = is_it(MALLOC_ANY);
	return ((ours || call == SEND || call == RECV) && is_it(call)) || it;
}

/*
 * ---- unsynced files ----
 *
 * Files by device and inode, from a write to the next fsync, and directories from a rename or link into them to the
 * next fsync. Writes through a mapping are not seen.
 */

enum { DIRTY_MAX = 256 };
struct file_id {
	dev_t dev;
	ino_t ino;
	bool dir;
};

static struct {
	pthread_mutex_t lock;
	struct file_id files[DIRTY_MAX];
	int count;
} dirty = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int find_dirty(const struct stat *st)
{
	int i = 0;

	while (i < dirty.count && (dirty.files[i].dev != st->st_dev || dirty.files[i].ino != st->st_ino))
		i++;
	return i;
}

static void set_dirty(int fd, bool is)
{
	int error = errno, at;
	struct stat st;

	if (!state.ready || fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return;
	pthread_mutex_lock(&dirty.lock);
	at = find_dirty(&st);
	if (is && at == dirty.count && at < DIRTY_MAX)
		dirty.files[dirty.count++] = (struct file_id){ st.st_dev, st.st_ino, S_ISDIR(st.st_mode) };
	else if (!is && at < dirty.count)
		dirty.files[at] = dirty.files[--dirty.count];
	pthread_mutex_unlock(&dirty.lock);
	errno = error;
}

static void check_file(int dir, const char *path, const char *name)
{
	char text[512];
	struct stat st;
	bool is;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return;
	pthread_mutex_lock(&dirty.lock);
	is = find_dirty(&st) < dirty.count;
	pthread_mutex_unlock(&dirty.lock);
	if (!is)
		return;
	snprintf(text, sizeof(text), "unsynced %s %s\n", path, name);
	report(text);
}

/* Reports unsynced files under `path`, which is about to get its final name. */
static void check_synced(int dir, const char *path)
{
	int error = errno, fd;
	struct dirent *entry;
	DIR *files;

	if (!state.ready)
		return;
	check_file(dir, "", path);
	fd = (int)syscall(SYS_openat, dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (files = fdopendir(fd))) {
		while ((entry = readdir(files)))
			check_file(fd, path, entry->d_name);
		closedir(files);
	}
	errno = error;
}

/* Marks the directory of the new name `path` as unsynced, unless `result` is an error. Returns `result`. */
static int named(int result, int dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[4096] = ".";
	int error = errno, fd;

	if (result || !state.ready)
		return result;
	if (slash)
		snprintf(name, sizeof(name), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = (int)syscall(SYS_openat, dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		set_dirty(fd, true);
		syscall(SYS_close, fd);
	}
	errno = error;
	return result;
}

__attribute__((destructor)) static void report_unlisted(void)
{
	for (int i = 0; state.ready && i < dirty.count; i++) {
		if (dirty.files[i].dir)
			report("unlisted\n");
	}
}

#define FAILS(call) fails((call), __builtin_return_address(0))
#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (!real) \
	*(void **)&real = dlsym(RTLD_NEXT, name)

void *malloc(size_t size)
{
	REAL(void *, "malloc", size_t);

	return FAILS(MALLOC) ? NULL : real(size);
}

void *calloc(size_t count, size_t size)
{
	REAL(void *, "calloc", size_t, size_t);

	return FAILS(MALLOC) ? NULL : real(count, size);
}

void *realloc(void *p, size_t size)
{
	REAL(void *, "realloc", void *, size_t);

	return FAILS(MALLOC) ? NULL : real(p, size);
}

static bool is_written_to(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) && fd != STDERR_FILENO;
}

ssize_t write(int fd, const void *p, size_t len)
{
	REAL(ssize_t, "write", int, const void *, size_t);

	if (is_written_to(fd) && FAILS(WRITE))
		return -1;
	set_dirty(fd, true);
	return real(fd, p, len);
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);

	set_dirty(fd, true);
	return FAILS(WRITE) ? -1 : real(fd, p, len, at);
}

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t len, unsigned flags)
{
	REAL(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);

	set_dirty(to, true);
	return FAILS(WRITE) ? -1 : real(from, from_at, to, to_at, len, flags);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);

	if (FAILS(FSYNC))
		return -1;
	set_dirty(fd, false);
	return real(fd);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);

	if (FAILS(FDATASYNC))
		return -1;
	set_dirty(fd, false);
	return real(fd);
}

int ftruncate(int fd, off_t len)
{
	REAL(int, "ftruncate", int, off_t);

	set_dirty(fd, true);
	return FAILS(FTRUNCATE) ? -1 : real(fd, len);
}

int aio_fsync(int operation, struct aiocb *request)
{
	REAL(int, "aio_fsync", int, struct aiocb *);

	return FAILS(AIO_FSYNC) ? -1 : real(operation, request);
}

/* Calls that return EINPROGRESS do not count, because their number depends on timing. */
int aio_error(const struct aiocb *request)
{
	REAL(int, "aio_error", const struct aiocb *);
	int rc = real(request);

	return rc != EINPROGRESS && FAILS(AIO_ERROR) ? errno : rc;
}

/* The descriptor is closed in either case, as with close(2) itself. */
int close(int fd)
{
	REAL(int, "close", int);
	bool failed = FAILS(CLOSE);
	int error = errno;
	int rc = real(fd);

	if (failed)
		errno = error;
	return failed ? -1 : rc;
}

int mkdir(const char *path, mode_t mode)
{
	REAL(int, "mkdir", const char *, mode_t);

	return FAILS(MKDIR) ? -1 : real(path, mode);
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...);
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return FAILS(OPEN) ? -1 : real(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	REAL(int, "openat", int, const char *, int, ...);
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return FAILS(OPEN) ? -1 : real(dir, path, flags, mode);
}

int mkostemp(char *path, int flags)
{
	REAL(int, "mkostemp", char *, int);

	return FAILS(OPEN) ? -1 : real(path, flags);
}

int mkostemps(char *path, int suffix, int flags)
{
	REAL(int, "mkostemps", char *, int, int);

	return FAILS(OPEN) ? -1 : real(path, suffix, flags);
}

DIR *opendir(const char *path)
{
	REAL(DIR *, "opendir", const char *);

	return FAILS(OPEN) ? NULL : real(path);
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);

	check_synced(AT_FDCWD, from);
	return FAILS(RENAME) ? -1 : named(real(from, to), AT_FDCWD, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	REAL(int, "renameat", int, const char *, int, const char *);

	check_synced(from_fd, from);
	return FAILS(RENAMEAT) ? -1 : named(real(from_fd, from, to_fd, to), to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	REAL(int, "renameat2", int, const char *, int, const char *, unsigned);

	check_synced(from_fd, from);
	return FAILS(RENAMEAT2) ? -1 : named(real(from_fd, from, to_fd, to, flags), to_fd, to);
}

int link(const char *from, const char *to)
{
	REAL(int, "link", const char *, const char *);

	check_synced(AT_FDCWD, from);
	return FAILS(LINK) ? -1 : named(real(from, to), AT_FDCWD, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	REAL(int, "linkat", int, const char *, int, const char *, int);

	check_synced(from_fd, from);
	return FAILS(LINK) ? -1 : named(real(from_fd, from, to_fd, to, flags), to_fd, to);
}

int unlink(const char *path)
{
	REAL(int, "unlink", const char *);

	return FAILS(UNLINK) ? -1 : real(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	REAL(int, "unlinkat", int, const char *, int);

	return FAILS(UNLINK) ? -1 : real(dir, path, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	return FAILS(THREAD) ? errno : real(thread, attributes, run, arg);
}

pid_t fork(void)
{
	REAL(pid_t, "fork", void);

	return FAILS(FORK) ? -1 : real();
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	REAL(int, "posix_spawn", pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
		char *const *, char *const *);

	return FAILS(SPAWN) ? errno : real(pid, path, actions, attributes, argv, envp);
}

int dup2(int from, int to)
{
	REAL(int, "dup2", int, int);

	return FAILS(DUP2) ? -1 : real(from, to);
}

int pipe2(int fds[2], int flags)
{
	REAL(int, "pipe2", int[2], int);

	return FAILS(PIPE2) ? -1 : real(fds, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	REAL(int, "socketpair", int, int, int, int[2]);

	return FAILS(SOCKETPAIR) ? -1 : real(domain, type, protocol, fds);
}

int memfd_create(const char *name, unsigned flags)
{
	REAL(int, "memfd_create", const char *, unsigned);

	return FAILS(MEMFD) ? -1 : real(name, flags);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	REAL(int, "pthread_rwlock_rdlock", pthread_rwlock_t *);

	check_lock(lock, __builtin_return_address(0));
	return real(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	REAL(int, "pthread_rwlock_wrlock", pthread_rwlock_t *);

	check_lock(lock, __builtin_return_address(0));
	return real(lock);
}

int eventfd(unsigned value, int flags)
{
	REAL(int, "eventfd", unsigned, int);

	return FAILS(EVENTFD) ? -1 : real(value, flags);
}

int epoll_create1(int flags)
{
	REAL(int, "epoll_create1", int);

	return FAILS(EPOLL) ? -1 : real(flags);
}

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	REAL(ssize_t, "send", int, const void *, size_t, int);

	return FAILS(SEND) ? -1 : real(fd, p, len, flags);
}

ssize_t recv(int fd, void *p, size_t len, int flags)
{
	REAL(ssize_t, "recv", int, void *, size_t, int);

	return FAILS(RECV) ? -1 : real(fd, p, len, flags);
}
