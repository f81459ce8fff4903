/* SPDX-License-Identifier: BSD-2-Clause */
/* Which receiver of a pool gets a datagram. */
#ifndef PLUGINS_TEE_BALANCE_H
#define PLUGINS_TEE_BALANCE_H

#include "core/datagram.h"
#include "plugins/tee_conf.h"

/* Does the pool take the datagram? */
static inline bool tee_pool_takes(const struct tee_pool *p, const struct datagram_record *d)
{
    return !p->tags || (d->flags & DATAGRAM_FOR_ALL) || tag_filter_match(p->tags, d->tag);
}

/* The one target, by place, of a pool that shares (balance is not TEE_TO_ALL). Sticky ways give every target
 * a score for the key, the highest wins (rendezvous hashing): when one leaves, only what it had moves, and
 * when one joins, only what it gets. */
unsigned tee_balance(struct tee_pool *p, const struct datagram_record *d);

#endif
