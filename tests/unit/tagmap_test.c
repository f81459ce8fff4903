/* SPDX-License-Identifier: BSD-2-Clause */
/* pre_tag_map: every key, what rows set, jumps, and the index against a scan on random maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/tagmap.h"

static struct tagmap *parse(const char *text, char daemon, bool labels_are_map, struct err *e)
{
    const struct tagmap_conf c = { .daemon = daemon, .labels_are_map = labels_are_map };
    char *copy = strdup(text);
    struct tagmap *m = tagmap_parse("t.map", copy, strlen(copy), &c, e);
    free(copy);
    return m;
}

static struct tagmap *must(const char *text, char daemon)
{
    struct err e = { 0 };
    struct tagmap *m = parse(text, daemon, false, &e);
    if (!m)
        fail_msg("'%s': %s", text, e.text);
    return m;
}

static struct var text_var(const char *text) { return (struct var){ text, (uint32_t)strlen(text) }; }

static void set_addr(struct addr *a, const char *text) { assert_int_equal(addr_parse(text, a), 0); }

/* A flow with something in every member that a map looks at. */
static struct flow full(void)
{
    struct flow f;
    memset(&f, 0, sizeof(f));
    set_addr(&f.peer_src_ip, "192.0.2.1");
    set_addr(&f.src_host, "10.0.1.2");
    set_addr(&f.dst_host, "10.1.3.4");
    set_addr(&f.next_hop, "198.51.100.1");
    set_addr(&f.peer_dst_ip, "198.51.100.2");
    f.in_iface = 7;
    f.out_iface = 8;
    f.engine_type = 3;
    f.export_proto_sysid = 99;
    f.set_id = 256;
    f.sampling_direction = DIRECTION_OUT;
    f.src_as = 64500;
    f.dst_as = 64501;
    f.peer_src_as = 64502;
    f.peer_dst_as = 4200000003;
    memcpy(f.mpls_vpn_rd.b, "\0\0\xfc\0\0\0\0\x0a", 8);
    f.vrf_in = 11;
    f.vrf_out = 12;
    f.mpls_pw_id = 13;
    f.mpls_label_top = 99;
    f.mpls_label_bottom = 100;
    f.std_comm = text_var("64500:7 64500:18");
    f.src_std_comm = text_var("64500:9");
    f.local_pref = 120;
    f.src_local_pref = 110;
    f.src_roa = 2;
    f.dst_roa = 1;
    memcpy(f.src_mac.b, "\2\0\0\xaa\xbb\xcc", 6);
    memcpy(f.dst_mac.b, "\1\0\x5e\0\0\1", 6);
    f.vlan = 210;
    f.in_cvlan = 0;
    f.out_cvlan = 310;
    f.proto = 6;
    f.src_port = 1024;
    f.dst_port = 443;
    f.tos = 184;
    f.tcpflags = 0x1b;
    f.etype = 0x0800;
    f.fwd_status = 0x82;
    f.traits = FLOW_NSEL;
    f.sample_type = 0 << 12 | 3;
    f.in_iface_name = text_var("ge-0/0/1");
    f.out_iface_name = text_var("xe-1/1/0.100");
    f.vrf_name = text_var("blue");
    f.ingress_vrf_name = text_var("blue");
    f.egress_vrf_name = text_var("red");
    f.bytes = 100;
    f.packets = 1;
    return f;
}

static struct flow run(const struct tagmap *m, struct flow f)
{
    struct tagmap_run *r = tagmap_run_new(m);
    static char label[256];
    assert_non_null(r);
    assert_int_equal(tagmap_flow(m, r, &f, 0), 0);
    assert_true(f.label.len < sizeof(label));
    if (f.label.len)
        memcpy(label, f.label.p, f.label.len);
    f.label.p = label; /* outlives the run */
    tagmap_run_free(r);
    return f;
}

static bool hits(const char *condition, char daemon)
{
    char text[256];
    snprintf(text, sizeof(text), "set_tag=1 %s", condition);
    struct tagmap *m = must(text, daemon);
    const struct flow f = run(m, full());
    tagmap_free(m);
    return f.tag == 1;
}

/* Each key: a value that fits the flow, one that does not. */
static const struct {
    const char *key, *fits, *misses;
    char daemon;
    bool negatable;
} conditions[] = {
    { "comms", "64500:1.,65000:1", "64500:1", 'N', false },
    { "src_comms", "64500:9", "64500:7", 'N', false },
    { "local_pref", "120", "110", 'N', true },
    { "src_local_pref", "110", "120", 'P', true },
    { "src_roa", "v", "i", 'N', false },
    { "dst_roa", "i", "u", 'P', false },
    { "ip", "192.0.2.0/24", "192.0.3.0/24", 'N', false },
    { "in", "7", "8", 'N', true },
    { "out", "8", "7", 'P', true },
    { "engine_type", "3", "4", 'N', true },
    { "engine_id", "99", "98", 'N', true },
    { "source_id", "99", "98", 'N', true },
    { "agent_id", "99", "98", 'S', true },
    { "flowset_id", "256", "257", 'N', true },
    { "nexthop", "198.51.100.1", "198.51.100.2", 'N', true },
    { "bgp_nexthop", "198.51.100.2", "198.51.100.1", 'N', true },
    { "filter", "'vlan 210'", "'vlan 211'", 'N', false },
    { "sample_type", "flow-ipv4", "flow-ipv6", 'N', true },
    { "sample_type", "flow-mpls-ipv4", "flow-mpls-ipv6", 'N', true },
    { "sample_type", "flow", "event", 'N', true },
    { "sample_type", "flow", "option", 'N', true },
    { "sample_type", "0:3", "0:1", 'S', true },
    { "sample_type", "flow", "event", 'S', true },
    { "direction", "1", "0", 'N', true },
    { "direction", "2", "1", 'P', true },
    { "direction", "out", "in", 'U', true },
    { "src_as", "64500", "64501", 'N', true },
    { "dst_as", "64501", "64500", 'N', true },
    { "peer_src_as", "64502", "0", 'N', true },
    { "peer_dst_as", "4200000003", "3", 'N', true },
    { "mpls_vpn_rd", "0:64512:10", "0:64512:11", 'N', true },
    { "mpls_vpn_id_in", "11", "12", 'N', true },
    { "mpls_vpn_id_out", "12", "11", 'N', true },
    { "mpls_vpn_id", "12", "13", 'N', true },
    { "mpls_pw_id", "13", "14", 'N', true },
    { "mpls_label_bottom", "100", "99", 'N', true },
    { "src_mac", "02:00:00:aa:bb:cc", "02:00:00:aa:bb:cd", 'N', true },
    { "dst_mac", "01:00:5e:00:00:01", "01:00:5e:00:00:02", 'P', true },
    { "vlan", "210", "211", 'N', true },
    { "cvlan", "310", "0", 'N', true },
    { "src_net", "10.0.0.0/16", "10.0.2.0/24", 'N', true },
    { "dst_net", "10.1.3.4", "10.1.3.5/32", 'N', true },
    { "src_net", "0.0.0.0/0", "::/0", 'N', true },
    { "ip_proto", "6", "17", 'N', true },
    { "ip_proto", "tcp", "udp", 'P', true },
    { "src_port", "1024", "443", 'N', true },
    { "dst_port", "443", "1024", 'P', true },
    { "tos", "184", "0", 'P', true },
    { "tcp_flags", "1b", "1a", 'N', true },
    { "tcp_flags", "0x1B", "0x2", 'N', true },
    { "is_multicast", "true", "false", 'N', true },
    { "fwd_status", "130", "131", 'N', true },
    { "fwd_status", "128", "64", 'N', true },
    { "is_nsel", "true", "false", 'N', true },
    { "is_nel", "false", "true", 'N', true },
    { "is_bi_flow", "false", "true", 'N', true },
    { "in_iface_name", "'^ge-[0-9/]+$'", "'^xe'", 'N', true },
    { "out_iface_name", "'.100$'", "'^ge'", 'N', true },
    { "vrf_name", "bl|ue", "red", 'N', true },
    { "ingress_vrf_name", "blue", "red", 'N', true },
    { "egress_vrf_name", "^red$", "blue", 'N', true },
};
enum { N_CONDITIONS = sizeof(conditions) / sizeof(conditions[0]) };

static void each_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CONDITIONS; i++) {
        char text[2][128];
        const char *fits = conditions[i].fits;
        if (strchr(fits, '|'))
            fits = "'bl|ue'"; /* a bar has to stand in quotes */
        snprintf(text[0], sizeof(text[0]), "%s=%s", conditions[i].key, fits);
        snprintf(text[1], sizeof(text[1]), "%s=%s", conditions[i].key, conditions[i].misses);
        if (!hits(text[0], conditions[i].daemon))
            fail_msg("%s does not fit", text[0]);
        if (hits(text[1], conditions[i].daemon))
            fail_msg("%s fits", text[1]);
    }
}

/* Is there a case for every row of maps.def that a build has? */
static void no_key_without_a_case(void **state)
{
    (void)state;
    for (unsigned k = 0; k < match_keys(); k++) {
        struct match m;
        struct err e = { 0 };
        bool known = false;
        for (unsigned i = 0; i < N_CONDITIONS; i++)
            known |= !strcmp(conditions[i].key, match_key_name(k));
        if (!known && match_make(&m, k, "1", 'N', &e) == -1)
            known = e.code == ERR_UNSUPPORTED;
        if (!known)
            fail_msg("no case for %s", match_key_name(k));
    }
}

static void negation(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CONDITIONS; i++) {
        char text[2][128], *words[] = { (char *)conditions[i].fits, (char *)conditions[i].misses };
        for (unsigned j = 0; j < 2; j++) {
            const bool quoted = words[j][0] == '\'';
            const char *quote = quoted || strchr(words[j], '|') ? "'" : "";
            snprintf(text[j], sizeof(text[j]), "%s=%s-%.*s%s", conditions[i].key, quote,
                     (int)strlen(words[j]) - 2 * quoted, words[j] + quoted, quote);
        }
        if (!conditions[i].negatable) {
            struct err e;
            char row[256];
            snprintf(row, sizeof(row), "set_tag=1 %s", text[0]);
            assert_null(parse(row, conditions[i].daemon, false, &e));
            assert_non_null(strstr(e.text, "cannot be negated"));
            continue;
        }
        if (hits(text[0], conditions[i].daemon))
            fail_msg("%s fits", text[0]);
        if (!hits(text[1], conditions[i].daemon))
            fail_msg("%s does not fit", text[1]);
    }
}

/* What a flow has not got fits no value, and so every negated one. */
static void absent(void **state)
{
    struct flow none;
    (void)state;
    memset(&none, 0, sizeof(none));
    static const char *const rows[] = { "src_net=0.0.0.0/0",        "src_net=::/0",     "ip=0.0.0.0/0",
                                        "nexthop=0.0.0.0",          "in_iface_name=.*", "vrf_name=.*",
                                        "src_mac=02:00:00:00:00:01" };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "set_tag=1 %s", rows[i]);
        struct tagmap *m = must(text, 'N');
        assert_int_equal(run(m, none).tag, 0);
        tagmap_free(m);
    }
}

static void rows_in_order(void **state)
{
    static const struct {
        const char *map;
        uint64_t tag, tag2;
        const char *label;
    } cases[] = {
        { "", 0, 0, "" },
        { "set_tag=1\nset_tag=2", 1, 0, "" },
        { "set_tag=1 in=1\nset_tag=2 in=7\nset_tag=3", 2, 0, "" },
        { "id=5 ip=0.0.0.0/0", 5, 0, "" },
        { "id2=5", 0, 5, "" },
        { "set_tag=18446744073709551615", UINT64_MAX, 0, "" },
        { "set_tag=1 set_tag2=2 set_label=x", 1, 2, "x" },
        { "set_label='with blanks'", 0, 0, "with blanks" },
        { "set_tag=10 jeq=x\nset_tag=5 stack=sum label=x", 15, 0, "" },
        { "set_tag=10 jeq=x\nset_tag=5 stack=+ label=x", 15, 0, "" },
        { "set_tag=10 jeq=x\nset_tag=6 stack=or label=x", 14, 0, "" },
        { "set_tag=10 jeq=x\nset_tag=5 label=x", 5, 0, "" },
        { "set_tag2=10 jeq=next\nset_tag2=5 stack=sum", 0, 15, "" },
        { "set_tag=10 jeq=x\nset_tag=99\nset_tag2=5 label=x", 10, 5, "" },
        /* the row that is jumped to does not fit: those below it are tried */
        { "set_tag=1 jeq=x\nset_tag=2\nset_tag=3 in=1 label=x\nset_tag=4", 4, 0, "" },
        { "set_tag=1 jeq=x\nset_tag=3 in=1 label=x", 1, 0, "" },
        { "set_label=a jeq=x\nset_label=no\nset_label=b label=x jeq=next\nset_label=c", 0, 0, "a,b,c" },
        { "set_label=a jeq=next\nset_tag=1 jeq=next\nset_label=c", 1, 0, "a,c" },
        { "set_tag=1 jeq=next", 1, 0, "" },
        { "ip=192.0.2.1 jeq=x\nset_tag=2 label=x", 2, 0, "" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tagmap *m = must(cases[i].map, 'N');
        const struct flow f = run(m, full());
        if (f.tag != cases[i].tag || f.tag2 != cases[i].tag2 || f.label.len != strlen(cases[i].label) ||
            memcmp(f.label.p, cases[i].label, f.label.len) != 0)
            fail_msg("'%s' gives %llu %llu '%.*s'", cases[i].map, (unsigned long long)f.tag,
                     (unsigned long long)f.tag2, (int)f.label.len, (const char *)f.label.p);
        tagmap_free(m);
    }
}

/* What the exporter sent stays where no row sets it, and is what is stacked upon. */
static void tags_of_the_exporter(void **state)
{
    struct tagmap *m = must("set_tag=5 stack=sum in=7\nset_label=mine in=8", 'N');
    struct flow f = full();
    (void)state;
    f.tag = 100;
    f.tag2 = 200;
    f.label = text_var("theirs");
    f = run(m, f);
    assert_int_equal(f.tag, 105);
    assert_int_equal(f.tag2, 200);
    assert_int_equal(f.label.len, 6);
    assert_true(fieldset_has(tagmap_needs(m), FIELD_tag));
    f = full();
    f.in_iface = 8;
    f.label = text_var("theirs");
    f = run(m, f);
    assert_memory_equal(f.label.p, "mine", 4);
    tagmap_free(m);
}

static void counting_up(void **state)
{
    struct tagmap *m = must("set_tag=10++", 'N');
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(run(m, full()).tag, 10 + i);
    tagmap_free(m);
}

static void sets_tos(void **state)
{
    struct tagmap *m = must("set_tos=46", 'N');
    (void)state;
    assert_int_equal(run(m, full()).tos, 46);
    tagmap_free(m);
}

static void returning(void **state)
{
    struct tagmap *m = must("set_tag=1 set_label=a jeq=x return=true\nset_tag=2\nset_tag2=3 label=x", 'N');
    struct tagmap_run *r = tagmap_run_new(m);
    struct flow f = full();
    (void)state;
    const uint32_t next = tagmap_flow(m, r, &f, 0);
    assert_int_equal(next, 2);
    assert_int_equal(f.tag, 1);
    assert_int_equal(f.label.len, 1);
    assert_int_equal(tagmap_flow(m, r, &f, next), 0);
    assert_int_equal(f.tag, 0);
    assert_int_equal(f.tag2, 3);
    assert_int_equal(f.label.len, 0);
    tagmap_run_free(r);
    tagmap_free(m);
}

static void by_sender(void **state)
{
    struct tagmap *m = must("set_tag=1 ip=192.0.2.0/24\nset_tag=2 ip=2001:db8::/32\nset_tag2=3", 'N');
    struct tagmap_run *r = tagmap_run_new(m);
    struct addr a;
    uint64_t tag, tag2;
    (void)state;
    assert_true(tagmap_by_sender(m));
    set_addr(&a, "192.0.2.9");
    tagmap_sender(m, r, &a, &tag, &tag2);
    assert_int_equal(tag, 1);
    set_addr(&a, "2001:db8::7");
    tagmap_sender(m, r, &a, &tag, &tag2);
    assert_int_equal(tag, 2);
    set_addr(&a, "10.0.0.1");
    tagmap_sender(m, r, &a, &tag, &tag2);
    assert_int_equal(tag, 0);
    assert_int_equal(tag2, 3);
    tagmap_run_free(r);
    tagmap_free(m);
    m = must("set_tag=1 ip=192.0.2.0/24 in=5", 'N');
    assert_false(tagmap_by_sender(m));
    tagmap_free(m);
}

static void faults(void **state)
{
    static const struct {
        const char *map, *said;
        char daemon;
    } cases[] = {
        { "set_tag", "[t.map:1] malformed line", 'N' },
        { "set_tag = 1", "[t.map:1] malformed line", 'N' },
        { "set_tag=1 in=1|2", "malformed line: invalid symbol '|'", 'N' },
        { "!\nset_tag=1 foo=1", "[t.map:2] unknown key 'foo'", 'N' },
        { "set_tag=1 src_prot=1", "was 'src_port' meant?", 'N' },
        { "set_tag=x", "bad 'set_tag' value: 'x'", 'N' },
        { "set_tag=-1", "bad 'set_tag' value: '-1'", 'N' },
        { "set_tag=18446744073709551616", "bad 'set_tag' value", 'N' },
        { "id=1 set_tag=2", "Multiple 'set_tag' clauses", 'N' },
        { "set_tag=1 in=x", "bad 'in' value: 'x'", 'N' },
        { "set_tag=1 in=1 in=2", "Multiple 'in' clauses", 'N' },
        { "set_tag=1 engine_id=1 source_id=1", "Multiple 'source_id' clauses", 'N' },
        { "set_tag=1 ip=999.1.1.1", "Bad IP address or prefix '999.1.1.1'", 'N' },
        { "set_tag=1 ip=10.0.0.0/40", "Invalid network mask '40'", 'N' },
        { "set_tag=1 src_net=10.0.0.0/x", "Invalid network mask 'x'", 'N' },
        { "set_tag=1 nexthop=10.0.0.0/8", "Bad IP address or prefix '10.0.0.0/8'", 'N' },
        { "set_tag=1 src_mac=1", "bad 'src_mac' value: '1'", 'N' },
        { "set_tag=1 mpls_vpn_rd=1", "bad 'mpls_vpn_rd' value: '1'", 'N' },
        { "set_tag=1 vlan=4097", "bad 'vlan' value: '4097'", 'N' },
        { "set_tag=1 src_port=65536", "bad 'src_port' value: '65536'", 'N' },
        { "set_tag=1 ip_proto=tcpx", "bad 'ip_proto' value: 'tcpx'", 'N' },
        { "set_tag=1 tcp_flags=xyz", "bad 'tcp_flags' value: 'xyz'", 'N' },
        { "set_tag=1 direction=2", "bad 'direction' value: '2'", 'N' },
        { "set_tag=1 direction=0", "bad 'direction' value: '0'", 'P' },
        { "set_tag=1 sample_type=flows", "bad 'sample_type' value: 'flows'", 'N' },
        { "set_tag=1 sample_type=0:1", "bad 'sample_type' value: '0:1'", 'N' },
        { "set_tag=1 sample_type=0:x", "bad 'sample_type' value: 'x'", 'S' },
        { "set_tag=1 is_nel=1", "bad 'is_nel' value: '1'", 'N' },
        { "set_tag=1 filter='no such thing'", "malformed filter", 'N' },
        { "set_tag=1 vrf_name='('", "is no regular expression", 'N' },
        { "set_tag=1 src_roa=x", "src_roa", 'N' },
        { "set_tag=1 ip=10.0.0.1", "key 'ip' not applicable", 'P' },
        { "set_tag=1 fwd_status=1", "key 'fwd_status' not applicable", 'P' },
        { "set_tag=1 jeq=x", "[t.map:1] Unresolved label 'x'", 'N' },
        { "set_tag=1 label=x\n!\nset_tag=1 jeq=x", "[t.map:3] Unresolved label 'x': jumps lead downwards",
          'N' },
        { "set_tag=1 label=x\nset_tag=1 label=x", "[t.map:2] label 'x' stands in line 1 too", 'N' },
        { "set_tag=1 stack=mul", "bad 'stack' value: 'mul'", 'N' },
        { "set_label=1 stack=sum", "'stack' without 'set_tag'", 'N' },
        { "set_tag=1 return=true", "'return' without 'jeq'", 'N' },
        { "set_tag=1 return=yes jeq=next", "bad 'return' value: 'yes'", 'N' },
        { "set_tos=256", "bad 'set_tos' value: '256'", 'N' },
        { "set_tag=1++x", "bad 'set_tag' value: '1++x'", 'N' },
        { "set_tag=++", "bad 'set_tag' value: '++'", 'N' },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        struct tagmap *m = parse(cases[i].map, cases[i].daemon, false, &e);
        if (m || !strstr(e.text, cases[i].said))
            fail_msg("'%s' says: %s", cases[i].map, m ? "nothing" : e.text);
    }
}

static void labels_as_maps(void **state)
{
    static const char *const bad[] = { "a", "a%b,c", "%b", "a%b,%c" };
    struct err e;
    char text[64];
    (void)state;
    struct tagmap *m = parse("set_label=nkey%unknown,pkey%x", 'N', true, &e);
    assert_non_null(m);
    tagmap_free(m);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "set_label=%s", bad[i]);
        assert_null(parse(text, 'N', true, &e));
        assert_non_null(strstr(e.text, "key%value"));
    }
}

static void reads(void **state)
{
    struct tagmap *m = must("set_tag=1 src_port=1\nset_tag=2 nexthop=10.0.0.1 filter='vlan 5'", 'N');
    (void)state;
    static const unsigned all[] = { FIELD_src_port, EXTRA_next_hop, FIELD_vlan, FIELD_proto };
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_true(fieldset_has(tagmap_needs(m), all[i]));
    assert_false(fieldset_has(tagmap_needs(m), FIELD_src_as));
    assert_false(fieldset_has(tagmap_needs(m), FIELD_tag));
    tagmap_free(m);
}

/* ---- the index against a scan */

static uint64_t state_of_random;

static unsigned rnd(unsigned n)
{
    state_of_random ^= state_of_random << 13;
    state_of_random ^= state_of_random >> 7;
    state_of_random ^= state_of_random << 17;
    return (unsigned)((state_of_random >> 20) % n);
}

static void random_flow(struct flow *f)
{
    char a[64];
    memset(f, 0, sizeof(*f));
    snprintf(a, sizeof(a), rnd(4) ? "10.%u.%u.%u" : "2001:db8:%x:%x::%x", rnd(3), rnd(4), rnd(4));
    set_addr(&f->src_host, a);
    snprintf(a, sizeof(a), rnd(4) ? "10.%u.%u.%u" : "2001:db8:%x:%x::%x", rnd(3), rnd(4), rnd(4));
    set_addr(&f->dst_host, a);
    snprintf(a, sizeof(a), rnd(4) ? "192.0.2.%u" : "2001:db8:ff::%x", rnd(4));
    set_addr(&f->peer_src_ip, a);
    f->in_iface = rnd(6);
    f->out_iface = rnd(6);
    f->src_port = (uint16_t)rnd(8);
    f->dst_port = (uint16_t)rnd(8);
    f->proto = rnd(2) ? 6 : 17;
    f->tcpflags = (uint8_t)rnd(4);
    f->src_mac.b[5] = (uint8_t)rnd(3);
    f->vlan = (uint16_t)rnd(4);
    f->mpls_vpn_rd.b[7] = (uint8_t)rnd(3);
    f->etype = 0x0800;
    f->dst_mac.b[0] = (uint8_t)rnd(2);
}

/* One condition; prefixes of all lengths, so that there are many kinds of rows. */
static int random_condition(char *out, size_t size, unsigned key)
{
    static const char *const names[] = { "in", "out", "src_port", "dst_port", "vlan" };
    const char *minus = rnd(5) ? "" : "-";
    switch (key) {
    case 5:
        return rnd(3) ? snprintf(out, size, " src_net=%s10.%u.%u.%u/%u", minus, rnd(3), rnd(4), rnd(4),
                                 8 + rnd(25))
                      : snprintf(out, size, " src_net=%s2001:db8:%x:%x::%x/%u", minus, rnd(3), rnd(4), rnd(4),
                                 20 + rnd(109));
    case 6:
        return snprintf(out, size, " dst_net=%s10.%u.%u.%u/%u", minus, rnd(3), rnd(4), rnd(4), rnd(33));
    case 7:
        return rnd(3) ? snprintf(out, size, " ip=192.0.2.%u/%u", rnd(4), 29 + rnd(4))
                      : snprintf(out, size, " ip=2001:db8:ff::%x/%u", rnd(4), 120 + rnd(9));
    case 8:
        return snprintf(out, size, " src_mac=%s00:00:00:00:00:%x", minus, rnd(3));
    case 9:
        return snprintf(out, size, " mpls_vpn_rd=%s0:0:%u", minus, rnd(3));
    case 10:
        return snprintf(out, size, " is_multicast=%s", rnd(2) ? "true" : "false");
    case 11:
        return snprintf(out, size, " tcp_flags=%s%x", minus, rnd(4));
    case 12:
        return snprintf(out, size, " ip_proto=%s%s", minus, rnd(2) ? "tcp" : "udp");
    default:
        return snprintf(out, size, " %s=%s%u", names[key], minus, rnd(key < 2 ? 6 : 8) % 4096);
    }
}

static struct rowmap *random_rows(struct rowmap *m, unsigned rows)
{
    struct err e;
    rowmap_init(m);
    for (unsigned i = 0; i < rows; i++) {
        char text[128];
        unsigned used = 0;
        assert_int_equal(rowmap_row(m, &e), 0);
        for (unsigned n = rnd(5); n; n--) {
            const unsigned key = rnd(13);
            if (used >> key & 1)
                continue;
            used |= 1u << key;
            random_condition(text, sizeof(text), key);
            char *value = strchr(text, '=');
            *value++ = '\0';
            unsigned id = 0;
            while (strcmp(match_key_name(id), text + 1) != 0)
                id++;
            if (rowmap_add(m, id, value, 'N', &e) == -1)
                fail_msg("%s=%s: %s", text, value, e.text);
        }
    }
    if (rowmap_compile(m, &e) == -1)
        fail_msg("%s", e.text);
    return m;
}

static void index_is_the_scan(void **state)
{
    static const unsigned sizes[] = { 0, 1, 2, 5, 20, 100, 700, 3000 };
    struct match_memory *mem = match_memory_new();
    unsigned found = 0, tried = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rowmap m;
        state_of_random = seed * UINT64_C(0x9E3779B97F4A7C15);
        random_rows(&m, sizes[seed % (sizeof(sizes) / sizeof(sizes[0]))]);
        for (unsigned i = 0; i < 400; i++) {
            struct flow f;
            random_flow(&f);
            const uint32_t from = rnd(3) ? 0 : rnd(m.n_rows + 1);
            const uint32_t a = rowmap_find(&m, &f, from, mem), b = rowmap_scan(&m, &f, from, mem);
            if (a != b)
                fail_msg("seed %u, flow %u: index says %u, scan says %u", (unsigned)seed, i, a, b);
            found += a != ROWMAP_NONE;
            tried++;
        }
        rowmap_free(&m);
    }
    assert_true(found > tried / 4 && found < tried); /* otherwise it shows little */
    match_memory_free(mem);
}

/* Rows of the same kind are found by hash: few are looked at, and groups stay few whatever the rows are. */
static void index_is_small(void **state)
{
    struct rowmap m;
    struct err e;
    (void)state;
    rowmap_init(&m);
    unsigned in = 0, ip = 0;
    while (strcmp(match_key_name(in), "in") != 0)
        in++;
    while (strcmp(match_key_name(ip), "ip") != 0)
        ip++;
    for (unsigned i = 0; i < 10000; i++) {
        char text[32];
        assert_int_equal(rowmap_row(&m, &e), 0);
        snprintf(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
        assert_int_equal(rowmap_add(&m, ip, text, 'N', &e), 0);
        snprintf(text, sizeof(text), "%u", i % 16);
        assert_int_equal(rowmap_add(&m, in, text, 'N', &e), 0);
    }
    assert_int_equal(rowmap_compile(&m, &e), 0);
    assert_int_equal(m.n_groups, 1);
    assert_int_equal(m.group[0].n_parts, 2);
    rowmap_free(&m);
    state_of_random = 5;
    random_rows(&m, 20000);
    assert_true(m.n_groups < 200);
    rowmap_free(&m);
}

static unsigned key_number(const char *name)
{
    unsigned key = 0;
    while (strcmp(match_key_name(key), name) != 0)
        key++;
    return key;
}

/* Networks of sources and of destinations in turn, each third of IPv6; then a row of another kind. */
static void host_rows(struct rowmap *m, unsigned n)
{
    struct err e;
    rowmap_init(m);
    for (unsigned i = 0; i < n; i++) {
        char net[48];
        assert_int_equal(rowmap_row(m, &e), 0);
        snprintf(net, sizeof(net), i % 3 == 2 ? "2001:db8:%x::/48" : "10.%u.%u.0/24", i % 3 == 2 ? i : i >> 8,
                 i & 255);
        assert_int_equal(rowmap_add(m, key_number(i % 2 ? "dst_net" : "src_net"), net, 'N', &e), 0);
    }
    assert_int_equal(rowmap_row(m, &e), 0);
    assert_int_equal(rowmap_add(m, key_number("in"), "7", 'N', &e), 0);
    assert_int_equal(rowmap_compile(m, &e), 0);
}

/* Hosts that are told beforehand lead to the rows that their flows find. */
static void rows_of_hosts_that_come(void **state)
{
    enum { ROWS = 6000 };
    struct rowmap m;
    struct match_memory *mem = match_memory_new();
    uint32_t row[ROWMAP_SOON];
    (void)state;
    assert_non_null(mem);
    host_rows(&m, 100);
    assert_false(m.expects);
    rowmap_free(&m);
    host_rows(&m, ROWS);
    assert_true(m.expects);
    for (unsigned i = 0; i < ROWS; i++) {
        struct flow f = { .in_iface = 8 };
        const bool dst = i % 2, v6 = i % 3 == 2;
        struct addr *host = dst ? &f.dst_host : &f.src_host;
        if (v6)
            addr_set_v6(host, (uint8_t[16]){ 0x20, 1, 0xd, 0xb8, (uint8_t)(i >> 8), (uint8_t)i, [15] = 9 });
        else
            addr_set_v4(host, (uint8_t[4]){ 10, (uint8_t)(i >> 8), (uint8_t)i, 9 });
        const struct expected right = { host->b + (v6 ? 0 : 12), dst }, wrong = { right.addr, !dst };
        assert_int_equal(rowmap_find(&m, &f, 0, mem), i);
        assert_int_equal(rowmap_expect(&m, v6 ? 16 : 4, &right, 1, row), 1);
        assert_int_equal(row[0], i);
        assert_int_equal(rowmap_expect(&m, v6 ? 16 : 4, &wrong, 1, row), 0);
    }
    static const uint8_t host[4] = { 10, 0, 0, 1 };
    struct expected many[EXPECTED_MAX];
    for (unsigned i = 0; i < EXPECTED_MAX; i++)
        many[i] = (struct expected){ host, i % 2 };
    assert_int_equal(rowmap_expect(&m, 4, many, EXPECTED_MAX, row), EXPECTED_MAX / 2);
    rowmap_free(&m);
    match_memory_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key),       cmocka_unit_test(no_key_without_a_case),
        cmocka_unit_test(negation),       cmocka_unit_test(absent),
        cmocka_unit_test(rows_in_order),  cmocka_unit_test(tags_of_the_exporter),
        cmocka_unit_test(counting_up),    cmocka_unit_test(sets_tos),
        cmocka_unit_test(returning),      cmocka_unit_test(by_sender),
        cmocka_unit_test(faults),         cmocka_unit_test(labels_as_maps),
        cmocka_unit_test(reads),          cmocka_unit_test(index_is_the_scan),
        cmocka_unit_test(index_is_small), cmocka_unit_test(rows_of_hosts_that_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
