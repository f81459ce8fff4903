/* SPDX-License-Identifier: BSD-2-Clause */
/* The purge engine: what every plugin that aggregates and writes at its refresh time has in common (print, sqlite3, ...).
 * It owns the table, assigns time bins, swaps the table at the refresh time and gives it to a writer thread, which calls the sink. It writes the
 * START and END lines, runs triggers, and confirms the sums to the ledger once the sink has them. */
#ifndef OUTPUT_PURGE_H
#define OUTPUT_PURGE_H

#include "core/agg.h"
#include "core/plugin.h"

/* The rows of one purge: of one or more time bins. */
struct batch {
    const struct layout *layout;
    struct agg *table;
    uint64_t rows;      /* how many */
    int64_t purge_us;   /* wall clock when the purge began */
    int64_t writer;     /* id of the writer thread, as the log lines and markers show it */
    bool last;          /* the daemon ends */
    uint64_t written;   /* set by the sink: rows it took (QN) */
};

/* A sink writes batches. All calls but open come from the writer thread; one batch at a time. */
struct sink_ops {
    const char *name;
    size_t state_size;
    /* In the plugin's process, on the event loop thread, before the first record. */
    int (*open)(void *state, struct plugin *pl, struct err *e);
    /* Writes the batch whole and sets b->written. 0: it is safe in the sink (confirmed). -1: e says why not. */
    int (*write)(void *state, struct plugin *pl, struct batch *b, struct err *e);
    void (*close)(void *state);
    bool empty_batches; /* wants to be called with 0 rows too (markers, empty files) */
};

struct purger; /* opaque */

/* Makes the engine for a plugin. -1: e. */
int purger_open(struct purger **out, struct plugin *pl, const struct sink_ops *sink, struct err *e);
struct sums purger_take(struct purger *p, uint8_t *recs, size_t bytes);
void purger_tick(struct purger *p, int64_t now_us);
void purger_finish(struct purger *p); /* writes everything, waits for it */
void purger_close(struct purger *p);

/* The time bin (seconds) that a record falls into; b: where bins begin. Public for tests. */
int64_t bin_of(int64_t start_us, int64_t base_s, struct span history, bool utc);

/* Expands a name with strftime conversions and $ variables for a row ($ref, $hst, $peer_src_ip, $tag, $tag2, $post_tag, $post_tag2).
 * at_us: the time bin, or the purge when there are no bins. -1 when a conversion is unknown or the name gets too long. */
struct names; /* a compiled name */
struct names *names_compile(const char *text, const struct plugin *pl, struct err *e);
void names_free(struct names *n);
bool names_vary(const struct names *n);     /* depends on more than the purge: rows have to be told apart */
int names_expand(const struct names *n, const struct row *r, int64_t at_us, char *buf, size_t size);

#endif
