/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow can be told of a set of attributes, worked out once and kept with the set: AS numbers, texts as
 * they stand in keys, filtered and shortened as the configuration says. For step.c. */
#ifndef ROUTING_FACTS_H
#define ROUTING_FACTS_H

#include <string.h>
#include "base/strbuf.h"
#include "config/config.h"
#include "core/flow.h"
#include "rib/attrs.h"

enum fact_text { TEXT_AS_PATH, TEXT_COMMS, TEXT_EXT_COMMS, TEXT_LRG_COMMS, FACT_TEXTS };

/* What most flows ask for fits into the first line of the cache: memory is what looking up waits for. */
struct facts {
    uint32_t origin_as, peer_as; /* 0: none */
    uint16_t path_len;           /* octets of the AS path's text; no longer than any record, as all texts */
    uint8_t texts : 4;           /* bits: those that were made */
    bool has_path : 1;           /* numbers are of a path; else it was empty */
    bool origin_is_set : 1;      /* the path ends in a set: it has no origin (RFC 6811 §2) */
    uint8_t hop_len;             /* octets of the next hop, 4 or 16 */
    uint8_t rest[];              /* the next hop, the AS path, struct facts_more, the other texts */
};

/* What fewer ask for; read by facts_more. */
struct facts_more {
    uint32_t med, local_pref;
    uint16_t len[FACT_TEXTS]; /* of the texts but the AS path */
};

static inline void facts_next_hop(const struct facts *x, struct addr *hop)
{
    if (x->hop_len == 4)
        addr_set_v4(hop, x->rest);
    else
        memcpy(hop->b, x->rest, sizeof(hop->b));
}

static inline struct var facts_path(const struct facts *x)
{
    return (struct var){ x->rest + x->hop_len, x->path_len };
}

static inline struct facts_more facts_more(const struct facts *x)
{
    struct facts_more more;
    memcpy(&more, x->rest + x->hop_len + x->path_len, sizeof(more));
    return more;
}

/* One of the texts but the AS path. */
static inline struct var facts_text(const struct facts *x, const struct facts_more *more,
                                    enum fact_text which)
{
    const uint8_t *p = x->rest + x->hop_len + x->path_len + sizeof(*more);
    for (unsigned i = TEXT_COMMS; i < which; i++)
        p += more->len[i];
    return (struct var){ p, more->len[which] };
}

struct as_numbers {
    uint32_t origin, peer; /* as in struct facts */
};

/* Lists out of the configuration, taken apart. */
enum { PATTERNS_MAX = 16, PATTERN_LEN = 32 };
struct patterns {
    unsigned n;
    char text[PATTERNS_MAX][PATTERN_LEN];
};

struct facts_conf {
    struct patterns keep[FACT_TEXTS]; /* n 0: all */
    struct patterns to_asn[FACT_TEXTS];
    uint32_t radius; /* 0: whole paths */
    bool skip_subas, comms_num;
};

/* Reads the keys. -1: e. */
int facts_conf(struct facts_conf *fc, const struct routing_keys *k, struct err *e);

/* The facts that are kept with a set, if the texts asked for (bits) are among them; else NULL. */
static inline const struct facts *facts_known(const struct rib_kept *kept, uint8_t texts)
{
    const struct facts *x = atomic_load_explicit(&kept->note, memory_order_acquire);
    return x && (x->texts & texts) == texts ? x : NULL;
}

/* AS numbers alone, which take less memory and time. Kept with their bits turned over, so that no AS number
 * at all is no 0; 0: not yet. */
static inline struct as_numbers facts_numbers_of(uint64_t word)
{
    return (struct as_numbers){ (uint32_t)~word, (uint32_t)(~word >> 32) };
}
static inline uint64_t facts_word_known(const struct rib_kept *kept)
{
    return atomic_load_explicit(&kept->word, memory_order_relaxed);
}

/* The facts of a set, with those of its texts that are asked for (bits); made when nobody has asked for them
 * before. NULL: no memory. They are freed with the set. `work` is emptied, and texts are written in it. */
const struct facts *facts_of(const struct facts_conf *fc, uint8_t texts, struct rib_pool *pool,
                             uint32_t attrs, struct strbuf *work);
enum { FACTS_WORK_MAX = 1 << 18 }; /* what `work` is to have room for (strbuf_init) */

/* Works AS numbers out, and keeps them. */
struct as_numbers facts_numbers(const struct facts_conf *fc, struct rib_pool *pool, uint32_t attrs,
                                struct strbuf *work);

#endif
