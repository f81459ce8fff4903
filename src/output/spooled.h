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

/* Number of the oldest batch that waits, 0: none. */
uint64_t spooled_oldest(const struct spooled *s);

/* Makes the oldest batch anew: *b with a table that the caller frees. A damaged file, or one that was made
 * with other fields, is logged and passed over. False: none waits. */
bool spooled_load(struct spooled *s, struct batch *b, struct sums *sums);

/* The sink has it. */
void spooled_done(struct spooled *s, uint64_t seq);

/* One line on what waits, if something does: when the daemon ends. */
void spooled_log_rest(const struct spooled *s);

#endif
