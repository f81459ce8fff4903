/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends mutations of datagrams, for test_bad_input.py: fast enough for millions, never faster than the
 * receiver on this machine reads. Seeds are read from a file: each two octets of length, most significant
 * first, then the datagram. Four octets that must not go out (a key that the test counts by) are changed
 * wherever they occur. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../fuzz/mutate.h"

enum { DATAGRAM_MAX = 9000, SEEDS_MAX = 256, CHECK_EVERY = 32, QUEUE_HIGH = 60000, SOURCES = 64 };

struct seed {
    uint16_t len;
    uint8_t p[2048];
};

static size_t read_seeds(const char *path, struct seed *seeds)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    uint8_t head[2];
    while (f && n < SEEDS_MAX && fread(head, 2, 1, f) == 1) {
        seeds[n].len = (uint16_t)(head[0] << 8 | head[1]);
        if (seeds[n].len > sizeof seeds[n].p || fread(seeds[n].p, 1, seeds[n].len, f) != seeds[n].len)
            break;
        n++;
    }
    if (f)
        fclose(f);
    return n;
}

/* Octets in the receiver's queue, from the kernel's table. */
static unsigned long queued(unsigned port)
{
    FILE *f = fopen("/proc/net/udp", "r");
    char line[512];
    unsigned long most = 0;
    while (f && fgets(line, sizeof line, f)) {
        char *local = strchr(line, ':');
        char *number = local ? strchr(local + 1, ':') : NULL;
        if (!number || strtoul(number + 1, NULL, 16) != port)
            continue;
        /* "sl: local:port remote:port state tx:rx" */
        char *rest = number;
        for (int i = 0; i < 3 && rest; i++)
            rest = strchr(rest + 1, ' ');
        char *rx = rest ? strchr(rest, ':') : NULL;
        unsigned long value = rx ? strtoul(rx + 1, NULL, 16) : 0;
        most = value > most ? value : most;
    }
    if (f)
        fclose(f);
    return most;
}

static void keep_off(uint8_t *p, size_t len, const uint8_t * not )
{
    for (size_t i = 0; i + 4 <= len; i++)
        if (memcmp(p + i, not, 4) == 0)
            p[i + 3] ^= 0x40;
}

/* Sockets of several exporters: 127.0.66.1, 127.0.66.2, ... */
static int open_source(unsigned i)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f004201u + i) };
    return fd != -1 && bind(fd, (struct sockaddr *)&from, sizeof from) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("mutgen PORT COUNT SEED NOT-THIS-ADDRESS SEEDS-FILE\n", stderr);
        return 2;
    }
    unsigned port = (unsigned)strtoul(argv[1], NULL, 10);
    unsigned long count = strtoul(argv[2], NULL, 10);
    uint64_t state = strtoull(argv[3], NULL, 10) | 1;
    uint8_t not [4];
    static struct seed seeds[SEEDS_MAX];
    static uint8_t p[DATAGRAM_MAX];
    size_t n = read_seeds(argv[5], seeds);
    if (n == 0 || inet_pton(AF_INET, argv[4], not ) != 1)
        return 2;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd[SOURCES];
    for (unsigned i = 0; i < SOURCES; i++)
        if ((fd[i] = open_source(i)) == -1)
            return 1;
    for (unsigned long i = 0; i < count; i++) {
        const struct seed *s = &seeds[rnd(&state) % n];
        memcpy(p, s->p, s->len);
        size_t len = mutate(p, s->len, DATAGRAM_MAX, &state);
        keep_off(p, len, not );
        /* One source in 64 most of the time, so that templates and data of one exporter meet. */
        unsigned source = rnd(&state) % 8 ? 0 : (unsigned)(rnd(&state) % SOURCES);
        sendto(fd[source], p, len, 0, (struct sockaddr *)&to, sizeof to);
        while (i % CHECK_EVERY == 0 && queued(port) > QUEUE_HIGH)
            nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    }
    return 0;
}
