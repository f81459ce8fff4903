/* SPDX-License-Identifier: BSD-2-Clause */
/* What an UPDATE says, as text, for tests: one piece a call of the parser, separated by " / ". */
#ifndef TESTS_BGP_RECORD_H
#define TESTS_BGP_RECORD_H

#include "bgp/text.h"
#include "bgp/update.h"

static inline void record_hex(struct strbuf *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        strbuf_printf(s, "%02x", p[i]);
}

static inline void record_begin(struct strbuf *s, const char *what)
{
    if (s->len)
        strbuf_lit(s, " / ");
    strbuf_str(s, what);
}

static inline void record_route(struct strbuf *s, const char *what, const struct rib_key *k,
                                struct rib_octets labels)
{
    record_begin(s, what);
    strbuf_printf(s, " %u/%u ", k->afi, k->safi);
    bgp_text_nlri(s, k);
    if (k->has_path_id)
        strbuf_printf(s, " id=%u", k->path_id);
    if (k->has_rd) {
        strbuf_lit(s, " rd=");
        bgp_text_rd(s, k->rd);
    }
    if (labels.len && k->nlri.len) {
        strbuf_lit(s, " rest=");
        record_hex(s, labels.p, labels.len);
    } else if (labels.len) {
        strbuf_lit(s, " labels=");
        bgp_text_labels(s, labels);
    }
}

static inline void record_announce(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    record_route(arg, "+", k, labels);
}

static inline void record_withdraw(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    record_route(arg, "-", k, labels);
}

static inline void record_end(void *arg, uint16_t afi, uint8_t safi)
{
    record_begin(arg, "end");
    strbuf_printf(arg, " %u/%u", afi, safi);
}

static inline void record_attrs(void *arg, const struct rib_attrs *a)
{
    struct strbuf *s = arg;
    char text[ADDR_TEXT];
    record_begin(s, "attrs");
    if (a->has & RIB_ORIGIN)
        strbuf_printf(s, " origin=%u", a->origin);
    if (a->has & RIB_AS_PATH) {
        strbuf_lit(s, " path=");
        bgp_text_as_path(s, a->as_path);
    }
    if (a->has & RIB_NEXT_HOP)
        strbuf_printf(s, " hop=%s%s", a->has & RIB_HOP_MAPPED ? "::ffff:" : "", addr_str(&a->next_hop, text));
    if (a->has & RIB_MED)
        strbuf_printf(s, " med=%u", a->med);
    if (a->has & RIB_LOCAL_PREF)
        strbuf_printf(s, " pref=%u", a->local_pref);
    if (a->has & RIB_COMMS) {
        strbuf_lit(s, " comms=");
        bgp_text_comms(s, a->comms);
    }
    if (a->has & RIB_EXT_COMMS) {
        strbuf_lit(s, " ext=");
        bgp_text_ext_comms(s, a->ext_comms);
    }
    if (a->has & RIB_LRG_COMMS) {
        strbuf_lit(s, " large=");
        bgp_text_lrg_comms(s, a->lrg_comms);
    }
    if (a->has & RIB_AIGP)
        strbuf_printf(s, " aigp=%llu", (unsigned long long)a->aigp);
    if (a->has & RIB_LABEL_INDEX)
        strbuf_printf(s, " index=%u", a->label_index);
    if (a->has & RIB_OTC)
        strbuf_printf(s, " otc=%u", a->otc);
    if (a->has & RIB_OTHERS) {
        strbuf_lit(s, " others=");
        record_hex(s, a->others.p, a->others.len);
    }
}

static const struct bgp_update_ops record_ops = { record_attrs, record_announce, record_withdraw,
                                                  record_end };

#endif
