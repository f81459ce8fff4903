/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks and actions on the rows of a purge: a row of words[] each. A row is written when one of the checks
 * passes, or all of them, as *_preprocess_type says; actions change counters and pass nothing. */
#include "output/preprocess.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { WORDS_MAX = 32 };

struct word;
struct step {
    const struct word *word;
    int64_t v;
    uint64_t carried; /* fss: octets of rows that were too small so far */
};

struct preprocess {
    bool all, recover;
    int64_t qnum; /* skip everything for so few rows */
    struct step step[WORDS_MAX];
    unsigned n;
    struct step *keep_best; /* fsrc, or NULL */
    uint64_t random;
};

/* What a word does with a row. Checks return whether it passes. */
typedef bool (*check_fn)(struct step *s, struct agg_entry *e);

static bool at_least_packets(struct step *s, struct agg_entry *e) { return e->packets >= (uint64_t)s->v; }
static bool at_least_bytes(struct step *s, struct agg_entry *e) { return e->bytes >= (uint64_t)s->v; }
static bool at_least_flows(struct step *s, struct agg_entry *e) { return e->flows >= (uint64_t)s->v; }
static bool below_packets(struct step *s, struct agg_entry *e) { return e->packets < (uint64_t)s->v; }
static bool below_bytes(struct step *s, struct agg_entry *e) { return e->bytes < (uint64_t)s->v; }
static bool below_flows(struct step *s, struct agg_entry *e) { return e->flows < (uint64_t)s->v; }

static uint64_t bytes_each(const struct agg_entry *e) { return e->packets ? e->bytes / e->packets : 0; }
static uint64_t packets_each(const struct agg_entry *e) { return e->flows ? e->packets / e->flows : 0; }
static bool at_least_bpp(struct step *s, struct agg_entry *e) { return bytes_each(e) >= (uint64_t)s->v; }
static bool below_bpp(struct step *s, struct agg_entry *e) { return bytes_each(e) < (uint64_t)s->v; }
static bool at_least_ppf(struct step *s, struct agg_entry *e)
{
    return !e->flows || packets_each(e) >= (uint64_t)s->v;
}
static bool below_ppf(struct step *s, struct agg_entry *e)
{
    return !e->flows || packets_each(e) < (uint64_t)s->v;
}

static void scale(struct agg_entry *e, uint64_t bytes)
{
    if (e->bytes)
        e->packets = (uint64_t)((double)e->packets * (double)bytes / (double)e->bytes + 0.5);
    e->bytes = bytes;
}

/* Small rows stand for each other: one of them is written for each v octets, with v octets. */
static bool sample_by_size(struct step *s, struct agg_entry *e)
{
    if (e->bytes >= (uint64_t)s->v)
        return true;
    s->carried += e->bytes;
    if (s->carried < (uint64_t)s->v)
        return false;
    s->carried -= (uint64_t)s->v;
    scale(e, (uint64_t)s->v);
    return true;
}

static bool multiply(struct step *s, struct agg_entry *e)
{
    scale(e, e->bytes * (uint64_t)s->v);
    return true;
}

/* Octets of each packet that the counters lack, or have too many. */
static bool adjust_bytes(struct step *s, struct agg_entry *e)
{
    int64_t more = (int64_t)e->packets * s->v;
    e->bytes = more < 0 && (uint64_t)-more > e->bytes ? 0 : e->bytes + (uint64_t)more;
    return true;
}

enum word_kind { CHECK, ACTION, QNUM, KEEP_BEST, RECOVER };

static const struct word {
    const char *name;
    enum word_kind kind;
    bool sql_only, may_be_negative;
    check_fn fn;
} words[] = {
    { "qnum", QNUM, true, false, NULL },
    { "minp", CHECK, false, false, at_least_packets },
    { "minb", CHECK, false, false, at_least_bytes },
    { "minf", CHECK, false, false, at_least_flows },
    { "maxp", CHECK, false, false, below_packets },
    { "maxb", CHECK, false, false, below_bytes },
    { "maxf", CHECK, false, false, below_flows },
    { "minbpp", CHECK, false, false, at_least_bpp },
    { "maxbpp", CHECK, true, false, below_bpp },
    { "minppf", CHECK, false, false, at_least_ppf },
    { "maxppf", CHECK, true, false, below_ppf },
    { "fss", CHECK, true, false, sample_by_size },
    { "fsrc", KEEP_BEST, true, false, NULL },
    { "usrf", ACTION, true, false, multiply },
    { "adjb", ACTION, true, true, adjust_bytes },
    { "recover", RECOVER, true, false, NULL },
};

/* ---- the key */

static const struct word *find_word(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].name) == len && !memcmp(words[i].name, name, len))
            return &words[i];
    return NULL;
}

static int add_pair(struct preprocess *p, const char *pair, bool sql, struct err *e)
{
    size_t len = strcspn(pair, "=");
    const struct word *w = find_word(pair, len);
    char *end = NULL;
    if (!w || (w->sql_only && !sql))
        return err_set(e, ERR_CONFIG, "preprocess: '%.*s' is not known%s", (int)len, pair,
                       w ? " to this plugin"
                         : ": qnum, min/max of p, b, f, bpp, ppf, fss, fsrc, usrf, adjb, recover are");
    errno = 0;
    int64_t v = pair[len] ? strtoll(pair + len + 1, &end, 10) : 0;
    if (!end || *end || errno || end == pair + len + 1 || (v < 0 && !w->may_be_negative))
        return err_set(e, ERR_CONFIG, "preprocess: '%s' needs a number: %s=1000", pair, w->name);
    if (p->n == WORDS_MAX)
        return err_set(e, ERR_LIMIT, "preprocess: more than %d words", WORDS_MAX);
    if (w->kind == QNUM) {
        p->qnum = v;
        return 0;
    }
    if (w->kind == RECOVER) {
        p->recover = v != 0;
        return 0;
    }
    struct step *s = &p->step[p->n++];
    *s = (struct step){ .word = w, .v = v };
    if (w->kind == KEEP_BEST)
        p->keep_best = s;
    return 0;
}

static int parse(struct preprocess *p, const char *text, bool sql, struct err *e)
{
    char *copy = strdup(text), *rest = copy;
    int rc = copy ? 0 : err_sys(e, "out of memory");
    for (char *pair; rc == 0 && (pair = strsep(&rest, ", \t"));)
        if (*pair)
            rc = add_pair(p, pair, sql, e);
    free(copy);
    return rc;
}

struct preprocess *preprocess_new(const char *text, bool all, bool sql, struct err *e)
{
    struct preprocess *p = calloc(1, sizeof(*p));
    if (!p) {
        err_sys(e, "out of memory");
        return NULL;
    }
    p->all = all;
    if (getrandom(&p->random, sizeof(p->random), 0) != (ssize_t)sizeof(p->random))
        p->random = (uint64_t)clock_wall_us();
    p->random |= 1;
    if (parse(p, text, sql, e) == 0) {
        if (p->n)
            return p;
        err_set(e, ERR_CONFIG, "preprocess: does not contain any checks");
    }
    free(p);
    return NULL;
}

void preprocess_free(struct preprocess *p) { free(p); }

bool preprocess_recovers(const struct preprocess *p) { return p->recover; }

/* ---- rows */

static bool passes(struct preprocess *p, struct agg_entry *e)
{
    bool any = false, all = true, asked = false;
    for (unsigned i = 0; i < p->n; i++) {
        struct step *s = &p->step[i];
        if (s->word->kind != CHECK)
            continue;
        bool ok = s->word->fn(s, e);
        asked = true;
        any |= ok;
        all &= ok;
    }
    return !asked || (p->all ? all : any);
}

static void act(struct preprocess *p, struct agg_entry *e)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->step[i].word->kind == ACTION)
            p->step[i].word->fn(&p->step[i], e);
}

static void leave_out(const struct preprocess *p, struct batch *b, struct agg_entry *e, struct sums *out)
{
    sums_add(out, &(struct sums){ 1, e->packets, e->bytes, e->flows });
    if (p->recover) {
        e->mark = MARK_ASIDE;
        return;
    }
    e->mark = MARK_LEFT_OUT;
    b->rows--;
}

/* ---- fsrc: of all rows the v that are largest by octets / random number; each stands for at least as much
 * as the first one that did not get in (priority sampling). */

struct ranked {
    double z;
    struct agg_entry *e;
};

static int by_z(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->z, y = ((const struct ranked *)b)->z;
    return x < y ? 1 : x > y ? -1 : 0;
}

static double random_unit(struct preprocess *p)
{
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return ((double)(p->random * UINT64_C(0x2545F4914F6CDD1D) >> 11) + 1) / 9007199254740993.0;
}

static void keep_best(struct preprocess *p, struct batch *b, struct sums *out)
{
    uint64_t keep = (uint64_t)p->keep_best->v, n = 0, at = 0;
    struct agg_entry *e;
    struct ranked *r = b->rows > keep ? malloc(b->rows * sizeof(*r)) : NULL;
    if (!r)
        return;
    while (n < b->rows && (e = batch_next(b, &at)))
        if (e->mark == MARK_WRITE)
            r[n++] = (struct ranked){ (double)e->bytes / random_unit(p), e };
    qsort(r, n, sizeof(*r), by_z);
    for (uint64_t i = keep; i < n; i++)
        leave_out(p, b, r[i].e, out);
    for (uint64_t i = 0; i < keep && keep < n; i++)
        if ((double)r[i].e->bytes < r[keep].z)
            scale(r[i].e, (uint64_t)r[keep].z);
    free(r);
}

void preprocess_run(struct preprocess *p, struct batch *b, struct sums *out)
{
    struct agg_entry *e;
    uint64_t at = 0;
    *out = (struct sums){ 0 };
    if (b->rows <= (uint64_t)p->qnum)
        return;
    while ((e = batch_next(b, &at))) {
        if (!passes(p, e))
            leave_out(p, b, e, out);
        else
            act(p, e);
    }
    if (p->keep_best)
        keep_best(p, b, out);
}
