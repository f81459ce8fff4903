/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows whose addresses are told beforehand and the same flows without that: their answers are equal,
 * whatever changes between two batches; what changes within one shows as it was or as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "routing/step.h"

enum { PEERS = 3, NETS = 20000, BATCHES = 1500, FLOWS = EXPECTED_MAX / 2 };

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* --- routes: the same prefixes in each peer's table, each with AS numbers of its own */

static const char *const peer_addr[PEERS] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };

static void put(struct rib *rib, uint32_t peer, const struct rib_key *k, uint32_t as)
{
    uint8_t path[10] = { 2, 2, 0, 1, (uint8_t)peer, 0, 0, 2, (uint8_t)(as >> 8), (uint8_t)as };
    struct rib_attrs at = { .has = RIB_AS_PATH | RIB_NEXT_HOP, .as_path = { path, sizeof(path) } };
    addr_set_v4(&at.next_hop, (uint8_t[4]){ 198, 51, 100, (uint8_t)as });
    const uint32_t id = rib_attrs_intern(rib_pool(rib), &at);
    assert_true(id != 0);
    assert_true(rib_announce(rib, peer, k, (struct rib_octets){ NULL, 0 }, id, NULL) >= 0);
    rib_attrs_put(rib_pool(rib), id);
}

/* 20.n.n.0/24, some of them longer or shorter; IPv6 likewise. */
static struct rib_key net(uint32_t n, bool v6)
{
    struct rib_key k = { .afi = v6 ? RIB_IPV6 : RIB_IPV4, .safi = RIB_UNICAST };
    k.bits = (uint8_t)(n % 16 == 3 ? (v6 ? 64 : 28) : n % 16 == 5 ? 23 : 24);
    k.addr[0] = 20;
    k.addr[1] = (uint8_t)(n >> 8);
    k.addr[2] = (uint8_t)(k.bits == 23 ? n & 0xfe : n);
    return k;
}

/* The last one's table is too small for a fast way. */
static uint32_t add_peer(struct rib *rib, unsigned which)
{
    const uint32_t nets = which == PEERS - 1 ? 100 : NETS;
    struct rib_peer_info info = { .port = (uint16_t)(1001 + which), .as = 65000 };
    addr_parse(peer_addr[which], &info.addr);
    const uint32_t peer = rib_peer_add(rib, &info);
    for (uint32_t i = 0; i < nets; i++) {
        const struct rib_key v4 = net(i, false), v6 = net(i, true);
        put(rib, peer, &v4, 1 + i % 5000);
        if (i % 8 == 0)
            put(rib, peer, &v6, 1 + i % 5000);
    }
    return peer;
}

/* --- two steps over the same routes, one of which is told */

struct pair {
    struct config c;
    struct rib *rib;
    struct maps *maps;
    void *told, *asked;
    uint32_t peer[PEERS]; /* 0: it has gone */
};

static void *open_step(struct pair *p)
{
    struct err e = { 0 };
    struct fieldset needs = { 0 };
    static const unsigned wanted[] = { FIELD_src_as,      FIELD_dst_as,   FIELD_as_path,
                                       FIELD_peer_dst_ip, FIELD_src_mask, FIELD_dst_mask };
    void *state = NULL;
    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        fieldset_add(&needs, wanted[i]);
    assert_int_equal(routing_ops.open(&state, &p->c, 'N', p->maps, &e), 0);
    assert_int_equal(routing_ops.take(state, p->maps), 0);
    routing_ops.needs(state, &needs);
    assert_int_equal(routing_connect(state, &(struct route_ribs){ .bgp = p->rib }, &e), 0);
    return state;
}

static void up(struct pair *p, const char *agent_map)
{
    struct err e = { 0 };
    *p = (struct pair){ .c = { .bgp_daemon = true, .as_source = SOURCE_BGP, .net_source = SOURCE_BGP } };
    p->c.routing.agent_map = agent_map;
    p->rib = rib_new();
    for (unsigned i = 0; i < PEERS; i++)
        p->peer[i] = add_peer(p->rib, i);
    p->maps = maps_new(&e);
    assert_int_equal(routing_ops.load(p->maps, &p->c, 'N', &e), 0);
    p->told = open_step(p);
    p->asked = open_step(p);
}

static void down(struct pair *p)
{
    void *const states[] = { p->told, p->asked };
    for (unsigned i = 0; i < 2; i++) {
        routing_ops.disconnect(states[i]);
        routing_ops.close(states[i]);
    }
    maps_free(p->maps);
    rib_free(p->rib);
}

/* --- flows */

struct answer {
    uint32_t src_as, dst_as;
    uint8_t src_mask, dst_mask;
    struct addr hop;
    char path[32];
};

static struct answer ask(void *state, const struct flow *which)
{
    struct flow f = *which;
    struct answer a;
    memset(&a, 0, sizeof(a));
    routing_ops.flow(state, &f);
    a.src_as = f.src_as;
    a.dst_as = f.dst_as;
    a.src_mask = f.src_mask;
    a.dst_mask = f.dst_mask;
    a.hop = f.peer_dst_ip;
    assert_true(f.as_path.len < sizeof(a.path));
    memcpy(a.path, f.as_path.p, f.as_path.len);
    return a;
}

static bool same(const struct answer *a, const struct answer *b)
{
    return a->src_as == b->src_as && a->dst_as == b->dst_as && a->src_mask == b->src_mask &&
           a->dst_mask == b->dst_mask && addr_equal(&a->hop, &b->hop) && !strcmp(a->path, b->path);
}

static void put_host(struct addr *a, bool v6)
{
    uint8_t b[16] = { (uint8_t)(rnd(20) ? 20 : 21), (uint8_t)rnd(NETS >> 8), (uint8_t)rnd(256) };
    b[v6 ? 15 : 3] = (uint8_t)rnd(40);
    if (v6)
        addr_set_v6(a, b);
    else
        addr_set_v4(a, b);
}

/* Exporters 203.0.113.n with a map, the sessions' addresses without one; the last is nobody's. */
static void put_exporter(struct addr *a, bool mapped, unsigned which)
{
    addr_set_v4(a, mapped ? (uint8_t[4]){ 203, 0, 113, (uint8_t)(1 + which) }
                          : (uint8_t[4]){ 192, 0, 2, (uint8_t)(1 + which) });
}

/* The octets that a decoder would tell, where they lie. */
static unsigned gather(const struct flow *f, unsigned n, bool v6, struct expected *e)
{
    unsigned k = 0;
    for (unsigned i = 0; i < n; i++)
        if (addr_is_v4(&f[i].src_host) != v6 && rnd(16)) { /* some were not seen */
            e[k++] = (struct expected){ f[i].src_host.b + (v6 ? 0 : 12), false };
            e[k++] = (struct expected){ f[i].dst_host.b + (v6 ? 0 : 12), true };
        }
    return k;
}

static void tell(struct pair *p, const struct flow *f, unsigned n)
{
    struct expected e[EXPECTED_MAX];
    for (unsigned v6 = 2; v6-- > 0;) {
        const unsigned k = gather(f, n, v6, e);
        if (k)
            routing_ops.expect(p->told, &f[0].peer_src_ip, v6 ? 16 : 4, e, k);
    }
}

/* A route comes, goes or changes; sometimes a peer does. */
static void change(struct pair *p)
{
    const unsigned which = rnd(PEERS);
    const struct rib_key k = net(rnd(NETS), rnd(4) == 0);
    if (rnd(60) == 0) {
        if (p->peer[which])
            rib_peer_remove(p->rib, p->peer[which], NULL, NULL, NULL);
        p->peer[which] = p->peer[which] ? 0 : add_peer(p->rib, which);
    } else if (p->peer[which] && rnd(2)) {
        rib_withdraw(p->rib, p->peer[which], &k, NULL);
    } else if (p->peer[which]) {
        put(p->rib, p->peer[which], &k, 6000 + rnd(1000));
    }
}

static unsigned run_batch(struct pair *p, bool mapped)
{
    static struct flow f[FLOWS];
    struct answer before[FLOWS];
    const unsigned n = rnd(FLOWS + 1), change_at = rnd(3) ? FLOWS : rnd(FLOWS), exporter = rnd(PEERS + 1);
    unsigned found = 0;
    for (unsigned i = 0; i < n; i++) {
        const bool v6 = rnd(4) == 0;
        put_host(&f[i].src_host, v6);
        put_host(&f[i].dst_host, v6);
        put_exporter(&f[i].peer_src_ip, mapped, rnd(30) ? exporter : rnd(PEERS + 1));
        before[i] = ask(p->asked, &f[i]);
    }
    routing_ops.rest(p->asked);
    if (n)
        tell(p, f, n);
    for (unsigned i = 0; i < n; i++) {
        if (i == change_at)
            change(p);
        const struct answer told = ask(p->told, &f[i]), now = ask(p->asked, &f[i]);
        if (!same(&told, &now) && (i < change_at || !same(&told, &before[i])))
            fail_msg("flow %u of %u: told %u %u '%s', asked %u %u '%s'", i, n, told.src_as, told.dst_as,
                     told.path, now.src_as, now.dst_as, now.path);
        found += told.dst_as != 0;
    }
    routing_ops.rest(p->told);
    routing_ops.rest(p->asked);
    return found;
}

static void run_batches(const char *agent_map)
{
    struct pair p;
    struct rib_counts c;
    unsigned found = 0, fast = 0;
    up(&p, agent_map);
    for (unsigned i = 0; i < BATCHES; i++) {
        found += run_batch(&p, agent_map != NULL);
        if (rnd(2))
            change(&p);
        if (rnd(4) == 0)
            rib_tend(p.rib, rnd(50) ? 3000 : 1000000);
        rib_counts(p.rib, &c);
        fast += c.fast_ways > 0;
    }
    assert_true(found > BATCHES && fast > BATCHES / 4);
    down(&p);
}

static void by_exporter(void **state)
{
    (void)state;
    run_batches(NULL);
}

static void by_map(void **state)
{
    (void)state;
    static const char rows[] = "bgp_ip=192.0.2.1 ip=203.0.113.1\n"
                               "bgp_ip=192.0.2.2 bgp_port=1002 ip=203.0.113.2\n"
                               "bgp_ip=192.0.2.3 ip=203.0.113.3\n"
                               "bgp_ip=192.0.2.9 ip=203.0.113.4\n";
    char path[] = "/tmp/routing_ahead_test.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, rows, sizeof(rows) - 1), (ssize_t)sizeof(rows) - 1);
    close(fd);
    run_batches(path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_exporter), cmocka_unit_test(by_map) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
