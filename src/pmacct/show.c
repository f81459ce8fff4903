/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints tables, counters, buckets and classes. Rows are drawn from the keys as they come, through one large
 * buffer; only -T keeps them. */
#include "pmacct/show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "core/custom.h"

enum {
    FLUSH = 256 << 10,     /* octets of output written at once */
    OUT_MAX = 256 << 20,   /* one row can't be longer */
    BUCKETS_MIN = 1 << 10, /* as the table itself */
    CLASSES_MAX = 4096,
    QUIET_US = 1000000, /* until progress is told */
    SAY_EACH_US = 200000,
};

/* A row that waits for being sorted. */
struct kept {
    uint64_t by; /* counter to sort by */
    size_t at;   /* of its copy in show.copies */
};

struct show {
    const struct options *o;
    const struct layout *l;
    struct format *format;
    struct strbuf out;
    uint64_t rows; /* printed */
    struct imt_count sum;
    struct strbuf copies, kept; /* -T: rows as they came; struct kept each */
    struct strbuf hashes;       /* -t: uint32_t each */
    struct class_name *classes; /* -C, sorted */
    unsigned n_classes;
    uint64_t came;             /* rows */
    int64_t begun_us, said_us; /* progress on stderr; said_us 0: nothing said */
};

/* ---- progress: where somebody waits at a terminal for what goes elsewhere */

static void say_progress(struct show *s)
{
    const int64_t now = clock_mono_us();
    if (!s->begun_us || now - s->begun_us < QUIET_US || now - s->said_us < SAY_EACH_US)
        return;
    s->said_us = now;
    fprintf(stderr, "\r%llu entries ...", (unsigned long long)s->came);
}

static void end_progress(struct show *s)
{
    if (s->said_us)
        fprintf(stderr, "\r%*s\r", 40, "");
    s->said_us = 0;
}

/* ---- output */

static int flush(struct show *s, struct err *e)
{
    if (s->out.failed)
        return err_set(e, ERR_LIMIT, "ERROR: no memory for the output");
    for (size_t done = 0; done < s->out.len;) {
        ssize_t n = write(STDOUT_FILENO, s->out.p + done, s->out.len - done);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return err_sys(e, "ERROR: cannot write the output");
        done += (size_t)n;
    }
    strbuf_clear(&s->out);
    return 0;
}

static inline int flush_full(struct show *s, struct err *e) { return s->out.len < FLUSH ? 0 : flush(s, e); }

static bool draws_rows(const struct options *o) { return o->mode == MODE_TABLE || o->mode == MODE_MATCH; }

/* What stands above the first row, whether one comes or not. */
static void begin(struct show *s)
{
    if (draws_rows(s->o))
        format_header(s->format, &s->out);
    else if (s->o->mode == MODE_BUCKETS)
        strbuf_lit(&s->out, "* = element\n\nBUCKET\tCHAIN_STATUS\n");
    else if (s->o->mode == MODE_CLASSES)
        strbuf_lit(&s->out, "CLASS_ID\tCLASS_NAME\n");
    else if (s->o->mode == MODE_CUSTOM)
        strbuf_printf(&s->out, "%-34s%-7s%s\n", "NAME", "LEN", "OFF");
}

struct show *show_new(const struct options *o, const struct layout *l)
{
    struct show *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->o = o;
    s->l = l;
    strbuf_init(&s->out, OUT_MAX);
    strbuf_init(&s->copies, SIZE_MAX / 2);
    strbuf_init(&s->kept, SIZE_MAX / 2);
    strbuf_init(&s->hashes, SIZE_MAX / 2);
    s->format = draws_rows(o) ? format_new(l, &o->style) : NULL;
    if ((draws_rows(o) && !s->format) || !strbuf_room(&s->out, FLUSH + (FLUSH >> 2))) {
        show_free(s);
        return NULL;
    }
    if (isatty(STDERR_FILENO) && (!isatty(STDOUT_FILENO) || o->sort != COUNTER_NONE))
        s->begun_us = clock_mono_us();
    begin(s);
    return s;
}

void show_free(struct show *s)
{
    if (!s)
        return;
    end_progress(s);
    format_free(s->format);
    strbuf_free(&s->out);
    strbuf_free(&s->copies);
    strbuf_free(&s->kept);
    strbuf_free(&s->hashes);
    free(s->classes);
    free(s);
}

/* ---- rows */

static int row_draw(struct show *s, const struct row *r, struct err *e)
{
    format_row(s->format, r, &s->out);
    s->rows++;
    return flush_full(s, e);
}

static uint64_t counter_of(const struct row *r, enum counter c)
{
    return c == COUNTER_PACKETS ? r->packets : c == COUNTER_FLOWS ? r->flows : r->bytes;
}

static void row_keep(struct show *s, const struct row *r, uint32_t key_len)
{
    const size_t head = sizeof(struct imt_row);
    const struct kept k = { .by = counter_of(r, s->o->sort), .at = s->copies.len };
    strbuf_add(&s->copies, r->key - head,
               head + key_len); /* the row as it came: its head lies before its key */
    strbuf_add(&s->kept, &k, sizeof(k));
}

static void row_hash(struct show *s, const struct row *r, uint32_t key_len)
{
    uint32_t hash = (uint32_t)(hash_bytes(r->key, key_len) >> 32);
    strbuf_add(&s->hashes, &hash, sizeof(hash));
}

static int class_order(const void *a, const void *b) { return memcmp(a, b, sizeof(struct class_name)); }

static void row_class(struct show *s, const struct row *r)
{
    struct class_name name;
    const struct column *c = layout_find(s->l, FIELD_class);
    if (!c || s->n_classes == CLASSES_MAX)
        return;
    memcpy(&name, r->key + c->off, sizeof(name));
    if (!*name.b || (s->n_classes && bsearch(&name, s->classes, s->n_classes, sizeof(name), class_order)))
        return;
    struct class_name *more = realloc(s->classes, (s->n_classes + 1) * sizeof(name));
    if (!more)
        return;
    s->classes = more;
    s->classes[s->n_classes++] = name;
    qsort(s->classes, s->n_classes, sizeof(name), class_order);
}

static int row_take(struct show *s, const struct row *r, uint32_t key_len, struct err *e)
{
    if (s->o->mode == MODE_BUCKETS)
        row_hash(s, r, key_len);
    else if (s->o->mode == MODE_CLASSES)
        row_class(s, r);
    else if (s->o->sort != COUNTER_NONE)
        row_keep(s, r, key_len);
    else
        return row_draw(s, r, e);
    if (s->copies.failed || s->kept.failed || s->hashes.failed)
        return err_set(e, ERR_LIMIT, "ERROR: no memory for the table");
    return 0;
}

/* ---- counters */

static void count_print(struct show *s, const struct imt_count *c)
{
    switch (s->o->counter) {
    case COUNTER_PACKETS:
        strbuf_u64(&s->out, c->packets);
        break;
    case COUNTER_FLOWS:
        strbuf_u64(&s->out, c->flows);
        break;
    case COUNTER_ALL:
        strbuf_u64(&s->out, c->packets);
        strbuf_char(&s->out, ' ');
        strbuf_u64(&s->out, c->bytes);
        strbuf_char(&s->out, ' ');
        strbuf_u64(&s->out, c->flows);
        strbuf_char(&s->out, ' ');
        strbuf_u64(&s->out, c->entries);
        break;
    default:
        strbuf_u64(&s->out, c->bytes);
    }
    strbuf_char(&s->out, '\n');
}

static void count_take(struct show *s, struct imt_count c)
{
    if (!s->l->flows)
        c.flows = 0; /* not asked for in `aggregate`, not shown in rows either */
    if (!s->o->sum) {
        count_print(s, &c);
        return;
    }
    s->sum.packets += c.packets;
    s->sum.bytes += c.bytes;
    s->sum.flows += c.flows;
    s->sum.entries += c.entries;
}

int show_message(struct show *s, const struct imt_header *h, struct cursor body, struct err *e)
{
    struct imt_count count;
    struct row row;
    uint32_t key_len;
    if (h->type == IMT_COUNTS)
        while (imt_count_get(&body, &count))
            count_take(s, count);
    else if (h->type == IMT_ROWS)
        while (imt_row_get(&body, s->l, &row, &key_len))
            if (s->came++, row_take(s, &row, key_len, e) == -1)
                return -1;
    say_progress(s);
    return body.bad ? err_set(e, ERR_FORMAT, "ERROR: the answer makes no sense") : 0;
}

/* ---- the end */

/* Descending; equal ones in the order they came in. */
static int kept_order(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    if (x->by != y->by)
        return x->by > y->by ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int kept_draw(struct show *s, struct err *e)
{
    struct kept *k = (struct kept *)s->kept.p;
    size_t n = s->kept.len / sizeof(*k);
    if (n)
        qsort(k, n, sizeof(*k), kept_order);
    if (s->o->top && s->o->top < n)
        n = (size_t)s->o->top;
    for (size_t i = 0; i < n; i++) {
        struct cursor one = cursor_of(s->copies.p + k[i].at, s->copies.len - k[i].at);
        struct row row;
        uint32_t key_len;
        if (imt_row_get(&one, s->l, &row, &key_len) && row_draw(s, &row, e) == -1)
            return -1;
    }
    return 0;
}

/* As many buckets as a table of so many entries has places, and in each those whose search begins there. */
static int buckets_print(struct show *s, struct err *e)
{
    size_t entries = s->hashes.len / sizeof(uint32_t), n = BUCKETS_MIN;
    while (entries > n / 4 * 3)
        n *= 2;
    uint32_t *bucket = calloc(n, sizeof(*bucket));
    if (!bucket)
        return err_set(e, ERR_SYS, "ERROR: no memory for %zu buckets", n);
    for (size_t i = 0; i < entries; i++) {
        uint32_t hash;
        memcpy(&hash, s->hashes.p + i * sizeof(hash), sizeof(hash));
        bucket[hash & (n - 1)]++;
    }
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        strbuf_u64(&s->out, i);
        strbuf_char(&s->out, '\t');
        for (uint32_t k = 0; k < bucket[i]; k++)
            strbuf_char(&s->out, '*');
        strbuf_char(&s->out, '\n');
        rc = flush_full(s, e);
    }
    free(bucket);
    return rc;
}

static void classes_print(struct show *s)
{
    for (unsigned i = 0; i < s->n_classes; i++)
        strbuf_printf(&s->out, "%u\t%.*s\n", i + 1, (int)sizeof(s->classes[i].b), s->classes[i].b);
    strbuf_printf(&s->out, "\nFor a total of: %u classifiers\n", s->n_classes);
}

/* Primitives of the site: how many octets, and how many are before them. */
static void customs_print(struct show *s)
{
    unsigned off = 0;
    for (unsigned i = 0; i < s->l->n; i++) {
        const struct column *c = &s->l->col[i];
        if (!(c->field->flags & F_CUSTOM))
            continue;
        strbuf_printf(&s->out, "%-34s", c->field->name);
        if (custom_len(c->field))
            strbuf_printf(&s->out, "%-7u%u\n", custom_len(c->field), off);
        else
            strbuf_printf(&s->out, "%-7s%u\n", "vlen", off);
        off += custom_len(c->field);
    }
}

/* -i, -e or both, without a table beside them. */
static void no_table_end(struct show *s, const struct imt_done *d)
{
    if (s->o->since && d->last_reset_s < 0)
        strbuf_lit(&s->out, "never\n");
    else if (s->o->since)
        strbuf_printf(&s->out, "%lld\n", (long long)d->last_reset_s);
    if (s->o->erase)
        strbuf_lit(&s->out, "OK: Clearing stats.\n");
}

int show_end(struct show *s, const struct imt_done *d, struct err *e)
{
    const struct options *o = s->o;
    end_progress(s);
    if (o->sort != COUNTER_NONE && kept_draw(s, e) == -1)
        return -1;
    if (o->mode == MODE_BUCKETS && buckets_print(s, e) == -1)
        return -1;
    if (o->mode == MODE_CLASSES)
        classes_print(s);
    if (o->mode == MODE_CUSTOM)
        customs_print(s);
    if (o->mode == MODE_COUNT && o->sum)
        count_print(s, &s->sum);
    if (draws_rows(o) && o->style.kind == FORMAT_TABLE)
        strbuf_printf(&s->out, "\nFor a total of: %llu entries\n", (unsigned long long)s->rows);
    if (o->mode == MODE_NONE)
        no_table_end(s, d);
    return flush(s, e);
}
