/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a capture of many flows with what networks put around and between packets: VLAN tags, MPLS labels,
 * tunnels, IPv6, fragments. The same options give the same file, and it prints the exact sums of what pmacctd
 * counts with `tunnel_0: gtp, 2152`: GTP-U packets by their inner, other tunnels by their outer header. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TCP = 6, UDP = 17, IPIP = 4, GRE = 47, ETYPE_IP4 = 0x0800, ETYPE_IP6 = 0x86dd };
enum { GTP_PORT = 2152, VXLAN_PORT = 4789, FRAGMENT = 1480, PACKETS_PER_S = 1000000 };
enum { MORE_FRAGMENTS = 0x2000, DONT_FRAGMENT = 0x4000 };

struct options {
    const char *file;
    uint64_t count, flows, seed;
};

struct totals {
    uint64_t packets, octets, fragments, tunnels;
};

/* One packet before it is written. */
struct frame {
    uint8_t p[256];
    uint32_t n, ip;  /* octets of headers; where the IP header that counts begins */
    uint32_t octets; /* length of the IP packet that counts */
};

struct flow {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint64_t bits; /* drawn for it */
};

static void put(struct frame *b, uint64_t v, unsigned n)
{
    while (n--)
        b->p[b->n++] = (uint8_t)(v >> n * 8);
}

/* splitmix64: any packet can be made from its number alone. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct flow flow_of(const struct options *o, uint64_t k)
{
    uint64_t bits = mix(o->seed + 77 + k);
    return (struct flow){ .src = 0x0a000000u | (uint32_t)(k & 0xffffff),
                          .dst = 0xc6120000u | (uint32_t)(bits & 0xffff),
                          .sport = (uint16_t)(1024 + (bits >> 16) % 60000),
                          .dport = (uint16_t)((bits >> 32) % 4 ? 443 : 8000 + (bits >> 34) % 100),
                          .bits = bits >> 40 };
}

/* ---- headers */

static void ethernet(struct frame *b, const struct flow *f)
{
    put(b, UINT64_C(0x020000000100) + f->bits % 64, 6);
    put(b, UINT64_C(0x020000000200) + f->src % 64, 6);
}

static void ip4(struct frame *b, const struct flow *f, unsigned proto, uint32_t len, unsigned fragment,
                unsigned id)
{
    put(b, 0x4500, 2);
    put(b, len, 2);
    put(b, id, 2);
    put(b, fragment, 2);
    put(b, 64u << 8 | proto, 2);
    put(b, 0, 2);
    put(b, f->src, 4);
    put(b, f->dst, 4);
}

static void ip6(struct frame *b, const struct flow *f, unsigned proto, uint32_t len)
{
    put(b, 0x60000000u | (f->bits & 0xfffff), 4);
    put(b, len - 40, 2);
    put(b, proto << 8 | 64, 2);
    for (int end = 0; end < 2; end++) {
        put(b, UINT64_C(0x20010db800000000), 8);
        put(b, end ? f->dst : f->src, 8);
    }
}

static void ports(struct frame *b, const struct flow *f)
{
    put(b, f->sport, 2);
    put(b, f->dport, 2);
}

static void tcp(struct frame *b, const struct flow *f, uint64_t draw)
{
    ports(b, f);
    put(b, draw & 0xffffffff, 4);
    put(b, 1, 4);
    put(b, 0x5010 | (draw >> 40 & 8), 2);
    put(b, 65535, 2);
    put(b, 0, 4);
}

static void udp(struct frame *b, unsigned sport, unsigned dport, uint32_t len)
{
    put(b, sport, 2);
    put(b, dport, 2);
    put(b, len, 2);
    put(b, 0, 2);
}

/* ---- what lies around them. Each gets the length of the IP packet that counts in b->octets. */

static void tcp4(struct frame *b, const struct flow *f, uint64_t draw)
{
    b->ip = b->n;
    ip4(b, f, TCP, b->octets, DONT_FRAGMENT, (unsigned)draw & 0xffff);
    tcp(b, f, draw);
}

static void plain(struct frame *b, const struct flow *f, uint64_t draw)
{
    put(b, ETYPE_IP4, 2);
    tcp4(b, f, draw);
}

static void plain_udp(struct frame *b, const struct flow *f, uint64_t draw)
{
    put(b, ETYPE_IP4, 2);
    b->ip = b->n;
    ip4(b, f, UDP, b->octets, 0, (unsigned)draw & 0xffff);
    udp(b, f->sport, f->dport, b->octets - 20);
}

static void plain6(struct frame *b, const struct flow *f, uint64_t draw)
{
    put(b, ETYPE_IP6, 2);
    b->ip = b->n;
    ip6(b, f, TCP, b->octets);
    tcp(b, f, draw);
}

static void tag(struct frame *b, uint64_t vlan)
{
    put(b, 0x8100, 2);
    put(b, 1 + vlan % 4000, 2);
}

static void vlan(struct frame *b, const struct flow *f, uint64_t draw)
{
    tag(b, f->bits);
    plain(b, f, draw);
}

static void vlan_in_vlan(struct frame *b, const struct flow *f, uint64_t draw)
{
    tag(b, f->bits);
    tag(b, f->bits >> 8);
    plain(b, f, draw);
}

static void vlan6(struct frame *b, const struct flow *f, uint64_t draw)
{
    tag(b, f->bits);
    plain6(b, f, draw);
}

static void label(struct frame *b, uint64_t number, bool bottom)
{
    put(b, (16 + number % 100000) << 12 | (bottom ? 0x100u : 0) | 64, 4);
}

static void mpls(struct frame *b, const struct flow *f, uint64_t draw)
{
    put(b, 0x8847, 2);
    label(b, f->bits, true);
    tcp4(b, f, draw);
}

static void mpls_stack(struct frame *b, const struct flow *f, uint64_t draw)
{
    put(b, 0x8847, 2);
    label(b, f->bits, false);
    label(b, f->bits >> 4, true);
    tcp4(b, f, draw);
}

static void vlan_mpls(struct frame *b, const struct flow *f, uint64_t draw)
{
    tag(b, f->bits);
    mpls_stack(b, f, draw);
}

/* Between two of sixteen gateways. */
static struct flow gateways(const struct flow *f)
{
    return (struct flow){ .src = 0xac100000u | (uint32_t)(f->bits & 15),
                          .dst = 0xac100100u | (uint32_t)(f->bits >> 4 & 15) };
}

static void gtp(struct frame *b, const struct flow *f, uint64_t draw)
{
    struct flow outer = gateways(f);
    put(b, ETYPE_IP4, 2);
    ip4(b, &outer, UDP, b->octets + 36, 0, 0);
    udp(b, GTP_PORT, GTP_PORT, b->octets + 16);
    put(b, 0x30ff, 2);
    put(b, b->octets, 2);
    put(b, f->bits, 4);
    tcp4(b, f, draw);
}

/* VXLAN, GRE and IP in IP count by their outer header, which is the flow's; so the inner one is any. */
static void vxlan(struct frame *b, const struct flow *f, uint64_t draw)
{
    struct flow inner = gateways(f);
    put(b, ETYPE_IP4, 2);
    b->ip = b->n;
    ip4(b, f, UDP, b->octets + 50, 0, (unsigned)draw & 0xffff);
    udp(b, f->sport, VXLAN_PORT, b->octets + 30);
    put(b, 0x08000000, 4);
    put(b, f->bits << 8, 4);
    ethernet(b, f);
    put(b, ETYPE_IP4, 2);
    ip4(b, &inner, TCP, b->octets, DONT_FRAGMENT, 0);
    tcp(b, &inner, draw);
    b->octets += 50;
}

static void gre(struct frame *b, const struct flow *f, uint64_t draw)
{
    struct flow inner = gateways(f);
    put(b, ETYPE_IP4, 2);
    b->ip = b->n;
    ip4(b, f, GRE, b->octets + 24, 0, (unsigned)draw & 0xffff);
    put(b, ETYPE_IP4, 4);
    ip4(b, &inner, TCP, b->octets, DONT_FRAGMENT, 0);
    tcp(b, &inner, draw);
    b->octets += 24;
}

static void ip_in_ip(struct frame *b, const struct flow *f, uint64_t draw)
{
    struct flow inner = gateways(f);
    put(b, ETYPE_IP4, 2);
    b->ip = b->n;
    ip4(b, f, IPIP, b->octets + 20, 0, (unsigned)draw & 0xffff);
    ip4(b, &inner, TCP, b->octets, DONT_FRAGMENT, 0);
    tcp(b, &inner, draw);
    b->octets += 20;
}

/* The first fragment of a UDP datagram, and the one behind it. */
static void fragment(struct frame *b, const struct flow *f, uint64_t draw, bool later)
{
    uint32_t rest = 200 + (uint32_t)(draw >> 20) % 1200;
    b->octets = later ? 20 + rest : 20 + FRAGMENT;
    put(b, ETYPE_IP4, 2);
    b->ip = b->n;
    ip4(b, f, UDP, b->octets, later ? FRAGMENT / 8 : MORE_FRAGMENTS, (unsigned)draw & 0xffff);
    if (later)
        put(b, 0, 8);
    else
        udp(b, f->sport, f->dport, FRAGMENT + rest);
}

/* ---- the mix: of 64 flows, so many are of a kind */

static const struct kind {
    unsigned share;
    bool tunnel;
    void (*fill)(struct frame *b, const struct flow *f, uint64_t draw); /* NULL: fragments */
} kinds[] = {
    { 18, false, plain },    { 6, false, plain_udp },    { 8, false, plain6 }, { 8, false, vlan },
    { 3, false, vlan6 },     { 4, false, vlan_in_vlan }, { 4, false, mpls },   { 3, false, mpls_stack },
    { 1, false, vlan_mpls }, { 3, true, gtp },           { 2, true, vxlan },   { 1, true, gre },
    { 1, true, ip_in_ip },   { 2, false, NULL },
};

static const struct kind *kind_of(const struct flow *f)
{
    unsigned at = (unsigned)(f->bits >> 16) % 64;
    const struct kind *k = kinds;
    while (at >= k->share)
        at -= k++->share;
    return k;
}

/* ---- the capture */

static void write_frame(FILE *out, const struct frame *b, struct totals *t)
{
    uint32_t wire = b->octets + b->ip;
    uint32_t head[4] = { (uint32_t)(1700000000 + t->packets / PACKETS_PER_S),
                         (uint32_t)(t->packets % PACKETS_PER_S), b->n < wire ? b->n : wire, wire };
    fwrite(head, sizeof head, 1, out);
    fwrite(b->p, head[2], 1, out);
    t->packets++;
    t->octets += b->octets;
}

/* One in sixteen pairs comes the wrong way round. */
static void write_fragments(FILE *out, const struct flow *f, uint64_t draw, struct totals *t)
{
    unsigned first = draw >> 60 == 0;
    for (unsigned i = 0; i < 2; i++) {
        struct frame b = { .n = 0 };
        ethernet(&b, f);
        fragment(&b, f, draw, i != first);
        write_frame(out, &b, t);
    }
    t->fragments += 2;
}

static void write_packet(FILE *out, const struct flow *f, uint64_t draw, struct totals *t)
{
    const struct kind *k = kind_of(f);
    if (!k->fill) {
        write_fragments(out, f, draw, t);
        return;
    }
    struct frame b = { .octets = 64 + (uint32_t)(draw >> 24) % 1300 };
    ethernet(&b, f);
    k->fill(&b, f, draw);
    write_frame(out, &b, t);
    t->tunnels += k->tunnel;
}

/* Each flow once, in turn, and then any. */
static int write_all(const struct options *o, struct totals *t)
{
    FILE *out = fopen(o->file, "wb");
    if (!out)
        return -1;
    const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
    fwrite(head, sizeof head, 1, out);
    for (uint64_t n = 0; t->packets < o->count; n++) {
        uint64_t draw = mix(o->seed ^ n << 1), k = n < o->flows ? n : draw % o->flows;
        struct flow f = flow_of(o, k);
        write_packet(out, &f, mix(draw), t);
    }
    return fclose(out);
}

static uint64_t number(const char *s)
{
    char *end;
    uint64_t n = strtoull(s, &end, 10);
    return n * (*end == 'k' ? 1000 : *end == 'M' ? 1000000 : 1);
}

int main(int argc, char **argv)
{
    struct options o = { .count = 1000000, .flows = 100000, .seed = 1 };
    struct totals t = { 0 };
    int c;
    while ((c = getopt(argc, argv, "w:c:k:s:")) != -1) {
        switch (c) {
        case 'w':
            o.file = optarg;
            break;
        case 'c':
            o.count = number(optarg);
            break;
        case 'k':
            o.flows = number(optarg);
            break;
        case 's':
            o.seed = number(optarg);
            break;
        default:
            o.flows = 0;
        }
    }
    if (!o.file || !o.flows || o.flows > 1 << 24 || o.count < 2 * o.flows) {
        fputs(
            "pktmix -w FILE [-c packets] [-k flows] [-s seed]\nAt least two packets a flow; prints one JSON "
            "object with the exact sums.\n",
            stderr);
        return 2;
    }
    if (write_all(&o, &t) != 0) {
        fprintf(stderr, "%s: %s\n", o.file, strerror(errno));
        return 1;
    }
    printf("{\"packets\": %" PRIu64 ", \"octets\": %" PRIu64 ", \"flows\": %" PRIu64
           ", \"fragments\": %" PRIu64 ", \"tunnels\": %" PRIu64 "}\n",
           t.packets, t.octets, o.flows, t.fragments, t.tunnels);
    return 0;
}
