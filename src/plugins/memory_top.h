/* SPDX-License-Identifier: BSD-2-Clause */
/* The largest of a memory table: its entries summed up by some of their columns, several ways at once, the
 * greatest of each sum written as JSON. Runs in slices, as answers to clients do (memory_query.h). The live
 * page asks (memory_web.c). */
#ifndef PLUGINS_MEMORY_TOP_H
#define PLUGINS_MEMORY_TOP_H

#include "plugins/memory_query.h"

enum {
    TOP_SETS_MAX = 16,
    TOP_COLUMNS_MAX = 32,
    TOP_WHERE_MAX = 16,
    TOP_ROWS_MAX = 10000, /* offset and limit together */
    TOP_TEXT_MAX = 256,
};

enum top_sort { TOP_BYTES, TOP_PACKETS, TOP_FLOWS };

/* What the entries counted at some moment, by the order of their arrival: what came since is the difference.
 */
struct top_mark {
    const struct table *table;
    int64_t at_us; /* monotonic */
    uint64_t n;
    struct counters *had; /* n of them */
    struct top_mark *next;
};

/* One way to sum up. */
struct top_set {
    uint16_t column[TOP_COLUMNS_MAX];
    unsigned n; /* 0: not at all, all columns */
    unsigned limit, offset;
};

/* Only entries whose column has this value, as JSON shows it (without quotes). */
struct top_where {
    uint16_t column;
    char text[TOP_TEXT_MAX];
};

struct top_query {
    struct top_set set[TOP_SETS_MAX];
    unsigned n_sets;
    struct top_where where[TOP_WHERE_MAX];
    unsigned n_where;
    enum top_sort sort;
    const struct top_mark *mark; /* only what came since; NULL: since the table is there */
};

/* Can entries be summed up by this column? */
bool top_column(const struct column *c);

struct top;

/* Begins a query over what the table holds now, as one more user of it; the mark is not needed any more when
 * it has gone over the table. NULL: e. */
struct top *top_new(const struct layout *l, struct table *t, const struct top_query *q, struct err *e);
void top_free(struct top *x);
/* Goes on until the monotonic time until_us. True: done. */
bool top_step(struct top *x, int64_t until_us);
/* Is the mark still being read? */
bool top_reads(const struct top *x, const struct top_mark *mark);
/* Appends the members "entries", "matched", "total", "tops" of an object that is begun already. */
void top_write(struct top *x, struct strbuf *out);

#endif
