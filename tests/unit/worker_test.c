/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker: filters, tags, sampling and sums for each plugin, and a ledger whose identities hold to the
 * record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "core/datagram.h"
#include "core/input.h"
#include "core/outlet.h"

enum { PLUGINS = 4 };

struct bench {
    struct config core;
    struct plugin_conf conf[PLUGINS];
    struct outlet out[PLUGINS];
    struct worker *w;
    struct log log;
    unsigned n;
};

static void add_sharded(struct bench *b, const char *list, const struct config *c, unsigned shards)
{
    struct aggregate_spec spec;
    struct err e = { 0 };
    bool dropped;
    struct plugin_conf *pc = &b->conf[b->n];
    strcpy(pc->type, "print");
    strcpy(pc->name, "test");
    pc->c = *c;
    assert_int_equal(aggregate_parse(list, 'N', &spec, &dropped, &e), 0);
    if (outlet_open(&b->out[b->n++], pc, &spec, shards, &e) == -1)
        fail_msg("%s", e.text);
}

static void add(struct bench *b, const char *list, const struct config *c) { add_sharded(b, list, c, 1); }

static void go(struct bench *b)
{
    log_init(&b->log, NULL, "default", "core", false);
    b->w = worker_new(&b->core, &b->log, b->out, b->n);
}

static void done(struct bench *b)
{
    worker_free(b->w);
    for (unsigned i = 0; i < b->n; i++)
        outlet_close(&b->out[i]);
}

static struct flow flow(uint16_t port)
{
    struct flow f = {
        .src_port = 1000, .dst_port = port, .proto = 17, .packets = 2, .bytes = 100, .flows = 1, .tag = port
    };
    addr_parse("10.0.0.1", &f.src_host);
    addr_parse("10.0.0.2", &f.dst_host);
    return f;
}

static struct sums drain(struct outlet *o)
{
    size_t bytes;
    struct sums s = { 0 };
    uint8_t *p = ring_peek(o->ring, &bytes);
    for (size_t at = 0; at < bytes; at += record_size((struct record *)(p + at))) {
        const struct record *r = (const struct record *)(p + at);
        sums_add(&s, &(struct sums){ 1, r->packets, r->bytes, r->flows });
    }
    ring_release(o->ring, bytes, &s);
    return s;
}

/* accounted = filtered + sampled out + lost by reason + handed over, in records, packets, bytes and flows. */
static void assert_identity(const struct outlet *o)
{
    struct ring_ledger l;
    struct sums all = { 0 };
    ring_ledger(o->ring, &l);
    sums_add(&all, &l.handed);
    for (unsigned i = 0; i < LOSS_MAX; i++)
        sums_add(&all, &o->loss[i]);
    assert_memory_equal(&all, &o->accounted, sizeof(all));
}

static void each_plugin_gets_its_own(void **state)
{
    (void)state;
    struct bench b = { 0 };
    struct flow f;
    add(&b, "src_host,dst_port", &(struct config){ 0 });
    add(&b, "dst_port", &(struct config){ .aggregate_filter = "dst port 53" });
    add(&b, "tag", &(struct config){ .pre_tag_filter = "80-90" });
    add(&b, "tag", &(struct config){ .post_tag = 7 });
    go(&b);
    assert_true(fieldset_has(worker_needs(b.w), FIELD_proto)); /* the filter reads it */
    for (uint16_t i = 0; i < 10; i++) {
        f = flow(i % 2 ? 53 : 80);
        worker_flow(b.w, &f);
        assert_int_equal(f.tag, f.dst_port); /* one plugin's tag is not the next one's */
    }
    assert_false(worker_flush(b.w));
    size_t bytes;
    const struct record *r = (const struct record *)ring_peek(b.out[3].ring, &bytes);
    uint64_t tag;
    memcpy(&tag, r->key, 8);
    assert_int_equal(tag, 7);
    static const uint64_t expected[] = { 10, 5, 5, 10 };
    for (unsigned i = 0; i < b.n; i++) {
        assert_int_equal(drain(&b.out[i]).records, expected[i]);
        assert_identity(&b.out[i]);
    }
    done(&b);
}

static void sums_enter_both_sides(void **state)
{
    (void)state;
    struct bench b = { 0 };
    struct flow f = flow(53);
    add(&b, "sum_port", &(struct config){ 0 });
    go(&b);
    worker_flow(b.w, &f);
    worker_flush(b.w);
    size_t bytes;
    const uint8_t *p = ring_peek(b.out[0].ring, &bytes);
    const struct record *first = (const struct record *)p,
                        *second = (const struct record *)(p + record_size(first));
    uint16_t a, c;
    memcpy(&a, first->key, 2);
    memcpy(&c, second->key, 2);
    assert_int_equal(a, 1000);
    assert_int_equal(c, 53);
    assert_identity(&b.out[0]);
    done(&b);
}

static void sampling_is_unbiased(void **state)
{
    (void)state;
    enum { N = 400000, RATE = 20 };
    struct bench b = { 0 };
    struct flow f = flow(1);
    uint64_t taken = 0;
    add(&b, "none", &(struct config){ .sampling_rate = RATE });
    go(&b);
    b.out[0].random = 88172645463325252u;
    for (unsigned i = 0; i < N; i++) {
        worker_flow(b.w, &f);
        if (i % 1000 == 0) {
            worker_flush(b.w);
            taken += drain(&b.out[0]).records;
        }
    }
    worker_flush(b.w);
    taken += drain(&b.out[0]).records;
    assert_in_range(taken, N / RATE * 97 / 100, N / RATE * 103 / 100);
    assert_identity(&b.out[0]);
    done(&b);
}

/* The first record is no more likely to be taken than any other. */
static void the_first_sample_is_random_too(void **state)
{
    (void)state;
    enum { TRIES = 400, RATE = 50 };
    unsigned taken = 0;
    struct flow f = flow(1);
    for (unsigned i = 0; i < TRIES; i++) {
        struct bench b = { 0 };
        add(&b, "none", &(struct config){ .sampling_rate = RATE, .plugin_pipe_size = 1 });
        go(&b);
        b.out[0].random = 88172645463325252u + i * UINT64_C(0x9E3779B97F4A7C15);
        worker_flow(b.w, &f);
        worker_flush(b.w);
        taken += (unsigned)drain(&b.out[0]).records;
        done(&b);
    }
    assert_in_range(taken, 0, TRIES / 10); /* 4 are to be expected */
}

/* Nobody reads: what does not fit is counted, and the input is asked to pause first. */
static void a_full_ring_loses_nothing_uncounted(void **state)
{
    (void)state;
    struct bench b = { 0 };
    struct flow f = flow(1);
    add(&b, "src_host", &(struct config){ 0 });
    go(&b);
    bool asked = false;
    for (unsigned i = 0; i < 400000; i++) {
        f.dst_port = (uint16_t)i;
        worker_flow(b.w, &f);
        if (i % 64 == 0)
            asked |= worker_flush(b.w);
        if (asked && !b.out[0].loss[LOSS_RING_FULL].records)
            assert_true(worker_all_full(b.w));
    }
    worker_flush(b.w);
    assert_true(asked);
    assert_true(b.out[0].loss[LOSS_RING_FULL].records > 0);
    assert_identity(&b.out[0]);
    assert_false(worker_wait_room(b.w));
    drain(&b.out[0]);
    assert_true(worker_wait_room(b.w));
    assert_false(worker_flush(b.w));
    assert_false(worker_all_full(b.w));
    done(&b);
}

static struct bench *open_frames(struct bench *b, uint16_t headers, int rate)
{
    struct aggregate_spec spec = { .headers = headers, .whole_addresses = true };
    struct err e = { 0 };
    fieldset_add(&spec.set, FIELD_vlan);
    fieldset_add(&spec.set, FIELD_src_host);
    b->conf[0] = (struct plugin_conf){ .type = "sfprobe", .name = "test", .c = { .sampling_rate = rate } };
    b->n = 1;
    if (outlet_open(&b->out[0], &b->conf[0], &spec, 1, &e) == -1)
        fail_msg("%s", e.text);
    go(b);
    return b;
}

/* Each record brings the frame's first octets, whatever their number, behind an intact key. */
static void frames_travel_with_records(void **state)
{
    (void)state;
    struct bench b = { 0 };
    uint8_t frame[200];
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 7 + 1);
    open_frames(&b, 128, 0);
    struct flow f = flow(1);
    f.packets = 1;
    f.packet = frame;
    f.packet_dlt = 113;
    for (unsigned n = 0; n <= sizeof(frame); n++) {
        f.vlan = (uint16_t)(n + 1000);
        f.packet_caplen = n;
        f.packet_len = n + 3;
        worker_flow(b.w, &f);
    }
    worker_flush(b.w);
    size_t bytes;
    const uint8_t *p = ring_peek(b.out[0].ring, &bytes), *end = p + bytes;
    const struct column *vlan = layout_find(&b.out[0].layout, FIELD_vlan),
                        *src = layout_find(&b.out[0].layout, FIELD_src_host);
    unsigned n = 0;
    for (; p < end; n++) {
        const struct record *r = (const struct record *)p;
        const struct record_packet *rp = record_packet(r);
        unsigned want = n < 128 ? n : 128;
        uint16_t tag;
        memcpy(&tag, r->key + vlan->off, 2);
        assert_int_equal(tag, n + 1000);
        assert_memory_equal(r->key + src->off, &f.src_host, 16);
        assert_int_equal(rp->caplen, want);
        assert_int_equal(rp->len, n + 3);
        assert_int_equal(rp->dlt, 113);
        assert_int_equal(rp->seen, 1);
        assert_memory_equal(record_frame(r), frame, want);
        assert_true(record_frame(r) == r->key + b.out[0].layout.fixed);
        p += record_size(r);
    }
    assert_int_equal(n, sizeof(frame) + 1);
    drain(&b.out[0]);
    assert_identity(&b.out[0]);
    done(&b);
}

/* What samples say was seen and lost adds up to what came, however many found no room. */
static void samples_count_what_they_stand_for(void **state)
{
    (void)state;
    enum { N = 300000, RATE = 3 };
    struct bench b = { 0 };
    uint8_t frame[256] = { 0 };
    uint64_t seen = 0, lost = 0, samples = 0;
    struct flow f = flow(1);
    f.packet = frame;
    f.packet_caplen = f.packet_len = sizeof(frame);
    open_frames(&b, 256, RATE);
    for (unsigned i = 1; i <= N; i++) {
        worker_flow(b.w, &f);
        if (i % (N / 3) != 0)
            continue;
        worker_flush(b.w);
        size_t bytes;
        const uint8_t *p = ring_peek(b.out[0].ring, &bytes), *end = p + bytes;
        for (; p < end; p += record_size((const struct record *)p), samples++) {
            seen += record_packet((const struct record *)p)->seen;
            lost += record_packet((const struct record *)p)->lost;
        }
        drain(&b.out[0]);
    }
    assert_int_equal(seen + b.out[0].seen, N);
    assert_int_equal(lost + b.out[0].unsent, b.out[0].loss[LOSS_RING_FULL].records);
    assert_true(lost > 0 && samples > 0);
    assert_identity(&b.out[0]);
    done(&b);
}

static void data_too_long_is_counted(void **state)
{
    (void)state;
    struct bench b = { 0 };
    struct flow f = flow(1);
    char *text = calloc(1, 70000);
    add(&b, "label", &(struct config){ 0 });
    go(&b);
    f.label = (struct var){ text, 70000 };
    worker_flow(b.w, &f);
    worker_flush(b.w);
    assert_int_equal(b.out[0].loss[LOSS_TOO_LONG].records, 1);
    assert_identity(&b.out[0]);
    free(text);
    done(&b);
}

/* ---- whole datagrams */

static void add_relay(struct bench *b, const struct config *c)
{
    struct aggregate_spec spec = { .datagrams = true };
    struct err e = { 0 };
    struct plugin_conf *pc = &b->conf[b->n];
    strcpy(pc->type, "tee");
    strcpy(pc->name, "test");
    pc->c = *c;
    if (outlet_open(&b->out[b->n++], pc, &spec, 1, &e) == -1)
        fail_msg("%s", e.text);
}

static const struct datagram_record *next_datagram(struct outlet *o, size_t *at)
{
    size_t bytes;
    const uint8_t *p = ring_peek(o->ring, &bytes);
    if (*at >= bytes)
        return NULL;
    const struct datagram_record *d = (const struct datagram_record *)(p + *at);
    *at += d->size;
    return d;
}

static void datagrams_of_any_length(void **state)
{
    static const uint32_t len[] = { 0, 1, 7, 8, 1464, 32760, 65507 };
    enum { N = sizeof(len) / sizeof(len[0]) };
    static uint8_t octets[65536];
    (void)state;
    struct bench b = { 0 };
    struct datagram d = { .p = octets, .port = 2055 };
    size_t at = 0;
    addr_parse("192.0.2.1", &d.from);
    add_relay(&b, &(struct config){ .post_tag = 5 });
    go(&b);
    for (unsigned i = 0; i < N; i++) {
        d.len = len[i];
        memset(octets, (int)i + 1, sizeof(octets));
        worker_datagram(b.w, &d);
    }
    assert_false(worker_flush(b.w));
    for (unsigned i = 0; i < N; i++) {
        const struct datagram_record *r = next_datagram(&b.out[0], &at);
        assert_non_null(r);
        assert_int_equal(r->len, len[i]);
        assert_int_equal(r->tag, 5);
        assert_int_equal(r->port, 2055);
        assert_true(addr_equal(&r->from, &d.from));
        for (uint32_t k = 0; k < r->len; k++)
            assert_int_equal(r->payload[k], i + 1);
    }
    assert_null(next_datagram(&b.out[0], &at));
    assert_int_equal(b.out[0].accounted.records, N);
    assert_identity(&b.out[0]);
    done(&b);
}

/* Parts follow their flow's tag through the filters; those for all do not ask. What does not fit is counted.
 */
static void parts_of_datagrams(void **state)
{
    (void)state;
    struct bench b = { 0 };
    struct datagram d = { .len = 100 };
    size_t at = 0;
    add_relay(&b, &(struct config){ .pre_tag_filter = "80" });
    go(&b);
    for (uint16_t port = 79; port < 82; port++) {
        struct flow f = flow(port);
        const struct split s = { .of = &d, .part = { { "head", 4 }, { "record", 6 } }, .n = 2 };
        f.split = &s;
        worker_flow(b.w, &f);
        assert_null(f.split);
        worker_flow(b.w, &f); /* the way back of a biflow has no octets of its own */
    }
    worker_split(b.w,
                 &(struct split){ .of = &d, .part = { { "all", 3 } }, .n = 1, .flags = DATAGRAM_TEMPLATE });
    worker_flush(b.w);
    const struct datagram_record *r = next_datagram(&b.out[0], &at);
    assert_int_equal(r->len, 10);
    assert_memory_equal(r->payload, "headrecord", 10);
    assert_int_equal(r->tag, 80);
    r = next_datagram(&b.out[0], &at);
    assert_int_equal(r->flags, DATAGRAM_TEMPLATE | DATAGRAM_FOR_ALL);
    assert_null(next_datagram(&b.out[0], &at));
    assert_int_equal(b.out[0].loss[LOSS_FILTERED].records, 2);
    static uint8_t octets[65507];
    d = (struct datagram){ .p = octets, .len = sizeof(octets) };
    for (unsigned i = 0; i < 1000; i++)
        worker_datagram(b.w, &d);
    worker_flush(b.w);
    assert_int_equal(b.out[0].loss[LOSS_FILTERED].records, 1002);
    assert_identity(&b.out[0]);
    done(&b);
}

static void a_ring_full_of_datagrams(void **state)
{
    static uint8_t octets[65507];
    (void)state;
    struct bench b = { 0 };
    const struct datagram d = { .p = octets, .len = sizeof(octets) };
    add_relay(&b, &(struct config){ 0 });
    go(&b);
    for (unsigned i = 0; i < 1000; i++)
        worker_datagram(b.w, &d);
    assert_true(worker_flush(b.w));
    assert_true(b.out[0].loss[LOSS_RING_FULL].records > 0);
    assert_identity(&b.out[0]);
    done(&b);
}

/* Each key has one ring, whatever its counters and times; rings have about as many keys; sums are those of
 * all. */
static void keys_are_spread_over_rings(void **state)
{
    enum { SHARDS = 4, KEYS = 4000 };
    static uint8_t ring_of[65536];
    struct bench b = { .n = 0 };
    struct sums all = { 0 };
    struct ring_ledger led;
    (void)state;
    add_sharded(&b, "src_host, dst_port", &(struct config){ .sampling_rate = 0 }, SHARDS);
    go(&b);
    for (unsigned i = 0; i < 3 * KEYS; i++) {
        struct flow f = flow((uint16_t)(i % KEYS));
        f.packets = i + 1;
        f.start_us = i;
        worker_flow(b.w, &f);
        if (i % 1000 == 999)
            worker_flush(b.w);
    }
    worker_flush(b.w);
    for (unsigned k = 0; k < SHARDS; k++) {
        size_t bytes;
        unsigned keys = 0;
        uint8_t *p = ring_peek(b.out[0].rings[k], &bytes);
        for (size_t at = 0; at < bytes; at += record_size((struct record *)(p + at))) {
            const struct record *r = (const struct record *)(p + at);
            const unsigned key = (unsigned)(r->packets - 1) % KEYS;
            assert_true(!ring_of[key] || ring_of[key] == k + 1);
            keys += !ring_of[key];
            ring_of[key] = (uint8_t)(k + 1);
            sums_add(&all, &(struct sums){ 1, r->packets, r->bytes, r->flows });
        }
        assert_in_range(keys, KEYS / SHARDS * 8 / 10, KEYS / SHARDS * 12 / 10);
    }
    outlet_ledger(&b.out[0], &led);
    assert_int_equal(all.records, 3 * KEYS);
    assert_int_equal(all.packets, 3 * KEYS * (3 * KEYS + 1) / 2);
    assert_int_equal(led.handed.packets, all.packets);
    done(&b);
}

/* One full ring asks for a pause, and what does not fit is counted. */
static void one_full_ring_is_enough(void **state)
{
    struct bench b = { .n = 0 };
    struct ring_ledger led;
    struct flow f = flow(7);
    (void)state;
    add_sharded(&b, "src_host, dst_port", &(struct config){ .sampling_rate = 0 }, 3);
    go(&b);
    bool pause = false;
    unsigned n = 0;
    for (; b.out[0].loss[LOSS_RING_FULL].records == 0; n++) {
        worker_flow(b.w, &f);
        if (n % 100 == 99)
            pause |= worker_flush(b.w);
    }
    assert_true(pause);
    worker_flush(b.w);
    outlet_ledger(&b.out[0], &led);
    assert_int_equal(led.handed.records + 1, n);
    assert_int_equal(b.out[0].accounted.records, n);
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_plugin_gets_its_own),
        cmocka_unit_test(sums_enter_both_sides),
        cmocka_unit_test(the_first_sample_is_random_too),
        cmocka_unit_test(sampling_is_unbiased),
        cmocka_unit_test(a_full_ring_loses_nothing_uncounted),
        cmocka_unit_test(data_too_long_is_counted),
        cmocka_unit_test(frames_travel_with_records),
        cmocka_unit_test(samples_count_what_they_stand_for),
        cmocka_unit_test(datagrams_of_any_length),
        cmocka_unit_test(parts_of_datagrams),
        cmocka_unit_test(a_ring_full_of_datagrams),
        cmocka_unit_test(keys_are_spread_over_rings),
        cmocka_unit_test(one_full_ring_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
