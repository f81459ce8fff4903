/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates of one exporter: read from template sets, compiled, looked up by id for each data set. */
#ifndef NETFLOW_TMPL_H
#define NETFLOW_TMPL_H

#include "netflow/plan.h"

struct tmpl {
    uint16_t id;
    uint8_t version;
    bool options;
    bool system;       /* options about the system as a whole */
    uint16_t n_fields; /* scope fields included */
    uint16_t n_scope;
    uint32_t seen_s; /* when it was sent last, monotonic; the owner's to set */
    uint64_t used;   /* order of last use, of the table's clock */
    struct plan *plan;
    uint32_t raw_len;
    uint8_t raw[]; /* field specifiers as they came: a repeated template is known again by them */
};

/* By id, open addressing. Zeroed: empty. */
struct tmpl_table {
    struct tmpl **slot;
    uint32_t n, cap;
    uint64_t clock;
    size_t memory; /* octets allocated, plans included */
};

/* The template of a data set, or NULL. */
static inline struct tmpl *tmpl_find(const struct tmpl_table *t, uint16_t id)
{
    for (uint32_t i = id; t->cap; i++) {
        struct tmpl *x = t->slot[i & (t->cap - 1)];
        if (!x || x->id == id)
            return x;
    }
    return NULL;
}

void tmpl_table_free(struct tmpl_table *t);

/* A template record as it stands in a message, its fields not yet read. */
struct tmpl_record {
    uint16_t id;
    uint8_t version; /* 9 or 10 */
    bool options;
    unsigned n_fields, n_scope;
    struct cursor fields; /* field specifiers; longer than they are when the record is the set's last */
};

enum tmpl_verdict { TMPL_SAME, TMPL_NEW, TMPL_CHANGED, TMPL_BAD };

/* Reads the fields of a template record (rec->fields then stands behind them), compiles it and enters it into
 * t in the place of one of the same id. `max`: templates that t may hold; past it the one that was not used
 * for longest goes and *evicted is set. TMPL_BAD: e says why (ERR_FORMAT, ERR_LIMIT); a template of that id
 * is then forgotten, since what the exporter now means by it is unknown. TMPL_SAME: it is the one that is
 * there. *out gets the template. */
enum tmpl_verdict tmpl_learn(struct tmpl_table *t, struct tmpl_record *rec, const struct wants *w,
                             unsigned max, bool *evicted, struct tmpl **out, struct err *e);

void tmpl_forget(struct tmpl_table *t, uint16_t id);

/* Forgets those that were not sent for after_s seconds; returns how many. */
uint32_t tmpl_expire(struct tmpl_table *t, uint32_t now_s, uint32_t after_s);

/* Compiles all of t's templates again, since what is wanted has changed: data of templates from w, of options
 * templates from `options`. One for which there is no memory is forgotten until it is sent again. */
void tmpl_recompile(struct tmpl_table *t, const struct wants *w, const struct wants *options);

/* The fields of a template again, for the dump: writes at most `max` of them, returns how many there are. */
unsigned tmpl_fields(const struct tmpl *t, struct tmpl_field *fields, unsigned max);

#endif
