/* SPDX-License-Identifier: BSD-2-Clause */
/* Output files, pidfiles, links to the latest file. Called at start and by writer threads at each purge. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct file_modes file_modes_of(int mask, int uid, int gid)
{
    return (struct file_modes){ .mask = mask == -1 ? 077 : (mode_t)mask & 0777,
                                .uid = (uid_t)uid,
                                .gid = (gid_t)gid };
}

static bool gives_away(const struct file_modes *m) { return m->uid != (uid_t)-1 || m->gid != (gid_t)-1; }

static int make_dir(const char *path, const struct file_modes *m, struct err *e)
{
    if (mkdir(path, 0700) == -1) {
        struct stat st;
        int why = errno;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) /* another writer was faster, or it is read-only */
            return 0;
        errno = why;
        return err_sys(e, "cannot make the directory '%s'", path);
    }
    if (gives_away(m) && chown(path, m->uid, m->gid) == -1 && errno != EPERM)
        return err_sys(e, "cannot change the owner of '%s'", path);
    return chmod(path, 0777 & ~m->mask) == -1 ? err_sys(e, "cannot change the mode of '%s'", path) : 0;
}

int file_make_parents(const char *path, const struct file_modes *m, struct err *e)
{
    char dir[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof(dir))
        return err_set(e, ERR_LIMIT, "the path '%.64s...' is too long", path);
    memcpy(dir, path, len + 1);
    char *last = strrchr(dir, '/');
    if (!last || last == dir)
        return 0;
    *last = '\0';
    if (access(dir, F_OK) == 0)
        return 0;
    for (char *at = strchr(dir + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (make_dir(dir, m, e) == -1)
            return -1;
        *at = '/';
    }
    return make_dir(dir, m, e);
}

/* Opens or creates; owner and mode are given to what is created only. */
static int open_or_create(const char *path, int flags, const struct file_modes *m)
{
    flags |= O_CLOEXEC | O_NOCTTY;
    for (int tries = 0; tries < 3; tries++) { /* it may come or go between the two calls */
        int fd = open(path, flags);
        if (fd != -1 || errno != ENOENT)
            return fd;
        fd = open(path, flags | O_CREAT | O_EXCL, 0600);
        if (fd != -1) {
            int unheeded = gives_away(m) ? fchown(fd, m->uid, m->gid) : 0;
            (void)unheeded;
            if (fchmod(fd, 0666 & ~m->mask) == 0)
                return fd;
            close(fd);
            return -1;
        }
        if (errno != EEXIST) /* a link that leads nowhere yields this for ever: the last errno is told */
            return -1;
    }
    return -1;
}

static bool is_fifo(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int open_parented(const char *path, int flags, const struct file_modes *m, struct err *e)
{
    if (file_make_parents(path, m, e) == -1)
        return -1;
    int fd = open_or_create(path, O_WRONLY | flags, m);
    return fd == -1 ? err_sys(e, "cannot open '%s'", path) : fd;
}

static int open_fifo(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fd == -1 ? err_sys(e, "cannot open '%s'", path) : fd;
}

int file_open_shared(const char *path, const struct file_modes *m, struct err *e)
{
    return is_fifo(path) ? open_fifo(path, e) : open_parented(path, O_APPEND, m, e);
}

static int lock_wait(int fd)
{
    int rc;
    do
        rc = flock(fd, LOCK_EX);
    while (rc == -1 && errno == EINTR);
    return rc;
}

static int fail_close(int fd, struct err *e, const char *what, const char *path)
{
    err_sys(e, "cannot %s '%s'", what, path);
    close(fd);
    return -1;
}

int file_open_output(const char *path, bool append, const struct file_modes *m, bool *empty, struct err *e)
{
    struct stat st;
    bool unused;
    if (!empty)
        empty = &unused;
    *empty = true;
    if (is_fifo(path))
        return open_fifo(path, e);
    int fd = open_parented(path, append ? O_APPEND : 0, m, e);
    if (fd == -1)
        return -1;
    if (fstat(fd, &st) == -1)
        return fail_close(fd, e, "look at", path);
    if (!S_ISREG(st.st_mode)) /* /dev/stdout, a terminal, a socket of old */
        return fd;
    if (lock_wait(fd) == -1)
        return fail_close(fd, e, "lock", path);
    /* Only now: another writer may have been at it until a moment ago. */
    if (!append && ftruncate(fd, 0) == -1)
        return fail_close(fd, e, "empty", path);
    if (append && fstat(fd, &st) == 0)
        *empty = st.st_size == 0;
    return fd;
}

/* ---- pidfiles */

int pidfile_write(const char *path, const struct file_modes *m, struct err *e)
{
    char text[16];
    int fd = file_open_output(path, false, m, NULL, e);
    if (fd == -1)
        return -1;
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (write(fd, text, (size_t)len) != len)
        return fail_close(fd, e, "write", path);
    close(fd);
    return 0;
}

void pidfile_remove(const char *path)
{
    char text[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1)
        return;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n > 0 && strtol(text, NULL, 10) == getpid())
        unlink(path);
}

/* ---- link to the latest file */

static bool newer(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* What the link must hold: the path as it is, if it leads to the same file from the link's directory. */
static const char *link_text(const char *link, const char *target, char full[PATH_MAX])
{
    if (target[0] == '/' || !strchr(link, '/'))
        return target;
    return realpath(target, full);
}

int file_link_latest(const char *link, const char *target, const struct file_modes *m, struct err *e)
{
    struct stat now, next;
    char full[PATH_MAX], tmp[PATH_MAX];
    if (file_make_parents(link, m, e) == -1)
        return -1;
    if (lstat(link, &now) == 0 && !S_ISLNK(now.st_mode))
        return err_set(e, ERR_CONFIG, "'%s' is no symbolic link: not replaced", link);
    if (stat(target, &next) == 0 && stat(link, &now) == 0 && newer(&now.st_mtim, &next.st_mtim))
        return 0;
    const char *text = link_text(link, target, full);
    if (!text)
        return err_sys(e, "cannot resolve '%s'", target);
    int n = snprintf(tmp, sizeof(tmp), "%s.%d.%d", link, (int)getpid(), (int)gettid());
    if (n < 0 || (size_t)n >= sizeof(tmp))
        return err_set(e, ERR_LIMIT, "the path '%.64s...' is too long", link);
    unlink(tmp);
    if (symlink(text, tmp) == -1)
        return err_sys(e, "cannot make the link '%s'", tmp);
    int unheeded = gives_away(m) ? lchown(tmp, m->uid, m->gid) : 0;
    (void)unheeded;
    if (rename(tmp, link) == -1) {
        err_sys(e, "cannot replace the link '%s'", link);
        unlink(tmp);
        return -1;
    }
    return 0;
}
