/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a tee's receivers (tee_receivers): pools, the tags they take, how they share, and who is in
 * them. */
#ifndef PLUGINS_TEE_CONF_H
#define PLUGINS_TEE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "core/filter.h"

enum tee_balance {
    TEE_TO_ALL,
    TEE_ROUND_ROBIN,
    TEE_HASH_AGENT, /* sticky, by the exporter's address */
    TEE_HASH_TAG,   /* tag modulo number of receivers */
    TEE_HASH_CRC32, /* CRC-32 of the exporter's address modulo number of receivers */
    TEE_STICKY_TAG, /* sticky, by the tag */
};

enum tee_kind { TEE_UDP, TEE_KAFKA, TEE_ZMQ };

struct tee_receiver; /* tee_receiver.h: a target at work */

/* A receiver as the file has it. */
struct tee_target {
    enum tee_kind kind;
    const char *name;  /* as written: host:port; broker; address of ZeroMQ */
    const char *host;  /* UDP */
    const char *topic; /* Kafka */
    uint16_t port;     /* UDP */
    uint16_t src_port; /* 0: the system's, or the exporter's when transparent */
    uint32_t pool;     /* its id */
    uint64_t identity; /* what sticky hashing knows it by: of the name, not of its place in the file */
    struct tee_receiver *at_work; /* NULL until it is opened */
};

struct tee_pool {
    uint32_t id;
    struct tag_filter *tags; /* NULL: every datagram */
    enum tee_balance balance;
    unsigned n, turn; /* targets; whose turn it is (round robin) */
    struct tee_target *target;
};

struct tee_pools {
    unsigned n;
    struct tee_pool *pool;
    struct arena *memory;
};

/* Reads the file whole. -1: e names file, lines and reasons. Free with tee_conf_free. */
int tee_conf_load(const char *path, bool transparent, struct tee_pools *out, struct err *e);
void tee_conf_free(struct tee_pools *p);

#endif
