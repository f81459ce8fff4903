/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP as lines of JSON. Routes are written by hand, since there are millions of them; all else through lists
 * of members. service.c and dump.c call it. */
#include "bmp/log.h"

#include "bgp/text.h"
#include "output/json.h"

enum { LINE_MAX_OCTETS = 9 << 20 }; /* a TLV of a megabyte as hex digits */

void bmp_log_init(struct bmp_log *l, const struct bmp_log_conf *c)
{
    memset(l, 0, sizeof(*l));
    l->c = *c;
    struct strbuf *const texts[] = { &l->head, &l->distinguisher, &l->tail, &l->attrs, &l->line };
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        strbuf_init(texts[i], LINE_MAX_OCTETS);
    members_init(&l->ms);
}

void bmp_log_free(struct bmp_log *l)
{
    strbuf_free(&l->head);
    strbuf_free(&l->distinguisher);
    strbuf_free(&l->tail);
    strbuf_free(&l->attrs);
    strbuf_free(&l->line);
    members_free(&l->ms);
}

static struct msglog_topic topic_of(const struct addr *router, uint16_t port)
{
    return (struct msglog_topic){
        .peer_src_ip = router, .peer_src_port = port, .bmp_router = router, .bmp_router_port = port
    };
}

bool bmp_log_router_init(struct bmp_log *l, struct bmp_log_router *lr, const struct addr *router,
                         uint16_t port)
{
    const struct msglog_topic t = topic_of(router, port);
    *lr = (struct bmp_log_router){ .origin = { .router = *router,
                                               .port = port,
                                               .set_pd = l->c.set_pd,
                                               .style = &l->c.style,
                                               .times = &l->times } };
    l->of = NULL; /* it may lie where another one lay */
    lr->target = msglog_target_new(l->c.msglog, &t);
    return lr->target != NULL;
}

void bmp_log_router_free(struct bmp_log *l, struct bmp_log_router *lr)
{
    msglog_target_free(l->c.msglog, lr->target);
    lr->target = NULL;
}

/* ---- events */

static void write_line(struct bmp_log *l, const struct bmp_log_router *lr)
{
    const struct msglog_topic t = topic_of(&lr->origin.router, lr->origin.port);
    if (l->line.failed)
        return;
    if (ha_holds(l->ha))
        ha_keep(l->ha, &t, l->line.p, l->line.len);
    else
        (void)msglog_put(l->c.msglog, lr->target, l->line.p, l->line.len);
}

static void write_members(struct bmp_log *l, const struct bmp_log_router *lr)
{
    strbuf_clear(&l->line);
    if (l->c.writer_id)
        members_word(&l->ms, "writer_id", l->c.writer_id);
    members_json(&l->ms, l->c.label_as_map, &l->line);
    write_line(l, lr);
}

void bmp_log_session(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                     const char *event, unsigned period_s)
{
    bmp_event_session(&l->ms, &lr->origin, t, event, period_s);
    write_members(l, lr);
}

static unsigned log_stats(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                          const struct bmp_msg *m)
{
    struct bmp_telling each = *t;
    struct cursor c = m->stats.counters;
    struct bmp_counter n;
    unsigned lines = 0;
    while (bmp_counter_next(&c, &n)) {
        bmp_event_counter(&l->ms, &lr->origin, &each, m, &n);
        write_members(l, lr);
        each.seq += !t->dump; /* all lines of a dump have one number */
        lines++;
    }
    return lines;
}

unsigned bmp_log_message(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                         const struct bmp_msg *m)
{
    if (m->type == BMP_STATS)
        return log_stats(l, lr, t, m);
    (void)bmp_event_message(&l->ms, &lr->origin, t, m);
    if (!l->ms.n)
        return 0;
    write_members(l, lr);
    return 1;
}

/* ---- routes */

static void put_time(struct bmp_log *l, struct strbuf *s, const char *name, int64_t at_us, bool fraction,
                     struct bmp_log_stamp *st)
{
    json_name(s, name);
    strbuf_char(s, '"');
    st->at_us = at_us;
    st->place = s->len;
    st->len = 0;
    if (strbuf_room(s, TIME_TEXT))
        st->len = time_text(at_us, &l->c.style, fraction, &st->times, s->p + s->len);
    s->len += st->len;
    strbuf_char(s, '"');
}

/* Puts another time there. False: its text is longer or shorter. */
static bool change_time(const struct bmp_log *l, struct strbuf *s, struct bmp_log_stamp *st, int64_t at_us,
                        bool fraction)
{
    char text[TIME_TEXT];
    if (at_us == st->at_us)
        return true;
    if (time_text(at_us, &l->c.style, fraction, &st->times, text) != st->len)
        return false;
    memcpy(s->p + st->place, text, st->len);
    st->at_us = at_us;
    return true;
}

static void make_distinguisher(struct bmp_log *l, const struct bmp_peer *p)
{
    static const uint8_t none[8];
    struct strbuf *s = &l->distinguisher;
    strbuf_clear(s);
    if (!memcmp(p->rd, none, sizeof(none)))
        return;
    strbuf_str(s, l->c.set_pd ? ", \"pd\": \"" : ", \"rd\": \"");
    bgp_text_rd(s, p->rd);
    strbuf_str(s, l->c.set_pd ? "\", \"pd_origin\": \"bmp\"" : "\", \"rd_origin\": \"bmp\"");
}

/* Nobody has told of a route that goes with its peer: its time is ours. */
static int64_t time_of(const struct bmp_telling *t, const struct bmp_told *r)
{
    return t->dump || r->type == BMP_LOG_DELETE ? t->at_us : r->peer->at_us;
}

static void make_head(struct bmp_log *l, const struct bmp_telling *t, const struct bmp_told *r)
{
    struct bmp_flag f[3];
    struct strbuf *s = &l->head;
    struct addr id;
    const unsigned n = bmp_rib_flags(r->peer, f);
    strbuf_clear(s);
    put_time(l, s, "timestamp", time_of(t, r), !t->dump, &l->stamp);
    json_word(s, "bmp_rib_type", bmp_rib_name(r->peer->rib));
    for (unsigned i = 0; i < n; i++)
        json_uint(s, f[i].name, f[i].value);
    addr_set_v4(&id, r->peer->bgp_id);
    json_addr(s, "bgp_id", &id);
}

static void make_tail(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                      const struct bmp_told *r)
{
    struct strbuf *s = &l->tail;
    strbuf_clear(s);
    if (!t->dump)
        put_time(l, s, "timestamp_arrival", t->at_us, true, &l->arrival);
    json_addr(s, "bmp_router", &lr->origin.router);
    json_uint(s, "bmp_router_port", lr->origin.port);
    json_addr(s, "peer_ip", &r->peer->addr);
    json_uint(s, "peer_asn", r->peer->as);
    json_uint(s, "peer_tcp_port", 0);
    json_word(s, "bmp_msg_type", r->type == BMP_LOG_DELETE ? "internal" : "route_monitor");
    if (l->c.writer_id)
        json_text(s, "writer_id", l->c.writer_id, strlen(l->c.writer_id));
    strbuf_char(s, '}');
}

/* A dump has a log of its own, so that its lines are all alike. */
static bool same_texts(const struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_told *r)
{
    const struct bmp_peer *a = &l->peer, *b = r->peer;
    return l->of == lr && (l->kind == BMP_LOG_DELETE) == (r->type == BMP_LOG_DELETE) && a->rib == b->rib &&
           a->filtered == b->filtered && a->as == b->as && addr_equal(&a->addr, &b->addr) &&
           !memcmp(a->bgp_id, b->bgp_id, sizeof(a->bgp_id)) && !memcmp(a->rd, b->rd, sizeof(a->rd));
}

static void make_shared(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                        const struct bmp_told *r)
{
    if (r->message_serial && r->message_serial == l->head_serial)
        return;
    l->head_serial = r->message_serial;
    if (same_texts(l, lr, r) && change_time(l, &l->head, &l->stamp, time_of(t, r), !t->dump) &&
        (t->dump || change_time(l, &l->tail, &l->arrival, t->at_us, true)))
        return;
    l->of = lr;
    l->peer = *r->peer;
    l->kind = r->type;
    make_head(l, t, r);
    make_distinguisher(l, r->peer);
    make_tail(l, lr, t, r);
}

static void make_attrs(struct bmp_log *l, const struct bmp_told *r)
{
    if (r->attrs_serial && r->attrs_serial == l->attrs_serial)
        return;
    l->attrs_serial = r->attrs_serial;
    strbuf_clear(&l->attrs);
    if (r->attrs)
        bgp_attrs_json(&l->attrs, r->attrs, &l->c.routes);
}

/* What version 4 tells of this route: draft-ietf-grow-bmp-path-marking-tlv. */
static void put_path_status(struct strbuf *s, const struct bmp_octets *v)
{
    struct cursor c = cursor_of(v->p, v->len);
    uint32_t bits = cursor_u32(&c);
    const char *comma = "";
    json_name(s, "path_status");
    strbuf_char(s, '[');
    if (!bits)
        strbuf_lit(s, "\"Unknown\"");
    for (unsigned i = 0; bmp_path_status_name(i); i++, bits >>= 1) {
        if (!(bits & 1))
            continue;
        strbuf_printf(s, "%s\"%s\"", comma, bmp_path_status_name(i));
        comma = ", ";
    }
    if (bits)
        strbuf_printf(s, "%s\"0x%08x\"", comma, bits << 12);
    strbuf_char(s, ']');
    const uint16_t reason = cursor_u16(&c);
    if (!c.bad)
        strbuf_printf(s, ", \"reason_code\": \"0x%04x\"", reason);
}

static bool group_has(const struct bmp_told *r, uint16_t index)
{
    for (unsigned i = 0; i < r->n_marks; i++) {
        const struct bmp_tlv *t = &r->marks[i].tlv;
        if (r->marks[i].what != BMP_RM_GROUP || t->index != index)
            continue;
        struct cursor c = cursor_of(t->value.p, t->value.len);
        while (cursor_left(&c) >= 2)
            if (cursor_u16(&c) == r->nth)
                return true;
    }
    return false;
}

/* Index 0 is all routes of the message, one with the high bit a group. */
static bool mark_is_for(const struct bmp_told *r, const struct bmp_mark *m)
{
    return m->tlv.index == 0 || m->tlv.index == r->nth ||
           (m->tlv.index & 0x8000 && group_has(r, m->tlv.index));
}

static void put_other_mark(struct strbuf *s, const struct bmp_tlv *t)
{
    if (t->pen)
        strbuf_printf(s, ", \"bmp_rm_info_%u_%u\": ", t->pen, t->type);
    else
        strbuf_printf(s, ", \"bmp_rm_info_%u\": ", t->type);
    if (!t->value.len)
        strbuf_lit(s, "null");
    for (size_t i = 0; i < t->value.len; i++)
        strbuf_printf(s, "%s%02X", i ? "-" : "\"", t->value.p[i]);
    if (t->value.len)
        strbuf_char(s, '"');
}

static void put_marks(struct strbuf *s, const struct bmp_told *r)
{
    for (unsigned i = 0; i < r->n_marks; i++) {
        if (!mark_is_for(r, &r->marks[i]))
            continue;
        if (r->marks[i].what == BMP_RM_PATH_STATUS)
            put_path_status(s, &r->marks[i].tlv.value);
        else if (r->marks[i].what != BMP_RM_GROUP)
            put_other_mark(s, &r->marks[i].tlv);
    }
}

static void put_tag(const struct bmp_log *l, struct strbuf *s, const struct bmp_origin *o)
{
    if (o->has_tag) {
        json_uint(s, "tag", o->tag);
    } else if (o->label) {
        json_name(s, "label");
        if (l->c.label_as_map)
            json_pairs(s, o->label, o->label_len);
        else
            json_string(s, o->label, o->label_len);
    }
}

static char roa_of(const struct bmp_log *l, const struct bmp_told *r)
{
    if (!l->c.roas || !r->attrs || r->key->nlri.len)
        return 0;
    const struct roa_origin o = roa_origin_of(r->attrs->as_path, r->peer->as);
    enum roa_state s = roa_of_route(l->c.roas, r->key, &o);
    if (s == ROA_INVALID && r->rib_peer)
        s = roa_overlap(l->c.roas, l->c.rib, r->rib_peer, r->key, r->peer->as);
    return roa_letter(s);
}

static void put_route(const struct bmp_log *l, struct strbuf *s, const struct bmp_told *r)
{
    if (r->type == BMP_LOG_END_OF_RIB) {
        json_uint(s, "afi", r->key->afi);
        json_uint(s, "safi", r->key->safi);
        return;
    }
    bgp_route_json(s, r->key, r->labels, l->attrs.p, l->attrs.len, roa_of(l, r));
}

static void put_line(const struct bmp_log *l, struct strbuf *s, const struct bmp_log_router *lr,
                     const struct bmp_telling *t, const struct bmp_told *r)
{
    static const char *const types[] = { [BMP_LOG_UPDATE] = ", \"log_type\": \"update\"",
                                         [BMP_LOG_WITHDRAW] = ", \"log_type\": \"withdraw\"",
                                         [BMP_LOG_DELETE] = ", \"log_type\": \"delete\"",
                                         [BMP_LOG_END_OF_RIB] = ", \"log_type\": \"end-of-rib\"",
                                         [BMP_LOG_DUMP] = "" };
    strbuf_lit(s, "{\"seq\": ");
    strbuf_u64(s, t->seq);
    strbuf_str(s, types[r->type]);
    strbuf_add(s, l->head.p, l->head.len);
    if (!r->key->has_rd || l->c.set_pd) /* else the route's own stands for both */
        strbuf_add(s, l->distinguisher.p, l->distinguisher.len);
    put_marks(s, r);
    put_tag(l, s, &lr->origin);
    if (t->dump)
        strbuf_lit(s, ", \"event_type\": \"dump\"");
    else
        strbuf_lit(s, ", \"event_type\": \"log\"");
    put_route(l, s, r);
    strbuf_add(s, l->tail.p, l->tail.len);
}

/* Most lines are written where they go out from. False: not this one. */
static bool put_in_place(const struct bmp_log *l, const struct bmp_log_router *lr,
                         const struct bmp_telling *t, const struct bmp_told *r)
{
    enum { KEY_OCTETS = 512 }; /* sequence number, tag, a prefix with RD and labels, and their names */
    const size_t most = l->head.len + l->distinguisher.len + l->attrs.len + l->tail.len + KEY_OCTETS;
    if (r->n_marks || r->key->nlri.len || lr->origin.label || l->head.failed || l->attrs.failed ||
        ha_holds(l->ha))
        return false;
    char *p = msglog_reserve(l->c.msglog, lr->target, most);
    if (!p)
        return false;
    struct strbuf s = strbuf_over(p, most);
    put_line(l, &s, lr, t, r);
    if (!s.failed)
        msglog_commit(l->c.msglog, s.len);
    return !s.failed;
}

void bmp_log_route(struct bmp_log *l, const struct bmp_log_router *lr, const struct bmp_telling *t,
                   const struct bmp_told *r)
{
    make_shared(l, lr, t, r);
    if (r->type != BMP_LOG_END_OF_RIB)
        make_attrs(l, r);
    if (put_in_place(l, lr, t, r))
        return;
    strbuf_clear(&l->line);
    put_line(l, &l->line, lr, t, r);
    write_line(l, lr);
}
