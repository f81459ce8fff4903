/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of conditions, of which the first one that fits a flow is looked for. Compiled: rows that compare the
 * same members form a group with a hash table over their values, so that a map of 10,000 rows costs little
 * more than one of 10. The answer is that of a scan from top to bottom. Maps (tagmap.c and its kin) keep what
 * a row means beside it, by the row's number. */
#ifndef CORE_ROWMAP_H
#define CORE_ROWMAP_H

#include "core/match.h"
#include "core/worker.h"

enum { ROWMAP_NONE = UINT32_MAX, ROWMAP_HOSTS = 8 };

struct rowmap_row {
    uint32_t first, n; /* its conditions */
};

/* How a group loads one of the members that it compares. */
struct rowmap_part {
    uint8_t op, bits;
    uint16_t off;
};

struct rowmap_slot {
    uint64_t hash;
    uint32_t from, n; /* rows of this hash in group.row, ascending; n 0: free. ROWMAP_ONE: `from` is the row
                         itself, the rest its first condition, so that all of it is found at once */
};
#define ROWMAP_ONE UINT32_C(0x80000000)

enum { ROWMAP_PARTS = 8, ROWMAP_GROUPS = 48 };

struct rowmap_group {
    uint32_t least, greatest; /* row numbers */
    unsigned n_parts;         /* 0: rows without anything to be found by; they are tried one by one */
    struct rowmap_part part[ROWMAP_PARTS];
    uint32_t n_rows, mask; /* mask: slots - 1 */
    uint32_t *row;
    struct rowmap_slot *slot;
};

/* Immutable once compiled; may be read by several threads, each with a match_memory of its own. */
struct rowmap {
    struct rowmap_row *row;
    struct match *match;
    uint32_t n_rows, n_matches, cap_rows, cap_matches;
    struct rowmap_group *group; /* by their least row */
    unsigned n_groups;
    struct fieldset needs; /* what the conditions read */
    bool of_sender;        /* they speak of the exporter only */
    bool expects;          /* rowmap_expect is of use: there are some of these: */
    struct rowmap_hosts {  /* large groups that are found by one host alone */
        uint32_t group[ROWMAP_HOSTS];
        unsigned n;
    } by_host[2]; /* by source, by destination */
};

void rowmap_init(struct rowmap *m);
void rowmap_free(struct rowmap *m);

/* Begins a row; rowmap_add then adds conditions to it (see match_make). -1: e. */
int rowmap_row(struct rowmap *m, struct err *e);
int rowmap_add(struct rowmap *m, unsigned key, const char *value, char daemon, struct err *e);

/* After the last row. -1: no memory. */
int rowmap_compile(struct rowmap *m, struct err *e);

/* The first row from `from` on that fits the flow, or ROWMAP_NONE. */
uint32_t rowmap_find(const struct rowmap *m, const struct flow *f, uint32_t from, struct match_memory *mem);

/* Hosts of flows to come (worker_expect), at most EXPECTED_MAX: what looking for their rows will read is
 * fetched for all of them at once. Returns how many rows were found that may fit, at most ROWMAP_SOON, and
 * which. */
enum { ROWMAP_SOON = 2 * EXPECTED_MAX };
unsigned rowmap_expect(const struct rowmap *m, unsigned octets, const struct expected *e, unsigned n,
                       uint32_t row[ROWMAP_SOON]);

/* The same as rowmap_find by trying row after row: what rowmap_find is tested against. */
uint32_t rowmap_scan(const struct rowmap *m, const struct flow *f, uint32_t from, struct match_memory *mem);

#endif
