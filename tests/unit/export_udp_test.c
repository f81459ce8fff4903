/* SPDX-License-Identifier: BSD-2-Clause */
/* Paced export: all of a burst arrives at a receiver whose socket buffer holds a fifth of it, and nobody
 * listening stops nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "plugins/export_udp.h"

enum { BURST = 2000, LEN = 1464 };

struct receiver {
    int fd;
    uint16_t port;
    unsigned got, in_order;
};

/* Counts what arrives, until nothing has come for two seconds. */
static void *receive(void *arg)
{
    struct receiver *r = arg;
    uint8_t buf[2048];
    uint32_t n;
    while (recv(r->fd, buf, sizeof(buf), 0) == LEN) {
        memcpy(&n, buf, sizeof(n));
        r->in_order += n == r->got;
        r->got++;
    }
    return NULL;
}

static void open_receiver(struct receiver *r)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int size = 4 * 106496; /* four times the default of Linux, as it is asked for: this host may be busy */
    r->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(r->fd >= 0);
    if (setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        assert_int_equal(setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&at, &len), 0);
    r->port = ntohs(at.sin_port);
    assert_int_equal(
        setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 2 }, sizeof(struct timeval)),
        0);
}

static void on_sent(void *arg, const struct sums *s) { sums_add(arg, s); }

static struct export_udp *open_export(const char *receiver, const struct log *l, uv_loop_t *loop,
                                      struct sums *sent)
{
    struct err e;
    struct export_udp_conf c = { .receiver = receiver,
                                 .port = 2100,
                                 .patient = true,
                                 .log = l,
                                 .loop = loop,
                                 .sent = on_sent,
                                 .arg = sent };
    struct export_udp *x = export_udp_open(&c, &e);
    if (!x)
        fail_msg("%s", e.text);
    return x;
}

static void put_burst(struct export_udp *x, uint32_t n)
{
    uint8_t buf[LEN] = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        memcpy(buf, &i, sizeof(i));
        export_udp_put(x, buf, LEN, &(struct sums){ .records = 2, .packets = 3, .bytes = 5 });
    }
}

static void end(struct export_udp *x, uv_loop_t *loop)
{
    export_udp_close(x);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void a_burst_arrives(void **state)
{
    (void)state;
    struct receiver r = { 0 };
    struct log l = { .sink = NULL };
    struct sums sent = { 0 };
    struct export_udp_stats st;
    uv_loop_t loop;
    pthread_t thread;
    char where[64];
    open_receiver(&r);
    snprintf(where, sizeof(where), "127.0.0.1:%u", r.port);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct export_udp *x = open_export(where, &l, &loop, &sent);
    snprintf(where, sizeof(where), "[127.0.0.1]:%u", r.port);
    assert_string_equal(export_udp_where(x), where);
    assert_int_equal(pthread_create(&thread, NULL, receive, &r), 0);
    put_burst(x, BURST);
    export_udp_drain(x);
    pthread_join(thread, NULL);
    export_udp_stats(x, &st);
    assert_int_equal(st.datagrams, BURST);
    assert_int_equal(st.octets, (uint64_t)BURST * LEN);
    assert_int_equal(sent.records, 2 * BURST);
    assert_int_equal(r.got, BURST);
    assert_int_equal(r.in_order, BURST);
    end(x, &loop);
    close(r.fd);
}

/* Few datagrams leave by the loop's timer alone. */
static void the_loop_sends_the_rest(void **state)
{
    (void)state;
    struct receiver r = { 0 };
    struct log l = { .sink = NULL };
    struct sums sent = { 0 };
    uv_loop_t loop;
    char where[64];
    open_receiver(&r);
    snprintf(where, sizeof(where), "127.0.0.1:%u", r.port);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct export_udp *x = open_export(where, &l, &loop, &sent);
    put_burst(x, 100);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends when the timer stops */
    assert_int_equal(sent.records, 200);
    end(x, &loop);
    close(r.fd);
}

static void nobody_listening_is_no_end(void **state)
{
    (void)state;
    struct receiver r = { 0 };
    struct log l = { .sink = NULL };
    struct sums sent = { 0 };
    struct export_udp_stats st;
    uv_loop_t loop;
    char where[64];
    open_receiver(&r);
    close(r.fd);
    snprintf(where, sizeof(where), "127.0.0.1:%u", r.port);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct export_udp *x = open_export(where, &l, &loop, &sent);
    put_burst(x, 300);
    export_udp_drain(x);
    export_udp_stats(x, &st);
    assert_int_equal(st.datagrams + st.refused, 300);
    assert_in_range(st.unheard, 1, 300); /* each answer is counted */
    assert_int_equal(st.queued, 0);
    end(x, &loop);
}

/* A name is looked up again soon when nobody listens; that it still means the same changes nothing. */
static void a_name_is_looked_up_again(void **state)
{
    (void)state;
    struct receiver r = { 0 };
    struct log l = { .sink = NULL };
    struct sums sent = { 0 };
    struct export_udp_stats st;
    uv_loop_t loop;
    char where[64], before[64];
    open_receiver(&r);
    close(r.fd);
    snprintf(where, sizeof(where), "localhost:%u", r.port);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct export_udp *x = open_export(where, &l, &loop, &sent);
    snprintf(before, sizeof(before), "%s", export_udp_where(x));
    put_burst(x, 40);
    uv_run(&loop, UV_RUN_DEFAULT);
    usleep(1100 * 1000); /* the least between two looks */
    put_burst(x, 40);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends when the answer has come */
    assert_string_equal(export_udp_where(x), before);
    export_udp_stats(x, &st);
    assert_int_equal(st.datagrams + st.refused, 80);
    end(x, &loop);
}

static void bad_receivers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "127.0.0.1:99999", "", "host.invalid.:2100" };
    struct log l = { .sink = NULL };
    uv_loop_t loop;
    struct err e;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct export_udp_conf c = {
            .receiver = bad[i], .port = 2100, .log = &l, .loop = &loop, .sent = on_sent
        };
        assert_null(export_udp_open(&c, &e));
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_burst_arrives),
                                        cmocka_unit_test(the_loop_sends_the_rest),
                                        cmocka_unit_test(nobody_listening_is_no_end),
                                        cmocka_unit_test(a_name_is_looked_up_again),
                                        cmocka_unit_test(bad_receivers_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
