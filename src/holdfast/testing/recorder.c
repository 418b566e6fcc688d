/* Preloaded into a program, this writes down everything that it does to the files under one folder: each change with
   its bytes, each fsync when it begins and when it returns, and what is written to one further file, the marks.

   HOLDFAST_TRACED   the folder
   HOLDFAST_TRACE    the file that is written to
   HOLDFAST_MARKS    the file whose writes are marks
   HOLDFAST_SYNC_US  microseconds that every fsync takes longer, so that more happens meanwhile

   A change and its record are one step to all threads and processes that are recorded, under a lock on the trace; so
   the order of the records is the order of the changes. Nobody waits for another's fsync under that lock. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MKDIR, UNLINK, RENAME, LINK, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, MARK, UNSEEN };

struct head {
    uint32_t kind, process;
    uint64_t inode, offset;
    uint32_t path, data;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], marks[PATH_MAX];
static const char *trace_name;
static size_t root_length;
static int trace = -1;
static pid_t owner;
static uint64_t syncs;
static useconds_t sync_us;

static void die(const char *why) {
    dprintf(2, "holdfast's recorder: %s (%s)\n", why, strerror(errno));
    abort();
}

static int inside(const char *path) {
    return root_length > 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int is_marks(const char *path) { return marks[0] != 0 && strcmp(path, marks) == 0; }

/* the path of an open file; 0 if it is none that is recorded */
static int path_of(int fd, char *path) {
    char name[64];
    if (root_length == 0) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, PATH_MAX - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return inside(path) || is_marks(path);
}

/* the absolute path that a call means, its folder's links followed; 0 if it is none that is recorded */
static int resolved(int folder, const char *path, char *out) {
    char whole[2 * PATH_MAX], *slash;
    if (root_length == 0 || path == NULL) return 0;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        char base[PATH_MAX], name[64];
        if (folder == AT_FDCWD) {
            if (getcwd(base, sizeof base) == NULL) return 0;
        } else {
            snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
            ssize_t n = readlink(name, base, PATH_MAX - 1);
            if (n <= 0) return 0;
            base[n] = 0;
        }
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    size_t end = strlen(whole);
    while (end > 1 && whole[end - 1] == '/') whole[--end] = 0;
    slash = strrchr(whole, '/');
    *slash = 0;
    char *real = realpath(slash == whole ? "/" : whole, NULL);
    if (real == NULL) return 0;
    snprintf(out, PATH_MAX, "%s/%s", real, slash + 1);
    free(real);
    return inside(out);
}

static void lock(void) {
    pthread_mutex_lock(&turn);
    if (owner != getpid()) {
        trace = (int)syscall(SYS_openat, AT_FDCWD, trace_name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (trace < 0) die("the trace cannot be written");
        owner = getpid();
    }
    while (flock(trace, LOCK_EX) != 0)
        if (errno != EINTR) die("the trace cannot be locked");
}

static void unlock(void) {
    int kept = errno;
    flock(trace, LOCK_UN);
    pthread_mutex_unlock(&turn);
    errno = kept;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("HOLDFAST_TRACED"), *beside = getenv("HOLDFAST_MARKS"), *us = getenv("HOLDFAST_SYNC_US");
    trace_name = getenv("HOLDFAST_TRACE");
    if (folder == NULL || trace_name == NULL) return;
    if (realpath(folder, root) == NULL) die("the folder is not there");
    root_length = strlen(root);
    if (beside != NULL && realpath(beside, marks) == NULL) die("the file of marks is not there");
    if (us != NULL) sync_us = (useconds_t)atoi(us);
    lock();
    unlock();
}

static void record(uint32_t kind, uint64_t inode, uint64_t offset, const char *path, const void *data, size_t length) {
    int kept = errno;
    struct head head = {kind, (uint32_t)getpid(), inode, offset, path == NULL ? 0 : (uint32_t)strlen(path),
                        (uint32_t)length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)data, length}};
    ssize_t wanted = (ssize_t)(sizeof head + head.path + length);
    if (syscall(SYS_writev, trace, parts, 3) != wanted) die("the trace cannot be written");
    errno = kept;
}

static void unseen(int fd, const char *call) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return;
    lock();
    record(UNSEEN, 0, 0, path, call, strlen(call));
    unlock();
}

static uint64_t inode_of(int fd) {
    struct stat found;
    if (fstat(fd, &found) != 0) die("an open file cannot be looked at");
    return found.st_ino;
}


/* open */

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    int changes = (flags & (O_CREAT | O_TRUNC)) != 0; /* with O_TMPFILE there is no name, and nothing that lasts */
    if (!changes || !resolved(folder, path, whole)) return (int)syscall(SYS_openat, folder, path, flags, mode);
    lock();
    struct stat before;
    int is_new = lstat(whole, &before) != 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && is_new) record(CREATE, inode_of(fd), 0, whole, NULL, 0);
    else if (fd >= 0 && (flags & O_TRUNC) && before.st_size > 0) record(TRUNCATE, inode_of(fd), 0, whole, NULL, 0);
    unlock();
    return fd;
}

#define MODE(after) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, after); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return opened(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* write */

static ssize_t put(int fd, const void *data, size_t count, off_t offset, const char *path) {
    lock();
    int placed = offset >= 0;
    if (!placed) {
        struct stat found;
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        if (fstat(fd, &found) != 0) die("an open file cannot be looked at");
        offset = appends ? found.st_size : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t n = placed ? syscall(SYS_pwrite64, fd, data, count, offset) : syscall(SYS_write, fd, data, count);
    if (n > 0) record(is_marks(path) ? MARK : WRITE, inode_of(fd), (uint64_t)offset, path, data, (size_t)n);
    unlock();
    return n;
}

ssize_t write(int fd, const void *data, size_t count) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return syscall(SYS_write, fd, data, count);
    return put(fd, data, count, -1, path);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return syscall(SYS_pwrite64, fd, data, count, offset);
    return put(fd, data, count, offset, path);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) { return pwrite(fd, data, count, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return syscall(SYS_writev, fd, parts, count);
    size_t total = 0, at = 0;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    char *data = malloc(total + 1);
    if (data == NULL) die("no memory");
    for (int i = 0; i < count; at += parts[i++].iov_len) memcpy(data + at, parts[i].iov_base, parts[i].iov_len);
    ssize_t n = put(fd, data, total, -1, path);
    free(data);
    return n;
}

/* what nothing here does; a recording in which it happens is refused */

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    unseen(fd, "pwritev");
    return syscall(SYS_pwritev, fd, parts, count, (unsigned long)offset, 0UL);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    unseen(out, "sendfile");
    return syscall(SYS_sendfile, out, in, offset, count);
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) { return sendfile(out, in, (off_t *)offset, count); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    unseen(out, "copy_file_range");
    return syscall(SYS_copy_file_range, in, from, out, to, count, flags);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    unseen(fd, "fallocate");
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }

/* SQLite maps the file of its shared memory, which is no state that has to last */
static void mapped(int protection, int flags, int fd) {
    char path[PATH_MAX];
    if (fd < 0 || !(flags & MAP_SHARED) || !(protection & PROT_WRITE) || !path_of(fd, path)) return;
    size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, "-shm") != 0) unseen(fd, "mmap");
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    mapped(protection, flags, fd);
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(at, length, protection, flags, fd, offset);
}

/* truncate */

int ftruncate(int fd, off_t size) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return (int)syscall(SYS_ftruncate, fd, size);
    lock();
    int done = (int)syscall(SYS_ftruncate, fd, size);
    if (done == 0) record(TRUNCATE, inode_of(fd), (uint64_t)size, path, NULL, 0);
    unlock();
    return done;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int truncate(const char *path, off_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int done = ftruncate(fd, size);
    syscall(SYS_close, fd);
    return done;
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* names */

int unlinkat(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    if (!resolved(folder, path, whole)) return (int)syscall(SYS_unlinkat, folder, path, flags);
    lock();
    int done = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (done == 0) record(UNLINK, 0, 0, whole, NULL, 0);
    unlock();
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int done = unlink(path);
    return done != 0 && errno == EISDIR ? rmdir(path) : done;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char before[PATH_MAX], after[PATH_MAX];
    int leaves = resolved(from_folder, from, before), enters = resolved(to_folder, to, after);
    if (!leaves && !enters) return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
    lock();
    int done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
    if (done == 0 && leaves && enters) record(RENAME, 0, 0, before, after, strlen(after));
    else if (done == 0) record(UNSEEN, 0, 0, leaves ? before : after, "rename across", 13);
    unlock();
    return done;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char before[PATH_MAX], after[PATH_MAX];
    int known = resolved(from_folder, from, before), enters = resolved(to_folder, to, after);
    if (!enters) return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    lock();
    int done = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (done == 0 && known) record(LINK, 0, 0, before, after, strlen(after));
    else if (done == 0) record(UNSEEN, 0, 0, after, "link across", 11);
    unlock();
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    if (!resolved(folder, path, whole)) return (int)syscall(SYS_mkdirat, folder, path, mode);
    lock();
    int done = (int)syscall(SYS_mkdirat, folder, path, mode);
    struct stat made;
    if (done == 0 && lstat(whole, &made) == 0) record(MKDIR, made.st_ino, 0, whole, NULL, 0);
    unlock();
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* fsync */

static int synced(int fd, long call) {
    char path[PATH_MAX];
    if (!path_of(fd, path) || is_marks(path)) return (int)syscall(call, fd);
    uint64_t inode = inode_of(fd);
    lock();
    uint64_t number = ((uint64_t)getpid() << 32) | ++syncs;
    record(SYNC_BEGIN, inode, number, path, NULL, 0);
    unlock();
    int done = (int)syscall(call, fd), kept = errno;
    if (sync_us > 0) usleep(sync_us);
    errno = kept;
    if (done != 0) return done;
    lock();
    record(SYNC_END, inode, number, path, NULL, 0);
    unlock();
    return 0;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
