/* SPDX-License-Identifier: BSD-2-Clause */
/* Origin validation against a naive search, and files of ROAs as validators write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "rpki/roa.h"

static uint64_t random_state = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % n);
}

static struct vrp vrp(const char *text, unsigned max, uint32_t as)
{
    char buf[64];
    struct addr a;
    struct vrp v;
    struct err e;
    snprintf(buf, sizeof(buf), "%s", text);
    char *slash = strchr(buf, '/');
    *slash = '\0';
    assert_int_equal(addr_parse(buf, &a), 0);
    assert_int_equal(vrp_make(&v, &a, (unsigned)atoi(slash + 1), max, as, NULL, &e), 0);
    return v;
}

/* RFC 6811 §2, word for word. */
static enum roa_state naive(const struct vrp *v, size_t n, const struct addr *prefix, unsigned bits,
                            uint32_t origin)
{
    enum roa_state state = ROA_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        struct addr cut = *prefix;
        if (v[i].v4 != addr_is_v4(prefix) || v[i].bits > bits)
            continue;
        addr_mask(&cut, v[i].bits);
        if (!addr_equal(&cut, &v[i].prefix))
            continue;
        if (bits <= v[i].max && v[i].as == origin && origin)
            return ROA_VALID;
        state = ROA_INVALID;
    }
    return state;
}

static struct addr random_prefix(unsigned *bits)
{
    static const uint8_t octets[] = { 0, 1, 128, 255 };
    uint8_t o[16] = { 0 };
    struct addr a;
    const bool v4 = rnd(2);
    for (unsigned i = 0; i < 16; i++)
        o[i] = octets[rnd(i < 2 ? 2 : 4)];
    o[0] = 0x20;
    if (v4)
        addr_set_v4(&a, o);
    else
        addr_set_v6(&a, o);
    *bits = v4 ? rnd(33) : rnd(3) ? rnd(65) : rnd(129);
    addr_mask(&a, *bits);
    return a;
}

static void states_are_those_of_a_naive_search(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        struct vrp v[300], copy[300];
        const size_t n = 1 + rnd(300);
        for (size_t i = 0; i < n; i++) {
            unsigned bits;
            struct err e;
            struct addr a = random_prefix(&bits);
            const unsigned most = addr_is_v4(&a) ? 32 : 128;
            assert_int_equal(vrp_make(&v[i], &a, bits, bits + rnd(most - bits + 1), rnd(4), NULL, &e), 0);
        }
        memcpy(copy, v, sizeof(v));
        struct roa_table *t = roa_build(copy, n);
        assert_non_null(t);
        for (unsigned i = 0; i < 2000; i++) {
            unsigned bits;
            struct addr a = random_prefix(&bits);
            const uint32_t origin = rnd(4);
            assert_int_equal(roa_validate(t, &a, bits, origin, true), naive(v, n, &a, bits, origin));
        }
        roa_put(t);
    }
}

static void rules_of_the_rfc(void **state)
{
    (void)state;
    struct vrp v[] = { vrp("192.0.2.0/24", 24, 64496), vrp("10.0.0.0/8", 16, 64500),
                       vrp("10.1.0.0/16", 16, 64501),  vrp("10.1.0.0/16", 16, 64501),
                       vrp("198.51.100.0/24", 32, 0),  vrp("2001:db8::/32", 48, 64496) };
    struct roa_table *t = roa_build(v, 6);
    static const struct {
        const char *addr;
        unsigned bits;
        uint32_t origin;
        bool has;
        enum roa_state state;
    } rows[] = {
        { "192.0.2.0", 24, 64496, true, ROA_VALID },     { "192.0.2.0", 24, 64497, true, ROA_INVALID },
        { "192.0.2.128", 25, 64496, true, ROA_INVALID }, /* too specific */
        { "192.0.0.0", 16, 64496, true, ROA_UNKNOWN },   /* less specific */
        { "10.1.0.0", 16, 64500, true, ROA_VALID },      /* not only by the longest */
        { "10.1.0.0", 16, 64501, true, ROA_VALID },      { "10.2.0.0", 16, 64501, true, ROA_INVALID },
        { "10.2.0.0", 16, 64500, false, ROA_INVALID }, /* a set at the end */
        { "198.51.100.0", 24, 0, true, ROA_INVALID },  /* AS 0: nobody */
        { "2001:db8:1::", 48, 64496, true, ROA_VALID },  { "2001:db9::", 32, 64496, true, ROA_UNKNOWN }
    };
    assert_int_equal(roa_count(t), 5);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;
        addr_parse(rows[i].addr, &a);
        if (roa_validate(t, &a, rows[i].bits, rows[i].origin, rows[i].has) != rows[i].state)
            fail_msg("row %u", i);
    }
    roa_put(t);
}

static void on_bad(void *arg, const char *what)
{
    char *all = arg;
    strncat(all, what, 900 - strlen(all));
    strncat(all, ";", 1000 - strlen(all));
}

static void files_of_validators(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t n; /* UINT64_MAX: refused */
        const char *bad;
    } rows[] = {
        { "{\"roas\":[]}", 0, "" },
        { "{\"metadata\":{\"a\":[1,{\"b\":\"x\\\"]}\"}]},\"roas\":[{\"asn\":64496,\"prefix\":\"192.0.2.0/"
          "24\",\"maxLength\":24,"
          "\"ta\":\"arin\",\"expires\":99}]}",
          0, "" },
        { "{\"roas\":[{\"asn\":64496,\"prefix\":\"192.0.2.0/24\",\"maxLength\":24,\"expires\":4000}]}", 1,
          "" },
        { " { \"roas\" : [ { \"asn\" : \"AS64496\" , \"prefix\" : \"2001:db8::/32\" } ] } ", 1, "" },
        { "{\"roas\":[{\"asn\":\"64496\",\"prefix\":\"10.0.0.0/"
          "8\",\"maxLength\":\"9\",\"source\":[{\"a\":1}]},"
          "{\"asn\":1,\"prefix\":\"10.0.0.0/8\",\"maxLength\":9}],\"x\":null}",
          2, "" },
        { "{\"roas\":[{\"prefix\":\"10.0.0.0/8\"},{\"asn\":1},{\"asn\":\"ASx\",\"prefix\":\"10.0.0.0/"
          "8\"},7]}",
          0,
          "ROA #1: no 'asn' element;ROA #2: no 'prefix' element;ROA #3: bad 'asn' 'ASx';ROA #4: not an "
          "object;" },
        { "{\"roas\":[{\"asn\":1,\"prefix\":\"10.0.0.0/8\",\"maxLength\":7},{\"asn\":1,\"prefix\":\"10.0.0.0/"
          "33\"},"
          "{\"asn\":1,\"prefix\":\"10.0.0.0\"},{\"asn\":1,\"prefix\":\"10.0.0.0/8\",\"maxLength\":33}]}",
          0,
          "ROA #1: a maximum length of 7 for a prefix of 8 bits;ROA #2: a maximum length of 33 for a prefix "
          "of 33 bits;"
          "ROA #3: bad 'prefix' '10.0.0.0';ROA #4: a maximum length of 33 for a prefix of 8 bits;" },
        { "{\"roas\":[{\"asn\":1,\"prefix\":\"10.0.0.1/8\"}]}", 1,
          "ROA #1: bits behind the prefix are not zero, taken without them: '10.0.0.1';" },
        { "{}", UINT64_MAX, NULL },
        { "[]", UINT64_MAX, NULL },
        { "", UINT64_MAX, NULL },
        { "{\"roas\":[{\"asn\":1,\"prefix\":\"10.0.0.0/8\"", UINT64_MAX, NULL },
        { "{\"roas\":[{\"asn\":1,\"prefix\":\"10.0", UINT64_MAX, NULL },
        { "{\"roas\":{}}", UINT64_MAX, NULL },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char all[1024] = "";
        struct err e = { 0 };
        struct roa_table *t = roa_parse(rows[i].text, strlen(rows[i].text), 1000, on_bad, all, &e);
        if ((t ? roa_count(t) : UINT64_MAX) != rows[i].n || (rows[i].bad && strcmp(all, rows[i].bad) != 0))
            fail_msg("row %u: %s %s", i, all, e.text);
        roa_put(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_those_of_a_naive_search),
        cmocka_unit_test(rules_of_the_rfc),
        cmocka_unit_test(files_of_validators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
