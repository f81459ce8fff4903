/* SPDX-License-Identifier: BSD-2-Clause */
/* The stages of a packet: which of them run, what they leave in the flow, several links of one worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "app_packets.h"
#include "fake_worker.h"
#include "packet/feed.h"

#define START_US INT64_C(1700000000000000)

enum { RAW = 12 };

struct setup {
    struct worker w;
    struct packet_feed pf;
};

static void prepare(struct setup *s, const char *needs)
{
    fake_worker_init(&s->w);
    fake_worker_need(&s->w, needs);
    s->w.c.flow_lifetime = 60;
    s->w.c.classifier_idle_max_time = s->w.c.classifier_idle_scan_period = 300000;
    s->w.c.classifier_idle_scan_budget = 1024;
    s->w.c.classifier_giveup_tcp = s->w.c.classifier_giveup_udp = s->w.c.classifier_giveup_other = 8;
}

static void open_feed(struct setup *s)
{
    struct err e;
    assert_int_equal(packet_feed_open(&s->pf, &s->w, "test", RAW, &e), 0);
}

static void end(struct setup *s)
{
    packet_feed_close(&s->pf);
    fake_worker_free(&s->w);
}

static void take(struct packet_feed *pf, struct app_ends ends, const void *data, size_t n, int64_t after_us)
{
    struct app_packet p = app_packet(ends, data, n);
    packet_feed_take(pf, p.b, p.len, p.len, START_US + after_us);
}

static const struct app_ends query = { APP_UDP, .client = 1, .sport = 40000, .dport = 53 };
static const struct app_ends answer = { APP_UDP, .client = 1, .sport = 40000, .dport = 53, .back = true };

static void nothing_that_nobody_asked_for(void **state)
{
    (void)state;
    struct setup s;
    prepare(&s, "src_host,dst_port");
    open_feed(&s);
    assert_null(s.pf.flowtrack);
    assert_null(s.pf.classifier);
    take(&s.pf, query, "x", 1, 0);
    assert_int_equal(s.w.n, 1);
    assert_int_equal(s.w.flows, 0);
    assert_int_equal(s.w.flow[0].start_us, START_US);
    assert_string_equal(s.w.flow[0].class.b, "");
    end(&s);
}

/* Ports are decoded for it, though nobody shows them. */
static void flows_are_counted(void **state)
{
    (void)state;
    struct setup s;
    prepare(&s, "src_host");
    s.w.counts_flows = true;
    open_feed(&s);
    struct app_ends other = query;
    other.sport++;
    take(&s.pf, query, "x", 1, 0);
    take(&s.pf, query, "x", 1, 1000);
    take(&s.pf, answer, "x", 1, 2000);
    take(&s.pf, other, "x", 1, 3000);
    take(&s.pf, query, "x", 1, 60000000);
    take(&s.pf, query, "x", 1, 122000000);
    static const unsigned begins[] = { 1, 0, 1, 1, 0, 1 };
    assert_int_equal(s.w.n, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(s.w.flow[i].flows, begins[i]);
    packet_feed_stats(&s.pf, "test");
    end(&s);
}

/* In by one link, out by the other. */
static void links_share_their_flows(void **state)
{
    (void)state;
    struct setup s;
    struct packet_feed second;
    struct err e;
    prepare(&s, "src_host,class");
    s.w.counts_flows = true;
    open_feed(&s);
    assert_int_equal(packet_feed_open(&second, &s.w, "other", RAW, &e), 0);
    packet_feed_share(&second, &s.pf);
    take(&s.pf, query, "x", 1, 0);
    take(&second, query, "x", 1, 0);
    take(&second, answer, "x", 1, 0);
    take(&s.pf, answer, "x", 1, 0);
    assert_int_equal(s.w.flow[0].flows + s.w.flow[1].flows, 1);
    assert_int_equal(s.w.flow[2].flows + s.w.flow[3].flows, 1);
    packet_feed_stats(&second, "other");
    packet_feed_close(&second);
    take(&s.pf, query, "x", 1, 0); /* the table is there still */
    assert_int_equal(s.w.flow[4].flows, 0);
    end(&s);
}

static void a_full_table_is_told_of(void **state)
{
    (void)state;
    struct setup s;
    prepare(&s, "src_host");
    s.w.counts_flows = true;
    s.w.c.flow_buffer_size = 1024; /* 64 places, of which 56 are filled */
    open_feed(&s);
    for (unsigned i = 0; i < 100; i++) {
        struct app_ends e = { APP_UDP, .client = (uint8_t)i, .sport = 1, .dport = 2 };
        take(&s.pf, e, "x", 1, 0);
    }
    assert_int_equal(s.w.count, 100);
    assert_int_equal(s.w.flows, 56);
    assert_int_equal(flowtrack_refused(s.pf.flowtrack), 44);
    end(&s);
}

static void classes_are_shown(void **state)
{
    (void)state;
    struct setup s;
    prepare(&s, "class");
    open_feed(&s);
    if (!s.pf.classifier) {
        end(&s);
        print_message("skipped: this build has no nDPI\n");
        skip();
    }
    uint8_t q[512];
    size_t n = app_dns_query(q, "example", "org");
    take(&s.pf, query, q, n, 0);
    take(&s.pf, answer, q, n, 0);
    assert_string_equal(s.w.flow[0].class.b, "Unknown/DNS");
    assert_string_equal(s.w.flow[1].class.b, "Unknown/DNS");
    packet_feed_stats(&s.pf, "test");
    end(&s);
}

static void external_sampling_multiplies(void **state)
{
    (void)state;
    struct setup s;
    prepare(&s, "src_host,sampling_rate");
    s.w.counts_flows = true;
    s.w.c.ext_sampling_rate = 100;
    s.w.c.renormalize = true;
    open_feed(&s);
    take(&s.pf, query, "x", 1, 0);
    assert_int_equal(s.w.packets, 100);
    assert_int_equal(s.w.bytes, 2900);
    assert_int_equal(s.w.flows, 1);
    assert_int_equal(s.w.flow[0].sampling_rate, 1);
    assert_true(s.w.flow[0].renormalized);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_nobody_asked_for),
        cmocka_unit_test(flows_are_counted),
        cmocka_unit_test(links_share_their_flows),
        cmocka_unit_test(a_full_table_is_told_of),
        cmocka_unit_test(classes_are_shown),
        cmocka_unit_test(external_sampling_multiplies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
