/* SPDX-License-Identifier: BSD-2-Clause */
/* NetFlow v5: a header of 24 octets and records of 48. Called by netflow.c. */
#include "core/expecting.h"
#include "netflow/decode.h"
#include "netflow/times.h"

enum { V5_HEADER = 24, V5_RECORD = 48 };
enum { TCP = 6, UDP = 17 };

/* Which members the configuration takes from elsewhere. */
struct v5_wants {
    bool as, mask, next_hop, ip_next_hop, times;
};

static void v5_times(struct netflow *nf, const uint8_t *p)
{
    const struct message *m = &nf->m;
    struct flow *f = &nf->r.f;
    int64_t start = time_in_message(nf, load_be32(p + 24));
    int64_t end = time_in_message(nf, load_be32(p + 28));
    if (start <= 0 || start > m->limit_us) {
        m->x->count[NF_COUNT_FUTURE] += start > 0;
        start = m->export_us;
    }
    if (end < start || end > m->limit_us) {
        m->x->count[NF_COUNT_BACKWARD]++;
        end = start;
    }
    f->timestamp_start = start;
    f->timestamp_end = end;
    f->start_us = nf->time_new ? 0 : start;
    f->end_us = nf->time_new ? 0 : end;
}

static void v5_record(struct netflow *nf, const struct v5_wants *w, const uint8_t *p)
{
    struct flow *f = &nf->r.f;
    addr_set_v4(&f->src_host, p);
    addr_set_v4(&f->dst_host, p + 4);
    f->in_iface = load_be16(p + 12);
    f->out_iface = load_be16(p + 14);
    f->packets = load_be32(p + 16);
    f->bytes = load_be32(p + 20);
    f->proto = p[38];
    f->tos = p[39];
    const bool ports = f->proto == TCP || f->proto == UDP;
    f->src_port = ports ? load_be16(p + 32) : 0;
    f->dst_port = ports ? load_be16(p + 34) : 0;
    f->tcpflags = f->proto == TCP ? p[37] : 0;
    if (w->next_hop)
        addr_set_v4(&f->peer_dst_ip, p + 8);
    if (w->ip_next_hop)
        addr_set_v4(&f->next_hop, p + 8);
    if (w->as) {
        f->src_as = load_be16(p + 40);
        f->dst_as = load_be16(p + 42);
    }
    if (w->mask) {
        f->src_mask = p[44];
        f->dst_mask = p[45];
    }
    if (w->times)
        v5_times(nf, p);
}

static uint32_t v5_rate(const struct netflow *nf)
{
    const uint32_t mapped = nf->ext_rate ? 0 : worker_sampling_rate(nf->w, &nf->r.f);
    return mapped ? mapped : nf->m.rate;
}

/* As look_ahead in decode_sets.c. */
static void v5_look_ahead(struct netflow *nf, struct cursor c, unsigned n)
{
    struct expecting x;
    const uint8_t *p;
    expecting_begin(&x);
    for (unsigned k = 0; k < n && k < EXPECTING_FLOWS && (p = cursor_take(&c, V5_RECORD)); k++)
        expecting_add(&x, p, 4);
    expecting_tell(&x, nf->w, &nf->r.f.peer_src_ip);
}

static void v5_records(struct netflow *nf, struct cursor c, unsigned n)
{
    const struct fieldset *fs = &nf->wants.fields;
    const struct v5_wants w = {
        .as = fieldset_has(fs, FIELD_src_as) || fieldset_has(fs, FIELD_dst_as),
        .mask = fieldset_has(fs, FIELD_src_mask) || fieldset_has(fs, FIELD_dst_mask),
        .next_hop = nf->wants.next_hop && fieldset_has(fs, FIELD_peer_dst_ip),
        .ip_next_hop = fieldset_has(fs, EXTRA_next_hop),
        .times = nf->wants.classes & NEED_TIMES,
    };
    const bool sampled = nf->wants.classes & NEED_SAMPLING;
    record_begin(nf, NULL);
    nf->r.f.export_proto_sysid = nf->m.id >> 8;
    nf->r.f.engine_type = (uint8_t)nf->m.id;
    if (worker_looks_up(nf->w))
        v5_look_ahead(nf, c, n);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = cursor_take(&c, V5_RECORD);
        if (!p)
            break;
        v5_record(nf, &w, p);
        if (__builtin_expect(nf->splits, 0))
            split_v5(nf, i, p, V5_RECORD);
        if (sampled)
            record_scale(nf, v5_rate(nf));
        worker_flow(nf->w, &nf->r.f);
    }
}

enum nf_drop decode_v5(struct netflow *nf, const struct datagram *d, struct cursor c)
{
    struct message *m = &nf->m;
    const unsigned count = cursor_u16(&c);
    m->uptime = cursor_u32(&c);
    const uint32_t secs = cursor_u32(&c), nsecs = cursor_u32(&c);
    m->seq = cursor_u32(&c);
    const unsigned type = cursor_u8(&c), engine = cursor_u8(&c), sampling = cursor_u16(&c);
    if (c.bad)
        return NF_DROP_SHORT;
    m->id = engine << 8 | type;
    m->export_us = secs * US_PER_S + (nsecs < 1000000000 ? nsecs / 1000 : 0);
    const enum nf_drop why = message_begin(nf, d);
    if (why != NF_DROP_NONE)
        return why;
    const size_t there = cursor_left(&c) / V5_RECORD;
    const unsigned n = count < there ? count : (unsigned)there;
    m->rate = nf->ext_rate ? nf->ext_rate : (sampling & 0x3fff) ? (sampling & 0x3fff) : message_rate(nf, 0);
    const enum seq_verdict v = message_sequence(nf, m->uptime);
    v5_records(nf, c, n);
    sender_sequence_next(&m->x->s, v, m->seq, count, count == n);
    m->x->count[NF_COUNT_RECORDS] += n;
    m->x->count[NF_COUNT_ACCOUNTED] += n;
    if (n)
        exporters_prove(&nf->exporters, m->x);
    return count && count == there && cursor_left(&c) % V5_RECORD == 0 ? NF_DROP_NONE : NF_DROP_V5_COUNT;
}
