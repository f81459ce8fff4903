/* SPDX-License-Identifier: BSD-2-Clause */
/* Which application a packet belongs to, for the primitive `class`, as nDPI sees it: "TLS/Google", master
 * protocol and application. feed.c asks for each packet where some plugin shows the class; so may whoever
 * else has packets. Builds without nDPI have classify_none.c in the place of classify.c. */
#ifndef PACKET_CLASSIFY_H
#define PACKET_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "core/flow.h"

struct classifier;

/* By the classifier_* keys. One for each worker; not to be called by two threads at a time. NULL: e; a build
 * without nDPI always says so, with ERR_UNSUPPORTED. */
struct classifier *classifier_new(const struct config *c, const struct log *l, struct err *e);
void classifier_free(struct classifier *k);

/* Sets f->class of a packet of time at_us. `ip` is the IP header that addresses, ports, protocol and TCP
 * flags of *f are from, with `len` octets that were captured; NULL: none, and no class. Until a conversation
 * has been recognised its packets are "Unknown/Unknown". */
void classifier_packet(struct classifier *k, struct flow *f, const uint8_t *ip, uint32_t len, int64_t at_us);

/* The name of a pair of nDPI's protocol numbers that came from elsewhere: as classifier_packet has it. False:
 * this build does not know them. */
bool classifier_name(struct classifier *k, uint32_t master, uint32_t app, struct class_name *c);

/* One NOTICE, at SIGUSR1. */
void classifier_stats(const struct classifier *k, const struct log *l, const char *name);

#endif
