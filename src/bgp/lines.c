/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of JSON about neighbours and their routes. What is the same for many lines is made once: how lines of
 * a peer begin, the time, the attributes of a set. Called by service.c, dump.c and lg.c. */
#include "bgp/lines.h"

#include <unistd.h>
#include "bgp/text.h"
#include "output/json.h"
#include "output/writerid.h"

enum { LINE_MAX_OCTETS = 1 << 20, HEAD_MAX = 64 << 10 };

int bgp_lines_init(struct bgp_lines *l, const struct config *c, struct rib_pool *pool, struct peertags *tags,
                   bool with_writer, struct err *e)
{
    *l = (struct bgp_lines){ .c = c,
                             .pool = pool,
                             .tags = tags,
                             .style = { .comms_as_array = c->bgp_comms_encode_as_array,
                                        .comms_as_numbers = c->routing.comms_num,
                                        .as_path_as_array = c->as_path_encode_as_array,
                                        .origin_as_int = c->bgp_origin_as_int },
                             .time_style = { .utc = c->timestamps_utc,
                                             .secs = c->timestamps_secs,
                                             .epoch = c->timestamps_since_epoch,
                                             .rfc3339 = c->timestamps_rfc3339 } };
    strbuf_init(&l->line, LINE_MAX_OCTETS);
    strbuf_init(&l->attrs, LINE_MAX_OCTETS);
    strbuf_init(&l->comms, LINE_MAX_OCTETS);
    strbuf_init(&l->tag, HEAD_MAX);
    strbuf_init(&l->tail, HEAD_MAX);
    if (with_writer) {
        struct strbuf id;
        strbuf_init(&id, HEAD_MAX);
        writer_id_expand(&id, c->writer_id_string, c->core_proc_name ? c->core_proc_name : "default",
                         getpid());
        json_text(&l->tail, "writer_id", strbuf_cstr(&id), id.len);
        strbuf_free(&id);
    }
    strbuf_char(&l->tail, '}');
    return l->tail.failed ? err_sys(e, "no memory for messages") : 0;
}

void bgp_lines_free(struct bgp_lines *l)
{
    strbuf_free(&l->line);
    strbuf_free(&l->attrs);
    strbuf_free(&l->comms);
    strbuf_free(&l->tag);
    strbuf_free(&l->tail);
}

void bgp_lines_roas(struct bgp_lines *l, const struct roa_view *v, struct rib *rib)
{
    l->roas = v;
    l->rib = rib;
}

void bgp_lines_time(struct bgp_lines *l, int64_t at_us, bool fraction)
{
    l->stamp_len = time_text(at_us, &l->time_style, fraction, &l->times, l->stamp);
    l->attrs_id = 0; /* meanwhile the number may be that of another set */
}

/* ---- tags */

static void put_tag(const struct bgp_lines *l, struct strbuf *s, const struct peertag *t)
{
    if (t->tag)
        json_uint(s, "tag", t->tag);
    else if (t->label.len && l->c->pre_tag_label_encode_as_map) {
        json_name(s, "label");
        json_pairs(s, t->label.p, t->label.len);
    } else if (t->label.len)
        json_text(s, "label", t->label.p, t->label.len);
}

void bgp_lines_head(struct bgp_lines *l, struct bgp_peer *p)
{
    strbuf_free(&p->head);
    strbuf_init(&p->head, HEAD_MAX);
    json_addr(&p->head, "peer_ip_src", &p->s.addr);
    json_uint(&p->head, "peer_tcp_port", p->s.port);
    if (peertags_by_peer(l->tags)) {
        const struct peertag t = peertags_find(l->tags, &p->s.addr, NULL, 0);
        put_tag(l, &p->head, &t);
        if (l->labels)
            p->unlisted = !label_filter_match(l->labels, &t.label);
    }
    l->attrs_id = 0;
    l->tag_of = NULL;
}

static void tag_of_set(struct bgp_lines *l, const struct bgp_peer *p, const struct rib_attrs *a)
{
    strbuf_clear(&l->comms);
    strbuf_clear(&l->tag);
    if (a && a->has & RIB_COMMS)
        bgp_text_comms(&l->comms, a->comms);
    const struct peertag t =
        peertags_find(l->tags, &p->s.addr, l->comms.len ? l->comms.p : NULL, l->comms.len);
    put_tag(l, &l->tag, &t);
    l->set_unwanted = l->labels && !label_filter_match(l->labels, &t.label);
    l->tag_of = p;
}

/* ---- parts of lines */

static void put_stamp(struct bgp_lines *l)
{
    strbuf_lit(&l->line, ", \"timestamp\": \"");
    strbuf_add(&l->line, l->stamp, l->stamp_len);
    strbuf_char(&l->line, '"');
}

static void put_head(struct bgp_lines *l, const struct bgp_peer *p, const struct rib_attrs *a)
{
    if (p->head.len)
        strbuf_add(&l->line, p->head.p, p->head.len);
    l->unwanted = l->labels && p->unlisted;
    if (peertags_by_peer(l->tags))
        return;
    if (l->tag_of != p || a)
        tag_of_set(l, p, a);
    l->unwanted = l->set_unwanted;
    if (l->tag.len)
        strbuf_add(&l->line, l->tag.p, l->tag.len);
}

static void put_tail(struct bgp_lines *l) { strbuf_add(&l->line, l->tail.p, l->tail.len); }

static void begin(struct bgp_lines *l, uint64_t seq)
{
    strbuf_clear(&l->line);
    strbuf_lit(&l->line, "{\"seq\": ");
    strbuf_u64(&l->line, seq);
}

/* The text of a set, made when it is not the last one's. Tags may look at communities: then the peer counts
 * too. */
static void take_attrs(struct bgp_lines *l, const struct bgp_peer *p, uint32_t id)
{
    struct rib_attrs a;
    if (id && id == l->attrs_id && (l->tag_of == p || peertags_by_peer(l->tags)))
        return;
    rib_attrs_get(l->pool, id, &a);
    strbuf_clear(&l->attrs);
    bgp_attrs_json(&l->attrs, &a, &l->style);
    l->attrs_id = id;
    if (l->roas)
        l->origin = roa_origin_of(a.as_path, 0);
    if (!peertags_by_peer(l->tags))
        tag_of_set(l, p, &a);
}

/* `around`: an invalid one is looked at in its table. */
static char roa_of(const struct bgp_lines *l, const struct bgp_peer *p, const struct rib_key *k, bool around)
{
    if (!l->roas || k->nlri.len)
        return 0;
    const struct roa_origin o = { .as = l->origin.as ? l->origin.as : p->s.as, .none = l->origin.none };
    enum roa_state s = roa_of_route(l->roas, k, &o);
    if (s == ROA_INVALID && around && p->rib)
        s = roa_overlap(l->roas, l->rib, p->rib, k, p->s.as);
    return roa_letter(s);
}

static void put_route(struct bgp_lines *l, const struct bgp_peer *p, const struct rib_key *k,
                      struct rib_octets labels, bool around)
{
    bgp_route_json(&l->line, k, labels, l->attrs.p, l->attrs.len, roa_of(l, p, k, around));
}

/* ---- lines */

void bgp_lines_session(struct bgp_lines *l, const struct bgp_peer *p, const char *event)
{
    begin(l, l->seq++);
    put_stamp(l);
    l->tag_of = NULL;
    put_head(l, p, NULL);
    json_word(&l->line, "event_type", event);
    put_tail(l);
}

void bgp_lines_route(struct bgp_lines *l, const struct bgp_peer *p, const char *log_type,
                     const struct rib_key *k, struct rib_octets labels, uint32_t attrs)
{
    take_attrs(l, p, attrs);
    begin(l, l->seq++);
    strbuf_lit(&l->line, ", \"log_type\": \"");
    strbuf_str(&l->line, log_type);
    strbuf_char(&l->line, '"');
    put_stamp(l);
    put_head(l, p, NULL);
    strbuf_lit(&l->line, ", \"event_type\": \"log\"");
    put_route(l, p, k, labels, false);
    put_tail(l);
}

void bgp_lines_end_of_rib(struct bgp_lines *l, const struct bgp_peer *p, uint16_t afi, uint8_t safi)
{
    begin(l, l->seq++);
    json_word(&l->line, "log_type", "end-of-rib");
    put_stamp(l);
    l->tag_of = NULL;
    put_head(l, p, NULL);
    strbuf_lit(&l->line, ", \"event_type\": \"log\"");
    json_uint(&l->line, "afi", afi);
    json_uint(&l->line, "safi", safi);
    put_tail(l);
    l->attrs_id = 0;
}

/* ---- dumps */

static void begin_dump_event(struct bgp_lines *l, const struct bgp_peer *p, const char *event)
{
    strbuf_clear(&l->line);
    strbuf_lit(&l->line, "{\"timestamp\": \"");
    strbuf_add(&l->line, l->stamp, l->stamp_len);
    strbuf_char(&l->line, '"');
    l->tag_of = NULL;
    put_head(l, p, NULL);
    json_word(&l->line, "event_type", event);
}

void bgp_lines_dump_init(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq, int period_s)
{
    begin_dump_event(l, p, "dump_init");
    json_uint(&l->line, "dump_period", (uint64_t)period_s);
    json_uint(&l->line, "seq", seq);
    put_tail(l);
    l->attrs_id = 0;
}

void bgp_lines_dump_route(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq,
                          const struct rib_key *k, const struct rib_route *r)
{
    take_attrs(l, p, r->attrs);
    begin(l, seq);
    put_stamp(l);
    put_head(l, p, NULL);
    strbuf_lit(&l->line, ", \"event_type\": \"dump\"");
    put_route(l, p, k, (struct rib_octets){ r->labels, r->labels_len }, true);
    put_tail(l);
}

void bgp_lines_dump_close(struct bgp_lines *l, const struct bgp_peer *p, uint64_t seq, uint64_t entries,
                          unsigned tables)
{
    begin_dump_event(l, p, "dump_close");
    json_uint(&l->line, "entries", entries);
    json_uint(&l->line, "tables", tables);
    json_uint(&l->line, "seq", seq);
    put_tail(l);
}

void bgp_lines_lg(struct bgp_lines *l, const struct bgp_peer *p, const struct rib_key *k,
                  const struct rib_route *r)
{
    l->attrs_id = 0; /* routes have changed since the last question */
    take_attrs(l, p, r->attrs);
    strbuf_clear(&l->line);
    strbuf_lit(&l->line, "{\"peer_ip_src\": \"");
    if (strbuf_room(&l->line, ADDR_TEXT))
        l->line.len += addr_text(&p->s.addr, l->line.p + l->line.len);
    strbuf_char(&l->line, '"');
    json_word(&l->line, "event_type", "lglass");
    put_route(l, p, k, (struct rib_octets){ r->labels, r->labels_len }, true);
    put_tail(l);
}
