/* SPDX-License-Identifier: BSD-2-Clause */
/* NLRI of every family, with and without path identifiers, announced, withdrawn and malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "bgp_rows.h"

static const struct bgp_session_caps plain = { .as4 = true, .families = BGP_ALL_FAMILIES };
static const struct bgp_session_caps multi = { .as4 = true,
                                               .families = BGP_ALL_FAMILIES,
                                               .multi_labels = BGP_ALL_FAMILIES };
static const struct bgp_session_caps add_path = { .as4 = true,
                                                  .families = BGP_ALL_FAMILIES,
                                                  .add_path = BGP_ALL_FAMILIES };
static const struct bgp_session_caps few = { .as4 = true, .families = BGP_FAMILY_BIT(BGP_IPV6_UNICAST) };

#define LEN(octets) #octets
#define OP ORIGIN PATH
#define RD1 "0000fde900000001"
#define RD2 "0001c00002010002"
/* MP_REACH_NLRI with an IPv4 next hop, MP_UNREACH_NLRI; lengths in hex as written. */
#define REACH(len, family, nlri) OP "800e" len family "04 c0000201 00" nlri
#define UNREACH(len, family, nlri) "800f" len family nlri

static void labelled(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "a label", "", REACH("10", "0001 04", "30 000181 0a0102"), "",
          ATTRS " / + 1/4 10.1.2.0/24 labels=24", 0, 0, 0 },
        { "its bottom bit means nothing", "", REACH("10", "0001 04", "30 000180 0a0102"), "",
          ATTRS " / + 1/4 10.1.2.0/24 labels=24", 0, 0, 0 },
        { "several of an old speaker", "", REACH("16", "0001 04", "60 000180 000191 000000 0a0102 "), "",
          ATTRS, BGP_RESET, 10, 0 },
        { "two of an old speaker, seen by the length", "",
          REACH("14", "0001 04", "50 000180 000191 0a010203"), "", ATTRS " / + 1/4 10.1.2.3/32 labels=24 25",
          0, 0, 0 },
        { "0/0", "", REACH("0d", "0001 04", "18 000181"), "", ATTRS " / + 1/4 0.0.0.0/0 labels=24", 0, 0, 0 },
        { "shorter than a label", "", REACH("0c", "0001 04", "10 0001"), "", ATTRS, BGP_RESET, 10, 0 },
        { "withdrawn", "", UNREACH("0a", "0001 04", "30 800000 0a0102"), "",
          "- 1/4 10.1.2.0/24 labels=524288", 0, 0, 0 },
        { "withdrawn with 0", "", UNREACH("0a", "0001 04", "30 000000 0a0102"), "",
          "- 1/4 10.1.2.0/24 labels=0", 0, 0, 0 },
        { "withdrawn with its label", "", UNREACH("0a", "0001 04", "30 000181 0a0102"), "",
          "- 1/4 10.1.2.0/24 labels=24", 0, 0, 0 },
        { "IPv6", "", OP "800e1d 0002 04 10 20010db8000000000000000000000001 00 38 000181 20010db8", "",
          "attrs origin=0 path=65001 hop=2001:db8::1 / + 2/4 2001:db8::/32 labels=24", 0, 0, 0 },
    };
    CHECK(rows, &plain);
    static const struct row several[] = {
        { "three", "", REACH("16", "0001 04", "60 000180 000190 0001a1 0a0102"), "",
          ATTRS " / + 1/4 10.1.2.0/24 labels=24 25 26", 0, 0, 0 },
        { "no bottom", "", REACH("10", "0001 04", "30 000180 0a0102"), "", ATTRS, BGP_RESET, 10, 0 },
        { "withdrawn has one", "", UNREACH("0a", "0001 04", "30 800000 0a0102"), "",
          "- 1/4 10.1.2.0/24 labels=524288", 0, 0, 0 },
        { "withdrawn with a stack", "", UNREACH("0e", "0001 04", "50 000180 000191 0a010203"), "",
          "- 1/4 10.1.2.3/32 labels=24 25", 0, 0, 0 },
    };
    CHECK(several, &multi);
}

static void vpn(void **state)
{
    (void)state;
    static const struct row mapped[] = {
        { "IPv6 over IPv4 (RFC 4659)", "",
          OP "800e2d 0002 80 18 0000000000000000 00000000000000000000ffffc0000201 00 78 000181" RD1
             "20010db8",
          "", ATTRS " / + 2/128 2001:db8::/32 rd=0:65001:1 labels=24", 0, 0, 0 },
    };
    static const struct row told[] = {
        { "the same as BMP tells it", "",
          OP "800e2d 0002 80 18 0000000000000000 00000000000000000000ffffc0000201 00 78 000181" RD1
             "20010db8",
          "", "attrs origin=0 path=65001 hop=::ffff:192.0.2.1 / + 2/128 2001:db8::/32 rd=0:65001:1 labels=24",
          0, 0, 0 },
    };
    static const struct bgp_session_caps bmp = { .as4 = true,
                                                 .monitored = true,
                                                 .families = BGP_ALL_FAMILIES };
    CHECK(mapped, &plain);
    CHECK(told, &bmp);
    static const struct row rows[] = {
        { "IPv4", "", OP "800e20 0001 80 0c 0000000000000000 c0000201 00 70 000181" RD1 "0a0102", "",
          ATTRS " / + 1/128 10.1.2.0/24 rd=0:65001:1 labels=24", 0, 0, 0 },
        { "IPv4 over IPv6", "",
          OP "800e2c 0001 80 18 0000000000000000 20010db8000000000000000000000001 00 70 000181" RD2 "0a0102",
          "", "attrs origin=0 path=65001 hop=2001:db8::1 / + 1/128 10.1.2.0/24 rd=1:192.0.2.1:2 labels=24", 0,
          0, 0 },
        { "IPv6", "",
          OP "800e2d 0002 80 18 0000000000000000 20010db8000000000000000000000001 00 78 000181" RD1
             "20010db8",
          "", "attrs origin=0 path=65001 hop=2001:db8::1 / + 2/128 2001:db8::/32 rd=0:65001:1 labels=24", 0,
          0, 0 },
        { "IPv6 with a link-local next hop", "",
          OP "800e45 0002 80 30 0000000000000000 20010db8000000000000000000000001 0000000000000000 "
             "fe800000000000000000000000000001 00 78 000181" RD1 "20010db8",
          "", "attrs origin=0 path=65001 hop=2001:db8::1 / + 2/128 2001:db8::/32 rd=0:65001:1 labels=24", 0,
          0, 0 },
        { "withdrawn", "", UNREACH("12", "0001 80", "70 800000" RD1 "0a0102"), "",
          "- 1/128 10.1.2.0/24 rd=0:65001:1 labels=524288", 0, 0, 0 },
        { "shorter than RD and label", "", UNREACH("0e", "0001 80", "50 000181 0000fde900000001"), "", "",
          BGP_RESET, 10, 0 },
        { "longer than its field", "", UNREACH("10", "0001 80", "70 000181" RD1 "0a"), "", "", BGP_RESET, 10,
          0 },
        { "33 bits", "", UNREACH("14", "0001 80", "79 800000" RD1 "0a01020300"), "", "", BGP_RESET, 10, 0 },
        { "multicast", "", UNREACH("12", "0001 81", "70 800000" RD1 "0a0102"), "",
          "- 1/129 10.1.2.0/24 rd=0:65001:1 labels=524288", 0, 0, 0 },
        { "next hop of 13", "", OP "800e21 0001 80 0d 0000000000000000 c000020100 00 70 000181" RD1 "0a0102",
          "", "", BGP_RESET, 9, 14 },
    };
    CHECK(rows, &plain);
}

#define ESI "00112233445566778899"
static void evpn(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "1: label is no part of the key", "", REACH("24", "0019 46", "01 19" RD1 ESI "00000005 000640"), "",
          ATTRS " / + 25/70 [1]:[5]:[00:11:22:33:44:55:66:77:88:99] rest=000640", 0, 0, 0 },
        { "2: a MAC", "", REACH("2c", "0019 46", "02 21" RD1 ESI "00000000 30 020000000001 00 000640"), "",
          ATTRS " / + 25/70 [2]:[0]:[48]:[02:00:00:00:00:01] rest=000640" ESI, 0, 0, 0 },
        { "2: MAC and IP, two labels", "",
          REACH("33", "0019 46", "02 28" RD1 ESI "00000000 30 020000000001 20 c0000209 000640 000641"), "",
          ATTRS " / + 25/70 [2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.0.2.9] rest=000640000641" ESI, 0, 0,
          0 },
        { "2: MAC and IPv6", "",
          REACH("3c", "0019 46",
                "02 31" RD1 ESI "00000000 30 020000000001 80 20010db8000000000000000000000001 000640"),
          "", ATTRS " / + 25/70 [2]:[0]:[48]:[02:00:00:00:00:01]:[128]:[2001:db8::1] rest=000640" ESI, 0, 0,
          0 },
        { "2: an IP of 33 bits stays as it is", "",
          UNREACH("2a", "0019 46", "02 25" RD1 ESI "00000000 30 020000000001 21 c0000209 000640"), "",
          "- 25/70 0225" RD1 ESI "0000000030"
          "020000000001"
          "21"
          "c0000209"
          "000640",
          0, 0, 0 },
        { "3", "", REACH("1c", "0019 46", "03 11" RD1 "00000064 20 c0000201"), "",
          ATTRS " / + 25/70 [3]:[100]:[32]:[192.0.2.1]", 0, 0, 0 },
        { "4", "", REACH("22", "0019 46", "04 17" RD1 ESI "20 c0000201"), "",
          ATTRS " / + 25/70 [4]:[00:11:22:33:44:55:66:77:88:99]:[32]:[192.0.2.1]", 0, 0, 0 },
        { "5: gateway and ESI are no part of the key", "",
          REACH("2d", "0019 46", "05 22" RD1 ESI "00000000 18 0a000100 c00002fe 000640"), "",
          ATTRS " / + 25/70 [5]:[0]:[24]:[10.0.1.0] rest=000640" ESI "c00002fe", 0, 0, 0 },
        { "5: IPv6", "",
          REACH("45", "0019 46",
                "05 3a" RD1 ESI
                "00000000 20 20010db8000000000000000000000000 00000000000000000000000000000000 000640"),
          "", ATTRS " / + 25/70 [5]:[0]:[32]:[2001:db8::] rest=000640" ESI "00000000000000000000000000000000",
          0, 0, 0 },
        { "withdrawn", "", UNREACH("26", "0019 46", "02 21" RD1 ESI "00000000 30 020000000001 00 000000"), "",
          "- 25/70 [2]:[0]:[48]:[02:00:00:00:00:01] rest=000000" ESI, 0, 0, 0 },
        { "11: by its octets", "", UNREACH("07", "0019 46", "0b 02 0102"), "", "- 25/70 0b020102", 0, 0, 0 },
        { "0 octets", "", UNREACH("05", "0019 46", "02 00"), "", "- 25/70 0200", 0, 0, 0 },
        { "longer than its field", "", UNREACH("06", "0019 46", "02 02 00"), "", "", BGP_RESET, 10, 0 },
        { "a type alone", "", UNREACH("04", "0019 46", "02"), "", "", BGP_RESET, 10, 0 },
    };
    CHECK(rows, &plain);
}

static void others(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "flowspec without a next hop", "", OP "800e0e 0001 85 00 00 08 01 18 c00002 03 8106", "",
          "attrs origin=0 path=65001 / + 1/133 dst 192.0.2.0/24; proto =6", 0, 0, 0 },
        { "flowspec with the long length", "", UNREACH("0a", "0001 85", "f005 01 18 c00002"), "",
          "- 1/133 dst 192.0.2.0/24", 0, 0, 0 },
        { "flowspec cut off", "", UNREACH("08", "0001 85", "05 01 18 c000"), "", "", BGP_RESET, 10, 0 },
        { "flowspec VPN", "", UNREACH("11", "0001 86", "0d" RD1 "01 18 c00002"), "",
          "- 1/134 dst 192.0.2.0/24", 0, 0, 0 },
        { "flowspec of IPv6", "", UNREACH("0b", "0002 85", "07 01 20 00 20010db8"), "",
          "- 2/133 dst 2001:db8::/32", 0, 0, 0 },
        { "BGP-LS", "", UNREACH("0b", "4004 47", "0001 0004 01020304"), "", "- 16388/71 0001000401020304", 0,
          0, 0 },
        { "BGP-LS cut off", "", UNREACH("0a", "4004 47", "0001 0004 010203"), "", "", BGP_RESET, 10, 0 },
        { "BGP-LS of VPNs", "", UNREACH("0b", "4004 48", "0001 0004 01020304"), "",
          "- 16388/72 0001000401020304", 0, 0, 0 },
        { "SR policy", "", UNREACH("10", "0001 49", "60 00000001 00000064 c0000201"), "",
          "- 1/73 [1]:[100]:[192.0.2.1]", 0, 0, 0 },
        { "SR policy of IPv6", "",
          UNREACH("1c", "0002 49", "c0 00000001 00000064 20010db8000000000000000000000001"), "",
          "- 2/73 [1]:[100]:[2001:db8::1]", 0, 0, 0 },
        { "RT constraint", "", UNREACH("10", "0001 84", "60 0000fde9 0002fde900000064"), "",
          "- 1/132 65001:RT:65001:100", 0, 0, 0 },
        { "RT constraint, all", "", UNREACH("04", "0001 84", "00"), "", "- 1/132 default", 0, 0, 0 },
        { "mcast-vpn", "", UNREACH("07", "0001 05", "01 02 0102"), "", "- 1/5 01020102", 0, 0, 0 },
        { "VPLS", "", UNREACH("07", "0019 41", "0002 0102"), "", "- 25/65 00020102", 0, 0, 0 },
        { "MUP", "", UNREACH("09", "0001 55", "01 0001 02 0102"), "", "- 1/85 010001020102", 0, 0, 0 },
        { "MUP cut off", "", UNREACH("06", "0001 55", "01 0001"), "", "", BGP_RESET, 10, 0 },
        { "multicast", "", UNREACH("07", "0001 02", "18 0a0102"), "", "- 1/2 10.1.2.0/24", 0, 0, 0 },
        { "IPv4 with an IPv6 next hop", "",
          OP "800e19 0001 01 10 20010db8000000000000000000000001 00 18 0a0102", "",
          "attrs origin=0 path=65001 hop=2001:db8::1 / + 1/1 10.1.2.0/24", 0, 0, 0 },
        { "IPv4 in MP_REACH_NLRI", "", REACH("0d", "0001 01", "18 0a0102"), "", ATTRS " / + 1/1 10.1.2.0/24",
          0, 0, 0 },
        { "its end of RIB", "", "800f03 0019 46", "", "end 25/70", 0, 0, 0 },
    };
    CHECK(rows, &plain);
}

static void path_identifiers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "IPv4", "00000007 18 0a0102 ffffffff 00", OHP, "00000001 18 0a0102 00000002 18 0a0102",
          "- 1/1 10.1.2.0/24 id=7 / - 1/1 0.0.0.0/0 id=4294967295 / " ATTRS
          " / + 1/1 10.1.2.0/24 id=1 / + 1/1 10.1.2.0/24 id=2",
          0, 0, 0 },
        { "IPv4 cut off in its identifier", "000000", "", "", "", BGP_RESET, 10, 0 },
        { "IPv4 cut off behind its identifier", "00000001", "", "", "", BGP_RESET, 10, 0 },
        { "IPv6", "", UNREACH("0c", "0002 01", "00000007 20 20010db8"), "", "- 2/1 2001:db8::/32 id=7", 0, 0,
          0 },
        { "IPv6 cut off", "", UNREACH("07", "0002 01", "00000007"), "", "", BGP_RESET, 10, 0 },
        { "labelled", "", UNREACH("0e", "0001 04", "00000007 30 800000 0a0102"), "",
          "- 1/4 10.1.2.0/24 id=7 labels=524288", 0, 0, 0 },
        { "VPN", "", UNREACH("16", "0001 80", "00000007 70 800000" RD1 "0a0102"), "",
          "- 1/128 10.1.2.0/24 id=7 rd=0:65001:1 labels=524288", 0, 0, 0 },
        { "EVPN", "", UNREACH("1a", "0019 46", "00000007 03 11" RD1 "00000064 20 c0000201"), "",
          "- 25/70 [3]:[100]:[32]:[192.0.2.1] id=7", 0, 0, 0 },
        { "flowspec", "", UNREACH("0d", "0001 85", "00000007 05 01 18 c00002"), "",
          "- 1/133 dst 192.0.2.0/24 id=7", 0, 0, 0 },
        { "BGP-LS", "", UNREACH("0f", "4004 47", "00000007 0001 0004 01020304"), "",
          "- 16388/71 0001000401020304 id=7", 0, 0, 0 },
        { "SR policy", "", UNREACH("14", "0001 49", "00000007 60 00000001 00000064 c0000201"), "",
          "- 1/73 [1]:[100]:[192.0.2.1] id=7", 0, 0, 0 },
        { "an identifier alone", "", UNREACH("07", "4004 47", "00000007"), "", "", BGP_RESET, 10, 0 },
    };
    CHECK(rows, &add_path);
}

static void families_not_negotiated(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "IPv4", "", OHP, ROUTE, "", BGP_DISCARD, 9, 0 },
        { "IPv4 withdrawn", ROUTE, "", "", "", BGP_DISCARD, 9, 0 },
        { "EVPN beside IPv6", "",
          UNREACH("16", "0019 46", "03 11" RD1 "00000064 20 c0000201") OP
          "800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8",
          "", "attrs origin=0 path=65001 hop=2001:db8::1 / + 2/1 2001:db8::/32", BGP_DISCARD, 9, 0 },
    };
    CHECK(rows, &few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labelled),
        cmocka_unit_test(vpn),
        cmocka_unit_test(evpn),
        cmocka_unit_test(others),
        cmocka_unit_test(path_identifiers),
        cmocka_unit_test(families_not_negotiated),
    };
    return cmocka_run_group_tests_name("bgp_families", tests, NULL, NULL);
}
