/* SPDX-License-Identifier: BSD-2-Clause */
/* PDUs of RTR, and the client against a cache that a thread plays from a script: full tables, changes,
 * resets, older versions, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "rpki/rtr.h"
#include "rpki/rtr_client.h"

#define BYTES(...) { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })
#define V4(version, flags, bits, max, as)                                                                    \
    version, 4, 0, 0, 0, 0, 0, 20, flags, bits, max, 0, 10, 1, 0, 0, 0, 0, 0, as
#define EOD0(session, serial) 0, 7, 0, session, 0, 0, 0, 12, 0, 0, 0, serial
#define EOD1(session, serial)                                                                                \
    1, 7, 0, session, 0, 0, 0, 24, 0, 0, 0, serial, 0, 0, 14, 16, 0, 0, 2, 88, 0, 0, 28, 32
#define RESPONSE(version, session) version, 3, 0, session, 0, 0, 0, 8

static void pdus(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t p[64];
        size_t n;
        int length;
        int error;
    } rows[] = {
        { "short header", BYTES(0, 3, 0, 1, 0, 0, 0), 0, -1 },
        { "cache response", BYTES(RESPONSE(0, 9)), 8, -1 },
        { "half a prefix", BYTES(0, 4, 0, 0, 0, 0, 0, 20, 1), 0, -1 },
        { "prefix", BYTES(V4(0, 1, 16, 24, 7)), 20, -1 },
        { "prefix longer than its maximum", BYTES(V4(0, 1, 24, 16, 7)), -1, RTR_CORRUPT },
        { "prefix of 33 bits", BYTES(V4(0, 1, 33, 33, 7)), -1, RTR_CORRUPT },
        { "prefix of the wrong length", BYTES(0, 4, 0, 0, 0, 0, 0, 21, 1), -1, RTR_CORRUPT },
        { "no length", BYTES(0, 3, 0, 0, 0, 0, 0, 0), -1, RTR_CORRUPT },
        { "endless", BYTES(0, 9, 0, 0, 255, 255, 255, 255), -1, RTR_CORRUPT },
        { "end of data of version 1 in version 0", BYTES(0, 7, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0), -1,
          RTR_CORRUPT },
        { "end of data", BYTES(EOD1(1, 5)), 24, -1 },
        { "unknown type", BYTES(1, 200, 0, 0, 0, 0, 0, 9, 0), 9, -1 },
        { "error report", BYTES(0, 10, 0, 2, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'), 18, -1 },
        { "error report that lies", BYTES(0, 10, 0, 2, 0, 0, 0, 18, 0, 0, 0, 9, 0, 0, 0, 2, 'h', 'i'), -1,
          RTR_CORRUPT },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtr_pdu p;
        enum rtr_error code = 99;
        struct err e = { 0 };
        if (rtr_read(rows[i].p, rows[i].n, &p, &code, &e) != rows[i].length ||
            (rows[i].error >= 0 && (int)code != rows[i].error))
            fail_msg("%s: %s", rows[i].what, e.text);
    }
}

/* --- a cache in the same loop */

struct reply {
    uint8_t expect; /* type of the query */
    uint8_t version;
    uint8_t p[160];
    size_t n;
    bool hang_up;
};

struct play {
    uv_loop_t loop;
    int listener, fd;
    uv_poll_t accepting, reading;
    uv_timer_t deadline;
    const struct reply *script;
    unsigned n, at, tables, wanted;
    struct roa_table *table;
    struct rtr_client *client;
    bool reading_open, wrong, late, expired;
};

static void end(struct play *p) { uv_stop(&p->loop); }

static void on_table(void *arg, struct roa_table *t)
{
    struct play *p = arg;
    roa_put(p->table);
    p->table = t;
    p->expired |= !t;
    if (++p->tables == p->wanted)
        end(p);
}

static void on_query(uv_poll_t *h, int status, int events)
{
    struct play *p = h->data;
    uint8_t q[256];
    (void)status, (void)events;
    const ssize_t n = read(p->fd, q, sizeof(q));
    if (n <= 0) {
        uv_poll_stop(h);
        return;
    }
    if (p->at >= p->n || q[1] == RTR_ERROR) /* a report is not answered */
        return;
    const struct reply *r = &p->script[p->at++];
    p->wrong |= q[1] != r->expect || q[0] != r->version;
    if (r->n && write(p->fd, r->p, r->n) != (ssize_t)r->n)
        p->wrong = true;
    if (r->hang_up)
        shutdown(p->fd, SHUT_RDWR);
    if (p->at == p->n && !p->wanted)
        end(p);
}

static void on_connection(uv_poll_t *h, int status, int events)
{
    struct play *p = h->data;
    (void)status, (void)events;
    if (p->reading_open) {
        uv_poll_stop(&p->reading);
        close(p->fd);
    }
    p->fd = accept(p->listener, NULL, NULL);
    if (p->fd < 0)
        return;
    static uv_poll_t spare[8];
    static unsigned used;
    uv_poll_t *poll_handle = p->reading_open ? &spare[used++ % 8] : &p->reading;
    uv_poll_init(&p->loop, poll_handle, p->fd);
    poll_handle->data = p;
    p->reading_open = true;
    uv_poll_start(poll_handle, UV_READABLE, on_query);
}

static void on_deadline(uv_timer_t *t)
{
    struct play *p = t->data;
    p->late = true;
    end(p);
}

static void close_all(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Runs the script until `tables` tables have come (0: until it is at its end). */
static void play(struct play *p, const struct reply *script, unsigned n, unsigned tables, int version)
{
    char at[32];
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    struct routing_keys k = { .rtr_cache = at, .rtr_version = version };
    struct log l = { .name = "test", .type = "rtr" };
    struct err e = { 0 };
    memset(p, 0, sizeof(*p));
    p->script = script;
    p->n = n;
    p->wanted = tables;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    getsockname(p->listener, (struct sockaddr *)&sa, &len);
    snprintf(at, sizeof(at), "127.0.0.1:%u", ntohs(sa.sin_port));
    uv_loop_init(&p->loop);
    uv_poll_init(&p->loop, &p->accepting, p->listener);
    p->accepting.data = p;
    uv_poll_start(&p->accepting, UV_READABLE, on_connection);
    uv_timer_init(&p->loop, &p->deadline);
    p->deadline.data = p;
    uv_timer_start(&p->deadline, on_deadline, 20000, 0);
    p->client = rtr_client_new(&k, &p->loop, &l, on_table, p, &e);
    assert_non_null(p->client);
    assert_int_equal(rtr_client_start(p->client, &e), 0);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    rtr_client_stop(p->client);
    uv_walk(&p->loop, close_all, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_loop_close(&p->loop);
    rtr_client_free(p->client);
    close(p->listener);
    if (p->reading_open)
        close(p->fd);
    assert_false(p->late);
    assert_false(p->wrong);
    assert_int_equal(p->at, n);
}

static void expect_states(struct play *p, unsigned n, enum roa_state of16)
{
    struct addr a;
    addr_parse("10.1.0.0", &a);
    assert_non_null(p->table);
    assert_int_equal(roa_count(p->table), n);
    assert_int_equal(roa_validate(p->table, &a, 16, 7, true), of16);
    roa_put(p->table);
}

static void a_full_table(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = {
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), V4(0, 1, 16, 16, 8), EOD0(9, 5)),
          false }
    };
    play(&p, script, 1, 1, 0);
    expect_states(&p, 2, ROA_VALID);
}

/* The notification makes it ask; an answer is applied at its end. */
static void changes_by_serial(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = {
        { RTR_RESET_QUERY, 1,
          BYTES(RESPONSE(1, 9), V4(1, 1, 16, 24, 7), EOD1(9, 5), 1, 0, 0, 9, 0, 0, 0, 12, 0, 0, 0, 6),
          false },
        { RTR_SERIAL_QUERY, 1, BYTES(RESPONSE(1, 9), V4(1, 0, 16, 24, 7), V4(1, 1, 16, 16, 8), EOD1(9, 6)),
          false }
    };
    play(&p, script, 2, 2, 1);
    expect_states(&p, 1, ROA_INVALID);
}

static void a_cache_reset_begins_anew(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = {
        { RTR_RESET_QUERY, 0,
          BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), EOD0(9, 5), 0, 0, 0, 9, 0, 0, 0, 12, 0, 0, 0, 6),
          false },
        { RTR_SERIAL_QUERY, 0, BYTES(0, 8, 0, 0, 0, 0, 0, 8), false },
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 16, 8), EOD0(9, 7)), false }
    };
    play(&p, script, 3, 2, 0);
    expect_states(&p, 1, ROA_INVALID);
}

/* Several in a row once had queries sent over each other. */
static void cache_resets_to_no_serial_query_end_the_session(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = {
        { RTR_RESET_QUERY, 0, BYTES(0, 8, 0, 0, 0, 0, 0, 8, 0, 8, 0, 0, 0, 0, 0, 8, 0, 8, 0, 0, 0, 0, 0, 8),
          true },
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), EOD0(9, 5)), false }
    };
    play(&p, script, 2, 1, 0);
    expect_states(&p, 1, ROA_VALID);
}

static void an_older_cache_is_spoken_to_in_its_version(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = {
        { RTR_RESET_QUERY, 1, BYTES(0, 10, 0, 4, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0), true },
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), EOD0(9, 5)), false }
    };
    play(&p, script, 2, 1, 1);
    expect_states(&p, 1, ROA_VALID);
}

static void the_answers_version_is_taken_when_it_is_older(void **state)
{
    (void)state;
    struct play p;
    const struct reply script[] = { { RTR_RESET_QUERY, 1,
                                      BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), EOD0(9, 5)), false } };
    play(&p, script, 1, 1, 1);
    expect_states(&p, 1, ROA_VALID);
}

/* A fault ends the session; the next one begins with everything. */
static void faults_make_it_begin_anew(void **state)
{
    (void)state;
    static const struct reply faults[] = {
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 0, 16, 24, 7), EOD0(9, 5)),
          false }, /* unknown withdrawn */
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7), V4(0, 1, 16, 24, 7), EOD0(9, 5)),
          false },                                                                     /* twice */
        { RTR_RESET_QUERY, 0, BYTES(V4(0, 1, 16, 24, 7)), false },                     /* no answer */
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), EOD0(8, 5)), false },              /* another session */
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), 0, 99, 0, 0, 0, 0, 0, 8), false }, /* unknown type */
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 24, 16, 7)), false },     /* corrupt */
        { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 24, 7)), true },      /* gone amid */
    };
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct play p;
        const struct reply script[] = {
            faults[i], { RTR_RESET_QUERY, 0, BYTES(RESPONSE(0, 9), V4(0, 1, 16, 16, 8), EOD0(9, 7)), false }
        };
        play(&p, script, 2, 1, 0);
        expect_states(&p, 1, ROA_INVALID);
    }
}

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } rows[] = { { "192.0.2.1:323", 0 },
                 { "[2001:db8::1]:323", 0 },
                 { "cache.example:8282", 0 },
                 { "192.0.2.1", -1 },
                 { ":323", -1 },
                 { "a:", -1 },
                 { "a:x", -1 } };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e;
        assert_int_equal(rtr_client_check(&(struct routing_keys){ .rtr_cache = rows[i].text }, &e),
                         rows[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pdus),
        cmocka_unit_test(a_full_table),
        cmocka_unit_test(changes_by_serial),
        cmocka_unit_test(a_cache_reset_begins_anew),
        cmocka_unit_test(cache_resets_to_no_serial_query_end_the_session),
        cmocka_unit_test(an_older_cache_is_spoken_to_in_its_version),
        cmocka_unit_test(the_answers_version_is_taken_when_it_is_older),
        cmocka_unit_test(faults_make_it_begin_anew),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
