/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates of one exporter: read from template sets, compiled, looked up by id for each data set. */
#ifndef NETFLOW_TMPL_H
#define NETFLOW_TMPL_H

#include "netflow/form.h"

struct tmpl {
    uint16_t id;
    uint8_t version;
    bool options;
    uint32_t seen_s;   /* when it was sent last, monotonic; the owner's to set */
    uint64_t used;     /* order of last use, of the table's clock */
    struct plan *plan; /* the form's */
    struct form *form;
    size_t counted; /* octets, as the table counts it */
};

/* By id, open addressing. Zeroed: empty. */
struct tmpl_table {
    struct tmpl **slot;
    uint32_t n, cap;
    uint64_t clock;
    size_t memory; /* octets; a form counts for each of its templates: too much rather than too little */
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
 * there. *out gets the template. Its form is one of `forms`, which outlive t. */
enum tmpl_verdict tmpl_learn(struct tmpl_table *t, struct forms *forms, struct tmpl_record *rec,
                             const struct wants *w, unsigned max, bool *evicted, struct tmpl **out,
                             struct err *e);

void tmpl_forget(struct tmpl_table *t, uint16_t id);

/* Forgets those that were not sent for after_s seconds; returns how many. */
uint32_t tmpl_expire(struct tmpl_table *t, uint32_t now_s, uint32_t after_s);

/* After forms_recompile: t's templates have the plans that were made. One for which there was no memory is
 * forgotten until it is sent again. */
void tmpl_renew(struct tmpl_table *t);

#endif
