/* Makes the n-th call of one kind on files below some folders fail with an error code; preloaded into a command.
 *
 * FAULT_BELOW  folders, with colons between them; without it nothing is touched
 * FAULT_LOG    where each call of a known kind is told, a line each: its kind and the path; FAILED before it
 * FAULT_KIND   the kind that fails: read write open sync truncate rename remove mkdir
 * FAULT_NUMBER which call of that kind, from 1
 * FAULT_CODE   errno
 * FAULT_LASTS  that call and all later ones of the kind fail, where it is set
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int calls;

static int below(const char *path) {
    const char *folder = getenv("FAULT_BELOW");
    while (folder && *folder) {
        const char *end = strchrnul(folder, ':');
        if (!strncmp(path, folder, end - folder)) return 1;
        folder = *end ? end + 1 : end;
    }
    return 0;
}

static int name_of(int handle, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return 1;
}

/* The absolute path of a name that is relative to an open folder. */
static int full(int folder, const char *name, char *out) {
    if (!name) return 0;
    if (name[0] == '/') {
        snprintf(out, PATH_MAX, "%s", name);
        return 1;
    }
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, out, PATH_MAX) < 0) return 0;
    } else if (!name_of(folder, out)) {
        return 0;
    }
    size_t length = strlen(out);
    snprintf(out + length, PATH_MAX - length, "/%s", name);
    return 1;
}

/* Tells of a call, and whether it is to fail; errno is set then. */
static int fails(const char *kind, const char *path) {
    int before = errno;
    const char *wanted = getenv("FAULT_KIND"), *log = getenv("FAULT_LOG");
    int failing = 0;
    if (wanted && !strcmp(kind, wanted)) {
        int number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST), first = atoi(getenv("FAULT_NUMBER"));
        failing = number == first || (number > first && getenv("FAULT_LASTS"));
    }
    if (log) {
        char line[PATH_MAX * 4 + 64];
        int length = snprintf(line, sizeof line, "%s%s %s\n", failing ? "FAILED " : "", kind, path);
        int handle = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (handle >= 0) {
            syscall(SYS_write, handle, line, length);
            syscall(SYS_close, handle);
        }
    }
    errno = failing ? atoi(getenv("FAULT_CODE")) : before;
    return failing;
}

static int fails_at(const char *kind, int folder, const char *name) {
    char path[PATH_MAX * 2];
    if (!getenv("FAULT_BELOW") || !full(folder, name, path)) return 0;
    return below(path) && fails(kind, path);
}

static int fails_on(const char *kind, int handle) {
    char path[PATH_MAX];
    if (!getenv("FAULT_BELOW") || !name_of(handle, path)) return 0;
    return below(path) && fails(kind, path);
}

/* A rename is told with both names, a tab between them: the new one first. */
static int renames(int from_folder, const char *from, int to_folder, const char *to) {
    char paths[PATH_MAX * 4], old[PATH_MAX * 2];
    if (!getenv("FAULT_BELOW") || !full(to_folder, to, paths) || !full(from_folder, from, old)) return 0;
    if (!below(paths)) return 0;
    strcat(strcat(paths, "\t"), old);
    return fails("rename", paths);
}

static const char *opening(int flags) {
    return flags & (O_WRONLY | O_RDWR | O_CREAT) ? "open" : "read";
}

#define NEXT(name) static __typeof__(&name) next; if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define MODE(last) mode_t mode = 0; { va_list list; va_start(list, last); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *name, int flags, ...) {
    NEXT(open); MODE(flags);
    return fails_at(opening(flags), AT_FDCWD, name) ? -1 : next(name, flags, mode);
}
int open64(const char *name, int flags, ...) {
    NEXT(open64); MODE(flags);
    return fails_at(opening(flags), AT_FDCWD, name) ? -1 : next(name, flags, mode);
}
int openat(int folder, const char *name, int flags, ...) {
    NEXT(openat); MODE(flags);
    return fails_at(opening(flags), folder, name) ? -1 : next(folder, name, flags, mode);
}
int openat64(int folder, const char *name, int flags, ...) {
    NEXT(openat64); MODE(flags);
    return fails_at(opening(flags), folder, name) ? -1 : next(folder, name, flags, mode);
}
FILE *fopen(const char *name, const char *mode) {
    NEXT(fopen);
    return fails_at(strpbrk(mode, "wa+") ? "open" : "read", AT_FDCWD, name) ? NULL : next(name, mode);
}
FILE *fopen64(const char *name, const char *mode) {
    NEXT(fopen64);
    return fails_at(strpbrk(mode, "wa+") ? "open" : "read", AT_FDCWD, name) ? NULL : next(name, mode);
}
DIR *opendir(const char *name) {
    NEXT(opendir);
    return fails_at("read", AT_FDCWD, name) ? NULL : next(name);
}
ssize_t write(int handle, const void *bytes, size_t count) {
    NEXT(write);
    return fails_on("write", handle) ? -1 : next(handle, bytes, count);
}
ssize_t pwrite(int handle, const void *bytes, size_t count, off_t at) {
    NEXT(pwrite);
    return fails_on("write", handle) ? -1 : next(handle, bytes, count, at);
}
ssize_t pwrite64(int handle, const void *bytes, size_t count, off64_t at) {
    NEXT(pwrite64);
    return fails_on("write", handle) ? -1 : next(handle, bytes, count, at);
}
ssize_t writev(int handle, const struct iovec *parts, int count) {
    NEXT(writev);
    return fails_on("write", handle) ? -1 : next(handle, parts, count);
}
ssize_t sendfile(int out, int in, off_t *at, size_t count);
ssize_t sendfile(int out, int in, off_t *at, size_t count) {
    NEXT(sendfile);
    return fails_on("write", out) ? -1 : next(out, in, at, count);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t count);
ssize_t sendfile64(int out, int in, off64_t *at, size_t count) {
    NEXT(sendfile64);
    return fails_on("write", out) ? -1 : next(out, in, at, count);
}
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t count, unsigned flags) {
    NEXT(copy_file_range);
    return fails_on("write", out) ? -1 : next(in, in_at, out, out_at, count, flags);
}
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
    NEXT(fwrite);
    return fails_on("write", fileno(file)) ? 0 : next(bytes, size, count, file);
}
int fsync(int handle) {
    NEXT(fsync);
    return fails_on("sync", handle) ? -1 : next(handle);
}
int fdatasync(int handle) {
    NEXT(fdatasync);
    return fails_on("sync", handle) ? -1 : next(handle);
}
int ftruncate(int handle, off_t length) {
    NEXT(ftruncate);
    return fails_on("truncate", handle) ? -1 : next(handle, length);
}
int ftruncate64(int handle, off64_t length) {
    NEXT(ftruncate64);
    return fails_on("truncate", handle) ? -1 : next(handle, length);
}
int rename(const char *from, const char *to) {
    NEXT(rename);
    return renames(AT_FDCWD, from, AT_FDCWD, to) ? -1 : next(from, to);
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    NEXT(renameat);
    return renames(from_folder, from, to_folder, to) ? -1 : next(from_folder, from, to_folder, to);
}
int unlink(const char *name) {
    NEXT(unlink);
    return fails_at("remove", AT_FDCWD, name) ? -1 : next(name);
}
int unlinkat(int folder, const char *name, int flags) {
    NEXT(unlinkat);
    return fails_at("remove", folder, name) ? -1 : next(folder, name, flags);
}
int rmdir(const char *name) {
    NEXT(rmdir);
    return fails_at("remove", AT_FDCWD, name) ? -1 : next(name);
}
int mkdir(const char *name, mode_t mode) {
    NEXT(mkdir);
    return fails_at("mkdir", AT_FDCWD, name) ? -1 : next(name, mode);
}
int mkdirat(int folder, const char *name, mode_t mode) {
    NEXT(mkdirat);
    return fails_at("mkdir", folder, name) ? -1 : next(folder, name, mode);
}
