/* SPDX-License-Identifier: BSD-2-Clause */
/* Counter samples: records become lists of named values by the table of counters.def, and go to whoever logs
 * them. samples.c calls this; nothing of it is on the way of a flow. */
#include "sflow/decode.h"

#include <stdio.h>

enum kind { K_END, K_U32, K_U64, K_U8, K_S32, K_F32, K_STR, K_MAC, K_UUID, K_MACS };

struct member {
    const char *name;
    enum kind kind;
};

#define U32(n) { #n, K_U32 },
#define U64(n) { #n, K_U64 },
#define U8(n) { #n, K_U8 },
#define S32(n) { #n, K_S32 },
#define F32(n) { #n, K_F32 },
#define STR(n) { #n, K_STR },
#define MAC(n) { #n, K_MAC },
#define UUID(n) { #n, K_UUID },
#define MACS(n) { #n, K_MACS },

#define SF_CNT(name, pen, format, old, members)                                                              \
    static const struct member members_##name[] = { members{ NULL, K_END } };
#define SF_EACH(name, of, members) static const struct member members_##name[] = { members{ NULL, K_END } };
#include "sflow/counters.def"

enum record_id {
#define SF_CNT(name, ...) CNT_##name,
#define SF_EACH(name, ...) CNT_##name,
#include "sflow/counters.def"
    CNT_MAX
};

static const struct {
    const char *type;
    uint32_t tag; /* UINT32_MAX: an entry of a list */
    uint32_t old; /* counters_version */
    enum record_id of;
    const struct member *member;
} records[CNT_MAX] = {
#define SF_CNT(name, pen, format, old, members)                                                              \
    { "sflow_cnt_" #name, SFLOW_TAG(pen, format), old, CNT_MAX, members_##name },
#define SF_EACH(name, of, members) { "sflow_cnt_" #name, UINT32_MAX, 0, CNT_##of, members_##name },
#include "sflow/counters.def"
};

enum { VALUES_MAX = 24, TEXT_MAX = 1024, LIST_MAX = 64 };

/* A record while it is read. */
struct reading {
    struct sflow_value value[VALUES_MAX];
    unsigned n;
    char text[TEXT_MAX];
    size_t used;
};

/* ---- values */

static struct var keep(struct reading *r, const char *text, size_t len)
{
    const size_t room = sizeof(r->text) - r->used, n = len < room ? len : room;
    char *at = r->text + r->used;
    memcpy(at, text, n);
    r->used += n;
    return (struct var){ .p = at, .len = (uint32_t)n };
}

static struct var uuid(struct reading *r, const uint8_t *b)
{
    char t[37];
    snprintf(t, sizeof(t), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return keep(r, t, 36);
}

static struct var mac(struct reading *r, const uint8_t *b)
{
    char t[MAC_TEXT];
    mac_text(b, t);
    return keep(r, t, MAC_TEXT);
}

/* A list of addresses, with blanks between them. */
static struct var macs(struct reading *r, struct cursor *c)
{
    const char *first = r->text + r->used;
    for (uint32_t n = cursor_u32(c); n && !c->bad; n--) {
        const uint8_t *b = cursor_take(c, 8);
        if (b && r->text + r->used > first)
            keep(r, " ", 1);
        if (b)
            (void)mac(r, b);
    }
    return (struct var){ .p = first, .len = (uint32_t)(r->text + r->used - first) };
}

static void read_value(struct reading *r, const struct member *m, struct cursor *c)
{
    struct sflow_value v = { .name = m->name };
    const uint8_t *p;
    struct cursor s;
    uint32_t bits;
    switch (m->kind) {
    case K_U32:
        v.u = cursor_u32(c);
        break;
    case K_U64:
        v.u = cursor_u64(c);
        break;
    case K_U8:
        v.u = cursor_u8(c);
        break;
    case K_S32:
        v.kind = SFLOW_VALUE_INT;
        v.u = (uint64_t)(int64_t)(int32_t)cursor_u32(c);
        break;
    case K_F32:
        v.kind = SFLOW_VALUE_FLOAT;
        bits = cursor_u32(c);
        memcpy(&v.f, &bits, sizeof(v.f));
        break;
    case K_STR:
        s = sf_opaque(c);
        v.kind = SFLOW_VALUE_TEXT;
        v.text = (struct var){ .p = s.p, .len = (uint32_t)cursor_left(&s) };
        break;
    case K_MAC:
        v.kind = SFLOW_VALUE_TEXT;
        if ((p = cursor_take(c, 8)))
            v.text = mac(r, p);
        break;
    case K_UUID:
        v.kind = SFLOW_VALUE_TEXT;
        if ((p = cursor_take(c, 16)))
            v.text = uuid(r, p);
        break;
    case K_MACS:
        v.kind = SFLOW_VALUE_TEXT;
        v.text = macs(r, c);
        break;
    case K_END:
        break;
    }
    if (!c->bad)
        r->value[r->n++] = v;
}

/* ---- records */

/* The sample in hand. */
struct counter_sample {
    uint32_t seq, ds_type, ds_index;
};

static void hand_over(struct sflow *sf, const struct counter_sample *s, enum record_id id,
                      const struct reading *r)
{
    struct sf_agent *a = sf->m.a;
    const struct sflow_counter_record c = { .agent = &sf->m.agent,
                                            .at_us = sf->m.now_us,
                                            .source_type = s->ds_type,
                                            .source_index = s->ds_index,
                                            .datagram_seq = sf->m.seq,
                                            .sample_seq = s->seq,
                                            .type = records[id].type,
                                            .value = r->value,
                                            .n = r->n,
                                            .first = !a->counters_begun };
    const bool taken = sf->counter_log.write(sf->counter_log.arg, &c);
    sf_count(sf, taken ? SF_COUNT_LOGGED : SF_COUNT_SKIPPED);
    a->counters_begun = a->counters_begun || taken;
    sf->counters_written = sf->counters_written || taken;
}

/* The members that are there: agents of an older kind send fewer. */
static unsigned read_members(struct reading *r, enum record_id id, struct cursor *c)
{
    r->n = 0;
    r->used = 0;
    for (const struct member *m = records[id].member; m->kind != K_END && cursor_left(c) && !c->bad; m++)
        read_value(r, m, c);
    return r->n;
}

static void read_list(struct sflow *sf, const struct counter_sample *s, enum record_id each, struct cursor *c)
{
    struct reading r;
    uint32_t n = cursor_u32(c);
    for (n = n < LIST_MAX ? n : LIST_MAX; n && cursor_left(c) && !c->bad; n--)
        if (read_members(&r, each, c) && !c->bad)
            hand_over(sf, s, each, &r);
}

static void read_record(struct sflow *sf, const struct counter_sample *s, enum record_id id, struct cursor *c)
{
    struct reading r;
    if (read_members(&r, id, c))
        hand_over(sf, s, id, &r);
    if (id + 1 < CNT_MAX && records[id + 1].of == id && !c->bad)
        read_list(sf, s, id + 1, c);
    if (c->bad)
        sf_count(sf, SF_COUNT_BAD_RECORDS);
}

static enum record_id find_record(uint32_t tag)
{
    for (unsigned i = 0; i < CNT_MAX; i++)
        if (records[i].tag == tag)
            return (enum record_id)i;
    return CNT_MAX;
}

enum sf_drop sf_counters_v5(struct sflow *sf, struct cursor *c, bool expanded)
{
    struct counter_sample s = { .seq = cursor_u32(c) };
    const uint32_t source = cursor_u32(c);
    s.ds_type = expanded ? source & 0xff : source >> 24;
    s.ds_index = expanded ? cursor_u32(c) : source & 0xffffff;
    uint32_t n = cursor_u32(c);
    if (c->bad)
        return SF_DROP_SAMPLE_LENGTH;
    for (; n; n--) {
        const uint32_t tag = cursor_u32(c), len = cursor_u32(c);
        struct cursor in = cursor_sub(c, len);
        if (c->bad)
            return SF_DROP_RECORD_LENGTH;
        const enum record_id id = sf->counter_log.write ? find_record(tag) : CNT_MAX;
        if (id == CNT_MAX)
            sf_count(sf, SF_COUNT_SKIPPED);
        else
            read_record(sf, &s, id, &in);
    }
    sf_count(sf, SF_COUNT_COUNTERS);
    return SF_DROP_NONE;
}

/* ---- versions 2 and 4: the generic part, then one that the version of the counters tells */

enum { OLD_GENERIC = 1, OLD_FDDI = 4, OLD_WAN = 6, OLD_VLAN = 7 };

/* Octets of a record whose members all have a fixed length. */
static size_t record_size(enum record_id id)
{
    size_t n = 0;
    for (const struct member *m = records[id].member; m->kind != K_END; m++)
        n += m->kind == K_U64 ? 8 : 4;
    return n;
}

static void old_record(struct sflow *sf, const struct counter_sample *s, enum record_id id, struct cursor *c)
{
    struct cursor in = cursor_sub(c, record_size(id));
    if (c->bad)
        return;
    if (sf->counter_log.write)
        read_record(sf, s, id, &in);
    else
        sf_count(sf, SF_COUNT_SKIPPED);
}

enum sf_drop sf_counters_v24(struct sflow *sf, struct cursor *c)
{
    struct counter_sample s = { .seq = cursor_u32(c) };
    const uint32_t source = cursor_u32(c);
    s.ds_type = source >> 24;
    s.ds_index = source & 0xffffff;
    cursor_skip(c, 4); /* the interval */
    const uint32_t version = cursor_u32(c);
    if (c->bad)
        return SF_DROP_SHORT;
    if (version < OLD_GENERIC || version > OLD_VLAN)
        return SF_DROP_OLD_DATA;
    if (version != OLD_VLAN)
        old_record(sf, &s, CNT_generic, c);
    for (unsigned i = 0; version != OLD_GENERIC && i < CNT_MAX; i++)
        if (records[i].old == version)
            old_record(sf, &s, (enum record_id)i, c);
    if (c->bad)
        return SF_DROP_SHORT;
    sf_count(sf, SF_COUNT_COUNTERS);
    return SF_DROP_NONE;
}
