/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments of dial-out calls, whole and in parts; gNMI as JSON; every beginning of what is good. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "hex.h"
#include "telemetry/dialout.h"
#include "telemetry/gnmi.h"

enum { MESSAGES = 4 };

/* Messages of one stream, and what comes of each: its octets ("" nothing), or the fault. */
static const struct {
    const char *what;
    enum dialout_kind kind;
    struct {
        const char *hex, *text;
        enum tele_fault fault;
    } m[MESSAGES];
} streams[] = {
    { "whole",
      DIALOUT_CISCO,
      { { "0801"
          "12027b7d",
          "{}", 0 },
        { "12020a00"
          "0801"
          "2002",
          "\n", 0 } } },
    { "signs of life", DIALOUT_CISCO, { { "0801", "", 0 }, { "", "", 0 }, { "1a0178", "", 0 } } },
    { "in parts",
      DIALOUT_CISCO,
      { { "0801"
          "12027b22"
          "2006",
          "", 0 },
        { "0801"
          "12046122 3a7d"
          "2006",
          "{\"a\":}", 0 } } },
    { "another request in between",
      DIALOUT_CISCO,
      { { "0801"
          "12027b22"
          "2006",
          "", 0 },
        { "0802"
          "12027b7d",
          NULL, TELE_FAULT_SEGMENT },
        { "0803"
          "12027b7d",
          "{}", 0 } } },
    { "more than was said",
      DIALOUT_CISCO,
      { { "0801"
          "12027b22"
          "2003",
          "", 0 },
        { "0801"
          "12027b7d"
          "2003",
          NULL, TELE_FAULT_SEGMENT } } },
    { "too long",
      DIALOUT_CISCO,
      { { "0801"
          "12017b"
          "20ffffff7f",
          NULL, TELE_FAULT_TOO_LONG },
        { "12017b", "{", 0 } } },
    { "no protocol buffers",
      DIALOUT_CISCO,
      { { "12ff", NULL, TELE_FAULT_ENCODING }, { "00", NULL, TELE_FAULT_ENCODING } } },
    { "JSON of Huawei",
      DIALOUT_HUAWEI,
      { { "0801"
          "22027b7d",
          "{}", 0 },
        { "12010a", "\n", 0 } } },
    { "gNMI", DIALOUT_GNMI, { { "1801", "\x18\x01", 0 }, { "", "", 0 } } },
};

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct dialout d = { .kind = streams[i].kind };
        for (unsigned n = 0; n < MESSAGES && streams[i].m[n].hex; n++) {
            uint8_t octets[256];
            struct tele_message m = { 0 };
            enum tele_fault why = TELE_FAULT_NONE;
            const char *text = streams[i].m[n].text;
            const size_t len = unhex(streams[i].m[n].hex, octets, sizeof(octets));
            const enum dialout_verdict v = dialout_take(&d, octets, len, &m, &why);
            if (v != (!text   ? DIALOUT_FAULT
                      : *text ? DIALOUT_MESSAGE
                              : DIALOUT_NOTHING) ||
                why != streams[i].m[n].fault ||
                (v == DIALOUT_MESSAGE && (m.len < strlen(text) || memcmp(m.p, text, strlen(text)) != 0)))
                fail_msg("%s: message %u: verdict %d, fault %d", streams[i].what, n, v, why);
        }
        dialout_end(&d);
    }
}

static void test_left(void **state)
{
    (void)state;
    struct dialout d = { .kind = DIALOUT_CISCO };
    struct tele_message m;
    enum tele_fault why;
    uint8_t octets[16];
    const size_t len = unhex("0801 12027b22 2006", octets, sizeof(octets));
    assert_int_equal(dialout_take(&d, octets, len, &m, &why), DIALOUT_NOTHING);
    assert_true(dialout_end(&d));
    assert_int_equal(dialout_kind_of("/mdt_dialout.gRPCMdtDialout/MdtDialout"), DIALOUT_CISCO);
    assert_int_equal(dialout_kind_of("/mdt_dialout.gRPCMdtDialout/"), DIALOUT_NONE);
}

static const struct {
    const char *hex, *json; /* NULL: refused */
} notes[] = {
    { "1801", "{\"sync_response\": true}" },
    { "0a020805", "{\"update\": {\"timestamp\": \"5\"}}" },
    { "0a0d 0805 1209 2201 72 1a04 0a02 6162",
      "{\"update\": {\"timestamp\": \"5\", \"prefix\": \"/ab\", \"target\": \"r\"}}" },
    /* /if[name=a] is 1.5 as float; deleted: the root */
    { "0a1f 221b 0a12 1a10 0a02 6966 120a 0a04 6e616d65 1202 5d61 1a05 350000c03f 2a00",
      "{\"update\": {\"timestamp\": \"0\", \"update\": [{\"path\": \"/if[name=\\\\]a]\", \"val\": 1.5}], "
      "\"delete\": [\"/\"]}}" },
    { "0a06 2204 1a02 2801",
      "{\"update\": {\"timestamp\": \"0\", \"update\": [{\"path\": \"/\", \"val\": \"1\"}]}}" },
    { "0a07 2205 1a03 520161", NULL }, /* json_val that is none */
    { "", NULL },
    { "0a05", NULL },
};

static void test_gnmi(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        uint8_t octets[256];
        struct strbuf out;
        strbuf_init(&out, 1 << 16);
        const size_t len = unhex(notes[i].hex, octets, sizeof(octets));
        const int rc = gnmi_json(octets, len, &out);
        if (rc != (notes[i].json ? 0 : -1) || (!rc && strcmp(strbuf_cstr(&out), notes[i].json) != 0))
            fail_msg("%s: %d, %s", notes[i].hex, rc, strbuf_cstr(&out));
        for (size_t n = 0; n < len; n++) { /* in memory of its own: no octet behind it may be read */
            uint8_t *cut = malloc(n + 1);
            memcpy(cut, octets, n);
            strbuf_clear(&out);
            gnmi_json(cut, n, &out);
            free(cut);
        }
        strbuf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_gnmi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
