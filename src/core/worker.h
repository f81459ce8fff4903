/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker takes decoded flows through the stages that follow decoding: enrichment, tagging, and for each
 * plugin filter, sampling, projection, ring. It counts whatever does not arrive (the ledger). Decoders see
 * nothing else of the core. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "config/config.h"
#include "core/fields.h"
#include "core/flow.h"

struct worker; /* opaque; worker.c */

/* What some plugin needs to be filled in: decoders compile only this into their plans. Holds besides the
 * fields of all `aggregate`s what filters, maps and probes read. */
const struct fieldset *worker_needs(const struct worker *w);
/* Does some plugin show the flows counter? */
bool worker_counts_flows(const struct worker *w);
/* Does some plugin, or a primitive of the site, take frames? Then flow.packet has to be set where it can be.
 */
bool worker_wants_frames(const struct worker *w);
const struct config *worker_config(const struct worker *w); /* the core's */
const struct log *worker_log(const struct worker *w);

/* Primitives of the site (core/custom.h), and in *used those that some plugin counts by; NULL: there are
 * none.
 */
const struct customs *worker_customs(const struct worker *w, uint64_t *used);

/* The decoder fills in primitives of the site itself, where there is no packet. */
void worker_brings_customs(struct worker *w);

/* Changes when worker_needs does: a map was loaded that reads more. What was compiled for the old needs is to
 * be made anew. It changes between batches only (worker_set_now). */
unsigned worker_needs_version(const struct worker *w);

/* Wall-clock time of the batch in hand, µs: set by the input once for each batch (for capture files: time of
 * the packet). */
int64_t worker_now(const struct worker *w);
void worker_set_now(struct worker *w, int64_t now_us);

/* The rate that sampling_map has for a flow whose exporter and interfaces are known, 0: none. It goes before
 * what exporters say. */
uint32_t worker_sampling_rate(const struct worker *w, const struct flow *f);

/* Hands one flow on. The flow is read, never kept; variable data may be reused as soon as it returns. The
 * decoder owns f and may keep it from record to record. */
void worker_flow(struct worker *w, struct flow *f);

/* Does somebody look flows up by address? Then decoders that know addresses of flows to come from one
 * exporter may say so with worker_expect (`octets` 4 or 16 each, in network order, at most EXPECTED_MAX):
 * what memory holds of them is fetched for all at once. */
enum { EXPECTED_MAX = 64 };
struct expected {
    const uint8_t *addr;
    bool is_dst;
};
bool worker_looks_up(const struct worker *w);
void worker_expect(struct worker *w, const struct addr *exporter, unsigned octets, const struct expected *e,
                   unsigned n);

struct datagram; /* core/input.h */

/* For plugins that want whole datagrams: hands one on, copied once, with the tag that a plugin's pre_tag_map
 * gives its sender. Counts as one record and one packet of its octets. */
void worker_datagram(struct worker *w, const struct datagram *d);

/* Do maps ask for what is in datagrams that plugins want? Then decoders take them apart: each flow gets the
 * member `split`, which worker_flow hands on (and sets to NULL), and what is no flow goes to worker_split.
 * May change when worker_needs_version does. */
bool worker_splits(const struct worker *w);

struct split; /* core/datagram.h */

/* Hands on a part of a datagram that all receivers get. */
void worker_split(struct worker *w, const struct split *s);

/* End of a batch: publishes rings. True: at least one plugin's ring is so full that the input should pause (a
 * file input waits, a live input leaves the data in the kernel for a moment). */
bool worker_flush(struct worker *w);

/* After worker_flush said true: is there no plugin at all that could take a record? Then reading on would be
 * decoding in order to drop. */
bool worker_all_full(const struct worker *w);

/* For inputs that may wait (capture files): waits, 20 ms at most, until every live plugin has room again.
 * False: not yet; go back to the event loop, so that signals are heard, and call again. */
bool worker_wait_room(struct worker *w);

#endif
