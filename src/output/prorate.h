/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows that span several time bins are shared among them by their time in each (nfacctd_pro_rating). The
 * purge engine calls it for what it takes. */
#ifndef OUTPUT_PRORATE_H
#define OUTPUT_PRORATE_H

#include "output/bins.h"

/* Records on their way into the table. */
struct prorate {
    uint8_t *recs; /* owned */
    size_t len, cap;
    struct sums sums;              /* of the records as they came */
    int64_t bin_s, from_us, to_us; /* the bin looked up last */
};

void prorate_free(struct prorate *p);

/* Makes of records that bring their times (record_times) records without, with the bin at bin_off of the
 * key: one for each bin that a flow touches, counters shared by the time in it so that their sums stay what
 * they were. p->recs .. p->len and p->sums are the result. A flow over more than 4096 bins is not shared. -1
 * without memory. */
int prorate_run(struct prorate *p, struct bins *b, const uint8_t *recs, size_t bytes, uint16_t bin_off,
                int64_t now_us);

#endif
