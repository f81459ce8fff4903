/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP-notif: headers of all drafts, options, segments in any order, twice, missing; floods; message ids that
 * tell of losses. What notif.c calls of the collector is here and writes down what it is given. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cursor.h"
#include "telemetry/notif.h"
#include "telemetry/telemetry.h"

static struct strbuf said;

void tele_take(struct telemetry *t, struct tele_peer *p, const struct tele_message *m)
{
    static const char *const words[] = { [TELE_JSON] = "json",
                                         [TELE_GPB] = "gpb",
                                         [TELE_CBOR] = "cbor",
                                         [TELE_XML] = "xml",
                                         [TELE_OTHER] = "other" };
    (void)t, (void)p;
    strbuf_printf(&said, "%s:", words[m->encoding]);
    strbuf_add(&said, m->p, m->len < 100 ? m->len : 100);
    strbuf_char(&said, ' ');
}

void tele_fault(struct telemetry *t, struct tele_peer *p, enum tele_fault why)
{
    (void)t;
    p->counts.faults[why]++;
    strbuf_printf(&said, "!%s ", tele_fault_name(why));
}

struct fixture {
    struct telemetry t;
    struct telemetry_keys k;
    struct tele_peer p;
    struct log log;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->t.k = &f->k;
    f->t.log = &f->log;
    f->t.mono_us = 1000000;
    f->t.pool = (struct reassembly_pool){ .max = 1 << 20, .gave_up = notif_gave_up, .arg = &f->t };
    f->t.say_incomplete.next_us = INT64_MAX; /* nothing on stderr */
    strbuf_init(&f->t.whole, TELE_MESSAGE_MAX);
    strbuf_init(&said, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    notif_forget(&f->t, &f->p);
    assert_int_equal(f->t.pool.octets, 0);
    assert_null(f->t.pool.oldest);
    strbuf_free(&f->t.whole);
    strbuf_free(&said);
    free(f);
    return 0;
}

static void assert_said(const char *want)
{
    assert_string_equal(strbuf_cstr(&said), want);
    strbuf_clear(&said);
}

/* The header of the current draft with options given as octets. */
static size_t notif(uint8_t *to, uint8_t first, uint32_t publisher, uint32_t id, const void *options,
                    size_t n_options, const char *payload)
{
    const size_t len = strlen(payload);
    to[0] = first;
    to[1] = (uint8_t)(12 + n_options);
    put_be16(to + 2, (uint16_t)(12 + n_options + len));
    put_be32(to + 4, publisher);
    put_be32(to + 8, id);
    if (n_options)
        memcpy(to + 12, options, n_options);
    memcpy(to + 12 + n_options, payload, len);
    return 12 + n_options + len;
}

static void deliver(struct fixture *f, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n + 1); /* what lies beyond is not read */
    memcpy(copy, p, n);
    notif_datagram(&f->t, &f->p, copy, n);
    free(copy);
}

static void whole(struct fixture *f, uint32_t publisher, uint32_t id, const char *payload)
{
    uint8_t p[2000];
    deliver(f, p, notif(p, 0x21, publisher, id, NULL, 0, payload));
}

static void part(struct fixture *f, uint32_t publisher, uint32_t id, unsigned number, bool last,
                 const char *payload)
{
    uint8_t p[2000], option[4] = { 1, 4 };
    put_be16(option + 2, (uint16_t)(number << 1 | last));
    deliver(f, p, notif(p, 0x21, publisher, id, option, sizeof(option), payload));
}

/* ---- headers */

static void media_types(void **state)
{
    struct fixture *f = *state;
    uint8_t p[100];
    for (uint8_t type = 0; type <= 4; type++)
        deliver(f, p, notif(p, 0x20 | type, 1, type, NULL, 0, "x"));
    deliver(f, p, notif(p, 0x31, 1, 5, NULL, 0, "x")); /* of the private space */
    assert_said("other:x json:x xml:x cbor:x other:x other:x ");
    f->k.notif_legacy = true;
    for (uint8_t type = 0; type <= 3; type++)
        deliver(f, p, notif(p, 0x20 | type, 1, 6u + type, NULL, 0, "x"));
    assert_said("cbor:x json:x xml:x other:x ");
}

static void old_header(void **state)
{
    struct fixture *f = *state;
    uint8_t p[20] = { 0 };
    for (uint8_t type = 0; type <= 4; type++) {
        p[1] = type;
        put_be16(p + 2, 14);
        put_be32(p + 8, type);
        memcpy(p + 12, "yz", 2);
        deliver(*state, p, 14);
    }
    assert_said("gpb:yz cbor:yz json:yz xml:yz other:yz ");
    put_be16(p + 2, 11);
    deliver(f, p, 14);
    put_be16(p + 2, 15);
    deliver(f, p, 14);
    assert_said("!header !header ");
}

static void lengths(void **state)
{
    struct fixture *f = *state;
    uint8_t p[100];
    size_t n = notif(p, 0x21, 1, 1, NULL, 0, "{}");
    deliver(f, p, n + 3); /* octets behind are ignored */
    assert_said("json:{} ");
    for (size_t cut = 0; cut < n; cut++) {
        deliver(f, p, cut);
        assert_said("!header ");
    }
    put_be16(p + 2, 12);
    deliver(f, p, n); /* no payload is legal */
    assert_said("");
    p[1] = 11;
    deliver(f, p, n);
    p[1] = 13;
    deliver(f, p, n);
    assert_said("!header !header ");
    p[0] = 0x41; /* version 2 */
    p[1] = 12;
    deliver(f, p, n);
    assert_said("!header ");
}

static void options(void **state)
{
    struct fixture *f = *state;
    uint8_t p[100];
    deliver(f, p,
            notif(p, 0x21, 1, 1,
                  "\x63\x05zzz\x02\x04"
                  "ab",
                  9, "{1}")); /* unknown ones */
    deliver(f, p, notif(p, 0x21, 1, 2, "\x63\x02", 2, "{2}"));
    assert_said("json:{1} json:{2} ");
    deliver(f, p, notif(p, 0x21, 1, 3, "\x63\x01", 2, "{}")); /* too short */
    deliver(f, p, notif(p, 0x21, 1, 3, "\x63\x00", 2, "{}"));
    deliver(f, p, notif(p, 0x21, 1, 3, "\x63\x05z", 3, "{}"));    /* longer than the header */
    deliver(f, p, notif(p, 0x21, 1, 3, "\x63", 1, "{}"));         /* half an option */
    deliver(f, p, notif(p, 0x21, 1, 3, "\x01\x03\x00", 3, "{}")); /* a segment option of another length */
    deliver(f, p, notif(p, 0x21, 1, 3, "\x01\x05\x00\x00\x00", 5, "{}"));
    assert_said("!header !header !header !header !header !header ");
}

/* ---- segments */

/* All orders of four segments. */
static void any_order(void **state)
{
    struct fixture *f = *state;
    static const char *const text[] = { "{\"a\"", ":[1,", "2,3", "]}" };
    uint32_t id = 0;
    for (unsigned code = 0; code < 256; code++) {
        const unsigned order[] = { code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 };
        unsigned seen = 0;
        for (unsigned i = 0; i < 4; i++)
            seen |= 1u << order[i];
        if (seen != 15)
            continue;
        id++;
        for (unsigned i = 0; i < 4; i++)
            part(f, 9, id, order[i], order[i] == 3, text[order[i]]);
        assert_said("json:{\"a\":[1,2,3]} ");
    }
    assert_int_equal(id, 24);
}

static void a_single_segment(void **state)
{
    part(*state, 1, 1, 0, true, "{}");
    assert_said("json:{} ");
}

/* Two publishers, two messages of each, all mixed. */
static void interleaved(void **state)
{
    struct fixture *f = *state;
    for (unsigned number = 0; number < 2; number++)
        for (uint32_t publisher = 1; publisher <= 2; publisher++)
            for (uint32_t id = 1; id <= 2; id++) {
                char text[16];
                snprintf(text, sizeof(text), "%u%u%c", publisher, id, number ? 'b' : 'a');
                part(f, publisher, id, number, number == 1, text);
            }
    assert_said("json:11a11b json:12a12b json:21a21b json:22a22b ");
}

static void twice(void **state)
{
    struct fixture *f = *state;
    part(f, 1, 1, 1, true, "b");
    part(f, 1, 1, 1, true, "b");
    part(f, 1, 1, 0, false, "a");
    assert_said("json:ab ");
    part(f, 1, 1, 0, false, "a"); /* late, of a message that is complete */
    part(f, 1, 1, 1, true, "b");
    assert_said("");
    assert_null(f->t.pool.oldest);
    f->t.mono_us += REASSEMBLY_US + 1; /* the publisher begins anew with the same id */
    part(f, 1, 1, 0, false, "c");
    part(f, 1, 1, 1, true, "d");
    assert_said("json:cd ");
}

static void missing(void **state)
{
    struct fixture *f = *state;
    part(f, 1, 1, 0, false, "a");
    part(f, 1, 1, 2, true, "c");
    f->t.mono_us += REASSEMBLY_US / 2;
    part(f, 1, 2, 0, false, "x");
    reassembly_expire(&f->t.pool, f->t.mono_us);
    assert_int_equal(f->t.total.faults[TELE_FAULT_INCOMPLETE], 0);
    f->t.mono_us += REASSEMBLY_US / 2 + 1;
    reassembly_expire(&f->t.pool, f->t.mono_us);
    assert_int_equal(f->t.total.faults[TELE_FAULT_INCOMPLETE], 1);
    part(f, 1, 2, 1, true, "y"); /* the other one is not too late */
    assert_said("json:xy ");
}

static void contradictions(void **state)
{
    struct fixture *f = *state;
    uint8_t p[100];
    part(f, 1, 1, 1, true, "b"); /* two that are last */
    part(f, 1, 1, 2, true, "c");
    assert_said("!segment ");
    part(f, 1, 2, 1, true, "b"); /* one behind the last */
    part(f, 1, 2, 3, false, "d");
    assert_said("!segment ");
    part(f, 1, 3, 3, false, "d");
    part(f, 1, 3, 1, true, "b");
    assert_said("!segment ");
    part(f, 1, 4, 0, false, "a"); /* another media type */
    deliver(f, p, notif(p, 0x23, 1, 4, "\x01\x04\x00\x03", 4, "b"));
    assert_said("!segment ");
    assert_null(f->t.pool.oldest);
}

/* First segments that are never followed by others: memory stays bounded, and what comes whole gets through.
 */
static void flood(void **state)
{
    struct fixture *f = *state;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (uint32_t i = 0; i < 20000; i++) {
        part(f, i % 100, i, i % 3 ? 0 : 32766, false, text);
        if (f->t.pool.octets > f->t.pool.max)
            fail_msg("%zu octets after %u", f->t.pool.octets, i);
    }
    assert_said("");
    const uint64_t given_up = f->t.total.faults[TELE_FAULT_INCOMPLETE];
    assert_true(given_up > 18000);
    part(f, 1000, 1, 1, true, "b}");
    part(f, 1000, 1, 0, false, "{a");
    assert_said("json:{ab} ");
    notif_forget(&f->t, &f->p);
    assert_int_equal(f->t.total.faults[TELE_FAULT_INCOMPLETE], 20000);
}

/* One publisher may have so many, however much memory there is. */
static void too_many_of_one(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i <= REASSEMBLY_MESSAGES; i++)
        part(f, 1, i, 0, false, "a");
    assert_int_equal(f->t.total.faults[TELE_FAULT_INCOMPLETE], 1);
    part(f, 1, 0, 1, true, "b"); /* the oldest has gone */
    part(f, 1, 2, 1, true, "b");
    assert_said("json:ab ");
}

/* As many segments as numbers allow, in the worst order. */
static void all_numbers(void **state)
{
    struct fixture *f = *state;
    f->t.pool.max = 16 << 20;
    for (unsigned i = 32768; i-- > 0;)
        part(f, 1, 1, i, i == 32767, "z");
    char want[110] = "json:";
    memset(want + 5, 'z', 100);
    strcpy(want + 105, " ");
    assert_said(want);
}

/* ---- losses */

static uint64_t lost_of(struct fixture *f)
{
    char text[4096] = "";
    FILE *pipe = tmpfile();
    const int err = dup(2);
    dup2(fileno(pipe), 2);
    notif_stats(&f->t, &f->p);
    dup2(err, 2);
    close(err);
    rewind(pipe);
    (void)!fread(text, 1, sizeof(text) - 1, pipe);
    fclose(pipe);
    const char *at = strstr(text, "lost=");
    assert_non_null(at);
    return strtoull(at + 5, NULL, 10);
}

static void losses(void **state)
{
    static const struct {
        uint32_t id;
        uint64_t lost;
    } rows[] = {
        { 10, 0 },  { 11, 0 },  { 14, 2 },           { 12, 1 },           { 12, 1 },
        { 14, 1 },  { 15, 1 },  { 13, 0 },           { 115, 99 },         { 114, 98 },
        { 51, 97 }, { 50, 97 }, { 4000000000u, 97 }, { 4000000001u, 97 }, /* the publisher has begun anew */
        { 0, 97 },  { 1, 97 },  { UINT32_MAX, 97 },  { 2, 97 },           { 4, 98 },
    };
    struct fixture *f = *state;
    log_init(&f->log, NULL, "default", "core", false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        whole(f, 3, rows[i].id, "{}");
        const uint64_t lost = lost_of(f);
        if (lost != rows[i].lost)
            fail_msg("row %zu: id %u, lost %llu", i, rows[i].id, (unsigned long long)lost);
    }
}

/* A message in segments counts once. */
static void segments_are_one(void **state)
{
    struct fixture *f = *state;
    whole(f, 3, 1, "{}");
    part(f, 3, 2, 1, true, "}");
    whole(f, 3, 3, "{}");
    part(f, 3, 2, 0, false, "{");
    whole(f, 3, 4, "{}");
    assert_int_equal(lost_of(f), 0);
}

static void many_publishers(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 100000; i++)
        part(f, i, 1, 0, false, "{");
    assert_true(f->t.total.faults[TELE_FAULT_INCOMPLETE] >= 100000 - 256);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(media_types),     T(old_header), T(lengths),
        T(options),         T(any_order),  T(a_single_segment),
        T(interleaved),     T(twice),      T(missing),
        T(contradictions),  T(flood),      T(too_many_of_one),
        T(all_numbers),     T(losses),     T(segments_are_one),
        T(many_publishers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
