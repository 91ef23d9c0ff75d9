/* Remembers what power loss would take away. For each database file (its name holds ".db") every write is noted in
 * FILE.undo, old bytes and new ones, before it is done; a sync of the file empties the notes. After SIGKILL the test
 * takes back what was never synced, or some of it, as a disk does that had not got to it. Loaded by LD_PRELOAD.
 *
 * A note: five 64-bit numbers (offset, old size, old bytes, new bytes, truncated to or -1), then both kinds of bytes.
 * A sync takes 5 ms longer than it need, so that the test often comes before it.
 * With POWERCUT_LIES set, a sync empties nothing: a disk that lies, which must break the promise.
 * With POWERCUT_FULL set to a path, nothing is noted, and no file grows while that path exists: a full disk.
 * With POWERCUT_EIO set to a path, nothing is noted, and while that path exists a sync fails; every further one fails
 * too and is noted in that file: what a failed sync should have written is gone, so nobody may try again.
 * With POWERCUT_MOUNTS set to a path, that file is what is read as the list of mounts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 4096 };
static char *names[FILES]; /* by descriptor; NULL: not ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

static void remember(int fd, const char *path) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (fd < 0 || fd >= FILES || !strstr(base, ".db") || strstr(base, "-shm") || strstr(base, ".db.")) return;
    pthread_mutex_lock(&lock);
    free(names[fd]);
    names[fd] = strdup(path);
    pthread_mutex_unlock(&lock);
}

static int notes(int fd) {
    char path[4096];
    snprintf(path, sizeof path, "%s.undo", names[fd]);
    return REAL(int, open, const char *, int, ...)(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void whole(int fd, const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        ssize_t done = REAL(ssize_t, write, int, const void *, size_t)(fd, at, count);
        if (done <= 0) abort();
        at += done;
        count -= (size_t)done;
    }
}

/* Called with the lock held, before the file changes; 0 when there is no room for the change. */
static int note(int fd, off_t offset, const void *bytes, size_t count, int64_t cut) {
    struct stat file;
    fstat(fd, &file);
    const char *full = getenv("POWERCUT_FULL");
    if (getenv("POWERCUT_EIO")) return 1;
    if (full) return cut >= 0 || offset + (off_t)count <= file.st_size || access(full, F_OK) != 0;
    size_t room = cut >= 0 ? (file.st_size > cut ? (size_t)(file.st_size - cut) : 0) : count;
    char *record = malloc(5 * sizeof(int64_t) + room + count);
    ssize_t old = room ? pread(fd, record + 5 * sizeof(int64_t), room, offset) : 0;
    int64_t head[5] = {offset, file.st_size, old > 0 ? old : 0, (int64_t)count, cut};
    memcpy(record, head, sizeof head);
    memcpy(record + sizeof head + head[2], bytes, count);
    int undo = notes(fd);
    whole(undo, record, sizeof head + (size_t)head[2] + count);
    close(undo);
    free(record);
    return 1;
}

static ssize_t no_room(void) {
    errno = ENOSPC;
    return -1;
}

static int opened(int fd, const char *path) {
    remember(fd, path);
    return fd;
}

#define OPEN(name)                                                            \
    int name(const char *path, int flags, ...) {                              \
        va_list rest;                                                         \
        va_start(rest, flags);                                                \
        mode_t mode = va_arg(rest, mode_t);                                   \
        va_end(rest);                                                         \
        if (getenv("POWERCUT_MOUNTS") && strcmp(path, "/proc/self/mountinfo") == 0) path = getenv("POWERCUT_MOUNTS"); \
        return opened(REAL(int, name, const char *, int, ...)(path, flags, mode), path); \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < FILES && names[fd]) {
        pthread_mutex_lock(&lock);
        free(names[fd]);
        names[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return REAL(int, close, int)(fd);
}

/* Whether a sync fails here and now. */
static int fails(void) {
    static int failed;
    const char *broken = getenv("POWERCUT_EIO");
    if (!broken || access(broken, F_OK) != 0) return 0;
    pthread_mutex_lock(&lock);
    if (failed) {
        int again = REAL(int, open, const char *, int, ...)(broken, O_WRONLY | O_APPEND);
        whole(again, "again\n", 6);
        REAL(int, close, int)(again);
    }
    failed = 1;
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return 1;
}

static int ours(int fd) { return fd >= 0 && fd < FILES && names[fd]; }

#define PWRITE(name)                                                          \
    ssize_t name(int fd, const void *bytes, size_t count, off_t offset) {     \
        ssize_t (*real)(int, const void *, size_t, off_t) = REAL(ssize_t, name, int, const void *, size_t, off_t); \
        if (!ours(fd)) return real(fd, bytes, count, offset);                 \
        pthread_mutex_lock(&lock);                                            \
        int room = note(fd, offset, bytes, count, -1);                        \
        ssize_t done = room ? real(fd, bytes, count, offset) : no_room();     \
        pthread_mutex_unlock(&lock);                                          \
        return done;                                                          \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = REAL(ssize_t, write, int, const void *, size_t);
    if (!ours(fd)) return real(fd, bytes, count);
    pthread_mutex_lock(&lock);
    int room = note(fd, lseek(fd, 0, SEEK_CUR), bytes, count, -1);
    ssize_t done = room ? real(fd, bytes, count) : no_room();
    pthread_mutex_unlock(&lock);
    return done;
}

#define TRUNCATE(name)                                                        \
    int name(int fd, off_t size) {                                            \
        int (*real)(int, off_t) = REAL(int, name, int, off_t);                \
        if (!ours(fd)) return real(fd, size);                                 \
        pthread_mutex_lock(&lock);                                            \
        note(fd, size, "", 0, size);                                          \
        int done = real(fd, size);                                            \
        pthread_mutex_unlock(&lock);                                          \
        return done;                                                          \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                            \
    int name(int fd) {                                                        \
        int (*real)(int) = REAL(int, name, int);                              \
        if (ours(fd) && fails()) return -1;                                   \
        if (!ours(fd) || getenv("POWERCUT_EIO") || getenv("POWERCUT_LIES") || getenv("POWERCUT_FULL")) return real(fd); \
        usleep(5000);                                                         \
        pthread_mutex_lock(&lock);                                            \
        int done = real(fd), undo = notes(fd);                                \
        if (done == 0) ftruncate(undo, 0);                                    \
        close(undo);                                                          \
        pthread_mutex_unlock(&lock);                                          \
        return done;                                                          \
    }
SYNC(fsync)
SYNC(fdatasync)
