/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers on Kafka, against the mock cluster of librdkafka: each datagram is a message with the headers
 * that it came with; what cannot be delivered is counted. Files with settings are read, faults in them named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* after it */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "output/kafka_conf.h"
#include "base/craft.h"
#include "plugins/tee_receiver.h"

enum { N = 500, PATIENCE_MS = 20000 };

struct rig {
    struct config c;
    struct log log;
    uv_loop_t loop;
    struct tee_out out;
    rd_kafka_t *host; /* owns the cluster */
    rd_kafka_mock_cluster_t *cluster;
    char settings[32];
};

static void write_settings(struct rig *g, const char *text)
{
    strcpy(g->settings, "tee_kafka.XXXXXX");
    int fd = mkstemp(g->settings);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    g->c.tee_kafka_config_file = g->settings;
}

static void rig_open(struct rig *g, const char *settings)
{
    char why[256];
    struct err e;
    memset(g, 0, sizeof(*g));
    g->c.tee_transparent = true;
    write_settings(g, settings);
    log_init(&g->log, NULL, "test", "tee", false);
    uv_loop_init(&g->loop);
    g->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    g->cluster = rd_kafka_mock_cluster_new(g->host, 1);
    assert_non_null(g->cluster);
    rd_kafka_mock_topic_create(g->cluster, "flows", 1, 1);
    assert_int_equal(tee_out_open(&g->out, &(struct config){ 0 }, &g->log, &g->loop, &e), 0);
    g->out.c = &g->c;
}

static void rig_close(struct rig *g)
{
    tee_out_close(&g->out);
    uv_loop_close(&g->loop);
    rd_kafka_mock_cluster_destroy(g->cluster);
    rd_kafka_destroy(g->host);
    unlink(g->settings);
}

static struct tee_receiver *receiver(struct rig *g, const char *broker)
{
    struct err e;
    struct tee_target t = { .kind = TEE_KAFKA, .name = broker, .topic = "flows", .pool = 1 };
    struct tee_receiver *r = tee_receiver_new(&g->out, &t, &e);
    assert_non_null(r);
    if (r->way->open(r, &e) == -1)
        fail_msg("%s", e.text);
    return r;
}

static struct datagram_record *record(uint32_t len, const char *from)
{
    struct datagram_record *d = calloc(1, datagram_record_size(len));
    *d = (struct datagram_record){ .size = datagram_record_size(len), .len = len, .port = 2055 };
    addr_parse(from, &d->from);
    for (uint32_t i = 0; i < len; i++)
        d->payload[i] = (uint8_t)(len + i);
    return d;
}

static void put(struct tee_receiver *r, struct datagram_record *d)
{
    tee_receiver_put(r, d);
    assert_true(r->way->send(r));
    r->n = r->done = 0;
}

static rd_kafka_t *consumer(struct rig *g)
{
    char why[256];
    struct err e;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(
        kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(g->cluster), &e), 0);
    assert_int_equal(kafka_conf_set(conf, "group.id", "test", &e), 0);
    rd_kafka_t *c = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "flows", 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(c, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    return c;
}

static void expect(rd_kafka_t *c, const struct datagram_record *d)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(c, PATIENCE_MS);
    uint8_t head[CRAFT_MAX];
    struct craft craft = { .from = d->from, .from_port = d->port, .len = d->len };
    craft.payload_sum = craft_sum(d->payload, d->len);
    const size_t n = craft_headers(&craft, head);
    assert_non_null(m);
    assert_int_equal(m->err, 0);
    assert_int_equal(m->len, n + d->len);
    assert_memory_equal(m->payload, head, n);
    assert_memory_equal((const uint8_t *)m->payload + n, d->payload, d->len);
    rd_kafka_message_destroy(m);
}

static void datagrams_arrive(void **state)
{
    struct rig g;
    struct datagram_record *d[N];
    (void)state;
    rig_open(&g, "! settings\nglobal, message.max.bytes, 200000\ntopic, request.required.acks, 1\n");
    struct tee_receiver *r = receiver(&g, rd_kafka_mock_cluster_bootstraps(g.cluster));
    for (unsigned i = 0; i < N; i++) {
        d[i] = record(i == 7 ? 65507 : 24 + i, i % 2 ? "192.0.2.9" : "2001:db8::9");
        put(r, d[i]);
    }
    r->way->finish(r);
    r->way->tick(r, 0);
    assert_int_equal(r->count[TEE_SENT], N);
    assert_int_equal(r->way->unsent(r), 0);
    rd_kafka_t *c = consumer(&g);
    for (unsigned i = 0; i < N; i++) {
        expect(c, d[i]);
        free(d[i]);
    }
    rd_kafka_consumer_close(c);
    rd_kafka_destroy(c);
    tee_receiver_free(r);
    rig_close(&g);
}

/* Nobody is there: given up after a while, counted, not sent. */
static void losses_are_counted(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, "topic, message.timeout.ms, 500\n");
    struct tee_receiver *r = receiver(&g, "127.0.0.1:1");
    struct datagram_record *d = record(100, "192.0.2.9");
    for (unsigned i = 0; i < 10; i++)
        put(r, d);
    r->way->finish(r);
    assert_int_equal(r->count[TEE_FAILED], 10);
    assert_int_equal(r->count[TEE_SENT], 0);
    free(d);
    tee_receiver_free(r);
    rig_close(&g);
}

static void settings_that_are_wrong(void **state)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        { "global, no.such.key, 1\n", ":1] key=no.such.key value=1 failed" },
        { "\n! fine\nglobal, acks\n", ":3] Line malformed" },
        { "else, acks, 1\n", ":1] Line malformed" },
        { "topic, request.required.acks, many\n", ":1] key=request.required.acks value=many failed" },
    };
    struct rig g;
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = { 0 };
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        write_settings(&g, rows[i].text);
        assert_int_equal(kafka_conf_read(conf, g.settings, &e), -1);
        if (!strstr(e.text, rows[i].said))
            fail_msg("%s was answered by: %s", rows[i].text, e.text);
        unlink(g.settings);
        rd_kafka_conf_destroy(conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(datagrams_arrive),
                                        cmocka_unit_test(losses_are_counted),
                                        cmocka_unit_test(settings_that_are_wrong) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
