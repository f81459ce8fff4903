/* SPDX-License-Identifier: BSD-2-Clause */
/* Time bins and refresh deadlines: which span of time a record is accounted in, and when what was counted is
 * written. */
#ifndef OUTPUT_BINS_H
#define OUTPUT_BINS_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "core/ring.h"

struct bins {
    struct span history; /* n 0: no bins, all times below are 0 */
    bool utc;
    int64_t base_s;  /* where one bin begins; all others follow from it */
    int64_t limit_s; /* records of later bins are seen as ahead of time */
    /* the bin of the last record: most records fall into the same */
    int64_t last_s, last_from_us, last_to_us;
    bool ahead; /* a record of a bin after limit_s was seen since bins_limit */
};

/* Lays bins out around now_s: roundoff says where they begin, offset_s moves them back. */
void bins_init(struct bins *b, struct span history, const char *roundoff, int64_t offset_s, bool utc,
               int64_t now_s);

/* The bin (start in seconds) of a record that starts at start_us. */
int64_t bins_find(struct bins *b, int64_t start_us);

/* Writes the bin of each record into its key at bin_off; records without a time of their own are of now_us.
 */
void bins_stamp(struct bins *b, uint8_t *recs, size_t bytes, uint16_t bin_off, int64_t now_us);

/* The bin that a purge at now_us closes: bins after it are kept for a later purge. The current one is
 * included as long as no bin has ended since the last purge (*limit_s of the last call); right after one has
 * ended, the new one has to wait. */
int64_t bins_commit(const struct bins *b, int64_t now_us);
/* Begins the time up to the next purge. */
void bins_limit(struct bins *b, int64_t now_us);

/* When the first purge is due: in phase with roundoff, one refresh time from now at most, and later by
 * delay_s. */
int64_t deadline_first(int64_t now_us, int refresh_s, int delay_s, const char *roundoff, bool utc);
/* The deadline after `due_us`: the first one in phase that is later than now_us. A clock that was set back
 * starts a new phase. */
int64_t deadline_next(int64_t due_us, int64_t now_us, int refresh_s);

#endif
