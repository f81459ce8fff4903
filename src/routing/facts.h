/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow can be told of a set of attributes, worked out once and kept with the set: AS numbers, texts as
 * they stand in keys, filtered and shortened as the configuration says. For step.c. */
#ifndef ROUTING_FACTS_H
#define ROUTING_FACTS_H

#include "config/config.h"
#include "core/flow.h"
#include "rib/attrs.h"

enum fact_text { TEXT_AS_PATH, TEXT_COMMS, TEXT_EXT_COMMS, TEXT_LRG_COMMS, FACT_TEXTS };

struct facts {
    uint32_t origin_as, peer_as; /* 0: none */
    uint32_t med, local_pref;
    bool has_path;      /* numbers are of a path; else it was empty */
    bool origin_is_set; /* the path ends in a set: it has no origin (RFC 6811 §2) */
    struct addr next_hop;
    struct var text[FACT_TEXTS];
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
    bool skip_subas;
};

/* Reads the keys. -1: e. */
int facts_conf(struct facts_conf *fc, const struct routing_keys *k, struct err *e);

/* The facts of a set, made when nobody has asked for them before. NULL: no memory. They are freed with the
 * set. */
const struct facts *facts_of(const struct facts_conf *fc, struct rib_pool *pool, uint32_t attrs);

#endif
