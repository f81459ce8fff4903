/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log to Kafka, against the mock cluster of librdkafka: confirmed, waiting and lost messages are
 * told apart; settings that are wrong are named; lists of brokers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* after it */
#include "base/clock.h"
#include "output/kafka_client.h"
#include "output/kafka_conf.h"
#include "output/msglog.h"

enum { N = 300, PATIENCE_US = 20 * US_PER_S, STEP_US = 2000 };

struct rig {
    struct log log;
    rd_kafka_t *host; /* owns the cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct msglog *m;
};

static void rig_open(struct rig *g)
{
    char why[256];
    struct err e = { 0 };
    *g = (struct rig){ .host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why)) };
    g->cluster = rd_kafka_mock_cluster_new(g->host, 1);
    assert_non_null(g->cluster);
    rd_kafka_mock_topic_create(g->cluster, "log_0", 1, 1);
    rd_kafka_mock_topic_create(g->cluster, "log_1", 1, 1);
    log_init(&g->log, NULL, "default", "core", false);
    const struct msglog_conf c = { .name = "test",
                                   .kafka = { .broker_host = rd_kafka_mock_cluster_bootstraps(g->cluster),
                                              .broker_port = 9092,
                                              .topic = "log",
                                              .topic_rr = 2,
                                              .partition = -1,
                                              .retry_s = 1 } };
    g->m = msglog_open(&c, &g->log, &e);
    if (!g->m)
        fail_msg("%s", e.text);
}

static void rig_close(struct rig *g)
{
    msglog_close(g->m);
    rd_kafka_mock_cluster_destroy(g->cluster);
    rd_kafka_destroy(g->host);
}

static void say(struct rig *g, unsigned n)
{
    const struct msglog_topic t = { 0 };
    for (unsigned i = 0; i < n; i++)
        assert_true(msglog_write(g->m, &t, "{}", 2));
    msglog_flush(g->m);
}

static void await(struct rig *g, uint64_t written, uint64_t lost)
{
    const int64_t until = clock_mono_us() + PATIENCE_US;
    struct msglog_counts c;
    do {
        msglog_tick(g->m, clock_mono_us());
        c = msglog_counts(g->m);
        if (c.written == written && c.lost == lost)
            return;
        usleep(STEP_US);
    } while (clock_mono_us() < until);
    fail_msg("written=%llu lost=%llu", (unsigned long long)c.written, (unsigned long long)c.lost);
}

static void what_waits_is_not_written(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g);
    say(&g, N);
    await(&g, N, 0);
    rd_kafka_mock_broker_set_down(g.cluster, 1);
    say(&g, 7);
    await(&g, N, 0);
    rd_kafka_mock_broker_set_up(g.cluster, 1);
    await(&g, N + 7, 0);
    rig_close(&g);
}

static void refused_ones_are_lost(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g);
    say(&g, 10);
    await(&g, 10, 0);
    rd_kafka_mock_push_request_errors(g.cluster, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    say(&g, 1);
    await(&g, 10, 1);
    say(&g, 4);
    await(&g, 14, 1);
    rig_close(&g);
}

static void lists_of_brokers(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "127.0.0.1", "127.0.0.1:9" },
        { "a:1", "a:1" },
        { "a, b:2 ,c", "a:9,b:2,c:9" },
        { "2001:db8::1", "[2001:db8::1]:9" },
        { "[2001:db8::1],[2001:db8::2]:3", "[2001:db8::1]:9,[2001:db8::2]:3" },
        { "ssl://a,ssl://b:4", "ssl://a:9,ssl://b:4" },
        { ",a,,", "a:9" },
        { "", "" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf s;
        strbuf_init(&s, 1024);
        kafka_conf_broker_list(&s, rows[i].text, 9);
        assert_string_equal(strbuf_cstr(&s), rows[i].want);
        strbuf_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_waits_is_not_written),
                                        cmocka_unit_test(refused_ones_are_lost),
                                        cmocka_unit_test(lists_of_brokers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
