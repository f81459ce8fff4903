/* SPDX-License-Identifier: BSD-2-Clause */
/* What a message into a file costs the one who writes it, and how many go out a second: 350 octets each, for
 * one peer after the other or for many at a time. Prints ns a message and messages a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "output/msglog.h"

enum { MESSAGES = 4000000, OCTETS = 350, BATCH = 64 };

static int64_t cpu_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void measure(const char *path, const char *what, unsigned peers, unsigned together)
{
    struct log l;
    struct err e;
    char text[OCTETS];
    struct addr a;
    const struct msglog_conf c = { .name = "bench",
                                   .file = { .path = path, .modes = file_modes_of(-1, -1, -1) } };
    log_init(&l, NULL, "default", "core", false);
    struct msglog *m = msglog_open(&c, &l, &e);
    struct msglog_target **t = calloc(peers, sizeof(struct msglog_target *));
    if (!m || !t)
        exit(1);
    for (unsigned i = 0; i < peers; i++) {
        const uint8_t octets[4] = { 192, 0, (uint8_t)(i >> 8), (uint8_t)i };
        addr_set_v4(&a, octets);
        t[i] = msglog_target_new(m, &(struct msglog_topic){ .peer_src_ip = &a });
    }
    memset(text, 'x', sizeof(text));
    const int64_t start = clock_mono_us(), cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID),
                  own = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < MESSAGES; i++) {
        while (i % BATCH == 0 && !msglog_room(m))
            nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
        msglog_put(m, t[i / together % peers], text, sizeof(text));
    }
    const int64_t own_us = cpu_us(CLOCK_THREAD_CPUTIME_ID) - own;
    for (unsigned i = 0; i < peers; i++)
        msglog_target_free(m, t[i]);
    msglog_tick(m, 0);
    msglog_close(m);
    const int64_t us = clock_mono_us() - start, cpu_all = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("msglog file %-24s %6.1f ns a message (with the thread %6.1f), %.2f M messages/s\n", what,
           (double)own_us * 1000 / MESSAGES, (double)cpu_all * 1000 / MESSAGES, MESSAGES / (double)us);
    free(t);
}

int main(int argc, char **argv)
{
    char path[256];
    const char *dir = argc > 1 ? argv[1] : "/tmp";
    measure("/dev/null", "to nowhere", 1, 1);
    snprintf(path, sizeof(path), "%s/micro_msglog", dir);
    measure(path, "one file", 1, 1);
    remove(path);
    snprintf(path, sizeof(path), "%s/micro_msglog.d/$peer_src_ip", dir);
    measure(path, "200 files, 100 in a row", 200, 100);
    snprintf(path, sizeof(path), "rm -r '%s/micro_msglog.d'", dir);
    return system(path) == 0 ? 0 : 1; /* NOLINT */
}
