/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams taken apart for the replicator, octet by octet: each record a message of its own with a header
 * that is right for it; templates, options, counters and what cannot be decoded for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "fake_worker.h"
#include "netflow/netflow.h"
#include "sflow/collector.h"

struct bench {
    struct worker w;
    const struct decoder_ops *ops;
    void *state;
};

static void bench_open(struct bench *b, const struct decoder_ops *ops)
{
    struct err e;
    fake_worker_init(&b->w);
    fake_worker_need(&b->w, "src_host,dst_host,src_port,dst_port,proto");
    b->w.keep = false;
    b->w.splits = true;
    b->ops = ops;
    b->state = calloc(1, ops->state_size);
    if (ops->open(b->state, &b->w, &e) == -1)
        fail_msg("%s", e.text);
}

static void bench_close(struct bench *b)
{
    b->ops->close(b->state);
    free(b->state);
    fake_worker_free(&b->w);
}

/* Text of hexadecimal digits, blanks between them do not count. */
static size_t octets(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned v;
    for (const char *p = hex; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        assert_int_equal(sscanf(p, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
        p += 2;
    }
    return n;
}

static void feed(struct bench *b, const char *hex)
{
    uint8_t p[2048];
    struct datagram d = { .p = p, .len = (uint32_t)octets(hex, p), .port = 9995, .at_us = 1 };
    addr_parse("192.0.2.1", &d.from);
    b->ops->datagram(b->state, &d);
}

static void expect(const struct bench *b, unsigned i, uint16_t flags, const char *hex)
{
    uint8_t p[2048];
    const size_t len = octets(hex, p);
    assert_true(i < b->w.n_parts);
    assert_int_equal(b->w.part[i].flags, flags);
    assert_int_equal(b->w.part[i].len, len);
    assert_memory_equal(b->w.part[i].octets, p, len);
}

#define V5_HEAD(count, seq) "0005 " count " 0036ee80 6553f100 00000000 " seq " 01 02 0000 "
#define V5_REC(n)                                                                                            \
    "0a0000" n " c0000201 00000000 0001 0002 00000005 00000100 0036ea00 0036eb00 0400 01bb 00 1b 06 00 "     \
    "0000 0000 00 00 0000 "

static void v5(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, &netflow_decoder);
    feed(&b, V5_HEAD("0002", "000000ff") V5_REC("01") V5_REC("02"));
    assert_int_equal(b.w.n_parts, 2);
    expect(&b, 0, 0, V5_HEAD("0001", "000000ff") V5_REC("01"));
    expect(&b, 1, 0, V5_HEAD("0001", "00000100") V5_REC("02"));
    bench_close(&b);
}

#define V9_HEAD(count) "0009 " count " 0036ee80 6553f100 00000007 00000009 "

static void v9(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, &netflow_decoder);
    /* Two templates in one set, options, and data of 5 octets a record. */
    feed(&b, V9_HEAD("0006") "0000 0018 0100 0002 0008 0004 0004 0001 0101 0001 0001 0004 "
                             "0001 0018 0102 0004 0008 0001 0004 0022 0004 0030 0001 0000 "
                             "0102 0010 00000001 00000064 01 000000 "
                             "0100 0010 0a000001 06 0a000002 11 0000 "
                             "03e7 0008 01020304");
    assert_int_equal(b.w.n_parts, 7);
    expect(&b, 0, DATAGRAM_TEMPLATE, V9_HEAD("0001") "0000 0010 0100 0002 0008 0004 0004 0001");
    expect(&b, 1, DATAGRAM_TEMPLATE, V9_HEAD("0001") "0000 000c 0101 0001 0001 0004");
    expect(&b, 2, DATAGRAM_TEMPLATE,
           V9_HEAD("0001") "0001 0018 0102 0004 0008 0001 0004 0022 0004 0030 0001 0000");
    expect(&b, 3, 0, V9_HEAD("0001") "0102 0010 00000001 00000064 01 000000");
    expect(&b, 4, 0, V9_HEAD("0001") "0100 000c 0a000001 06 000000");
    expect(&b, 5, 0, V9_HEAD("0001") "0100 000c 0a000002 11 000000");
    expect(&b, 6, 0, V9_HEAD("0001") "03e7 0008 01020304");
    bench_close(&b);
}

#define IPFIX_HEAD(len, seq) "000a " len " 6553f100 " seq " 00000003 "

static void ipfix(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, &netflow_decoder);
    /* A string of variable length; a template without fields withdraws. */
    feed(&b,
         IPFIX_HEAD(
             "004e",
             "000003e8") "0002 0014 0100 0003 0008 0004 0060 ffff 0002 0004 "
                         "0100 0022 0a000001 03 616263 00000005 0a000002 00 00000006 0a000003 00 00000007 "
                         "0002 0008 0100 0000");
    assert_int_equal(b.w.n_parts, 5);
    expect(&b, 0, DATAGRAM_TEMPLATE,
           IPFIX_HEAD("0024", "000003e8") "0002 0014 0100 0003 0008 0004 0060 ffff 0002 0004");
    expect(&b, 1, 0, IPFIX_HEAD("0020", "000003e8") "0100 0010 0a000001 03 616263 00000005");
    expect(&b, 2, 0, IPFIX_HEAD("001d", "000003e9") "0100 000d 0a000002 00 00000006");
    expect(&b, 3, 0, IPFIX_HEAD("001d", "000003ea") "0100 000d 0a000003 00 00000007");
    expect(&b, 4, DATAGRAM_TEMPLATE, IPFIX_HEAD("0018", "000003eb") "0002 0008 0100 0000");
    bench_close(&b);
}

#define SF_HEAD(n) "00000005 00000001 c0000209 00000001 0000000a 00001000 " n " "
#define SF_FLOW                                                                                              \
    "00000001 00000048 00000001 00000003 00000064 00000064 00000000 00000003 00000004 00000001 "             \
    "00000003 00000020 00000040 00000006 0a000001 0a000002 00000400 000001bb 00000010 00000000 "
#define SF_COUNTERS "00000002 0000000c 00000001 00000003 00000000 "

static void sflow5(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b, &sflow_decoder);
    feed(&b, SF_HEAD("00000003") SF_FLOW SF_COUNTERS SF_FLOW);
    assert_int_equal(b.w.n_parts, 3);
    assert_int_equal(b.w.count, 2);
    expect(&b, 0, 0, SF_HEAD("00000001") SF_FLOW);
    expect(&b, 1, 0, SF_HEAD("00000001") SF_COUNTERS);
    expect(&b, 2, 0, SF_HEAD("00000001") SF_FLOW);
    bench_close(&b);
}

/* Version 4 has no lengths: whole, or not at all. */
static void sflow4(void **state)
{
    static const char *const old = "00000004 00000001 c0000209 0000000a 00001000 00000000";
    struct bench b;
    (void)state;
    bench_open(&b, &sflow_decoder);
    feed(&b, old);
    assert_int_equal(b.w.n_parts, 1);
    expect(&b, 0, 0, old);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(v5), cmocka_unit_test(v9), cmocka_unit_test(ipfix),
                                        cmocka_unit_test(sflow5), cmocka_unit_test(sflow4) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
