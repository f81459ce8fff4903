/* SPDX-License-Identifier: BSD-2-Clause */
/* pre_tag_map: rows of conditions and what they set: tag, tag2, label, ToS. Loaded by maps.c, run for each
 * flow by view.c, and for each datagram, by its sender alone, by whoever forwards datagrams. */
#ifndef CORE_TAGMAP_H
#define CORE_TAGMAP_H

#include "core/rowmap.h"

struct tagmap; /* immutable but for the counters of N++ rows; shared by threads */

struct tagmap_conf {
    char daemon;         /* letter */
    bool labels_are_map; /* pre_tag_label_encode_as_map: labels have the form key%value,... */
};

/* Reads the file as a whole. NULL: e names file, line and fault. */
struct tagmap *tagmap_load(const char *path, const struct tagmap_conf *c, struct err *e);
/* The same from text, which is changed; text[len] has to be writable. */
struct tagmap *tagmap_parse(const char *path, char *text, size_t len, const struct tagmap_conf *c,
                            struct err *e);
void tagmap_free(struct tagmap *m);

unsigned tagmap_rows(const struct tagmap *m);
/* What flows have to bring for it: conditions, and the tags that it adds to. */
const struct fieldset *tagmap_needs(const struct tagmap *m);
/* Is the sender all that it looks at? Then datagrams can be tagged without being decoded. */
bool tagmap_by_sender(const struct tagmap *m);

/* What running a map takes: one a thread and map. */
struct tagmap_run;
struct tagmap_run *tagmap_run_new(const struct tagmap *m);
void tagmap_run_free(struct tagmap_run *r);

/* Tags a flow: sets f->tag, tag2, label (text that lives until the next call with this run, or in the map)
 * and tos as the rows from row `from` (0: all) say. Returns 0 when that is all, or, where a row says
 * return=true, the row to go on with once the flow has been handed over as it is now: call again with it,
 * which begins without tags. */
uint32_t tagmap_flow(const struct tagmap *m, struct tagmap_run *r, struct flow *f, uint32_t from);

/* Is it large, and are its rows found by a host? Then hosts of flows to come (worker_expect) may be told. */
bool tagmap_expects(const struct tagmap *m);
void tagmap_expect(const struct tagmap *m, unsigned octets, const struct expected *e, unsigned n);

/* Tags by the sender of a datagram: *tag and *tag2 get what the map says of him. Rows that ask for more than
 * the sender see a flow with nothing in it (tagmap_by_sender tells). */
void tagmap_sender(const struct tagmap *m, struct tagmap_run *r, const struct addr *from, uint64_t *tag,
                   uint64_t *tag2);

#endif
