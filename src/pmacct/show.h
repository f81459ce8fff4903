/* SPDX-License-Identifier: BSD-2-Clause */
/* Printing answers on stdout. */
#ifndef PMACCT_SHOW_H
#define PMACCT_SHOW_H

#include "core/imt_proto.h"
#include "pmacct/options.h"

struct show;

/* What prints the answer to o's request about a table with this layout; both stay the caller's. NULL: no
 * memory. */
struct show *show_new(const struct options *o, const struct layout *l);
void show_free(struct show *s);

/* Takes a ROWS or COUNTS message. -1 with e. */
int show_message(struct show *s, const struct imt_header *h, struct cursor body, struct err *e);
/* All was taken: prints what is left. Returns 0, or -1 with e. */
int show_end(struct show *s, const struct imt_done *d, struct err *e);

#endif
