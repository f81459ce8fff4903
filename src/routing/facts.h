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
    uint32_t med, local_pref;
    uint16_t len[FACT_TEXTS]; /* no longer than any record */
    uint8_t texts;            /* bits: those that were made */
    bool has_path;            /* numbers are of a path; else it was empty */
    bool origin_is_set;       /* the path ends in a set: it has no origin (RFC 6811 §2) */
    uint8_t hop_len;          /* octets of the next hop, 4 or 16 */
    uint8_t rest[];           /* the next hop, and the texts */
};

static inline void facts_next_hop(const struct facts *x, struct addr *hop)
{
    if (x->hop_len == 4)
        addr_set_v4(hop, x->rest);
    else
        memcpy(hop->b, x->rest, sizeof(hop->b));
}

static inline struct var facts_text(const struct facts *x, enum fact_text which)
{
    const uint8_t *p = x->rest + x->hop_len;
    for (unsigned i = 0; i < which; i++)
        p += x->len[i];
    return (struct var){ p, x->len[which] };
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

/* The facts of a set, with those of its texts that are asked for (bits); made when nobody has asked for them
 * before. NULL: no memory. They are freed with the set. `work` is emptied, and texts are written in it. */
const struct facts *facts_of(const struct facts_conf *fc, uint8_t texts, struct rib_pool *pool,
                             uint32_t attrs, struct strbuf *work);
enum { FACTS_WORK_MAX = 1 << 18 }; /* what `work` is to have room for (strbuf_init) */

/* AS numbers alone, which take less memory and time. */
struct as_numbers facts_numbers(const struct facts_conf *fc, struct rib_pool *pool, uint32_t attrs,
                                struct strbuf *work);

#endif
