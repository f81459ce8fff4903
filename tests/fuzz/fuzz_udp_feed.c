/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams out of frames, as queues and capture files have them: the first octet says how the frame begins,
 * the second how much of it was cut off, the rest is a frame. What is handed on lies within it. */
#include <pcap/dlt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "../unit/fake_worker.h"
#include "packet/udp_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t *frame;
static size_t frame_len;

static void on_datagram(void *state, const struct datagram *d)
{
    uint64_t *sum = state;
    if (d->p < frame || d->len > frame_len || d->p + d->len > frame + frame_len)
        abort();
    for (uint32_t i = 0; i < d->len; i++)
        *sum += d->p[i];
}

static const struct decoder_ops decoder = { .name = "fuzz", .datagram = on_datagram };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const int types[] = { DLT_RAW, DLT_EN10MB, DLT_LINUX_SLL, DLT_NULL };
    static struct worker worker;
    static uint64_t sum;
    static void *states[] = { &sum };
    static struct log quiet;
    static const struct config c;
    static struct udp_feed feeds[sizeof(types) / sizeof(types[0])];
    static struct input in = {
        .worker = &worker, .c = &c, .log = &quiet, .decoder = &decoder, .decoder_states = states
    };
    struct err e;
    if (len < 2)
        return 0;
    struct udp_feed *uf = &feeds[data[0] % (sizeof(types) / sizeof(types[0]))];
    if (!uf->in && udp_feed_open(uf, &in, types[uf - feeds], &e) == -1)
        abort();
    frame_len = len - 2;
    uint8_t *exact = malloc(frame_len ? frame_len : 1); /* so that reading past its end is found */
    if (!exact)
        return 0;
    for (size_t i = 0; i < frame_len; i++)
        exact[i] = data[2 + i];
    frame = exact;
    const uint64_t before = uf->packets;
    udp_feed_take(uf, exact, (uint32_t)frame_len, (uint32_t)frame_len + data[1], 0);
    if (uf->packets != before + 1 || uf->datagrams + uf->not_udp + uf->cut != uf->packets)
        abort();
    free(exact);
    return 0;
}
