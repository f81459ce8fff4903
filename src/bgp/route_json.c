/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes as JSON. Texts of BGP hold nothing that needs an escape. */
#include "bgp/route_json.h"

#include "bgp/nlri_json.h"
#include "bgp/text.h"
#include "output/json.h"

typedef void octets_fn(struct strbuf *s, struct rib_octets o);
typedef void item_fn(struct strbuf *s, const uint8_t *p);

static void put_octets(struct strbuf *s, const char *name, octets_fn *put, struct rib_octets o)
{
    json_name(s, name);
    strbuf_char(s, '"');
    put(s, o);
    strbuf_char(s, '"');
}

static void put_array(struct strbuf *s, const char *name, item_fn *put, unsigned size, struct rib_octets o)
{
    json_name(s, name);
    strbuf_char(s, '[');
    for (uint32_t at = 0; at + size <= o.len; at += size) {
        if (at)
            strbuf_lit(s, ", ");
        strbuf_char(s, '"');
        put(s, o.p + at);
        strbuf_char(s, '"');
    }
    strbuf_char(s, ']');
}

static void put_path_array(struct strbuf *s, struct rib_octets path)
{
    uint32_t at = 0;
    json_name(s, "as_path");
    strbuf_char(s, '[');
    for (bool first = true;; first = false) {
        const size_t before = s->len;
        strbuf_str(s, first ? "\"" : ", \"");
        if (!bgp_text_as_path_part(s, path, &at)) {
            s->len = before;
            break;
        }
        strbuf_char(s, '"');
    }
    strbuf_char(s, ']');
}

static void put_comms(struct strbuf *s, const struct rib_attrs *a, const struct bgp_json_style *st)
{
    static const struct {
        uint32_t bit, size;
        size_t member;
        const char *name;
        octets_fn *text, *text_num;
        item_fn *item, *item_num;
    } rows[] = {
        { RIB_COMMS, 4, offsetof(struct rib_attrs, comms), "comms", bgp_text_comms, bgp_text_comms_num,
          bgp_text_comm, bgp_text_comm_num },
        { RIB_EXT_COMMS, 8, offsetof(struct rib_attrs, ext_comms), "ecomms", bgp_text_ext_comms,
          bgp_text_ext_comms_num, bgp_text_ext_comm, bgp_text_ext_comm_num },
        { RIB_LRG_COMMS, 12, offsetof(struct rib_attrs, lrg_comms), "lcomms", bgp_text_lrg_comms,
          bgp_text_lrg_comms, bgp_text_lrg_comm, bgp_text_lrg_comm },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rib_octets o;
        if (!(a->has & rows[i].bit))
            continue;
        memcpy(&o, (const char *)a + rows[i].member, sizeof(o));
        if (st->comms_as_array)
            put_array(s, rows[i].name, st->comms_as_numbers ? rows[i].item_num : rows[i].item, rows[i].size,
                      o);
        else
            put_octets(s, rows[i].name, st->comms_as_numbers ? rows[i].text_num : rows[i].text, o);
    }
}

static void put_next_hop(struct strbuf *s, const struct rib_attrs *a)
{
    char text[ADDR_TEXT];
    strbuf_str(s, a->has & RIB_HOP_MAPPED ? ", \"bgp_nexthop\": \"::ffff:" : ", \"bgp_nexthop\": \"");
    strbuf_add(s, text, addr_text(&a->next_hop, text));
    strbuf_char(s, '"');
}

void bgp_attrs_json(struct strbuf *s, const struct rib_attrs *a, const struct bgp_json_style *st)
{
    static const char *const origins[] = { "i", "e", "u" };
    if (a->has & RIB_NEXT_HOP)
        put_next_hop(s, a);
    if (a->has & RIB_AS_PATH && st->as_path_as_array)
        put_path_array(s, a->as_path);
    else if (a->has & RIB_AS_PATH)
        put_octets(s, "as_path", bgp_text_as_path, a->as_path);
    put_comms(s, a, st);
    if (a->has & RIB_ORIGIN && st->origin_as_int)
        json_uint(s, "origin", a->origin);
    else if (a->has & RIB_ORIGIN)
        json_word(s, "origin", origins[a->origin < 2 ? a->origin : 2]);
    if (a->has & RIB_LOCAL_PREF)
        json_uint(s, "local_pref", a->local_pref);
    if (a->has & RIB_MED)
        json_uint(s, "med", a->med);
    if (a->has & RIB_AIGP)
        json_uint(s, "aigp", a->aigp);
    if (a->has & RIB_LABEL_INDEX)
        json_uint(s, "psid_li", a->label_index);
    if (a->has & RIB_OTC)
        json_uint(s, "otc", a->otc);
    if (a->has & RIB_OTHERS)
        bgp_others_json(s, a->others);
}

void bgp_route_json(struct strbuf *s, const struct rib_key *k, struct rib_octets labels, const char *attrs,
                    size_t len, char roa)
{
    json_uint(s, "afi", k->afi);
    json_uint(s, "safi", k->safi);
    if (k->nlri.len) {
        bgp_nlri_json(s, k, labels);
    } else {
        json_name(s, "ip_prefix");
        strbuf_char(s, '"');
        bgp_text_prefix(s, k);
        strbuf_char(s, '"');
    }
    if (k->has_path_id)
        json_uint(s, "as_path_id", k->path_id);
    strbuf_add(s, attrs, len);
    if (roa)
        json_word(s, "roa", (const char[]){ roa, 0 });
    const uint8_t *rd = bgp_key_rd(k);
    if (rd) {
        strbuf_lit(s, ", \"rd\": \"");
        bgp_text_rd(s, rd);
        strbuf_lit(s, "\", \"rd_origin\": \"bgp\"");
    }
    if (labels.len && !k->nlri.len) {
        strbuf_lit(s, ", \"mpls_label\": \"");
        bgp_text_labels(s, labels);
        strbuf_char(s, '"');
    }
}
