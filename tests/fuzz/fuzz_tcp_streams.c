/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of TCP as a capture may hold them: an input is rows of connection, flags, sequence number, length
 * and what was cut off, or, where the first octet is 255, a frame. Each octet is made from its place in the
 * stream, so that what is handed on can be held against it: in order, each once, and nothing is left behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "packet/tcp_streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CONNECTIONS = 4, PAYLOAD = 256, FAR = 1 << 16, USES = 64 };

struct run {
    uint8_t now; /* the first octet of the segment in hand */
    unsigned open;
};

struct stream {
    bool begun;
    uint8_t next;
};

static void *on_begin(void *arg, const struct tcp_segment *s)
{
    struct run *r = arg;
    struct stream *st = s->len ? calloc(1, sizeof(*st)) : NULL;
    if (!st)
        abort();
    if (s->from_port == CONNECTIONS - 1) { /* of no interest */
        free(st);
        return NULL;
    }
    r->open++;
    return st;
}

static bool on_octets(void *arg, void *stream, const uint8_t *p, size_t n, int64_t at_us)
{
    struct run *r = arg;
    struct stream *st = stream;
    (void)at_us;
    for (size_t i = 0; i < n; i++) {
        if (st->begun && p[i] != st->next)
            abort();
        st->begun = true;
        st->next = (uint8_t)(p[i] + 1);
    }
    if (n % 64 != 63)
        return true;
    free(st); /* had enough: its end is not told */
    r->open--;
    return false;
}

static void on_end(void *arg, void *stream, enum tcp_end why, int64_t at_us)
{
    struct run *r = arg;
    (void)at_us;
    if (why > TCP_END_FILE)
        abort();
    r->open--;
    free(stream);
}

/* Near sequence numbers are the rule; a high bit of the flags says that it lies far away. */
static void take(struct tcp_streams *ts, struct cursor *c, int64_t at_us)
{
    uint8_t octets[PAYLOAD];
    const uint8_t which = cursor_u8(c), flags = cursor_u8(c);
    const uint16_t at = cursor_u16(c);
    const uint8_t len = cursor_u8(c);
    struct tcp_segment s = { .from_port = which % CONNECTIONS,
                             .to_port = (uint16_t)(flags & 0x20 ? at : 1790), /* many connections */
                             .flags = flags & 0x3f,
                             .seq = at + (flags & 0x80 ? UINT32_MAX - FAR : 0),
                             .len = len,
                             .more = flags & 0x40 ? which : 0,
                             .p = octets,
                             .at_us = at_us };
    addr_set_v4(&s.from, (const uint8_t[4]){ 192, 0, 2, 1 });
    addr_set_v4(&s.to, (const uint8_t[4]){ 192, 0, 2, 2 });
    for (unsigned i = 0; i < len; i++)
        octets[i] = (uint8_t)(s.seq + i + (flags & 2)); /* SYN takes a number */
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact || c->bad) {
        free(exact);
        return;
    }
    memcpy(exact, octets, len);
    s.p = exact;
    tcp_streams_take(ts, &s);
    free(exact);
}

/* The segment of a frame lies within it. */
static void look_for_segment(const uint8_t *data, size_t len)
{
    static struct packet_decoder d;
    static struct fieldset needs;
    static bool open;
    struct tcp_segment s;
    struct flow f;
    struct err e;
    if (!open) {
        fieldset_add(&needs, FIELD_src_host);
        fieldset_add(&needs, FIELD_dst_host);
        fieldset_add(&needs, FIELD_src_port);
        fieldset_add(&needs, FIELD_proto);
        open = packet_decoder_open(&d, 12, &(struct packet_options){ .needs = &needs }, &e) == 0;
    }
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact || !open) {
        free(exact);
        return;
    }
    if (len)
        memcpy(exact, data, len);
    if (packet_decode(&d, exact, (uint32_t)len, (uint32_t)len, &f) == PACKET_OK &&
        tcp_segment_of(&d, &f, exact, (uint32_t)len, 0, &s) && s.len &&
        (s.p < exact || s.p + s.len > exact + len))
        abort();
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct tcp_streams_ops ops = { on_begin, on_octets, on_end };
    static struct tcp_streams *ts; /* its table is as large as many inputs: each empties it */
    static unsigned uses;
    static struct run r;
    struct cursor c = cursor_of(data, len);
    if (len && data[0] == UINT8_MAX) {
        look_for_segment(data + 1, len - 1);
        return 0;
    }
    int64_t at_us = 0;
    if (!ts && !(ts = tcp_streams_new(&ops, &r)))
        return 0;
    while (cursor_left(&c) && !c.bad)
        take(ts, &c, at_us += 1000);
    if (len % 2)
        tcp_streams_settle(ts, at_us);
    tcp_streams_clear(ts, at_us);
    if (r.open)
        abort();
    if (++uses % USES == 0) {
        tcp_streams_free(ts);
        ts = NULL;
    }
    return 0;
}
