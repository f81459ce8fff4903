/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges on disk: a batch as a file of the spool (base/spool.h), and back. For sinks that may be away
 * (databases, brokers). The purge engine's writer thread calls it. */
#ifndef OUTPUT_SPOOLED_H
#define OUTPUT_SPOOLED_H

#include "output/purge.h"

struct spooled;

/* Opens the spool of a plugin instance: a directory of its own under spool_dir. *out is NULL where none is
 * asked for (spool_dir not set and the default directory not there). -1: e; the plugin may go on without.
 * Logs what waits in it. */
int spooled_open(struct spooled **out, struct plugin *pl, struct err *e);
void spooled_close(struct spooled *s);

/* Writes the batch (its entries that are still to be written) to disk; sets b->id and b->spool_seq. Drops the
 * oldest ones where there are more octets than spool_max_size, and says so. -1: e; nothing was stored. */
int spooled_store(struct spooled *s, struct batch *b, const struct sums *sums, struct err *e);

/* Number of the oldest batch that waits and is not put off, 0: none. Those that were made with other fields
 * are logged and passed over. */
uint64_t spooled_next(struct spooled *s);

/* Makes a batch anew: *b with a table that the caller frees. False: the file is damaged, which was logged,
 * and set aside. */
bool spooled_load(struct spooled *s, uint64_t seq, struct batch *b, struct sums *sums);

/* What is left to be written of b is put off: others go first. Where rows of it were written, the rest
 * becomes a file of its own. */
void spooled_put_off(struct spooled *s, const struct batch *b);
/* The oldest that is put off behind number `after`, or the oldest of all, when there is none behind. 0: none
 * is. */
uint64_t spooled_put_off_after(const struct spooled *s, uint64_t after);

/* The sink has it. */
void spooled_done(struct spooled *s, uint64_t seq);
/* The sink has refused this one for now and may have sent some of it: it does not make room for others. 0:
 * there is none. */
void spooled_hold(struct spooled *s, uint64_t seq);

/* What waits, as figures; from any thread. NULL is fine. */
void spooled_figures(const struct spooled *s, struct figures *f);

/* One line on what waits, if something does: when the daemon ends. */
void spooled_log_rest(const struct spooled *s);

#endif
