/* SPDX-License-Identifier: BSD-2-Clause */
/* EVPN, flowspec and BGP-LS as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "bgp/nlri_json.h"
#include "bgp/text.h"
#include "hex.h"

#define RD "0000fde900000001"
#define ESI "00112233445566778899"

/* Octets in a place of their own, so that a sanitizer sees what is read behind them. */
static uint8_t *exactly(const char *hex, uint32_t *n)
{
    uint8_t p[2048];
    *n = (uint32_t)unhex(hex, p, sizeof(p));
    uint8_t *q = malloc(*n ? *n : 1);
    assert_non_null(q);
    memcpy(q, p, *n);
    return q;
}

static void check(const char *what, struct strbuf *s, const char *expect)
{
    if (strcmp(strbuf_cstr(s), expect) != 0)
        fail_msg("%s: got\n  %s\nnot\n  %s", what, strbuf_cstr(s), expect);
}

static void routes(void **state)
{
    (void)state;
    static const struct {
        uint16_t afi;
        uint8_t safi;
        const char *nlri, *rest, *expect, *rd;
    } rows[] = {
        { 25, 70, "01 16" RD ESI "00000005", "000640",
          ", \"nlri\": \"[1]:[5]:[00:11:22:33:44:55:66:77:88:99]\", \"evpn\": {\"route_type\": 1, \"esi\": "
          "\"00:11:22:33:44:55:66:77:88:99\", \"ethernet_tag\": 5, \"mpls_label\": \"100\", \"vni\": "
          "\"1600\"}",
          "0:65001:1" },
        { 25, 70, "02 18" RD "00000000 30 020000000001 20 c0000209", "000640 000650" ESI,
          ", \"nlri\": \"[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.0.2.9]\", \"evpn\": {\"route_type\": 2, "
          "\"esi\": "
          "\"00:11:22:33:44:55:66:77:88:99\", \"ethernet_tag\": 0, \"mac\": \"02:00:00:00:00:01\", \"ip\": "
          "\"192.0.2.9\", "
          "\"mpls_label\": \"100 101\", \"vni\": \"1600 1616\"}",
          "0:65001:1" },
        { 25, 70, "02 14" RD "00000000 30 020000000001 00", "",
          ", \"nlri\": \"[2]:[0]:[48]:[02:00:00:00:00:01]\", \"evpn\": {\"route_type\": 2, \"ethernet_tag\": "
          "0, \"mac\": "
          "\"02:00:00:00:00:01\"}",
          "0:65001:1" },
        { 25, 70, "03 11" RD "00000064 20 c0000201", "",
          ", \"nlri\": \"[3]:[100]:[32]:[192.0.2.1]\", \"evpn\": {\"route_type\": 3, \"ethernet_tag\": 100, "
          "\"ip\": \"192.0.2.1\"}",
          "0:65001:1" },
        { 25, 70, "05 11" RD "00000000 18 0a000100", "000640" ESI "c00002fe",
          ", \"nlri\": \"[5]:[0]:[24]:[10.0.1.0]\", \"evpn\": {\"route_type\": 5, \"esi\": "
          "\"00:11:22:33:44:55:66:77:88:99\", "
          "\"ethernet_tag\": 0, \"ip_prefix\": \"10.0.1.0/24\", \"gateway\": \"192.0.2.254\", "
          "\"mpls_label\": \"100\", \"vni\": \"1600\"}",
          "0:65001:1" },
        { 25, 70, "06 1c" RD "00000000 20 c0000201 20 e0000001 20 c0000202 02", "",
          ", \"nlri\": \"[6]:[0]:[192.0.2.1]:[224.0.0.1]:[192.0.2.2]\", \"evpn\": {\"route_type\": 6, "
          "\"ethernet_tag\": 0, "
          "\"source\": \"192.0.2.1\", \"group\": \"224.0.0.1\", \"originator\": \"192.0.2.2\", \"flags\": 2}",
          "0:65001:1" },
        { 25, 70, "0b 02 0102", "", ", \"nlri\": \"0b020102\"", NULL },
        { 1, 133, "01 18 c00002 03 81 06", "",
          ", \"nlri\": \"dst 192.0.2.0/24; proto =6\", \"flowspec\": {\"dst\": \"192.0.2.0/24\", \"proto\": "
          "\"=6\"}",
          NULL },
        { 1, 134, RD "01 18 c00002", "",
          ", \"nlri\": \"dst 192.0.2.0/24\", \"flowspec\": {\"dst\": \"192.0.2.0/24\"}", "0:65001:1" },
        { 1, 133, "03 81 06 01 18 c00002", "", ", \"nlri\": \"proto =6; dst 192.0.2.0/24\"",
          NULL }, /* out of order */
        { 1, 133, "63 01", "", ", \"nlri\": \"type-99 0x01\"", NULL },
        { 1, 133, "01 18 c0", "", ", \"nlri\": \"0118c0\"", NULL },
        { 1, 73, "60 00000001 00000064 c0000201", "", ", \"nlri\": \"[1]:[100]:[192.0.2.1]\"", NULL },
        { 25, 65, "0011" RD "0001 0000 0008 000640", "", ", \"nlri\": \"0011" RD "000100000008000640\"",
          "0:65001:1" },
        { 16388, 71,
          "0001 0029 03 0000000000000005 0100 001c 0200 0004 0000fde9 0202 0004 00000000 0203 0004 c0000201 "
          "0200 0000",
          "",
          ", \"nlri\": "
          "\"000100290300000000000000050100001c020000040000fde9020200040000000002030004c000020102000000\", "
          "\"nlri_type\": \"Node\", \"proto\": \"OSPFv2\", \"identifier\": 5, "
          "\"local_node\": {\"asn\": 65001, \"area_id\": 0, \"igp_router_id\": \"192.0.2.1\", \"tlvs\": "
          "[\"512:\"]}",
          NULL },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf s;
        struct rib_octets rest;
        struct rib_key k = { .afi = rows[i].afi, .safi = rows[i].safi };
        strbuf_init(&s, 8192);
        uint8_t *nlri = exactly(rows[i].nlri, &k.nlri.len), *octets = exactly(rows[i].rest, &rest.len);
        k.nlri.p = nlri;
        rest.p = octets;
        bgp_nlri_json(&s, &k, rest);
        check(rows[i].nlri, &s, rows[i].expect);
        const uint8_t *rd = bgp_key_rd(&k);
        strbuf_clear(&s);
        if (rd)
            bgp_text_rd(&s, rd);
        if (rows[i].rd && strcmp(strbuf_cstr(&s), rows[i].rd) != 0)
            fail_msg("%s: RD %s", rows[i].nlri, strbuf_cstr(&s));
        strbuf_free(&s);
        free(nlri);
        free(octets);
    }
}

/* What follows `proto` and `identifier` of a BGP-LS route. */
static void link_state(void **state)
{
    (void)state;
    static const struct {
        const char *what, *nlri, *expect;
    } rows[] = {
        { "IS-IS", "0001 0023 02 0000000000000000 0100 0016 0200 0004 0000fde9 0203 000a 000100020003",
          ", \"nlri_type\": \"Node\", \"proto\": \"IS-IS L2\", \"identifier\": 0" },
        { "IS-IS node", "0001 001f 02 0000000000000000 0100 0012 0200 0004 0000fde9 0203 0006 000100020003",
          ", \"nlri_type\": \"Node\", \"proto\": \"IS-IS L2\", \"identifier\": 0, \"local_node\": {\"asn\": "
          "65001, \"igp_router_id\": "
          "\"0001.0002.0003\"}" },
        { "IS-IS pseudonode", "0001 0018 01 0000000000000000 0100 000b 0203 0007 00010002000305",
          ", \"nlri_type\": \"Node\", \"proto\": \"IS-IS L1\", \"identifier\": 0, \"local_node\": "
          "{\"igp_router_id\": \"0001.0002.0003\", "
          "\"pseudonode\": 5}" },
        { "OSPF pseudonode", "0001 0019 03 0000000000000000 0100 000c 0203 0008 c0000201 0a000001",
          ", \"nlri_type\": \"Node\", \"proto\": \"OSPFv2\", \"identifier\": 0, \"local_node\": "
          "{\"igp_router_id\": \"192.0.2.1\", "
          "\"pseudonode\": \"10.0.0.1\"}" },
        { "link",
          "0002 0051 03 0000000000000000 0100 0000 0101 0008 0203 0004 c0000202 0102 0008 00000005 00000006 "
          "0103 0004 0a000001 0104 0004 0a000002 "
          "0105 0010 20010db8000000000000000000000001 0107 0004 0000 8002",
          ", \"nlri_type\": \"Link\", \"proto\": \"OSPFv2\", \"identifier\": 0, \"local_node\": {}, "
          "\"remote_node\": {\"igp_router_id\": "
          "\"192.0.2.2\"}, \"ll_lr_id\": \"5:6\", \"local_addr_v4\": \"10.0.0.1\", \"neigh_addr_v4\": "
          "\"10.0.0.2\", \"local_addr_v6\": "
          "\"2001:db8::1\", \"mt_id\": [0, 2]" },
        { "IPv4 prefix", "0003 001a 03 0000000000000000 0108 0001 01 0109 0004 18 0a0001 0109 0004 180a0002",
          ", \"nlri_type\": \"IPv4 Topology Prefix\", \"proto\": \"OSPFv2\", \"identifier\": 0, "
          "\"ospf_route_type\": 1, \"ip_reach\": "
          "\"10.0.1.0/24\", \"nlri_tlvs\": [\"265:180a0002\"]" },
        { "IPv6 prefix", "0004 0012 03 0000000000000000 0109 0005 20 20010db8",
          ", \"nlri_type\": \"IPv6 Topology Prefix\", \"proto\": \"OSPFv2\", \"identifier\": 0, "
          "\"ip_reach\": \"2001:db8::/32\"" },
        { "what nobody knows", "0063 000d 63 0000000000000000 0999 0000",
          ", \"nlri_type\": 99, \"proto\": 99, \"identifier\": 0, \"nlri_tlvs\": [\"2457:\"]" },
        { "cut off", "0001 0003 030000", "" },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf s;
        struct rib_key k = { .afi = 16388, .safi = 71 };
        strbuf_init(&s, 8192);
        uint8_t *nlri = exactly(rows[i].nlri, &k.nlri.len);
        k.nlri.p = nlri;
        bgp_nlri_json(&s, &k, (struct rib_octets){ NULL, 0 });
        const char *members = strstr(strbuf_cstr(&s), ", \"nlri_type");
        if (strcmp(members ? members : "", rows[i].expect) != 0)
            fail_msg("%s: got\n  %s\nnot\n  %s", rows[i].what, members, rows[i].expect);
        strbuf_free(&s);
        free(nlri);
    }
}

static void others(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *expect;
    } rows[] = {
        { "", "" },
        { "801d0c 0402 0008 720a2231 ff c3a9 7a",
          ", \"attr_node_name\": \"r\\n\\\"1\xef\xbf\xbd\xc3\xa9z\"" },
        { "801d10 0447 0003 00000a 0447 0005 0000000000",
          ", \"attr_igp_metric\": 10, \"attr_tlvs\": [\"1095:0000000000\"]" },
        { "801d1c 0440 0004 00000007 0441 0004 4e9502f9 0443 0008 3f800000 4e9502f9",
          ", \"attr_admin_group\": 7, \"attr_max_bw\": 1250000000, \"attr_unresv_bw\": [1, 1250000000]" },
        { "801d0b 0400 0001 80 0842 0002 0102",
          ", \"attr_node_flags\": \"0x80\", \"attr_tlvs\": [\"2114:0102\"]" },
        { "801d08 010a 0004 010a0205", ", \"attr_node_msd\": \"1:10 2:5\"" },
        { "c01609 00 06 000640 c0000201",
          ", \"pmsi_tunnel\": {\"flags\": 0, \"type\": \"ingress replication\", \"mpls_label\": 100, "
          "\"vni\": 1600, \"id\": \"192.0.2.1\"}" },
        { "d0160007 00 63 000640 0102", ", \"pmsi_tunnel\": {\"flags\": 0, \"type\": 99, \"mpls_label\": "
                                        "100, \"vni\": 1600, \"id\": \"0102\"}" },
        { "c0281c 05 0019 00 01 0015 00 20010db8000000000000000000000001 00 0012 00", "" },
        { "c0280a 01 0007 00 0000 00000005", "" },
        { "c06301 ff", "" },
        { "801d", "" },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf s;
        struct rib_octets o;
        strbuf_init(&s, 8192);
        uint8_t *p = exactly(rows[i].hex, &o.len);
        o.p = p;
        bgp_others_json(&s, o);
        check(rows[i].hex, &s, rows[i].expect);
        strbuf_free(&s);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),
        cmocka_unit_test(link_state),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests_name("bgp_nlri_json", tests, NULL, NULL);
}
