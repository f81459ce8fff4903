/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the fields of an `aggregate` lie in a packed key, and in which order outputs show them. Made once at
 * start. */
#include "core/layout.h"

#include <string.h>

static uint16_t align8(uint16_t n) { return (uint16_t)((n + 7u) & ~7u); }

static bool is_or(const struct field *f) { return f->flags & F_OR; }

/* In the order of struct flow, so that what is adjacent there is adjacent in the key and copied at once;
 * variable fields and then ORed ones, which have no place in the fixed part's copies, behind them. */
static bool comes_before(const struct field *a, const struct field *b)
{
    unsigned class_a = is_or(a) ? 2 : field_is_var(a), class_b = is_or(b) ? 2 : field_is_var(b);
    return class_a != class_b ? class_a < class_b : a->off < b->off;
}

static void insert_column(struct layout *l, const struct field *f)
{
    unsigned at = l->n++;
    for (; at && comes_before(f, l->col[at - 1].field); at--)
        l->col[at] = l->col[at - 1];
    l->col[at] = (struct column){ .field = f };
}

static void place_columns(struct layout *l)
{
    uint16_t at = 0;
    for (unsigned i = 0; i < l->n; i++) {
        struct column *c = &l->col[i];
        if (is_or(c->field))
            continue;
        c->off = at;
        c->len = field_is_var(c->field) ? (uint16_t)sizeof(uint16_t) : c->field->size;
        at = (uint16_t)(at + c->len);
        l->n_var += field_is_var(c->field);
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
            insert_column(l, &fields[id]);
    place_columns(l);
    if (with_bin) {
        l->bin_off = l->fixed;
        l->fixed = (uint16_t)(l->fixed + sizeof(int64_t));
    }
}

static uint16_t var_len(const struct column *c, const uint8_t *key)
{
    uint16_t len;
    memcpy(&len, key + c->off, sizeof(len));
    return len;
}

const uint8_t *layout_var(const struct layout *l, const struct column *c, const uint8_t *key, uint32_t *len)
{
    const uint8_t *p = key + l->fixed;
    for (const struct column *before = l->col; before < c; before++)
        if (field_is_var(before->field))
            p += var_len(before, key);
    *len = var_len(c, key);
    return p;
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

unsigned layout_order(const struct layout *l, enum column_order by, const struct column *order[FIELD_MAX])
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
