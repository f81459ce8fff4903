/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the memory plugin: the table and its socket (memory.c), connections of clients
 * (memory_client.c). */
#ifndef PLUGINS_MEMORY_H
#define PLUGINS_MEMORY_H

#include <sys/types.h>
#include <uv.h>
#include "base/accept_rest.h"
#include "base/log.h"
#include "core/plugin.h"
#include "plugins/memory_query.h"

enum {
    MEMORY_CLIENTS_MAX = 32,
    MEMORY_RETIRED_MAX = 4,      /* erased tables that answers still read */
    MEMORY_REQUEST_US = 1000000, /* a client sends its request within this */
    MEMORY_STALL_US = 10000000,  /* one that has not read for so long has to go when its place is needed */
    MEMORY_SLICE_US = 2000,      /* of one turn of the loop, for all clients together */
    MEMORY_SLICE_MIN_US = 50,
};

struct client;
struct web;

/* What libuv lets go of later than the plugin does. */
struct memory_listener {
    uv_poll_t poll;
    struct accept_rest rest;
    unsigned open; /* handles that are not closed yet */
};

struct memory {
    struct plugin *pl;
    struct table *table;                       /* the current one */
    struct strbuf hello;                       /* what every client is greeted with */
    struct client *client[MEMORY_CLIENTS_MAX]; /* NULL: free */
    unsigned n_clients;
    int64_t erased_us; /* monotonic time of the last erase, 0: never */
    struct sums held;  /* taken in and not yet confirmed: what an erase gives up */
    struct web *web;   /* the live page, or NULL */
    int fd;            /* listens; -1 */
    struct memory_listener *listener;
    char path[108];
    dev_t dev; /* of the socket's file, so that another one's is not removed at the end */
    ino_t ino;
    struct log_limit crowded, late, hostile, broken, say_accept;
};

/* Replaces the table by an empty one; what was held counts as confirmed: it was given up by request. -1: no
 * memory. */
int memory_erase(struct memory *m);
/* Says that octets of counters were handed to a client and taken out of the table. */
void memory_reset(struct memory *m, const struct sums *s);

/* Takes the connection fd in, or turns it away. */
void client_accept(struct memory *m, int fd);
/* Ends a connection; frees it once libuv lets go. */
void client_drop(struct client *c);
/* Looks after clients that are late with their request. */
void clients_tick(struct memory *m, int64_t mono_us);

#endif
