/* SPDX-License-Identifier: BSD-2-Clause */
/* What flows are told by routes: whose are asked, which of the sources counts, what is followed, patterns,
 * maps, RPKI of none. A row each is a configuration, a flow and what comes out. */
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

/* --- routes: three routers of AS 65000, told apart by the next to last octet of next hops and by communities
 */

struct router {
    const char *addr, *id;
    uint16_t port;
};

static const struct router routers[] = { { "192.0.2.1", "10.255.0.1", 1001 },
                                         { "192.0.2.2", "10.255.0.2", 1002 },
                                         { "192.0.2.3", "10.255.0.3", 1003 } };

struct given {
    unsigned router;
    const char *prefix;
    const char *hop;
    const char *path; /* "65001 65002 {1,2} (65010)": as text, one segment a word group */
    uint32_t comm, local_pref, med;
    uint8_t rd; /* last octet; 0: none */
    uint32_t path_id;
};

static const struct given routes[] = {
    { 0, "10.0.0.0/8", "198.51.100.1", "65001 65002", 65000u << 16 | 100, 110, 5, 0, 0 },
    { 0, "10.1.0.0/16", "198.51.100.2", "65003", 64000u << 16 | 7, 120, 6, 0, 0 },
    { 0, "0.0.0.0/0", "192.0.2.2", "65009", 0, 90, 0, 0, 0 },
    { 0, "10.2.0.0/16", "198.51.100.3", "65004 {65005,65006}", 0, 0, 0, 0, 0 },
    { 0, "10.3.0.0/16", "198.51.100.4", "(65010) 65011", 0, 0, 0, 0, 0 },
    { 0, "10.4.0.0/16", "198.51.100.5", "", 64500u << 16 | 777, 0, 0, 0, 0 },
    { 0, "10.5.0.0/16", "192.0.2.2", "65020", 0, 0, 0, 0, 0 },
    { 0, "2001:db8::/32", "2001:db8::1", "65001 65030", 0, 100, 0, 0, 0 },
    { 0, "172.16.0.0/12", "198.51.100.6", "65040", 0, 0, 0, 9, 0 },
    { 0, "10.6.0.0/16", "198.51.100.7", "65050", 0, 0, 0, 0, 11 },
    { 0, "10.6.0.0/16", "198.51.100.8", "65060", 0, 0, 0, 0, 12 },
    { 1, "10.0.0.0/8", "198.51.101.1", "65101", 0, 0, 0, 0, 0 },
    { 1, "203.0.113.0/24", "198.51.101.2", "65102", 0, 0, 0, 0, 0 },
    { 1, "10.5.0.0/16", "192.0.2.3", "65121", 0, 0, 0, 0, 0 },
    { 2, "10.5.0.0/16", "198.51.102.1", "65122", 0, 0, 0, 0, 0 },
    { 1, "198.51.100.0/24", "198.51.101.3", "65103 65104", 0, 40, 50, 0, 0 },
};

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t path_octets(const char *text, uint8_t *out)
{
    uint32_t n = 0;
    uint8_t *segment = NULL;
    for (const char *p = text; *p;) {
        const uint8_t type = *p == '{' ? 1 : *p == '(' ? 3 : 2;
        p += type != 2;
        if (!segment || type != 2 || segment[0] != 2) {
            segment = out + n;
            segment[0] = type;
            segment[1] = 0;
            n += 2;
        }
        do {
            char *end;
            put32(out + n, (uint32_t)strtoul(p, &end, 10));
            segment[1]++;
            n += 4;
            p = end + (*end == ',');
        } while (p[-1] == ',');
        p += *p == '}' || *p == ')';
        p += *p == ' ';
    }
    return n;
}

static void announce(struct rib *rib, const struct given *g, uint32_t peer)
{
    uint8_t path[256], comm[4];
    char prefix[64];
    struct addr a;
    struct rib_key k = { .safi = RIB_UNICAST };
    snprintf(prefix, sizeof(prefix), "%s", g->prefix);
    char *slash = strchr(prefix, '/');
    *slash = '\0';
    assert_int_equal(addr_parse(prefix, &a), 0);
    k.afi = addr_is_v4(&a) ? RIB_IPV4 : RIB_IPV6;
    addr_get_v6(&a, k.addr);
    if (k.afi == RIB_IPV4) {
        memcpy(k.addr, a.b + 12, 4);
        memset(k.addr + 4, 0, 12);
    }
    k.bits = (uint8_t)atoi(slash + 1);
    if (g->rd) {
        k.safi = RIB_VPN;
        k.has_rd = true;
        k.rd[7] = g->rd;
    }
    k.has_path_id = g->path_id != 0;
    k.path_id = g->path_id;
    struct rib_attrs at = { .has = RIB_AS_PATH | RIB_NEXT_HOP,
                            .as_path = { path, path_octets(g->path, path) },
                            .local_pref = g->local_pref,
                            .med = g->med };
    put32(comm, g->comm);
    at.comms = (struct rib_octets){ comm, 4 };
    at.has |= (g->comm ? RIB_COMMS : 0) | (g->local_pref ? RIB_LOCAL_PREF : 0) | (g->med ? RIB_MED : 0);
    assert_int_equal(addr_parse(g->hop, &at.next_hop), 0);
    const uint32_t id = rib_attrs_intern(rib_pool(rib), &at);
    assert_int_equal(rib_announce(rib, peer, &k, (struct rib_octets){ NULL, 0 }, id, NULL), 1);
    rib_attrs_put(rib_pool(rib), id);
}

static struct rib *make_rib(void)
{
    struct rib *rib = rib_new();
    for (unsigned i = 0; i < 3; i++) {
        struct rib_peer_info info = { .port = routers[i].port, .as = 65000 };
        addr_parse(routers[i].addr, &info.addr);
        addr_parse(routers[i].id, &info.id);
        const uint32_t peer = rib_peer_add(rib, &info);
        for (unsigned k = 0; k < sizeof(routes) / sizeof(routes[0]); k++)
            if (routes[k].router == i)
                announce(rib, &routes[k], peer);
    }
    return rib;
}

/* --- a step with all that it can fill in */

struct bench {
    struct config c;
    char daemon;
    struct rib *rib;
    struct maps *maps;
    void *state;
    struct fieldset needs;
    struct flow f;
};

static void all_fields(struct fieldset *needs)
{
    static const unsigned all[] = { FIELD_src_as,       FIELD_dst_as,      FIELD_peer_src_as,
                                    FIELD_peer_dst_as,  FIELD_src_net,     FIELD_dst_net,
                                    FIELD_src_mask,     FIELD_dst_mask,    FIELD_peer_dst_ip,
                                    FIELD_as_path,      FIELD_src_as_path, FIELD_std_comm,
                                    FIELD_src_std_comm, FIELD_local_pref,  FIELD_src_local_pref,
                                    FIELD_med,          FIELD_src_med,     FIELD_ext_comm,
                                    FIELD_lrg_comm,     FIELD_src_roa,     FIELD_dst_roa };
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        fieldset_add(needs, all[i]);
}

static void up(struct bench *b)
{
    struct err e = { 0 };
    b->daemon = b->daemon ? b->daemon : 'N';
    b->c.bgp_daemon = true;
    b->rib = make_rib();
    b->maps = maps_new(&e);
    assert_int_equal(routing_ops.load(b->maps, &b->c, b->daemon, &e), 0);
    assert_int_equal(routing_ops.open(&b->state, &b->c, b->daemon, b->maps, &e), 0);
    assert_non_null(b->state);
    assert_int_equal(routing_ops.take(b->state, b->maps), 0);
    all_fields(&b->needs);
    routing_ops.needs(b->state, &b->needs);
    assert_int_equal(routing_connect(b->state, &(struct route_ribs){ .bgp = b->rib }, &e), 0);
    addr_parse("192.0.2.1", &b->f.peer_src_ip);
    addr_parse("198.51.100.9", &b->f.src_host);
}

static void down(struct bench *b)
{
    routing_ops.disconnect(b->state);
    routing_ops.close(b->state);
    maps_free(b->maps);
    rib_free(b->rib);
}

static void to(struct bench *b, const char *dst)
{
    assert_int_equal(addr_parse(dst, &b->f.dst_host), 0);
    routing_ops.flow(b->state, &b->f);
    routing_ops.rest(b->state);
}

static void expect_text(const struct var *v, const char *text)
{
    assert_int_equal(v->len, strlen(text));
    assert_memory_equal(v->p, text, v->len);
}

static void expect_addr(const struct addr *a, const char *text)
{
    char buf[ADDR_TEXT];
    assert_string_equal(addr_str(a, buf), text);
}

static struct bench bgp(void)
{
    return (struct bench){ .c = { .as_source = SOURCE_BGP, .net_source = SOURCE_BGP } };
}

/* --- tests */

static void a_flow_gets_what_its_exporters_route_has(void **state)
{
    (void)state;
    struct bench b = bgp();
    b.c.routing.peer_src_as = FROM_BGP;
    b.c.routing.src_as_path = b.c.routing.src_comm = 2;
    b.c.routing.src_local_pref = b.c.routing.src_med = FROM_BGP;
    up(&b);
    addr_parse("10.0.0.77", &b.f.src_host);
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 65003);
    assert_int_equal(b.f.peer_dst_as, 65003);
    expect_text(&b.f.as_path, "65003");
    expect_text(&b.f.std_comm, "64000:7");
    assert_int_equal(b.f.local_pref, 120);
    assert_int_equal(b.f.med, 6);
    assert_int_equal(b.f.dst_mask, 16);
    expect_addr(&b.f.dst_net, "10.1.0.0");
    expect_addr(&b.f.peer_dst_ip, "198.51.100.2");
    assert_int_equal(b.f.src_as, 65002);
    assert_int_equal(b.f.peer_src_as, 65001);
    expect_text(&b.f.src_as_path, "65001 65002");
    expect_text(&b.f.src_std_comm, "65000:100");
    assert_int_equal(b.f.src_local_pref, 110);
    assert_int_equal(b.f.src_med, 5);
    assert_int_equal(b.f.src_mask, 8);
    to(&b, "2001:db8::99");
    assert_int_equal(b.f.dst_as, 65030);
    assert_int_equal(b.f.dst_mask, 32);
    down(&b);
}

static void numbers_come_out_of_paths_of_all_forms(void **state)
{
    (void)state;
    static const struct {
        const char *dst;
        bool skip;
        uint32_t origin, peer;
    } rows[] = { { "10.0.0.1", false, 65002, 65001 },
                 { "10.2.0.1", false, 0, 65004 },
                 { "10.3.0.1", false, 65011, 65010 },
                 { "10.3.0.1", true, 65011, 65011 },
                 { "10.4.0.1", false, 0, 0 } };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b = bgp();
        b.c.routing.skip_subas = rows[i].skip;
        up(&b);
        to(&b, rows[i].dst);
        assert_int_equal(b.f.dst_as, rows[i].origin);
        assert_int_equal(b.f.peer_dst_as, rows[i].peer);
        down(&b);
    }
}

static void patterns_and_radius_shorten_texts(void **state)
{
    (void)state;
    struct bench b = bgp();
    b.c.routing.aspath_radius = 1;
    b.c.routing.comm_pattern = "6500.:1,1:1";
    up(&b);
    to(&b, "10.0.0.1");
    expect_text(&b.f.as_path, "65001");
    expect_text(&b.f.std_comm, "65000:100");
    assert_int_equal(b.f.dst_as, 65002); /* numbers are of the whole path */
    to(&b, "10.1.0.1");
    expect_text(&b.f.std_comm, "");
    to(&b, "10.2.0.1");
    expect_text(&b.f.as_path, "65004");
    down(&b);
    b = bgp();
    b.c.routing.comm_to_asn = "64500:";
    up(&b);
    to(&b, "10.4.0.1");
    assert_int_equal(b.f.peer_dst_as, 64500);
    assert_int_equal(b.f.dst_as, 777);
    to(&b, "10.1.0.1");
    assert_int_equal(b.f.dst_as, 65003); /* a path goes first */
    down(&b);
}

/* Texts that nobody asks for are not made; who asks later gets them all the same, also of sets that flows met
 * before. What earlier flows were told stays where it is. */
static void texts_are_made_when_somebody_asks(void **state)
{
    (void)state;
    struct bench b = bgp();
    up(&b);
    struct fieldset path = { 0 }, both = { 0 };
    fieldset_add(&path, FIELD_as_path);
    fieldset_add(&both, FIELD_as_path);
    fieldset_add(&both, FIELD_std_comm);
    routing_ops.needs(b.state, &path);
    to(&b, "10.1.2.3");
    expect_text(&b.f.as_path, "65003");
    expect_text(&b.f.std_comm, "");
    const struct var before = b.f.as_path;
    routing_ops.needs(b.state, &both);
    to(&b, "10.1.2.3");
    expect_text(&b.f.as_path, "65003");
    expect_text(&b.f.std_comm, "64000:7");
    expect_text(&before, "65003");
    routing_ops.needs(b.state, &path);
    to(&b, "10.1.2.3");
    expect_text(&b.f.std_comm, "64000:7"); /* it is there anyway */
    down(&b);
}

/* AS numbers alone come by another way; they are the same, the first time and later. */
static void numbers_alone_are_the_same_numbers(void **state)
{
    (void)state;
    static const char *const dst[] = { "10.0.0.1", "10.1.2.3",   "10.2.0.1",    "10.3.0.1",    "10.4.0.1",
                                       "10.5.0.1", "172.16.1.1", "203.0.113.9", "2001:db8::7", "192.0.2.77" };
    struct fieldset numbers = { 0 };
    fieldset_add(&numbers, FIELD_src_as);
    fieldset_add(&numbers, FIELD_dst_as);
    fieldset_add(&numbers, FIELD_peer_dst_as);
    for (unsigned conf = 0; conf < 4; conf++)
        for (unsigned i = 0; i < sizeof(dst) / sizeof(dst[0]); i++) {
            struct bench light = bgp(), heavy = bgp();
            light.c.routing.skip_subas = heavy.c.routing.skip_subas = conf & 1;
            light.c.routing.comm_to_asn = heavy.c.routing.comm_to_asn = conf & 2 ? "64500:" : NULL;
            up(&light);
            up(&heavy);
            routing_ops.needs(light.state, &numbers);
            for (unsigned again = 0; again < 2; again++) {
                addr_parse(dst[i], &light.f.src_host);
                heavy.f.src_host = light.f.src_host;
                to(&light, dst[i]);
                to(&heavy, dst[i]);
                assert_int_equal(light.f.dst_as, heavy.f.dst_as);
                assert_int_equal(light.f.peer_dst_as, heavy.f.peer_dst_as);
                assert_int_equal(light.f.src_as, heavy.f.src_as);
            }
            down(&light);
            down(&heavy);
        }
}

/* What is told of flows to come changes nothing. */
static void expecting_changes_no_answer(void **state)
{
    (void)state;
    struct bench b = bgp();
    up(&b);
    struct addr dst, unknown;
    addr_parse("10.1.2.3", &dst);
    addr_parse("192.0.2.250", &unknown);
    const struct expected e4[] = { { b.f.src_host.b + 12, false }, { dst.b + 12, true } };
    const struct expected e6[] = { { dst.b, false }, { dst.b, true } };
    for (unsigned i = 0; i < 3; i++) {
        routing_ops.expect(b.state, i ? &b.f.peer_src_ip : &unknown, 4, e4, 2);
        routing_ops.expect(b.state, &b.f.peer_src_ip, 16, e6, 2);
        to(&b, "10.1.2.3");
        expect_text(&b.f.as_path, "65003");
        assert_int_equal(b.f.dst_as, 65003);
    }
    down(&b);
}

static void the_longest_prefix_counts(void **state)
{
    (void)state;
    struct bench b = { .c = { .as_source = SOURCE_LONGEST, .net_source = SOURCE_LONGEST } };
    up(&b);
    b.f.dst_as = 1;
    b.f.dst_mask = 24;
    addr_parse("10.1.2.0", &b.f.dst_net);
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 1);
    assert_int_equal(b.f.dst_mask, 24);
    expect_addr(&b.f.dst_net, "10.1.2.0");
    expect_text(&b.f.as_path, "65003"); /* what flows do not have is told all the same */
    b.f.dst_mask = 16;
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 65003);
    expect_addr(&b.f.dst_net, "10.1.0.0");
    down(&b);
    b = (struct bench){ .c = { .as_source = SOURCE_FLOW, .net_source = SOURCE_FLOW } };
    up(&b);
    b.f.dst_as = 1;
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 1);
    assert_int_equal(b.f.local_pref, 120);
    down(&b);
}

static void without_a_route_there_is_nothing(void **state)
{
    (void)state;
    struct bench b = bgp();
    up(&b);
    addr_parse("192.0.2.2", &b.f.peer_src_ip);
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 65101);
    to(&b, "8.8.8.8");
    assert_int_equal(b.f.dst_as, 0);
    assert_int_equal(b.f.as_path.len, 0);
    assert_int_equal(b.f.dst_mask, 0);
    assert_false(addr_is_set(&b.f.peer_dst_ip));
    addr_parse("192.0.2.99", &b.f.peer_src_ip); /* no session */
    to(&b, "10.1.2.3");
    assert_int_equal(b.f.dst_as, 0);
    down(&b);
}

static void a_peer_is_known_by_its_identifier_too(void **state)
{
    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        struct bench b = bgp();
        b.c.bgp_disable_router_id_check = off;
        up(&b);
        addr_parse("10.255.0.2", &b.f.peer_src_ip);
        to(&b, "203.0.113.1");
        assert_int_equal(b.f.dst_as, off ? 0 : 65102);
        down(&b);
    }
}

static void routes_of_a_vpn_are_in_its_table(void **state)
{
    (void)state;
    struct bench b = bgp();
    up(&b);
    b.f.mpls_vpn_rd.b[7] = 9;
    to(&b, "172.16.1.1");
    assert_int_equal(b.f.dst_as, 65040);
    to(&b, "10.1.1.1");
    assert_int_equal(b.f.dst_as, 0);
    b.f.mpls_vpn_rd = (struct rd){ { 0xff, 0xff, 0, 0, 0, 0, 0, 9 } }; /* a VRF id is no RD of BGP */
    to(&b, "10.1.1.1");
    assert_int_equal(b.f.dst_as, 65003);
    down(&b);
}

static void the_flows_next_hop_chooses_the_path(void **state)
{
    (void)state;
    struct bench b = bgp();
    up(&b);
    to(&b, "10.6.0.1");
    assert_int_equal(b.f.dst_as, 65050);
    addr_parse("198.51.100.8", &b.f.next_hop);
    to(&b, "10.6.0.1");
    assert_int_equal(b.f.dst_as, 65060);
    down(&b);
}

static void default_routes_are_followed(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        struct bench b = bgp();
        b.c.routing.follow_default = n;
        up(&b);
        to(&b, "203.0.113.7");
        assert_int_equal(b.f.dst_as, n ? 65102 : 65009);
        to(&b, "9.9.9.9"); /* nobody knows more */
        assert_int_equal(b.f.dst_as, 65009);
        down(&b);
    }
}

static void next_hops_are_followed_within_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *prefixes;
        bool external;
        const char *hop;
    } rows[] = { { NULL, false, "192.0.2.2" },
                 { "192.0.2.0/24", false, "192.0.2.3" },
                 { "192.0.2.2/32", false, "192.0.2.2" },
                 { "192.0.2.0/24", true, "198.51.102.1" },
                 { "203.0.113.0/24,2001:db8::/32", false, "192.0.2.2" } };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b = bgp();
        b.c.routing.follow_nexthop = rows[i].prefixes;
        b.c.routing.follow_nexthop_external = rows[i].external;
        up(&b);
        to(&b, "10.5.1.1");
        expect_addr(&b.f.peer_dst_ip, rows[i].hop);
        assert_int_equal(b.f.dst_as, 65020); /* only the next hop is another's */
        down(&b);
    }
}

/* --- maps */

static const char *file_of(const char *text, char path[64])
{
    strcpy(path, "/tmp/routing_test.XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void maps_say_whose_routes_and_which_values(void **state)
{
    (void)state;
    char agent[64], as[64], pref[64], med[64], hop[64];
    struct bench b = bgp();
    struct routing_keys *k = &b.c.routing;
    k->agent_map = file_of("bgp_ip=192.0.2.2 ip=198.18.0.0/16 in=7\n"
                           "id=192.0.2.1 bgp_port=1001 ip=198.18.0.0/16\n"
                           "bgp_ip=192.0.2.1 bgp_port=9 ip=198.19.0.1\n",
                           agent);
    k->peer_src_as_map = file_of("id=64999 ip=198.18.0.1 in=7\nid=bgp ip=0.0.0.0/0\n", as);
    k->src_local_pref_map = file_of("id=5 ip=0.0.0.0/0 peer_dst_as=65101\nid=bgp ip=0.0.0.0/0\n", pref);
    k->src_med_map = file_of("id=6 ip=0.0.0.0/0 bgp_nexthop=198.51.101.1\n", med);
    k->peer_dst_ip_map = file_of("id=192.0.2.200 ip=0.0.0.0/0 bgp_nexthop=198.51.100.2\n", hop);
    k->peer_src_as = k->src_local_pref = k->src_med = FROM_MAP;
    up(&b);
    addr_parse("198.18.0.1", &b.f.peer_src_ip);
    addr_parse("198.51.100.9", &b.f.src_host);
    b.f.in_iface = 7; /* the second router */
    to(&b, "10.1.1.1");
    assert_int_equal(b.f.dst_as, 65101);
    assert_int_equal(b.f.peer_src_as, 64999);
    assert_int_equal(b.f.src_local_pref, 5);
    assert_int_equal(b.f.src_med, 6);
    expect_addr(&b.f.peer_dst_ip, "198.51.101.1");
    b.f.in_iface = 8; /* the first one */
    addr_parse("10.0.0.77", &b.f.src_host);
    to(&b, "10.1.1.1");
    assert_int_equal(b.f.dst_as, 65003);
    assert_int_equal(b.f.peer_src_as, 65001);
    assert_int_equal(b.f.src_local_pref, 110);
    assert_int_equal(b.f.src_med, 0);
    expect_addr(&b.f.peer_dst_ip, "192.0.2.200");
    addr_parse("198.19.0.1", &b.f.peer_src_ip); /* no session from that port */
    to(&b, "10.1.1.1");
    assert_int_equal(b.f.dst_as, 0);
    down(&b);
    unlink(agent), unlink(as), unlink(pref), unlink(med), unlink(hop);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct config c;
        char daemon;
    } rows[] = {
        { "bgp_peer_src_as_map", { .bgp_daemon = true, .routing.peer_src_as = FROM_MAP }, 'N' },
        { "bgp_src_local_pref_map", { .bgp_daemon = true, .routing.src_local_pref = FROM_MAP }, 'N' },
        { "bgp_src_med_map", { .bgp_daemon = true, .routing.src_med = FROM_MAP }, 'N' },
        { "bgp_daemon: true", { .as_source = SOURCE_BGP }, 'N' },
        { "bgp_agent_map", { .bgp_daemon = true }, 'P' },
        { "mutually exclusive",
          { .bgp_daemon = true, .routing = { .comm_to_asn = "1", .lrg_comm_to_asn = "2" } },
          'N' },
        { "bgp_follow_nexthop", { .bgp_daemon = true, .routing.follow_nexthop = "10.0.0.0/33" }, 'N' },
        { "a pattern is empty", { .bgp_daemon = true, .routing.comm_pattern = "1,,2" }, 'N' },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = { 0 };
        struct maps *m = maps_new(&e);
        assert_int_equal(routing_ops.load(m, &rows[i].c, rows[i].daemon, &e), -1);
        if (!strstr(e.text, rows[i].why))
            fail_msg("row %u: %s", i, e.text);
        maps_free(m);
    }
}

static void rows_of_maps_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = { { "ip=1.2.3.4\n", "Required keys" },
                 { "bgp_ip=192.0.2.1\n", "Required keys" },
                 { "bgp_port=70000 bgp_ip=192.0.2.1 ip=1.2.3.4\n", "bgp_port" },
                 { "bgp_ip=x ip=1.2.3.4\n", "bgp_ip" } };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[64];
        struct err e = { 0 };
        struct maps *m = maps_new(&e);
        struct config c = { .bgp_daemon = true, .routing.agent_map = file_of(rows[i].text, path) };
        assert_int_equal(routing_ops.load(m, &c, 'N', &e), -1);
        if (!strstr(e.text, rows[i].why) || !strstr(e.text, ":1"))
            fail_msg("row %u: %s", i, e.text);
        maps_free(m);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_gets_what_its_exporters_route_has),
        cmocka_unit_test(numbers_come_out_of_paths_of_all_forms),
        cmocka_unit_test(patterns_and_radius_shorten_texts),
        cmocka_unit_test(texts_are_made_when_somebody_asks),
        cmocka_unit_test(numbers_alone_are_the_same_numbers),
        cmocka_unit_test(expecting_changes_no_answer),
        cmocka_unit_test(the_longest_prefix_counts),
        cmocka_unit_test(without_a_route_there_is_nothing),
        cmocka_unit_test(a_peer_is_known_by_its_identifier_too),
        cmocka_unit_test(routes_of_a_vpn_are_in_its_table),
        cmocka_unit_test(the_flows_next_hop_chooses_the_path),
        cmocka_unit_test(default_routes_are_followed),
        cmocka_unit_test(next_hops_are_followed_within_prefixes),
        cmocka_unit_test(maps_say_whose_routes_and_which_values),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(rows_of_maps_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
