/* SPDX-License-Identifier: BSD-2-Clause */
/* Answering one request from a table: memory_client.c makes an answer of it and calls answer_step between
 * ring batches until everything is written. */
#ifndef PLUGINS_MEMORY_QUERY_H
#define PLUGINS_MEMORY_QUERY_H

#include "core/agg.h"
#include "core/imt_proto.h"

/* A table of a memory plugin. An erase does not clear it but puts a new one in its place: answers that are
 * under way keep what they read, and the last user frees it. */
struct table {
    struct agg *agg;
    unsigned users; /* the plugin, while it is the current one, and answers */
};

struct table *table_new(void);
struct table *table_get(struct table *t); /* one more user */
void table_put(struct table *t);          /* one user less */

/* Queries made ready for comparing. All that have the same columns, whatever their values, are looked up at
 * once by a hash, so that thousands of addresses cost hardly more than one. */
struct queries;

/* Reads the queries of r, which stay the caller's and must outlive the result. NULL with ERR_FORMAT when
 * malformed, ERR_LIMIT when they have more than QUERY_SHAPES_MAX different sets of columns. */
struct queries *queries_new(const struct layout *l, const struct imt_request *r, struct err *e);
void queries_free(struct queries *q);

enum { QUERY_SHAPES_MAX = 64 };

/* Does the entry match at least one query? With count (one for each query) its counters are added to all that
 * it matches; of equal queries only to the first, until queries_share gives the others what it has. */
bool queries_match(struct queries *q, const struct agg_entry *e, struct imt_count *count);
void queries_share(const struct queries *q, struct imt_count *count);

/* True when each query names all of a key, so that queries_find replaces a look at every entry. */
bool queries_exact(const struct queries *q);
/* The entry that query i names, or NULL; NULL too when an earlier query asks the same. */
struct agg_entry *queries_find(struct queries *q, unsigned i, const struct agg *t);

struct answer;

/* Begins an answer of what the table holds now. r->queries must outlive it. It becomes a user of the table.
 * NULL with e set. */
struct answer *answer_new(const struct layout *l, struct table *t, const struct imt_request *r,
                          struct err *e);
void answer_free(struct answer *a);

/* Appends messages to out, until about IMT_BLOCK octets were written or the monotonic time until_us has come;
 * an answer of one moment (IMT_F_LOCK, IMT_F_RESET) is written at once. True: all is written, save DONE. */
bool answer_step(struct answer *a, struct strbuf *out, int64_t until_us);

uint64_t answer_rows(const struct answer *a); /* written */
const struct table *answer_table(const struct answer *a);
/* What IMT_F_RESET took out of the counters. */
const struct sums *answer_reset(const struct answer *a);

#endif
