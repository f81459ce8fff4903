/* SPDX-License-Identifier: BSD-2-Clause */
/* sql_preprocess, print_preprocess, ...: what becomes of the rows of a purge before the sink sees them. */
#ifndef OUTPUT_PREPROCESS_H
#define OUTPUT_PREPROCESS_H

#include "output/purge.h"

struct preprocess;

/* Compiles the text of the key. `sql`: all words, else those that every sink has. NULL with e->code ERR_NONE:
 * nothing to do; NULL with an error: e. Words that are not known or not for this sink are an error. */
struct preprocess *preprocess_new(const char *text, bool all, bool sql, struct err *e);
void preprocess_free(struct preprocess *p);

/* Are rows that fail the checks for the backup host (`recover`)? */
bool preprocess_recovers(const struct preprocess *p);

/* Changes counters as the actions say, and marks the rows that the checks leave out; b->rows is set anew.
 * *out gets the sums of what is left out (records: rows). With `recover` they are MARK_ASIDE, and still count
 * in b->rows. */
void preprocess_run(struct preprocess *p, struct batch *b, struct sums *out);

#endif
