/* Lets the n-th call of a kind fail, on files below one folder: built and driven by tests/faults/__init__.py.

   Preloaded into a process; nothing fails until `faults_arm` is called. Threads share the count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, FSYNC = 4, RENAME = 8, MKDIR = 16, READ = 32 };

static char below[PATH_MAX];
static int kinds, error, lasting;
static long which, seen;

/* The n-th call from now on fails, and with `last` all after it; with n = 0 calls are counted alone. */
void faults_arm(const char *folder, int of, long n, int with, int last) {
    snprintf(below, sizeof below, "%s", folder);
    kinds = of, which = n, error = with, lasting = last;
    __atomic_store_n(&seen, 0, __ATOMIC_SEQ_CST);
}

long faults_seen(void) { return __atomic_load_n(&seen, __ATOMIC_SEQ_CST); }

static int fails(int kind, const char *path) {
    if (!(kinds & kind) || !path || strncmp(path, below, strlen(below))) return 0;
    long n = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (!which || (lasting ? n < which : n != which)) return 0;
    errno = error;
    return 1;
}

static int fails_at(int kind, int folder, const char *name) {
    char link[64], path[2 * PATH_MAX];
    if (!(kinds & kind)) return 0;
    if (!name || name[0] == '/') return fails(kind, name);
    if (folder == AT_FDCWD) {
        if (!getcwd(path, PATH_MAX)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, path, PATH_MAX);
        if (length < 0) return 0;
        path[length] = 0;
    }
    strncat(path, "/", sizeof path - strlen(path) - 1);
    strncat(path, name, sizeof path - strlen(path) - 1);
    return fails(kind, path);
}

static int fails_on(int kind, int handle) {
    char link[64], path[PATH_MAX];
    if (!(kinds & kind)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(kind, path);
}

#define REAL(type, name, ...)                                  \
    static type (*real)(__VA_ARGS__);                          \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPENS(symbol)                                          \
    int symbol(const char *path, int flags, ...) {             \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = mode_of(flags, rest);                    \
        va_end(rest);                                          \
        REAL(int, #symbol, const char *, int, mode_t);         \
        return fails_at(OPEN, AT_FDCWD, path) ? -1 : real(path, flags, mode); \
    }
#define OPENS_AT(symbol)                                       \
    int symbol(int folder, const char *path, int flags, ...) { \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = mode_of(flags, rest);                    \
        va_end(rest);                                          \
        REAL(int, #symbol, int, const char *, int, mode_t);    \
        return fails_at(OPEN, folder, path) ? -1 : real(folder, path, flags, mode); \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int handle, const void *from, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails_on(WRITE, handle) ? -1 : real(handle, from, count);
}

ssize_t read(int handle, void *to, size_t count) {
    REAL(ssize_t, "read", int, void *, size_t);
    return fails_on(READ, handle) ? -1 : real(handle, to, count);
}

int fsync(int handle) {
    REAL(int, "fsync", int);
    return fails_on(FSYNC, handle) ? -1 : real(handle);
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return fails_at(RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}

int renameat(int source, const char *from, int target, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    return fails_at(RENAME, target, to) ? -1 : real(source, from, target, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return fails_at(MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    return fails_at(MKDIR, folder, path) ? -1 : real(folder, path, mode);
}
