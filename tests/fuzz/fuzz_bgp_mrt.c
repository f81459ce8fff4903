/* SPDX-License-Identifier: BSD-2-Clause */
/* An MRT file. Each route of a table is written again, and must be read again as one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "bgp/mrt.h"
#include "bgp/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_route(void *arg, unsigned peer, const struct rib_key *k, struct rib_octets labels,
                     const struct rib_attrs *a, int64_t originated_s)
{
    static const struct mrt_ops none;
    static const struct mrt_peer one;
    struct strbuf *s = arg;
    struct err e;
    strbuf_clear(s);
    bgp_text_nlri(s, k);
    strbuf_clear(s);
    (void)peer;
    mrt_write_peers(s, 0, one.id, NULL, &one, 1);
    if (!mrt_write_route(s, 0, 0, 0, originated_s, k, labels, a))
        return;
    struct mrt_reader r;
    mrt_reader_init(&r, &none, NULL);
    if (mrt_read(&r, (const uint8_t *)s->p, s->len, NULL, &e) != (int64_t)s->len || r.counts.routes != 1)
        abort();
    mrt_reader_free(&r);
}

static void on_message(void *arg, const struct mrt_message *m, const uint8_t *msg, size_t len)
{
    struct strbuf *s = arg;
    strbuf_clear(s);
    mrt_write_message(s, m, msg, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mrt_ops ops = { .route = on_route, .message = on_message };
    struct mrt_reader r;
    struct strbuf s;
    struct err e;
    strbuf_init(&s, 1 << 20);
    mrt_reader_init(&r, &ops, &s);
    (void)mrt_read(&r, data, size, NULL, &e);
    mrt_reader_free(&r);
    strbuf_free(&s);
    return 0;
}
