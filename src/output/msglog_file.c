/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into files, a line each. The core puts them into chunks of bounded number; a thread writes, so
 * that a disk that hangs, or a pipe that nobody reads, costs messages and nothing else. msglog.c calls it. */
#include "output/msglog_file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "output/msglog_chunks.h"

enum {
    FILES_OPEN = 256,
    BUCKETS = 1024,
    PIECES = 128, /* of one file that go out at once */
    NAME_OCTETS = 4096,
    RETRY_US = 1000000, /* until a file that could not be opened is tried again */
    PIPE_MS = 1000,     /* for which a pipe that is full is waited for, once */
};

enum order { ORDER_LINES, ORDER_REOPEN, ORDER_FINISH, ORDER_FREE };

/* The core finds it by its name and counts who uses it; then it is handed to the thread to be freed, behind
 * all of its lines. */
struct file {
    /* the core's */
    struct file *next; /* in its bucket, or among those to be freed */
    unsigned refs;
    bool retired; /* no longer found by its name */
    uint32_t hash;
    /* the thread's */
    int fd;       /* -1: closed */
    bool emptied; /* it has been opened once: from now on it is added to */
    bool stuck;   /* a pipe that nobody has read for PIPE_MS */
    int64_t failed_us;
    uint64_t used; /* when last, in turns of the writer */
    struct file *touched;
    bool is_touched;
    unsigned n;
    uint64_t lines;
    struct iovec piece[PIECES];
    /* neither's: it never changes */
    char name[];
};

/* The thread's, but for what never changes. */
struct writer {
    struct msglog_chunks *chunks;
    const struct log *log;
    const char *path;
    bool utc, empty;
    struct file_modes modes;
    struct file *open[FILES_OPEN];
    unsigned n_open, max_open;
    struct file *touched; /* those with pieces */
    uint64_t turn;
    struct log_limit say;
};

struct file_state {
    struct writer *w;             /* not freed when its thread hangs in a system call */
    struct msglog_chunks *chunks; /* its: found without reading what the thread writes */
    struct file *bucket[BUCKETS];
    struct file *to_free;
    struct strbuf name;
    char timed[NAME_OCTETS]; /* pattern with the time filled in */
    int64_t last_s, fixed_us;
    unsigned generation; /* changes with `timed` */
};

struct target {
    const struct msglog_topic *topic;
    struct file *file; /* NULL: no memory, or a name that is too long */
    unsigned generation;
};

/* ---- the thread: one file */

static uint64_t lines(const char *p, size_t n)
{
    uint64_t sum = 0;
    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        sum++;
    return sum;
}

/* Takes n octets off the front. */
static unsigned skip(struct file *f, unsigned first, size_t n)
{
    while (first < f->n && n >= f->piece[first].iov_len)
        n -= f->piece[first++].iov_len;
    if (n) {
        f->piece[first].iov_base = (char *)f->piece[first].iov_base + n;
        f->piece[first].iov_len -= n;
    }
    return first;
}

static uint64_t lines_from(const struct file *f, unsigned first)
{
    uint64_t sum = 0;
    for (; first < f->n; first++)
        sum += lines(f->piece[first].iov_base, f->piece[first].iov_len);
    return sum;
}

/* After EAGAIN: is there room in the pipe now? */
static bool wait_for_pipe(struct file *f)
{
    struct pollfd p = { .fd = f->fd, .events = POLLOUT };
    f->stuck = poll(&p, 1, f->stuck ? 0 : PIPE_MS) <= 0;
    return !f->stuck;
}

/* What cannot be written is lost; so is a line that was cut. */
static void put_out(struct writer *w, struct file *f)
{
    unsigned first = 0;
    uint64_t lost = 0;
    while (first < f->n) {
        const ssize_t n = f->fd == -1 ? -1 : writev(f->fd, f->piece + first, (int)(f->n - first));
        if (n == -1 && f->fd != -1 && (errno == EINTR || (errno == EAGAIN && wait_for_pipe(f))))
            continue;
        if (n <= 0) {
            if (f->fd != -1)
                log_limited(w->log, &w->say, LOG_LV_WARN, "cannot write '%s': %s", f->name, strerror(errno));
            lost = lines_from(f, first);
            break;
        }
        first = skip(f, first, (size_t)n);
    }
    msglog_count_lose(msglog_chunks_count(w->chunks), lost);
    msglog_count_done(msglog_chunks_count(w->chunks), f->lines - lost);
    f->n = 0;
    f->lines = 0;
}

static void file_close(struct writer *w, struct file *f)
{
    put_out(w, f);
    if (f->fd == -1)
        return;
    close(f->fd);
    f->fd = -1;
    unsigned i = 0;
    while (w->open[i] != f)
        i++;
    w->open[i] = w->open[--w->n_open];
}

/* The one that was unused for longest makes room. */
static void make_room(struct writer *w)
{
    struct file *oldest = w->open[0];
    for (unsigned i = 1; i < w->n_open; i++)
        if (w->open[i]->used < oldest->used)
            oldest = w->open[i];
    file_close(w, oldest);
}

static void empty_file(const struct writer *w, const struct file *f)
{
    struct stat st;
    if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(f->fd, 0) == -1)
        log_warn(w->log, "cannot empty '%s': %s", f->name, strerror(errno));
}

static void open_file(struct writer *w, struct file *f)
{
    struct err e = { 0 };
    if (f->failed_us && clock_mono_us() - f->failed_us < RETRY_US)
        return;
    if (w->n_open == w->max_open)
        make_room(w);
    f->fd = file_open_shared(f->name, &w->modes, &e);
    f->failed_us = f->fd == -1 ? clock_mono_us() : 0;
    if (f->fd == -1) {
        log_limited(w->log, &w->say, LOG_LV_WARN, "%s", e.text);
        return;
    }
    if (w->empty && !f->emptied)
        empty_file(w, f);
    f->emptied = true;
    w->open[w->n_open++] = f;
}

/* ---- the thread: what it is given */

static void add_piece(struct writer *w, struct file *f, const struct msglog_run *r)
{
    if (f->fd == -1)
        open_file(w, f);
    f->used = w->turn;
    if (f->n == PIECES)
        put_out(w, f);
    /* writev takes what it only reads as a pointer to non-const */
    f->piece[f->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)(r + 1), .iov_len = r->len };
    f->lines += r->lines;
    if (f->is_touched)
        return;
    f->is_touched = true;
    f->touched = w->touched;
    w->touched = f;
}

static void put_out_all(struct writer *w)
{
    while (w->touched) {
        struct file *f = w->touched;
        w->touched = f->touched;
        f->is_touched = false;
        put_out(w, f);
    }
}

static void close_files(struct writer *w)
{
    put_out_all(w);
    while (w->n_open)
        file_close(w, w->open[0]);
}

/* The text is the link that shall point to the file from now on; empty: none. */
static void finish(struct writer *w, struct file *f, const char *link, size_t len)
{
    char name[NAME_OCTETS];
    struct err e = { 0 };
    file_close(w, f);
    if (!len || len >= sizeof(name))
        return;
    memcpy(name, link, len);
    name[len] = '\0';
    if (file_link_latest(name, f->name, &w->modes, &e) == -1)
        log_limited(w->log, &w->say, LOG_LV_WARN, "%s", e.text);
}

static void obey(struct writer *w, const struct msglog_run *r)
{
    struct file *f = r->to;
    switch ((enum order)r->order) {
    case ORDER_LINES:
        break;
    case ORDER_REOPEN:
        close_files(w);
        break;
    case ORDER_FINISH:
        finish(w, f, (const char *)(r + 1), r->len);
        break;
    case ORDER_FREE:
        put_out_all(w);
        file_close(w, f);
        free(f);
    }
}

static void write_chunks(void *arg, const struct msglog_chunk *list)
{
    struct writer *w = arg;
    const struct msglog_run *r;
    w->turn++;
    for (; list; list = list->next)
        for (uint32_t at = 0; (r = msglog_run_at(list, at)); at = msglog_run_next(at, r)) {
            if (r->lines)
                add_piece(w, r->to, r);
            else
                obey(w, r);
        }
    put_out_all(w);
}

static void end(void *arg) { close_files(arg); }

/* ---- the core's side: files by name */

static struct file **find(struct file_state *s, const char *name, uint32_t hash)
{
    struct file **f = &s->bucket[hash % BUCKETS];
    while (*f && ((*f)->hash != hash || strcmp((*f)->name, name) != 0))
        f = &(*f)->next;
    return f;
}

static struct file *file_get(struct file_state *s, const char *name)
{
    const size_t len = strlen(name);
    const uint32_t hash = (uint32_t)hash_bytes(name, len);
    struct file **place = find(s, name, hash), *f = *place;
    if (!f) {
        f = calloc(1, sizeof(*f) + len + 1);
        if (!f)
            return NULL;
        memcpy(f->name, name, len + 1);
        f->hash = hash;
        f->fd = -1;
        *place = f;
    }
    f->refs++;
    return f;
}

/* What does not fit into a queue that is full waits for the next time. */
static void free_some(struct file_state *s)
{
    while (s->to_free) {
        struct file *f = s->to_free;
        struct file *next = f->next;
        if (!msglog_chunks_order(s->chunks, f, ORDER_FREE, NULL, 0))
            return;
        s->to_free = next;
    }
}

static void file_put(struct file_state *s, struct file *f)
{
    if (!f || --f->refs)
        return;
    if (!f->retired)
        *find(s, f->name, f->hash) = f->next;
    f->next = s->to_free;
    s->to_free = f;
    free_some(s);
}

/* ---- the core's side */

static bool file_wanted(const struct msglog_conf *c) { return c->file.path != NULL; }

/* A name that never changes is tried at once: a folder that cannot be written ends the start. */
static int try_name(const struct msglog_conf *c, struct err *e)
{
    if (strpbrk(c->file.path, "$%"))
        return 0;
    const int fd = file_open_shared(c->file.path, &c->file.modes, e);
    if (fd == -1)
        return -1;
    close(fd);
    return 0;
}

/* The pattern with the time in it, made anew each second. */
static void take_time(struct file_state *s)
{
    char now[NAME_OCTETS];
    if (!strchr(s->w->path, '%'))
        return;
    const int64_t us = s->fixed_us ? s->fixed_us : clock_wall_us();
    if (us / US_PER_S == s->last_s)
        return;
    s->last_s = us / US_PER_S;
    if (!time_strftime(now, sizeof(now), s->w->path, us, s->w->utc) || !strcmp(now, s->timed))
        return;
    memcpy(s->timed, now, sizeof(now));
    s->generation++;
}

static int file_open(void *state, const struct msglog_conf *c, const struct log *l, struct err *e)
{
    struct file_state *s = state;
    if (msglog_check_name(c->file.path, e) == -1 || try_name(c, e) == -1)
        return -1;
    struct writer *w = calloc(1, sizeof(*w));
    if (!w)
        return err_sys(e, "no memory for '%s'", c->file.path);
    w->log = l;
    w->path = c->file.path;
    w->utc = c->file.utc;
    w->empty = c->file.empty;
    w->modes = c->file.modes;
    w->max_open = c->file.max_open && c->file.max_open < FILES_OPEN ? c->file.max_open : FILES_OPEN;
    const struct msglog_writer job = { .what = w->path,
                                       .write = write_chunks,
                                       .end = end,
                                       .free = free,
                                       .arg = w,
                                       .has_room = c->has_room,
                                       .room_arg = c->room_arg };
    w->chunks = msglog_chunks_start(&job, l, e);
    if (!w->chunks) {
        free(w);
        return -1;
    }
    strbuf_init(&s->name, NAME_OCTETS);
    s->w = w;
    s->chunks = w->chunks;
    s->generation = 1;
    snprintf(s->timed, sizeof(s->timed), "%s", w->path);
    take_time(s);
    return 0;
}

static void name_file(struct file_state *s, struct target *t)
{
    struct file *old = t->file;
    strbuf_clear(&s->name);
    msglog_expand(&s->name, s->timed, t->topic, true);
    t->generation = s->generation;
    t->file = s->name.failed || !s->name.len ? NULL : file_get(s, strbuf_cstr(&s->name));
    file_put(s, old);
}

static bool file_resolve(void *state, void *target, const struct msglog_topic *topic)
{
    struct target *t = target;
    t->topic = topic;
    name_file(state, t);
    return true;
}

static void file_release(void *state, void *target)
{
    struct target *t = target;
    file_put(state, t->file);
}

static bool file_write(void *state, void *target, const char *text, size_t len)
{
    struct file_state *s = state;
    struct target *t = target;
    if (t->generation != s->generation)
        name_file(s, t);
    return t->file && msglog_chunks_add(s->chunks, t->file, text, len);
}

static char *file_reserve(void *state, void *target, size_t len)
{
    struct file_state *s = state;
    struct target *t = target;
    if (t->generation != s->generation)
        name_file(s, t);
    return t->file ? msglog_chunks_reserve(s->chunks, t->file, len) : NULL;
}

static void file_commit(void *state, size_t len)
{
    struct file_state *s = state;
    msglog_chunks_commit(s->chunks, len);
}

static void file_flush(void *state)
{
    struct file_state *s = state;
    take_time(s);
    msglog_chunks_flush(s->chunks, false);
}

static void file_tick(void *state, int64_t mono_us)
{
    struct file_state *s = state;
    (void)mono_us;
    take_time(s);
    free_some(s);
    msglog_chunks_flush(s->chunks, true);
}

static void file_reopen(void *state)
{
    struct file_state *s = state;
    /* a queue that is full hangs on a file anyway */
    (void)msglog_chunks_order(s->chunks, NULL, ORDER_REOPEN, NULL, 0);
    msglog_chunks_flush(s->chunks, true);
}

/* Names begin anew: a file of the same name is another one, and emptied again where files are. */
static void file_set_time(void *state, int64_t wall_us)
{
    struct file_state *s = state;
    for (unsigned i = 0; i < BUCKETS; i++)
        while (s->bucket[i]) {
            struct file *f = s->bucket[i];
            s->bucket[i] = f->next;
            f->next = NULL;
            f->retired = true;
        }
    s->fixed_us = wall_us;
    s->last_s = -1;
    s->generation++;
    take_time(s);
}

static void file_finish(void *state, void *target, const char *link)
{
    struct file_state *s = state;
    struct target *t = target;
    if (t->generation != s->generation || !t->file)
        return;
    (void)msglog_chunks_order(s->chunks, t->file, ORDER_FINISH, link, link ? strlen(link) : 0);
    msglog_chunks_flush(s->chunks, true);
}

static bool file_room(void *state)
{
    struct file_state *s = state;
    return msglog_chunks_room(s->chunks);
}

static uint64_t file_progress(const void *state)
{
    const struct file_state *s = state;
    return msglog_count_progress(msglog_chunks_count(s->chunks));
}

static uint64_t file_lost_later(void *state)
{
    struct file_state *s = state;
    return msglog_count_lost(msglog_chunks_count(s->chunks));
}

static void file_close_all(void *state)
{
    struct file_state *s = state;
    free_some(s);
    strbuf_free(&s->name);
    msglog_chunks_stop(s->chunks);
}

const struct msglog_sink_ops msglog_file = {
    .name = "file",
    .state_size = sizeof(struct file_state),
    .target_size = sizeof(struct target),
    .wanted = file_wanted,
    .open = file_open,
    .resolve = file_resolve,
    .release = file_release,
    .write = file_write,
    .reserve = file_reserve,
    .commit = file_commit,
    .flush = file_flush,
    .tick = file_tick,
    .reopen = file_reopen,
    .set_time = file_set_time,
    .finish = file_finish,
    .room = file_room,
    .progress = file_progress,
    .lost_later = file_lost_later,
    .close = file_close_all,
};
