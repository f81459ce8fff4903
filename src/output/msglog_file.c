/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into files, a line each. The core puts them into a queue of bounded size; a thread writes, so that
 * a disk that hangs, or a pipe that nobody reads, costs messages and nothing else. msglog.c calls it. */
#include "output/msglog_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "output/msglog_queue.h"

enum {
    FILES_OPEN = 256,
    GATHER = 64 << 10, /* octets of one file that go out at once */
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

/* The thread's, but for what never changes. */
struct writer {
    struct msglog_queue *queue;
    const struct log *log;
    const char *path;
    bool utc;
    struct file_modes modes;
    struct file file[FILES_OPEN];
    unsigned max_open;
    uint64_t turn;
    struct log_limit say;
};

struct file_state {
    struct writer *w; /* not freed when its thread hangs in a system call */
    struct strbuf name;
    char last[NAME_OCTETS]; /* pattern with the time filled in */
    int64_t last_s;
};

/* ---- the thread: one file */

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
    const uint64_t all = lines(p, left);
    uint64_t lost = 0;
    while (left) {
        const ssize_t n = f->fd == -1 ? -1 : write(f->fd, p, left);
        if (n == -1 && f->fd != -1 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (f->fd != -1)
                log_limited(w->log, &w->say, LOG_LV_WARN, "cannot write '%s': %s", f->name, strerror(errno));
            lost = lines(p, left);
            break;
        }
        p += n;
        left -= (size_t)n;
    }
    msglog_queue_lose(w->queue, lost);
    msglog_queue_done(w->queue, all - lost);
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
        msglog_queue_lose(w->queue, 1);
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

/* A message without a name: all files are opened anew. */
static void write_item(void *arg, const struct msglog_item *it)
{
    struct writer *w = arg;
    if (!it->name_len) {
        close_files(w);
        msglog_queue_done(w->queue, 1);
        return;
    }
    struct file *f = file_get(w, it->name, it->name_len);
    if (f)
        add_line(w, f, it->text, it->text_len);
    else
        msglog_queue_lose(w->queue, 1);
}

static int write_gathered(void *arg)
{
    struct writer *w = arg;
    w->turn++;
    for (unsigned i = 0; i < w->max_open; i++)
        if (w->file[i].name && w->file[i].out.len)
            put_out(w, &w->file[i]);
    return -1;
}

static void end(void *arg, int ms)
{
    (void)ms;
    close_files(arg);
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
    const struct msglog_job job = {
        .what = w->path, .item = write_item, .idle = write_gathered, .end = end, .free = free, .arg = w
    };
    w->queue = msglog_queue_start(&job, l, e);
    if (!w->queue) {
        free(w);
        return -1;
    }
    strbuf_init(&s->name, NAME_OCTETS);
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

static bool file_write(void *state, const struct msglog_topic *t, const char *text, size_t len)
{
    struct file_state *s = state;
    strbuf_clear(&s->name);
    msglog_expand(&s->name, timed(s), t, true);
    const struct msglog_item it = {
        .name = s->name.p, .name_len = (uint32_t)s->name.len, .text = text, .text_len = (uint32_t)len
    };
    return !s->name.failed && s->name.len && msglog_queue_put(s->w->queue, &it);
}

static void file_flush(void *state)
{
    struct file_state *s = state;
    msglog_queue_wake(s->w->queue);
}

static void file_tick(void *state, int64_t mono_us)
{
    (void)mono_us;
    file_flush(state);
}

static void file_reopen(void *state)
{
    struct file_state *s = state;
    const struct msglog_item anew = { 0 };
    (void)msglog_queue_put(s->w->queue, &anew); /* a queue that is full hangs on a file anyway */
    msglog_queue_wake(s->w->queue);
}

static uint64_t file_lost_later(void *state)
{
    struct file_state *s = state;
    return msglog_queue_lost(s->w->queue);
}

static void file_close_all(void *state)
{
    struct file_state *s = state;
    strbuf_free(&s->name);
    msglog_queue_stop(s->w->queue);
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
