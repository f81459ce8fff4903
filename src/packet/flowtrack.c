/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of each conversation, as far as its lifetime depends on it, and which of its directions have been
 * counted. */
#include "packet/flowtrack.h"

#include <netinet/in.h>
#include <stdlib.h>
#include "base/clock.h"
#include "packet/conversations.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

/* What decides the lifetime. */
enum state { FT_OTHER, FT_SYN, FT_OPEN, FT_FIN, FT_RST, FT_MAX };

/* A conversation's value is its state, and the directions that have been counted (1 and 2) above it. */
enum { STATE_BITS = 8 };

struct flowtrack {
    struct conversations table;
    uint32_t life_s[FT_MAX];
};

static inline enum state state_of(uint32_t value) { return value & ((1u << STATE_BITS) - 1); }

static inline bool is_over(const struct flowtrack *t, const struct conversation *v, uint32_t now_s)
{
    return conversation_idle_s(v, now_s) > t->life_s[state_of(v->value)];
}

static bool to_be_swept(void *owner, const struct conversation *v, uint32_t now_s)
{
    return is_over(owner, v, now_s);
}

static inline enum state next_state(enum state was, uint8_t proto, uint8_t flags)
{
    if (proto != IPPROTO_TCP)
        return FT_OTHER;
    if ((flags & TCP_RST) || was == FT_RST)
        return FT_RST;
    if ((flags & TCP_FIN) || was == FT_FIN)
        return FT_FIN;
    bool opening = was == FT_OTHER || was == FT_SYN; /* OTHER: nothing was seen yet */
    return opening && (flags & TCP_SYN) ? FT_SYN : FT_OPEN;
}

static inline bool begins_anew(const struct flowtrack *t, const struct conversation *v, uint8_t flags,
                               uint32_t now_s)
{
    bool closed = state_of(v->value) >= FT_FIN;
    return is_over(t, v, now_s) || (closed && (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN);
}

/* Frames without IP, and fragments whose ports nobody knows, begin no flow. */
static inline bool has_ends(const struct flow *f)
{
    bool ports = f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP;
    return addr_is_set(&f->src_host) && (!ports || f->src_port | f->dst_port);
}

unsigned flowtrack_packet(struct flowtrack *t, const struct flow *f, int64_t at_us)
{
    if (__builtin_expect(!has_ends(f), 0))
        return 0;
    uint32_t now_s = (uint32_t)(at_us / US_PER_S);
    uint8_t direction;
    bool fresh;
    uint64_t print = conversations_print(&t->table, f, &direction);
    struct conversation *v = conversations_get(&t->table, print, now_s, &fresh);
    if (__builtin_expect(!v, 0))
        return 0;
    if (fresh || begins_anew(t, v, f->tcpflags, now_s)) {
        v->value = (uint32_t)direction << STATE_BITS | next_state(FT_OTHER, f->proto, f->tcpflags);
        v->seen_s = now_s;
        return 1;
    }
    uint32_t begun = v->value >> STATE_BITS;
    v->value = (begun | direction) << STATE_BITS | next_state(state_of(v->value), f->proto, f->tcpflags);
    if (now_s > v->seen_s)
        v->seen_s = now_s;
    return !(begun & direction);
}

struct flowtrack *flowtrack_new(const struct flowtrack_conf *conf, struct err *e)
{
    struct flowtrack *t = calloc(1, sizeof(*t));
    struct conversations_conf c = {
        .bytes_max = conf->bytes_max, .seed = conf->seed, .is_over = to_be_swept, .owner = t
    };
    if (!t || conversations_open(&t->table, &c, e) == -1) {
        free(t);
        if (!t)
            err_set(e, ERR_SYS, "no memory for the table of flows");
        return NULL;
    }
    t->life_s[FT_OTHER] = conf->lifetime_s;
    t->life_s[FT_SYN] = FLOWTRACK_SYN_S;
    t->life_s[FT_OPEN] = conf->tcp_lifetime_s;
    t->life_s[FT_FIN] = FLOWTRACK_FIN_S;
    t->life_s[FT_RST] = FLOWTRACK_RST_S;
    return t;
}

void flowtrack_free(struct flowtrack *t)
{
    if (!t)
        return;
    conversations_close(&t->table);
    free(t);
}

uint64_t flowtrack_count(const struct flowtrack *t) { return t->table.count; }
uint64_t flowtrack_refused(const struct flowtrack *t) { return t->table.refused; }
size_t flowtrack_memory(const struct flowtrack *t) { return conversations_memory(&t->table); }
