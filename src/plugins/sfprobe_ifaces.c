/* SPDX-License-Identifier: BSD-2-Clause */
/* Table of interfaces: entries in the order in which they were seen, and slots that lead to them. */
#include "plugins/sfprobe_ifaces.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "plugins/if_counters.h"

enum {
    SLOTS = 2 * SFPROBE_IFACES_MAX,
    SPEED_DEFAULT = 100000000,
    TYPE_ETHERNET = 6,
    STATUS_UP = 3,
    INDEX_MAX = 0xffffff, /* of a compact source */
};

struct iface {
    uint32_t index, sequence;
    int64_t due_us; /* of the next counter sample; 0: now */
    bool kernel;    /* counters are the kernel's */
    char name[IFNAMSIZ];
    struct sflow_if_counters soft; /* sums of samples */
};

struct sfprobe_ifaces {
    struct sfprobe_ifaces_conf c;
    int netlink;
    uint64_t refused, polled;
    uint32_t n, cap;
    struct iface *e;
    uint16_t slot[SLOTS]; /* place + 1, 0: empty */
};

static bool grow(struct sfprobe_ifaces *x)
{
    uint32_t cap = x->cap ? x->cap * 2 : 8;
    struct iface *e = realloc(x->e, cap * sizeof(*e));
    if (!e)
        return false;
    x->e = e;
    x->cap = cap;
    return true;
}

static uint16_t *slot_of(struct sfprobe_ifaces *x, uint32_t index)
{
    uint32_t at = (index * UINT32_C(0x9E3779B1)) % SLOTS;
    while (x->slot[at] && x->e[x->slot[at] - 1].index != index)
        at = (at + 1) % SLOTS;
    return &x->slot[at];
}

static struct iface *find(struct sfprobe_ifaces *x, uint32_t index)
{
    uint16_t *slot = slot_of(x, index);
    if (*slot)
        return &x->e[*slot - 1];
    if (x->n == SFPROBE_IFACES_MAX || (x->n == x->cap && !grow(x))) {
        x->refused++;
        return NULL;
    }
    struct iface *i = &x->e[x->n++];
    struct sflow_if_counters now;
    *i = (struct iface){ .index = index,
                         .soft = { .index = index,
                                   .type = TYPE_ETHERNET,
                                   .speed = x->c.speed ? x->c.speed : SPEED_DEFAULT,
                                   .status = STATUS_UP } };
    i->kernel = x->c.kernel && if_counters_read(x->netlink, NULL, index, &now);
    *slot = (uint16_t)x->n;
    return i;
}

bool sfprobe_ifaces_captured(struct sfprobe_ifaces *x, const char *name, uint32_t number)
{
    struct sflow_if_counters now;
    if (!if_counters_read(x->netlink, name, 0, &now))
        return false;
    struct iface *i = find(x, number ? number : now.index);
    if (!i)
        return false;
    i->kernel = true;
    memcpy(i->name, name, strnlen(name, sizeof(i->name) - 1));
    return true;
}

void sfprobe_ifaces_count(struct sfprobe_ifaces *x, uint32_t index, enum flow_direction direction,
                          enum frame_cast cast, uint64_t packets, uint32_t octets)
{
    struct iface *i = index ? find(x, index) : NULL;
    if (!i || i->kernel)
        return;
    struct sflow_if_counters *c = &i->soft;
    uint32_t *in[] = { &c->in_ucast, &c->in_multicast, &c->in_broadcast },
             *out[] = { &c->out_ucast, &c->out_multicast, &c->out_broadcast };
    if (direction == DIRECTION_OUT) {
        c->out_octets += packets * octets;
        *out[cast] += (uint32_t)packets;
    } else {
        c->in_octets += packets * octets;
        *in[cast] += (uint32_t)packets;
    }
}

static void poll_one(struct sfprobe_ifaces *x, struct iface *i, struct sflow_encoder *en)
{
    struct sflow_if_counters now = i->soft;
    if (i->kernel && !if_counters_read(x->netlink, *i->name ? i->name : NULL, i->index, &now))
        return; /* it is gone; it may come back */
    now.index = i->index;
    if (x->c.speed || !now.speed)
        now.speed = i->soft.speed;
    sflow_encode_counters(en, ++i->sequence, i->index > INDEX_MAX, &now);
    x->polled++;
}

void sfprobe_ifaces_poll(struct sfprobe_ifaces *x, struct sflow_encoder *en, int64_t now_us, bool all)
{
    for (uint32_t n = 0; n < x->n; n++) {
        struct iface *i = &x->e[n];
        if (!all && now_us < i->due_us)
            continue;
        i->due_us = now_us + SFPROBE_POLL_US;
        poll_one(x, i, en);
    }
}

uint64_t sfprobe_ifaces_refused(const struct sfprobe_ifaces *x) { return x->refused; }
uint64_t sfprobe_ifaces_polled(const struct sfprobe_ifaces *x) { return x->polled; }

struct sfprobe_ifaces *sfprobe_ifaces_new(const struct sfprobe_ifaces_conf *c)
{
    struct sfprobe_ifaces *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->c = *c;
    x->netlink = if_counters_open();
    return x;
}

void sfprobe_ifaces_free(struct sfprobe_ifaces *x)
{
    if (!x)
        return;
    if (x->netlink != -1)
        close(x->netlink);
    free(x->e);
    free(x);
}
