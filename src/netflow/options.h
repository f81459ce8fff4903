/* SPDX-License-Identifier: BSD-2-Clause */
/* What exporters tell about themselves in options data: sampling rates, names, route distinguishers. Kept for
 * each observation domain, and, where the scope is the whole system, for the exporter's address. */
#ifndef NETFLOW_OPTIONS_H
#define NETFLOW_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "netflow/record.h"

enum option_kind {
    OPTION_SAMPLER,       /* by IE 48; 0: announced without an id */
    OPTION_SELECTOR,      /* by IE 302 */
    OPTION_TEMPLATE_RATE, /* by template id */
    OPTION_IFACE_RATE,    /* by interface */
    OPTION_APPLICATION,   /* by application id and its length (option_app_key) */
    OPTION_RD,            /* by VRF id */
    OPTION_VRF,           /* by VRF id */
    OPTION_IFACE,         /* by interface */
};

enum {
    OPTION_TEXT = 64,      /* longer names are cut */
    OPTIONS_MAX = 1 << 16, /* entries of one table; what comes later is refused and counted */
};

struct option {
    uint64_t key;
    uint8_t kind; /* enum option_kind */
    bool used;
    uint8_t len; /* of the text */
    union {
        uint32_t rate;
        struct rd rd;
        char *text; /* of OPTION_TEXT octets, owned */
    };
};

/* Open addressing on (kind, key). Zeroed: empty. */
struct options {
    struct option *slot;
    uint32_t n, cap;
    uint32_t last_rate; /* of the sampler that was announced last; 0: none */
    bool iface_rates;   /* there are rates by interface */
    uint64_t refused;
    size_t memory; /* octets allocated */
};

/* The entry, or NULL. */
const struct option *options_find(const struct options *o, enum option_kind kind, uint64_t key);

/* Enters or replaces. -1: the table is full, or there is no memory; counted. */
int options_set_rate(struct options *o, enum option_kind kind, uint64_t key, uint32_t rate);
int options_set_rd(struct options *o, uint64_t key, const struct rd *rd);
int options_set_text(struct options *o, enum option_kind kind, uint64_t key, const void *text, size_t len);
void options_free(struct options *o);

/* Application ids are octets: engine and selector (RFC 6759 §4). */
uint64_t option_app_key(const struct var *id);

/* The rate 1:N that elements about sampling tell, or 0. */
uint32_t sampling_rate_of(const struct sampling *s);

#endif
