/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the NetFlow decoder takes for a record: datagrams as bench/flowgen sends them, into a worker that
 * only adds up.
 *
 *   micro_netflow [RECORDS] [FIELD,FIELD,...]        default: 20 million, the key of the bench's rows
 *
 * Then with 20 templates from each of 10, 1,000 and 10,000 exporters, whose datagrams use them by turns: what
 * finding exporter and template costs, and the memory that each takes. */
#include <stdio.h>
#include <stdlib.h>
#include "../tests/unit/fake_worker.h"
#include "base/clock.h"
#include "netflow/decode.h"
#include "netflow/netflow.h"

enum { RECORDS = 24, DATAGRAMS = 64, TEMPLATES = 20, GROUP = 32 };

static const uint16_t template9[][2] = {
    { 8, 4 },  { 12, 4 }, { 15, 4 }, { 10, 4 }, { 14, 4 }, { 16, 4 }, { 17, 4 },
    { 7, 2 },  { 11, 2 }, { 4, 1 },  { 5, 1 },  { 6, 1 },  { 61, 1 }, { 9, 1 },
    { 13, 1 }, { 2, 4 },  { 1, 4 },  { 22, 4 }, { 21, 4 },
};
static const uint16_t template10[][2] = {
    { 8, 4 },  { 12, 4 }, { 15, 4 }, { 10, 4 },  { 14, 4 },  { 16, 4 }, { 17, 4 },
    { 7, 2 },  { 11, 2 }, { 4, 1 },  { 5, 1 },   { 6, 1 },   { 61, 1 }, { 9, 1 },
    { 13, 1 }, { 2, 8 },  { 1, 8 },  { 152, 8 }, { 153, 8 },
};
enum { FIELDS = sizeof(template9) / sizeof(template9[0]) };

static uint8_t *put(uint8_t *p, uint64_t v, unsigned n)
{
    while (n--)
        *p++ = (uint8_t)(v >> (8 * n));
    return p;
}

static uint8_t *put_header(uint8_t *p, unsigned version, uint32_t seq)
{
    p = put(put(p, version, 2), RECORDS, 2);
    if (version != 10)
        p = put(p, 3600000, 4);
    p = put(p, 1700000000, 4);
    if (version == 5)
        p = put(p, 0, 4);
    p = put(p, seq, 4);
    return put(p, 0, 4);
}

static uint64_t value(uint16_t id, uint64_t r)
{
    switch (id) {
    case 22:
        return 3590000 + r % 1000;
    case 21:
        return 3595000 + r % 1000;
    case 152:
        return UINT64_C(1700000000000) - 9000 + r % 1000;
    case 153:
        return UINT64_C(1700000000000) - 4000 + r % 1000;
    case 4:
        return r & 1 ? 6 : 17;
    default:
        return r;
    }
}

static uint8_t *put_record(uint8_t *p, unsigned version, uint64_t r)
{
    const uint16_t(*f)[2] = version == 10 ? template10 : template9;
    if (version == 5) {
        memset(p, 0, 48);
        for (unsigned i = 0; i < 48; i++)
            p[i] = (uint8_t)(r >> (i % 7 * 8));
        put(put(p + 24, 3590000, 4), 3595000, 4);
        p[38] = r & 1 ? 6 : 17;
        return p + 48;
    }
    for (unsigned i = 0; i < FIELDS; i++)
        p = put(p, value(f[i][0], r + i), f[i][1]);
    return p;
}

static uint32_t make_template(uint8_t *b, unsigned version, unsigned id)
{
    const uint16_t(*f)[2] = version == 10 ? template10 : template9;
    uint8_t *p = put_header(b, version, 0);
    p = put(put(p, version == 9 ? 0 : 2, 2), 8 + 4 * FIELDS, 2);
    p = put(put(p, id, 2), FIELDS, 2);
    for (unsigned i = 0; i < FIELDS; i++)
        p = put(put(p, f[i][0], 2), f[i][1], 2);
    if (version == 10)
        put(b + 2, (uint64_t)(p - b), 2);
    return (uint32_t)(p - b);
}

static uint32_t make_data(uint8_t *b, unsigned version, uint32_t n)
{
    uint64_t rnd = n * UINT64_C(0x9e3779b97f4a7c15) + 1;
    uint8_t *p = put_header(b, version, 0);
    uint8_t *const set = p;
    if (version != 5)
        p = put(put(p, 256, 2), 0, 2);
    for (unsigned i = 0; i < RECORDS; i++) {
        rnd = rnd * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p = put_record(p, version, rnd >> 20);
    }
    if (version != 5)
        put(set + 2, (uint64_t)(p - set), 2);
    if (version == 10)
        put(b + 2, (uint64_t)(p - b), 2);
    return (uint32_t)(p - b);
}

/* Of this process: what others do meanwhile does not count. */
static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void run(struct worker *w, unsigned version, unsigned exporters, uint64_t records)
{
    static uint8_t data[DATAGRAMS][2048], tmpl[512];
    struct datagram d[DATAGRAMS], t = { .p = tmpl, .len = make_template(tmpl, version, 256), .port = 2055 };
    struct err e;
    void *state = calloc(1, netflow_decoder.state_size);
    if (!state || netflow_decoder.open(state, w, &e) < 0)
        abort();
    fake_worker_clear(w);
    for (uint32_t i = 0; i < DATAGRAMS; i++)
        d[i] = (struct datagram){
            .p = data[i], .len = make_data(data[i], version, i), .port = 2055, .at_us = 1700000000 * US_PER_S
        };
    for (uint32_t x = 0; version != 5 && x < exporters; x++) {
        const uint8_t v4[4] = { 127, 1, (uint8_t)(x >> 8), (uint8_t)x };
        addr_set_v4(&t.from, v4);
        netflow_decoder.datagram(state, &t);
    }
    const double start = cpu_ns();
    for (uint64_t i = 0; w->count < records; i++) {
        const uint32_t x = (uint32_t)(i % exporters);
        const uint8_t v4[4] = { 127, 1, (uint8_t)(x >> 8), (uint8_t)x };
        struct datagram *one = &d[i % DATAGRAMS];
        addr_set_v4(&one->from, v4);
        netflow_decoder.datagram(state, one);
    }
    const double took = cpu_ns() - start;
    printf("version %2u, %4u exporters: %.1f ns a record (%llu records, octets %llu)\n", version, exporters,
           took / (double)w->count, (unsigned long long)w->count, (unsigned long long)w->bytes);
    netflow_decoder.close(state);
    free(state);
}

static void set_exporter(struct datagram *d, uint32_t x)
{
    const uint8_t v4[4] = { 10, (uint8_t)(x >> 16), (uint8_t)(x >> 8), (uint8_t)x };
    addr_set_v4(&d->from, v4);
}

static size_t resident(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2)
        abort();
    fclose(f);
    return resident * 4096;
}

/* RFC 7011 records; each exporter has TEMPLATES templates, each datagram is of the next exporter and, once
 * all had a turn, of the next template. */
static void run_many(struct worker *w, uint32_t exporters, uint64_t records)
{
    static uint8_t data[DATAGRAMS][2048], tmpl[512];
    struct datagram d[DATAGRAMS], t = { .p = tmpl, .port = 2055 };
    struct err e;
    struct netflow *nf = calloc(1, netflow_decoder.state_size);
    const size_t before = resident();
    if (!nf || netflow_decoder.open(nf, w, &e) < 0)
        abort();
    fake_worker_clear(w);
    for (uint32_t i = 0; i < DATAGRAMS; i++)
        d[i] = (struct datagram){
            .p = data[i], .len = make_data(data[i], 10, i), .port = 2055, .at_us = 1700000000 * US_PER_S
        };
    for (uint32_t x = 0; x < exporters; x++)
        for (unsigned k = 0; k < TEMPLATES; k++) {
            t.len = make_template(tmpl, 10, 256 + k);
            set_exporter(&t, x);
            netflow_decoder.datagram(nf, &t);
        }
    const size_t grown = resident() - before, counted = nf->exporters.senders.memory;
    const double start = cpu_ns();
    for (uint64_t i = 0; w->count < records;) {
        for (unsigned k = 0; k < GROUP; k++, i++) {
            put(data[k] + 16, 256 + i / exporters % TEMPLATES, 2); /* the set's id */
            set_exporter(&d[k], (uint32_t)(i % exporters));
        }
        netflow_decoder.ahead(nf, d, GROUP);
        for (unsigned k = 0; k < GROUP; k++)
            netflow_decoder.datagram(nf, &d[k]);
    }
    const double took = cpu_ns() - start;
    printf(
        "%5u exporters of %u templates: %.1f ns a record, %.0f ns a datagram of %u; %zu octets an exporter "
        "(%zu resident)\n",
        exporters, TEMPLATES, took / (double)w->count, took / (double)w->count * RECORDS, RECORDS,
        counted / exporters, grown / exporters);
    netflow_decoder.close(nf);
    free(nf);
}

int main(int argc, char **argv)
{
    static const unsigned version[] = { 5, 9, 10 };
    const uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;
    struct worker w;
    fake_worker_init(&w);
    w.keep = false;
    w.c.disable_sanity_checks = true;
    fake_worker_need(&w,
                     argc > 2 ? argv[2] : "src_host,dst_host,src_port,dst_port,proto,tos,in_iface,out_iface");
    for (unsigned i = 0; i < 3; i++) {
        run(&w, version[i], 1, records);
        run(&w, version[i], 1000, records);
    }
    for (uint32_t exporters = 10; exporters <= 10000; exporters *= exporters == 10 ? 100 : 10)
        run_many(&w, exporters, records);
    fake_worker_free(&w);
    return 0;
}
