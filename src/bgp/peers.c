/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding neighbours by address and by identifier. Called by service.c and lg.c. */
#include "base/hash.h"
#include "bgp/peer.h"

static unsigned bucket(const void *p, size_t n) { return (unsigned)hash_bytes(p, n) % BGP_PEER_BUCKETS; }

void bgp_peers_add(struct bgp_peers *t, struct bgp_peer *p)
{
    struct bgp_peer **head = &t->of_addr[bucket(&p->s.addr, sizeof(p->s.addr))];
    p->next_of_addr = *head;
    *head = p;
    p->next = t->first;
    if (t->first)
        t->first->prev = p;
    t->first = p;
    t->n++;
}

void bgp_peers_add_id(struct bgp_peers *t, struct bgp_peer *p)
{
    struct bgp_peer **head = &t->of_id[bucket(p->s.id, sizeof(p->s.id))];
    p->next_of_id = *head;
    *head = p;
}

void bgp_peers_remove(struct bgp_peers *t, struct bgp_peer *p)
{
    struct bgp_peer **at = &t->of_addr[bucket(&p->s.addr, sizeof(p->s.addr))];
    while (*at && *at != p)
        at = &(*at)->next_of_addr;
    if (!*at)
        return;
    *at = p->next_of_addr;
    at = &t->of_id[bucket(p->s.id, sizeof(p->s.id))];
    while (*at && *at != p)
        at = &(*at)->next_of_id;
    if (*at)
        *at = p->next_of_id;
    if (p->prev)
        p->prev->next = p->next;
    else
        t->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    t->n--;
}

struct bgp_peer *bgp_peers_by_addr(const struct bgp_peers *t, const struct addr *a, uint16_t port)
{
    struct bgp_peer *p = t->of_addr[bucket(a, sizeof(*a))];
    while (p && (!addr_equal(&p->s.addr, a) || (port && p->s.port != port)))
        p = p->next_of_addr;
    return p;
}

struct bgp_peer *bgp_peers_by_id(const struct bgp_peers *t, const uint8_t id[4], const struct bgp_peer *but)
{
    struct bgp_peer *p = t->of_id[bucket(id, 4)];
    while (p && (p == but || memcmp(p->s.id, id, 4) != 0))
        p = p->next_of_id;
    return p;
}
