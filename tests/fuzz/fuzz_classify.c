/* SPDX-License-Identifier: BSD-2-Clause */
/* IP packets for the classifier: the first octet says how much of the packet was captured and when, then come
 * packets of two octets of length each. nDPI is initialised once: it takes its time. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "packet/classify.h"
#include "packet/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW = 12 };

struct stage {
    struct classifier *k;
    struct packet_decoder d;
    struct flow f;
    int64_t at_us;
};

static struct stage *stage(void)
{
    static struct stage s;
    static bool open;
    if (open)
        return &s;
    static struct log log;
    struct config c = { .classifier_idle_max_time = 2000,
                        .classifier_idle_scan_period = 1000,
                        .classifier_idle_scan_budget = 16,
                        .classifier_max_flows = 500,
                        .classifier_giveup_tcp = 4,
                        .classifier_giveup_udp = 4,
                        .classifier_giveup_other = 2,
                        .classifier_proto_guess = true };
    struct fieldset needs = { { 0 } };
    struct packet_options o = { .needs = &needs };
    struct err e;
    fieldset_add(&needs, FIELD_src_port);
    log_init(&log, NULL, "fuzz", "core", false);
    s.k = classifier_new(&c, &log, &e);
    s.at_us = INT64_C(1700000000000000);
    open = packet_decoder_open(&s.d, RAW, &o, &e) == 0;
    return open ? &s : NULL;
}

static void packet(struct stage *s, struct cursor p)
{
    uint32_t n = (uint32_t)cursor_left(&p);
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        return;
    if (n)
        memcpy(exact, p.p, n);
    if (packet_decode(&s->d, exact, n, n, &s->f) == PACKET_OK)
        classifier_packet(s->k, &s->f, s->d.ip, s->d.ip ? (uint32_t)(exact + n - s->d.ip) : 0, s->at_us);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage *s = stage();
    struct cursor c = cursor_of(data, size);
    if (!s || !s->k || size > 65536)
        return 0;
    s->at_us += cursor_u8(&c) * INT64_C(10000);
    while (cursor_left(&c) > 2) {
        struct cursor p = cursor_sub(&c, cursor_u16(&c));
        if (p.bad)
            break;
        packet(s, p);
    }
    return 0;
}
