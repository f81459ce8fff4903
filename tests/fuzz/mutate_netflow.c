/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutated datagrams against one decoder, from many senders at once, with good exporters of each version among
 * them. Asserts that the good ones lose nothing and that memory stays below its bound.
 *
 *   mutate_netflow [-n DATAGRAMS] [-seed S] [CORPUS]       default: 200000 of
 * $srcdir/tests/fuzz/corpus/netflow */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../unit/fake_worker.h"
#include "base/clock.h"
#include "netflow/decode.h"
#include "netflow/netflow.h"

enum { SEEDS_MAX = 4096, DATAGRAM_MAX = 65535, GOOD_EACH = 16, POOL = 48, GOOD_RECORDS = 10 };

/* Smaller than the collector's own, so that a short run reaches them. */
static const struct exporter_limits limits = { .exporters = 2000, .templates = 200, .memory = 24 << 20 };
static const size_t memory_max = 64 << 20; /* all that may be allocated */

struct seed {
    uint8_t *p;
    uint32_t len;
    uint32_t story; /* datagrams of one file belong together */
};

struct good {
    struct datagram d;
    uint8_t b[1500];
    uint8_t version;
    uint32_t seq;
    uint64_t sent;
};

struct run {
    struct seed seed[SEEDS_MAX];
    unsigned n;
    uint64_t rnd;
    struct worker w;
    struct netflow *nf;
    struct good good[3];
};

static uint32_t rnd(struct run *r)
{
    r->rnd ^= r->rnd >> 12;
    r->rnd ^= r->rnd << 25;
    r->rnd ^= r->rnd >> 27;
    return (uint32_t)(r->rnd * UINT64_C(2685821657736338717) >> 32);
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "mutate_netflow: %s\n", what);
    exit(1);
}

/* ---- seeds */

static void load_file(struct run *r, const char *path, uint32_t story)
{
    static uint8_t buf[1 << 20];
    FILE *f = fopen(path, "re");
    check(f != NULL, path);
    struct cursor c = cursor_of(buf, fread(buf, 1, sizeof(buf), f));
    fclose(f);
    while (cursor_left(&c) > 2 && r->n < SEEDS_MAX) {
        const uint16_t len = cursor_u16(&c);
        const uint8_t *p = cursor_take(&c, len);
        if (!p)
            return;
        struct seed *s = &r->seed[r->n++];
        *s = (struct seed){ .p = malloc(len ? len : 1), .len = len, .story = story };
        check(s->p != NULL, "no memory");
        memcpy(s->p, p, len);
    }
}

static void load(struct run *r, const char *dir)
{
    struct dirent **entry;
    char path[8192];
    const int n = scandir(dir, &entry, NULL, alphasort);
    check(n >= 0, dir);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
        if (*entry[i]->d_name != '.')
            load_file(r, path, (uint32_t)i);
        free(entry[i]);
    }
    free(entry);
    check(r->n > 0, "no seeds");
}

/* ---- good exporters */

static uint8_t *put(uint8_t *p, uint64_t v, unsigned n)
{
    while (n--)
        *p++ = (uint8_t)(v >> (8 * n));
    return p;
}

static uint8_t *put_template(uint8_t *p, uint8_t version)
{
    static const uint16_t field[][2] = { { 8, 4 }, { 12, 4 }, { 2, 8 }, { 1, 8 } };
    p = put(put(p, version == 9 ? 0 : 2, 2), 8 + sizeof(field), 2);
    p = put(put(p, 300, 2), 4, 2);
    for (unsigned i = 0; i < 4; i++)
        p = put(put(p, field[i][0], 2), field[i][1], 2);
    return p;
}

static uint8_t *put_header(struct good *g, uint8_t *p)
{
    p = put(put(p, g->version, 2), GOOD_RECORDS, 2);
    if (g->version != 10)
        p = put(p, 3600000, 4);
    p = put(p, 1700000000, 4);
    if (g->version == 5)
        p = put(p, 0, 4);
    p = put(p, g->seq, 4);
    return put(p, 0, 4);
}

/* Ten flows, with the template in front now and then. */
static void good_datagram(struct run *r, struct good *g)
{
    uint8_t *p = put_header(g, g->b);
    if (g->version != 5) {
        if (g->sent % 100 == 0)
            p = put_template(p, g->version);
        p = put(put(p, 300, 2), 4 + 24 * GOOD_RECORDS, 2);
    }
    for (unsigned i = 0; i < GOOD_RECORDS; i++) {
        memset(p, 0, 48);
        put(put(p, 0x0a000001, 4), 0x0a000002, 4);
        if (g->version == 5)
            put(put(p + 16, 1, 4), 100, 4);
        else
            put(put(p + 8, 1, 8), 100, 8);
        p += g->version == 5 ? 48 : 24;
    }
    if (g->version == 10)
        put(g->b + 2, (uint64_t)(p - g->b), 2);
    g->d.p = g->b;
    g->d.len = (uint32_t)(p - g->b);
    g->seq += g->version == 9 ? 1 : GOOD_RECORDS;
    g->sent++;
    netflow_decoder.datagram(r->nf, &g->d);
}

static void good_check(struct run *r, const struct good *g)
{
    unsigned evicted;
    const struct exporter *x =
        exporters_get(&r->nf->exporters, &g->d.from, g->version, 0, r->nf->clock_us, &evicted);
    check(x->s.packets == g->sent, "a good exporter was forgotten, or its datagrams were lost");
    check(x->count[NF_COUNT_DATAGRAMS] == g->sent, "a good datagram was refused");
    check(x->count[NF_COUNT_ACCOUNTED] == g->sent * GOOD_RECORDS, "good records were lost");
    check(x->s.seq_good == g->sent, "a good sequence was taken for a gap");
}

/* ---- mutations */

static const uint16_t awkward[] = { 0, 1, 2, 3, 4, 5, 8, 255, 256, 257, 0x7fff, 0x8000, 0xfffe, 0xffff };

static uint32_t mutate(struct run *r, uint8_t *b, uint32_t len)
{
    for (unsigned times = rnd(r) % 6; times && len; times--) {
        const uint32_t at = rnd(r) % len, n = rnd(r) % 64 + 1;
        switch (rnd(r) % 7) {
        case 0:
            b[at] ^= (uint8_t)(1u << rnd(r) % 8);
            break;
        case 1:
            b[at] = (uint8_t)rnd(r);
            break;
        case 2: /* a length or an id: they stand at even places */
            if (at / 2 * 2 + 2 <= len)
                put(b + at / 2 * 2, awkward[rnd(r) % (sizeof(awkward) / sizeof(awkward[0]))], 2);
            break;
        case 3:
            len = at;
            break;
        case 4: /* repeat a piece */
            if (at + n <= len && len + n <= DATAGRAM_MAX) {
                memmove(b + at + n, b + at, len - at);
                len += n;
            }
            break;
        case 5: /* leave a piece out */
            if (at + n < len) {
                memmove(b + at, b + at + n, len - at - n);
                len -= n;
            }
            break;
        default: /* template ids, all of them */
            if (len >= 28)
                put(b + (b[1] == 9 ? 24 : 20), rnd(r), 2);
        }
    }
    if (b[1] == 10 && len >= 4 && rnd(r) % 4) /* most of them shall get past the header */
        put(b + 2, len, 2);
    return len;
}

static void sender(struct run *r, struct datagram *d, uint32_t story)
{
    uint8_t v4[4] = { 172, 16, 0, 0 };
    if (rnd(r) % 32 == 0)
        put(v4 + 1, rnd(r), 3); /* spoofed */
    else
        v4[3] = (uint8_t)(story % POOL);
    addr_set_v4(&d->from, v4);
}

static void bad_datagram(struct run *r, unsigned *next)
{
    static uint8_t b[DATAGRAM_MAX + 64];
    struct datagram d = { .port = 9999, .at_us = 1700000000 * US_PER_S };
    if (rnd(r) % 8 == 0) /* mostly in order, so that data meets its template */
        *next = rnd(r) % r->n;
    const struct seed *s = &r->seed[*next];
    *next = (*next + 1) % r->n;
    memcpy(b, s->p, s->len);
    if (s->len < 4)
        memset(b + s->len, 0, 4);
    d.len = mutate(r, b, s->len);
    sender(r, &d, s->story);
    uint8_t *exact = malloc(d.len ? d.len : 1);
    check(exact != NULL, "no memory");
    memcpy(exact, b, d.len);
    d.p = exact;
    netflow_decoder.datagram(r->nf, &d);
    free(exact);
}

/* ---- memory */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void look(struct run *r, uint64_t i, size_t *peak)
{
    const size_t now = allocated();
    if (now > *peak)
        *peak = now;
    check(now < memory_max, "memory grows past its bound");
    check(r->nf->exporters.senders.memory <= limits.memory, "the decoder's own count passes its bound");
    check(r->nf->exporters.senders.n <= limits.exporters, "too many exporters");
    for (unsigned g = 0; g < 3; g++)
        good_check(r, &r->good[g]);
    if (i % 1000000 == 0 && i)
        fprintf(stderr, "mutate_netflow: %llu datagrams, %zu KiB\n", (unsigned long long)i, now >> 10);
    (void)netflow_decoder.tick(r->nf, 0);
}

static void begin(struct run *r)
{
    static const uint8_t version[3] = { 5, 9, 10 };
    struct err e;
    struct log_sink *sink = log_sink_open(&(struct log_sink_conf){ .file = "/dev/null" }, &e);
    check(sink != NULL, "no log");
    fake_worker_init(&r->w);
    log_init(&r->w.log, sink, "default", "core", false);
    r->w.keep = false;
    r->w.c.renormalize = r->w.c.use_ip_next_hop = true;
    for (unsigned i = 0; i < FIELD_MAX; i++)
        fieldset_add(&r->w.needs, (enum field_id)i);
    r->nf = calloc(1, netflow_decoder.state_size);
    check(r->nf && netflow_decoder.open(r->nf, &r->w, &e) == 0, "the decoder does not open");
    r->nf->exporters.limits = limits;
    r->nf->exporters.senders.limits = (struct sender_limits){ limits.exporters, limits.memory };
    for (unsigned g = 0; g < 3; g++) {
        const uint8_t v4[4] = { 192, 0, 2, (uint8_t)(1 + g) };
        r->good[g].version = version[g];
        r->good[g].d = (struct datagram){ .port = 2055, .at_us = 1700000000 * US_PER_S };
        addr_set_v4(&r->good[g].d.from, v4);
        good_datagram(r, &r->good[g]);
    }
}

static void end(struct run *r)
{
    uint64_t refused = 0;
    for (unsigned i = 1; i < NF_DROP_MAX; i++)
        refused += r->nf->refused[i];
    printf("flows %llu, exporters %u, evicted %llu, refused without exporter %llu\n",
           (unsigned long long)r->w.count, r->nf->exporters.senders.n,
           (unsigned long long)r->nf->exporters.senders.evicted, (unsigned long long)refused);
    netflow_decoder.close(r->nf);
    free(r->nf);
    fake_worker_free(&r->w);
    log_sink_close(r->w.log.sink);
    for (unsigned i = 0; i < r->n; i++)
        free(r->seed[i].p);
}

int main(int argc, char **argv)
{
    static struct run r;
    char corpus[4096];
    uint64_t n = 200000;
    size_t peak = 0;
    unsigned next = 0;
    r.rnd = 1;
    snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/netflow",
             getenv("srcdir") ? getenv("srcdir") : ".");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-n") && i + 1 < argc)
            n = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "-seed") && i + 1 < argc)
            r.rnd = strtoull(argv[++i], NULL, 10) | 1;
        else
            snprintf(corpus, sizeof(corpus), "%s", argv[i]);
    }
    load(&r, corpus);
    begin(&r);
    for (uint64_t i = 0; i < n; i++) {
        bad_datagram(&r, &next);
        if (i % GOOD_EACH == 0)
            good_datagram(&r, &r.good[i / GOOD_EACH % 3]);
        if (i % 4096 == 0)
            look(&r, i, &peak);
    }
    look(&r, 1, &peak);
    printf("%llu mutated datagrams of %u seeds, most memory %zu KiB\n", (unsigned long long)n, r.n,
           peak >> 10);
    end(&r);
    return 0;
}
