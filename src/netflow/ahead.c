/* SPDX-License-Identifier: BSD-2-Clause */
/* Fetches what memory holds of the exporters of datagrams to come. With thousands of exporters none of it is
 * in the caches: entry, place of the template, template, plan, device; each leads to the next, and a datagram
 * would wait for memory five times. For several datagrams at once these waits are one. */
#include "netflow/decode.h"

enum {
    MANY = 256, /* exporters: fewer are in the caches anyway */
    AHEAD = 32, /* datagrams */
    LINE = 64,
    V9_ID = 16,
    V9_SETS = 20,
    IPFIX_ID = 12,
    IPFIX_SETS = 16,
    FIRST_DATA_SET = 256,
};

static void fetch(const void *p, size_t octets)
{
    for (size_t i = 0; i < octets; i += LINE)
        __builtin_prefetch((const char *)p + i, 1);
}

/* The exporter of a datagram, by nothing but the version and where its id stands; NULL: not known, or of a
 * version without templates. */
static const struct exporter *exporter_of(const struct netflow *nf, const struct datagram *d)
{
    const uint8_t version = d->len >= V9_SETS + 4 ? d->p[1] : 0;
    if (version != 9 && version != 10)
        return NULL;
    const struct sender_id id = { .from = &d->from,
                                  .session = d->session,
                                  .id = load_be32(d->p + (version == 9 ? V9_ID : IPFIX_ID)),
                                  .version = version };
    return (const struct exporter *)senders_peek(&nf->exporters.senders, &id);
}

static uint16_t first_set(const struct datagram *d)
{
    return load_be16(d->p + (d->p[1] == 9 ? V9_SETS : IPFIX_SETS));
}

void netflow_ahead(void *state, const struct datagram *d, unsigned n)
{
    const struct netflow *nf = state;
    const struct exporter *x[AHEAD];
    if (nf->exporters.senders.n < MANY)
        return;
    n = n < AHEAD ? n : AHEAD;
    for (unsigned i = 0; i < n; i++) {
        x[i] = exporter_of(nf, &d[i]);
        if (x[i])
            fetch(x[i], sizeof(*x[i]));
    }
    for (unsigned i = 0; i < n; i++) {
        const uint16_t set = x[i] ? first_set(&d[i]) : 0;
        const struct tmpl *t = set >= FIRST_DATA_SET ? tmpl_find(&x[i]->templates, set) : NULL;
        if (!t)
            continue;
        fetch(t, sizeof(*t));
        fetch(t->plan, sizeof(*t->plan) + LINE);
        fetch(x[i]->agent, sizeof(*x[i]->agent));
    }
}
