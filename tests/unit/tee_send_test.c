/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending to receivers over loopback: every datagram arrives once, in order, octet for octet, whatever the
 * mixture of lengths; one that refuses is counted and stops nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "plugins/tee_bound.h"
#include "plugins/tee_name.h"

struct rig {
    struct config c;
    struct log log;
    uv_loop_t loop;
    struct tee_out out;
    struct tee_receiver *r;
    int fd; /* of the far end */
    uint16_t port;
};

static void listen_at(struct rig *g, const char *host, bool v6)
{
    struct addr a;
    struct sockaddr_storage ss;
    uint16_t port;
    int size = 8 << 20;
    addr_parse(host, &a);
    socklen_t len = addr_to_sockaddr(&a, 0, v6, &ss);
    g->fd = socket(ss.ss_family, SOCK_DGRAM, 0);
    setsockopt(g->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    assert_int_equal(bind(g->fd, (struct sockaddr *)&ss, len), 0);
    len = sizeof(ss);
    getsockname(g->fd, (struct sockaddr *)&ss, &len);
    addr_from_sockaddr((struct sockaddr *)&ss, &a, &port);
    g->port = port;
}

static void rig_open_as(struct rig *g, const char *host, bool v6, bool transparent)
{
    struct err e;
    char name[64];
    memset(g, 0, sizeof(*g));
    g->c.tee_transparent = transparent;
    log_init(&g->log, NULL, "test", "tee", false);
    uv_loop_init(&g->loop);
    listen_at(g, host, v6);
    snprintf(name, sizeof(name), v6 ? "[%s]:%u" : "%s:%u", host, g->port);
    struct tee_target t = { .kind = TEE_UDP, .name = name, .host = host, .port = g->port, .pool = 1 };
    assert_int_equal(tee_out_open(&g->out, &g->c, &g->log, &g->loop, &e), 0);
    g->r = tee_receiver_new(&g->out, &t, &e);
    assert_non_null(g->r);
    if (tee_name_now(g->r, &e) == -1)
        fail_msg("%s", e.text);
}

static void rig_open(struct rig *g, const char *host, bool v6) { rig_open_as(g, host, v6, false); }

static void rig_close(struct rig *g)
{
    tee_receiver_free(g->r);
    tee_out_close(&g->out);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&g->loop), 0);
    if (g->fd != -1)
        close(g->fd);
}

static struct datagram_record *record(uint32_t len, unsigned seed)
{
    struct datagram_record *d = calloc(1, datagram_record_size(len));
    d->size = datagram_record_size(len);
    d->len = len;
    d->port = 5000;
    addr_parse("127.0.0.9", &d->from);
    for (uint32_t i = 0; i < len; i++)
        d->payload[i] = (uint8_t)(seed + i * 7);
    return d;
}

static void expect(struct rig *g, const struct datagram_record *d)
{
    static uint8_t got[65536];
    ssize_t n = recv(g->fd, got, sizeof(got), MSG_DONTWAIT);
    assert_int_equal(n, d->len);
    assert_memory_equal(got, d->payload, d->len);
}

static void lengths_arrive(const char *host, bool v6, uint32_t (*len_of)(unsigned), unsigned n)
{
    struct rig g;
    struct datagram_record *d[TEE_BATCH];
    uint64_t octets = 0;
    rig_open(&g, host, v6);
    for (unsigned i = 0; i < n; i++) {
        d[i] = record(len_of(i), i);
        octets += d[i]->len;
        tee_receiver_put(g.r, d[i]);
    }
    assert_true(g.r->way->send(g.r));
    for (unsigned i = 0; i < n; i++) {
        expect(&g, d[i]);
        free(d[i]);
    }
    assert_int_equal(recv(g.fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
    assert_int_equal(g.r->count[TEE_SENT], n);
    assert_int_equal(g.r->count[TEE_OCTETS], octets);
    rig_close(&g);
}

static uint32_t same(unsigned i) { return i == TEE_BATCH - 1 ? 100 : 1464; }
static uint32_t mixed(unsigned i) { return i % 3 ? 1464 - i % 5 : 72 * (1 + i % 9); }
static uint32_t huge(unsigned i) { return i % 2 ? 60000 : 65507; }
static uint32_t empty(unsigned i) { return i % 4 ? 0 : 10; }
static uint32_t one(unsigned i) { return i + 1; }

static void everything_arrives(void **state)
{
    static const struct {
        uint32_t (*len)(unsigned);
        unsigned n;
    } rows[] = {
        { same, TEE_BATCH }, { mixed, TEE_BATCH }, { huge, 20 }, { empty, TEE_BATCH }, { one, TEE_BATCH }
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lengths_arrive("127.0.0.1", false, rows[i].len, rows[i].n);
        lengths_arrive("::1", true, rows[i].len, rows[i].n);
    }
}

/* Nobody listens: answers are counted, everything counts as sent, and when somebody comes back it is heard.
 */
static void refusals_stop_nothing(void **state)
{
    struct rig g;
    struct datagram_record *d = record(200, 1);
    (void)state;
    rig_open(&g, "127.0.0.1", false);
    close(g.fd);
    g.fd = -1;
    for (unsigned turn = 0; turn < 10; turn++) {
        for (unsigned i = 0; i < TEE_BATCH; i++)
            tee_receiver_put(g.r, d);
        assert_true(g.r->way->send(g.r));
        g.r->n = g.r->done = 0;
    }
    assert_int_equal(g.r->count[TEE_SENT], 10 * TEE_BATCH);
    assert_in_range(g.r->count[TEE_REFUSALS], 1, 3); /* then it is sent to without listening for answers */
    assert_true(g.r->quiet);
    g.r->way->tick(g.r, g.r->probe_at_us);
    assert_false(g.r->quiet);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(g.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    g.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(g.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    tee_receiver_put(g.r, d);
    assert_true(g.r->way->send(g.r));
    expect(&g, d);
    free(d);
    rig_close(&g);
}

/* One that no socket takes costs itself alone. */
static void too_long_is_lost_alone(void **state)
{
    struct rig g;
    struct datagram_record *big = record(65520, 1), *small = record(100, 2);
    (void)state;
    rig_open(&g, "127.0.0.1", false);
    tee_receiver_put(g.r, small);
    tee_receiver_put(g.r, big);
    tee_receiver_put(g.r, small);
    assert_true(g.r->way->send(g.r));
    assert_int_equal(g.r->count[TEE_FAILED], 1);
    assert_int_equal(g.r->count[TEE_SENT], 2);
    expect(&g, small);
    expect(&g, small);
    free(big);
    free(small);
    rig_close(&g);
}

enum { SOURCES = 21, ROUNDS = 12, PORT = 20500 };

/* Datagram `round` of source i. */
static struct datagram_record *of_source(unsigned i, unsigned round, bool v6)
{
    struct datagram_record *d = record(100 + (round == 5 ? 700 : 0), 0);
    d->port = (uint16_t)(PORT + i);
    addr_parse(v6 ? "::1" : "127.0.0.9", &d->from);
    d->payload[0] = (uint8_t)round;
    return d;
}

static void receive_one(struct rig *g, unsigned next[SOURCES])
{
    uint8_t got[2048];
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct addr from;
    uint16_t port;
    assert_true(recvfrom(g->fd, got, sizeof(got), MSG_DONTWAIT, (struct sockaddr *)&ss, &len) >= 100);
    addr_from_sockaddr((struct sockaddr *)&ss, &from, &port);
    assert_in_range(port, PORT, PORT + SOURCES - 1);
    assert_int_equal(got[0], next[port - PORT]++);
}

static void send_interleaved(struct rig *g, bool v6)
{
    struct datagram_record *d[SOURCES * ROUNDS];
    unsigned n = 0, next[SOURCES] = { 0 };
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < SOURCES; i++)
            tee_receiver_put(g->r, d[n++] = of_source(i, round, v6));
    assert_true(g->r->way->send(g->r));
    g->r->n = g->r->done = 0;
    for (unsigned k = 0; k < n; k++) {
        receive_one(g, next);
        free(d[k]);
    }
    assert_int_equal(recv(g->fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
}

/* Somebody on this machine has source 0's address and port for himself: that one leaves through the raw
 * socket. */
static int occupy(bool v6)
{
    struct addr a;
    struct sockaddr_storage ss;
    addr_parse(v6 ? "::1" : "127.0.0.9", &a);
    socklen_t len = addr_to_sockaddr(&a, PORT, v6, &ss);
    int fd = socket(ss.ss_family, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

/* Many sources, one after the other: each keeps its order, its address and port. Idle sockets go, and come
 * again. */
static void sources_keep_their_order(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    for (int v6 = 0; v6 < 2; v6++) {
        struct rig g;
        int other = occupy(v6);
        rig_open_as(&g, v6 ? "::1" : "127.0.0.1", v6, true);
        const unsigned room = g.out.bound_room;
        assert_true(room > SOURCES);
        send_interleaved(&g, v6);
        assert_int_equal(g.out.bound_room, room - (SOURCES - 1));
        tee_bound_tick(g.r, 1);
        tee_bound_tick(g.r, 11 * 1000 * 1000);
        assert_int_equal(g.out.bound_room, room - (SOURCES - 1)); /* used since */
        tee_bound_tick(g.r, 22 * 1000 * 1000);
        assert_int_equal(g.out.bound_room, room);
        send_interleaved(&g, v6);
        g.out.bound_room = 0; /* no more of them */
        tee_bound_free(g.r);
        g.out.bound_room = 3;
        send_interleaved(&g, v6);
        assert_int_equal(g.out.bound_room, 0);
        assert_int_equal(g.r->count[TEE_SENT], 3 * SOURCES * ROUNDS);
        rig_close(&g);
        close(other);
    }
}

/* Nobody listens, and the source is on this machine, so that the answers come here: nothing counts as lost.
 */
static void refusals_of_sources(void **state)
{
    struct rig g;
    struct datagram_record *d = of_source(1, 0, false);
    (void)state;
    if (geteuid() != 0)
        skip();
    rig_open_as(&g, "127.0.0.1", false, true);
    close(g.fd);
    g.fd = -1;
    for (unsigned turn = 0; turn < 10; turn++) {
        for (unsigned i = 0; i < TEE_BATCH; i++)
            tee_receiver_put(g.r, d);
        assert_true(g.r->way->send(g.r));
        g.r->n = g.r->done = 0;
    }
    assert_int_equal(g.r->count[TEE_SENT], 10 * TEE_BATCH);
    assert_int_equal(g.r->count[TEE_REFUSALS], 1);
    free(d);
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(everything_arrives),
                                        cmocka_unit_test(refusals_stop_nothing),
                                        cmocka_unit_test(too_long_is_lost_alone),
                                        cmocka_unit_test(sources_keep_their_order),
                                        cmocka_unit_test(refusals_of_sources) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
