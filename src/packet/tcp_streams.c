/* SPDX-License-Identifier: BSD-2-Clause */
/* Reassembly of captured TCP segments (RFC 9293): a table of directions, each with the number of the next
 * octet and a sorted list of what came too early. */
#include "packet/tcp_streams.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

enum { FIN = 1, SYN = 2, RST = 4, SLOTS_FIRST = 64 };

/* A segment that waits for those before it. */
struct waiting {
    struct waiting *next;
    uint32_t seq, len;
    bool fin;
    uint8_t p[];
};

struct key {
    struct addr from, to;
    uint32_t ports;
};

struct stream {
    struct key key;
    struct stream *next; /* in its slot */
    void *owner;         /* NULL: nothing was handed on so far */
    uint32_t seq;        /* of the next octet */
    bool synced;         /* `seq` is known */
    bool unwanted;
    struct waiting *first;
    size_t octets; /* that wait */
};

struct tcp_streams {
    struct tcp_streams_ops ops;
    void *arg;
    struct stream **slot;
    size_t mask, n;
    struct tcp_streams_counts counts;
};

/* ---- the segment in a frame */

/* Puts the cursor behind the IP header, to the end of the packet as far as it was captured. *more: octets of
 * the packet that were not. */
static bool ip_payload(struct cursor *c, uint32_t *more)
{
    const uint8_t *h = c->p;
    size_t total, head;
    if (cursor_left(c) < 20)
        return false;
    if (h[0] >> 4 == 4) {
        head = (h[0] & 15u) * 4u;
        total = load_be16(h + 2);
        if (h[9] != IPPROTO_TCP || load_be16(h + 6) & 0x3fff)
            return false;
    } else {
        head = 40;
        total = 40u + (cursor_left(c) < head ? 0u : load_be16(h + 4));
        if (cursor_left(c) < head || h[6] != IPPROTO_TCP) /* with extension headers: nobody does */
            return false;
    }
    const size_t there = cursor_left(c) < total ? cursor_left(c) : total;
    if (head < 20 || there < head)
        return false;
    *more = (uint32_t)(total - there);
    *c = cursor_of(h + head, there - head);
    return true;
}

bool tcp_segment_of(const struct packet_decoder *d, const struct flow *f, const uint8_t *frame,
                    uint32_t caplen, int64_t at_us, struct tcp_segment *s)
{
    if (f->proto != IPPROTO_TCP || !d->ip)
        return false;
    struct cursor c = cursor_of(d->ip, (size_t)(frame + caplen - d->ip));
    *s = (struct tcp_segment){ .from = f->src_host, .to = f->dst_host, .at_us = at_us };
    if (!ip_payload(&c, &s->more))
        return false;
    s->from_port = cursor_u16(&c);
    s->to_port = cursor_u16(&c);
    s->seq = cursor_u32(&c);
    cursor_skip(&c, 4);
    const unsigned head = (unsigned)(cursor_u8(&c) >> 4) * 4;
    s->flags = cursor_u8(&c);
    cursor_skip(&c, 6);
    if (c.bad || head < 20)
        return false;
    cursor_skip(&c, head - 20);
    s->p = c.p;
    s->len = (uint32_t)cursor_left(&c);
    return !c.bad;
}

/* ---- the table */

static struct key key_of(const struct tcp_segment *s)
{
    struct key k;
    memset(&k, 0, sizeof(k));
    k.from = s->from;
    k.to = s->to;
    k.ports = (uint32_t)s->from_port << 16 | s->to_port;
    return k;
}

static struct stream **find(const struct tcp_streams *ts, const struct key *k)
{
    struct stream **at = &ts->slot[hash_bytes(k, sizeof(*k)) & ts->mask];
    while (*at && memcmp(&(*at)->key, k, sizeof(*k)) != 0)
        at = &(*at)->next;
    return at;
}

static bool grow(struct tcp_streams *ts)
{
    const size_t mask = ts->mask * 2 + 1;
    struct stream **old = ts->slot, **slot = calloc(mask + 1, sizeof(struct stream *));
    const size_t had = ts->mask + 1;
    if (!slot)
        return false;
    ts->slot = slot;
    ts->mask = mask;
    for (size_t i = 0; i < had; i++)
        for (struct stream *s = old[i], *next; s; s = next) {
            next = s->next;
            struct stream **at = &slot[hash_bytes(&s->key, sizeof(s->key)) & mask];
            s->next = *at;
            *at = s;
        }
    free(old);
    return true;
}

static struct stream *add(struct tcp_streams *ts, const struct key *k)
{
    struct stream *x = ts->n < TCP_STREAMS_MAX ? calloc(1, sizeof(*x)) : NULL;
    if (!x || (ts->n > ts->mask && !grow(ts))) {
        free(x);
        ts->counts.no_room++;
        return NULL;
    }
    struct stream **at = find(ts, k);
    x->key = *k;
    *at = x;
    ts->n++;
    return x;
}

static void forget_waiting(struct stream *x)
{
    while (x->first) {
        struct waiting *w = x->first;
        x->first = w->next;
        free(w);
    }
    x->octets = 0;
}

static void take_out(struct tcp_streams *ts, struct stream *x)
{
    struct stream **at = find(ts, &x->key);
    *at = x->next;
    ts->n--;
    forget_waiting(x);
    free(x);
}

/* ---- one direction */

static void tell_end(struct tcp_streams *ts, struct stream *x, enum tcp_end why, int64_t at_us)
{
    ts->counts.gaps += why == TCP_END_GAP;
    if (x->owner)
        ts->ops.end(ts->arg, x->owner, why, at_us);
    x->owner = NULL;
}

/* What is missing will not come any more: the next segment may be a new begin. */
static void lose_track(struct tcp_streams *ts, struct stream *x, int64_t at_us)
{
    tell_end(ts, x, TCP_END_GAP, at_us);
    forget_waiting(x);
    x->synced = false;
}

/* Octets that are the next ones. */
static void hand_on(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *like,
                    const uint8_t *p, uint32_t n)
{
    struct tcp_segment s = *like;
    x->seq += n;
    if (!n || x->unwanted)
        return;
    if (!x->owner) {
        s.p = p;
        s.len = n;
        x->owner = ts->ops.begin(ts->arg, &s);
        x->unwanted = !x->owner;
    }
    if (x->owner && !ts->ops.octets(ts->arg, x->owner, p, n, like->at_us)) {
        x->owner = NULL;
        x->unwanted = true;
    }
}

/* Keeps what came too early, sorted by its first octet. */
static void keep(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *s)
{
    struct waiting **at = &x->first;
    ts->counts.out_of_order++;
    while (*at && (int32_t)((*at)->seq - s->seq) <= 0)
        at = &(*at)->next;
    struct waiting *w = x->octets + s->len <= TCP_WAITING_MAX ? malloc(sizeof(*w) + s->len) : NULL;
    if (!w) {
        lose_track(ts, x, s->at_us);
        return;
    }
    *w = (struct waiting){ .next = *at, .seq = s->seq, .len = s->len, .fin = s->flags & FIN };
    if (s->len)
        memcpy(w->p, s->p, s->len);
    *at = w;
    x->octets += s->len + sizeof(*w);
}

/* What follows from `seq` on, as far as it is new. Returns whether the stream ends here. */
static bool follow(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *like, uint32_t seq,
                   const uint8_t *p, uint32_t n, bool fin)
{
    const uint32_t old = x->seq - seq; /* octets that were there already */
    if (old < n)
        hand_on(ts, x, like, p + old, n - old);
    else if (n)
        ts->counts.repeated++;
    return fin && seq + n == x->seq;
}

static bool follow_waiting(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *like)
{
    bool over = false;
    while (!over && x->first && (int32_t)(x->first->seq - x->seq) <= 0) {
        struct waiting *w = x->first;
        x->first = w->next;
        x->octets -= w->len + sizeof(*w);
        over = follow(ts, x, like, w->seq, w->p, w->len, w->fin);
        free(w);
    }
    return over;
}

/* The begin of a connection; the same SYN again is none. */
static void begin_connection(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *s)
{
    if (x->synced && x->seq == s->seq + 1)
        return;
    tell_end(ts, x, TCP_END_CLOSED, s->at_us);
    forget_waiting(x);
    x->seq = s->seq + 1;
    x->synced = true;
    x->unwanted = false;
}

/* Without its SYN, a direction begins where somebody says so. */
static struct stream *find_begin(struct tcp_streams *ts, struct stream *x, const struct tcp_segment *s)
{
    const struct key k = key_of(s);
    void *owner = s->len ? ts->ops.begin(ts->arg, s) : NULL;
    if (!owner)
        return NULL;
    if (!x && !(x = add(ts, &k))) {
        ts->ops.end(ts->arg, owner, TCP_END_GAP, s->at_us);
        return NULL;
    }
    x->owner = owner;
    x->seq = s->seq;
    x->synced = true;
    x->unwanted = false;
    return x;
}

void tcp_streams_take(struct tcp_streams *ts, const struct tcp_segment *s)
{
    const struct key k = key_of(s);
    struct stream *x = *find(ts, &k);
    ts->counts.segments++;
    if (s->flags & RST) {
        if (x) {
            tell_end(ts, x, TCP_END_CLOSED, s->at_us);
            take_out(ts, x);
        }
        return;
    }
    if (s->flags & SYN) {
        if (x || (x = add(ts, &k)))
            begin_connection(ts, x, s);
        return;
    }
    if (x && x->unwanted) {
        if (s->flags & FIN)
            take_out(ts, x);
        return;
    }
    if ((!x || !x->synced) && !(x = find_begin(ts, x, s)))
        return;
    bool over = false;
    if ((int32_t)(s->seq - x->seq) > 0)
        keep(ts, x, s);
    else
        over = follow(ts, x, s, s->seq, s->p, s->len, s->flags & FIN && !s->more) || follow_waiting(ts, x, s);
    if (over) {
        tell_end(ts, x, TCP_END_CLOSED, s->at_us);
        take_out(ts, x);
    } else if (s->more && x->synced) {
        ts->counts.cut++;
        lose_track(ts, x, s->at_us);
    }
}

/* ---- all of them */

struct tcp_streams *tcp_streams_new(const struct tcp_streams_ops *ops, void *arg)
{
    struct tcp_streams *ts = calloc(1, sizeof(*ts));
    if (!ts)
        return NULL;
    ts->ops = *ops;
    ts->arg = arg;
    ts->mask = SLOTS_FIRST - 1;
    ts->slot = calloc(SLOTS_FIRST, sizeof(struct stream *));
    if (ts->slot)
        return ts;
    free(ts);
    return NULL;
}

struct tcp_streams_counts tcp_streams_counts(const struct tcp_streams *ts) { return ts->counts; }

void tcp_streams_settle(struct tcp_streams *ts, int64_t at_us)
{
    for (size_t i = 0; i <= ts->mask; i++)
        for (struct stream *x = ts->slot[i]; x; x = x->next)
            if (x->first)
                lose_track(ts, x, at_us);
}

void tcp_streams_clear(struct tcp_streams *ts, int64_t at_us)
{
    for (size_t i = 0; i <= ts->mask; i++)
        for (struct stream *x = ts->slot[i], *next; x; x = next) {
            next = x->next;
            tell_end(ts, x, x->first ? TCP_END_GAP : TCP_END_FILE, at_us);
            forget_waiting(x);
            free(x);
        }
    memset(ts->slot, 0, (ts->mask + 1) * sizeof(struct stream *));
    ts->n = 0;
}

void tcp_streams_free(struct tcp_streams *ts)
{
    if (!ts)
        return;
    free(ts->slot);
    free(ts);
}
