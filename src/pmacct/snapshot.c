/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots of a table for --top (top.c): a hash table of lines. */
#include "pmacct/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

enum { LINES_FIRST = 1 << 10 };

void snapshot_begin(struct snapshot *s, int64_t at_us)
{
    s->at_us = at_us;
    s->n = 0;
    s->entries = 0;
    s->sum = s->since = (struct counters){ 0 };
    if (!s->rows.max)
        strbuf_init(&s->rows, SIZE_MAX / 2);
    strbuf_clear(&s->rows);
    if (s->slot)
        memset(s->slot, 0, s->cap * 2 * sizeof(*s->slot));
}

void snapshot_free(struct snapshot *s)
{
    strbuf_free(&s->rows);
    free(s->line);
    free(s->slot);
    *s = (struct snapshot){ 0 };
}

static size_t place(const struct snapshot *s, uint64_t hash)
{
    const size_t mask = s->cap * 2 - 1;
    size_t at = hash & mask;
    while (s->slot[at] && s->line[s->slot[at] - 1].hash != hash)
        at = (at + 1) & mask;
    return at;
}

static bool grow(struct snapshot *s)
{
    const size_t cap = s->cap ? s->cap * 2 : LINES_FIRST;
    struct snapshot_line *line = realloc(s->line, cap * sizeof(*line));
    if (line)
        s->line = line;
    uint32_t *slot = line ? calloc(cap * 2, sizeof(*slot)) : NULL;
    if (!slot)
        return false;
    free(s->slot);
    s->slot = slot;
    s->cap = cap;
    for (size_t i = 0; i < s->n; i++)
        s->slot[place(s, s->line[i].hash)] = (uint32_t)i + 1;
    return true;
}

/* The line of a hash, made if it is new. Hashes have 64 bits: none of them meet. */
static struct snapshot_line *line_of(struct snapshot *s, uint64_t hash, size_t row)
{
    if (s->n == s->cap && !grow(s))
        return NULL;
    const size_t at = place(s, hash);
    if (s->slot[at])
        return &s->line[s->slot[at] - 1];
    struct snapshot_line *line = &s->line[s->n++];
    *line = (struct snapshot_line){ .hash = hash, .row = row };
    s->slot[at] = (uint32_t)s->n;
    return line;
}

static void add(struct counters *to, const struct counters *more)
{
    to->packets += more->packets;
    to->bytes += more->bytes;
    to->flows += more->flows;
}

/* What an entry counted since: all of it where it is new or began anew; nothing where there was no moment
 * before. */
static struct counters since(const struct counters *now, uint64_t hash, const struct snapshot *before)
{
    if (!before)
        return (struct counters){ 0 };
    const uint32_t at = before->cap ? before->slot[place(before, hash)] : 0;
    const struct counters had = at ? before->line[at - 1].sum : (struct counters){ 0 };
    if (now->packets < had.packets || now->bytes < had.bytes || now->flows < had.flows)
        return *now;
    return (struct counters){ now->packets - had.packets, now->bytes - had.bytes, now->flows - had.flows };
}

static int take(struct snapshot *s, uint64_t hash, size_t row, const struct counters *sum,
                const struct counters *new)
{
    struct snapshot_line *line = line_of(s, hash, row);
    if (!line || s->rows.failed)
        return -1;
    add(&line->sum, sum);
    add(&line->since, new);
    add(&s->sum, sum);
    add(&s->since, new);
    s->entries++;
    return 0;
}

int snapshot_add(struct snapshot *s, const struct row *r, uint32_t key_len, const struct snapshot *before)
{
    const struct counters now = { r->packets, r->bytes, r->flows };
    const uint64_t hash = hash_bytes(r->key, key_len);
    const struct counters new = since(&now, hash, before);
    const size_t head = sizeof(struct imt_row), at = s->rows.len;
    strbuf_add(&s->rows, r->key - head, head + key_len); /* its head lies before its key */
    return take(s, hash, at, &now, &new);
}

bool snapshot_row(const struct snapshot *s, const struct snapshot_line *line, struct row *r)
{
    struct cursor one = cursor_of(s->rows.p + line->row, s->rows.len - line->row);
    uint32_t key_len;
    return imt_row_get(&one, s->l, r, &key_len);
}

static bool has(struct snapshot *s, const struct row *r, const char *filter, struct strbuf *text)
{
    strbuf_clear(text);
    for (unsigned i = 0; i < s->l->n; i++) {
        format_value(s->text, &s->l->col[i], r, text);
        strbuf_char(text, '\n');
    }
    return strcasestr(strbuf_cstr(text), filter) != NULL;
}

int snapshot_sum(struct snapshot *s, const struct snapshot *all, const struct column *by, const char *filter)
{
    struct strbuf text;
    int rc = 0;
    strbuf_init(&text, 1 << 20);
    snapshot_begin(s, all->at_us);
    for (size_t i = 0; rc == 0 && i < all->n; i++) {
        const struct snapshot_line *line = &all->line[i];
        struct row r;
        if (!snapshot_row(all, line, &r) || (filter && *filter && !has(s, &r, filter, &text)))
            continue;
        strbuf_clear(&text);
        if (by)
            format_value(s->text, by, &r, &text);
        rc = take(s, by ? hash_bytes(text.p, text.len) : line->hash, line->row, &line->sum, &line->since);
    }
    strbuf_free(&text);
    return rc;
}
