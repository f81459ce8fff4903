/* SPDX-License-Identifier: BSD-2-Clause */
/* Streaming telemetry for benchmarks and tests: messages of YANG-push in JSON, each with the number of its
 * sender and its own, from many addresses of loopback. telegen [-u] [-c] [-b N] [-s OCTETS] PORT PEERS COUNT
 * RATE -u: UDP, not TCP; -c: behind Cisco's header, version 1; -b: messages a write (TCP); -s: octets of a
 * message, about. COUNT messages in all, RATE a second (0: as fast as they are taken). Prints one JSON
 * object. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/cursor.h"

enum { PEERS_MAX = 60000, MESSAGE_MAX = 65000, HEADER = 12 };

static struct {
    int udp, cisco, batch;
    size_t octets;
    uint16_t port;
    long peers, count, rate;
} o = { .batch = 1, .octets = 400 };

static int fds[PEERS_MAX];
static long sent[PEERS_MAX];
static char padding[MESSAGE_MAX];

static int connect_from(long peer)
{
    const uint32_t host = 0x7f010000u + (uint32_t)peer / 250 * 256 + (uint32_t)peer % 250 + 1;
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(o.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, o.udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd == -1 || bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
        perror("telegen");
        exit(1);
    }
    return fd;
}

static size_t message(char *to, long peer)
{
    char *body = to + (o.cisco ? HEADER : 0);
    int n = snprintf(
        body, MESSAGE_MAX,
        "{\"ietf-notification:notification\": {\"eventTime\": \"2026-11-22T07:13:53.%06ldZ\", "
        "\"ietf-yang-push:push-update\": {\"id\": %ld, \"datastore-contents\": "
        "{\"ietf-interfaces:interfaces\": {\"interface\": [{\"name\": \"Hu0/0/0/1\", \"statistics\": "
        "{\"in-octets\": \"%ld\", \"out-octets\": \"123456789\", \"in-errors\": 0}}]}}}, "
        "\"pad\": \"",
        sent[peer] % 1000000, peer, sent[peer]);
    const size_t pad = o.octets > (size_t)n + 4 ? o.octets - (size_t)n - 4 : 0;
    memcpy(body + n, padding, pad);
    memcpy(body + n + pad, "\"}}", 3);
    n += (int)pad + 3;
    if (o.cisco) {
        uint8_t *h = (uint8_t *)to;
        h = put_be16(put_be16(put_be16(put_be16(h, 1), 2), 1), 0);
        put_be32(h, (uint32_t)n);
    }
    sent[peer]++;
    return (size_t)(body - to) + (size_t)n;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n) {
        const ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done == -1 && errno == ECONNREFUSED && o.udp)
            return;
        if (done == -1 && errno != EINTR) {
            perror("telegen: send");
            exit(1);
        }
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

static void wait_for_turn(int64_t begin_us, long done)
{
    while (o.rate) {
        const int64_t due = begin_us + (int64_t)((double)done * 1e6 / (double)o.rate), now = clock_mono_us();
        if (now >= due)
            return;
        usleep((useconds_t)(due - now));
    }
}

static void run(void)
{
    char *buf = malloc((size_t)o.batch * (MESSAGE_MAX + HEADER));
    const int64_t begin_us = clock_mono_us();
    uint64_t octets = 0;
    long done = 0;
    for (long peer = 0; done < o.count; peer = (peer + 1) % o.peers) {
        size_t n = 0;
        for (int i = 0; i < o.batch && done < o.count; i++, done++)
            n += message(buf + n, peer);
        send_all(fds[peer], buf, n);
        octets += n;
        if (done % 64 < o.batch)
            wait_for_turn(begin_us, done);
    }
    const double seconds = (double)(clock_mono_us() - begin_us) / 1e6;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("{\"messages\": %ld, \"octets\": %llu, \"seconds\": %.3f, \"rate\": %.0f, \"cpu\": %.3f}\n", done,
           (unsigned long long)octets, seconds, (double)done / seconds,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    free(buf);
}

/* Waits until the other side has read everything: it closes when it has seen the end. */
static void end_session(int fd)
{
    char c;
    shutdown(fd, SHUT_WR);
    while (!o.udp && recv(fd, &c, 1, 0) > 0)
        ;
    close(fd);
}

int main(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "ucb:s:")) != -1;) {
        o.udp |= c == 'u';
        o.cisco |= c == 'c';
        if (c == 'b')
            o.batch = (int)strtol(optarg, NULL, 10);
        if (c == 's')
            o.octets = strtoul(optarg, NULL, 10);
    }
    if (argc - optind == 4) {
        o.port = (uint16_t)strtol(argv[optind], NULL, 10);
        o.peers = strtol(argv[optind + 1], NULL, 10);
        o.count = strtol(argv[optind + 2], NULL, 10);
        o.rate = strtol(argv[optind + 3], NULL, 10);
    }
    if (o.peers < 1 || o.peers > PEERS_MAX || o.batch < 1 || o.octets > MESSAGE_MAX - 1000 ||
        (o.udp && o.batch > 1)) {
        fputs("usage: telegen [-u] [-c] [-b N] [-s OCTETS] PORT PEERS COUNT RATE\n", stderr);
        return 2;
    }
    struct rlimit files = { PEERS_MAX + 100, PEERS_MAX + 100 };
    setrlimit(RLIMIT_NOFILE, &files);
    memset(padding, 'x', sizeof(padding));
    for (long i = 0; i < o.peers; i++)
        fds[i] = connect_from(i);
    run();
    fflush(stdout);
    for (long i = 0; i < o.peers; i++)
        end_session(fds[i]);
    return 0;
}
