/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzz targets of the three sFlow versions share: an input is a row of datagrams, each behind its
 * length of 16 bits. Its first word is made the version's, so that nothing is lost on others. Everything
 * there is to decode is asked for but the class. */
#ifndef TESTS_FUZZ_SFLOW_H
#define TESTS_FUZZ_SFLOW_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../unit/fake_worker.h"
#include "fake_log.h"
#include "base/clock.h"
#include "base/cursor.h"

#include "sflow/collector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool fuzz_counters(void *arg, const struct sflow_counter_record *c)
{
    uint64_t *sum = arg;
    for (unsigned i = 0; i < c->n; i++) {
        const uint8_t *p = c->value[i].text.p;
        *sum += c->value[i].u;
        for (uint32_t k = 0; k < c->value[i].text.len; k++)
            *sum += p[k];
    }
    return true;
}

static void fuzz_feed(void *state, struct worker *w, uint8_t version, const uint8_t *data, size_t len)
{
    struct cursor c = cursor_of(data, len);
    struct datagram d = { .port = 6343, .at_us = 1700000000 * US_PER_S };
    unsigned fed = 0;
    addr_parse("192.0.2.1", &d.from);
    while (cursor_left(&c) > 2) {
        const size_t left = cursor_left(&c) - 2, n = cursor_u16(&c);
        d.len = (uint32_t)(n < left ? n : left);
        uint8_t *exact = malloc(d.len ? d.len : 1); /* so that reading past its end is found */
        if (!exact)
            abort();
        memcpy(exact, cursor_take(&c, d.len), d.len);
        if (d.len >= 4)
            memcpy(exact, (uint8_t[4]){ 0, 0, 0, version }, 4);
        d.p = exact;
        sflow_decoder.datagram(state, &d);
        w->needs_version += len % 6 == 0 && !fed++; /* a map was loaded anew, which takes long: once */
        free(exact);
    }
}

static void fuzz_sflow(uint8_t version, const uint8_t *data, size_t len)
{
    struct worker w;
    struct err e;
    uint64_t sum = 0;
    fake_worker_init(&w);
    fake_log_silent(len % 4 != 0);
    w.log.debug = len % 8 == 0;
    w.keep = len % 4 == 0;
    w.splits = len % 5 == 0; /* taken apart for the replicator */
    w.c.renormalize = len % 2;
    w.c.use_ip_next_hop = true;
    for (unsigned i = 0; i < FIELD_MAX; i++)
        fieldset_add(&w.needs, (enum field_id)i);
    fieldset_del(&w.needs, FIELD_class); /* opening nDPI takes longer than all the rest */
    void *state = calloc(1, sflow_decoder.state_size);
    if (!state || sflow_decoder.open(state, &w, &e) < 0)
        abort();
    sflow_log_counters(state, &(struct sflow_counter_log){ .write = fuzz_counters, .arg = &sum });
    fuzz_feed(state, &w, version, data, len);
    if (len % 8 == 0)
        sflow_decoder.stats(&state, 1, "0.0.0.0:6343");
    sflow_decoder.close(state);
    free(state);
    fake_worker_free(&w);
}

#endif
