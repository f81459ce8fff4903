/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages taken apart for the replicator: each data record becomes a message of its own, with the header it
 * came with (numbers made to fit), so that receivers get only those that they are for. Templates, options and
 * what cannot be decoded go to all. Called by the decoders of each version. */
#include "netflow/decode.h"
#include "base/cursor.h"

enum { V5_HEADER = 24, V9_HEADER = 20, IPFIX_HEADER = 16, SET_HEADER = 4 };

static void add(struct split *s, const void *p, size_t len)
{
    s->part[s->n].p = p;
    s->part[s->n++].len = (uint32_t)len;
}

void split_v5(struct netflow *nf, unsigned n, const uint8_t *rec, size_t len)
{
    struct splitting *x = &nf->splitting;
    memcpy(x->head, nf->m.d->p, V5_HEADER);
    put_be16(x->head + 2, 1);
    put_be32(x->head + 16, nf->m.seq + n); /* flows sent before */
    x->s = (struct split){ .of = nf->m.d };
    add(&x->s, x->head, V5_HEADER);
    add(&x->s, rec, len);
    nf->r.f.split = &x->s;
}

/* A message with one set of `len` octets (its header left out); `records`: in it, `units`: data records of
 * the message before it. */
static struct split *one_set(struct netflow *nf, uint16_t id, const uint8_t *p, size_t len, size_t padding,
                             unsigned records, uint32_t units)
{
    static const uint8_t zeros[4];
    struct splitting *x = &nf->splitting;
    const size_t set = SET_HEADER + len + padding;
    const size_t head = nf->m.version == 9 ? V9_HEADER : IPFIX_HEADER;
    memcpy(x->head, nf->m.d->p, head);
    if (nf->m.version == 9) {
        put_be16(x->head + 2, records);
    } else {
        put_be16(x->head + 2, (uint32_t)(head + set));
        put_be32(x->head + 8, nf->m.seq + units);
    }
    put_be16(x->head + head, id);
    put_be16(x->head + head + 2, (uint32_t)set);
    x->s = (struct split){ .of = nf->m.d };
    add(&x->s, x->head, head + SET_HEADER);
    add(&x->s, p, len);
    if (padding)
        add(&x->s, zeros, padding);
    return &x->s;
}

/* RFC 3954 §5.2 wants sets of v9 to end on 32 bits; RFC 7011 §3.3.1 leaves that open. */
static size_t padding_of(const struct netflow *nf, size_t len)
{
    return nf->m.version == 9 && len >= 4 ? -len & 3 : 0;
}

void split_record(struct netflow *nf, uint16_t id, const uint8_t *rec, size_t len, unsigned n)
{
    nf->r.f.split = one_set(nf, id, rec, len, padding_of(nf, len), 1, nf->m.units + n);
}

void split_template(struct netflow *nf, uint16_t id, const uint8_t *rec, size_t len)
{
    struct split *s = one_set(nf, id, rec, len, padding_of(nf, len), 1, nf->m.units);
    s->flags = DATAGRAM_TEMPLATE;
    worker_split(nf->w, s);
}

void split_set(struct netflow *nf, uint16_t id, struct cursor set, unsigned records)
{
    worker_split(nf->w, one_set(nf, id, set.p, cursor_left(&set), 0, records, nf->m.units));
}
