/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of a rib's peers has the routes of an exporter: by the address of the session, else by its BGP
 * identifier; in BMP by that of the router. What was found is kept until peers come or go. One of these for
 * each worker. */
#ifndef ROUTING_PEERS_H
#define ROUTING_PEERS_H

#include "rib/rib.h"

enum { PEERS_OF_ONE = 64, PEERS_SLOTS = 256 };

/* Whose routes are asked for. */
struct agent {
    struct addr addr;
    uint16_t port; /* of the session; 0: any */
};

/* Those who have them, the first one first. */
struct peers_found {
    struct agent agent;
    uint32_t generation;
    uint8_t n;
    uint8_t rank[PEERS_OF_ONE]; /* the lower the better; those of one rank are equals */
    uint32_t peer[PEERS_OF_ONE];
};

struct peers {
    const struct rib *rib;
    const struct rib_reader *reader; /* online */
    bool bmp;
    bool by_id;    /* identifiers count */
    uint32_t last; /* the slot that was asked last */
    struct peers_found slot[PEERS_SLOTS];
};

void peers_init(struct peers *p, const struct rib *rib, const struct rib_reader *r, bool bmp, bool by_id);

/* n 0: there is nobody. Valid until the next call. */
const struct peers_found *peers_of(struct peers *p, const struct agent *a);

#endif
