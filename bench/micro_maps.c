/* SPDX-License-Identifier: BSD-2-Clause */
/* How long maps take: pre_tag_map of 10, 1,000 and 10,000 rows, networks_file of a million prefixes. Prints
 * processor time a flow. Usage: micro_maps */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/networks.h"
#include "core/tagmap.h"

enum { FLOWS = 1000000, DISTINCT = 4096, PREFIXES = 1000000 };

static uint64_t random_state = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(const void *p, const struct err *e)
{
    if (p)
        return;
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

/* Kinds of rows: exporter and interface; networks of several lengths; three kinds in turn. */
static int row(char *to, unsigned kind, unsigned i)
{
    static const char *const keys[] = { "in", "dst_port", "vlan" };
    if (kind == 0)
        return sprintf(to, "set_tag=%u ip=10.0.%u.%u in=%u\n", i + 1, i >> 8, i & 255, i % 16);
    if (kind == 1)
        return sprintf(to, "set_tag=%u src_net=10.%u.%u.0/%u\n", i + 1, i >> 8, i & 255, 20 + i % 5);
    return sprintf(to, "set_tag=%u ip=192.0.2.1 src_net=10.%u.%u.0/24 %s=%u\n", i + 1, i >> 8, i & 255,
                   keys[i % 3], i % 16);
}

static void tags(unsigned kind, unsigned rows)
{
    static struct flow f[DISTINCT];
    const struct tagmap_conf c = { .daemon = 'N' };
    struct err e = { 0 };
    char *text = malloc(rows * 96u + 1), *at = text;
    must(text, &e);
    for (unsigned i = 0; i < rows; i++)
        at += row(at, kind, i);
    double t = now();
    struct tagmap *m = tagmap_parse("bench", text, (size_t)(at - text), &c, &e);
    must(m, &e);
    const double load = now() - t;
    struct tagmap_run *run = tagmap_run_new(m);
    for (unsigned i = 0; i < DISTINCT; i++) {
        const unsigned k = rnd(rows * 5 / 4);
        const uint8_t exporter[4] = { 10, 0, (uint8_t)(k >> 8), (uint8_t)k }, fixed[4] = { 192, 0, 2, 1 };
        const uint8_t host[4] = { 10, (uint8_t)(k >> 8), (uint8_t)k, (uint8_t)rnd(256) };
        memset(&f[i], 0, sizeof(f[i]));
        addr_set_v4(&f[i].peer_src_ip, kind == 2 ? fixed : exporter);
        addr_set_v4(&f[i].src_host, host);
        f[i].in_iface = f[i].dst_port = f[i].vlan = (uint16_t)(k % 16);
    }
    unsigned hits = 0;
    t = now();
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *x = &f[i % DISTINCT];
        x->tag = 0;
        tagmap_flow(m, run, x, 0);
        hits += x->tag != 0;
    }
    printf("pre_tag_map kind %u, %5u rows: loaded in %.1f ms, %.1f ns a flow, %u%% tagged\n", kind, rows,
           load * 1e3, (now() - t) * 1e9 / FLOWS, hits / (FLOWS / 100));
    tagmap_run_free(run);
    tagmap_free(m);
    free(text);
}

enum { ASKED = 1 << 20, BATCH = 32 };

/* A prefix as text, and an address in it. The lengths are about those of the routes of the Internet. */
static int prefix_v4(char *to, struct addr *inside)
{
    static const uint8_t lens[] = { 24, 24, 24, 24, 24, 24, 23, 22, 20, 16 };
    const unsigned len = lens[rnd(10)];
    const uint32_t net = (rnd(224) << 24 | rnd(1 << 24)) & ~UINT32_C(0) << (32 - len);
    const uint32_t host = htonl(net | rnd(256));
    addr_set_v4(inside, &host);
    return sprintf(to, "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255, net >> 8 & 255, net & 255, len);
}

/* Those of 10,000 networks in eight blocks of the registries. */
static int prefix_v6(char *to, struct addr *inside)
{
    static const uint16_t blocks[] = { 0x2001, 0x2a00, 0x2a01, 0x2400, 0x2600, 0x2800, 0x2c0f, 0x2409 };
    static const uint8_t lens[] = { 48, 48, 48, 48, 48, 32, 32, 44, 40, 64 };
    const unsigned len = lens[rnd(10)], who = rnd(10000);
    uint16_t part[8] = { blocks[who % 8], (uint16_t)(who * 40503u), (uint16_t)rnd(65536),
                         (uint16_t)rnd(65536) };
    char text[ADDR_TEXT];
    for (unsigned i = 0; i < 8; i++)
        part[i] = htons(part[i]);
    addr_set_v6(inside, part);
    struct addr net = *inside;
    addr_mask(&net, len);
    return sprintf(to, "%s/%u", addr_str(&net, text), len);
}

static void networks(const char *family, int (*prefix)(char *to, struct addr *inside))
{
    static struct addr inside[PREFIXES], ask[ASKED];
    struct err e = { 0 };
    char *text = malloc(PREFIXES * 64u), *at = text;
    must(text, &e);
    for (unsigned i = 0; i < PREFIXES; i++) {
        at += sprintf(at, "%u,", 1 + i % 65000);
        at += prefix(at, &inside[i]);
        *at++ = '\n';
    }
    double t = now();
    struct networks *n = networks_parse("bench", text, (size_t)(at - text), &e);
    must(n, &e);
    const double load = now() - t;
    for (unsigned i = 0; i < ASKED; i++)
        ask[i] = inside[rnd(PREFIXES)];
    for (unsigned mask = ASKED - 1; mask >= 1023; mask >>= 10) {
        uint64_t sum = 0;
        t = now();
        for (unsigned i = 0; i < 4 * ASKED; i++) {
            const struct network *hit = networks_find(n, &ask[i & mask]).of;
            sum += hit ? hit->as : 0;
        }
        printf(
            "networks_file of %d %s prefixes: loaded in %.2f s, %.1f ns a lookup over %u addresses (%llu)\n",
            PREFIXES, family, load, (now() - t) * 1e9 / (4 * ASKED), mask + 1, (unsigned long long)sum);
    }
    struct network_hit hit[BATCH] = { { 0 } };
    uint64_t sum = 0;
    t = now();
    for (unsigned i = 0; i < 4 * ASKED; i++) {
        if (i % BATCH == 0)
            networks_find_many(n, &ask[i & (ASKED - 1)], BATCH, hit);
        sum += hit[i % BATCH].of ? hit[i % BATCH].of->as : 0;
    }
    printf("  in batches of %d: %.1f ns a lookup (%llu)\n", BATCH, (now() - t) * 1e9 / (4 * ASKED),
           (unsigned long long)sum);
    networks_free(n);
    free(text);
}

int main(void)
{
    static const unsigned rows[] = { 10, 1000, 10000 };
    for (unsigned kind = 0; kind < 3; kind++)
        for (unsigned i = 0; i < 3; i++)
            tags(kind, rows[i]);
    networks("IPv4", prefix_v4);
    networks("IPv6", prefix_v6);
    return 0;
}
