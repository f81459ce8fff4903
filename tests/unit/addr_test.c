/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: the canonical form, text there and back (checked against inet_ntop), masks, socket addresses,
 * MACs. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"

static void text_of(const struct addr *a, char *buf) { buf[addr_text(a, buf)] = '\0'; }

static void test_text(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "10.0.99.100", "10.0.99.100" },
        { "::", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "2001:db8::1", "2001:db8::1" },
        { "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "fe80:0:0:0:0:0:0:abcd", "fe80::abcd" },
        { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
        { "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "::192.0.2.1", "::192.0.2.1" },
        { "::2:1", "::0.2.0.1" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;
        char text[ADDR_TEXT];
        assert_int_equal(addr_parse(rows[i].in, &a), 0);
        text_of(&a, text);
        assert_string_equal(text, rows[i].out);
        assert_true(addr_is_set(&a));
    }
}

/* Every run of zeros there can be, with groups of each length between, as inet_ntop writes it. */
static void test_text_is_inet_ntop(void **state)
{
    static const uint16_t groups[] = { 0, 1, 0x10, 0xabc, 0xfedc };
    (void)state;
    unsigned seed = 1;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t b[16];
        struct addr a;
        char text[ADDR_TEXT], want[INET6_ADDRSTRLEN];
        for (int g = 0; g < 8; g++) {
            seed = seed * 1103515245 + 12345;
            uint16_t v = seed >> 16 & 3 ? groups[(seed >> 18) % 5] : 0;
            b[2 * g] = (uint8_t)(v >> 8);
            b[2 * g + 1] = (uint8_t)v;
        }
        addr_set_v6(&a, b);
        text_of(&a, text);
        inet_ntop(AF_INET6, b, want, sizeof(want));
        assert_string_equal(text, addr_is_v4(&a) ? want + strlen("::ffff:") : want);
    }
    for (unsigned i = 0; i < 256; i++) {
        uint8_t b[4] = { (uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i * 7), (uint8_t)(i * 13) };
        struct addr a;
        char text[ADDR_TEXT], want[INET_ADDRSTRLEN];
        addr_set_v4(&a, b);
        text_of(&a, text);
        assert_string_equal(text, inet_ntop(AF_INET, b, want, sizeof(want)));
    }
}

static void test_unset(void **state)
{
    struct addr a = { { 0 } };
    char text[ADDR_TEXT];
    (void)state;
    assert_false(addr_is_set(&a));
    assert_int_equal(addr_text(&a, text), 0);
    assert_string_equal(addr_str(&a, text), "none");
    assert_int_equal(addr_parse("192.0.2", &a), -1);
    assert_int_equal(addr_parse("", &a), -1);
    assert_int_equal(addr_parse("2001:db8::g", &a), -1);
}

static void test_mask(void **state)
{
    static const struct {
        const char *in;
        unsigned bits;
        const char *out;
    } rows[] = {
        { "192.0.2.255", 24, "192.0.2.0" },
        { "192.0.2.255", 32, "192.0.2.255" },
        { "192.0.2.255", 99, "192.0.2.255" },
        { "192.0.2.255", 0, "0.0.0.0" },
        { "192.0.2.255", 27, "192.0.2.224" },
        { "2001:db8::ffff", 112, "2001:db8::" },
        { "2001:db8::ffff", 128, "2001:db8::ffff" },
        { "2001:db8:ffff::", 33, "2001:db8:8000::" },
        { "2001:db8::1", 0, "::" },
        { "::1", 64, "::" },
        { "::", 64, "::" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a, want;
        assert_int_equal(addr_parse(rows[i].in, &a), 0);
        assert_int_equal(addr_parse(rows[i].out, &want), 0);
        addr_mask(&a, rows[i].bits);
        assert_true(addr_equal(&a, &want));
    }
    struct addr unset = { { 0 } };
    addr_mask(&unset, 8);
    assert_false(addr_is_set(&unset));
}

static void test_sockaddr(void **state)
{
    static const struct {
        const char *text;
        bool want_v6;
        int family;
        size_t len;
    } rows[] = {
        { "192.0.2.1", false, AF_INET, sizeof(struct sockaddr_in) },
        { "192.0.2.1", true, AF_INET6, sizeof(struct sockaddr_in6) },
        { "0.0.0.0", false, AF_INET, sizeof(struct sockaddr_in) },
        { "2001:db8::1", false, AF_INET6, sizeof(struct sockaddr_in6) },
        { "::", true, AF_INET6, sizeof(struct sockaddr_in6) },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a, back;
        struct sockaddr_storage ss;
        uint16_t port;
        assert_int_equal(addr_parse(rows[i].text, &a), 0);
        assert_int_equal(addr_to_sockaddr(&a, 2100, rows[i].want_v6, &ss), rows[i].len);
        assert_int_equal(ss.ss_family, rows[i].family);
        addr_from_sockaddr((struct sockaddr *)&ss, &back, &port);
        assert_true(addr_equal(&a, &back));
        assert_int_equal(port, 2100);
    }
}

static void test_mac(void **state)
{
    char text[MAC_TEXT + 1] = "";
    (void)state;
    mac_text((const uint8_t[6]){ 0x00, 0x11, 0xa2, 0xff, 0x0f, 0xf0 }, text);
    assert_string_equal(text, "00:11:a2:ff:0f:f0");
}

/* As few octets as an address needs, and the same address back. */
static void test_compact(void **state)
{
    static const struct {
        const char *text;
        uint32_t len;
    } rows[] = { { "10.0.0.1", 4 }, { "0.0.0.0", 4 },      { "255.255.255.255", 4 },  { "::", 16 },
                 { "::1", 16 },     { "2001:db8::1", 16 }, { "::ffff:192.0.2.1", 4 }, { NULL, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a = { 0 }, back;
        uint8_t octets[16];
        if (rows[i].text)
            assert_int_equal(addr_parse(rows[i].text, &a), 0);
        assert_int_equal(addr_compact(&a, octets), rows[i].len);
        addr_expand(octets, rows[i].len, &back);
        assert_true(addr_equal(&a, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_text_is_inet_ntop),
        cmocka_unit_test(test_unset),    cmocka_unit_test(test_mask),
        cmocka_unit_test(test_sockaddr), cmocka_unit_test(test_mac),
        cmocka_unit_test(test_compact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
