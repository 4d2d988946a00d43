/*
 * inject.c - makes one call of a function fail, for tests/fault/: a library for LD_PRELOAD.
 *
 *	KANDY_INJECT=CALL:N:ERRNO    the Nth call (from 1) of CALL fails; ERRNO is a number. With N 0, none does.
 *	KANDY_INJECT_REPORT=FILE     gets a line with the number of calls at the end, and a line "fired" when one was made to fail
 *
 * CALL is one of
 *	malloc    also calloc and realloc; those that the program itself makes. "malloc-any": those of its libraries too
 *	write     to files and pipes (not to sockets)
 *	fsync  close  rename (in all its forms)  open (of files and directories)  mkdir  thread  fork  eventfd  epoll
 *
 * With -DINJECT_NO_MALLOC it leaves the allocator alone, for programs under AddressSanitizer.
 *
 * Only calls that come from the program itself count, but for malloc-any: what libraries do with failures is theirs.
 * The calls of its child processes count too, as one row with its own.
 *
 * OpenSSL 3.0 does not look whether its default library context could be made (get_default_context() in its
 * crypto/context.c), and then takes the lock that the context does not have: nothing that a caller could know
 * beforehand or prevent. Exactly that, a NULL lock from libcrypto after an allocation was made to fail, ends the
 * program with status 250 and the line "openssl" in the report.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	bool ready, any;
	char call[16];
	long wanted;
	int error;
	atomic_long *count; /* shared with child processes */
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

__attribute__((constructor)) static void begin(void)
{
	const char *spec = getenv("KANDY_INJECT");

	if (!spec || sscanf(spec, "%15[^:]:%ld:%d", state.call, &state.wanted, &state.error) != 3)
		return;
	state.report = getenv("KANDY_INJECT_REPORT");
	state.any = !strcmp(state.call, "malloc-any");
	if (state.any)
		strcpy(state.call, "malloc");
	dl_iterate_phdr(find_program, NULL);
	state.count = mmap(NULL, sizeof(*state.count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	state.ready = state.count != MAP_FAILED;
}

/* By system calls alone: nothing here may come back to us. */
static void report(const char *text)
{
	long fd;

	if (!state.report)
		return;
	fd = syscall(SYS_openat, AT_FDCWD, state.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (syscall(SYS_write, fd, text, strlen(text)) < 0) {
		/* the test will miss it */
	}
	syscall(SYS_close, fd);
}

__attribute__((destructor)) static void finish(void)
{
	char text[32];
	int at = sizeof(text);
	long n;

	if (!state.ready)
		return;
	n = atomic_load(state.count);
	text[--at] = '\0';
	text[--at] = '\n';
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	report(text + at);
}

static void check_lock(const void *lock, void *caller)
{
	Dl_info info;

	if (lock || !state.ready || strcmp(state.call, "malloc") != 0 || atomic_load(state.count) < state.wanted ||
		!dladdr(caller, &info) || !strstr(info.dli_fname, "/libcrypto.so"))
		return;
	report("openssl\n");
	_exit(250);
}

/* True if this call is the one to fail; errno is set then. */
static bool fails(const char *call, void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	if (!state.ready || strcmp(call, state.call) != 0 || (!state.any && (at < state.start || at >= state.end)))
		return false;
	if (atomic_fetch_add(state.count, 1) + 1 != state.wanted)
		return false;
	report("fired\n");
	errno = state.error;
	return true;
}

#define FAILS(call) fails((call), __builtin_return_address(0))
#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (!real) \
	*(void **)&real = dlsym(RTLD_NEXT, name)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

#ifndef INJECT_NO_MALLOC /* AddressSanitizer has its own */
void *malloc(size_t size)
{
	return FAILS("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return FAILS("malloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return FAILS("malloc") ? NULL : __libc_realloc(p, size);
}
#endif

ssize_t write(int fd, const void *p, size_t len)
{
	struct stat st;
	REAL(ssize_t, "write", int, const void *, size_t);

	if (!fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)) && fd != STDERR_FILENO && FAILS("write"))
		return -1;
	return real(fd, p, len);
}

int fsync(int fd)
{
	REAL(int, "fsync", int);

	return FAILS("fsync") ? -1 : real(fd);
}

/* The descriptor is gone either way, as with close(2) itself. */
int close(int fd)
{
	REAL(int, "close", int);
	bool failed = FAILS("close");
	int error = errno;
	int rc = real(fd);

	if (failed)
		errno = error;
	return failed ? -1 : rc;
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);

	return FAILS("rename") ? -1 : real(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	REAL(int, "renameat", int, const char *, int, const char *);

	return FAILS("rename") ? -1 : real(from_fd, from, to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	REAL(int, "renameat2", int, const char *, int, const char *, unsigned);

	return FAILS("rename") ? -1 : real(from_fd, from, to_fd, to, flags);
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
	return FAILS("open") ? -1 : real(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	REAL(int, "openat", int, const char *, int, ...);
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return FAILS("open") ? -1 : real(dir, path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
	REAL(int, "mkdir", const char *, mode_t);

	return FAILS("mkdir") ? -1 : real(path, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	return FAILS("thread") ? errno : real(thread, attributes, run, arg);
}

pid_t fork(void)
{
	REAL(pid_t, "fork", void);

	return FAILS("fork") ? -1 : real();
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

	return FAILS("eventfd") ? -1 : real(value, flags);
}

int epoll_create1(int flags)
{
	REAL(int, "epoll_create1", int);

	return FAILS("epoll") ? -1 : real(flags);
}
