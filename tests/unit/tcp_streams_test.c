/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP out of captures: in whatever order segments stand there, octets come in order, each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/cursor.h"
#include "packet/tcp_streams.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct told {
    char text[512];
};

static void say(struct told *t, const char *text, size_t n)
{
    const size_t len = strlen(t->text);
    snprintf(t->text + len, sizeof(t->text) - len, "%.*s", (int)n, text);
}

/* Streams of interest begin with a letter that is a capital. */
static void *on_begin(void *arg, const struct tcp_segment *s)
{
    if (s->p[0] < 'A' || s->p[0] > 'Z')
        return NULL;
    say(arg, "<", 1);
    return arg;
}

static bool on_octets(void *arg, void *stream, const uint8_t *p, size_t n, int64_t at_us)
{
    (void)stream, (void)at_us;
    say(arg, (const char *)p, n);
    return !memchr(p, '!', n);
}

static void on_end(void *arg, void *stream, enum tcp_end why, int64_t at_us)
{
    static const char words[] = { [TCP_END_CLOSED] = '>', [TCP_END_GAP] = '?', [TCP_END_FILE] = '.' };
    (void)stream, (void)at_us;
    say(arg, &words[why], 1);
}

static const struct tcp_streams_ops ops = { .begin = on_begin, .octets = on_octets, .end = on_end };

struct row {
    struct {
        unsigned flags;
        uint32_t seq;
        const char *text;
        uint32_t more;
    } segment[8];
    const char *want;
};

static const struct row rows[] = {
    { { { SYN, 99, "", 0 }, { ACK, 100, "ABC", 0 }, { ACK, 103, "DE", 0 }, { FIN, 105, "F", 0 } },
      "<ABCDEF>" },
    { { { SYN, 99, "", 0 }, { ACK, 103, "DE", 0 }, { FIN, 105, "F", 0 }, { ACK, 100, "ABC", 0 } },
      "<ABCDEF>" },
    /* each once, however segments overlap */
    { { { SYN, 99, "", 0 },
        { ACK, 100, "ABC", 0 },
        { ACK, 100, "ABC", 0 },
        { ACK, 101, "BCDE", 0 },
        { ACK, 100, "A", 0 } },
      "<ABCDE." },
    { { { SYN, 99, "", 0 },
        { ACK, 104, "EF", 0 },
        { ACK, 102, "CDE", 0 },
        { ACK, 104, "EFG", 0 },
        { ACK, 100, "ABC", 0 } },
      "<ABCDEFG." },
    /* sequence numbers begin anew */
    { { { SYN, UINT32_MAX - 1, "", 0 }, { ACK, 1, "CD", 0 }, { ACK, UINT32_MAX, "AB", 0 } }, "<ABCD." },
    /* the capture begins in the middle */
    { { { ACK, 500, "bc", 0 }, { ACK, 502, "DE", 0 }, { ACK, 504, "FG", 0 } }, "<DEFG." },
    { { { ACK, 500, "bc", 0 }, { ACK, 502, "de", 0 } }, "" },
    /* of no interest, to its end */
    { { { SYN, 99, "", 0 },
        { ACK, 100, "a", 0 },
        { ACK, 101, "BC", 0 },
        { FIN, 103, "", 0 },
        { ACK, 500, "D", 0 } },
      "<D." },
    /* octets that are missing; those that were not captured */
    { { { SYN, 99, "", 0 }, { ACK, 100, "AB", 0 }, { ACK, 104, "E", 0 } }, "<AB?" },
    { { { SYN, 99, "", 0 }, { ACK, 100, "AB", 2 }, { ACK, 104, "ef", 0 }, { ACK, 106, "GH", 0 } },
      "<AB?<GH." },
    /* another connection with the same ends; a SYN that was sent twice */
    { { { SYN, 99, "", 0 }, { ACK, 100, "AB", 0 }, { SYN, 999, "", 0 }, { ACK, 1000, "CD", 0 } },
      "<AB><CD." },
    { { { SYN, 99, "", 0 }, { SYN, 99, "", 0 }, { ACK, 100, "AB", 0 } }, "<AB." },
    { { { SYN, 99, "", 0 }, { ACK, 100, "AB", 0 }, { RST, 102, "", 0 }, { ACK, 102, "cd", 0 } }, "<AB>" },
    /* who took it wants no more */
    { { { SYN, 99, "", 0 }, { ACK, 100, "A!", 0 }, { ACK, 102, "BC", 0 }, { FIN, 104, "", 0 } }, "<A!" },
};

static void play(const struct row *r, struct told *t)
{
    struct tcp_streams *ts = tcp_streams_new(&ops, t);
    assert_non_null(ts);
    for (unsigned i = 0; i < 8 && r->segment[i].text; i++) {
        const char *text = r->segment[i].text;
        struct tcp_segment s = { .from_port = 1,
                                 .to_port = 2,
                                 .seq = r->segment[i].seq,
                                 .flags = (uint8_t)r->segment[i].flags,
                                 .len = (uint32_t)strlen(text),
                                 .more = r->segment[i].more };
        uint8_t *exact = malloc(s.len + 1u); /* what is handed on must not lie in the frame's memory later */
        assert_non_null(exact);
        memcpy(exact, text, s.len);
        s.p = exact;
        tcp_streams_take(ts, &s);
        memset(exact, '#', s.len);
        free(exact);
    }
    tcp_streams_clear(ts, 0);
    tcp_streams_free(ts);
}

static void orders(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct told t = { "" };
        play(&rows[i], &t);
        if (strcmp(t.text, rows[i].want) != 0)
            fail_msg("row %u: %s instead of %s", i, t.text, rows[i].want);
    }
}

/* What waits for a segment that never comes is bounded. */
static void bounded(void **state)
{
    static uint8_t octets[60000];
    struct told t = { "" };
    struct tcp_streams *ts = tcp_streams_new(&ops, &t);
    (void)state;
    assert_non_null(ts);
    tcp_streams_take(ts,
                     &(struct tcp_segment){ .flags = ACK, .seq = 1, .p = (const uint8_t *)"A", .len = 1 });
    for (unsigned i = 0; i < 100; i++)
        tcp_streams_take(ts, &(struct tcp_segment){ .flags = ACK,
                                                    .seq = 100 + i * (uint32_t)sizeof(octets),
                                                    .p = octets,
                                                    .len = sizeof(octets) });
    assert_string_equal(t.text, "<A?");
    assert_int_equal(tcp_streams_counts(ts).gaps, 1);
    assert_true(tcp_streams_counts(ts).out_of_order <= TCP_WAITING_MAX / sizeof(octets) + 1);
    tcp_streams_clear(ts, 0);
    tcp_streams_free(ts);
}

/* Connections beside each other, more than the table begins with. */
static void many(void **state)
{
    struct told t = { "" };
    struct tcp_streams *ts = tcp_streams_new(&ops, &t);
    (void)state;
    assert_non_null(ts);
    for (unsigned round = 0; round < 2; round++)
        for (uint16_t i = 1; i <= 200; i++)
            tcp_streams_take(
                ts,
                &(struct tcp_segment){
                    .from_port = i, .flags = ACK, .seq = 7 + round, .p = (const uint8_t *)"A", .len = 1 });
    for (unsigned i = 0; i < 400; i++)
        assert_int_equal(t.text[i], "<A"[i % 2]);

    assert_int_equal(tcp_streams_counts(ts).segments, 400);
    tcp_streams_clear(ts, 0);
    tcp_streams_free(ts);
}

/* Frames: the segment that the decoder found. */
static void frames(void **state)
{
    static const enum field_id reads[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port, FIELD_proto };
    static const struct {
        uint8_t frame[64];
        uint32_t len;
        bool there;
        uint32_t payload, more;
    } cases[] = {
        { { 0x45, 0, 0, 43, 0, 0, 0, 0, 9, 6,    0,    0, 10, 0, 0, 1, 10, 0,   0,   2,   0, 9, 0,
            8,    0, 0, 0,  7, 0, 0, 0, 0, 0x50, 0x10, 0, 0,  0, 0, 0, 0,  'a', 'b', 'c', 0, 0 },
          45,
          true,
          3,
          0 }, /* padding of the frame is none of it */
        { { 0x45, 0, 0, 47, 0, 0, 0, 0, 9, 6,    0,    0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9,  0,
            8,    0, 0, 0,  7, 0, 0, 0, 0, 0x60, 0x10, 0, 0,  0, 0, 0, 0,  1, 1, 1, 1, 'a' },
          45,
          true,
          1,
          2 }, /* options; two octets were not captured */
        { { 0x45, 0, 0, 43, 0, 0, 0x20, 0, 9, 6, 0,    0,    10, 0, 0, 1, 10, 0, 0,   2,   0,  9,
            0,    8, 0, 0,  0, 7, 0,    0, 0, 0, 0x50, 0x10, 0,  0, 0, 0, 0,  0, 'a', 'b', 'c' },
          43,
          false,
          0,
          0 }, /* a fragment */
        { { 0x45, 0, 0, 43, 0, 0, 0, 0, 9, 6, 0,    0,    10, 0, 0, 1, 10, 0, 0,   2,   0,  9,
            0,    8, 0, 0,  0, 7, 0, 0, 0, 0, 0xf0, 0x10, 0,  0, 0, 0, 0,  0, 'a', 'b', 'c' },
          43,
          false,
          0,
          0 }, /* a header longer than the packet */
        { { 0x60, 0, 0, 0,    0, 22, 6, 9, 0x20, 1, 0,    0,    0, 0, 0, 0, 0, 0, 0,   0,  0,
            0,    0, 1, 0x20, 1, 0,  0, 0, 0,    0, 0,    0,    0, 0, 0, 0, 0, 0, 2,   0,  9,
            0,    8, 0, 0,    0, 7,  0, 0, 0,    0, 0x50, 0x10, 0, 0, 0, 0, 0, 0, 'a', 'b' },
          62,
          true,
          2,
          0 },
        { { 0x45, 0, 0, 28, 0, 0, 0, 0, 9, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9, 0, 8, 0, 8 },
          28,
          false,
          0,
          0 },
    };
    struct fieldset needs = { 0 };
    struct packet_decoder d = { 0 };
    struct flow f = { 0 };
    struct err e;
    enum { RAW_IP = 101 };
    (void)state;
    for (unsigned i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        fieldset_add(&needs, reads[i]);
    assert_int_equal(packet_decoder_open(&d, RAW_IP, &(struct packet_options){ .needs = &needs }, &e), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tcp_segment s;
        uint8_t *exact = malloc(cases[i].len);
        assert_non_null(exact);
        memcpy(exact, cases[i].frame, cases[i].len);
        const uint32_t wire = cases[i].len + cases[i].more;
        const bool there = packet_decode(&d, exact, cases[i].len, wire, &f) == PACKET_OK &&
                           tcp_segment_of(&d, &f, exact, cases[i].len, 5, &s);
        assert_int_equal(there, cases[i].there);
        if (there) {
            assert_int_equal(s.len, cases[i].payload);
            assert_int_equal(s.more, cases[i].more);
            assert_int_equal(s.seq, 7);
            assert_int_equal(s.from_port, 9);
            assert_int_equal(s.to_port, 8);
            assert_int_equal(s.flags, 16);
            assert_memory_equal(s.p, "abc", s.len);
        }
        free(exact);
    }
    packet_decoder_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(orders), cmocka_unit_test(bounded),
                                        cmocka_unit_test(many), cmocka_unit_test(frames) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
