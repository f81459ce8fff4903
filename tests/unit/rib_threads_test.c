/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers look up while routes and peers come and go: what they find is whole, and was announced. For the
 * thread and address sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "rib/rib.h"

enum { READERS = 2, ROUNDS = 6, PREFIXES = 40000 };

struct shared {
    struct rib *rib;
    _Atomic bool stop;
    _Atomic uint64_t found, wrong, notes;
};

static uint32_t rnd(uint64_t *state, uint32_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 16) % n);
}

/* 10.x.y.0/24, /16, /8 and a few longer ones. */
static struct rib_key key_of(uint32_t n)
{
    struct rib_key k = { .afi = RIB_IPV4, .safi = n % 3 ? RIB_UNICAST : RIB_VPN };
    k.addr[0] = 10;
    k.addr[1] = (uint8_t)(n % 7 + n / 7 / 256 * 7);
    k.addr[2] = (uint8_t)(n / 7);
    k.bits = n % 11 == 0 ? 8 : n % 11 == 1 ? 16 : n % 11 == 2 ? 28 : 24;
    k.has_rd = k.safi == RIB_VPN;
    k.rd[7] = (uint8_t)(k.has_rd ? n % 5 : 0);
    return k;
}

/* The set says which prefix length it is for. */
static uint32_t intern(struct rib *rib, const struct rib_key *k, uint32_t n)
{
    uint8_t path[] = { 2, 1, 0, 0, (uint8_t)n, k->bits };
    struct rib_attrs a = { .has = RIB_AS_PATH | RIB_MED, .med = n, .as_path = { path, sizeof(path) } };
    return rib_attrs_intern(rib_pool(rib), &a);
}

static void look_up(struct shared *s, struct rib_reader *r, uint64_t *state)
{
    struct rib_key k = key_of(rnd(state, PREFIXES));
    struct rib_match m;
    struct rib_attrs attrs;
    struct addr a;
    addr_set_v4(&a, k.addr);
    if (!rib_lookup(r, 1 + rnd(state, 3), k.safi, k.has_rd ? k.rd : NULL, &a, NULL, &m))
        return;
    rib_attrs_get(rib_pool(s->rib), m.route.attrs, &attrs);
    if (attrs.as_path.len != 6 || attrs.as_path.p[5] != m.bits || (k.has_rd && m.route.labels_len != 3))
        atomic_fetch_add(&s->wrong, 1);
    if (rnd(state, 8) == 0 && !rib_attrs_note(rib_pool(s->rib), m.route.attrs)) {
        void *mine = rib_attrs_note_new(rib_pool(s->rib), 8, NULL);
        if (mine)
            rib_attrs_set_note(rib_pool(s->rib), m.route.attrs, mine);
        atomic_fetch_add(&s->notes, 1);
    }
    atomic_fetch_add_explicit(&s->found, 1, memory_order_relaxed);
}

static void *reader(void *arg)
{
    struct shared *s = arg;
    uint64_t state = (uintptr_t)&state | 1;
    struct rib_reader *r = rib_reader_new(s->rib);
    while (!atomic_load(&s->stop)) {
        rib_reader_online(r);
        for (unsigned batch = 0; batch < 20; batch++) {
            for (unsigned i = 0; i < 64; i++)
                look_up(s, r, &state);
            rib_reader_quiescent(r);
        }
        rib_reader_offline(r);
    }
    rib_reader_free(r);
    return NULL;
}

/* In the middle of the writer's work (a route goes, rib_tend has called) another thread looks up, writes a
 * note, and is done: were there a lock or a turn to wait for, this would not end. */
static void *look_once(void *arg)
{
    struct shared *s = arg;
    struct rib_reader *r = rib_reader_new(s->rib);
    uint64_t state = 7;
    rib_reader_online(r);
    for (unsigned i = 0; i < 1000; i++)
        look_up(s, r, &state);
    rib_reader_offline(r);
    rib_reader_free(r);
    return NULL;
}

static bool look_meanwhile(void *arg, const struct rib_key *key, const struct rib_route *route)
{
    struct shared *s = arg;
    pthread_t thread;
    (void)key;
    (void)route;
    if (!atomic_exchange(&s->stop, true)) { /* at the first route */
        assert_int_equal(pthread_create(&thread, NULL, look_once, s), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    return true;
}

/* So many routes that a fast way is worth it. */
static void fill(struct rib *rib, uint32_t peer)
{
    enum { MANY = 17000 };
    for (unsigned i = 0; i < MANY; i++) {
        struct rib_key k = { .afi = RIB_IPV4, .safi = RIB_UNICAST, .bits = 24 };
        k.addr[0] = 11;
        k.addr[1] = (uint8_t)(i >> 8);
        k.addr[2] = (uint8_t)i;
        const uint32_t id = intern(rib, &k, i / 100);
        rib_announce(rib, peer, &k, (struct rib_octets){ NULL, 0 }, id, NULL);
        rib_attrs_put(rib_pool(rib), id);
    }
}

static void write_round(struct rib *rib, uint32_t *peer, uint64_t *state)
{
    static const uint8_t label[3] = { 1, 2, 1 };
    for (unsigned i = 0; i < 20000; i++) {
        struct rib_key k = key_of(rnd(state, PREFIXES));
        uint32_t p = peer[rnd(state, 3)];
        if (rnd(state, 3) == 0)
            rib_withdraw(rib, p, &k, NULL);
        else {
            uint32_t id = intern(rib, &k, rnd(state, 200));
            rib_announce(rib, p, &k, (struct rib_octets){ k.has_rd ? label : NULL, k.has_rd ? 3 : 0 }, id,
                         NULL);
            rib_attrs_put(rib_pool(rib), id);
        }
        if (i % 50 == 0)
            rib_tend(rib, 100);
    }
    unsigned which = rnd(state, 3);
    rib_peer_remove(rib, peer[which], NULL, NULL, NULL);
    peer[which] = rib_peer_add(rib, &(struct rib_peer_info){ 0 });
    fill(rib, peer[which]);
}

static void readers_see_only_what_is_whole(void **state)
{
    (void)state;
    struct shared s = { .rib = rib_new() };
    pthread_t thread[READERS];
    uint32_t peer[3];
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < 3; i++)
        peer[i] = rib_peer_add(s.rib, &(struct rib_peer_info){ 0 });
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, reader, &s), 0);
    struct rib_counts c = { 0 };
    uint64_t most = 0; /* tables with the fast way */
    for (unsigned i = 0; i < ROUNDS || ((atomic_load(&s.found) < 1000 || !most) && i < 100 * ROUNDS); i++) {
        write_round(s.rib, peer, &seed);
        rib_counts(s.rib, &c);
        most = c.fast_ways > most ? c.fast_ways : most;
    }
    atomic_store(&s.stop, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    assert_true(most > 0);
    for (unsigned i = 0; i < 3; i++)
        rib_peer_remove(s.rib, peer[i], NULL, NULL, NULL);
    while (rib_tend(s.rib, 1000))
        ;
    rib_counts(s.rib, &c);
    assert_int_equal(c.routes, 0);
    assert_int_equal(c.sets, 0);
    assert_int_equal(c.octets_routes, 0);
    rib_free(s.rib);
}

static void lookups_wait_for_nobody(void **state)
{
    (void)state;
    struct shared s = { .rib = rib_new() };
    const uint32_t peer = rib_peer_add(s.rib, &(struct rib_peer_info){ 0 }),
                   goes = rib_peer_add(s.rib, &(struct rib_peer_info){ 0 });
    for (unsigned i = 0; i < PREFIXES; i++) {
        const struct rib_key k = key_of(i);
        const uint32_t id = k.has_rd ? 0 : intern(s.rib, &k, i % 200);
        if (id)
            rib_announce(s.rib, peer, &k, (struct rib_octets){ NULL, 0 }, id, NULL);
        rib_attrs_put(rib_pool(s.rib), id);
    }
    fill(s.rib, goes);
    rib_peer_remove(s.rib, goes, look_meanwhile, NULL, &s);
    while (rib_tend(s.rib, 1000))
        ;
    assert_true(s.stop);
    assert_true(s.found > 0);
    assert_true(s.notes > 0);
    assert_int_equal(s.wrong, 0);
    rib_free(s.rib);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(readers_see_only_what_is_whole),
                                        cmocka_unit_test(lookups_wait_for_nobody) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
