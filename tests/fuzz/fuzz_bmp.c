/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream of BMP: framed, parsed, every TLV and counter walked, as a station does with what a router sends.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bmp/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t octets(struct bmp_octets o)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < o.len; i++)
        sum += o.p[i];
    return sum;
}

static uint64_t body(struct bmp_msg *m)
{
    struct bmp_octets update = { 0 };
    struct bmp_counter n;
    uint64_t sum = 0;
    switch (m->type) {
    case BMP_ROUTE_MONITORING:
        if (m->version == 4)
            (void)bmp_rm_numbers(m->tlvs, &update);
        return octets(m->version == 4 ? update : m->update);
    case BMP_STATS:
        while (bmp_counter_next(&m->stats.counters, &n))
            sum += n.value + octets(n.raw) + (uintptr_t)bmp_counter_name(n.type);
        return sum;
    case BMP_PEER_UP:
        return octets(m->up.sent) + octets(m->up.received);
    case BMP_PEER_DOWN:
        return octets(m->down.notification);
    default:
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    volatile uint64_t sum = 0;
    while (size) {
        enum bmp_fault f;
        const long n = bmp_frame(data, size, &f);
        if (n <= 0)
            return 0;
        uint8_t *exact = malloc((size_t)n); /* so that reading past its end is found */
        if (!exact)
            abort();
        memcpy(exact, data, (size_t)n);
        struct bmp_msg m;
        struct bmp_tlv t;
        if (bmp_parse(exact, (size_t)n, &m) == BMP_FAULT_NONE) {
            sum += body(&m);
            while (
                bmp_tlv_next(&m.tlvs, m.version == 4 && m.type == BMP_ROUTE_MONITORING, m.version == 4, &t))
                sum += octets(t.value);
        }
        free(exact);
        data += n;
        size -= (size_t)n;
    }
    (void)sum;
    return 0;
}
