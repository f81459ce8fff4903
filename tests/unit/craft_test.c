/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers that tee writes: every field, checksums against a sum made another way, fragments that make up the
 * whole again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "base/craft.h"

/* RFC 1071, word by word in network order. */
static uint32_t plain_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static struct craft craft(const char *from, const char *to, uint32_t len)
{
    struct craft c = { .from_port = 9995, .to_port = 2055, .tos = 5 << 5, .len = len };
    assert_int_equal(addr_parse(from, &c.from), 0);
    assert_int_equal(addr_parse(to, &c.to), 0);
    return c;
}

static void ipv4(void **state)
{
    static const uint8_t expected[] = { 0x45, 0xa0, 0,    28 + 5, 0, 0,     0,   0,  255, 17,
                                        0,    0,    192,  0,      2, 1,     198, 51, 100, 9,
                                        0x27, 0x0b, 0x08, 0x07,   0, 8 + 5, 0,   0 };
    uint8_t h[CRAFT_MAX];
    struct craft c = craft("192.0.2.1", "198.51.100.9", 5);
    (void)state;
    assert_int_equal(craft_headers(&c, h), CRAFT_V4);
    assert_int_equal(plain_sum(0, h, 20), 0xffff);
    h[10] = h[11] = 0;
    assert_memory_equal(h, expected, sizeof(expected));
}

static void ipv6_sum(uint32_t len, unsigned seed)
{
    static uint8_t payload[65536];
    uint8_t h[CRAFT_MAX];
    struct craft c = craft("2001:db8::1", "2001:db8:0:1::9", len);
    srand(seed);
    for (uint32_t i = 0; i < len; i++)
        payload[i] = (uint8_t)rand();
    c.payload_sum = craft_sum(payload, len);
    assert_int_equal(craft_headers(&c, h), CRAFT_V6);
    uint8_t tail[] = { 0, 0, (uint8_t)((8 + len) >> 8), (uint8_t)(8 + len), 0, 0, 0, 17 };
    uint32_t sum = plain_sum(plain_sum(plain_sum(0, h + 8, 32), tail, 8), h + 40, 8);
    assert_int_equal(plain_sum(sum, payload, len), 0xffff);
    assert_true(h[46] || h[47]);
    assert_int_equal(h[0] << 8 | h[1], 0x6a00);
    assert_int_equal(h[4] << 8 | h[5], 8 + len);
    assert_int_equal(h[6], 17);
    assert_int_equal(h[7], 255);
}

static void ipv6(void **state)
{
    static const uint32_t lens[] = { 0, 1, 2, 3, 7, 1464, 1465, 60001, 65527 };
    (void)state;
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        for (unsigned seed = 0; seed < 50; seed++)
            ipv6_sum(lens[i], seed);
}

/* A sum that folds to zero is written as its complement (RFC 8200 §8.1). */
static void no_zero_checksum(void **state)
{
    uint8_t h[CRAFT_MAX], payload[2] = { 0, 0 };
    struct craft c = craft("2001:db8::1", "2001:db8::2", 2);
    (void)state;
    craft_headers(&c, h);
    memcpy(payload, h + 46, 2); /* what is missing to 0xffff goes into the payload */
    c.payload_sum = craft_sum(payload, 2);
    craft_headers(&c, h);
    assert_int_equal(h[46] << 8 | h[47], 0xffff);
}

static void fragments(void **state)
{
    uint8_t h[CRAFT_MAX], f[CRAFT_MAX];
    struct craft c4 = craft("192.0.2.1", "198.51.100.9", 4000),
                 c6 = craft("2001:db8::1", "2001:db8::2", 4000);
    (void)state;
    craft_headers(&c4, h);
    assert_int_equal(craft_fragment(h, 2960, 1048, false, 77, f), 20);
    assert_int_equal(plain_sum(0, f, 20), 0xffff);
    assert_int_equal(f[2] << 8 | f[3], 20 + 1048);
    assert_int_equal(f[4] << 8 | f[5], 77);
    assert_int_equal(f[6] << 8 | f[7], 2960 / 8);
    assert_memory_equal(f + 12, h + 12, 8);
    craft_fragment(h, 0, 1480, true, 77, f);
    assert_int_equal(f[6] << 8 | f[7], 0x2000);
    craft_headers(&c6, h);
    assert_int_equal(craft_fragment(h, 1448, 1448, true, 0x10203, f), 48);
    static const uint8_t ext[] = { 17, 0, 1448 >> 8, (uint8_t)(1448 | 1), 0, 1, 2, 3 };
    assert_memory_equal(f + 40, ext, 8);
    assert_int_equal(f[6], 44);
    assert_int_equal(f[4] << 8 | f[5], 1448 + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ipv4), cmocka_unit_test(ipv6),
                                        cmocka_unit_test(no_zero_checksum), cmocka_unit_test(fragments) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
