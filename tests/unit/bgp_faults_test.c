/* SPDX-License-Identifier: BSD-2-Clause */
/* Malformed UPDATEs: every row of RFC 7606's table, and AS paths of speakers of 2-octet numbers (RFC 6793).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include "bgp_rows.h"

static const struct bgp_session_caps plain = { .as4 = true, .families = BGP_ALL_FAMILIES };
static const struct bgp_session_caps external = { .as4 = true,
                                                  .families = BGP_ALL_FAMILIES,
                                                  .external = true };
static const struct bgp_session_caps old = { .families = BGP_ALL_FAMILIES };
static const struct bgp_session_caps all_kept = { .as4 = true,
                                                  .families = BGP_ALL_FAMILIES,
                                                  .keep_all = true };

#define GONE "- 1/1 10.1.2.0/24"
#define THERE " / + 1/1 10.1.2.0/24"
#define FINE ATTRS THERE

/* Treat-as-withdraw, and the attribute's number. */
#define TAW(what, attrs, subcode, type)                                                                      \
    {                                                                                                        \
        what, "", attrs, ROUTE, GONE, BGP_WITHDRAW, subcode, type                                            \
    }
/* The attribute alone is discarded. */
#define AD(what, attrs, subcode, type)                                                                       \
    {                                                                                                        \
        what, "", attrs, ROUTE, FINE, BGP_DISCARD, subcode, type                                             \
    }
#define OK(what, attrs, expect)                                                                              \
    {                                                                                                        \
        what, "", attrs, ROUTE, expect, BGP_NO_FAULT, 0, 0                                                   \
    }

static void malformed_attributes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        TAW("ORIGIN of 0 octets", "400100" PATH HOP, 6, 1),
        TAW("ORIGIN of 2 octets", "400102 0000" PATH HOP, 6, 1),
        TAW("ORIGIN 3", "400101 03" PATH HOP, 6, 1),
        TAW("ORIGIN with optional bit", "c00101 00" PATH HOP, 4, 1),
        TAW("AS_PATH segment type 0", ORIGIN "400206 0001 0000fde9" HOP, 11, 2),
        TAW("AS_PATH segment type 5", ORIGIN "400206 0501 0000fde9" HOP, 11, 2),
        TAW("AS_PATH segment of none", ORIGIN "400202 0200" HOP, 11, 2),
        TAW("AS_PATH segment too long", ORIGIN "400206 0202 0000fde9" HOP, 11, 2),
        TAW("AS_PATH with an octet left", ORIGIN "400207 0201 0000fde9 02" HOP, 11, 2),
        TAW("AS_PATH with wrong flags", ORIGIN "800206 0201 0000fde9" HOP, 4, 2),
        TAW("NEXT_HOP of 5 octets", ORIGIN PATH "400305 c000020100", 8, 3),
        TAW("NEXT_HOP 0.0.0.0", ORIGIN PATH "400304 00000000", 3, 3),
        TAW("NEXT_HOP 224.0.0.1", ORIGIN PATH "400304 e0000001", 3, 3),
        TAW("MED of 3 octets", OHP "800403 000001", 9, 4),
        TAW("MED with transitive bit", OHP "c00404 00000001", 4, 4),
        TAW("LOCAL_PREF of 3 octets", OHP "400503 000001", 5, 5),
        AD("ATOMIC_AGGREGATE of 1 octet", OHP "400601 00", 5, 6),
        AD("AGGREGATOR of 6 octets", OHP "c00706 fde9c0000201", 9, 7),
        AD("AGGREGATOR with wrong flags", OHP "400708 0000fde9c0000201", 4, 7),
        TAW("COMMUNITIES of none", OHP "c00800", 9, 8),
        TAW("COMMUNITIES of 5 octets", OHP "c00805 0001000200", 9, 8),
        TAW("COMMUNITIES with wrong flags", OHP "400804 00010002", 4, 8),
        TAW("ORIGINATOR_ID of 5 octets", OHP "800905 c000020100", 9, 9),
        TAW("CLUSTER_LIST of none", OHP "800a00", 9, 10),
        TAW("CLUSTER_LIST of 6 octets", OHP "800a06 c00002010000", 9, 10),
        TAW("EXTENDED COMMUNITIES of none", OHP "c01000", 9, 16),
        TAW("EXTENDED COMMUNITIES of 7 octets", OHP "c01007 00020001000000", 9, 16),
        TAW("PMSI_TUNNEL of 4 octets", OHP "c01604 00000000", 9, 22),
        TAW("PMSI_TUNNEL without a tunnel, with an identifier", OHP "c01606 000000000001", 9, 22),
        TAW("PMSI_TUNNEL, replication to 3 octets", OHP "c01608 0006000001 c00002", 9, 22),
        TAW("TUNNEL_ENCAPSULATION cut off", OHP "c01706 0008 0004 0102", 9, 23),
        TAW("IPV6 EXTENDED COMMUNITIES of 19 octets", OHP "c01913 00022001000000000000000000000000000005", 9,
            25),
        AD("AIGP with a TLV of 10 octets", OHP "801a0a 01 000a 00000000000064", 9, 26),
        AD("AIGP with a TLV cut off", OHP "801a0a 01 000b 00000000000064", 9, 26),
        AD("AIGP with a TLV of 2 octets", OHP "801a03 01 0002", 9, 26),
        AD("AIGP of none", OHP "801a00", 9, 26),
        AD("AIGP with transitive bit", OHP "c01a0b 01 000b 0000000000000064", 4, 26),
        AD("BGP-LS cut off", OHP "801d06 0400 0004 0102", 9, 29),
        TAW("LARGE_COMMUNITY of none", OHP "c02000", 9, 32),
        TAW("LARGE_COMMUNITY of 13 octets", OHP "c0200d 00000001000000020000000300", 9, 32),
        TAW("OTC of 3 octets", OHP "c02303 00fde8", 9, 35),
        AD("PREFIX_SID cut off", OHP "c0280a 01 0008 00 0000 00000005", 9, 40),
        TAW("PREFIX_SID with a service cut off", OHP "c02808 05 0005 00 01 0002 01", 9, 0),
        TAW("ATTR_SET of 3 octets", OHP "c08003 0000fd", 9, 128),
        TAW("ATTR_SET with an attribute cut off", OHP "c08007 0000fde9 400101", 9, 128),
        { "MP_REACH_NLRI with transitive bit", "",
          "c00e1e 0002 01 10 20010db8000000000000000000000001 00 40 20010db800010002" OHP, "",
          "- 2/1 2001:db8:1:2::/64", BGP_WITHDRAW, 4, 14 },
        { "MP_UNREACH_NLRI with transitive bit", "", "c00f08 0002 01 20 20010db8", "", "- 2/1 2001:db8::/32",
          BGP_WITHDRAW, 4, 15 },
    };
    CHECK(rows, &plain);
}

/* Each attribute of attrs.def with its optional bit turned, whatever its value: RFC 7606 §3 c. */
static void wrong_flags_of_each(void **state)
{
    (void)state;
    enum { T = 0x40, O = 0x80, OT = 0xc0 };
    enum { WITHDRAW = BGP_WITHDRAW, DISCARD = BGP_DISCARD, RESET = BGP_WITHDRAW };
    static const struct {
        uint8_t type, flags, action;
        const char *name;
    } rows[] = {
#define ATTR(type, name, flags, check, action, then, from) { type, flags, action, name },
#include "bgp/attrs.def"
#undef ATTR
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char *const mandatory[] = { ORIGIN, PATH, HOP };
        if (rows[i].type == 14 || rows[i].type == 15) /* with routes of their own: above */
            continue;
        char attrs[256] = "";
        for (unsigned k = 0; k < 3; k++)
            if (rows[i].type != k + 1)
                strcat(attrs, mandatory[k]);
        snprintf(attrs + strlen(attrs), 32, " %02x%02x04 00000000", rows[i].flags ^ O, rows[i].type);
        const bool gone = rows[i].action == WITHDRAW;
        struct row row = {
            rows[i].name, "", attrs, ROUTE, gone ? GONE : FINE, rows[i].action, 4, rows[i].type
        };
        check_rows(&row, 1, &plain);
    }
}

static void well_formed_attributes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        OK("PMSI_TUNNEL, replication", OHP "c01609 0006000010 c0000201",
           ATTRS " others=c016090006000010c0000201" THERE),
        OK("PMSI_TUNNEL, none", OHP "c01605 0000000010", ATTRS " others=c016050000000010" THERE),
        OK("TUNNEL_ENCAPSULATION", OHP "c01706 0008 0002 0102", ATTRS " others=c01706000800020102" THERE),
        OK("BGP-LS", OHP "801d06 0400 0002 0102", ATTRS " others=801d06040000020102" THERE),
        OK("ATTR_SET", OHP "c08008 0000fde9 400101 00", ATTRS " others=c080080000fde940010100" THERE),
        OK("service of PREFIX_SID", OHP "c02808 05 0005 00 01 0001 01",
           ATTRS " others=c028080500050001000101" THERE),
        OK("AIGP behind another TLV", OHP "801a0f 02 0004 00 01 000b 0000000000000064",
           ATTRS " aigp=100" THERE),
        OK("the first of two AIGP", OHP "801a16 01 000b 0000000000000064 01 000b 0000000000000065",
           ATTRS " aigp=100" THERE),
        OK("not kept", OHP "400600 c00708 0000fde9c0000201 800904 c0000201 800a04 c0000201", FINE),
        OK("AS4_PATH among 4-octet numbers", OHP "c01106 0201 00010000", FINE),
    };
    CHECK(rows, &plain);
    static const struct row copies[] = {
        OK("kept for a copy", OHP "400600 c00708 0000fde9c0000201 800904 c0000201 800a04 c0000201",
           ATTRS " others=400600c007080000fde9c0000201800904c0000201800a04c0000201" THERE),
    };
    CHECK(copies, &all_kept);
    static const struct row ebgp[] = {
        OK("LOCAL_PREF of an external peer", OHP "400504 00000064 800903 000000 800a00", FINE),
        OK("even a malformed one", OHP "400503 000064", FINE),
    };
    CHECK(ebgp, &external);
}

static void attribute_lists(void **state)
{
    (void)state;
    static const struct row rows[] = {
        TAW("ORIGIN is missing", PATH HOP, 3, 1),
        TAW("AS_PATH is missing", ORIGIN HOP, 3, 2),
        TAW("NEXT_HOP is missing", ORIGIN PATH, 3, 3),
        TAW("all are missing", "", 3, 1),
        { "of MP_REACH_NLRI too", "",
          "800e1e 0002 01 10 20010db8000000000000000000000001 00 40 20010db800010002", "",
          "- 2/1 2001:db8:1:2::/64", BGP_WITHDRAW, 3, 1 },
        { "withdrawals need none", "18 0a0102", HOP, "", GONE, 0, 0, 0 },
        { "unknown well-known", "", OHP "406300", ROUTE, "", BGP_RESET, 2, 99 },
        AD("ORIGIN twice, the first counts", ORIGIN "400101 02" PATH HOP, 1, 1),
        AD("the second one may be malformed", ORIGIN "400101 09" PATH HOP, 1, 1),
        { "MP_UNREACH_NLRI twice", "", "800f08 0002 01 20 20010db8 800f08 0002 01 20 20010db8", "", "",
          BGP_RESET, 1, 15 },
        TAW("the last one cut off in its header", OHP "80", 1, 0),
        TAW("the last one longer than there is", OHP "800405 00000001", 1, 0),
        { "the strongest counts", "", OHP "400601 00 800403 000001 c00805 0001000200", ROUTE, GONE,
          BGP_WITHDRAW, 9, 4 },
        { "and a reset is stronger", "", OHP "800403 000001 406300", ROUTE, "", BGP_RESET, 2, 99 },
        { "withdrawals go on beside it", "18 0a0103", "400101 09" PATH HOP, ROUTE,
          "- 1/1 10.1.3.0/24 / " GONE, BGP_WITHDRAW, 6, 1 },
        { "no routes, nothing happens", "", "400101 09", "", "", BGP_WITHDRAW, 6, 1 },
    };
    CHECK(rows, &plain);
}

static void lengths_of_parts(void **state)
{
    (void)state;
    static const struct {
        const char *what, *body;
        uint8_t subcode;
    } rows[] = {
        { "withdrawn longer than the message", "0005 00000000", 1 },
        { "attributes longer than the message", "0000 0001", 1 },
        { "withdrawn up to the end", "0002 0800", 1 },
        { "nothing", "", 1 },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t msg[64];
        struct bgp_error e;
        struct strbuf s;
        strbuf_init(&s, 4096);
        size_t n = BGP_HEADER + unhex(rows[i].body, msg + BGP_HEADER, 40);
        bgp_header_write(msg, n, BGP_UPDATE);
        if (bgp_update_parse(msg, n, &plain, &record_ops, &s, &e) != -1 || e.subcode != rows[i].subcode ||
            s.len)
            fail_msg("%s: 3/%u %s", rows[i].what, e.subcode, strbuf_cstr(&s));
        strbuf_free(&s);
    }
}

/* Sessions of 2-octet numbers. P: AS_PATH 100 200 23456 */
#define P2 "400208 0203 0064 00c8 5ba0"
#define AS2(path, attrs) ORIGIN path HOP attrs
#define MERGED(what, path, attrs, text)                                                                      \
    {                                                                                                        \
        what, "", ORIGIN path HOP attrs, ROUTE, "attrs origin=0 path=" text " hop=192.0.2.1" THERE, 0, 0, 0  \
    }

static void as4_merge(void **state)
{
    (void)state;
    static const struct row rows[] = {
        MERGED("no AS4_PATH", P2, "", "100 200 23456"),
        MERGED("an empty path", "400200", "", ""),
        MERGED("as long", P2, "c0110e 0203 00000064 000000c8 00010000", "100 200 65536"),
        MERGED("shorter", P2, "c01106 0201 00010000", "100 200 65536"),
        MERGED("longer: ignored", P2, "c01112 0204 00000001 00000002 00000003 00010000", "100 200 23456"),
        MERGED("sets count one", "40020e 0202 0064 00c8 0103 0001 0002 5ba0",
               "c0110e 0103 00000001 00000002 00010000", "100 200 {1,2,65536}"),
        MERGED("a set in front", "40020c 0102 0001 0002 0202 0064 5ba0", "c01106 0201 00010000",
               "{1,2} 100 65536"),
        MERGED("confederation in front", "40020e 0302 fe00 fe01 0203 0064 00c8 5ba0", "c01106 0201 00010000",
               "(65024 65025) 100 200 65536"),
        MERGED("confederation in front of all of AS4_PATH", "40020c 0301 fe00 0203 0064 00c8 5ba0",
               "c0110e 0203 00000064 000000c8 00010000", "(65024) 100 200 65536"),
        MERGED("confederation in AS4_PATH: dropped", P2,
               "c01114 0302 00000001 00000002 0202 000000c8 00010000", "100 200 65536"),
        MERGED("segments that go on", "40020c 0201 0064 0203 00c8 00c9 5ba0", "c01106 0201 00010000",
               "100 200 201 65536"),
        { "AS4_PATH malformed: ignored", "", AS2(P2, "c01106 0202 00010000"), ROUTE,
          "attrs origin=0 path=100 200 23456 hop=192.0.2.1" THERE, BGP_DISCARD, 9, 17 },
        MERGED("an AGGREGATOR that says it is out of date", P2,
               "c00706 0064 c0000201 c01106 0201 00010000 c01208 00010000 c0000201", "100 200 23456"),
        MERGED("an AGGREGATOR of AS_TRANS", P2,
               "c00706 5ba0 c0000201 c01106 0201 00010000 c01208 00010000 c0000201", "100 200 65536"),
        MERGED("an AGGREGATOR alone", P2, "c00706 0064 c0000201 c01106 0201 00010000", "100 200 65536"),
        { "AS4_AGGREGATOR of 7 octets", "", AS2(P2, "c01207 00010000 c00002"), ROUTE,
          "attrs origin=0 path=100 200 23456 hop=192.0.2.1" THERE, BGP_DISCARD, 9, 18 },
        { "AS_PATH of 4-octet numbers", "", ORIGIN PATH HOP, ROUTE, GONE, BGP_WITHDRAW, 11, 2 },
    };
    CHECK(rows, &old);
}

/* 255 numbers behind 255: no segment has more. Kept attributes and the path share the scratch. */
static void long_paths(void **state)
{
    (void)state;
    uint8_t msg[BGP_MAX], *p = msg + BGP_HEADER;
    struct bgp_error e;
    struct strbuf s;
    strbuf_init(&s, 1 << 20);
    p = put_be16(p, 0);
    uint8_t *attrs = p;
    p += 2;
    p += unhex("c06301 ff" ORIGIN "c06401 fe" HOP "5002", p, 64);
    p = put_be16(p, 2 * 512);
    for (unsigned seg = 0; seg < 2; seg++) {
        p += unhex("02ff", p, 2);
        for (unsigned i = 0; i < 255; i++)
            p = put_be16(p, 7);
    }
    put_be16(attrs, (uint16_t)(p - attrs - 2));
    p += unhex(ROUTE, p, 4);
    bgp_header_write(msg, (size_t)(p - msg), BGP_UPDATE);
    assert_int_equal(bgp_update_parse(msg, (size_t)(p - msg), &old, &record_ops, &s, &e), 0);
    assert_int_equal(e.action, BGP_NO_FAULT);
    strbuf_cstr(&s);
    assert_non_null(strstr(s.p, "path=7 7 7"));
    assert_non_null(strstr(s.p, "others=c06301ffc06401fe / +"));
    assert_int_equal(s.len, strlen("attrs origin=0 path= hop=192.0.2.1 others=c06301ffc06401fe" THERE) +
                                510 * 2 - 1);
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_attributes),
        cmocka_unit_test(wrong_flags_of_each),
        cmocka_unit_test(well_formed_attributes),
        cmocka_unit_test(attribute_lists),
        cmocka_unit_test(lengths_of_parts),
        cmocka_unit_test(as4_merge),
        cmocka_unit_test(long_paths),
    };
    return cmocka_run_group_tests_name("bgp_faults", tests, NULL, NULL);
}
