/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches on disk. File: struct head, then the octets. Byte order and layout are the machine's own: a spool
 * does not travel. */
#include "base/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"

enum { BUFFER = 1 << 20, NAME_LEN = 64 };

static const char magic[8] = { 'P', 'M', 'S', 'P', 'O', 'O', 'L', '1' };

struct head {
    char magic[8];
    uint64_t seq;
    uint8_t meta[SPOOL_META];
    uint64_t len;   /* octets behind the head */
    uint64_t hash;  /* of them */
    uint64_t check; /* hash of the head up to here */
};
_Static_assert(sizeof(struct head) % 8 == 0, "what follows is aligned");

struct spool {
    int dir; /* descriptor of the directory, locked */
    struct file_modes modes;
    struct spool_item *item;
    size_t n, cap;
    uint64_t octets, next_seq;
    unsigned damaged;
    /* the file that is being written */
    int fd; /* -1: none */
    struct head head;
    XXH3_state_t hash;
    uint8_t *buf; /* from the first file on */
    size_t fill;
};

static void name_of(char name[NAME_LEN], uint64_t seq, const char *suffix)
{
    snprintf(name, NAME_LEN, "%016" PRIx64 ".%s", seq, suffix);
}

static uint64_t head_check(const struct head *h) { return hash_bytes(h, offsetof(struct head, check)); }

/* ---- the list */

static int list_add(struct spool *s, const struct spool_item *it, struct err *e)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct spool_item *more = realloc(s->item, cap * sizeof(*more));
        if (!more)
            return err_sys(e, "no memory for the spool");
        s->item = more;
        s->cap = cap;
    }
    s->item[s->n++] = *it;
    s->octets += it->octets;
    return 0;
}

static void list_drop(struct spool *s, uint64_t seq)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->item[i].seq != seq)
            continue;
        s->octets -= s->item[i].octets;
        memmove(&s->item[i], &s->item[i + 1], (s->n - i - 1) * sizeof(*s->item));
        s->n--;
        return;
    }
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = ((const struct spool_item *)a)->seq, y = ((const struct spool_item *)b)->seq;
    return x < y ? -1 : x > y;
}

size_t spool_count(const struct spool *s) { return s->n; }
uint64_t spool_octets(const struct spool *s) { return s->octets; }
unsigned spool_damaged(const struct spool *s) { return s->damaged; }
const struct spool_item *spool_at(const struct spool *s, size_t i) { return i < s->n ? &s->item[i] : NULL; }

/* ---- opening */

static void set_aside(struct spool *s, uint64_t seq)
{
    char from[NAME_LEN], to[NAME_LEN];
    name_of(from, seq, "batch");
    name_of(to, seq, "damaged");
    renameat(s->dir, from, s->dir, to);
    s->damaged++;
}

/* Reads a head and compares it with the file's size; what it says of the rest is verified when it is mapped.
 */
static bool read_head(const struct spool *s, const char *name, uint64_t seq, struct head *h)
{
    struct stat st;
    int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);
    bool ok = fd != -1 && fstat(fd, &st) == 0 && read(fd, h, sizeof(*h)) == (ssize_t)sizeof(*h) &&
              !memcmp(h->magic, magic, sizeof(magic)) && h->check == head_check(h) && h->seq == seq &&
              (uint64_t)st.st_size == sizeof(*h) + h->len;
    if (fd != -1)
        close(fd);
    return ok;
}

/* The number in a file's name, 0: it is none of ours. */
static uint64_t seq_of(const char *name, const char *suffix)
{
    char *end;
    uint64_t seq = strtoull(name, &end, 16);
    return end == name + 16 && *end == '.' && !strcmp(end + 1, suffix) ? seq : 0;
}

static int take_in(struct spool *s, const char *name, struct err *e)
{
    struct head h;
    uint64_t seq = seq_of(name, "batch"), unfinished = seq_of(name, "tmp"), bad = seq_of(name, "damaged");
    uint64_t any = seq | unfinished | bad;
    if (any >= s->next_seq)
        s->next_seq = any + 1;
    if (unfinished)
        unlinkat(s->dir, name, 0);
    if (!seq)
        return 0;
    if (!read_head(s, name, seq, &h)) {
        set_aside(s, seq);
        return 0;
    }
    struct spool_item it = { .seq = seq, .octets = sizeof(h) + h.len };
    memcpy(it.meta, h.meta, sizeof(it.meta));
    return list_add(s, &it, e);
}

static int scan(struct spool *s, const char *dir, struct err *e)
{
    int fd = dup(s->dir);
    DIR *d = fd == -1 ? NULL : fdopendir(fd);
    int rc = 0;
    if (!d)
        return err_sys(e, "cannot read the spool '%s'", dir);
    for (struct dirent *x; rc == 0 && (x = readdir(d));)
        rc = take_in(s, x->d_name, e);
    closedir(d);
    if (s->n)
        qsort(s->item, s->n, sizeof(*s->item), by_seq);
    return rc;
}

static int open_dir(const char *dir, const struct file_modes *m, struct err *e)
{
    char inside[4096];
    if (snprintf(inside, sizeof(inside), "%s/x", dir) >= (int)sizeof(inside))
        return err_set(e, ERR_LIMIT, "the name of the spool '%.64s...' is too long", dir);
    if (file_make_parents(inside, m, e) == -1)
        return -1;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1)
        return err_sys(e, "cannot open the spool '%s'", dir);
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == -1) {
        err_sys(e, "cannot write into the spool '%s'", dir);
    } else if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return fd;
    } else {
        err_set(e, ERR_LIMIT, "the spool '%s' is in use by another process", dir);
    }
    close(fd);
    return -1;
}

struct spool *spool_open(const char *dir, const struct file_modes *m, struct err *e)
{
    int fd = open_dir(dir, m, e);
    if (fd == -1)
        return NULL;
    struct spool *s = calloc(1, sizeof(*s));
    if (!s) {
        err_sys(e, "no memory for the spool");
        close(fd);
        return NULL;
    }
    s->dir = fd;
    s->modes = *m;
    s->next_seq = 1;
    s->fd = -1;
    if (scan(s, dir, e) == 0)
        return s;
    spool_close(s);
    return NULL;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    spool_abandon(s);
    close(s->dir);
    free(s->item);
    free(s->buf);
    free(s);
}

/* ---- writing */

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done == -1 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int fail(struct spool *s, struct err *e)
{
    err_sys(e, "cannot write into the spool");
    spool_abandon(s);
    return -1;
}

static int flush(struct spool *s, struct err *e)
{
    XXH3_64bits_update(&s->hash, s->buf, s->fill);
    s->head.len += s->fill;
    int rc = write_all(s->fd, s->buf, s->fill);
    s->fill = 0;
    return rc == 0 ? 0 : fail(s, e);
}

int spool_begin(struct spool *s, const uint8_t meta[SPOOL_META], struct err *e)
{
    char name[NAME_LEN];
    if (!s->buf && !(s->buf = malloc(BUFFER)))
        return err_sys(e, "no memory for the spool");
    s->head = (struct head){ .seq = s->next_seq++ };
    memcpy(s->head.magic, magic, sizeof(magic));
    memcpy(s->head.meta, meta, sizeof(s->head.meta));
    name_of(name, s->head.seq, "tmp");
    s->fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666 & ~s->modes.mask);
    if (s->fd == -1)
        return err_sys(e, "cannot write into the spool");
    (void)!fchown(s->fd, s->modes.uid, s->modes.gid);
    XXH3_64bits_reset(&s->hash);
    s->fill = 0;
    return write_all(s->fd, (const uint8_t *)&s->head, sizeof(s->head)) == 0 ? 0 : fail(s, e);
}

int spool_add(struct spool *s, const void *p, size_t n, struct err *e)
{
    const uint8_t *from = p;
    while (n) {
        size_t room = BUFFER - s->fill, part = n < room ? n : room;
        memcpy(s->buf + s->fill, from, part);
        s->fill += part;
        from += part;
        n -= part;
        if (s->fill == BUFFER && flush(s, e) == -1)
            return -1;
    }
    return 0;
}

int spool_commit(struct spool *s, uint64_t *seq, struct err *e)
{
    char tmp[NAME_LEN], name[NAME_LEN];
    struct head *h = &s->head;
    if (s->fill && flush(s, e) == -1)
        return -1;
    h->hash = XXH3_64bits_digest(&s->hash);
    h->check = head_check(h);
    name_of(tmp, h->seq, "tmp");
    name_of(name, h->seq, "batch");
    if (pwrite(s->fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) || fdatasync(s->fd) == -1 ||
        renameat(s->dir, tmp, s->dir, name) == -1)
        return fail(s, e);
    fsync(s->dir);
    close(s->fd);
    s->fd = -1;
    *seq = h->seq;
    struct spool_item it = { .seq = h->seq, .octets = sizeof(*h) + h->len };
    memcpy(it.meta, h->meta, sizeof(it.meta));
    return list_add(s, &it, e);
}

void spool_abandon(struct spool *s)
{
    char name[NAME_LEN];
    if (s->fd == -1)
        return;
    close(s->fd);
    s->fd = -1;
    name_of(name, s->head.seq, "tmp");
    unlinkat(s->dir, name, 0);
}

/* ---- reading */

static bool sound(const uint8_t *map, size_t size, uint64_t seq)
{
    struct head h;
    if (size < sizeof(h))
        return false;
    memcpy(&h, map, sizeof(h));
    return !memcmp(h.magic, magic, sizeof(magic)) && h.check == head_check(&h) && h.seq == seq &&
           h.len == size - sizeof(h) && h.hash == hash_bytes(map + sizeof(h), h.len);
}

int spool_map(struct spool *s, uint64_t seq, const uint8_t **p, size_t *n, struct err *e)
{
    char name[NAME_LEN];
    struct stat st;
    name_of(name, seq, "batch");
    int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1) {
        err_sys(e, "cannot read '%s' out of the spool", name);
        if (fd != -1)
            close(fd);
        list_drop(s, seq);
        return -1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (map != MAP_FAILED && sound(map, size, seq)) {
        *p = map + sizeof(struct head);
        *n = size - sizeof(struct head);
        return 0;
    }
    if (map != MAP_FAILED)
        munmap(map, size);
    set_aside(s, seq);
    list_drop(s, seq);
    return err_set(e, ERR_FORMAT, "'%s' in the spool is damaged: set aside as .damaged", name);
}

void spool_unmap(const uint8_t *p, size_t n)
{
    munmap((uint8_t *)(uintptr_t)p - sizeof(struct head), n + sizeof(struct head));
}

void spool_put_off(struct spool *s, uint64_t seq)
{
    for (size_t i = 0; i < s->n; i++)
        s->item[i].later |= s->item[i].seq == seq;
}

void spool_remove(struct spool *s, uint64_t seq)
{
    char name[NAME_LEN];
    name_of(name, seq, "batch");
    unlinkat(s->dir, name, 0);
    list_drop(s, seq);
}
