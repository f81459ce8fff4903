/* SPDX-License-Identifier: BSD-2-Clause */
/* Encoder of sFlow version 5 (sFlow.org memo "sFlow Version 5"). A sample is made whole in a buffer of its
 * own, then joins the datagram or begins the next. */
#include "sflow/encode.h"

#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum {
    DATAGRAM_HEADER_MAX = 40,
    SAMPLE_MAX = SFLOW_ENCODE_MAX - DATAGRAM_HEADER_MAX,
    RECORDS_MAX = 220, /* octets of a flow sample beside the frame: sample, six records, at their largest */
    PATH_SEQUENCE = 2, /* kinds of AS path segment: 1 set, 2 sequence */
    INDEX_BITS = 24,   /* of a compact source */
};
_Static_assert(SFLOW_ENCODE_HEADER_MAX + RECORDS_MAX <= SAMPLE_MAX, "any sample fits in a datagram");

struct sflow_encoder {
    struct sflow_encoder_conf c;
    int64_t now_us, boot_us, since_us;
    uint32_t sequence;
    uint32_t samples;    /* in the datagram in the making */
    uint32_t header_len; /* octets before its first sample */
    uint32_t len;
    uint8_t buf[SFLOW_ENCODE_MAX];
    uint8_t sample[SAMPLE_MAX];
};

/* ---- words */

static uint8_t *put_opaque(uint8_t *p, const uint8_t *octets, uint32_t n)
{
    p = put_be32(p, n);
    memset(p + sflow_padded(n) - (n ? 4 : 0), 0, n ? 4 : 0);
    if (n)
        memcpy(p, octets, n);
    return p + sflow_padded(n);
}

static uint8_t *put_address(uint8_t *p, const struct addr *a)
{
    if (addr_is_set(a) && !addr_is_v4(a)) {
        addr_get_v6(a, put_be32(p, SFLOW_ADDR_IP6));
        return p + 20;
    }
    memcpy(put_be32(p, SFLOW_ADDR_IP4), a->b + 12, 4);
    return p + 8;
}

/* ---- flow records */

static uint8_t *put_header(uint8_t *p, const struct sflow_flow_sample *s)
{
    p = put_be32(put_be32(put_be32(p, s->protocol), s->frame_len), s->stripped);
    return put_opaque(p, s->header, s->header_len);
}

static uint8_t *put_class(uint8_t *p, const struct sflow_flow_sample *s)
{
    return put_be32(put_be32(p, s->class_master), s->class_app);
}

static uint8_t *put_tag(uint8_t *p, const struct sflow_flow_sample *s)
{
    return put_be64(put_be64(p, s->tag), s->tag2);
}

/* The path is known by its end alone; none: the destination is inside the agent's own AS. */
static uint8_t *put_gateway(uint8_t *p, const struct sflow_flow_sample *s)
{
    p = put_address(p, &s->next_hop);
    p = put_be32(p, 0); /* the agent's AS: not known */
    p = put_be32(p, s->src_as);
    p = put_be32(p, 0); /* peer of the source */
    p = put_be32(p, s->dst_as != 0);
    if (s->dst_as)
        p = put_be32(put_be32(put_be32(p, PATH_SEQUENCE), 1), s->dst_as);
    p = put_be32(p, 0);    /* communities */
    return put_be32(p, 0); /* local preference */
}

static uint8_t *put_router(uint8_t *p, const struct sflow_flow_sample *s)
{
    return put_be32(put_be32(put_address(p, &s->next_hop), s->src_mask), s->dst_mask);
}

static uint8_t *put_switch(uint8_t *p, const struct sflow_flow_sample *s)
{
    return put_be32(put_be32(put_be32(put_be32(p, s->src_vlan), s->src_priority), s->dst_vlan),
                    s->dst_priority);
}

/* A row a record, in the order of the wire. */
static const struct {
    uint32_t tag;
    unsigned with; /* enum sflow_with; 0: always */
    uint8_t *(*put)(uint8_t *p, const struct sflow_flow_sample *s);
} records[] = {
    { SFLOW_RAW_HEADER, 0, put_header },
    { SFLOW_TAG(SFLOW_ENTERPRISE_PMACCT, SFLOW_OWN_CLASS), SFLOW_WITH_CLASS, put_class },
    { SFLOW_TAG(SFLOW_ENTERPRISE_PMACCT, SFLOW_OWN_TAG), SFLOW_WITH_TAG, put_tag },
    { SFLOW_GATEWAY, SFLOW_WITH_GATEWAY, put_gateway },
    { SFLOW_ROUTER, SFLOW_WITH_ROUTER, put_router },
    { SFLOW_SWITCH, SFLOW_WITH_SWITCH, put_switch },
};

/* ---- datagrams */

static void begin(struct sflow_encoder *en)
{
    uint8_t *p = put_address(put_be32(en->buf, SFLOW_V5), &en->c.agent);
    p = put_be32(put_be32(p, en->c.sub_agent), ++en->sequence);
    p = put_be32(p, (uint32_t)((en->now_us - en->boot_us) / 1000));
    en->len = en->header_len = (uint32_t)(p - en->buf) + 4; /* the count of samples comes when it is known */
    en->samples = 0;
    en->since_us = en->now_us;
}

static void finish(struct sflow_encoder *en)
{
    put_be32(en->buf + en->header_len - 4, en->samples);
    en->c.emit(en->c.arg, en->buf, en->len);
    en->len = en->samples = 0;
}

/* `end`: behind the last octet of en->sample. */
static void join(struct sflow_encoder *en, uint32_t kind, const uint8_t *end)
{
    uint32_t len = (uint32_t)(end - en->sample);
    if (en->len && en->len + 8 + len > sizeof(en->buf))
        finish(en);
    if (!en->len)
        begin(en);
    uint8_t *p = put_be32(put_be32(en->buf + en->len, kind), len);
    memcpy(p, en->sample, len);
    en->len += 8 + len;
    en->samples++;
}

/* ---- samples */

static uint8_t *put_iface(uint8_t *p, uint32_t iface, bool expanded)
{
    if (expanded)
        p = put_be32(p, SFLOW_IFACE_SINGLE);
    return put_be32(p, expanded || iface <= SFLOW_IFACE_INTERNAL ? iface : SFLOW_IFACE_INTERNAL);
}

static uint8_t *put_source(uint8_t *p, uint32_t source, bool expanded)
{
    if (expanded)
        return put_be32(put_be32(p, 0), source);
    return put_be32(p, source & ((1u << INDEX_BITS) - 1));
}

void sflow_encode_flow(struct sflow_encoder *en, const struct sflow_flow_sample *s)
{
    uint8_t *p = put_source(put_be32(en->sample, s->sequence), s->source, s->expanded);
    p = put_be32(put_be32(put_be32(p, s->rate), s->pool), s->drops);
    p = put_iface(put_iface(p, s->input, s->expanded), s->output, s->expanded);
    uint8_t *count = p;
    uint32_t n = 0;
    p += 4;
    for (unsigned i = 0; i < ARRAY_LEN(records); i++) {
        if (records[i].with && !(s->with & records[i].with))
            continue;
        uint8_t *body = put_be32(p, records[i].tag) + 4, *end = records[i].put(body, s);
        put_be32(p + 4, (uint32_t)(end - body));
        p = end;
        n++;
    }
    put_be32(count, n);
    join(en, s->expanded ? SFLOW_FLOW_EXPANDED : SFLOW_FLOW, p);
}

void sflow_encode_counters(struct sflow_encoder *en, uint32_t sequence, bool expanded,
                           const struct sflow_if_counters *c)
{
    uint8_t *p = put_be32(put_source(put_be32(en->sample, sequence), c->index, expanded), 1);
    uint8_t *body = put_be32(p, SFLOW_CNT_GENERIC) + 4;
    uint8_t *q = put_be64(put_be32(put_be32(body, c->index), c->type), c->speed);
    q = put_be64(put_be32(put_be32(q, c->direction), c->status), c->in_octets);
    q = put_be32(put_be32(put_be32(q, c->in_ucast), c->in_multicast), c->in_broadcast);
    q = put_be64(put_be32(put_be32(put_be32(q, c->in_discards), c->in_errors), c->in_unknown), c->out_octets);
    q = put_be32(put_be32(put_be32(q, c->out_ucast), c->out_multicast), c->out_broadcast);
    q = put_be32(put_be32(put_be32(q, c->out_discards), c->out_errors), c->promiscuous);
    put_be32(body - 4, (uint32_t)(q - body));
    join(en, expanded ? SFLOW_COUNTERS_EXPANDED : SFLOW_COUNTERS, q);
}

/* ---- life */

struct sflow_encoder *sflow_encoder_new(const struct sflow_encoder_conf *c, int64_t now_us)
{
    struct sflow_encoder *en = calloc(1, sizeof(*en));
    if (!en)
        return NULL;
    en->c = *c;
    en->now_us = en->boot_us = now_us;
    return en;
}

void sflow_encoder_free(struct sflow_encoder *en) { free(en); }

void sflow_encoder_agent(struct sflow_encoder *en, const struct addr *agent) { en->c.agent = *agent; }

void sflow_encoder_clock(struct sflow_encoder *en, int64_t now_us) { en->now_us = now_us; }

void sflow_encoder_flush(struct sflow_encoder *en)
{
    if (en->len)
        finish(en);
}

int64_t sflow_encoder_since(const struct sflow_encoder *en) { return en->len ? en->since_us : INT64_MAX; }
