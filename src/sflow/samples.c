/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples: what stands around the records of a flow sample, and how the flow is made of them. decode.c calls
 * this for each datagram. */
#include "sflow/decode.h"

#include "packet/expect.h"

#define BIT(row) (UINT64_C(1) << SF_ROW_##row)
#define PACKET_ROWS (BIT(header) | BIT(ethernet) | BIT(ip4) | BIT(ip6))

enum { DISCARDED_SOURCE = 256 }; /* added to the type of a source: numbers of its discarded packets */

/* ---- counters */

static uint64_t times_rate(uint64_t v, uint32_t rate)
{
    uint64_t product;
    return __builtin_mul_overflow(v, (uint64_t)rate, &product) ? UINT64_MAX : product;
}

/* One rate for all, if the configuration has it; else what the pool shows, else what the agent announces. */
static void scale(struct sflow *sf, uint32_t measured)
{
    struct flow *f = &sf->f;
    const uint32_t fixed = sf->ext_rate ? sf->ext_rate : worker_sampling_rate(sf->w, f);
    const uint32_t announced = fixed ? fixed : sf->s.rate;
    const uint32_t rate = fixed || !measured ? announced : measured;
    f->renormalized = sf->renormalize && rate;
    f->sampling_rate = f->renormalized ? 1 : announced;
    if (!f->renormalized)
        return;
    f->packets = times_rate(f->packets, rate);
    f->bytes = times_rate(f->bytes, rate);
}

/* Follows the source; returns the rate by its pool, or 0. */
static uint32_t follow(struct sflow *sf)
{
    const struct sf_sample *s = &sf->s;
    struct sf_agent *a = sf->m.a;
    const uint32_t cap = a->sources.cap;
    struct sf_source *src =
        sf_source_get(&a->sources, s->ds_type + (s->discarded ? DISCARDED_SOURCE : 0), s->ds_index);
    if (!src) {
        sf_count(sf, SF_COUNT_SOURCES);
        return 0;
    }
    if (__builtin_expect(a->sources.cap != cap, 0))
        sf_settle(sf);
    const struct sf_step step = sf_source_step(src, s->seq, s->pool, s->drops, !s->discarded);
    a->count[SF_COUNT_LOST] += step.lost;
    a->count[s->discarded ? SF_COUNT_AGENT_DISCARD_DROPS : SF_COUNT_AGENT_DROPS] += step.drops;
    return step.rate;
}

/* ---- what an agent says of why it discarded a packet, as IPFIX forwarding status (RFC 7270 §4.12) */

enum {
    DROPPED = 128,
    DROP_ACL_DENY = 129,
    DROP_UNROUTABLE = 131,
    DROP_ADJACENCY = 132,
    DROP_DF = 133,
    DROP_TTL = 137,
    DROP_POLICER = 138,
    DROP_WRED = 139
};

static uint8_t forwarding_status(uint32_t reason)
{
    switch (reason) {
    case 0:   /* net unreachable */
    case 1:   /* host unreachable */
    case 6:   /* net unknown */
    case 7:   /* host unknown */
    case 269: /* blackhole route */
        return DROP_UNROUTABLE;
    case 4: /* fragmentation needed */
    case 262:
        return DROP_DF;
    case 9: /* prohibited */
    case 10:
    case 13:
    case 258: /* acl */
        return DROP_ACL_DENY;
    case 257:
        return DROP_TTL;
    case 260: /* red */
        return DROP_WRED;
    case 261: /* traffic shaping */
        return DROP_POLICER;
    case 279: /* unresolved neighbour */
        return DROP_ADJACENCY;
    default:
        return DROPPED;
    }
}

/* ---- the flow */

void sf_clear(struct sflow *sf)
{
    const struct flow f = sf->f;
    memset(&sf->f, 0, sizeof(sf->f));
    sf->f.flows = 1;
    sf->f.peer_src_ip = f.peer_src_ip;
    sf->f.export_proto_version = f.export_proto_version;
    sf->f.export_proto_seqno = f.export_proto_seqno;
    sf->f.export_proto_sysid = f.export_proto_sysid;
    sf->f.timestamp_arrival = f.timestamp_arrival;
}

/* What the last sample has left must not show; what the decoder of headers fills it clears itself. */
static bool has_leavings(const struct sflow *sf)
{
    const uint64_t header = BIT(header);
    return (sf->left & ~header) || (sf->left & ~sf->s.present);
}

static void read_records(struct sflow *sf)
{
    struct sf_sample *s = &sf->s;
    for (uint64_t rows = s->present; rows; rows &= rows - 1) {
        const uint8_t row = (uint8_t)__builtin_ctzll(rows);
        sf_row_read(sf, row, &s->record[row]);
        if (__builtin_expect(s->record[row].bad, 0))
            sf_count(sf, SF_COUNT_BAD_RECORDS);
    }
}

static uint8_t direction(const struct sf_sample *s)
{
    if (s->ds_type != 0)
        return DIRECTION_UNKNOWN;
    return s->ds_index == s->in ? DIRECTION_IN : s->ds_index == s->out ? DIRECTION_OUT : DIRECTION_UNKNOWN;
}

static void account(struct sflow *sf)
{
    struct sf_sample *s = &sf->s;
    struct flow *f = &sf->f;
    const uint32_t measured = follow(sf);
    if (s->discarded && !sf->discards) {
        sf_count(sf, SF_COUNT_DISCARDED);
        return;
    }
    if (!(s->present & PACKET_ROWS)) {
        sf_count(sf, SF_COUNT_NO_PACKET);
        return;
    }
    if (has_leavings(sf))
        sf_clear(sf);
    sf->left = s->present;
    s->frame_len = s->ip_len = 0;
    read_records(sf);
    f->sampling_direction = direction(s);
    f->sample_type = s->tag;
    f->in_iface = s->in;
    f->out_iface = s->out;
    f->packets = 1;
    f->bytes = s->present & BIT(header) || !s->ip_len ? s->frame_len : s->ip_len;
    f->fwd_status = 0;
    if (s->discarded)
        f->fwd_status = forwarding_status(s->reason);
    else if (s->out >> 30 == SFLOW_IFACE_DISCARDED && sf->m.version == SFLOW_V5)
        f->fwd_status = forwarding_status(s->out & SFLOW_IFACE_INTERNAL);
    scale(sf, measured);
    sf_count(sf, s->discarded ? SF_COUNT_DISCARDED : SF_COUNT_ACCOUNTED);
    if (__builtin_expect(sf->split.n, 0)) {
        f->split = &sf->split;
        worker_flow(sf->w, f);
        sf->split.n = 0;
        return;
    }
    worker_flow(sf->w, f);
}

/* ---- version 5 */

/* An expanded interface as compact samples have it, where it fits. */
static uint32_t iface(uint32_t format, uint32_t value)
{
    return format == SFLOW_IFACE_SINGLE ? value : format << 30 | (value & SFLOW_IFACE_INTERNAL);
}

static void head_compact(struct sf_sample *s, struct cursor *c)
{
    s->seq = cursor_u32(c);
    const uint32_t source = cursor_u32(c);
    s->ds_type = source >> 24;
    s->ds_index = source & 0xffffff;
    s->rate = cursor_u32(c);
    s->pool = cursor_u32(c);
    s->drops = cursor_u32(c);
    s->in = cursor_u32(c);
    s->out = cursor_u32(c);
}

static void head_expanded(struct sf_sample *s, struct cursor *c)
{
    s->seq = cursor_u32(c);
    s->ds_type = cursor_u32(c) & 0xff;
    s->ds_index = cursor_u32(c);
    s->rate = cursor_u32(c);
    s->pool = cursor_u32(c);
    s->drops = cursor_u32(c);
    const uint32_t in_format = cursor_u32(c), in = cursor_u32(c);
    const uint32_t out_format = cursor_u32(c), out = cursor_u32(c);
    s->in = iface(in_format, in);
    s->out = iface(out_format, out);
}

static void head_discarded(struct sf_sample *s, struct cursor *c)
{
    s->seq = cursor_u32(c);
    s->ds_type = cursor_u32(c) & 0xff;
    s->ds_index = cursor_u32(c);
    s->drops = cursor_u32(c);
    s->in = cursor_u32(c);
    s->out = cursor_u32(c);
    s->reason = cursor_u32(c);
    s->rate = 1;
    s->pool = 0;
}

/* Finds the records that somebody needs, the first one of each row. */
static enum sf_drop find_records(struct sflow *sf, struct cursor *c)
{
    struct sf_sample *s = &sf->s;
    uint32_t n = cursor_u32(c);
    s->present = 0;
    if (c->bad)
        return SF_DROP_SAMPLE_LENGTH;
    for (; n; n--) {
        const uint32_t tag = cursor_u32(c), len = cursor_u32(c);
        const struct cursor in = cursor_sub(c, len);
        if (c->bad)
            return SF_DROP_RECORD_LENGTH;
        const uint8_t row = sf_row_of(&sf->wants, tag);
        if (row == SF_ROW_NONE) {
            sf_count(sf, SF_COUNT_UNKNOWN_RECORDS);
            continue;
        }
        const uint64_t bit = UINT64_C(1) << row;
        if (!(sf->wants.rows & bit) || s->present & bit)
            continue;
        s->present |= bit;
        s->record[row] = in;
    }
    return SF_DROP_NONE;
}

typedef void head_fn(struct sf_sample *s, struct cursor *c);

static enum sf_drop flow_sample(struct sflow *sf, struct cursor *c, head_fn *head, bool discarded)
{
    head(&sf->s, c);
    sf->s.discarded = discarded;
    const enum sf_drop why = find_records(sf, c);
    if (why == SF_DROP_NONE)
        account(sf);
    return why;
}

static void say_unknown(struct sflow *sf, uint32_t tag)
{
    struct sf_agent *a = sf->m.a;
    char agent[ADDR_TEXT];
    sf_count(sf, SF_COUNT_UNKNOWN);
    if (!sf->c->disable_sanity_checks)
        log_limited(sf->log, &a->say_unknown, LOG_LV_INFO,
                    "skipping unknown v5 sample (enterprise %u, format %u): sfacctd=%s:%d agent=%s:%u seq=%u",
                    tag >> 12, tag & 0xfff, sf->collector, sf->c->collector_port, addr_str(&a->s.from, agent),
                    a->s.id, sf->m.seq);
}

static enum sf_drop sample_v5(struct sflow *sf, uint32_t tag, struct cursor *c)
{
    sf->s.tag = tag;
    switch (tag) {
    case SFLOW_FLOW:
        return flow_sample(sf, c, head_compact, false);
    case SFLOW_FLOW_EXPANDED:
        return flow_sample(sf, c, head_expanded, false);
    case SFLOW_DISCARDED:
        return flow_sample(sf, c, head_discarded, true);
    case SFLOW_COUNTERS:
        return sf_counters_v5(sf, c, false);
    case SFLOW_COUNTERS_EXPANDED:
        return sf_counters_v5(sf, c, true);
    default:
        say_unknown(sf, tag);
        return SF_DROP_NONE;
    }
}

/* Brocade wraps the samples of access lists: three words, then a sample with tag and length. */
static enum sf_drop unwrap(struct cursor *c, uint32_t *tag)
{
    cursor_skip(c, 12);
    *tag = cursor_u32(c);
    const uint32_t len = cursor_u32(c);
    *c = cursor_sub(c, len);
    return c->bad ? SF_DROP_SAMPLE_LENGTH : SF_DROP_NONE;
}

/* The sample, tag and length included, as a datagram of its own: for the replicator, where maps ask for what
 * is in samples. */
static void split_begin(struct sflow *sf, const uint8_t *sample, size_t len)
{
    static const uint8_t one[4] = { 0, 0, 0, 1 };
    const uint32_t head = sf->m.head_len;
    memcpy(sf->split_head, sf->m.d->p, head);
    memcpy(sf->split_head + head - 4, one, 4);
    sf->split = (struct split){ .of = sf->m.d,
                                .part = { { sf->split_head, head }, { sample, (uint32_t)len } },
                                .n = 2 };
}

/* What is no flow, or no flow that was looked into, goes to all. */
static void split_end(struct sflow *sf)
{
    if (sf->split.n)
        worker_split(sf->w, &sf->split);
    sf->split.n = 0;
}

/* ---- what is looked up soon */

static void expect_packet(struct expecting *x, struct cursor sample)
{
    for (uint32_t n = cursor_u32(&sample); n && !sample.bad; n--) {
        const uint32_t tag = cursor_u32(&sample), len = cursor_u32(&sample);
        struct cursor record = cursor_sub(&sample, len);
        if (tag != SFLOW_RAW_HEADER)
            continue;
        const int dlt = packet_dlt_of_sflow(cursor_u32(&record));
        cursor_skip(&record, 8);
        const uint32_t caplen = cursor_u32(&record);
        packet_expect(x, dlt, cursor_sub(&record, caplen));
        return;
    }
}

/* Tells the addresses of the samples that come next to who looks them up. What is wrong with them is found
 * when they are decoded. */
static void look_ahead(struct sflow *sf, struct cursor c, uint32_t n)
{
    struct expecting x;
    struct sf_sample head = { 0 };
    if (n > EXPECTING_FLOWS)
        n = EXPECTING_FLOWS;
    expecting_begin(&x);
    for (; n && !c.bad; n--) {
        const uint32_t tag = cursor_u32(&c), len = cursor_u32(&c);
        struct cursor sample = cursor_sub(&c, len);
        if (tag != SFLOW_FLOW && tag != SFLOW_FLOW_EXPANDED)
            continue;
        (tag == SFLOW_FLOW ? head_compact : head_expanded)(&head, &sample);
        expect_packet(&x, sample);
    }
    expecting_tell(&x, sf->w, &sf->f.peer_src_ip);
}

enum sf_drop sf_samples_v5(struct sflow *sf, struct cursor *c, uint32_t n)
{
    const bool splits = worker_splits(sf->w), looks_up = worker_looks_up(sf->w);
    for (uint32_t i = 0; n; n--, i++) {
        if (looks_up && i % EXPECTING_FLOWS == 0)
            look_ahead(sf, *c, n);
        if (cursor_left(c) < 8)
            return SF_DROP_SAMPLE_COUNT;
        const uint8_t *start = c->p;
        uint32_t tag = cursor_u32(c);
        const uint32_t len = cursor_u32(c);
        struct cursor in = cursor_sub(c, len);
        if (c->bad)
            return SF_DROP_SAMPLE_LENGTH;
        sf_count(sf, SF_COUNT_SAMPLES);
        if (__builtin_expect(splits, 0))
            split_begin(sf, start, (size_t)(c->p - start));
        enum sf_drop why = SF_DROP_NONE;
        if (__builtin_expect(tag == SFLOW_BROCADE_ACL, 0))
            why = unwrap(&in, &tag);
        if (why == SF_DROP_NONE)
            why = sample_v5(sf, tag, &in);
        if (__builtin_expect(splits, 0))
            split_end(sf);
        if (why != SF_DROP_NONE) {
            sf_count(sf, SF_COUNT_BAD_SAMPLES);
            return why;
        }
    }
    return cursor_left(c) ? SF_DROP_SAMPLE_COUNT : SF_DROP_NONE;
}

/* ---- versions 2 and 4: nothing has a length, so all has to be understood to find what follows */

static enum sf_drop keep_old(struct sflow *sf, struct cursor *c, uint8_t row, enum sf_drop unknown)
{
    struct sf_sample *s = &sf->s;
    if (row == SF_ROW_NONE)
        return unknown;
    struct cursor in = *c;
    sf_row_skip(row, c, sf->m.version);
    if (c->bad)
        return SF_DROP_SHORT;
    in.end = c->p;
    const uint64_t bit = UINT64_C(1) << row;
    if (sf->wants.rows & bit && !(s->present & bit)) {
        s->present |= bit;
        s->record[row] = in;
    }
    return SF_DROP_NONE;
}

static enum sf_drop flow_v24(struct sflow *sf, struct cursor *c)
{
    struct sf_sample *s = &sf->s;
    head_compact(s, c);
    s->tag = SFLOW_FLOW;
    s->discarded = false;
    s->present = 0;
    const uint32_t type = cursor_u32(c);
    if (c->bad)
        return SF_DROP_SHORT;
    enum sf_drop why = keep_old(sf, c, sf_row_old(type, false), SF_DROP_OLD_DATA);
    uint32_t n = cursor_u32(c);
    for (; n && why == SF_DROP_NONE; n--) {
        const uint32_t extended = cursor_u32(c);
        why = c->bad ? SF_DROP_SHORT : keep_old(sf, c, sf_row_old(extended, true), SF_DROP_OLD_EXTENDED);
    }
    if (why == SF_DROP_NONE && c->bad)
        why = SF_DROP_SHORT;
    if (why == SF_DROP_NONE)
        account(sf);
    return why;
}

enum sf_drop sf_samples_v24(struct sflow *sf, struct cursor *c, uint32_t n)
{
    for (; n; n--) {
        if (cursor_left(c) < 4)
            return SF_DROP_SAMPLE_COUNT;
        const uint32_t type = cursor_u32(c);
        enum sf_drop why = SF_DROP_OLD_SAMPLE;
        sf_count(sf, SF_COUNT_SAMPLES);
        if (type == SFLOW_FLOW)
            why = flow_v24(sf, c);
        else if (type == SFLOW_COUNTERS)
            why = sf_counters_v24(sf, c);
        if (why != SF_DROP_NONE) {
            sf_count(sf, SF_COUNT_BAD_SAMPLES);
            return why;
        }
    }
    return cursor_left(c) ? SF_DROP_SAMPLE_COUNT : SF_DROP_NONE;
}
