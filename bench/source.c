/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams for benchmarks of the replicator, cheaper to make than to receive: NetFlow v9 by their first
 * octets, each with its number, of one length, joined for the kernel to split. source PORT COUNT RATE
 * [OCTETS] Sends to 127.0.0.1 in steps of a millisecond. Prints one JSON object. */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"

enum { JOINED = 32, OCTETS = 1464, SPAN = 65000 };

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static uint8_t buf[65536];

static int open_socket(uint16_t port, int octets)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    /* As an exporter elsewhere, whose address and port nobody on this machine has: tee may have them too. */
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
        setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &octets, sizeof(octets)) == -1) {
        perror("source");
        exit(1);
    }
    return fd;
}

static void number(long first, long n, long octets)
{
    for (long i = 0; i < n; i++) {
        uint32_t seq = htonl((uint32_t)(first + i));
        memcpy(buf + i * octets + 12, &seq, 4);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "source PORT COUNT RATE [OCTETS]\n");
        return 1;
    }
    long count = atol(argv[2]), rate = atol(argv[3]), octets = argc > 4 ? atol(argv[4]) : OCTETS, sent = 0,
         failed = 0;
    long joined = SPAN / octets < JOINED ? SPAN / octets : JOINED;
    int fd = open_socket((uint16_t)atoi(argv[1]), (int)octets);
    for (long i = 0; i < joined; i++)
        memcpy(buf + i * octets, "\0\11\0\1", 4);
    const int64_t began = clock_mono_us();
    while (sent < count) {
        long due = (long)((double)(clock_mono_us() - began) * (double)rate / 1e6);
        if (due > count)
            due = count;
        while (sent < due) {
            long n = due - sent < joined ? due - sent : joined;
            number(sent, n, octets);
            failed += send(fd, buf, (size_t)(n * octets), 0) == -1 ? n : 0;
            sent += n;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
    }
    printf("{\"datagrams\": %ld, \"octets\": %ld, \"failed\": %ld, \"seconds\": %.3f}\n", sent, sent * octets,
           failed, (double)(clock_mono_us() - began) / 1e6);
    return 0;
}
