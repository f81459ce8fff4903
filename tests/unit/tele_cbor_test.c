/* SPDX-License-Identifier: BSD-2-Clause */
/* CBOR as JSON: examples of RFC 8949 appendix A and RFC 9254, what is no CBOR, every beginning of what is. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "hex.h"
#include "telemetry/cbor.h"

static const struct {
    const char *hex, *json; /* NULL: refused */
} rows[] = {
    /* RFC 8949 appendix A */
    { "00", "0" },
    { "17", "23" },
    { "1818", "24" },
    { "1903e8", "1000" },
    { "1a000f4240", "1000000" },
    { "1b000000e8d4a51000", "1000000000000" },
    { "1bffffffffffffffff", "\"18446744073709551615\"" },
    { "3bffffffffffffffff", "\"-18446744073709551616\"" },
    { "20", "-1" },
    { "3903e7", "-1000" },
    { "1b001fffffffffffff", "9007199254740991" },
    { "1b0020000000000000", "\"9007199254740992\"" },
    { "f90000", "0" },
    { "f93c00", "1" },
    { "f93e00", "1.5" },
    { "f97bff", "65504" },
    { "f90001", "5.96046448e-08" },
    { "f9c400", "-4" },
    { "fa47c35000", "100000" },
    { "fb3ff199999999999a", "1.1000000000000001" },
    { "f97c00", "null" },
    { "f97e00", "null" },
    { "fb7ff0000000000000", "null" },
    { "f4", "false" },
    { "f5", "true" },
    { "f6", "[null]" },
    { "f7", "null" },
    { "f0", "16" },
    { "f8ff", "255" },
    { "40", "\"\"" },
    { "4401020304", "\"AQIDBA==\"" },
    { "60", "\"\"" },
    { "6449455446", "\"IETF\"" },
    { "62225c", "\"\\\"\\\\\"" },
    { "62c3bc", "\"\xc3\xbc\"" },
    { "80", "[]" },
    { "8301820203820405", "[1, [2, 3], [4, 5]]" },
    { "a0", "{}" },
    { "a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}" },
    { "826161a161626163", "[\"a\", {\"b\": \"c\"}]" },
    { "5f42010243030405ff", "\"AQIDBAU=\"" },
    { "7f657374726561646d696e67ff", "\"streaming\"" },
    { "9fff", "[]" },
    { "9f018202039f0405ffff", "[1, [2, 3], [4, 5]]" },
    { "bf61610161629f0203ffff", "{\"a\": 1, \"b\": [2, 3]}" },
    { "c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\"" },
    /* RFC 9254 §6.3: decimal64; SIDs of §4.2.1: keys are deltas to the parent's */
    { "c48221190101", "\"2.57\"" },
    { "c48221390100", "\"-2.57\"" },
    { "c4822007", "\"0.7\"" },
    { "c482000a", "\"10\"" },
    { "c4820301", "\"1e3\"" },
    { "a11906b8a20100026475736572", "{\"1720\": {\"1721\": 0, \"1722\": \"user\"}}" },
    { "a11906b8a1d82f1903e801", "{\"1720\": {\"1000\": 1}}" },
    { "a11906b8a1617801", "{\"1720\": {\"x\": 1}}" },
    { "a1382901", "{\"-42\": 1}" },
    { "d82d6e69616e612d69662d747970653a78", "\"iana-if-type:x\"" },
    { "d82b4101", "\"AQ==\"" },
    /* no CBOR */
    { "", NULL },
    { "0000", NULL },         /* something behind */
    { "1c", NULL },           /* reserved */
    { "1f", NULL },           /* an integer without end */
    { "df00", NULL },         /* a tag without end */
    { "ff", NULL },           /* a break that ends nothing */
    { "81ff", NULL },         /* within an array of fixed length */
    { "bf61610161ff", NULL }, /* within a member */
    { "5f6161ff", NULL },     /* text within octets */
    { "7f4161ff", NULL },
    { "7f7f6161ffff", NULL }, /* chunks within chunks */
    { "a1f401", NULL },       /* a name that is none */
    { "a1d82f616101", NULL }, /* a SID that is text */
    { "c401", NULL },
    { "c4820101ff", NULL },
    { "9b7fffffffffffffff00", NULL }, /* a count beyond all there is */
    { "7b7fffffffffffffff00", NULL },
    { "bb7fffffffffffffff", NULL },
};

static void examples(void **state)
{
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[256];
        const size_t n = unhex(rows[i].hex, octets, sizeof(octets));
        strbuf_clear(&s);
        const int rc = cbor_json(octets, n, &s);
        if (rc != (rows[i].json ? 0 : -1) || (rc == 0 && strcmp(strbuf_cstr(&s), rows[i].json)))
            fail_msg("%s: %d, %s", rows[i].hex, rc, strbuf_cstr(&s));
    }
    strbuf_free(&s);
}

/* The octets of an item tell its end: no beginning of it is one. */
static void beginnings(void **state)
{
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[256];
        const size_t n = unhex(rows[i].hex, octets, sizeof(octets));
        for (size_t cut = 0; rows[i].json && cut < n; cut++) {
            uint8_t *copy = malloc(cut + 1);
            memcpy(copy, octets, cut);
            strbuf_clear(&s);
            if (cbor_json(copy, cut, &s) != -1)
                fail_msg("%s: %zu octets of it", rows[i].hex, cut);
            free(copy);
        }
    }
    strbuf_free(&s);
}

static void depth(void **state)
{
    uint8_t octets[80];
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 1000);
    memset(octets, 0x81, sizeof(octets));
    octets[63] = 0;
    assert_int_equal(cbor_json(octets, 64, &s), 0);
    octets[63] = 0x81;
    octets[64] = 0;
    strbuf_clear(&s);
    assert_int_equal(cbor_json(octets, 65, &s), -1);
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(examples), cmocka_unit_test(beginnings),
                                        cmocka_unit_test(depth) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
