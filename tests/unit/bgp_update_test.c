/* SPDX-License-Identifier: BSD-2-Clause */
/* UPDATEs: octets in, calls of the parser out, one row each. Every message is cut at each octet too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "bgp_rows.h"

static const struct bgp_session_caps plain = { .as4 = true, .families = BGP_ALL_FAMILIES };

static void ipv4_unicast(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "one route", "", OHP, ROUTE, ATTRS " / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "all lengths", "", OHP, "00 080a 090aff 20 01020304 1f 01020305 11 0102ff",
          ATTRS " / + 1/1 0.0.0.0/0 / + 1/1 10.0.0.0/8 / + 1/1 10.128.0.0/9 / + 1/1 1.2.3.4/32 / + 1/1 "
                "1.2.3.4/31 / + 1/1 1.2.128.0/17",
          0, 0, 0 },
        { "withdrawn", "18 0a0102 00 20 01020304", "", "",
          "- 1/1 10.1.2.0/24 / - 1/1 0.0.0.0/0 / - 1/1 1.2.3.4/32", 0, 0, 0 },
        { "both", "18 0a0102", OHP, "18 0a0102", "- 1/1 10.1.2.0/24 / " ATTRS " / + 1/1 10.1.2.0/24", 0, 0,
          0 },
        { "end of RIB", "", "", "", "end 1/1", 0, 0, 0 },
        { "attributes alone", "", OHP, "", "", 0, 0, 0 },
        { "33 bits", "", OHP, "21 0102030405", ATTRS, BGP_RESET, 10, 0 },
        { "a route cut off", "", OHP, "18 0a0102 18 0a01", ATTRS " / + 1/1 10.1.2.0/24", BGP_RESET, 10, 0 },
        { "33 bits withdrawn", "21 0102030405", "", "", "", BGP_RESET, 10, 0 },
        { "a withdrawn one cut off", "18 0a01", "", "", "", BGP_RESET, 10, 0 },
        { "all that is taken", "",
          ORIGIN "400214 0202 0000fde9 00010000 0102 00000001 00000002" HOP "800404 00000005 400504 00000064"
                 "c00808 fde80001 ffff029a c01008 0002fde800000001 c0200c 000000010000000200000003 801a0b 01 "
                 "000b 0000000000000064"
                 "c02304 0000fde8 c0280a 01 0007 00 0000 00000005",
          ROUTE,
          "attrs origin=0 path=65001 65536 {1,2} hop=192.0.2.1 med=5 pref=100 comms=65000:1 65535:666 "
          "ext=RT:65000:1 large=1:2:3 "
          "aigp=100 index=5 otc=65000 others=c0280a01000700000000000005 / + 1/1 10.1.2.0/24",
          0, 0, 0 },
        { "an empty path (iBGP)", "", ORIGIN "400200" HOP, ROUTE,
          "attrs origin=0 path= hop=192.0.2.1 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "extended lengths", "", "50010001 00 50020006 0201 0000fde9 50030004 c0000201", ROUTE,
          ATTRS " / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "partial bits", "", "600101 00 600206 0201 0000fde9 600304 c0000201", ROUTE,
          ATTRS " / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "kept in a row", "", OHP "c06301 ff c06402 0102", ROUTE,
          ATTRS " others=c06301ffc064020102 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "kept, not in a row", "", "c06301 ff" ORIGIN "c06402 0102" PATH "806500" HOP, ROUTE,
          ATTRS " others=c06301ffc064020102806500 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "communities out of order, and twice", "",
          OHP "c0080c fde80002 fde80001 fde80002 c01010 0003fde800000001 0002fde800000001"
              "c06301 ff c02018 000000020000000200000003 000000010000000200000003 c06402 0102",
          ROUTE,
          ATTRS " comms=65000:1 65000:2 ext=RT:65000:1 SoO:65000:1 large=1:2:3 2:2:3 "
                "others=c06301ffc064020102 / + 1/1 10.1.2.0/24",
          0, 0, 0 },
        { "the same one twice", "", OHP "c00808 fde80001 fde80001", ROUTE,
          ATTRS " comms=65000:1 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "kept on both sides of such", "",
          OHP "c06301 ff c06401 fe c00808 fde80002 fde80001 c06501 fd 400101 00 c06601 fc", ROUTE,
          ATTRS " comms=65000:1 65000:2 others=c06301ffc06401fec06501fdc06601fc / + 1/1 10.1.2.0/24",
          BGP_DISCARD, 1, 1 },
        { "sets of AS numbers", "",
          ORIGIN
          "400224 0201 0000fde9 0103 00000003 00000001 00000003 0402 00000009 00000008 0301 00000007" HOP,
          ROUTE, "attrs origin=0 path=65001 {1,3} [8,9] (7) hop=192.0.2.1 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "deprecated ones", "", OHP "c00b01 ff c01401 ff 801e00", ROUTE,
          ATTRS " others=801e00 / + 1/1 10.1.2.0/24", 0, 0, 0 },
    };
    CHECK(rows, &plain);
}

#define REACH6 "800e1e 0002 01 10 20010db8000000000000000000000001 00 40 20010db800010002"
#define ATTRS6 "attrs origin=0 path=65001 hop=2001:db8::1"

static void ipv6_unicast(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "one route", "", REACH6 ORIGIN PATH, "", ATTRS6 " / + 2/1 2001:db8:1:2::/64", 0, 0, 0 },
        { "next hop with link-local", "",
          ORIGIN PATH "800e2a 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 "
                      "00 20 20010db8",
          "", ATTRS6 " / + 2/1 2001:db8::/32", 0, 0, 0 },
        { "link-local alone in the second place", "",
          ORIGIN PATH "800e2a 0002 01 20 00000000000000000000000000000000 fe800000000000000000000000000001 "
                      "00 20 20010db8",
          "", "attrs origin=0 path=65001 hop=fe80::1 / + 2/1 2001:db8::/32", 0, 0, 0 },
        { "both families", "", REACH6 OHP, ROUTE,
          ATTRS6 " / + 2/1 2001:db8:1:2::/64 / " ATTRS " / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "withdrawn", "", "800f08 0002 01 20 20010db8", "", "- 2/1 2001:db8::/32", 0, 0, 0 },
        { "end of RIB", "", "800f03 0002 01", "", "end 2/1", 0, 0, 0 },
        { "withdrawn and announced", "", "800f08 0002 01 20 20010db8" REACH6 ORIGIN PATH, "",
          "- 2/1 2001:db8::/32 / " ATTRS6 " / + 2/1 2001:db8:1:2::/64", 0, 0, 0 },
        { "host bits", "", ORIGIN PATH "800e1b 0002 01 10 20010db8000000000000000000000001 00 25 20010db8ff",
          "", ATTRS6 " / + 2/1 2001:db8:f800::/37", 0, 0, 0 },
        { "next hop of 12", "", ORIGIN PATH "800e16 0002 01 0c 20010db80000000000000000 00 20 20010db8", "",
          "", BGP_RESET, 9, 14 },
        { "next hop cut off", "", ORIGIN PATH "800e08 0002 01 10 20010db8", "", "", BGP_RESET, 9, 14 },
        { "129 bits", "",
          ORIGIN PATH
          "800e27 0002 01 10 20010db8000000000000000000000001 00 81 2001000000000000000000000000000000",
          "", ATTRS6, BGP_RESET, 10, 0 },
        { "MP_UNREACH of 2 octets", "", "800f02 0002", "", "", BGP_RESET, 9, 15 },
        { "MP_REACH twice", "", REACH6 REACH6 ORIGIN PATH, "", "", BGP_RESET, 1, 14 },
        { "NEXT_HOP beside MP_REACH alone does not matter", "", REACH6 ORIGIN PATH "400304 00000000", "",
          ATTRS6 " / + 2/1 2001:db8:1:2::/64", 0, 0, 0 },
        { "a family that nobody knows", "", ORIGIN PATH "800e0b 0063 01 04 c0000201 00 0102", "", "",
          BGP_DISCARD, 9, 0 },
        { "withdrawn of such a one", "", "800f05 0063 01 0102", "", "", BGP_DISCARD, 9, 0 },
        { "end of RIB of such a one", "", "800f03 0063 01", "", "end 99/1", 0, 0, 0 },
    };
    CHECK(rows, &plain);
}

/* Few are sorted in another way than many; both come backwards here, each number twice. */
static void many_communities(void **state)
{
    (void)state;
    static const unsigned numbers[] = { 1, 2, 16, 17, 60 };
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char attrs[2048] = OHP, expect[2048] = ATTRS " comms=";
        size_t at = strlen(attrs), put = strlen(expect);
        unsigned n = numbers[i];
        at += (size_t)snprintf(attrs + at, sizeof(attrs) - at, "d008%04x", n * 8);
        for (unsigned k = n; k > 0; k--)
            at += (size_t)snprintf(attrs + at, sizeof(attrs) - at, "fde8%04xfde8%04x", k, k);
        for (unsigned k = 1; k <= n; k++)
            put += (size_t)snprintf(expect + put, sizeof(expect) - put, "%s65000:%u", k > 1 ? " " : "", k);
        snprintf(expect + put, sizeof(expect) - put, " / + 1/1 10.1.2.0/24");
        struct row row = { "communities backwards", "", attrs, ROUTE, expect, 0, 0, 0 };
        check_rows(&row, 1, &plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_unicast),
        cmocka_unit_test(ipv6_unicast),
        cmocka_unit_test(many_communities),
    };
    return cmocka_run_group_tests_name("bgp_update", tests, NULL, NULL);
}
