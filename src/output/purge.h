/* SPDX-License-Identifier: BSD-2-Clause */
/* The purge engine: what every plugin that aggregates and writes at its refresh time has in common (print,
 * sqlite3, ...). It owns the table, assigns time bins, swaps the table at the refresh time and gives it to a
 * writer thread, which calls the sink. It writes the START and END lines, runs triggers, and confirms the
 * sums to the ledger once the sink, or the spool, has them. */
#ifndef OUTPUT_PURGE_H
#define OUTPUT_PURGE_H

#include "core/agg.h"
#include "core/plugin.h"

enum { BATCH_ID = 16 };

/* The rows of one purge: of one or more time bins. */
struct batch {
    const struct layout *layout;
    struct agg *table;
    uint64_t rows;              /* how many */
    int64_t purge_us;           /* wall clock when the purge began */
    int64_t writer;             /* id of the writer thread, as the log lines and markers show it */
    bool last;                  /* the daemon ends */
    uint64_t written;           /* set by the sink: rows it took (QN) */
    int64_t base_s;             /* the last bin that this purge closes or updates; 0 without bins */
    uint64_t inserted, updated; /* set by SQL sinks: for triggers */
    int64_t took_s;             /* set by the engine when the sink is done: for triggers */
    uint64_t refused;           /* set by the sink: rows that it can never take (dropped, counted, logged) */
    bool partly; /* set by the sink that returns -1: what is left has a reason of its own (a topic that is not
                    there), so that other batches need not wait for it */
    uint64_t spool_seq;   /* its number in the spool, 0: it is in memory only */
    uint8_t id[BATCH_ID]; /* random, the same at each try, also after a restart; zeros without a spool. A
                             sink that stores it with the rows can tell whether it has them already */
};

/* Marks of the entries of a batch. */
enum {
    MARK_WRITE,
    MARK_KEPT /* in the next table already */,
    MARK_DONE /* the sink has it, though not the whole batch */,
    MARK_LEFT_OUT /* by preprocess */,
    MARK_ASIDE /* by preprocess with `recover`: for the backup host of a database, the sinks of which alone
                  see them */
    ,
};

/* Visits the entries of a batch that are to be written. */
static inline struct agg_entry *batch_next(const struct batch *b, uint64_t *at)
{
    struct agg_entry *e;
    if (!b->table)
        return NULL;
    while ((e = agg_next(b->table, at)) && e->mark != MARK_WRITE && e->mark != MARK_ASIDE)
        ;
    return e;
}

/* A sink writes batches. All calls but open come from the writer thread; one batch at a time. */
struct sink_ops {
    const char *name;
    size_t state_size;
    /* In the plugin's process, on the event loop thread, before the first record. */
    int (*open)(void *state, struct plugin *pl, struct err *e);
    /* Writes the batch whole and sets b->written. 0: it is safe in the sink (confirmed). -1: e says why not;
     * the engine comes again with the same batch, in which the sink has marked (MARK_DONE) what it need not
     * see again. */
    int (*write)(void *state, struct plugin *pl, struct batch *b, struct err *e);
    void (*close)(void *state);
    bool empty_batches; /* wants to be called with 0 rows too (markers, empty files) */
    bool sql;           /* a database: *_preprocess has more words */
    bool spools;        /* may be away: its batches go to disk first (spool_dir), and come back from there */
    int retry_max_s;    /* the longest pause before it is asked again for them; 0: a minute */
    /* The same, asked once after open where it depends on the configuration. May be NULL. */
    bool (*wants_empty)(const void *state, const struct plugin *pl);
    /* SIGUSR1: logs counters of its own, on the event loop's thread while write may be at work. May be NULL.
     */
    void (*stats)(const void *state, const struct plugin *pl);
    void (*figures)(const void *state, struct figures *f); /* metrics, in the same way */
    /* Names what a trigger program learns about the batch: calls add for each variable. May be NULL: its
     * environment is the daemon's. */
    void (*trigger_env)(const void *state, const struct plugin *pl, const struct batch *b,
                        void (*add)(void *env, const char *name, const char *value), void *env);
};

/* The id of the calling writer thread: what log lines and markers call its PID. */
int64_t writer_id(void);

struct purger; /* opaque */

/* The rules over several keys that all plugins with a purge engine share; to be called from plugin_ops.check.
 * `prefix` is the first word of the keys' names, for the message: print, sql. */
int purger_check(const struct config_set *set, const struct plugin_conf *pc, const char *prefix,
                 struct err *e);

/* Makes the engine for a plugin. -1: e. */
int purger_open(struct purger **out, struct plugin *pl, const struct sink_ops *sink, struct err *e);
/* The same with the time of the start given: for tests. */
int purger_open_at(struct purger **out, struct plugin *pl, const struct sink_ops *sink, int64_t now_us,
                   struct err *e);
struct sums purger_take(struct purger *p, uint8_t *recs, size_t bytes);
/* The same in one of the threads that the plugin has (plugin.n_shards), each with a table of its own. */
struct sums purger_take_shard(struct purger *p, unsigned shard, uint8_t *recs, size_t bytes);
void purger_tick(struct purger *p, int64_t now_us);
void purger_stats(const struct purger *p);
void purger_figures(struct purger *p, struct figures *f);
void purger_finish(struct purger *p); /* writes everything, waits for it */
void purger_close(struct purger *p);

/* The time bin (seconds) that a record falls into; b: where bins begin. Public for tests. */
int64_t bin_of(int64_t start_us, int64_t base_s, struct span history, bool utc);

/* Expands a name with strftime conversions and $ variables for a row ($ref, $hst, $peer_src_ip, $tag, $tag2,
 * $post_tag, $post_tag2). at_us: the time bin, or the purge when there are no bins. -1 when a conversion is
 * unknown or the name gets too long. */
struct names; /* a compiled name */
struct names *names_compile(const char *text, const struct plugin *pl, struct err *e);
/* The same for messages: a destination and behind it, parted by NAMES_KEY, the key (NULL: none), which may
 * also have $src_host, $dst_host, $src_port, $dst_port, $proto and $in_iface. */
enum { NAMES_KEY = '\x1f' };
struct names *names_compile_keyed(const char *text, const char *key, const struct plugin *pl, struct err *e);
/* -1: text has a variable or conversion that there is not; e says which, without a place. */
int names_check(const char *text, bool key, struct err *e);
void names_free(struct names *n);
bool names_vary(const struct names *n);   /* depends on more than the purge: rows have to be told apart */
bool names_static(const struct names *n); /* always the same */
int names_expand(const struct names *n, const struct row *r, int64_t at_us, char *buf, size_t size);
/* The time that a row's name is made from: its bin, or the purge. */
int64_t names_time(const struct names *n, const struct row *r, int64_t purge_us);

/* The rows of a batch parted by name. */
struct group {
    struct agg_entry **entry; /* in the order of their arrival */
    uint64_t n;
    struct row row;    /* of the first one; zeros for an empty batch */
    int64_t at_us;     /* names_time */
    int64_t latest_us; /* the latest at_us of the groups with this name */
    char *name;        /* several groups may have the same: they are neighbours */
    bool done;         /* free for the sink */
};
struct groups {
    struct group *group; /* by the latest time of a name, the name, the time */
    size_t n;
    struct agg_entry **entries; /* owned; the groups point into it */
};
/* Marks the entries of the groups that are done, in a batch that has failed as a whole. */
void groups_mark_done(const struct groups *g);
/* Parts b by the name n; an empty batch has one empty group. -1 when out of memory or a name gets too long.
 */
int groups_make(struct groups *g, const struct names *n, const struct batch *b, struct err *e);
void groups_free(struct groups *g);

#endif
