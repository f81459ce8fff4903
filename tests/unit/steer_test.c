/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of one address come to one socket, the one that steer_of names; addresses are spread evenly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <unistd.h>
#include "base/sock.h"
#include "base/steer.h"

enum { SOCKETS_MAX = 7, ADDRESSES = 60 };

static int listener(uint16_t port, uint16_t *port_of)
{
    struct err e;
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct addr a;
    int fd = sock_udp_listen(&(struct sock_udp){ .port = port, .shut = true }, NULL, &e);
    assert_int_not_equal(fd, -1);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    addr_from_sockaddr((struct sockaddr *)&ss, &a, port_of);
    return fd;
}

static void send_from(const struct addr *from, uint16_t port, const char *to)
{
    struct sockaddr_storage ss;
    struct addr dst;
    assert_int_equal(addr_parse(to, &dst), 0);
    int fd = socket(addr_is_v4(from) ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    socklen_t len = addr_to_sockaddr(from, 0, false, &ss);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = addr_to_sockaddr(&dst, port, false, &ss);
    assert_int_equal(sendto(fd, from->b, 16, 0, (struct sockaddr *)&ss, len), 16);
    close(fd);
}

/* How many datagrams a socket has; each of an address that belongs there. */
static unsigned drain(int fd, unsigned number, unsigned n)
{
    struct addr from;
    unsigned got = 0;
    for (; recv(fd, &from, sizeof(from), MSG_DONTWAIT) == sizeof(from); got++)
        assert_int_equal(steer_of(&from, n), number);
    return got;
}

static void sockets(unsigned n)
{
    int fd[SOCKETS_MAX];
    struct err e;
    uint16_t port = 0;
    struct addr from;
    unsigned got = 0, most = 0;
    char text[32];
    for (unsigned i = 0; i < n; i++)
        fd[i] = listener(port, &port);
    assert_int_equal(addr_parse("127.0.0.1", &from), 0);
    send_from(&from, port, "127.0.0.1"); /* before they are open: nobody gets it */
    assert_int_equal(steer_by_sender(fd[0], n, &e), 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(steer_open(fd[i], i == 0, &e), 0);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        snprintf(text, sizeof(text), "127.0.%u.%u", i % 3, i + 1);
        assert_int_equal(addr_parse(text, &from), 0);
        send_from(&from, port, "127.0.0.1");
        send_from(&from, port, "127.0.0.1"); /* from another port */
    }
    assert_int_equal(addr_parse("::1", &from), 0);
    send_from(&from, port, "::1");
    for (unsigned i = 0; i < n; i++) {
        const unsigned here = drain(fd[i], i, n);
        most = here > most ? here : most;
        got += here;
        close(fd[i]);
    }
    assert_int_equal(got, 2 * ADDRESSES + 1);
    assert_true(n == 1 || most < 2 * ADDRESSES * 3 / 4);
}

static void test_sockets(void **state)
{
    (void)state;
    sockets(1);
    sockets(2);
    sockets(4);
    sockets(7);
}

/* Neighbouring addresses, as those of a site's routers are; also in IPv6. `octet`: where the last octet of
 * the number stands. */
static void test_spread(void **state)
{
    static const struct {
        const char *first;
        unsigned octet;
    } nets[] = { { "10.0.0.1", 15 },
                 { "10.0.0.1", 14 },
                 { "2001:db8::1", 15 },
                 { "2001:db8::1", 7 },
                 { "2001:db8::1", 5 } };
    (void)state;
    for (unsigned i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
        for (unsigned n = 2; n <= 8; n *= 2) {
            unsigned count[8] = { 0 };
            for (unsigned k = 0; k < 10000; k++) {
                struct addr a;
                assert_int_equal(addr_parse(nets[i].first, &a), 0);
                a.b[nets[i].octet] = (uint8_t)k;
                a.b[nets[i].octet - 1] = (uint8_t)(k >> 8);
                count[steer_of(&a, n)]++;
            }
            for (unsigned w = 0; w < n; w++)
                assert_in_range(count[w], 10000 / n * 8 / 10, 10000 / n * 12 / 10);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sockets), cmocka_unit_test(test_spread) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
