/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between processes: bodies, descriptors, peers that are gone, do not read, or talk nonsense. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/msg.h"

static int pair[2];

static int setup(void **state)
{
    struct err e;
    (void)state;
    return msg_pair(pair, &e);
}

static int teardown(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void test_bodies(void **state)
{
    static const size_t lens[] = { 0, 1, 8, 100, MSG_BODY_MAX };
    uint8_t body[MSG_BODY_MAX + 1];
    struct msg m;
    struct err e;
    (void)state;
    memset(body, 0x5a, sizeof(body));
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        assert_int_equal(msg_send(pair[0], 7 + (uint32_t)i, body, lens[i], -1, &e), 0);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        assert_int_equal(msg_recv(pair[1], &m, &e), 1);
        assert_int_equal(m.type, 7 + i);
        assert_int_equal(m.len, lens[i]);
        assert_int_equal(m.fd, -1);
        assert_memory_equal(m.body, body, lens[i]);
    }
    assert_int_equal(msg_send(pair[0], 1, body, sizeof(body), -1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void test_descriptor(void **state)
{
    struct msg m;
    struct err e;
    int pipes[2];
    char c = 0;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(msg_send(pair[0], 1, "x", 1, pipes[1], &e), 0);
    close(pipes[1]);
    assert_int_equal(msg_recv(pair[1], &m, &e), 1);
    assert_true(m.fd >= 0);
    assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(m.fd, "!", 1), 1);
    close(m.fd);
    assert_int_equal(read(pipes[0], &c, 1), 1);
    assert_int_equal(c, '!');
    assert_int_equal(read(pipes[0], &c, 1), 0); /* nobody else holds it */
    close(pipes[0]);
}

static void test_peer_gone(void **state)
{
    struct msg m;
    struct err e;
    (void)state;
    msg_send(pair[0], 1, NULL, 0, -1, &e);
    close(pair[0]);
    assert_int_equal(msg_recv(pair[1], &m, &e), 1);
    assert_int_equal(msg_recv(pair[1], &m, &e), 0);
    assert_int_equal(msg_send(pair[1], 1, NULL, 0, -1, &e), -1);
    assert_int_equal(e.sys, EPIPE);
    pair[0] = dup(pair[1]);
}

static void test_peer_asleep(void **state)
{
    struct msg m;
    struct err e;
    int sent = 0;
    (void)state;
    while (msg_send(pair[0], 1, "12345678", 8, -1, &e) == 0 && sent < 1000000)
        sent++;
    assert_int_equal(e.sys, EAGAIN);
    assert_true(sent >= 100);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    int got = 0;
    while (msg_recv(pair[1], &m, &e) == 1)
        got++;
    assert_int_equal(e.sys, EAGAIN);
    assert_int_equal(got, sent);
}

static void test_nonsense(void **state)
{
    static const struct {
        const char *what;
        uint32_t words[4];
        size_t len;
    } rows[] = {
        { "shorter than a header", { 1 }, 4 },
        { "length past the end", { 1, 9, 0 }, 12 },
        { "length short of the end", { 1, 3, 0 }, 12 },
        { "huge length", { 1, 0xffffffff, 0 }, 12 },
    };
    struct msg m;
    struct err e;
    uint8_t big[MSG_BODY_MAX + 64] = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(send(pair[0], rows[i].words, rows[i].len, 0), rows[i].len);
        assert_int_equal(msg_recv(pair[1], &m, &e), -1);
        assert_int_equal(e.code, ERR_FORMAT);
    }
    assert_int_equal(send(pair[0], big, sizeof(big), 0), sizeof(big));
    assert_int_equal(msg_recv(pair[1], &m, &e), -1);
    assert_int_equal(msg_send(pair[0], 3, "ok", 2, -1, &e), 0); /* the next one is not harmed */
    assert_int_equal(msg_recv(pair[1], &m, &e), 1);
    assert_int_equal(m.type, 3);
}

static void on_number(void *ctx, const struct msg *m) { memcpy(ctx, m->body, sizeof(int)); }

static void test_dispatch(void **state)
{
    static const struct msg_rule rules[] = { [2] = { sizeof(int), on_number } };
    static const struct {
        uint32_t type, len;
        int rc;
    } rows[] = { { 2, 4, 0 }, { 2, 3, -1 }, { 2, 0, -1 }, { 1, 4, -1 }, { 3, 4, -1 }, { 0xffffffff, 4, -1 } };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct msg m = { .type = rows[i].type, .len = rows[i].len, .fd = -1, .body = { 42 } };
        int got = 0;
        struct err e;
        assert_int_equal(msg_dispatch(rules, 3, &m, &got, &e), rows[i].rc);
        assert_int_equal(got, rows[i].rc == 0 ? 42 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peer_asleep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test(test_dispatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
