/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP's events as lists of members. station.c calls it. */
#include "bmp/event.h"

#include <stdio.h>
#include "bgp/open.h"
#include "bgp/text.h"

enum { TLVS_MAX = 64 }; /* of different types in a message; more are left out */

/* ---- what many have */

unsigned bmp_rib_flags(const struct bmp_peer *p, struct bmp_flag flags[3])
{
    static const struct {
        unsigned n;
        struct bmp_flag f[2];
    } ribs[BMP_RIBS] = {
        [BMP_RIB_IN_PRE] = { 2, { { "is_post", 0 }, { "is_in", 1 } } },
        [BMP_RIB_IN_POST] = { 2, { { "is_post", 1 }, { "is_in", 1 } } },
        [BMP_RIB_LOC] = { 1, { { "is_loc", 1 } } },
        [BMP_RIB_OUT_PRE] = { 2, { { "is_post", 0 }, { "is_out", 1 } } },
        [BMP_RIB_OUT_POST] = { 2, { { "is_post", 1 }, { "is_out", 1 } } },
    };
    flags[0] = (struct bmp_flag){ "is_filtered", p->filtered };
    for (unsigned i = 0; i < ribs[p->rib].n; i++)
        flags[1 + i] = ribs[p->rib].f[i];
    return 1 + ribs[p->rib].n;
}

static void put_tag(struct members *ms, const struct bmp_origin *o)
{
    if (o->has_tag)
        members_uint(ms, "tag", o->tag);
    else if (o->label)
        members_label(ms, "label", o->label, o->label_len);
}

static void put_router(struct members *ms, const struct bmp_origin *o)
{
    members_addr(ms, "bmp_router", &o->router);
    members_uint(ms, "bmp_router_port", o->port);
}

/* `at_us`: as the router says; 0 where it does not. */
static void put_head(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                     uint8_t type, int64_t at_us)
{
    members_word(ms, "event_type", t->dump ? "dump" : "log");
    members_uint(ms, "seq", t->seq);
    members_time(ms, "timestamp", t->dump ? t->at_us : at_us, o->style, !t->dump, o->times);
    if (t->dump)
        members_time(ms, "timestamp_event", at_us, o->style, true, o->times);
    else
        members_time(ms, "timestamp_arrival", t->at_us, o->style, true, o->times);
    put_router(ms, o);
    put_tag(ms, o);
    members_word(ms, "bmp_msg_type", bmp_type_name(type));
}

static void put_id(struct members *ms, const uint8_t id[4])
{
    struct addr a;
    addr_set_v4(&a, id);
    members_addr(ms, "bgp_id", &a);
}

static void put_rib(struct members *ms, const struct bmp_peer *p)
{
    struct bmp_flag f[3];
    const unsigned n = bmp_rib_flags(p, f);
    members_word(ms, "bmp_rib_type", bmp_rib_name(p->rib));
    for (unsigned i = 0; i < n; i++)
        members_uint(ms, f[i].name, f[i].value);
}

static void put_distinguisher(struct members *ms, const struct bmp_origin *o, const struct bmp_peer *p)
{
    static const uint8_t none[8];
    struct strbuf text;
    if (!memcmp(p->rd, none, sizeof(none)))
        return;
    strbuf_init(&text, 64);
    bgp_text_rd(&text, p->rd);
    const char *kept = members_name(ms, "%s", strbuf_cstr(&text));
    strbuf_free(&text);
    members_word(ms, o->set_pd ? "pd" : "rd", kept ? kept : "");
    members_word(ms, o->set_pd ? "pd_origin" : "rd_origin", "bmp");
}

/* ---- TLVs: of those that come twice, the last one counts */

struct tlvs {
    struct bmp_tlv t[TLVS_MAX];
    unsigned n;
};

static void keep(struct tlvs *all, const struct bmp_tlv *t)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (all->t[i].type == t->type && all->t[i].pen == t->pen) {
            all->t[i] = *t;
            return;
        }
    }
    if (all->n < TLVS_MAX)
        all->t[all->n++] = *t;
}

static const char *tlv_name(struct members *ms, const char *prefix, const char *known,
                            const struct bmp_tlv *t)
{
    if (known)
        return members_name(ms, "%s_%s", prefix, known);
    if (t->pen)
        return members_name(ms, "%s_%u_%u", prefix, t->pen, t->type);
    return members_name(ms, "%s_%u", prefix, t->type);
}

static void put_tlv(struct members *ms, uint8_t msg, const struct bmp_tlv *t)
{
    static const char *const prefixes[BMP_TYPES] = { [BMP_INIT] = "bmp_init_info",
                                                     [BMP_TERM] = "bmp_term_info",
                                                     [BMP_PEER_UP] = "bmp_peer_up_info",
                                                     [BMP_PEER_DOWN] = "bmp_peer_down_info" };
    const char *known = t->pen ? NULL : bmp_info_name(msg, t->type);
    const char *name = tlv_name(ms, prefixes[msg], known, t);
    const char *reason = NULL;
    if (msg == BMP_TERM && known && t->type == 1 && t->value.len == 2)
        reason = bmp_term_reason(load_be16(t->value.p));
    if (reason)
        members_word(ms, name, reason);
    else if (known && strcmp(known, "reserved") != 0 && strcmp(known, "reason") != 0)
        members_text(ms, name, (const char *)t->value.p, t->value.len);
    else
        members_hex(ms, name, t->value.p, t->value.len);
}

static enum bmp_fault put_tlvs(struct members *ms, const struct bmp_msg *m)
{
    struct cursor c = m->tlvs;
    struct tlvs all = { .n = 0 };
    struct bmp_tlv t;
    while (bmp_tlv_next(&c, false, m->version >= 4, &t))
        keep(&all, &t);
    for (unsigned i = 0; i < all.n; i++)
        put_tlv(ms, m->type, &all.t[i]);
    return c.bad ? BMP_FAULT_TLV : BMP_FAULT_NONE;
}

/* ---- messages */

static enum bmp_fault put_up(struct members *ms, const struct bmp_origin *o, const struct bmp_msg *m)
{
    struct bgp_open sent = { 0 };
    struct bgp_error e = { 0 };
    const bool read = bgp_open_parse(m->up.sent.p, m->up.sent.len, &sent, NULL, NULL, &e) == 0;
    members_addr(ms, "peer_ip", &m->peer.addr);
    members_uint(ms, "peer_asn", m->peer.as);
    members_uint(ms, "local_as", sent.as);
    put_id(ms, m->peer.bgp_id);
    members_uint(ms, "peer_type", m->peer.type);
    members_word(ms, "peer_type_str", bmp_peer_type_name(m->peer.type));
    put_rib(ms, &m->peer);
    members_uint(ms, "local_port", m->up.local_port);
    members_uint(ms, "remote_port", m->up.remote_port);
    members_addr(ms, "local_ip", &m->up.local);
    put_distinguisher(ms, o, &m->peer);
    const enum bmp_fault f = put_tlvs(ms, m);
    return read ? f : BMP_FAULT_BGP;
}

static enum bmp_fault put_down(struct members *ms, const struct bmp_origin *o, const struct bmp_msg *m)
{
    members_addr(ms, "peer_ip", &m->peer.addr);
    members_uint(ms, "peer_asn", m->peer.as);
    put_id(ms, m->peer.bgp_id);
    members_uint(ms, "peer_type", m->peer.type);
    members_word(ms, "peer_type_str", bmp_peer_type_name(m->peer.type));
    put_rib(ms, &m->peer);
    put_distinguisher(ms, o, &m->peer);
    members_uint(ms, "reason_type", m->down.reason);
    members_word(ms, "reason_str", bmp_down_reason(m->down.reason));
    if (m->down.reason == 2)
        members_uint(ms, "reason_loc_code", m->down.fsm);
    return put_tlvs(ms, m);
}

enum bmp_fault bmp_event_message(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                                 const struct bmp_msg *m)
{
    members_clear(ms);
    switch (m->type) {
    case BMP_INIT:
    case BMP_TERM:
        put_head(ms, o, t, m->type, 0);
        return put_tlvs(ms, m);
    case BMP_PEER_UP:
        put_head(ms, o, t, m->type, m->peer.at_us);
        return put_up(ms, o, m);
    case BMP_PEER_DOWN:
        put_head(ms, o, t, m->type, m->peer.at_us);
        return put_down(ms, o, m);
    default:
        return BMP_FAULT_NONE;
    }
}

void bmp_event_counter(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                       const struct bmp_msg *m, const struct bmp_counter *n)
{
    members_clear(ms);
    put_head(ms, o, t, m->type, m->peer.at_us);
    members_addr(ms, "peer_ip", &m->peer.addr);
    members_uint(ms, "peer_asn", m->peer.as);
    put_id(ms, m->peer.bgp_id);
    members_uint(ms, "peer_type", m->peer.type);
    put_rib(ms, &m->peer);
    put_distinguisher(ms, o, &m->peer);
    members_uint(ms, "counter_type", n->type);
    members_word(ms, "counter_type_str", bmp_counter_name(n->type));
    if (n->has_family) {
        members_uint(ms, "afi", n->afi);
        members_uint(ms, "safi", n->safi);
    }
    if (n->has_value)
        members_uint(ms, "counter_value", n->value);
    else
        members_hex(ms, "counter_value", n->raw.p, n->raw.len);
}

void bmp_event_session(struct members *ms, const struct bmp_origin *o, const struct bmp_telling *t,
                       const char *event, unsigned period_s)
{
    members_clear(ms);
    if (!t->dump)
        members_uint(ms, "seq", t->seq);
    members_time(ms, "timestamp", t->at_us, o->style, !t->dump, o->times);
    members_addr(ms, "bmp_router", &o->router);
    if (t->dump) {
        members_uint(ms, "bmp_router_port", o->port);
        put_tag(ms, o);
    } else {
        put_tag(ms, o);
        members_uint(ms, "bmp_router_port", o->port);
    }
    members_word(ms, "event_type", event);
    if (period_s)
        members_uint(ms, "dump_period", period_s);
    if (t->dump)
        members_uint(ms, "seq", t->seq);
}
