/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes batches as text or Avro: to stdout, or into files whose names may depend on time and row. A file
 * gets all of its rows or, where that can be undone, none: what fails is written again with the next purge.
 * Called by the purge engine for the print plugin. */
#include "output/sink_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "output/avro_file.h"
#include "output/format.h"
#include "output/style.h"

enum {
    CHUNK = 1 << 20,       /* octets that go into one write(2) */
    TEXT_MAX = 64 << 20,   /* of one row at most */
    WRITE_WAIT_MS = 10000, /* for a pipe that nobody reads */
};

struct sink_file {
    struct format *format;
    struct names *name;   /* NULL: stdout */
    struct names *latest; /* of the link, or NULL */
    struct file_modes modes;
    struct strbuf text;
    struct strbuf schema, head; /* Avro container files: schema; what goes before the records of a block */
    bool json;                  /* markers are objects */
    bool container;             /* files are Avro's object container files */
    bool stdout_headed;         /* the header has been printed */
};

/* One file as it is written. */
struct out {
    const char *path; /* for messages */
    int fd;
    off_t undo;             /* length to cut back to on failure; -1: cannot be undone */
    bool fresh;             /* what is written is the beginning */
    uint64_t rows, flushed; /* flushed: those among them that are written */
    int64_t began_us;
    uint8_t sync[AVRO_SYNC];
};

/* ---- writing */

static int write_all(struct out *o, const char *p, size_t n, struct err *e)
{
    while (n) {
        ssize_t done = write(o->fd, p, n);
        if (done >= 0) {
            p += done;
            n -= (size_t)done;
            continue;
        }
        struct pollfd ready = { .fd = o->fd, .events = POLLOUT };
        if (errno == EINTR || (errno == EAGAIN && poll(&ready, 1, WRITE_WAIT_MS) > 0))
            continue;
        return err_sys(e, "cannot write to '%s'", o->path);
    }
    return 0;
}

/* The records that wait become a block. */
static int write_block(struct sink_file *s, struct out *o, struct err *e)
{
    if (o->rows != o->flushed)
        avro_file_block(&s->head, o->rows - o->flushed, s->text.len);
    if (write_all(o, s->head.p, s->head.len, e) == -1 || write_all(o, s->text.p, s->text.len, e) == -1)
        return -1;
    return o->rows == o->flushed ? 0 : write_all(o, (const char *)o->sync, AVRO_SYNC, e);
}

static int flush(struct sink_file *s, struct out *o, struct err *e)
{
    if (s->text.failed)
        return err_set(e, ERR_LIMIT, "'%s': a row is too long", o->path);
    int rc = s->container ? write_block(s, o, e) : write_all(o, s->text.p, s->text.len, e);
    strbuf_clear(&s->text);
    strbuf_clear(&s->head);
    o->flushed = o->rows;
    return rc;
}

static int put_row(struct sink_file *s, struct out *o, const struct agg_entry *entry, struct err *e)
{
    struct row r = agg_row(entry);
    format_row(s->format, &r, &s->text);
    o->rows++;
    return s->text.len >= CHUNK || s->text.failed ? flush(s, o, e) : 0;
}

static void put_open_marker(struct sink_file *s, const struct plugin *pl, const struct batch *b)
{
    if (!pl->c->print_markers || s->container)
        return;
    if (s->json)
        strbuf_printf(&s->text, "{\"event_type\": \"purge_init\", \"writer_id\": \"%s/%" PRId64 "\"}\n",
                      pl->name, b->writer);
    else
        strbuf_printf(&s->text, "--START (%" PRId64 ")--\n", b->writer);
}

static void put_close_marker(struct sink_file *s, const struct plugin *pl, const struct batch *b,
                             const struct out *o)
{
    if (!pl->c->print_markers || s->container)
        return;
    if (s->json)
        strbuf_printf(&s->text,
                      "{\"event_type\": \"purge_close\", \"writer_id\": \"%s/%" PRId64
                      "\", \"purged_entries\": %" PRIu64 ", \"total_entries\": %" PRIu64
                      ", \"duration\": %" PRId64 "}\n",
                      pl->name, b->writer, o->rows, o->rows, (clock_mono_us() - o->began_us) / US_PER_S);
    else
        strbuf_printf(&s->text, "--END (%" PRId64 ")--\n", b->writer);
}

/* ---- files */

static int out_open(struct sink_file *s, const struct plugin *pl, const char *path, struct out *o,
                    struct err *e)
{
    struct stat st;
    *o = (struct out){ .path = path, .undo = -1, .began_us = clock_mono_us() };
    o->fd = file_open_output(path, pl->c->print_output_file_append, &s->modes, &o->fresh, e);
    if (o->fd == -1)
        return -1;
    if (fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode))
        o->undo = st.st_size;
    return 0;
}

/* The rest of the text, and the end of the file; what failed is undone. */
static int out_close(struct sink_file *s, struct out *o, int rc, struct err *e)
{
    if (rc == 0)
        rc = flush(s, o, e);
    if (rc == -1 && o->undo != -1) {
        int unheeded = ftruncate(o->fd, o->undo);
        (void)unheeded;
    }
    if (close(o->fd) == -1 && rc == 0)
        rc = err_sys(e, "cannot close '%s'", o->path); /* a full disk or quota may come to light only now */
    strbuf_clear(&s->text);
    strbuf_clear(&s->head);
    return rc;
}

/* The head of a container, or the marker of the one that gets more blocks. */
static int begin_container(struct sink_file *s, struct out *o, struct err *e)
{
    if (!s->container)
        return 0;
    if (!o->fresh)
        return avro_file_joins(o->path, s->schema.p, s->schema.len, o->sync, e);
    avro_file_sync(o->sync);
    avro_file_head(&s->head, s->schema.p, s->schema.len, o->sync);
    return 0;
}

static void put_header(struct sink_file *s, const struct batch *b, const struct out *o)
{
    if (o->fresh && b->rows) /* a file for an empty purge is empty */
        format_header(s->format, &s->text);
}

/* Groups of the same name: one file. */
static int write_file(struct sink_file *s, const struct plugin *pl, struct batch *b, struct group *g,
                      size_t n, struct err *e)
{
    struct out o;
    if (out_open(s, pl, g->name, &o, e) == -1)
        return -1;
    int rc = begin_container(s, &o, e);
    put_open_marker(s, pl, b);
    put_header(s, b, &o);
    for (size_t i = 0; i < n; i++) {
        for (uint64_t k = 0; k < g[i].n && rc == 0; k++)
            rc = put_row(s, &o, g[i].entry[k], e);
    }
    put_close_marker(s, pl, b, &o);
    if (out_close(s, &o, rc, e) == -1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        g[i].done = true;
        b->written += g[i].n;
    }
    return 0;
}

/* The link is no part of the data: what goes wrong with it is only said. */
static void link_latest(struct sink_file *s, const struct plugin *pl, const struct group *g)
{
    char link[4096];
    struct err e;
    if (names_expand(s->latest, &g->row, g->at_us, link, sizeof(link)) == -1)
        log_warn(&pl->log, "print_latest_file: the name gets too long");
    else if (file_link_latest(link, g->name, &s->modes, &e) == -1)
        log_warn(&pl->log, "print_latest_file: %s", e.text);
}

static int write_files(struct sink_file *s, const struct plugin *pl, struct batch *b, struct err *e)
{
    struct groups gs;
    struct err other;
    int rc = 0;
    if (groups_make(&gs, s->name, b, e) == -1)
        return -1;
    for (size_t i = 0, next; i < gs.n; i = next) {
        for (next = i + 1; next < gs.n && !strcmp(gs.group[next].name, gs.group[i].name);)
            next++;
        /* The first failure is told; the files after it are written all the same. */
        if (write_file(s, pl, b, &gs.group[i], next - i, rc == 0 ? e : &other) == -1)
            rc = -1;
        else if (s->latest && (next == gs.n || names_vary(s->latest)))
            link_latest(s, pl, &gs.group[next - 1]);
    }
    if (rc == -1)
        groups_mark_done(&gs);
    groups_free(&gs);
    return rc;
}

/* ---- stdout, and what does not depend on the row */

/* Several plugins write to one stdout: whoever holds the lock file writes. -1: there is none. */
static int lock_stdout(struct sink_file *s, const struct plugin *pl)
{
    struct err e;
    if (!pl->c->print_output_lock_file)
        return -1;
    int fd = file_open_output(pl->c->print_output_lock_file, true, &s->modes, NULL, &e);
    if (fd == -1)
        log_warn(&pl->log, "print_output_lock_file: %s", e.text);
    return fd;
}

static int write_stdout(struct sink_file *s, const struct plugin *pl, struct batch *b, struct err *e)
{
    struct out o = {
        .path = "standard output", .fd = STDOUT_FILENO, .undo = -1, .began_us = clock_mono_us()
    };
    struct agg_entry *entry;
    uint64_t at = 0;
    int rc = 0, lock = lock_stdout(s, pl);
    o.fresh = !s->stdout_headed;
    put_open_marker(s, pl, b);
    put_header(s, b, &o);
    while (rc == 0 && (entry = batch_next(b, &at)))
        rc = put_row(s, &o, entry, e);
    put_close_marker(s, pl, b, &o);
    if (rc == 0)
        rc = flush(s, &o, e);
    strbuf_clear(&s->text);
    if (lock != -1)
        close(lock);
    if (rc == -1)
        return -1;
    s->stdout_headed |= b->rows != 0;
    b->written = b->rows;
    return 0;
}

/* ---- the sink */

static char separator(const char *text)
{
    if (!text || !*text)
        return ',';
    if (text[0] == '\\' && text[1])
        return text[1] == 't' ? '\t' : text[1] == 's' ? ' ' : text[1];
    return text[0];
}

/* Avro without a file is read by people: its JSON encoding. */
static enum format_kind kind_of(const struct config *c)
{
    static const enum format_kind kind[] = {
        [PRINT_FORMATTED] = FORMAT_TABLE,       [PRINT_CSV] = FORMAT_CSV,       [PRINT_JSON] = FORMAT_JSON,
        [PRINT_EVENT_FORMATTED] = FORMAT_TABLE, [PRINT_EVENT_CSV] = FORMAT_CSV, [PRINT_AVRO] = FORMAT_AVRO,
        [PRINT_AVRO_JSON] = FORMAT_AVRO_JSON,
    };
    return c->print_output == PRINT_AVRO && !c->print_output_file ? FORMAT_AVRO_JSON : kind[c->print_output];
}

static struct format_style style_of(const struct config *c)
{
    struct format_style st = style_of_config(c, kind_of(c));
    st.events = c->print_output == PRINT_EVENT_CSV || c->print_output == PRINT_EVENT_FORMATTED;
    st.separator = separator(c->print_output_separator);
    return st;
}

static int open_names(struct sink_file *s, const struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    if (!c->print_output_file)
        return 0;
    if (!(s->name = names_compile(c->print_output_file, pl, e)))
        return -1;
    if (!c->print_latest_file)
        return 0;
    if (names_static(s->name)) {
        log_warn(&pl->log, "print_latest_file: print_output_file is always the same file; no link is made");
        return 0;
    }
    s->latest = names_compile(c->print_latest_file, pl, e);
    return s->latest ? 0 : -1;
}

static void sink_file_close(void *state)
{
    struct sink_file *s = state;
    format_free(s->format);
    names_free(s->name);
    names_free(s->latest);
    strbuf_free(&s->text);
    strbuf_free(&s->schema);
    strbuf_free(&s->head);
}

static int save_schema(struct sink_file *s, const struct plugin *pl, struct err *e)
{
    const char *path = pl->c->avro_schema_file;
    return s->schema.len && path ? avro_schema_save(path, &s->schema, &s->modes, e) : 0;
}

static int sink_file_open(void *state, struct plugin *pl, struct err *e)
{
    struct sink_file *s = state;
    struct format_style style = style_of(pl->c);
    s->json = style.kind == FORMAT_JSON || style.kind == FORMAT_AVRO_JSON;
    s->container = style.kind == FORMAT_AVRO;
    s->modes = file_modes_of(pl->c->files_umask, pl->c->files_uid, pl->c->files_gid);
    strbuf_init(&s->text, TEXT_MAX);
    strbuf_init(&s->schema, AVRO_SCHEMA_MAX);
    strbuf_init(&s->head, TEXT_MAX);
    s->format = format_new(pl->layout, &style);
    if (s->format)
        format_schema(s->format, &s->schema);
    if (s->format && open_names(s, pl, e) == 0 && save_schema(s, pl, e) == 0)
        return 0;
    int rc = s->format ? -1 : err_set(e, ERR_SYS, "out of memory");
    sink_file_close(s);
    return rc;
}

static int sink_file_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    struct sink_file *s = state;
    format_set_updated(s->format, b->purge_us);
    return s->name ? write_files(s, pl, b, e) : write_stdout(s, pl, b, e);
}

static bool sink_file_wants_empty(const void *state, const struct plugin *pl)
{
    const struct sink_file *s = state;
    return pl->c->print_markers || (pl->c->print_write_empty_file && s->name);
}

const struct sink_ops sink_file = {
    .name = "file",
    .state_size = sizeof(struct sink_file),
    .open = sink_file_open,
    .write = sink_file_write,
    .close = sink_file_close,
    .wants_empty = sink_file_wants_empty,
};
