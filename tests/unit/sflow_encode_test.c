/* SPDX-License-Identifier: BSD-2-Clause */
/* What the encoder makes is read back by a small decoder that knows nothing of it: lengths, tags, sequence
 * numbers, padding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "base/cursor.h"
#include "sflow/encode.h"

enum { SAMPLES = 64, RECORDS = 8 };

struct seen {
    unsigned datagrams, samples, in_last;
    uint32_t longest, sequence, uptime, sub;
    struct addr agent;
    uint32_t kind[SAMPLES];
    struct cursor body[SAMPLES];   /* behind the sample's tag and length */
    uint8_t octets[SAMPLES][1500]; /* what those point to */
};

static struct addr read_address(struct cursor *c)
{
    struct addr a = { { 0 } };
    uint32_t type = cursor_u32(c);
    if (type == 1)
        addr_set_v4(&a, cursor_take(c, 4));
    else if (type == 2)
        addr_set_v6(&a, cursor_take(c, 16));
    else
        fail_msg("address of type %u", type);
    return a;
}

static void collect(void *arg, const uint8_t *p, uint32_t len)
{
    struct seen *s = arg;
    struct cursor c = cursor_of(p, len);
    assert_true(len <= 1400);
    if (len > s->longest)
        s->longest = len;
    assert_int_equal(cursor_u32(&c), 5);
    s->agent = read_address(&c);
    s->sub = cursor_u32(&c);
    assert_int_equal(cursor_u32(&c), ++s->sequence);
    s->uptime = cursor_u32(&c);
    s->in_last = cursor_u32(&c);
    for (unsigned i = 0; i < s->in_last; i++, s->samples++) {
        assert_true(s->samples < SAMPLES);
        s->kind[s->samples] = cursor_u32(&c);
        uint32_t n = cursor_u32(&c);
        assert_int_equal(n % 4, 0);
        const uint8_t *body = cursor_take(&c, n);
        assert_non_null(body);
        memcpy(s->octets[s->samples], body, n);
        s->body[s->samples] = cursor_of(s->octets[s->samples], n);
    }
    assert_false(c.bad);
    assert_int_equal(cursor_left(&c), 0);
    assert_true(s->in_last > 0);
    s->datagrams++;
}

static struct sflow_encoder *make(struct seen *s, const char *agent)
{
    struct sflow_encoder_conf c = { .sub_agent = 7, .emit = collect, .arg = s };
    *s = (struct seen){ 0 };
    if (agent)
        assert_int_equal(addr_parse(agent, &c.agent), 0);
    struct sflow_encoder *en = sflow_encoder_new(&c, 1000000);
    assert_non_null(en);
    return en;
}

static void words(struct cursor *c, const uint32_t *expect, unsigned n, const char *what)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t v = cursor_u32(c);
        if (v != expect[i])
            fail_msg("%s, word %u: %u is not %u", what, i, v, expect[i]);
    }
    assert_false(c->bad);
}
#define WORDS(c, what, ...)                                                                                  \
    words(c, (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4, what)

static const uint8_t frame[64] = { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 1, 2, 3, 4, 5, 6, 8, 0, 0x45 };

static struct sflow_flow_sample plain(void)
{
    return (struct sflow_flow_sample){ .sequence = 9,
                                       .source = 1,
                                       .rate = 100,
                                       .pool = 900,
                                       .drops = 2,
                                       .input = 5,
                                       .output = SFLOW_IFACE_INTERNAL,
                                       .protocol = SFLOW_PROTO_ETHERNET,
                                       .frame_len = 68,
                                       .stripped = 4,
                                       .header = frame,
                                       .header_len = 61 };
}

static void a_flow_sample(void **state)
{
    (void)state;
    struct seen s;
    struct sflow_encoder *en = make(&s, "192.0.2.77");
    struct sflow_flow_sample fs = plain();
    assert_true(sflow_encoder_since(en) == INT64_MAX);
    sflow_encoder_clock(en, 3500000);
    sflow_encode_flow(en, &fs);
    assert_true(sflow_encoder_since(en) == 3500000);
    sflow_encoder_flush(en);
    sflow_encoder_flush(en); /* nothing is left */
    assert_int_equal(s.datagrams, 1);
    assert_int_equal(s.uptime, 2500);
    assert_int_equal(s.sub, 7);
    assert_true(addr_is_v4(&s.agent) && s.agent.b[15] == 77);
    assert_int_equal(s.kind[0], 1);
    struct cursor c = s.body[0];
    WORDS(&c, "sample", 9, 1, 100, 900, 2, 5, 0x3fffffff, 1);
    WORDS(&c, "record", 1, 16 + 64, 1, 68, 4, 61);
    assert_memory_equal(cursor_take(&c, 61), frame, 61);
    assert_memory_equal(cursor_take(&c, 3), "\0\0\0", 3);
    assert_int_equal(cursor_left(&c), 0);
    sflow_encoder_free(en);
}

static void all_records(void **state)
{
    (void)state;
    struct seen s;
    struct sflow_encoder *en = make(&s, "2001:db8::1");
    struct sflow_flow_sample fs = plain();
    fs.with = SFLOW_WITH_CLASS | SFLOW_WITH_TAG | SFLOW_WITH_GATEWAY | SFLOW_WITH_ROUTER | SFLOW_WITH_SWITCH;
    fs.header_len = 4;
    fs.class_master = 91;
    fs.class_app = 92;
    fs.tag = UINT64_C(0x100000002);
    fs.tag2 = 3;
    addr_parse("198.51.100.1", &fs.next_hop);
    fs.src_as = 64500;
    fs.dst_as = 4200000001u;
    fs.src_mask = 24;
    fs.dst_mask = 16;
    fs.src_vlan = 10;
    fs.src_priority = 5;
    sflow_encode_flow(en, &fs);
    sflow_encoder_flush(en);
    assert_false(addr_is_v4(&s.agent));
    struct cursor c = s.body[0];
    WORDS(&c, "sample", 9, 1, 100, 900, 2, 5, 0x3fffffff, 6);
    WORDS(&c, "header", 1, 20, 1, 68, 4, 4, 0xaabbccdd);
    WORDS(&c, "class", 43874u << 12 | 3, 8, 91, 92);
    WORDS(&c, "tag", 43874u << 12 | 2, 16, 1, 2, 0, 3);
    WORDS(&c, "gateway", 1003, 44, 1, 0xc6336401, 0, 64500, 0, 1, 2, 1, 4200000001u, 0, 0);
    WORDS(&c, "router", 1002, 16, 1, 0xc6336401, 24, 16);
    WORDS(&c, "switch", 1001, 16, 10, 5, 0, 0);
    assert_int_equal(cursor_left(&c), 0);
    fs.with = SFLOW_WITH_GATEWAY;
    fs.dst_as = 0;
    addr_parse("2001:db8::2", &fs.next_hop);
    sflow_encode_flow(en, &fs);
    sflow_encoder_flush(en);
    c = s.body[1];
    cursor_skip(&c, 8 * 4 + 7 * 4);
    WORDS(&c, "no path", 1003, 44, 2, 0x20010db8, 0, 0, 2, 0, 64500, 0, 0, 0, 0);
    sflow_encoder_free(en);
}

static void numbers_of_32_bits(void **state)
{
    (void)state;
    struct seen s;
    struct sflow_encoder *en = make(&s, NULL);
    struct sflow_flow_sample fs = plain();
    fs.expanded = true;
    fs.input = UINT32_MAX;
    fs.header_len = 0;
    sflow_encode_flow(en, &fs);
    sflow_encode_counters(en, 1, true, &(struct sflow_if_counters){ .index = UINT32_MAX });
    sflow_encode_counters(en, 2, false, &(struct sflow_if_counters){ .index = 3 });
    sflow_encoder_flush(en);
    assert_int_equal(s.kind[0], 3);
    WORDS(&s.body[0], "sample", 9, 0, 1, 100, 900, 2, 0, UINT32_MAX, 0, 0x3fffffff, 1, 1, 16, 1, 68, 4, 0);
    assert_int_equal(cursor_left(&s.body[0]), 0);
    assert_int_equal(s.kind[1], 4);
    WORDS(&s.body[1], "counters", 1, 0, UINT32_MAX, 1, 1, 88, UINT32_MAX);
    assert_int_equal(s.kind[2], 2);
    WORDS(&s.body[2], "counters", 2, 3, 1, 1, 88, 3);
    sflow_encoder_free(en);
}

static void counters(void **state)
{
    (void)state;
    struct seen s;
    struct sflow_encoder *en = make(&s, "192.0.2.77");
    const struct sflow_if_counters ic = { 2,
                                          6,
                                          UINT64_C(10000000000),
                                          1,
                                          3,
                                          UINT64_C(0x500000006),
                                          7,
                                          8,
                                          9,
                                          10,
                                          11,
                                          12,
                                          UINT64_C(0xd0000000e),
                                          15,
                                          16,
                                          17,
                                          18,
                                          19,
                                          20 };
    sflow_encode_counters(en, 4, false, &ic);
    sflow_encoder_flush(en);
    assert_int_equal(s.kind[0], 2);
    WORDS(&s.body[0], "counters", 4, 2, 1, 1, 88, 2, 6, 2, 1410065408, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13,
          14, 15, 16, 17, 18, 19, 20);
    assert_int_equal(cursor_left(&s.body[0]), 0);
    sflow_encoder_free(en);
}

/* No datagram is longer than 1400 octets, and none leaves room that the next sample would have had. */
static void full_datagrams(void **state)
{
    (void)state;
    struct seen s;
    struct sflow_encoder *en = make(&s, "2001:db8::1");
    struct sflow_flow_sample fs = plain();
    uint8_t big[SFLOW_ENCODE_HEADER_MAX] = { 1 };
    for (unsigned i = 0; i < 20; i++)
        sflow_encode_flow(en, &fs);
    assert_int_equal(s.datagrams, 1);
    assert_int_equal(s.samples, 10); /* 40 + 10 * (8 + 32 + 8 + 16 + 64) = 1320 */
    sflow_encoder_flush(en);
    assert_int_equal(s.samples, 20);
    fs.header = big;
    fs.header_len = sizeof(big);
    fs.expanded = true;
    fs.with = ~0u;
    fs.dst_as = 1;
    addr_parse("2001:db8::2", &fs.next_hop);
    sflow_encode_flow(en, &fs);
    sflow_encode_flow(en, &fs);
    sflow_encoder_flush(en);
    assert_int_equal(s.datagrams, 4);
    assert_int_equal(s.samples, 22);
    assert_true(s.longest <= 1400);
    sflow_encoder_free(en);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_flow_sample), cmocka_unit_test(all_records),
                                        cmocka_unit_test(numbers_of_32_bits), cmocka_unit_test(counters),
                                        cmocka_unit_test(full_datagrams) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
