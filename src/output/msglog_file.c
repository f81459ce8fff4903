/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into files, a line each. The core puts them into a queue of bounded size; a thread writes, so that
 * a disk that hangs, or a pipe that nobody reads, costs messages and nothing else. msglog.c calls it. */
#include "output/msglog_file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

enum {
    QUEUE_MAX = 16 << 20, /* octets of messages that wait */
    FILES_OPEN = 256,
    GATHER = 64 << 10, /* octets of one file that go out at once */
    CLOSE_WAIT_S = 2,
    NAME_OCTETS = 4096,
    RETRY_US = 1000000, /* until a file that could not be opened is tried again */
};

struct file {
    char *name; /* NULL: free */
    int fd;     /* -1: could not be opened */
    int64_t failed_us;
    uint64_t used; /* when last, in turns of the writer */
    struct strbuf out;
};

/* Shared between the core and the thread; what stands above `lock` is the core's alone, or never changes. */
struct writer {
    const struct log *log;
    const char *path;
    bool utc;
    struct file_modes modes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct strbuf queue; /* items: struct item, name, text; without a name: open all files anew */
    bool stop;
    _Atomic uint64_t lost; /* since the last lost_later; relaxed: a counter, nothing depends on it */
    /* the thread's */
    struct strbuf work;
    struct file file[FILES_OPEN];
    unsigned max_open;
    uint64_t turn;
    struct log_limit say;
};

struct item {
    uint32_t name_len, text_len;
};

struct file_state {
    struct writer *w; /* not freed when its thread hangs in a system call */
    struct strbuf name;
    char last[NAME_OCTETS]; /* pattern with the time filled in */
    int64_t last_s;
};

/* ---- the thread: one file */

static void lose(struct writer *w, uint64_t n)
{
    atomic_fetch_add_explicit(&w->lost, n, memory_order_relaxed);
}

static uint64_t lines(const char *p, size_t n)
{
    uint64_t sum = 0;
    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        sum++;
    return sum;
}

/* What cannot be written is lost; so is a line that was cut. */
static void put_out(struct writer *w, struct file *f)
{
    const char *p = f->out.p;
    size_t left = f->out.len;
    while (left) {
        const ssize_t n = f->fd == -1 ? -1 : write(f->fd, p, left);
        if (n == -1 && f->fd != -1 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (f->fd != -1)
                log_limited(w->log, &w->say, LOG_LV_WARN, "cannot write '%s': %s", f->name, strerror(errno));
            lose(w, lines(p, left));
            break;
        }
        p += n;
        left -= (size_t)n;
    }
    strbuf_clear(&f->out);
}

static void file_close(struct writer *w, struct file *f)
{
    if (!f->name)
        return;
    put_out(w, f);
    if (f->fd != -1)
        close(f->fd);
    strbuf_free(&f->out);
    free(f->name);
    f->name = NULL;
}

static void try_open(struct writer *w, struct file *f)
{
    struct err e = { 0 };
    f->fd = file_open_shared(f->name, &w->modes, &e);
    f->failed_us = clock_mono_us();
    if (f->fd == -1)
        log_limited(w->log, &w->say, LOG_LV_WARN, "%s", e.text);
}

/* The file of a name; the one that was unused for longest makes room. NULL without memory. */
static struct file *file_get(struct writer *w, const char *name, size_t len)
{
    struct file *oldest = &w->file[0];
    for (unsigned i = 0; i < w->max_open; i++) {
        struct file *f = &w->file[i];
        if (f->name && strlen(f->name) == len && !memcmp(f->name, name, len)) {
            f->used = w->turn;
            if (f->fd == -1 && clock_mono_us() - f->failed_us > RETRY_US)
                try_open(w, f);
            return f;
        }
        if (oldest->name && (!f->name || f->used < oldest->used))
            oldest = f;
    }
    file_close(w, oldest);
    oldest->name = strndup(name, len);
    if (!oldest->name)
        return NULL;
    strbuf_init(&oldest->out, GATHER * 2);
    oldest->used = w->turn;
    try_open(w, oldest);
    return oldest;
}

static void add_line(struct writer *w, struct file *f, const char *text, size_t len)
{
    if (f->out.len + len + 1 > GATHER)
        put_out(w, f);
    if (!strbuf_room(&f->out, len + 1)) {
        lose(w, 1);
        return;
    }
    strbuf_add(&f->out, text, len);
    strbuf_char(&f->out, '\n');
}

/* ---- the thread: a queue full */

static void close_files(struct writer *w)
{
    for (unsigned i = 0; i < w->max_open; i++)
        file_close(w, &w->file[i]);
}

static void write_item(struct writer *w, const struct item *it, const char *p)
{
    if (!it->name_len) {
        close_files(w);
        return;
    }
    struct file *f = file_get(w, p, it->name_len);
    if (f)
        add_line(w, f, p + it->name_len, it->text_len);
    else
        lose(w, 1);
}

static void write_work(struct writer *w)
{
    const char *p = w->work.p, *end = w->work.p + w->work.len;
    w->turn++;
    while (p < end) {
        struct item it;
        memcpy(&it, p, sizeof(it));
        p += sizeof(it);
        write_item(w, &it, p);
        p += it.name_len + it.text_len;
    }
    strbuf_clear(&w->work);
    for (unsigned i = 0; i < w->max_open; i++)
        if (w->file[i].name && w->file[i].out.len)
            put_out(w, &w->file[i]);
}

/* Takes what there is to do; false: nothing any more. */
static bool take_work(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->queue.len && !w->stop)
        pthread_cond_wait(&w->wake, &w->lock);
    const struct strbuf full = w->queue;
    w->queue = w->work;
    w->work = full;
    pthread_mutex_unlock(&w->lock);
    return full.len;
}

static void *run(void *arg)
{
    struct writer *w = arg;
    while (take_work(w))
        write_work(w);
    close_files(w);
    return NULL;
}

/* ---- the core's side */

static bool file_wanted(const struct msglog_conf *c) { return c->file.path != NULL; }

static int start(struct writer *w, struct err *e)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before); /* signals are the event loop's */
    const int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return 0;
    errno = rc;
    return err_sys(e, "cannot start a thread for '%s'", w->path);
}

static void writer_free(struct writer *w)
{
    strbuf_free(&w->queue);
    strbuf_free(&w->work);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w);
}

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
    w->modes = c->file.modes;
    w->max_open = c->file.max_open && c->file.max_open < FILES_OPEN ? c->file.max_open : FILES_OPEN;
    strbuf_init(&w->queue, QUEUE_MAX);
    strbuf_init(&w->work, QUEUE_MAX);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    strbuf_init(&s->name, NAME_OCTETS);
    if (start(w, e) == -1) {
        writer_free(w);
        return -1;
    }
    s->w = w;
    return 0;
}

/* The pattern with the time in it, made anew each second. */
static const char *timed(struct file_state *s)
{
    const int64_t now = clock_wall_us();
    if (!strchr(s->w->path, '%'))
        return s->w->path;
    if (now / US_PER_S != s->last_s && !time_strftime(s->last, sizeof(s->last), s->w->path, now, s->w->utc))
        return s->w->path;
    s->last_s = now / US_PER_S;
    return s->last;
}

static bool enqueue(struct writer *w, const struct strbuf *name, const char *text, size_t len)
{
    const struct item it = { .name_len = (uint32_t)(name ? name->len : 0), .text_len = (uint32_t)len };
    const size_t size = sizeof(it) + it.name_len + len;
    pthread_mutex_lock(&w->lock);
    const bool fits = w->queue.len + size < QUEUE_MAX && strbuf_room(&w->queue, size);
    if (fits) {
        strbuf_add(&w->queue, &it, sizeof(it));
        if (it.name_len)
            strbuf_add(&w->queue, name->p, it.name_len);
        strbuf_add(&w->queue, text, len);
    }
    pthread_mutex_unlock(&w->lock);
    return fits;
}

static bool file_write(void *state, const struct msglog_topic *t, const char *text, size_t len)
{
    struct file_state *s = state;
    strbuf_clear(&s->name);
    msglog_expand(&s->name, timed(s), t, true);
    return !s->name.failed && s->name.len && enqueue(s->w, &s->name, text, len);
}

static void file_flush(void *state)
{
    struct file_state *s = state;
    pthread_cond_signal(&s->w->wake);
}

static void file_tick(void *state, int64_t mono_us)
{
    (void)mono_us;
    file_flush(state);
}

static void file_reopen(void *state)
{
    struct file_state *s = state;
    (void)enqueue(s->w, NULL, "", 0); /* a queue that is full hangs on a file anyway */
    pthread_cond_signal(&s->w->wake);
}

static uint64_t file_lost_later(void *state)
{
    struct file_state *s = state;
    return atomic_exchange_explicit(&s->w->lost, 0, memory_order_relaxed);
}

static void file_close_all(void *state)
{
    struct file_state *s = state;
    struct writer *w = s->w;
    struct timespec until;
    strbuf_free(&s->name);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_WAIT_S;
    if (pthread_timedjoin_np(w->thread, NULL, &until) == 0)
        writer_free(w);
    else
        log_warn(w->log, "'%s' takes no more: what it had still to get is lost", w->path);
}

const struct msglog_sink_ops msglog_file = {
    .name = "file",
    .state_size = sizeof(struct file_state),
    .wanted = file_wanted,
    .open = file_open,
    .write = file_write,
    .flush = file_flush,
    .tick = file_tick,
    .reopen = file_reopen,
    .lost_later = file_lost_later,
    .close = file_close_all,
};
