/* SPDX-License-Identifier: BSD-2-Clause */
/* A memory table as it stood at one moment, and what each entry has counted since the moment before; summed
 * up by a column if asked for. */
#ifndef PMACCT_SNAPSHOT_H
#define PMACCT_SNAPSHOT_H

#include "core/imt_proto.h"
#include "output/format.h"

/* A line: an entry, or all that have the same value of a column. */
struct snapshot_line {
    struct counters sum, since; /* ever; since the snapshot before */
    size_t row;                 /* where one of its rows is kept */
    uint64_t hash;
};

struct snapshot {
    const struct layout *l;
    struct format *text; /* the caller's: writes values */
    int64_t at_us;       /* monotonic */
    struct strbuf rows;  /* as they came */
    struct snapshot_line *line;
    uint32_t *slot; /* by hash: number of the line + 1 */
    size_t n, cap;
    uint64_t entries;
    struct counters sum, since;
};

/* Empties it for another moment; by: the column that lines are summed up by, or -1. */
void snapshot_begin(struct snapshot *s, int64_t at_us);
/* Adds a row; before: the snapshot before, of all entries, or NULL. -1: no memory. */
int snapshot_add(struct snapshot *s, const struct row *r, uint32_t key_len, const struct snapshot *before);
/* Sums `all` up by a column into s, only what has `filter` (NULL: everything) in one of its values. */
int snapshot_sum(struct snapshot *s, const struct snapshot *all, const struct column *by, const char *filter);
/* The row that stands for a line. */
bool snapshot_row(const struct snapshot *s, const struct snapshot_line *line, struct row *r);
void snapshot_free(struct snapshot *s);

#endif
