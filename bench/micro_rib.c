/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the rib takes and how much memory: routes put in (rib-insert), addresses looked up with many peers
 * there (rib-lookup), a table imported and taken out while a reader looks up (rib-import, rib-remove). The
 * table is made up, with the prefix lengths of the public Internet. Usage: micro_rib [peers [routes [lookup
 * peers]]] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "rib/rib.h"

enum { ROUTES6_SHARE = 5, SETS_IN_100 = 15, LOOKUPS = 4000000 };

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t rnd(uint64_t *s, uint32_t n)
{
    return (uint32_t)((mix(*s += 0x9e3779b97f4a7c15u) >> 32) * n >> 32);
}

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void) { return clock_of(CLOCK_THREAD_CPUTIME_ID); }

static double resident(void)
{
    long pages = 0, skip;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &skip, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* --- the table: one after the other through the address space */

static struct rib_key *keys;
static uint32_t routes;

static void make_keys(void)
{
    static const uint8_t lengths4[20] = { 24, 24, 24, 24, 24, 24, 24, 24, 24, 24,
                                          24, 24, 22, 22, 23, 23, 21, 20, 19, 16 };
    static const uint8_t lengths6[10] = { 48, 48, 48, 48, 48, 32, 32, 44, 40, 36 };
    uint64_t s = 1;
    uint64_t at4 = 0x01000000, at6 = 0x2001000000000000u;
    uint32_t routes6 = routes / (ROUTES6_SHARE + 1), routes4 = routes - routes6;
    uint32_t step4 = (uint32_t)((0xdf000000u - 0x01000000u) / (routes4 + 1u));
    keys = calloc(routes, sizeof(*keys));
    if (!keys)
        exit(1);
    for (uint32_t i = 0; i < routes4; i++) {
        struct rib_key *k = &keys[i];
        *k = (struct rib_key){ .afi = RIB_IPV4, .safi = RIB_UNICAST, .bits = lengths4[rnd(&s, 20)] };
        uint32_t a = (uint32_t)at4 & (uint32_t)(0xffffffffu << (32 - k->bits));
        for (unsigned b = 0; b < 4; b++)
            k->addr[b] = (uint8_t)(a >> (24 - 8 * b));
        at4 += rnd(&s, 3) ? (rnd(&s, 2) ? 256 : step4) : rnd(&s, step4 * 4);
        if (at4 >= 0xdf000000u)
            at4 = 0x01000000 + rnd(&s, 1 << 24);
    }
    for (uint32_t i = 0; i < routes6; i++) {
        struct rib_key *k = &keys[routes4 + i];
        *k = (struct rib_key){ .afi = RIB_IPV6, .safi = RIB_UNICAST, .bits = lengths6[rnd(&s, 10)] };
        uint64_t a = at6 & ~UINT64_C(0) << (64 - k->bits);
        for (unsigned b = 0; b < 8; b++)
            k->addr[b] = (uint8_t)(a >> (56 - 8 * b));
        at6 += rnd(&s, 3) ? (UINT64_C(1) << (64 - k->bits)) * (1 + rnd(&s, 3)) : UINT64_C(1) << 33;
    }
}

/* Set number n of a peer: as long as they are. */
static uint32_t intern(struct rib *rib, uint32_t peer, uint32_t n)
{
    static const uint8_t hops[16] = { 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 7, 9 };
    static const uint8_t ncomm[16] = { 0, 0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 14 };
    uint64_t s = (uint64_t)peer << 32 | n;
    uint8_t path[64], comms[64];
    unsigned h = hops[rnd(&s, 16)], c = ncomm[rnd(&s, 16)];
    path[0] = 2;
    path[1] = (uint8_t)h;
    for (unsigned i = 0; i < h; i++) {
        uint32_t as = i ? rnd(&s, 200000) : 65000 + peer;
        memcpy(path + 2 + 4 * i, &as, 4);
    }
    for (unsigned i = 0; i < c; i++) {
        uint32_t x = rnd(&s, 1u << 31);
        memcpy(comms + 4 * i, &x, 4);
    }
    struct rib_attrs a = { .has = RIB_ORIGIN | RIB_AS_PATH | RIB_NEXT_HOP | (c ? RIB_COMMS : 0),
                           .as_path = { path, 2 + 4 * h },
                           .comms = { comms, 4 * c } };
    if (rnd(&s, 3) == 0) {
        a.has |= RIB_MED;
        a.med = rnd(&s, 200);
    }
    addr_set_v4(&a.next_hop, (uint8_t[4]){ 192, 0, 2, (uint8_t)peer });
    return rib_attrs_intern(rib_pool(rib), &a);
}

static void insert(struct rib *rib, uint32_t peer)
{
    uint32_t id = 0;
    const struct rib_octets none = { NULL, 0 };
    for (uint32_t i = 0, set = UINT32_MAX; i < routes; i++) {
        uint32_t n = (uint32_t)((uint64_t)i * SETS_IN_100 / 100);
        if (n != set) {
            rib_attrs_put(rib_pool(rib), id);
            id = intern(rib, peer, set = n);
        }
        rib_announce(rib, peer, &keys[i], none, id, NULL);
        if (i % 1024 == 0)
            rib_tend(rib, 256);
    }
    rib_attrs_put(rib_pool(rib), id);
}

static struct addr *addresses(uint32_t n)
{
    struct addr *a = calloc(n, sizeof(*a));
    uint64_t s = 5;
    for (uint32_t i = 0; a && i < n; i++) {
        struct rib_key *k = &keys[rnd(&s, routes)];
        if (k->afi == RIB_IPV4) {
            uint8_t o[4] = { k->addr[0], k->addr[1], k->addr[2], (uint8_t)(k->addr[3] | rnd(&s, 256)) };
            addr_set_v4(&a[i], o);
        } else {
            memcpy(a[i].b, k->addr, 16);
            a[i].b[15] |= 1;
        }
    }
    return a;
}

/* `peers` in turn, or by batches of 64 as an exporter's datagrams come. */
static void look_up(struct rib *rib, const char *how, uint32_t peers, bool in_batches)
{
    enum { N = 1 << 16 };
    struct addr *a = addresses(N);
    struct rib_reader *r = rib_reader_new(rib);
    uint64_t found = 0, s = 9;
    uint32_t peer = 1;
    if (!a || !r)
        exit(1);
    rib_reader_online(r);
    double t = cpu();
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        struct rib_match m;
        if (!in_batches || i % 64 == 0)
            peer = 1 + rnd(&s, peers);
        found += rib_lookup(r, peer, RIB_UNICAST, NULL, &a[i & (N - 1)], NULL, &m);
        if (i % 64 == 0)
            rib_reader_quiescent(r);
    }
    t = cpu() - t;
    rib_reader_offline(r);
    rib_reader_free(r);
    free(a);
    printf("rib-lookup  %-34s %7.1f ns, %5.1f M/s, %u peers, found %.2f\n", how, t / LOOKUPS * 1e9,
           LOOKUPS / t / 1e6, peers, (double)found / LOOKUPS);
}

/* With the number that is kept with each set, as that of the origin AS is. */
static bool look_up_one(struct rib *rib, const struct rib_reader *r, uint32_t peer, struct rib_ahead *ahead,
                        unsigned k, const struct addr *a)
{
    const struct rib_ahead_one *x = rib_expected_found(ahead, k);
    struct rib_match m;
    if (!x && !rib_lookup(r, peer, RIB_UNICAST, NULL, a, NULL, &m))
        return false;
    const uint32_t id = x ? x->id : m.route.attrs;
    const struct rib_kept *kept = x ? x->kept : rib_attrs_kept(rib_pool(rib), id);
    if (!atomic_load_explicit(&kept->word, memory_order_relaxed))
        rib_attrs_set_word(rib_pool(rib), id, 1);
    return true;
}

/* As a collector does: the addresses of a datagram of one exporter are told first, then looked up one by one.
 * A batch of each kind in turn would share what it fetched, so the kinds are apart. */
static void look_up_ahead(struct rib *rib, const char *how, uint32_t peers, bool v4)
{
    enum { N = 1 << 18, BATCH = 40 };
    struct addr *all = addresses(N), *a = calloc(N, sizeof(*a));
    struct rib_reader *r = rib_reader_new(rib);
    uint64_t found = 0, s = 9;
    uint32_t n = 0;
    if (!all || !a || !r)
        exit(1);
    for (uint32_t i = 0; i < N; i++)
        if (addr_is_v4(&all[i]) == v4)
            a[n++] = all[i];
    n -= n % BATCH;
    rib_reader_online(r);
    double t = cpu();
    for (uint32_t i = 0; i < LOOKUPS; i += BATCH) {
        const struct addr *batch = &a[i % n];
        const uint32_t peer = 1 + rnd(&s, peers);
        struct rib_expected e[BATCH];
        struct rib_ahead ahead;
        for (unsigned k = 0; k < BATCH; k++)
            e[k] = (struct rib_expected){ batch[k].b + (v4 ? 12 : 0), false };
        rib_expect(&ahead, r, peer, v4 ? 4 : 16, e, BATCH);
        for (unsigned k = 0; k < BATCH; k++)
            found += look_up_one(rib, r, peer, &ahead, k, &batch[k]);
        rib_reader_quiescent(r);
    }
    t = cpu() - t;
    rib_reader_offline(r);
    rib_reader_free(r);
    free(all);
    free(a);
    printf("rib-ahead   %-34s %7.1f ns, %5.1f M/s, %u peers, found %.2f\n", how, t / LOOKUPS * 1e9,
           LOOKUPS / t / 1e6, peers, (double)found / LOOKUPS);
}

/* --- a reader beside import and removal: the longest time that 64 lookups took */

struct beside {
    struct rib *rib;
    _Atomic bool stop;
    double longest_cpu;
    uint64_t batches;
};

static void *look_beside(void *arg)
{
    struct beside *b = arg;
    enum { N = 4096 };
    struct addr *a = addresses(N);
    struct rib_reader *r = rib_reader_new(b->rib);
    for (uint32_t i = 0; !atomic_load(&b->stop); i += 64, b->batches++) {
        double t = cpu();
        struct rib_match m;
        rib_reader_online(r);
        for (uint32_t k = 0; k < 64; k++)
            rib_lookup(r, 1, RIB_UNICAST, NULL, &a[(i + k) & (N - 1)], NULL, &m);
        rib_reader_offline(r);
        t = cpu() - t;
        if (t > b->longest_cpu)
            b->longest_cpu = t;
    }
    rib_reader_free(r);
    free(a);
    return NULL;
}

static void stop_beside(struct beside *b, pthread_t thread)
{
    atomic_store(&b->stop, true);
    pthread_join(thread, NULL);
}

/* All of a table, with its second way in made from its first routes on and kept up with. */
static void import_beside(void)
{
    struct rib *rib = rib_new();
    struct beside b = { .rib = rib };
    pthread_t thread;
    struct rib_counts c;
    if (!rib || pthread_create(&thread, NULL, look_beside, &b))
        exit(1);
    insert(rib, rib_peer_add(rib, &(struct rib_peer_info){ 0 }));
    while (rib_tend(rib, 10000))
        ;
    rib_counts(rib, &c);
    stop_beside(&b, thread);
    rib_free(rib);
    printf("rib-import  %-34s %llu routes, %llu fast ways, %llu batches of 64 lookups beside, one of at most "
           "%.0f us\n",
           "a table", (unsigned long long)c.routes, (unsigned long long)c.fast_ways,
           (unsigned long long)b.batches, b.longest_cpu * 1e6);
}

static void on_done(void *arg) { *(bool *)arg = true; }

static void take_out(struct rib *rib, uint32_t peer, uint64_t had)
{
    struct beside b = { .rib = rib };
    pthread_t thread;
    bool done = false;
    double longest = 0, t = cpu();
    if (pthread_create(&thread, NULL, look_beside, &b))
        exit(1);
    rib_peer_remove(rib, peer, NULL, on_done, &done);
    while (!done) {
        double s = cpu();
        rib_tend(rib, 2000);
        s = cpu() - s;
        if (s > longest)
            longest = s;
    }
    t = cpu() - t;
    stop_beside(&b, thread);
    printf("rib-remove  %-34s %7.1f ns a route, longest slice %.0f us, 64 lookups beside at most %.0f us\n",
           "a peer", t / (double)had * 1e9, longest * 1e6, b.longest_cpu * 1e6);
}

int main(int argc, char **argv)
{
    uint32_t peers = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    routes = argc > 2 ? (uint32_t)atoi(argv[2]) : 1200000;
    uint32_t look_peers = argc > 3 ? (uint32_t)atoi(argv[3]) : peers;
    make_keys();
    import_beside();
    double before = resident(), t = cpu();
    struct rib *rib = rib_new();
    for (uint32_t i = 0; rib && i < peers; i++)
        insert(rib, rib_peer_add(rib, &(struct rib_peer_info){ 0 }));
    t = cpu() - t;
    struct rib_counts c;
    while (rib_tend(rib, 10000))
        ;
    rib_counts(rib, &c);
    double n = (double)c.routes;
    printf("rib-insert  %-34s %7.1f ns a route, %llu routes, %llu sets, %llu nodes\n",
           "interning and insertion", t / n * 1e9, (unsigned long long)c.routes, (unsigned long long)c.sets,
           (unsigned long long)c.nodes);
    printf("rib-memory  %-34s %7.1f octets a route: tries %.1f, sets %.1f, from the system %.1f\n",
           "resident", (resident() - before) / n, (double)c.octets_routes / n, (double)c.octets_sets / n,
           (double)c.octets_held / n);
    look_up(rib, "one peer, without the fast way", 1, true);
    for (uint32_t i = 0; i < look_peers; i++) {
        struct rib_match m;
        struct addr a;
        addr_set_v4(&a, keys[0].addr);
        struct rib_reader *r = rib_reader_new(rib);
        rib_lookup(r, i + 1, RIB_UNICAST, NULL, &a, NULL, &m);
        rib_reader_free(r);
    }
    t = cpu();
    while (rib_tend(rib, 10000))
        ;
    rib_counts(rib, &c);
    printf("rib-fast    %-34s %7.1f ns a route, from the system %.1f octets a route\n", "made for all peers",
           (cpu() - t) / n * 1e9, (double)c.octets_held / n);
    look_up(rib, "one peer", 1, true);
    look_up(rib, "a peer for each 64", look_peers, true);
    look_up(rib, "any peer each time", look_peers, false);
    look_up_ahead(rib, "IPv4, a peer for each 40", look_peers, true);
    look_up_ahead(rib, "IPv6, a peer for each 40", look_peers, false);
    take_out(rib, peers, c.routes / peers);
    rib_free(rib);
    free(keys);
    return 0;
}
