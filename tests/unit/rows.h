/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows made by hand, for the tests of the outputs: a layout out of an `aggregate`, and a key filled member by
 * member. */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/layout.h"

struct made {
    struct aggregate_spec spec;
    struct layout layout;
    struct row row;
    uint32_t key_len;
    alignas(8) uint8_t key[2048];
};

static inline void made_init(struct made *m, const char *aggregate, bool with_bin)
{
    struct err e;
    bool dropped = false;
    memset(m, 0, sizeof(*m));
    if (aggregate_parse(aggregate, 'N', &m->spec, &dropped, &e) == -1) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    layout_make(&m->layout, &m->spec, with_bin);
    m->row = (struct row){ .key = m->key, .packets = 1, .bytes = 40, .flows = 1 };
    m->key_len = m->layout.fixed;
}

static inline const struct column *made_column(struct made *m, enum field_id id)
{
    const struct column *c = layout_find(&m->layout, id);
    if (!c)
        abort();
    return c;
}

static inline void made_set(struct made *m, enum field_id id, const void *v, size_t n)
{
    memcpy(m->key + made_column(m, id)->off, v, n);
}

static inline void made_u8(struct made *m, enum field_id id, uint8_t v) { made_set(m, id, &v, sizeof(v)); }
static inline void made_u16(struct made *m, enum field_id id, uint16_t v) { made_set(m, id, &v, sizeof(v)); }
static inline void made_u32(struct made *m, enum field_id id, uint32_t v) { made_set(m, id, &v, sizeof(v)); }
static inline void made_u64(struct made *m, enum field_id id, uint64_t v) { made_set(m, id, &v, sizeof(v)); }
/* Columns of the tail have to be set once each, in the order of the columns. */
static inline void made_tail(struct made *m, enum field_id id, const void *v, uint16_t n)
{
    const struct column *c = made_column(m, id);
    uint32_t used = 0;
    for (const struct column *before = m->layout.col; before < c; before++)
        used += column_tail_len(before, m->key);
    memcpy(m->key + c->off, &n, c->len); /* little endian: the low octet comes first */
    memcpy(m->key + m->layout.fixed + used, v, n);
    m->key_len = m->layout.fixed + ((used + n + 7) & ~7u);
}

static inline void made_var(struct made *m, enum field_id id, const void *v, uint16_t n)
{
    made_tail(m, id, v, n);
}

static inline void made_address(struct made *m, enum field_id id, const struct addr *a)
{
    uint8_t octets[16];
    uint32_t n = addr_compact(a, octets);
    if (made_column(m, id)->place == PLACE_ADDR)
        made_tail(m, id, octets, (uint16_t)n);
    else
        made_set(m, id, a, sizeof(*a));
}

static inline void made_addr(struct made *m, enum field_id id, const char *text)
{
    struct addr a = { 0 };
    if (addr_parse(text, &a) == -1)
        abort();
    made_address(m, id, &a);
}

static inline void made_bin(struct made *m, int64_t at_s)
{
    memcpy(m->key + m->layout.bin_off, &at_s, sizeof(at_s));
}

#endif
