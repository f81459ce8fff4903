/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the fields of an `aggregate` lie in a packed key, and in which order outputs show them. Made once at
 * start. */
#include "core/layout.h"

#include <stdlib.h>
#include <string.h>
#include "core/custom.h"

static uint16_t align8(uint16_t n) { return (uint16_t)((n + 7u) & ~7u); }

static enum column_place place_of(const struct field *f, const struct aggregate_spec *spec)
{
    if (f->flags & (F_OR | F_STITCH))
        return PLACE_ROW;
    if (field_is_var(f))
        return PLACE_VAR;
    return (f->kind == FK_ADDR || f->kind == FK_NET) && !spec->whole_addresses ? PLACE_ADDR : PLACE_FIXED;
}

/* In the order of struct flow, so that what is adjacent there is adjacent in the key and copied at once;
 * behind them the lengths of what stands in the tail, and the columns that are not in the key. */
static bool comes_before(const struct column *a, const struct column *b)
{
    return a->place != b->place ? a->place < b->place : a->field->off < b->field->off;
}

static void insert_column(struct layout *l, const struct field *f, const struct aggregate_spec *spec)
{
    struct column c = { .field = f, .place = place_of(f, spec) };
    unsigned at = l->n++;
    for (; at && comes_before(&c, &l->col[at - 1]); at--)
        l->col[at] = l->col[at - 1];
    l->col[at] = c;
}

static void place_columns(struct layout *l)
{
    uint16_t at = 0;
    for (unsigned i = 0; i < l->n; i++) {
        struct column *c = &l->col[i];
        if (c->place == PLACE_ROW)
            continue;
        c->off = at;
        c->len = c->place == PLACE_ADDR  ? 1
                 : c->place == PLACE_VAR ? (uint16_t)sizeof(uint16_t)
                                         : c->field->size;
        at = (uint16_t)(at + c->len);
        l->n_tail += column_in_tail(c);
        if (c->field->kind == FK_RD)
            l->rd_origin_off = at++; /* its neighbour in struct flow too */
    }
    l->fixed = align8(at);
}

void layout_make(struct layout *l, const struct aggregate_spec *spec, bool with_bin)
{
    memset(l, 0, sizeof(*l));
    l->flows = spec->flows;
    l->bin_off = LAYOUT_NO_BIN;
    for (unsigned id = 0; id < FIELD_MAX; id++)
        if (fieldset_has(&spec->set, (enum field_id)id))
            insert_column(l, &fields[id], spec);
    for (unsigned i = 0; spec->custom >> i; i++)
        if (spec->custom >> i & 1)
            insert_column(l, &spec->customs->c[i].field, spec);
    place_columns(l);
    if (with_bin) {
        l->bin_off = l->fixed;
        l->fixed = (uint16_t)(l->fixed + sizeof(int64_t));
    }
}

void layout_free(struct layout *l)
{
    free(l->own);
    l->own = NULL;
}

uint32_t column_tail_len(const struct column *c, const uint8_t *key)
{
    uint16_t len;
    if (c->place == PLACE_ADDR)
        return key[c->off];
    if (c->place != PLACE_VAR)
        return 0;
    memcpy(&len, key + c->off, sizeof(len));
    return len;
}

const uint8_t *layout_tail(const struct layout *l, const struct column *c, const uint8_t *key, uint32_t *len)
{
    const uint8_t *p = key + l->fixed;
    for (const struct column *before = c; before-- > l->col && column_in_tail(before);)
        p += column_tail_len(before, key);
    *len = column_tail_len(c, key);
    return p;
}

void layout_addr(const struct layout *l, const struct column *c, const uint8_t *key, struct addr *out)
{
    uint32_t len;
    if (c->place == PLACE_FIXED) {
        memcpy(out, key + c->off, sizeof(*out));
        return;
    }
    const uint8_t *p = layout_tail(l, c, key, &len);
    addr_expand(p, len, out);
}

const struct column *layout_find(const struct layout *l, enum field_id id)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->col[i].field == &fields[id])
            return &l->col[i];
    return NULL;
}

/* 0: not shown there. */
static unsigned rank_of(const struct field *f, enum column_order by)
{
    enum { BEHIND_ALL = 1000 };
    if (f->flags & F_CUSTOM)
        return BEHIND_ALL;
    switch (by) {
    case ORDER_JSON:
        return f->json_rank;
    case ORDER_CLIENT:
        return f->client_rank;
    case ORDER_SQL:
        return f->sql_rank;
    case ORDER_CSV:
        break;
    }
    return *f->title ? (unsigned)(f - fields) + 1 : 0;
}

unsigned layout_order(const struct layout *l, enum column_order by, const struct column *order[COLUMNS_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++) {
        unsigned rank = rank_of(l->col[i].field, by), at = n;
        if (!rank)
            continue;
        for (; at && rank_of(order[at - 1]->field, by) > rank; at--)
            order[at] = order[at - 1];
        order[at] = &l->col[i];
        n++;
    }
    return n;
}
