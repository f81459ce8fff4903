/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes load for the benchmarks and the system tests: NetFlow v5, v9 or IPFIX over UDP, or a capture file of
 * packets. The same options give the same traffic, and it prints the exact sums, so that a receiver's can be
 * checked to the last octet. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_EXPORTERS = 4096,
    TEMPLATE_EVERY = 200,
    UPTIME_MS = 3600000,
    QUEUE_HIGH = 120000,
    CHECK_EVERY = 16
};
enum proto { V5 = 5, V9 = 9, IPFIX = 10, PACKETS = 1, SFLOW = 2 };

struct options {
    enum proto proto;
    struct sockaddr_in to;
    const char *file; /* packets: capture file to write */
    uint64_t count, keys, rate, seed;
    unsigned exporters;
    bool closed; /* wait for the receiver instead of offering a rate */
};

struct exporter {
    int fd;
    uint32_t sequence, datagrams, samples;
};

struct record {
    uint32_t src, dst, packets, octets;
    uint16_t sport, dport;
    uint8_t proto, flags;
};

struct totals {
    uint64_t records, packets, octets, datagrams, failed;
};

struct buf {
    uint8_t p[2048];
    size_t n;
};

static void put8(struct buf *b, unsigned v) { b->p[b->n++] = (uint8_t)v; }

static void put16(struct buf *b, unsigned v)
{
    put8(b, v >> 8);
    put8(b, v & 255);
}

static void put32(struct buf *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}

static void set16(struct buf *b, size_t at, size_t v)
{
    b->p[at] = (uint8_t)(v >> 8);
    b->p[at + 1] = (uint8_t)v;
}

/* splitmix64: any record can be made from its number alone. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The n-th record: one of `keys` flows; its counters differ from record to record. */
static struct record record_of(const struct options *o, uint64_t n)
{
    uint64_t draw = mix(o->seed ^ n), key = draw % o->keys, k = mix(o->seed + 77 + key);
    return (struct record){
        .src = 0x0a000000u | (uint32_t)(key & 0xffffff),
        .dst = 0xc0000200u | (uint32_t)(k & 255),
        .sport = (uint16_t)(1024 + (k >> 8) % 60000),
        .dport = (uint16_t)((k >> 24) % 4 ? 443 : 53),
        .proto = (k >> 24) % 4 ? 6 : 17,
        .flags = 0x1b,
        .packets = 1 + (uint32_t)(draw >> 32) % 16,
        .octets = 64 + (uint32_t)(draw >> 40) % 1400,
    };
}

static void put_template(struct buf *b, const struct options *o)
{
    static const uint16_t fields[][2] = { { 8, 4 }, { 12, 4 }, { 7, 2 }, { 11, 2 },
                                          { 4, 1 }, { 6, 1 },  { 2, 4 }, { 1, 4 } };
    unsigned n = sizeof fields / sizeof *fields;
    put16(b, o->proto == V9 ? 0 : 2);
    put16(b, 8 + 4 * (n + 2));
    put16(b, 256);
    put16(b, n + 2);
    for (unsigned i = 0; i < n; i++) {
        put16(b, fields[i][0]);
        put16(b, fields[i][1]);
    }
    put16(b, o->proto == V9 ? 22 : 152);
    put16(b, o->proto == V9 ? 4 : 8);
    put16(b, o->proto == V9 ? 21 : 153);
    put16(b, o->proto == V9 ? 4 : 8);
}

static void put_times(struct buf *b, const struct options *o, uint32_t now)
{
    for (int i = 0; i < 2; i++) {
        if (o->proto == V9) {
            put32(b, UPTIME_MS - 1000);
        } else {
            uint64_t ms = (uint64_t)now * 1000 - 1000;
            put32(b, (uint32_t)(ms >> 32));
            put32(b, (uint32_t)ms);
        }
    }
}

static void put_record(struct buf *b, const struct options *o, const struct record *r, uint32_t now)
{
    put32(b, r->src);
    put32(b, r->dst);
    if (o->proto == V5) {
        put32(b, 0);
        put32(b, 0);
        put32(b, r->packets);
        put32(b, r->octets);
        put32(b, UPTIME_MS - 1000);
        put32(b, UPTIME_MS - 1000);
        put16(b, r->sport);
        put16(b, r->dport);
        put8(b, 0);
        put8(b, r->flags);
        put8(b, r->proto);
        for (int i = 0; i < 9; i++)
            put8(b, 0);
        return;
    }
    put16(b, r->sport);
    put16(b, r->dport);
    put8(b, r->proto);
    put8(b, r->flags);
    put32(b, r->packets);
    put32(b, r->octets);
    put_times(b, o, now);
}

static void put_header(struct buf *b, const struct options *o, const struct exporter *x, uint32_t now,
                       unsigned records)
{
    b->n = 0;
    put16(b, o->proto);
    if (o->proto == IPFIX) {
        put16(b, 0); /* set by finish() */
        put32(b, now);
    } else {
        put16(b, records);
        put32(b, UPTIME_MS);
        put32(b, now);
        if (o->proto == V5)
            put32(b, 0);
    }
    put32(b, x->sequence);
    put32(b, 0);
}

/* Blocks while the receiver's socket holds much: then a slow receiver loses nothing. */
static void wait_for_receiver(const struct options *o)
{
    for (;;) {
        FILE *f = fopen("/proc/net/udp", "r");
        char line[512];
        unsigned queued = 0;
        while (f && fgets(line, sizeof line, f)) {
            unsigned port, rx;
            if (sscanf(line, " %*u: %*x:%x %*x:%*x %*x %*x:%x", &port, &rx) == 2 &&
                port == ntohs(o->to.sin_port) && rx > queued)
                queued = rx;
        }
        if (f)
            fclose(f);
        if (queued < QUEUE_HIGH)
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pace(const struct options *o, const struct totals *t, double start)
{
    if (o->closed) {
        if (t->datagrams % CHECK_EVERY == 0)
            wait_for_receiver(o);
    } else if (o->rate) {
        double ahead = (double)t->records / (double)o->rate - (seconds() - start);
        if (ahead > 0.002)
            nanosleep(&(struct timespec){ .tv_nsec = (long)((ahead > 0.9 ? 0.9 : ahead) * 1e9) }, NULL);
    }
}

static void transmit(const struct options *o, struct exporter *x, struct buf *b, struct totals *t)
{
    if (o->proto == IPFIX)
        set16(b, 2, b->n);
    while (sendto(x->fd, b->p, b->n, 0, (const struct sockaddr *)&o->to, sizeof o->to) == -1) {
        if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
            t->failed++;
            break;
        }
    }
    x->datagrams++;
    t->datagrams++;
}

/* One datagram of up to n records, the template before it when it is due. Returns how many records went. */
static unsigned send_datagram(const struct options *o, struct exporter *x, uint64_t first, uint64_t left,
                              struct totals *t)
{
    static const unsigned fit[] = { [V5] = 30, [V9] = 30, [IPFIX] = 28 };
    unsigned n = left < fit[o->proto] ? (unsigned)left : fit[o->proto];
    uint32_t now = (uint32_t)time(NULL);
    struct buf b;
    if (o->proto != V5 && x->datagrams % TEMPLATE_EVERY == 0) {
        put_header(&b, o, x, now, 1);
        put_template(&b, o);
        transmit(o, x, &b, t);
        x->sequence += o->proto == V9;
    }
    put_header(&b, o, x, now, n);
    size_t set = b.n;
    if (o->proto != V5)
        put32(&b, 256u << 16);
    for (unsigned i = 0; i < n; i++) {
        struct record r = record_of(o, first + i);
        put_record(&b, o, &r, now);
        t->packets += r.packets;
        t->octets += r.octets;
    }
    if (o->proto != V5) {
        while ((b.n - set) % 4)
            put8(&b, 0);
        set16(&b, set + 2, b.n - set);
    }
    transmit(o, x, &b, t);
    x->sequence += o->proto == V9 ? 1 : n;
    t->records += n;
    return n;
}

/* One packet of the record's flow: Ethernet, IPv4, UDP or TCP header. */
static void put_frame(struct buf *b, const struct record *r)
{
    for (int i = 0; i < 12; i++)
        put8(b, i == 5 || i == 11 ? 1 : 2);
    put16(b, 0x0800);
    put16(b, 0x4500);
    put16(b, r->octets);
    put32(b, 0);
    put16(b, 0x4000 | r->proto);
    put16(b, 0);
    put32(b, r->src);
    put32(b, r->dst);
    put16(b, r->sport);
    put16(b, r->dport);
    put32(b, r->proto == 17 ? (r->octets - 20) << 16 : 1);
    put32(b, 0);
    put16(b, 0x5010);
    put16(b, 1024);
    put32(b, 0);
}

/* In a capture its true length stands in the record. */
static void put_packet(struct buf *b, const struct record *r, uint64_t n)
{
    uint32_t frame = 14 + r->octets;
    uint32_t head[4] = { (uint32_t)(1700000000 + n / 100000), (uint32_t)(n % 100000 * 10), 54, frame };
    memcpy(b->p, head, sizeof head);
    b->n = sizeof head;
    put_frame(b, r);
}

enum { SFLOW_SAMPLES = 6, SFLOW_HEADER = 128 };

/* A sample of the packet with 128 octets of header, as switches send it. */
static void put_sample(struct buf *b, const struct record *r, uint32_t number)
{
    put32(b, 1);
    put32(b, 32 + 8 + 16 + SFLOW_HEADER + 8 + 16);
    put32(b, number);
    put32(b, 1);
    put32(b, 1);
    put32(b, number);
    put32(b, 0);
    put32(b, 1);
    put32(b, 2);
    put32(b, 2);
    put32(b, 1);
    put32(b, 16 + SFLOW_HEADER);
    put32(b, 1);
    put32(b, 14 + r->octets + 4);
    put32(b, 4);
    put32(b, SFLOW_HEADER);
    put_frame(b, r);
    memset(b->p + b->n, 0, SFLOW_HEADER - 54);
    b->n += SFLOW_HEADER - 54;
    put32(b, 1001);
    put32(b, 16);
    for (unsigned i = 0; i < 4; i++)
        put32(b, i % 2 ? 0 : 100);
}

static unsigned send_samples(const struct options *o, struct exporter *x, uint64_t first, uint64_t left,
                             struct totals *t)
{
    unsigned n = left < SFLOW_SAMPLES ? (unsigned)left : SFLOW_SAMPLES;
    struct buf b = { .n = 0 };
    put32(&b, 5);
    put32(&b, 1);
    put32(&b, 0xc0000232);
    put32(&b, 0);
    put32(&b, ++x->sequence);
    put32(&b, UPTIME_MS);
    put32(&b, n);
    for (unsigned i = 0; i < n; i++) {
        struct record r = record_of(o, first + i);
        put_sample(&b, &r, ++x->samples);
        t->packets++;
        t->octets += 14 + r.octets + 4;
    }
    transmit(o, x, &b, t);
    t->records += n;
    return n;
}

static int send_all(const struct options *o, struct totals *t)
{
    struct exporter *x = calloc(o->exporters, sizeof *x);
    if (!x)
        return -1;
    int rc = 0;
    for (unsigned i = 0; i < o->exporters && rc == 0; i++) {
        struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + i) };
        x[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
        rc = x[i].fd == -1 ? -1 : bind(x[i].fd, (struct sockaddr *)&from, sizeof from);
    }
    double start = seconds();
    for (uint64_t done = 0, turn = 0; rc == 0 && done < o->count; turn++) {
        struct exporter *from = &x[turn % o->exporters];
        done += o->proto == SFLOW ? send_samples(o, from, done, o->count - done, t)
                                  : send_datagram(o, from, done, o->count - done, t);
        pace(o, t, start);
    }
    for (unsigned i = 0; i < o->exporters; i++)
        if (x[i].fd > 0)
            close(x[i].fd);
    free(x);
    return rc;
}

static int write_packets(const struct options *o, struct totals *t)
{
    FILE *f = fopen(o->file, "wb");
    if (!f)
        return -1;
    const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
    fwrite(head, sizeof head, 1, f);
    struct buf b;
    for (uint64_t n = 0; n < o->count; n++) {
        struct record r = record_of(o, n);
        put_packet(&b, &r, n);
        fwrite(b.p, b.n, 1, f);
        t->records++;
        t->packets++;
        t->octets += r.octets;
    }
    return fclose(f);
}

static uint64_t number(const char *s)
{
    char *end;
    uint64_t n = strtoull(s, &end, 10);
    return n * (*end == 'k' ? 1000 : *end == 'M' ? 1000000 : 1);
}

static int target(struct options *o, char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        return -1;
    *colon = 0;
    o->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
    return inet_pton(AF_INET, text, &o->to.sin_addr) == 1 ? 0 : -1;
}

static int usage(void)
{
    fputs(
        "flowgen -p v5|v9|ipfix|sflow -t IP:PORT [-c count] [-k keys] [-r records/s | -C] [-x exporters] [-s "
        "seed]\n"
        "flowgen -p packets -w FILE [-c count] [-k keys] [-s seed]\n"
        "Exporters are 127.1.0.1, 127.1.0.2, ... -C: as fast as the receiver on this machine reads.\n"
        "Prints one JSON object with the exact sums.\n",
        stderr);
    return 2;
}

static int parse(struct options *o, int argc, char **argv)
{
    static const struct {
        const char *name;
        enum proto proto;
    } protos[] = {
        { "v5", V5 }, { "v9", V9 }, { "ipfix", IPFIX }, { "packets", PACKETS }, { "sflow", SFLOW }
    };
    int c, bad = 0;
    while ((c = getopt(argc, argv, "p:t:w:c:k:r:x:s:C")) != -1) {
        switch (c) {
        case 'p':
            o->proto = 0;
            for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
                if (strcmp(optarg, protos[i].name) == 0)
                    o->proto = protos[i].proto;
            break;
        case 't':
            bad |= target(o, optarg);
            break;
        case 'w':
            o->file = optarg;
            break;
        case 'c':
            o->count = number(optarg);
            break;
        case 'k':
            o->keys = number(optarg);
            break;
        case 'r':
            o->rate = number(optarg);
            break;
        case 'x':
            o->exporters = (unsigned)number(optarg);
            break;
        case 's':
            o->seed = number(optarg);
            break;
        case 'C':
            o->closed = true;
            break;
        default:
            bad = -1;
        }
    }
    bool where = o->proto == PACKETS ? o->file != NULL : o->to.sin_port != 0;
    return bad || !o->proto || !where || !o->keys || !o->exporters || o->exporters > MAX_EXPORTERS ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct options o = { .proto = V9, .count = 1000, .keys = 1000, .exporters = 1, .seed = 1 };
    if (parse(&o, argc, argv) == -1)
        return usage();
    struct totals t = { 0 };
    double start = seconds();
    if ((o.proto == PACKETS ? write_packets(&o, &t) : send_all(&o, &t)) != 0) {
        perror("flowgen");
        return 1;
    }
    printf("{\"records\": %" PRIu64 ", \"packets\": %" PRIu64 ", \"octets\": %" PRIu64
           ", \"datagrams\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"seconds\": %.3f}\n",
           t.records, t.packets, t.octets, t.datagrams, t.failed, seconds() - start);
    return t.failed != 0;
}
