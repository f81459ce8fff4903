/* SPDX-License-Identifier: BSD-2-Clause */
/* NetFlow v5, v9 and IPFIX: an input is a row of datagrams, each behind its length of 13 bits, so that
 * templates and the data that they describe come together; the other three bits say what happened before it.
 * Everything there is to decode is asked for,
 * primitives of the site too. What begins as JSON is a file of kept templates instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../unit/fake_worker.h"
#include "fake_log.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "core/custom.h"

#include "netflow/decode.h"
#include "netflow/netflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { RENEWED = 0x8000, HOUR = 0x4000, SESSION = 0x2000, LEN = 0x1fff };

/* A map was loaded anew; an hour went by, after which templates are forgotten that are older than half of it.
 */
static void happen(struct netflow *nf, unsigned what)
{
    if (what & RENEWED)
        nf->w->needs_version++;
    if (!(what & HOUR))
        return;
    nf->clock_us += 3600 * US_PER_S;
    exporters_expire(&nf->exporters, 1, (uint32_t)(nf->clock_us / US_PER_S), 1800);
}

static void feed(struct netflow *state, const uint8_t *data, size_t len)
{
    struct cursor c = cursor_of(data, len);
    struct datagram d = { .port = 2100, .at_us = 1700000000 * US_PER_S };
    addr_parse("192.0.2.1", &d.from);
    while (cursor_left(&c) > 2) {
        const size_t left = cursor_left(&c) - 2;
        const unsigned head = cursor_u16(&c), n = head & LEN;
        happen(state, head);
        d.session = head & SESSION ? 1 : 0;
        d.len = (uint32_t)(n < left ? n : left);
        uint8_t *exact = malloc(d.len ? d.len : 1); /* so that reading past its end is found */
        if (!exact)
            abort();
        memcpy(exact, cursor_take(&c, d.len), d.len);
        d.p = exact;
        netflow_decoder.datagram(state, &d);
        free(exact);
    }
    netflow_decoder.session_over(state, &d.from, 1);
}

static const struct customs *own_primitives(void)
{
    static const char text[] = "name=a field_type=9:7 len=4 semantics=u_int\n"
                               "name=b field_type=95 len=vlen semantics=raw\n"
                               "name=c field_type=8 len=4 semantics=ip\n";
    static struct customs *c;
    char copy[sizeof(text)];
    struct err e;
    memcpy(copy, text, sizeof(text));
    if (!c)
        c = customs_parse("fuzz", copy, sizeof(text) - 1, &e);
    return c;
}

static void read_kept(void *state, struct worker *w, const uint8_t *data, size_t len)
{
    static char path[64];
    static int fd = -1; /* of all inputs, one after the other */
    struct err e;
    if (fd == -1 && (fd = memfd_create("templates", MFD_CLOEXEC)) == -1)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    w->c.templates_file = path;
    if (ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len)
        (void)netflow_decoder.begin(&state, 1, &e);
    w->c.templates_file = NULL; /* nothing is kept */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct worker w;
    struct err e;
    fake_worker_init(&w);
    fake_log_silent(len % 4 != 0);
    w.log.debug = len % 8 == 0;
    w.keep = len % 4 == 0;
    w.splits = len % 5 == 0; /* taken apart for the replicator */
    w.c.renormalize = w.c.use_ip_next_hop = true;
    w.c.account_options = len % 2;
    w.c.pre_processing_checks = len % 3 == 0;
    for (unsigned i = 0; i < FIELD_MAX; i++)
        fieldset_add(&w.needs, (enum field_id)i);
    fieldset_add(&w.needs, (enum field_id)EXTRA_next_hop);
    if (len % 3 == 1 && own_primitives()) {
        w.customs = own_primitives();
        w.custom = 7;
    }
    void *state = calloc(1, netflow_decoder.state_size);
    if (!state || netflow_decoder.open(state, &w, &e) < 0)
        abort();
    if (len && data[0] == '{')
        read_kept(state, &w, data, len);
    else
        feed(state, data, len);
    if (len % 8 == 0)
        netflow_decoder.stats(&state, 1, "0.0.0.0:2100");
    netflow_decoder.close(state);
    free(state);
    fake_worker_free(&w);
    return 0;
}
