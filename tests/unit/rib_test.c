/* SPDX-License-Identifier: BSD-2-Clause */
/* The rib against a list that is searched from end to end: routes of all kinds come, change and go, peers
 * too; memory is back to nothing when all have gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "rib/rib.h"
#include "rib/trie.h"

/* --- made-up routes */

static uint64_t random_state = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

/* A set of attributes for a number; the same number gives the same set. */
static uint32_t intern(struct rib *rib, uint32_t n)
{
    uint8_t path[10] = {
        2, 2, 0, 0, 0xfd, 0xe8, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
    };
    uint8_t hop[4] = { 192, 0, 2, (uint8_t)n };
    struct rib_attrs a = { .has = RIB_ORIGIN | RIB_AS_PATH | RIB_NEXT_HOP | (n & 1 ? RIB_MED : 0),
                           .med = n & 1 ? n : 0,
                           .as_path = { path, sizeof(path) } };
    addr_set_v4(&a.next_hop, hop);
    uint32_t id = rib_attrs_intern(rib_pool(rib), &a);
    assert_int_not_equal(id, 0);
    return id;
}

static uint32_t number_of_set(struct rib *rib, uint32_t id)
{
    struct rib_attrs a;
    rib_attrs_get(rib_pool(rib), id, &a);
    assert_int_equal(a.as_path.len, 10);
    const uint8_t *p = a.as_path.p + 6;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void mask(struct rib_key *k)
{
    for (unsigned b = k->bits; b < 128; b++)
        k->addr[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
}

/* Few values an octet, so that prefixes meet, cover each other and fork at every depth. */
static struct rib_key random_key(uint8_t nlri[8])
{
    static const uint8_t octets[] = { 0, 1, 2, 127, 128, 254, 255, 10 };
    struct rib_key k = { .afi = rnd(2) ? RIB_IPV4 : RIB_IPV6, .safi = RIB_UNICAST };
    unsigned kind = rnd(6), width = k.afi == RIB_IPV4 ? 32 : 128;
    bool crowded = rnd(3) == 0; /* many in one node */
    for (unsigned i = 0; i < width / 8; i++)
        k.addr[i] = crowded && i == 1 ? (uint8_t)rnd(256) : octets[rnd(i < 2 || rnd(4) ? 2 : 8)];
    k.bits = (uint8_t)(crowded ? 9 + rnd(8) : rnd(3) ? 8 * rnd(width / 8 + 1) : rnd(width + 1));
    mask(&k);
    if (kind == 1) {
        k.has_path_id = true;
        k.path_id = rnd(3) ? rnd(4) : UINT32_MAX - rnd(2);
    } else if (kind == 2)
        k.safi = RIB_LABELLED;
    else if (kind == 3) {
        k.safi = RIB_VPN;
        k.has_rd = true;
        k.rd[7] = (uint8_t)rnd(12);
        k.has_path_id = k.rd[7] == 3;
        k.path_id = k.has_path_id ? rnd(3) : 0;
    } else if (kind == 4 && rnd(2)) {
        k = (struct rib_key){ .afi = 25, .safi = 70, .has_path_id = rnd(2), .nlri = { nlri, 1 + rnd(3) } };
        k.path_id = k.has_path_id ? rnd(2) : 0;
        for (unsigned i = 0; i < k.nlri.len; i++)
            nlri[i] = (uint8_t)rnd(6);
    }
    return k;
}

/* --- the model */

enum { PEERS = 5, MODEL_MAX = 20000 };

struct known {
    struct rib_key key;
    uint8_t nlri[8];
    uint32_t peer, set;
    uint8_t labels_len, labels[RIB_LABELS_MAX];
    bool seen;
};

struct model {
    struct known list[MODEL_MAX];
    unsigned n;
};

static bool same_key(const struct rib_key *a, const struct rib_key *b)
{
    if (a->afi != b->afi || a->safi != b->safi || a->has_path_id != b->has_path_id ||
        a->path_id != b->path_id)
        return false;
    if (a->nlri.len || b->nlri.len)
        return a->nlri.len == b->nlri.len && !memcmp(a->nlri.p, b->nlri.p, a->nlri.len);
    return a->bits == b->bits && a->has_rd == b->has_rd && !memcmp(a->rd, b->rd, 8) &&
           !memcmp(a->addr, b->addr, 16);
}

static struct known *model_find(struct model *m, uint32_t peer, const struct rib_key *key)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->list[i].peer == peer && same_key(&m->list[i].key, key))
            return &m->list[i];
    return NULL;
}

static void model_drop(struct model *m, struct known *k)
{
    *k = m->list[--m->n];
    if (k->key.nlri.len)
        k->key.nlri.p = k->nlri;
}

static bool covers(const struct rib_key *k, const uint8_t *octets)
{
    for (unsigned b = 0; b < k->bits; b++)
        if ((k->addr[b / 8] ^ octets[b / 8]) & 0x80 >> b % 8)
            return false;
    return true;
}

/* --- the operations */

struct run {
    struct rib *rib;
    struct model *m;
    struct rib_reader *r;
    uint32_t peer[PEERS];
    uint64_t walked;
    uint32_t walking, gone;
};

static void check_route(struct run *x, const struct known *k, const struct rib_route *route)
{
    assert_int_equal(number_of_set(x->rib, route->attrs), k->set);
    assert_int_equal(route->labels_len, k->labels_len);
    assert_memory_equal(route->labels, k->labels, k->labels_len);
}

static void announce(struct run *x, uint32_t peer, const struct rib_key *key)
{
    uint32_t set = rnd(500), id = intern(x->rib, set);
    uint8_t labels[RIB_LABELS_MAX];
    bool labelled = key->safi == RIB_LABELLED || key->safi == RIB_VPN;
    struct rib_octets l = { labels, key->nlri.len ? rnd(RIB_LABELS_MAX + 1)
                                    : labelled    ? 3 * (rnd(4) ? rnd(2) : rnd(11))
                                                  : 0 };
    for (unsigned i = 0; i < sizeof(labels); i++)
        labels[i] = (uint8_t)rnd(256);
    struct known *k = model_find(x->m, peer, key);
    struct rib_route was;
    if (rnd(2)) { /* which changes nothing, whatever is asked for */
        struct rib_key some[3] = { *key, *key, *key };
        some[1].addr[0] ^= 1;
        some[2].addr[1] ^= 1;
        rib_prepare(x->rib, peer, some, rnd(4));
    }
    int done = rib_announce(x->rib, peer, key, l, id, &was);
    assert_int_equal(done, k ? 0 : 1);
    rib_attrs_put(rib_pool(x->rib), id);
    if (k)
        check_route(x, k, &was);
    else {
        assert_true(x->m->n < MODEL_MAX);
        k = &x->m->list[x->m->n++];
        *k = (struct known){ .key = *key, .peer = peer };
        if (key->nlri.len) {
            memcpy(k->nlri, key->nlri.p, key->nlri.len);
            k->key.nlri.p = k->nlri;
        }
    }
    k->set = set;
    k->labels_len = (uint8_t)l.len;
    memcpy(k->labels, labels, sizeof(labels));
}

static void withdraw(struct run *x, uint32_t peer, const struct rib_key *key)
{
    struct known *k = model_find(x->m, peer, key);
    struct rib_route was;
    assert_int_equal(rib_withdraw(x->rib, peer, key, &was), k ? 1 : 0);
    if (!k)
        return;
    check_route(x, k, &was);
    model_drop(x->m, k);
}

static void look_up(struct run *x, uint32_t peer, const struct rib_key *key)
{
    const struct known *best = NULL;
    uint8_t octets[16];
    struct addr a;
    memcpy(octets, key->addr, 16);
    if (key->nlri.len)
        return;
    if (rnd(2))
        octets[key->afi == RIB_IPV4 ? 3 : 15] ^= (uint8_t)rnd(256);
    if (key->afi == RIB_IPV4)
        addr_set_v4(&a, octets);
    else
        memcpy(a.b, octets, 16);
    if (!addr_is_set(&a) || (key->afi == RIB_IPV6 && addr_is_v4(&a)))
        return;
    for (unsigned i = 0; i < x->m->n; i++) {
        const struct known *k = &x->m->list[i];
        if (k->peer != peer || k->key.afi != key->afi || k->key.safi != key->safi || k->key.nlri.len ||
            memcmp(k->key.rd, key->rd, 8) != 0 || !covers(&k->key, octets))
            continue;
        if (!best || k->key.bits > best->key.bits ||
            (k->key.bits == best->key.bits &&
             (k->key.has_path_id < best->key.has_path_id ||
              (k->key.has_path_id == best->key.has_path_id && k->key.path_id < best->key.path_id))))
            best = k;
    }
    struct rib_match m;
    bool found = rib_lookup(x->r, peer, key->safi, key->has_rd ? key->rd : NULL, &a, NULL, &m);
    assert_int_equal(found, best != NULL);
    if (!best)
        return;
    assert_int_equal(m.bits, best->key.bits);
    assert_int_equal(m.path_id, best->key.path_id);
    check_route(x, best, &m.route);
}

static void find_exactly(struct run *x, uint32_t peer, const struct rib_key *key)
{
    const struct known *k = model_find(x->m, peer, key);
    struct rib_route route;
    assert_int_equal(rib_find(x->rib, peer, key, &route), k != NULL);
    if (k)
        check_route(x, k, &route);
}

static bool on_walk(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct run *x = arg;
    struct known *k = model_find(x->m, x->walking, key);
    assert_non_null(k);
    assert_false(k->seen);
    k->seen = true;
    check_route(x, k, route);
    x->walked++;
    return true;
}

static void walk(struct run *x, uint32_t peer)
{
    struct rib_place place = { 0 };
    x->walking = peer;
    x->walked = 0;
    for (unsigned i = 0; i < x->m->n; i++)
        x->m->list[i].seen = false;
    unsigned slice = 1 + rnd(40);
    while (rib_walk(x->rib, peer, &place, slice, on_walk, x))
        ;
    uint64_t has = 0;
    for (unsigned i = 0; i < x->m->n; i++)
        has += x->m->list[i].peer == peer;
    assert_int_equal(x->walked, has);
    assert_int_equal(rib_peer_routes(x->rib, peer), has);
}

static bool on_gone(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct run *x = arg;
    struct known *k = model_find(x->m, x->walking, key);
    assert_non_null(k);
    check_route(x, k, route);
    model_drop(x->m, k);
    return true;
}

static void on_done(void *arg) { ((struct run *)arg)->gone++; }

static void replace_peer(struct run *x, unsigned i)
{
    struct rib_peer_info info = { .port = (uint16_t)i };
    uint32_t generation = rib_generation(x->rib), number = x->peer[i];
    x->walking = number;
    x->gone = 0;
    rib_peer_remove(x->rib, number, on_gone, on_done, x);
    assert_int_not_equal(rib_generation(x->rib), generation);
    assert_null(rib_peer(x->r, number));
    uint32_t other = rib_peer_add(x->rib, &info);
    assert_int_not_equal(other, number); /* not before all has gone */
    rib_reader_quiescent(x->r);
    while (!x->gone) {
        rib_tend(x->rib, 64);
        rib_reader_quiescent(x->r);
    }
    for (unsigned k = 0; k < x->m->n; k++)
        assert_int_not_equal(x->m->list[k].peer, number);
    x->peer[i] = other;
}

static void expect_nothing(struct rib *rib)
{
    struct rib_counts c;
    while (rib_tend(rib, 1000))
        ;
    rib_counts(rib, &c);
    assert_int_equal(c.routes, 0);
    assert_int_equal(c.nodes, 0);
    assert_int_equal(c.sets, 0);
    assert_int_equal(c.octets_routes, 0);
    assert_int_equal(c.waiting, 0);
}

enum use { READ, UNREAD, EXACT };

static void all_kinds_of_routes(enum use use)
{
    struct run x = { .rib = rib_new(), .m = calloc(1, sizeof(*x.m)) };
    assert_non_null(x.rib);
    if (use == EXACT)
        rib_set_exact(x.rib);
    if (use == UNREAD) /* the reader here is of the same thread, and never between two steps of the writer */
        rib_set_unread(x.rib);
    assert_non_null(x.m);
    x.r = rib_reader_new(x.rib);
    rib_reader_online(x.r);
    for (unsigned i = 0; i < PEERS; i++)
        x.peer[i] = rib_peer_add(x.rib, &(struct rib_peer_info){ .port = (uint16_t)i });
    for (unsigned i = 0; i < 60000; i++) {
        uint8_t nlri[8];
        struct rib_key key = random_key(nlri);
        unsigned p = rnd(PEERS), grows = i % 20000 < 11000;
        switch (rnd(12)) {
        case 0 ... 3:
            announce(&x, x.peer[p], &key);
            break;
        case 4 ... 5:
            if (use != EXACT)
                look_up(&x, x.peer[p], &key);
            break;
        case 6:
            find_exactly(&x, x.peer[p], &key);
            break;
        case 7:
            rib_reader_quiescent(x.r);
            break;
        default:
            if (x.m->n && !grows) {
                struct known k = x.m->list[rnd(x.m->n)];
                k.key.nlri.p = k.key.nlri.len ? k.nlri : NULL;
                withdraw(&x, k.peer, &k.key);
            } else if (rnd(3) == 0)
                withdraw(&x, x.peer[p], &key);
        }
        if (i % 1000 == 999 && use != EXACT)
            walk(&x, x.peer[p]);
        if (i % 5000 == 4999)
            replace_peer(&x, p);
        if (rnd(30) == 0)
            rib_tend(x.rib, rnd(100));
    }
    while (x.m->n) {
        struct known k = x.m->list[rnd(x.m->n)];
        k.key.nlri.p = k.key.nlri.len ? k.nlri : NULL;
        withdraw(&x, k.peer, &k.key);
    }
    rib_reader_offline(x.r);
    expect_nothing(x.rib);
    rib_reader_free(x.r);
    rib_free(x.rib);
    free(x.m);
}

static void all_kinds_of_routes_against_a_list(void **state)
{
    (void)state;
    all_kinds_of_routes(READ);
}

static void all_kinds_of_routes_that_nobody_reads(void **state)
{
    (void)state;
    all_kinds_of_routes(UNREAD);
}

static void all_kinds_of_routes_that_are_asked_for_exactly(void **state)
{
    (void)state;
    all_kinds_of_routes(EXACT);
}

static struct rib_key key4(uint32_t addr, unsigned bits)
{
    return (struct rib_key){ .afi = RIB_IPV4,
                             .safi = RIB_UNICAST,
                             .bits = (uint8_t)bits,
                             .addr = { (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8),
                                       (uint8_t)addr } };
}

static void put4(struct rib *rib, uint32_t peer, uint32_t addr, unsigned bits, uint32_t set)
{
    struct rib_key k = key4(addr, bits);
    uint32_t id = intern(rib, set);
    assert_true(rib_announce(rib, peer, &k, (struct rib_octets){ NULL, 0 }, id, NULL) >= 0);
    rib_attrs_put(rib_pool(rib), id);
}

/* The longest match, found by asking for every length. */
static struct rib_key numbered(uint32_t i)
{
    struct rib_key k = key4(i * 2654435761u, 1 + i % 32);
    if (i % 3 == 0) {
        k.afi = RIB_IPV6;
        k.bits = (uint8_t)(i % 129);
        memcpy(k.addr + 8, &i, sizeof(i));
    }
    mask(&k);
    return k;
}

/* Prefixes that are new; the same number gives the same. */
static unsigned put_numbered(struct rib *rib, uint32_t peer, uint32_t n)
{
    unsigned fresh = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct rib_key k = numbered(i);
        const uint32_t id = intern(rib, i % 97);
        const int done = rib_announce(rib, peer, &k, (struct rib_octets){ 0 }, id, NULL);
        assert_true(done >= 0);
        fresh += (unsigned)done;
        rib_attrs_put(rib_pool(rib), id);
    }
    return fresh;
}

static bool count_covering(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    (void)route;
    uint8_t *bits = arg;
    assert_true(key->bits < *bits); /* the longest first */
    *bits = key->bits;
    return true;
}

static void exact_tables_take_what_they_need(void **state)
{
    enum { MANY = 300000 };
    (void)state;
    struct rib *rib = rib_new();
    struct rib_counts full, few;
    rib_set_exact(rib);
    const uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ .port = 1 });
    const unsigned fresh = put_numbered(rib, peer, MANY);
    assert_int_equal(rib_peer_routes(rib, peer), fresh);
    assert_int_equal(put_numbered(rib, peer, MANY), 0);
    rib_counts(rib, &full);
    assert_int_equal(full.routes, fresh);
    assert_true(full.octets_routes >= 8 * full.routes && full.octets_routes <= 24 * full.routes);
    unsigned taken = 0;
    for (uint32_t i = 100; i < MANY; i++) {
        const struct rib_key k = numbered(i);
        taken += (unsigned)rib_withdraw(rib, peer, &k, NULL);
    }
    rib_counts(rib, &few);
    assert_int_equal(few.routes, fresh - taken);
    assert_true(few.octets_held < full.octets_held / 4);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct rib_key k = numbered(i);
        struct rib_route route;
        if (i < 100 && rib_find(rib, peer, &k, &route))
            taken += (unsigned)rib_withdraw(rib, peer, &k, NULL);
        assert_false(rib_find(rib, peer, &k, &route));
    }
    assert_int_equal(taken, fresh);
    put_numbered(rib, peer, 1000);
    uint8_t bits = 33;
    const struct rib_key host = key4(10u << 24, 32);
    const unsigned lengths[] = { 0, 8, 9, 31 };
    for (unsigned i = 0; i < 4; i++)
        put4(rib, peer, 10u << 24, lengths[i], 7);
    rib_covering(rib, peer, &host, count_covering, &bits);
    assert_int_equal(bits, 0);
    rib_peer_remove(rib, peer, NULL, NULL, NULL);
    expect_nothing(rib);
    rib_free(rib);
}

static void check_against_finding(struct rib *rib, struct rib_reader *r, uint32_t peer, uint32_t addr)
{
    struct rib_route route;
    struct rib_match m;
    struct addr a;
    int bits = 32;
    for (struct rib_key k; bits >= 0; bits--) {
        k = key4(addr, (unsigned)bits);
        if (rib_find(rib, peer, &k, &route))
            break;
    }
    addr_set_v4(&a, (uint8_t[4]){ (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8),
                                  (uint8_t)addr });
    assert_int_equal(rib_lookup(r, peer, RIB_UNICAST, NULL, &a, NULL, &m), bits >= 0);
    if (bits < 0)
        return;
    assert_int_equal(m.bits, bits);
    assert_int_equal(m.route.attrs, route.attrs);
}

/* A prefix in 2.0.0.0/7, of any length from 6 on. */
static struct rib_key random_in_big_table(void)
{
    unsigned bits = rnd(20) ? 15 + rnd(10) : rnd(3) ? 25 + rnd(8) : 6 + rnd(10);
    uint32_t addr = 0x02000000u | rnd(3) << 16 | rnd(2) << 24 | rnd(256) << 8 | rnd(256);
    return key4(addr & (uint32_t)(~UINT64_C(0) << (32 - bits)), bits);
}

/* What was expected is what is found, whatever the table looks like. */
static void ask_soon(struct rib *rib, struct rib_reader *r, uint32_t peer, unsigned *told)
{
    struct rib_ahead a;
    static uint8_t octet[RIB_EXPECTED][16];
    struct rib_expected e[RIB_EXPECTED] = { { 0 } };
    const unsigned n = rnd(RIB_EXPECTED + 1);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < 16; k++)
            octet[i][k] = (uint8_t)(k ? rnd(256) : 2 + rnd(3));
        e[i] = (struct rib_expected){ octet[i], rnd(2) };
    }
    const unsigned octets = rnd(4) ? 4 : 16;
    rib_expect(&a, r, peer, octets, e, n);
    for (unsigned i = 0; i < n && octets == 4; i += 1 + rnd(3)) { /* some are left out, or asked for again */
        const unsigned k = rnd(8) ? i : rnd(n);
        struct rib_match m;
        struct addr addr;
        addr_set_v4(&addr, octet[k]);
        const struct rib_ahead_one *soon = rib_expected_found(&a, k);
        if (!soon)
            continue;
        assert_true(rib_lookup(r, peer, RIB_UNICAST, NULL, &addr, NULL, &m));
        assert_int_equal(soon->bits, m.bits);
        assert_int_equal(soon->id, m.route.attrs);
        assert_ptr_equal(soon->kept, rib_attrs_kept(rib_pool(rib), m.route.attrs));
        *told += 1;
    }
}

static void the_fast_way_says_what_the_trie_says(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    struct rib_reader *r = rib_reader_new(rib);
    uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ 0 });
    struct rib_counts c;
    unsigned told = 0;
    for (uint32_t i = 0; i < 16500; i++)
        put4(rib, peer, 0x03800000u + i * 256, 24, i);
    rib_reader_online(r);
    check_against_finding(rib, r, peer, 0x03800001); /* flows come: it is wanted */
    for (uint32_t i = 0; i < 60000; i++) {
        struct rib_key k = random_in_big_table();
        if (rnd(3) == 0)
            rib_withdraw(rib, peer, &k, NULL);
        else if (rnd(200) == 0) {
            put4(rib, peer, 0, rnd(3), i);
        } else
            put4(rib, peer,
                 (uint32_t)k.addr[0] << 24 | (uint32_t)k.addr[1] << 16 | (uint32_t)k.addr[2] << 8 | k.addr[3],
                 k.bits, rnd(1000));
        check_against_finding(rib, r, peer,
                              0x02000000u | rnd(5) << 16 | rnd(2) << 24 | rnd(256) << 8 | rnd(256));
        if (rnd(100) == 0)
            check_against_finding(rib, r, peer, rnd(UINT32_MAX));
        if (i % 64 == 0)
            ask_soon(rib, r, 1 + rnd(2), &told);
        rib_reader_quiescent(r);
        if (i < 30000 ? rnd(4) == 0 : rnd(100) == 0)
            rib_tend(rib, rnd(3000));
    }
    rib_counts(rib, &c);
    assert_int_equal(c.fast_ways, 1);
    assert_true(told > 1000);
    rib_reader_offline(r);
    rib_peer_remove(rib, peer, NULL, NULL, NULL);
    expect_nothing(rib);
    rib_reader_free(r);
    rib_free(rib);
}

/* A trie of its own, of narrow or wide values, of which many are asked at once. */
static void many_are_matched_as_one_by_one(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        const unsigned octets = kind & 1 ? 16 : 4;
        struct slab slab;
        struct epoch epoch;
        struct epoch_queue queue = { 0 };
        slab_init(&slab);
        epoch_init(&epoch);
        struct trie_memory m = { .slab = &slab, .epoch = &epoch, .queue = &queue };
        struct trie t = { .wide = kind & 2 };
        const uint8_t *addr[TRIE_MANY];
        uint8_t octet[TRIE_MANY][16];
        struct trie_found found[TRIE_MANY];
        uint64_t old;
        for (unsigned round = 0; round < 200; round++) {
            for (unsigned i = 0; i < TRIE_MANY; i++) {
                for (unsigned k = 0; k < 16; k++)
                    octet[i][k] = (uint8_t)(rnd(4) ? rnd(3) : rnd(256));
                addr[i] = octet[i];
            }
            for (unsigned i = 0; i < TRIE_MANY; i++) /* half of what is asked is there to be found */
                trie_put(&t, &m, octet[i], rnd(octets * 8 + 1), 1 + rnd(1000000), &old);
            const unsigned n = 1 + rnd(TRIE_MANY);
            for (unsigned i = 0; i < n; i++)
                octet[i][octets - 1] ^= (uint8_t)(rnd(2) ? rnd(256) : 0);
            trie_match_many(&t, addr, octets, n, found);
            for (unsigned i = 0; i < n; i++) {
                unsigned bits;
                assert_int_equal(found[i].value, trie_match(&t, addr[i], octets, &bits));
                if (found[i].value)
                    assert_int_equal(found[i].bits, bits);
            }
        }
        free(queue.items);
        epoch_close(&epoch);
        slab_clear(&slab);
    }
}

static bool in_order(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct rib_key *last = arg;
    (void)route;
    int c = memcmp(last->addr, key->addr, 16);
    assert_true(
        c < 0 ||
        (c == 0 && (last->bits < key->bits || (last->bits == key->bits && last->path_id < key->path_id))) ||
        !last->afi);
    *last = *key;
    return true;
}

static void a_walk_is_in_order_and_stands_changes(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ 0 });
    for (unsigned i = 0; i < 5000; i++)
        put4(rib, peer, rnd(4) << 24 | rnd(8) << 16 | rnd(256) << 8, 16 + rnd(9), i);
    put4(rib, peer, 0, 0, 1);
    struct rib_place place = { 0 };
    struct rib_key last = { 0 };
    while (rib_walk(rib, peer, &place, 7, in_order, &last)) {
        put4(rib, peer, rnd(4) << 24 | rnd(8) << 16 | rnd(256) << 8, 16 + rnd(9), 3);
        struct rib_key k = key4(rnd(4) << 24 | rnd(8) << 16 | rnd(256) << 8, 24);
        rib_withdraw(rib, peer, &k, NULL);
        rib_tend(rib, 1000);
    }
    rib_peer_remove(rib, peer, NULL, NULL, NULL);
    expect_nothing(rib);
    rib_free(rib);
}

static void the_wanted_next_hop_chooses_the_path(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    struct rib_reader *r = rib_reader_new(rib);
    uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ 0 });
    struct rib_key k = key4(0x0a000000, 8);
    k.has_path_id = true;
    for (unsigned i = 1; i <= 3; i++) {
        uint32_t id = intern(rib, i); /* next hop 192.0.2.i */
        k.path_id = 10 * i;
        assert_int_equal(rib_announce(rib, peer, &k, (struct rib_octets){ NULL, 0 }, id, NULL), 1);
        rib_attrs_put(rib_pool(rib), id);
    }
    static const struct {
        const char *want;
        uint32_t path;
    } rows[] = { { "192.0.2.1", 10 }, { "192.0.2.3", 30 }, { "192.0.2.9", 10 }, { NULL, 10 } };
    struct addr a, want;
    struct rib_match m;
    addr_parse("10.1.2.3", &a);
    rib_reader_online(r);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].want)
            addr_parse(rows[i].want, &want);
        assert_true(rib_lookup(r, peer, RIB_UNICAST, NULL, &a, rows[i].want ? &want : NULL, &m));
        assert_int_equal(m.path_id, rows[i].path);
    }
    /* A longer prefix without path ids, as of another kind of peer, goes first. */
    put4(rib, peer, 0x0a010000, 16, 7);
    assert_true(rib_lookup(r, peer, RIB_UNICAST, NULL, &a, NULL, &m));
    assert_int_equal(m.bits, 16);
    rib_reader_free(r);
    rib_free(rib);
}

static void sets_are_stored_once_and_go_with_the_last_route(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    struct rib_pool *pool = rib_pool(rib);
    struct rib_counts c;
    uint32_t a = intern(rib, 1), b = intern(rib, 1), other = intern(rib, 2);
    assert_int_equal(a, b);
    assert_int_not_equal(a, other);
    char *note = rib_attrs_note_new(pool, 5, NULL), *second = rib_attrs_note_new(pool, 5, NULL);
    assert_non_null(note);
    memcpy(note, "text", 5);
    assert_null(rib_attrs_note(pool, a));
    assert_int_equal((uintptr_t)note % 64, 4); /* its first 60 octets in one line */
    assert_ptr_equal(rib_attrs_set_note(pool, a, note), note);
    assert_ptr_equal(rib_attrs_set_note(pool, a, second), note);
    assert_ptr_equal(rib_attrs_note(pool, a), note);
    char *third = rib_attrs_note_new(pool, 70, note);
    assert_ptr_equal(rib_attrs_set_note(pool, a, third), third);
    assert_ptr_equal(rib_attrs_note(pool, a), third);
    assert_string_equal(note, "text"); /* who read it before may go on */
    assert_int_equal(rib_attrs_word(pool, a), 0);
    rib_attrs_set_word(pool, a, 7);
    assert_int_equal(rib_attrs_word(pool, a), 7);
    rib_attrs_put(pool, a);
    rib_attrs_put(pool, b);
    rib_attrs_put(pool, other);
    assert_int_equal(intern(rib, 1), a); /* wanted again before it was freed */
    while (rib_tend(rib, 100))
        ;
    rib_counts(rib, &c);
    assert_int_equal(c.sets, 1);
    assert_int_equal(number_of_set(rib, a), 1);
    rib_attrs_put(pool, a);
    expect_nothing(rib);
    rib_free(rib);
}

static void everything_of_a_set_comes_back(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    static const uint8_t text[] = "0123456789abcdef";
    struct rib_attrs in = { .has = 0xfff,
                            .origin = 2,
                            .med = 1,
                            .local_pref = 2,
                            .otc = 3,
                            .label_index = 4,
                            .aigp = 5,
                            .as_path = { text, 6 },
                            .comms = { text + 1, 4 },
                            .ext_comms = { text + 2, 8 },
                            .lrg_comms = { text + 3, 12 },
                            .others = { text, 0 } };
    addr_parse("2001:db8::1", &in.next_hop);
    uint32_t id = rib_attrs_intern(rib_pool(rib), &in);
    struct rib_attrs out;
    rib_attrs_get(rib_pool(rib), id, &out);
    assert_int_equal(out.has, in.has);
    assert_int_equal(out.origin, 2);
    assert_int_equal(out.med, 1);
    assert_int_equal(out.local_pref, 2);
    assert_int_equal(out.otc, 3);
    assert_int_equal(out.label_index, 4);
    assert_int_equal(out.aigp, 5);
    assert_true(addr_equal(&out.next_hop, &in.next_hop));
    assert_int_equal(out.as_path.len, 6);
    assert_memory_equal(out.as_path.p, text, 6);
    assert_memory_equal(out.comms.p, text + 1, 4);
    assert_memory_equal(out.ext_comms.p, text + 2, 8);
    assert_memory_equal(out.lrg_comms.p, text + 3, 12);
    assert_int_equal(out.others.len, 0);
    in.others.len = 70000;
    assert_int_equal(rib_attrs_intern(rib_pool(rib), &in), 0);
    rib_free(rib);
}

static void what_is_no_route_is_refused(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ 0 }), id = intern(rib, 1);
    struct rib_octets none = { NULL, 0 };
    struct rib_key k = key4(0, 33);
    assert_int_equal(rib_announce(rib, peer, &k, none, id, NULL), -1);
    k.bits = 8;
    assert_int_equal(rib_announce(rib, peer, &k, none, 0, NULL), -1);
    assert_int_equal(rib_announce(rib, peer + 1, &k, none, id, NULL), -1);
    k.afi = 25;
    assert_int_equal(rib_announce(rib, peer, &k, none, id, NULL), -1);
    assert_int_equal(rib_withdraw(rib, peer, &k, NULL), 0);
    rib_peer_remove(rib, 77, NULL, NULL, NULL);
    rib_free(rib);
}

/* What readers may see stays until they are quiescent. */
static void nothing_is_freed_under_a_reader(void **state)
{
    (void)state;
    struct rib *rib = rib_new();
    struct rib_reader *r = rib_reader_new(rib);
    uint32_t peer = rib_peer_add(rib, &(struct rib_peer_info){ 0 });
    struct rib_match m;
    struct addr a;
    struct rib_counts c;
    put4(rib, peer, 0x0a000000, 8, 5);
    addr_parse("10.0.0.1", &a);
    rib_reader_online(r);
    assert_true(rib_lookup(r, peer, RIB_UNICAST, NULL, &a, NULL, &m));
    rib_peer_remove(rib, peer, NULL, NULL, NULL);
    for (unsigned i = 0; i < 10; i++)
        rib_tend(rib, 1000);
    rib_counts(rib, &c);
    assert_int_equal(c.sets, 1);
    assert_int_equal(number_of_set(rib, m.route.attrs), 5);
    rib_reader_offline(r);
    expect_nothing(rib);
    rib_reader_free(r);
    rib_free(rib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_of_routes_against_a_list),
        cmocka_unit_test(all_kinds_of_routes_that_nobody_reads),
        cmocka_unit_test(all_kinds_of_routes_that_are_asked_for_exactly),
        cmocka_unit_test(exact_tables_take_what_they_need),
        cmocka_unit_test(the_fast_way_says_what_the_trie_says),
        cmocka_unit_test(many_are_matched_as_one_by_one),
        cmocka_unit_test(a_walk_is_in_order_and_stands_changes),
        cmocka_unit_test(the_wanted_next_hop_chooses_the_path),
        cmocka_unit_test(sets_are_stored_once_and_go_with_the_last_route),
        cmocka_unit_test(everything_of_a_set_comes_back),
        cmocka_unit_test(what_is_no_route_is_refused),
        cmocka_unit_test(nothing_is_freed_under_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
