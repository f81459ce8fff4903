/* SPDX-License-Identifier: BSD-2-Clause */
/* The table: prefixes in order, each with its payloads and with the prefix that covers it, found by longest
 * match. */
#include "rpki/roa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include "base/lpm.h"

struct group {
    uint32_t first, n; /* payloads */
    uint32_t parent;   /* group + 1; 0: none */
    uint8_t bits;
};

struct payload {
    uint32_t as;
    uint8_t max;
};

struct roa_table {
    atomic_uint refs;
    uint32_t n_groups, n_payloads;
    struct group *group;
    struct payload *payload;
    struct lpm *lpm;
};

int vrp_make(struct vrp *v, const struct addr *a, unsigned bits, unsigned max, uint32_t as, bool *cut,
             struct err *e)
{
    *v = (struct vrp){ .prefix = *a, .v4 = addr_is_v4(a), .as = as };
    const unsigned most = v->v4 ? 32 : 128;
    if (bits > most || max > most || max < bits)
        return err_set(e, ERR_FORMAT, "a maximum length of %u for a prefix of %u bits", max, bits);
    v->bits = (uint8_t)bits;
    v->max = (uint8_t)max;
    addr_mask(&v->prefix, bits);
    if (cut)
        *cut = !addr_equal(&v->prefix, a);
    return 0;
}

int vrp_compare(const void *a, const void *b)
{
    const struct vrp *x = a, *y = b;
    int c = y->v4 - x->v4;
    c = c ? c : memcmp(x->prefix.b, y->prefix.b, sizeof(x->prefix.b));
    c = c ? c : x->bits - y->bits;
    c = c ? c : (x->as > y->as) - (x->as < y->as);
    return c ? c : x->max - y->max;
}

static bool same_prefix(const struct vrp *a, const struct vrp *b)
{
    return a->v4 == b->v4 && a->bits == b->bits && addr_equal(&a->prefix, &b->prefix);
}

static bool covers(const struct vrp *outer, const struct vrp *inner)
{
    struct addr cut = inner->prefix;
    if (outer->v4 != inner->v4 || outer->bits > inner->bits)
        return false;
    addr_mask(&cut, outer->bits);
    return addr_equal(&cut, &outer->prefix);
}

/* Groups of the payloads in order: of each prefix, with the prefix around it. */
static void make_groups(struct roa_table *t, const struct vrp *v, size_t n, struct lpm_rule *rule,
                        uint32_t of_family[2])
{
    uint32_t
        open[130]; /* groups around the place that has been reached, and where their payloads begin in v */
    size_t at[130];
    unsigned depth = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !same_prefix(&v[i - 1], &v[i])) {
            while (depth && !covers(&v[at[depth - 1]], &v[i]))
                depth--;
            struct group *g = &t->group[t->n_groups++];
            *g = (struct group){ .first = t->n_payloads,
                                 .parent = depth ? open[depth - 1] + 1 : 0,
                                 .bits = v[i].bits };
            open[depth] = t->n_groups - 1;
            at[depth++] = i;
            struct lpm_rule *r = &rule[t->n_groups - 1];
            *r = (struct lpm_rule){ .value = t->n_groups };
            of_family[lpm_rule_bits(r, &v[i].prefix, v[i].bits)]++;
            r->len = v[i].bits;
        } else if (!vrp_compare(&v[i - 1], &v[i]))
            continue;
        t->payload[t->n_payloads++] = (struct payload){ v[i].as, v[i].max };
        t->group[t->n_groups - 1].n++;
    }
}

struct roa_table *roa_build(struct vrp *v, size_t n)
{
    struct roa_table *t = calloc(1, sizeof(*t));
    struct lpm_rule *rule = malloc((n + 1) * sizeof(*rule));
    uint32_t of_family[2] = { 0, 0 };
    if (t && rule && n < LPM_VALUE_MAX) {
        atomic_init(&t->refs, 1);
        t->group = malloc((n + 1) * sizeof(*t->group));
        t->payload = malloc((n + 1) * sizeof(*t->payload));
        if (t->group && t->payload) {
            if (n)
                qsort(v, n, sizeof(*v), vrp_compare);
            make_groups(t, v, n, rule, of_family);
            t->lpm = lpm_build(rule, of_family[1], rule + of_family[1], of_family[0]);
        }
    }
    free(rule);
    if (t && t->lpm)
        return t;
    if (t) {
        free(t->group);
        free(t->payload);
    }
    free(t);
    return NULL;
}

struct roa_table *roa_ref(struct roa_table *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void roa_put(struct roa_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    lpm_free(t->lpm);
    free(t->group);
    free(t->payload);
    free(t);
}

uint64_t roa_count(const struct roa_table *t) { return t->n_payloads; }

enum roa_state roa_validate(const struct roa_table *t, const struct addr *prefix, unsigned bits,
                            uint32_t origin, bool has_origin)
{
    enum roa_state state = ROA_UNKNOWN;
    for (uint32_t g = lpm_find(t->lpm, prefix); g; g = t->group[g - 1].parent) {
        const struct group *p = &t->group[g - 1];
        if (p->bits > bits) /* covers the first address, not the route */
            continue;
        state = ROA_INVALID;
        for (uint32_t i = p->first; has_origin && origin && i < p->first + p->n; i++)
            if (t->payload[i].as == origin && bits <= t->payload[i].max)
                return ROA_VALID;
    }
    return state;
}
