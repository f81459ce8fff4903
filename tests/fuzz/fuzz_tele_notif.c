/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of UDP-notif, each behind an octet that tells its length and one that lets time pass: what is
 * kept of unfinished messages stays below its bound, and nothing of it is left at the end. */
#include <stdint.h>
#include <stdlib.h>
#include "base/cursor.h"
#include "telemetry/notif.h"
#include "telemetry/telemetry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What notif.c calls of the collector. */
void tele_take(struct telemetry *t, struct tele_peer *p, const struct tele_message *m)
{
    (void)p;
    for (size_t i = 0; i < m->len; i++)
        t->seq += m->p[i];
}

void tele_fault(struct telemetry *t, struct tele_peer *p, enum tele_fault why)
{
    (void)t;
    p->counts.faults[why]++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct telemetry_keys keys;
    static const struct log log;
    static struct telemetry collector; /* its table of peers is large, and nobody here looks into it */
    struct telemetry *t = &collector;
    struct tele_peer p = { 0 };
    struct cursor c = cursor_of(data, len);
    t->k = &keys;
    t->log = &log;
    t->mono_us = 1000000;
    t->say_incomplete.next_us = INT64_MAX;
    t->pool = (struct reassembly_pool){ .max = 4096, .gave_up = notif_gave_up, .arg = t };
    strbuf_init(&t->whole, 1 << 16);
    while (cursor_left(&c)) {
        size_t n = cursor_u8(&c);
        t->mono_us += cursor_u8(&c) * (int64_t)50000;
        n = n < cursor_left(&c) ? n : cursor_left(&c);
        notif_datagram(t, &p, cursor_take(&c, n), n);
        if (t->pool.octets > t->pool.max)
            abort();
        reassembly_expire(&t->pool, t->mono_us);
    }
    notif_forget(t, &p);
    if (t->pool.octets || t->pool.oldest)
        abort();
    strbuf_free(&t->whole);
    return 0;
}
