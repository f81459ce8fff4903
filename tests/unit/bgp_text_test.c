/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes and NLRI as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "bgp/text.h"
#include "hex.h"

typedef void text_fn(struct strbuf *s, struct rib_octets o);

struct row {
    const char *hex, *expect;
};

static void check_rows(text_fn *text, const struct row *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t p[2048];
        struct strbuf s;
        strbuf_init(&s, 1 << 16);
        text(&s, (struct rib_octets){ p, (uint32_t)unhex(rows[i].hex, p, sizeof(p)) });
        if (strcmp(strbuf_cstr(&s), rows[i].expect) != 0)
            fail_msg("%s: %s is not %s", rows[i].hex, strbuf_cstr(&s), rows[i].expect);
        strbuf_free(&s);
    }
}
#define CHECK(text, rows) check_rows(text, rows, sizeof(rows) / sizeof((rows)[0]))

static void as_path_parts(struct strbuf *s, struct rib_octets path)
{
    for (uint32_t at = 0; bgp_text_as_path_part(s, path, &at);)
        strbuf_char(s, ';');
}

static void paths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "", "" },
        { "0201 0000fde9", "65001" },
        { "0203 0000fde9 ffffffff 00000001", "65001 4294967295 1" },
        { "0201 0000fde9 0102 00000001 00000002", "65001 {1,2}" },
        { "0302 00000003 00000004 0201 0000fde9", "(3 4) 65001" },
        { "0402 00000005 00000006 0101 00000007 0201 00000008", "[5,6] {7} 8" },
        { "0201 0000fde9 0501 00000001", "65001" }, /* nobody lets that through; it ends the text */
        { "0201 0000fde9 02", "65001" },
        { "0202 0000fde9", "" },
    };
    CHECK(bgp_text_as_path, rows);
    static const struct row parts[] = {
        { "", "" },
        { "0202 0000fde9 00000001 0102 00000001 00000002 0201 00000003", "65001;1;{1,2};3;" },
        { "0301 00000003 0401 00000004", "(3);[4];" },
    };
    CHECK(as_path_parts, parts);
}

static void longest_path(void **state)
{
    (void)state;
    uint8_t p[8 * 1022];
    struct strbuf s;
    uint32_t n = 0;
    for (unsigned seg = 0; seg < 8; seg++) {
        p[n++] = 1 + seg % 4;
        p[n++] = 255;
        for (unsigned i = 0; i < 255 * 4; i++)
            p[n++] = 0xff;
    }
    strbuf_init(&s, 1 << 20);
    bgp_text_as_path(&s, (struct rib_octets){ p, n });
    assert_int_equal(s.len, 8 * (255 * 11 - 1) + 2 * 6 + 7);
    strbuf_free(&s);
    strbuf_init(&s, 100); /* a ceiling is kept */
    bgp_text_as_path(&s, (struct rib_octets){ p, n });
    assert_true(s.failed);
    strbuf_free(&s);
}

static void communities(void **state)
{
    (void)state;
    static const struct row comms[] = {
        { "", "" },
        { "fde80064", "65000:100" },
        { "fde80064 ffff029a ffff0000", "65000:100 65535:666 65535:0" },
        { "00000000 00000001 ffffff00 ffffff01 ffffff02 ffffff03 ffffff04",
          "internet 0:1 65535:65280 no-export no-advertise local-AS 65535:65284" },
    };
    CHECK(bgp_text_comms, comms);
    static const struct row large[] = {
        { "0000fde9 00000001 00000002", "65001:1:2" },
        { "ffffffff ffffffff ffffffff 00000001 00000000 00000003", "4294967295:4294967295:4294967295 1:0:3" },
    };
    CHECK(bgp_text_lrg_comms, large);
}

static void extended_communities(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "0002 fbf1 0000002a", "RT:64497:42" },
        { "0102 c0000201 0005", "RT:192.0.2.1:5" },
        { "0202 00010000 0007", "RT:65536:7" },
        { "4002 fbf1 0000002a", "RT:64497:42" },
        { "0003 fbf1 0000002a 0002 0001 00000002", "SoO:64497:42 RT:1:2" },
        { "0103 c0000201 0005", "SoO:192.0.2.1:5" },
        { "4004 fde9 4cee6b28", "LB:65001:125000000" },
        { "0005 0001 00000200", "OSPF-DOMAIN:1:512" },
        { "0009 fde9 00000000", "SRC-AS:65001:0" },
        { "010b c0000201 0005", "VRF-IMPORT:192.0.2.1:5" },
        { "000a fde9 00000001", "L2VPN:65001:1" },
        { "0306 00000001 05 01", "OSPF-RT:0.0.0.1:5:1" },
        { "030b 0000 00000064", "COLOR:0:100" },
        { "030c 00000000 0008", "ENCAP:8" },
        { "030d 000000000000", "DEFAULT-GW" },
        { "4300 000000000002", "OVS:invalid" },
        { "4300 000000000000 4300 000000000001 4300 000000000009", "OVS:valid OVS:not-found OVS:unknown" },
        { "4301 81 02 00000064", "COST:129:2:100" },
        { "0600 01 00 00000007", "MM:1:7" },
        { "0601 01 0000 000640", "ESI-LABEL:1:100" },
        { "0602 020000000001", "ES-IMPORT:02:00:00:00:00:01" },
        { "0603 020000000002", "RMAC:02:00:00:00:00:02" },
        { "0604 0003 05dc 0000", "L2-ATTR:3:1500" },
        { "0605 01 0000 000640", "E-TREE:1:100" },
        { "0606 02 4000 000000", "DF:2:16384" },
        { "8006 fde9 00000000", "FS-RATE:65001:0" },
        { "8006 0000 7f800000", "FS-RATE:0:inf" },
        { "8006 0000 ff800000", "FS-RATE:0:nan" },
        { "8006 0000 7fc00000", "FS-RATE:0:nan" },
        { "8007 000000000003", "FS-ACTION:terminal,sample" },
        { "8008 fde9 00000064", "FS-REDIRECT:65001:100" },
        { "8108 c0000201 0064", "FS-REDIRECT:192.0.2.1:100" },
        { "8208 00010000 0064", "FS-REDIRECT:65536:100" },
        { "8009 00000000002e", "FS-MARK:46" },
        { "800c 0000 447a0000", "FS-PACKETS:0:1000" },
        { "0c02 0102030405ff", "0x0c020102030405ff" },
    };
    CHECK(bgp_text_ext_comms, rows);
}

static void rd(struct strbuf *s, struct rib_octets o) { bgp_text_rd(s, o.p); }

static void distinguishers_and_labels(void **state)
{
    (void)state;
    static const struct row rds[] = {
        { "0000 fd47 3cdcae2a", "0:64839:1021095466" },
        { "0001 0ad7b696 0000", "1:10.215.182.150:0" },
        { "0002 00010007 0069", "2:65543:105" },
        { "0009 0102030405ff", "9:0102030405ff" },
    };
    CHECK(rd, rds);
    static const struct row labels[] = {
        { "", "" },
        { "e00601", "917600" },
        { "000180 03e811", "24 16001" },
    };
    CHECK(bgp_text_labels, labels);
}

static void nlri(void **state)
{
    (void)state;
    static const struct {
        uint16_t afi;
        uint8_t safi;
        const char *hex, *expect;
    } rows[] = {
        { 25, 70, "01 16 0000fde900000001 00112233445566778899 00000005",
          "[1]:[5]:[00:11:22:33:44:55:66:77:88:99]" },
        { 25, 70, "02 14 0000fde900000001 00000000 30 020000000001 00", "[2]:[0]:[48]:[02:00:00:00:00:01]" },
        { 25, 70, "02 18 0000fde900000001 00000000 30 020000000001 20 c0000201",
          "[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[192.0.2.1]" },
        { 25, 70, "03 11 0000fde900000001 00000064 20 c0000201", "[3]:[100]:[32]:[192.0.2.1]" },
        { 25, 70, "04 17 0000fde900000001 00112233445566778899 20 c0000201",
          "[4]:[00:11:22:33:44:55:66:77:88:99]:[32]:[192.0.2.1]" },
        { 25, 70, "05 11 0000fde900000001 00000000 18 0a000100", "[5]:[0]:[24]:[10.0.1.0]" },
        { 25, 70, "06 1c 0000fde900000001 00000000 20 c0000201 20 e0000001 20 c0000202 02",
          "[6]:[0]:[192.0.2.1]:[224.0.0.1]:[192.0.2.2]" },
        { 25, 70, "06 18 0000fde900000001 00000000 00 20 e0000001 20 c0000202 02",
          "[6]:[0]:[]:[224.0.0.1]:[192.0.2.2]" },
        { 25, 70, "09 02 0102", "09020102" },
        { 25, 70, "03 10 0000fde900000001 00000064 20 c00002",
          "03100000fde90000000100000064"
          "20c00002" },
        { 1, 133, "01 18 c00002", "dst 192.0.2.0/24" },
        { 1, 133, "01 18 c00002 03 81 06 06 13 0400 d5 0800",
          "dst 192.0.2.0/24; proto =6; sport >=1024&<=2048" },
        { 1, 133, "05 13 0400 55 0800 91 1f90", "dport >=1024&<=2048|=8080" },
        { 1, 133, "09 01 02 81 10 0c 80 01", "tcp-flags =syn|=ack; fragment df" },
        { 1, 133, "09 82 12 0c 83 08", "tcp-flags !syn+ack; fragment !=lf" },
        { 1, 133, "09 91 0102 0b 84 2e", "tcp-flags =0x0102; dscp <46" },
        { 1, 133, "04 80 50 04 87 50 04 86 50", "port false80; port true80; port !=80" },
        { 1, 133, "63 010203", "type-99 0x010203" },
        { 1, 133, "01 21 c00002", "0121c00002" }, /* 33 bits */
        { 1, 133, "03 01 06", "030106" },         /* no end */
        { 1, 134, "0000fde900000001 01 18 c00002", "dst 192.0.2.0/24" },
        { 2, 133, "01 20 00 20010db8", "dst 2001:db8::/32" },
        { 2, 133, "02 68 40 1234567896", "src ::1234:5678:9600:0/104 from 64" },
        { 2, 133, "01 30 21 0246 0d 81 05", "dst 0:0:123::/48 from 33; flow-label =5" },
        { 25, 133, "0e 81 01", "type-14 0x8101" },
        { 1, 73, "60 00000001 00000064 c0000201", "[1]:[100]:[192.0.2.1]" },
        { 2, 73, "c0 00000001 00000064 20010db8000000000000000000000001", "[1]:[100]:[2001:db8::1]" },
        { 1, 73, "60 00000001 00000064 c00002", "600000000100000064c00002" },
        { 1, 132, "00", "default" },
        { 1, 132, "60 0000fde9 0002fde900000064", "65001:RT:65001:100" },
        { 1, 132, "30 0000fde9 0002", "300000fde90002" },
        { 16388, 71, "0001 0002 abcd", "00010002abcd" },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t p[256];
        struct strbuf s;
        strbuf_init(&s, 4096);
        uint32_t n = (uint32_t)unhex(rows[i].hex, p, sizeof(p));
        uint8_t *exact = malloc(n);
        memcpy(exact, p, n);
        bgp_text_nlri(&s,
                      &(struct rib_key){ .afi = rows[i].afi, .safi = rows[i].safi, .nlri = { exact, n } });
        if (strcmp(strbuf_cstr(&s), rows[i].expect) != 0)
            fail_msg("%s: %s is not %s", rows[i].hex, strbuf_cstr(&s), rows[i].expect);
        strbuf_free(&s);
        free(exact);
    }
}

static void prefixes(void **state)
{
    (void)state;
    struct strbuf s;
    strbuf_init(&s, 4096);
    bgp_text_nlri(&s, &(struct rib_key){ .afi = 1, .safi = 1, .bits = 24, .addr = { 192, 0, 2 } });
    strbuf_char(&s, ' ');
    bgp_text_nlri(&s, &(struct rib_key){ .afi = 1, .safi = 128 });
    strbuf_char(&s, ' ');
    bgp_text_nlri(
        &s, &(struct rib_key){ .afi = 2, .safi = 1, .bits = 128, .addr = { 0x20, 1, 0xd, 0xb8, [15] = 1 } });
    strbuf_char(&s, ' ');
    bgp_text_nlri(&s, &(struct rib_key){ .afi = 2, .safi = 4 });
    assert_string_equal(strbuf_cstr(&s), "192.0.2.0/24 0.0.0.0/0 2001:db8::1/128 ::/0");
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),       cmocka_unit_test(longest_path),
        cmocka_unit_test(communities), cmocka_unit_test(extended_communities),
        cmocka_unit_test(nlri),        cmocka_unit_test(distinguishers_and_labels),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests_name("bgp_text", tests, NULL, NULL);
}
