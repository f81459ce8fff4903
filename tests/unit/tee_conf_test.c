/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of tee's receivers: what is taken, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "plugins/tee_conf.h"

static int load(const char *text, bool transparent, struct tee_pools *ps, struct err *e)
{
    char path[] = "tee_conf.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int rc = tee_conf_load(path, transparent, ps, e);
    unlink(path);
    return rc;
}

static void pools_are_read(void **state)
{
    (void)state;
    struct tee_pools ps;
    struct err e;
    if (load("! receivers\n"
             "id=1 ip=198.51.100.1:9995 tag=7,9\n"
             "\n"
             "tag=20-29,31 id=2 ip=198.51.100.2:9995,collector.example.net:9996,[2001:db8::5]:4739 "
             "balance-alg=hash-agent src_port=2055\n"
             "# the rest\n"
             "id=3 ip=[2001:db8::5]:4739 tag=-7\n",
             false, &ps, &e) == -1)
        fail_msg("%s", e.text);
    assert_int_equal(ps.n, 3);
    assert_int_equal(ps.pool[0].n, 1);
    assert_int_equal(ps.pool[0].balance, TEE_TO_ALL);
    assert_true(tag_filter_match(ps.pool[0].tags, 9));
    assert_false(tag_filter_match(ps.pool[0].tags, 8));
    const struct tee_pool *p = &ps.pool[1];
    assert_int_equal(p->id, 2);
    assert_int_equal(p->n, 3);
    assert_int_equal(p->balance, TEE_HASH_AGENT);
    assert_string_equal(p->target[1].host, "collector.example.net");
    assert_int_equal(p->target[1].port, 9996);
    assert_string_equal(p->target[2].host, "2001:db8::5");
    assert_int_equal(p->target[2].port, 4739);
    assert_int_equal(p->target[2].src_port, 2055);
    assert_int_equal(p->target[2].pool, 2);
    assert_true(p->target[0].identity != p->target[2].identity);
    assert_true(tag_filter_match(ps.pool[2].tags, 8));
    assert_false(tag_filter_match(ps.pool[2].tags, 7));
    tee_conf_free(&ps);
}

static void queues_are_read(void **state)
{
    (void)state;
    struct tee_pools ps;
    struct err e;
    if (load("id=1 kafka_broker=127.0.0.1:9092 kafka_topic=flows tag=5\nid=2 zmq_address=127.0.0.1:5000\n",
             true, &ps, &e) == -1)
        fail_msg("%s", e.text);
    assert_int_equal(ps.pool[0].target[0].kind, TEE_KAFKA);
    assert_string_equal(ps.pool[0].target[0].topic, "flows");
    assert_int_equal(ps.pool[1].target[0].kind, TEE_ZMQ);
    assert_string_equal(ps.pool[1].target[0].name, "127.0.0.1:5000");
    tee_conf_free(&ps);
}

/* The same name twice in one pool is two receivers, for sticky hashing too. */
static void twins_differ(void **state)
{
    (void)state;
    struct tee_pools ps;
    struct err e;
    assert_int_equal(load("id=1 ip=127.0.0.1:1,127.0.0.1:1,127.0.0.1:1\n", false, &ps, &e), 0);
    const struct tee_target *t = ps.pool[0].target;
    assert_true(t[0].identity != t[1].identity && t[1].identity != t[2].identity);
    tee_conf_free(&ps);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *text, *said;
        bool transparent;
    } rows[] = {
        { "", "No valid receivers", false },
        { "! nothing\n", "No valid receivers", false },
        { "id=1 ip=127.0.0.1:1\nid=0 ip=127.0.0.1:1\n", ":2] Invalid pool 'id' specified", false },
        { "id=1 ip=127.0.0.1:1\n\nid=1 ip=127.0.0.1:2\n",
          ":3] Invalid pool 'id' specified: another pool has 1", false },
        { "id=x ip=127.0.0.1:1\n", "Invalid pool 'id' specified: 'x'", false },
        { "ip=127.0.0.1:1\n", ":1] required key missing: a pool needs an 'id'", false },
        { "id=1\n", "'ip' or 'kafka_broker' or 'zmq_address' must be specified", false },
        { "id=1 ip=127.0.0.1:1 zmq_address=127.0.0.1:5\n", "are mutual exclusive", true },
        { "id=1 ip=127.0.0.1\n", "Invalid receiver 127.0.0.1: host:port", false },
        { "id=1 ip=2001:db8::1\n", "Invalid receiver 2001:db8::1: host:port or [address]:port", false },
        { "id=1 ip=127.0.0.1:0\n", "Invalid receiver 127.0.0.1:0", false },
        { "id=1 ip=127.0.0.1:1,,127.0.0.1:2\n", "Invalid receiver in", false },
        { "id=1 ip=127.0.0.1:1 balance-alg=zz\n", "Unknown balance algorithm 'zz': rr, hash-agent", false },
        { "id=1 ip=127.0.0.1:1 src_port=70000\n", "Invalid source port specified '70000'", false },
        { "id=1 ip=127.0.0.1:1 tag=a-b\n", "is no list of tags", false },
        { "id=1 ip=127.0.0.1:1 tags=5\n", "unknown key 'tags': was 'tag' meant", false },
        { "id=1 kafka_broker=127.0.0.1:9092\n", "'kafka_topic' missing", true },
        { "id=1 kafka_broker=b:1 kafka_topic=t\n",
          "tee_transparent must be set to 'true' when emitting to Kafka", false },
        { "id=1 zmq_address=b:1\n", "tee_transparent must be set to 'true' when emitting to ZeroMQ", false },
        { "id=1 kafka_broker=b:1 kafka_topic=t balance-alg=rr\n",
          "'balance-alg' is not compatible with emitting to Kafka", true },
        { "id=1 ip=127.0.0.1:1 kafka_topic=t\n", "'kafka_topic' needs a 'kafka_broker'", true },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tee_pools ps;
        struct err e = { 0 };
        assert_int_equal(load(rows[i].text, rows[i].transparent, &ps, &e), -1);
        if (!strstr(e.text, rows[i].said))
            fail_msg("%s was answered by: %s", rows[i].text, e.text);
        assert_int_equal(ps.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pools_are_read), cmocka_unit_test(queues_are_read),
                                        cmocka_unit_test(twins_differ), cmocka_unit_test(faults_are_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
