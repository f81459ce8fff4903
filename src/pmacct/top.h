/* SPDX-License-Identifier: BSD-2-Clause */
/* pmacct --top: a memory table on the terminal, shown anew every few seconds, with what came in meanwhile. */
#ifndef PMACCT_TOP_H
#define PMACCT_TOP_H

#include "pmacct/options.h"
#include "pmacct/query.h"

/* Runs until q, a signal, or so many times as the options say. q: what -M asks for, with no queries if it was
 * not given. -1: e. */
int top_run(const struct options *o, const struct query_list *q, struct err *e);

#endif
