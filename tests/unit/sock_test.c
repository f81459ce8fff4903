/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets over loopback: families, sharing, counted drops, marks of exporters, sessions, host:port. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "base/sock.h"

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss;
    struct addr a;
    uint16_t port;
    socklen_t len = sizeof(ss);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    addr_from_sockaddr((struct sockaddr *)&ss, &a, &port);
    return port;
}

static bool have_v6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 lo = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    bool yes = fd != -1 && bind(fd, (struct sockaddr *)&lo, sizeof(lo)) == 0;
    if (fd != -1)
        close(fd);
    return yes;
}

/* Sends one datagram from an exporter to a listener; tells whether it arrived and from where. */
static bool passes(int listener, const char *host, const char *source, char from[ADDR_TEXT])
{
    struct err e;
    struct addr to, a;
    uint16_t to_port, port;
    char buf[8];
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct sock_peer peer = { .host = host, .port = port_of(listener), .source = source };
    int fd = sock_udp_connect(&peer, &to, &to_port, &e);
    assert_true(fd != -1);
    assert_int_equal(to_port, peer.port);
    ssize_t sent = send(fd, "hello", 5, 0);
    ssize_t n =
        sent == 5 ? recvfrom(listener, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&ss, &len) : -1;
    close(fd);
    if (n != 5)
        return false;
    addr_from_sockaddr((struct sockaddr *)&ss, &a, &port);
    addr_str(&a, from);
    return true;
}

static void test_families(void **state)
{
    struct err e;
    char from[ADDR_TEXT];
    (void)state;
    int any = sock_udp_listen(&(struct sock_udp){ 0 }, NULL, &e);
    int v4 = sock_udp_listen(&(struct sock_udp){ .ip = "127.0.0.1" }, NULL, &e);
    assert_true(any != -1 && v4 != -1);
    assert_true(passes(any, "127.0.0.1", NULL, from));
    assert_string_equal(from, "127.0.0.1");
    assert_true(passes(v4, "127.0.0.1", "127.0.0.9", from));
    assert_string_equal(from, "127.0.0.9");
    if (have_v6()) {
        int only = sock_udp_listen(&(struct sock_udp){ .v6_only = true }, NULL, &e);
        assert_true(passes(any, "::1", NULL, from));
        assert_string_equal(from, "::1");
        assert_true(passes(only, "::1", "::1", from));
        assert_false(passes(only, "127.0.0.1", NULL, from));
        close(only);
    }
    close(any);
    close(v4);
}

static void test_sharing(void **state)
{
    struct err e;
    (void)state;
    int a = sock_udp_listen(&(struct sock_udp){ .ip = "127.0.0.1" }, NULL, &e);
    int b = sock_udp_listen(&(struct sock_udp){ .ip = "127.0.0.1", .port = port_of(a) }, NULL, &e);
    assert_true(a != -1 && b != -1);
    assert_int_equal(port_of(a), port_of(b));
    close(a);
    close(b);
}

static void test_refused(void **state)
{
    static const struct {
        struct sock_udp want;
        const char *text;
    } rows[] = {
        { { .ip = "203.0.113.77", .port = 2100 }, "cannot listen on 203.0.113.77 port 2100: " },
        { { .ip = "no such host" }, "cannot resolve 'no such host': " },
        { { .interface = "nosuchif0" }, "cannot bind to interface 'nosuchif0': " },
        { { .mcast_groups = "abc" }, "multicast group 'abc' is no address" },
        { { .mcast_groups = " , 192.0.2.1" }, "'192.0.2.1' is no multicast group" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e;
        assert_int_equal(sock_udp_listen(&rows[i].want, NULL, &e), -1);
        assert_memory_equal(e.text, rows[i].text, strlen(rows[i].text));
    }
}

static void test_buffer_and_drops(void **state)
{
    struct err e;
    struct sock_mem m;
    size_t got = 0;
    int small = 4096;
    char data[1000] = "";
    (void)state;
    int fd = sock_udp_listen(&(struct sock_udp){ .ip = "127.0.0.1", .rcvbuf = 300000 }, &got, &e);
    assert_true(fd != -1);
    assert_true(got >= 200000);
    assert_int_equal(sock_mem(fd, &m), 0);
    assert_int_equal(m.size, got);
    assert_int_equal(m.queued, 0);
    assert_int_equal(m.drops, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    int out =
        sock_udp_connect(&(struct sock_peer){ .host = "127.0.0.1", .port = port_of(fd) }, NULL, NULL, &e);
    for (int i = 0; i < 100; i++)
        assert_int_equal(send(out, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(sock_mem(fd, &m), 0);
    unsigned kept = 0;
    while (recv(fd, data, sizeof(data), 0) == sizeof(data))
        kept++;
    assert_true(m.queued > 0);
    assert_int_equal(kept + m.drops, 100);
    close(out);
    close(fd);
    assert_int_equal(sock_mem(fd, &m), -1);
}

static void test_marks(void **state)
{
    struct err e;
    int tos = 0, ttl = 0;
    socklen_t len = sizeof(int);
    (void)state;
    struct sock_peer peer = { .host = "127.0.0.1", .port = 9, .tos = 184, .ttl = 7, .sndbuf = 150000 };
    int fd = sock_udp_connect(&peer, NULL, NULL, &e);
    assert_true(fd != -1);
    getsockopt(fd, IPPROTO_IP, IP_TOS, &tos, &len);
    getsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, &len);
    assert_int_equal(tos, 184);
    assert_int_equal(ttl, 7);
    close(fd);
    peer.source = "203.0.113.77";
    assert_int_equal(sock_udp_connect(&peer, NULL, NULL, &e), -1);
    assert_non_null(strstr(e.text, "203.0.113.77"));
}

static void test_split(void **state)
{
    static const struct {
        const char *text, *host;
        int port; /* 0: as it was */
    } rows[] = {
        { "192.0.2.1:2100", "192.0.2.1", 2100 },
        { "192.0.2.1", "192.0.2.1", 0 },
        { "[2001:db8::1]:9995", "2001:db8::1", 9995 },
        { "[2001:db8::1]", "2001:db8::1", 0 },
        { "2001:db8::1", "2001:db8::1", 0 },
        { "collector.example:1", "collector.example", 1 },
        { "", NULL, 0 },
        { ":2100", NULL, 0 },
        { "[]:2100", NULL, 0 },
        { "[::1", NULL, 0 },
        { "[::1]2100", NULL, 0 },
        { "host:", NULL, 0 },
        { "host:0", NULL, 0 },
        { "host:65536", NULL, 0 },
        { "host:99999999999999999999", NULL, 0 },
        { "host:+5", NULL, 0 },
        { "host:21x", NULL, 0 },
        { "a-name-that-is-longer-than-the-place-it-has.example:1", NULL, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char host[32];
        uint16_t port = 4711;
        struct err e;
        assert_int_equal(sock_split(rows[i].text, host, sizeof(host), &port, &e), rows[i].host ? 0 : -1);
        if (rows[i].host) {
            assert_string_equal(host, rows[i].host);
            assert_int_equal(port, rows[i].port ? rows[i].port : 4711);
        }
    }
}

/* One session: a port is one process's alone, and sessions get what the listener was told. */
static void test_sessions(void **state)
{
    struct err e;
    (void)state;
    struct sock_tcp want = { .ip = "127.0.0.1", .rcvbuf = 300000, .tos = 0xc0 };
    const int fd = sock_tcp_listen(&want, &e);
    assert_true(fd != -1);
    want.port = port_of(fd);
    assert_int_equal(sock_tcp_listen(&want, &e), -1);
    assert_non_null(strstr(e.text, "cannot listen on 127.0.0.1 port"));

    struct sockaddr_storage ss;
    struct addr a;
    addr_parse("127.0.0.1", &a);
    const socklen_t len = addr_to_sockaddr(&a, want.port, false, &ss);
    const int out = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(out, (struct sockaddr *)&ss, len), 0);
    const int in = accept(fd, NULL, NULL);
    assert_true(in != -1);
    int value = 0;
    socklen_t size = sizeof(value);
    assert_int_equal(getsockopt(in, IPPROTO_IP, IP_TOS, &value, &size), 0);
    assert_int_equal(value, 0xc0);
    assert_int_equal(getsockopt(in, SOL_SOCKET, SO_RCVBUF, &value, &size), 0);
    assert_true(value >= 300000);
    close(in);
    close(out);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families), cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_buffer_and_drops),
        cmocka_unit_test(test_marks),    cmocka_unit_test(test_split),
        cmocka_unit_test(test_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
