/* SPDX-License-Identifier: BSD-2-Clause */
/* The template compiler: fields of a template → struct plan. Called by tmpl.c for each template that is new
 * or changed. */
#include "netflow/plan.h"

#include <stdlib.h>
#include <string.h>
#include "core/custom.h"

/* How the octets of an element become a member: the conversions of slots.def. */
enum conv {
    CV_NONE,
    CV_UINT,
    CV_LOW8,
    CV_LOW20,
    CV_FWD,
    CV_DIR,
    CV_LABEL,
    CV_RD,
    CV_VAR,
    CV_STRING,
    CV_F64,
    CV_V4,
    CV_V6,
    CV_MAC,
    CV_TIME,
};

struct slot {
    uint8_t conv;
    uint8_t size; /* of the member, for CV_UINT */
    uint16_t to;  /* in struct record */
    uint16_t classes;
    uint16_t field, outer; /* enum field_id, or FIELD_MAX */
};

#define SLOT(name, conv_, member, field_, classes_, outer_)                                                  \
    [SLOT_##name] = { .conv = CV_##conv_,                                                                    \
                      .size = sizeof(((struct record *)0)->member) > 8                                       \
                                  ? 0                                                                        \
                                  : sizeof(((struct record *)0)->member),                                    \
                      .to = offsetof(struct record, member),                                                 \
                      .classes = classes_,                                                                   \
                      .field = FIELD_##field_,                                                               \
                      .outer = FIELD_##outer_ },
static const struct slot slots[SLOT_MAX] = {
#include "netflow/slots.def"
};
#undef SLOT
_Static_assert(sizeof(struct record) <= UINT16_MAX, "steps address a record by 16 bits");

/* A primitive that needs more than the slot of its own. */
static const struct {
    uint16_t field;
    uint16_t classes;
} needs_of[] = {
    { FIELD_src_host, NEED_FAMILY },
    { FIELD_dst_host, NEED_FAMILY },
    { FIELD_src_mask, NEED_FAMILY },
    { FIELD_dst_mask, NEED_FAMILY },
    { FIELD_etype, NEED_FAMILY },
    { FIELD_vlan, NEED_VLAN },
    { FIELD_in_iface_name, NEED_IFACE },
    { FIELD_out_iface_name, NEED_IFACE },
    { FIELD_mpls_label_top, NEED_MPLS },
    { FIELD_mpls_label_bottom, NEED_MPLS },
    { FIELD_mpls_label_stack, NEED_MPLS },
    { FIELD_mpls_stack_depth, NEED_MPLS },
    { FIELD_mpls_vpn_rd, NEED_VRF },
    { FIELD_vrf_name, NEED_VRF },
    { FIELD_ingress_vrf_name, NEED_VRF },
    { FIELD_egress_vrf_name, NEED_VRF },
    { FIELD_vxlan, NEED_SEGMENT },
    { FIELD_nvgre, NEED_SEGMENT },
    { FIELD_timestamp_start, NEED_TIMES },
    { FIELD_timestamp_end, NEED_TIMES },
    { FIELD_timestamp_min, NEED_TIMES },
    { FIELD_timestamp_max, NEED_TIMES },
    { FIELD_sampling_rate, NEED_SAMPLING },
    { EXTRA_vrf_in, NEED_VRF },
    { EXTRA_vrf_out, NEED_VRF },
};

/* Primitives that come out of the flow only where the configuration does not take them from elsewhere. */
static const uint16_t from_as[] = { FIELD_src_as, FIELD_dst_as, FIELD_peer_src_as, FIELD_peer_dst_as };
static const uint16_t from_net[] = { FIELD_src_mask, FIELD_dst_mask, FIELD_peer_dst_ip };

static bool from_flow(int source)
{
    return source == SOURCE_DEFAULT || source == SOURCE_FLOW || source == SOURCE_LONGEST;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void wants_make(struct wants *w, const struct fieldset *needs, const struct config *c)
{
    *w = (struct wants){ .fields = *needs,
                         .classes = NEED_ALWAYS,
                         .next_hop = c->use_ip_next_hop,
                         .asa_biflow = c->tmp_asa_bi_flow,
                         .exporter = fieldset_has(needs, FIELD_peer_src_ip) && !c->ignore_exporter_address };
    for (unsigned i = 0; i < COUNT(needs_of); i++)
        if (fieldset_has(needs, needs_of[i].field))
            w->classes |= needs_of[i].classes;
    for (unsigned i = 0; i < COUNT(from_as); i++)
        if (!from_flow(c->as_source))
            fieldset_del(&w->fields, from_as[i]);
    for (unsigned i = 0; i < COUNT(from_net); i++)
        if (!from_flow(c->net_source))
            fieldset_del(&w->fields, from_net[i]);
    if (!w->exporter)
        fieldset_del(&w->fields, FIELD_peer_src_ip);
    if (c->renormalize)
        w->classes |= NEED_SAMPLING;
    if (!c->time_new)
        w->classes |= NEED_TIMES; /* they decide the time bin, whatever is shown */
}

/* ---- choosing elements */

enum { NOWHERE = -1, MORE_STEPS = 8 + CUSTOM_MAX };

/* One template on its way to a plan. */
struct compiler {
    const struct tmpl_field *fields;
    unsigned n;
    uint8_t version;
    const struct wants *w;
    int16_t best[SLOT_MAX],
        first[SLOT_MAX];   /* field that fills the slot; its first instance, where repeated */
    uint16_t to[SLOT_MAX]; /* member; not that of the table where the template has both families */
    struct plan *plan;
    unsigned n_steps;
    struct todo {
        struct step step;
        uint16_t field;
    } steps[2 * SLOT_MAX + MORE_STEPS];
};

static bool slot_wanted(const struct compiler *c, unsigned s)
{
    const struct slot *d = &slots[s];
    return d->classes & c->w->classes || (d->field < FIELD_MAX && fieldset_has(&c->w->fields, d->field));
}

/* The plain next hop counts as a peer only if the configuration says so. */
static bool element_allowed(const struct compiler *c, const struct element *el)
{
    return c->w->next_hop || !(el->pen == 0 && (el->id == 15 || el->id == 62));
}

static void choose_fields(struct compiler *c)
{
    for (unsigned s = 0; s < SLOT_MAX; s++) {
        c->best[s] = c->first[s] = NOWHERE;
        c->to[s] = slots[s].to;
    }
    for (unsigned i = 0; i < c->n; i++) {
        const struct element *el = c->fields[i].el;
        if (!el || el->slot == SLOT_none || c->fields[i].len == 0 || !element_allowed(c, el))
            continue;
        int16_t *best = &c->best[el->slot];
        if (*best == NOWHERE || el->rank < c->fields[*best].el->rank)
            *best = c->first[el->slot] = (int16_t)i;
        else if (el->rank == c->fields[*best].el->rank)
            *best = (int16_t)i;
    }
}

static bool has(const struct compiler *c, enum slot_id s) { return c->best[s] != NOWHERE; }
static bool repeated(const struct compiler *c, enum slot_id s) { return c->best[s] != c->first[s]; }

static const struct element *element_of(const struct compiler *c, enum slot_id s)
{
    return c->fields[c->best[s]].el;
}

static void add_finish(struct compiler *c, enum finish_op op)
{
    c->plan->finish[c->plan->n_finish++] = (uint8_t)op;
}

/* ---- steps */

static int op_for_uint(unsigned size, unsigned len)
{
    static const uint8_t any[9] = { [1] = OP_UINT8, [2] = OP_UINT16, [4] = OP_UINT32, [8] = OP_UINT64 };
    static const uint8_t same[9] = { [1] = OP_COPY8, [2] = OP_COPY16, [4] = OP_COPY32, [8] = OP_COPY64 };
    if (len == size)
        return same[size];
    if (size == 4 && len == 2)
        return OP_16_32;
    if (size == 8 && len == 4)
        return OP_32_64;
    return len <= 8 || len == ELEMENT_VAR ? any[size] : -1;
}

static int op_for_time(uint8_t type, unsigned len)
{
    if (len == 16) /* nfprobe's own form of microseconds: seconds and microseconds of 64 bits each */
        return type == ET_USECS ? OP_SEC_USEC : -1;
    if (type == ET_SECS)
        return len == 4 || len == 8 ? OP_SECS : -1;
    if (len != 8)
        return -1;
    return type == ET_MSECS ? OP_MSECS : type == ET_USECS ? OP_USECS : OP_NSECS;
}

/* The operation that moves a value of len octets into slot s, or -1: no exporter may send it like that. */
static int op_for(unsigned s, uint8_t type, unsigned len)
{
    const bool var = len == ELEMENT_VAR;
    switch ((enum conv)slots[s].conv) {
    case CV_UINT:
        return op_for_uint(slots[s].size, len);
    case CV_LOW8:
        return len == 1 ? OP_COPY8 : OP_LOW8;
    case CV_LOW20:
        return len <= 8 || var ? OP_LOW20 : -1;
    case CV_FWD:
        return len <= 8 || var ? OP_FWD : -1;
    case CV_DIR:
        return len <= 8 || var ? OP_DIR : -1;
    case CV_LABEL:
        return len >= 3 ? OP_LABEL : -1;
    case CV_RD:
        return len == 8 || var ? OP_RD : -1;
    case CV_VAR:
        return OP_VAR;
    case CV_STRING:
        return OP_STRING;
    case CV_F64:
        return len == 8 || len == 4 || var ? OP_F64 : -1;
    case CV_V4:
        return len == 4 ? OP_V4 : -1;
    case CV_V6:
        return len == 16 ? OP_V6 : -1;
    case CV_MAC:
        return len == 6 ? OP_MAC : -1;
    case CV_TIME:
        return op_for_time(type, len);
    case CV_NONE:
        break;
    }
    return -1;
}

static bool add_step(struct compiler *c, unsigned s, int field, uint16_t to)
{
    const struct tmpl_field *f = &c->fields[field];
    const int op = op_for(s, f->el->type, f->len);
    if (op < 0)
        return false;
    if (c->n_steps == COUNT(c->steps))
        return false;
    c->steps[c->n_steps++] =
        (struct todo){ .step = { .to = to, .len = f->len, .op = (uint8_t)op }, .field = (uint16_t)field };
    return true;
}

static void add_steps(struct compiler *c)
{
    for (unsigned s = 1; s < SLOT_MAX; s++) {
        if (!has(c, s))
            continue;
        if (slot_wanted(c, s) && add_step(c, s, c->best[s], c->to[s]))
            c->plan->has[s / 64] |= UINT64_C(1) << (s % 64);
        if (repeated(c, s) && slots[s].outer < FIELD_MAX && fieldset_has(&c->w->fields, slots[s].outer))
            add_step(c, s, c->first[s], fields[slots[s].outer].off);
    }
}

/* ---- rules over several elements */

/* An IPv4 packet inside an IPv6 one, or the other way round: the header that comes first is the outer one.
 * Known by a second protocol or type of service. The frame's EtherType is the outer one's: the result, 0
 * where there are not two. */
static uint16_t outer_family(struct compiler *c)
{
    uint16_t etype = 0;
    static const struct {
        uint8_t v4, v6;
        uint16_t outer;
    } pair[] = { { SLOT_src4, SLOT_src6, FIELD_tunnel_src_host },
                 { SLOT_dst4, SLOT_dst6, FIELD_tunnel_dst_host } };
    for (unsigned i = 0; i < COUNT(pair); i++) {
        if (!has(c, pair[i].v4) || !has(c, pair[i].v6))
            continue;
        const unsigned out = c->first[pair[i].v4] < c->first[pair[i].v6] ? pair[i].v4 : pair[i].v6;
        if (fieldset_has(&c->w->fields, pair[i].outer))
            add_step(c, out, c->first[out], fields[pair[i].outer].off);
        c->best[out] = c->first[out] = NOWHERE;
        etype = out == pair[i].v6 ? 0x86dd : 0x0800;
    }
    return etype;
}

/* One template for flows of either family: both values are loaded beside the flow, and a finishing step takes
 * one. */
static void both_families(struct compiler *c)
{
    static const struct {
        uint8_t slot;
        uint16_t to;
    } beside[] = {
        { SLOT_src4, offsetof(struct record, src4) },
        { SLOT_src6, offsetof(struct record, src6) },
        { SLOT_dst4, offsetof(struct record, dst4) },
        { SLOT_dst6, offsetof(struct record, dst6) },
        { SLOT_src_mask4, offsetof(struct record, src_mask4) },
        { SLOT_src_mask6, offsetof(struct record, src_mask6) },
        { SLOT_dst_mask4, offsetof(struct record, dst_mask4) },
        { SLOT_dst_mask6, offsetof(struct record, dst_mask6) },
    };
    for (unsigned i = 0; i < COUNT(beside); i++)
        c->to[beside[i].slot] = beside[i].to;
    if (c->w->classes & NEED_FAMILY)
        add_finish(c, FIN_FAMILY);
}

static bool has_both(const struct compiler *c, enum slot_id v4, enum slot_id v6)
{
    return has(c, v4) && has(c, v6);
}

/* The same for an address by itself: the IPv6 value goes beside. */
static void either(struct compiler *c, enum slot_id v4, enum slot_id v6, uint16_t to, enum finish_op op)
{
    if (!has_both(c, v4, v6))
        return;
    c->to[v6] = to;
    add_finish(c, op);
}

static void family(struct compiler *c)
{
    const uint16_t outer = repeated(c, SLOT_proto) || repeated(c, SLOT_tos) ? outer_family(c) : 0;
    const bool v4 = has(c, SLOT_src4) || has(c, SLOT_dst4), v6 = has(c, SLOT_src6) || has(c, SLOT_dst6);
    if (v4 && v6)
        both_families(c);
    else
        c->plan->etype = outer ? outer : v4 ? 0x0800 : v6 ? 0x86dd : 0;
    either(c, SLOT_hop4, SLOT_hop6, offsetof(struct record, hop6), FIN_HOP);
    either(c, SLOT_nat_src4, SLOT_nat_src6, offsetof(struct record, nat_src6), FIN_NAT_SRC);
    either(c, SLOT_nat_dst4, SLOT_nat_dst6, offsetof(struct record, nat_dst6), FIN_NAT_DST);
}

/* vlan is that of the flow's direction, or, where the exporter does not tell it, the first there is of
 * elements 58, 59, 243, 254. */
static void vlan(struct compiler *c)
{
    if (!fieldset_has(&c->w->fields, FIELD_vlan) || (!has(c, SLOT_in_vlan) && !has(c, SLOT_out_vlan)))
        return;
    if (has(c, SLOT_direction)) {
        add_finish(c, FIN_VLAN);
        return;
    }
    const bool out =
        !has(c, SLOT_in_vlan) ||
        (has(c, SLOT_out_vlan) && element_of(c, SLOT_out_vlan)->rank < element_of(c, SLOT_in_vlan)->rank);
    const enum slot_id s = out ? SLOT_out_vlan : SLOT_in_vlan;
    add_step(c, s, c->best[s], offsetof(struct record, f.vlan));
}

/* Where the template has an element without vendor, or NOWHERE. */
static int place_of(const struct compiler *c, uint16_t id)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->fields[i].pen == 0 && c->fields[i].id == id && !c->fields[i].scope && c->fields[i].len)
            return (int)i;
    return NOWHERE;
}

/* The plain next hop, which maps can ask for whatever peer_dst_ip is. */
static void next_hop(struct compiler *c)
{
    const int v4 = place_of(c, 15), v6 = place_of(c, 62);
    if (!fieldset_has(&c->w->fields, EXTRA_next_hop))
        return;
    const bool both = v4 != NOWHERE && v6 != NOWHERE;
    if (v4 != NOWHERE)
        add_step(c, SLOT_hop4, v4, offsetof(struct record, f.next_hop));
    if (v6 != NOWHERE)
        add_step(c, SLOT_hop6, v6,
                 both ? offsetof(struct record, next_hop6) : offsetof(struct record, f.next_hop));
    if (both)
        add_finish(c, FIN_NEXT_HOP);
}

/* The n-th field (from 0) of the element that a primitive of the site is made from, or NOWHERE. */
static int place_of_custom(const struct compiler *c, const struct custom *own)
{
    unsigned n = own->occurrence;
    for (unsigned i = 0; i < c->n; i++)
        if (c->fields[i].pen == own->pen && c->fields[i].id == own->id && !c->fields[i].scope && n-- == 0)
            return (int)i;
    return NOWHERE;
}

/* Octets as they are. What comes in another length than was defined is not that field. */
static void custom_steps(struct compiler *c)
{
    for (unsigned i = 0; c->w->custom >> i; i++) {
        const struct custom *own = &c->w->customs->c[i];
        const int at = c->w->custom >> i & 1 && own->from_element ? place_of_custom(c, own) : NOWHERE;
        if (at == NOWHERE || (own->len && c->fields[at].len != own->len) || c->n_steps == COUNT(c->steps))
            continue;
        const uint16_t to = (uint16_t)(offsetof(struct record, f) + own->field.off);
        c->steps[c->n_steps++] = (struct todo){ .step = { .to = to, .len = c->fields[at].len, .op = OP_VAR },
                                                .field = (uint16_t)at };
    }
}

/* What maps can ask a template for. */
static void traits(struct compiler *c)
{
    if (place_of(c, 231) != NOWHERE && place_of(c, 232) != NOWHERE)
        c->plan->traits |= FLOW_BIFLOW;
    if (place_of(c, 233) != NOWHERE)
        c->plan->traits |= FLOW_NSEL;
    if (place_of(c, 230) != NOWHERE)
        c->plan->traits |= FLOW_NEL;
}

/* Counters make a flow traffic; NAT events are events whatever else they bring. */
static void kind(struct compiler *c)
{
    const bool counted =
        has(c, SLOT_bytes) || has(c, SLOT_packets) || has(c, SLOT_rev_bytes) || has(c, SLOT_frame);
    const bool nat = has(c, SLOT_nat_event) && element_of(c, SLOT_nat_event)->pen == 0;
    c->plan->kind = counted && !nat ? FLOW_TRAFFIC : FLOW_EVENT;
    c->plan->flows = has(c, SLOT_flows);
    if (has(c, SLOT_frame) && !has(c, SLOT_bytes) && !has(c, SLOT_packets))
        add_finish(c, FIN_FRAME);
}

/* Responder counters belong to initiator counters; beside ordinary ones they say something else. */
static void biflow(struct compiler *c)
{
    const bool octets = has(c, SLOT_rev_bytes);
    if (c->plan->traits & FLOW_BIFLOW && c->w->asa_biflow) {
        if (!has(c, SLOT_packets) || element_of(c, SLOT_packets)->id == 298)
            add_finish(c, FIN_ASA);
        return;
    }
    const enum slot_id rev = octets ? SLOT_rev_bytes : SLOT_rev_packets;
    const enum slot_id fwd = octets ? SLOT_bytes : SLOT_packets;
    if (!has(c, rev))
        return;
    const unsigned id = has(c, fwd) ? element_of(c, fwd)->id : 0;
    c->plan->biflow = element_of(c, rev)->pen == PEN_REVERSE || id == 231 || id == 298;
}

static unsigned list_times(const struct compiler *c, const uint8_t (*order)[2], unsigned n, uint8_t *list)
{
    unsigned k = 0;
    for (unsigned i = 0; i < n; i++)
        if (has(c, order[i][0]))
            list[k++] = order[i][1];
    list[k] = T_MAX;
    return k;
}

static void times(struct compiler *c)
{
    static const uint8_t start[][2] = {
        { SLOT_ns_start, T_START_NS }, { SLOT_us_start, T_START_US },       { SLOT_ms_start, T_START_MS },
        { SLOT_s_start, T_START_S },   { SLOT_delta_start, T_START_DELTA }, { SLOT_up_start, T_START_UP },
        { SLOT_obs_ns, T_OBS_NS },     { SLOT_obs_us, T_OBS_US },           { SLOT_obs_ms, T_OBS_MS },
        { SLOT_obs_s, T_OBS_S },
    };
    static const uint8_t end[][2] = {
        { SLOT_ns_end, T_END_NS }, { SLOT_us_end, T_END_US },       { SLOT_ms_end, T_END_MS },
        { SLOT_s_end, T_END_S },   { SLOT_delta_end, T_END_DELTA }, { SLOT_up_end, T_END_UP },
        { SLOT_obs_ns, T_OBS_NS }, { SLOT_obs_us, T_OBS_US },       { SLOT_obs_ms, T_OBS_MS },
        { SLOT_obs_s, T_OBS_S },
    };
    _Static_assert(COUNT(start) < PLAN_TIMES && COUNT(end) < PLAN_TIMES, "room for the end of the list");
    struct plan *p = c->plan;
    const unsigned n = list_times(c, start, COUNT(start), p->start) + list_times(c, end, COUNT(end), p->end);
    p->times = n > 0 && c->w->classes & NEED_TIMES;
    if (!p->times)
        return;
    const uint8_t s = p->start[0], e = p->end[0];
    if (s <= T_END_S && e <= T_END_S)
        add_finish(c, FIN_TIME_ABS);
    else if (s == T_START_UP && e == T_END_UP && c->version == 9)
        add_finish(c, FIN_TIME_UP);
    else
        add_finish(c, FIN_TIME_ANY);
}

static void sampling(struct compiler *c)
{
    static const uint8_t of_record[] = { SLOT_sampler,     SLOT_selector,     SLOT_rate,
                                         SLOT_rate_random, SLOT_spl_interval, SLOT_spl_size };
    if (!(c->w->classes & NEED_SAMPLING))
        return;
    for (unsigned i = 0; i < COUNT(of_record); i++)
        c->plan->sampled |= has(c, of_record[i]);
    add_finish(c, FIN_SAMPLING);
}

/* Finishing steps that need no more than their slot. */
static const struct {
    uint8_t slot, op;
} finish_of[] = {
    { SLOT_label_stack, FIN_STACK },
    { SLOT_label_0, FIN_LABELS },
    { SLOT_segment, FIN_SEGMENT },
    { SLOT_srv6_basic, FIN_SRV6_BASIC },
    { SLOT_srv6_list, FIN_SRV6 },
    { SLOT_app_id, FIN_CLASS },
    { SLOT_rd, FIN_RD },
};

static bool wants_field(const struct compiler *c, enum field_id f) { return fieldset_has(&c->w->fields, f); }

static void others(struct compiler *c)
{
    for (unsigned i = 0; i < COUNT(finish_of); i++)
        if (has(c, finish_of[i].slot) && slot_wanted(c, finish_of[i].slot))
            add_finish(c, finish_of[i].op);
    if ((has(c, SLOT_vrf_in) || has(c, SLOT_vrf_out)) && c->w->classes & NEED_VRF)
        add_finish(c, FIN_VRF);
    if (wants_field(c, FIELD_in_iface_name) || wants_field(c, FIELD_out_iface_name))
        add_finish(c, FIN_IFACE);
    if (wants_field(c, FIELD_path_delay_avg_usec) && has(c, SLOT_delay_sum) && !has(c, SLOT_delay_avg))
        add_finish(c, FIN_DELAY);
    if (wants_field(c, FIELD_peer_src_ip) && (has(c, SLOT_exporter4) || has(c, SLOT_exporter6)))
        add_finish(c, FIN_EXPORTER);
}

/* ---- laying the plan out */

static int by_field(const void *a, const void *b)
{
    const struct todo *x = a, *y = b;
    if (x->field != y->field)
        return (int)x->field - (int)y->field;
    return (int)x->step.to - (int)y->step.to;
}

/* Sums up the octets, and says which field is the first of variable length. -1: no message can hold such a
 * record, or it has no length at all and would be read for ever. */
static int measure(const struct compiler *c, unsigned *first_var, uint32_t *fixed, uint32_t *min_len,
                   struct err *e)
{
    uint32_t sum = 0;
    *first_var = c->n;
    *fixed = 0;
    for (unsigned i = 0; i < c->n; i++) {
        const bool var = c->fields[i].len == ELEMENT_VAR;
        if (var && c->version == 9)
            return err_set(e, ERR_FORMAT, "field %u is %u octets long", i + 1, ELEMENT_VAR);
        if (var && *first_var == c->n) {
            *first_var = i;
            *fixed = sum;
        }
        sum += var ? 1 : c->fields[i].len;
        if (sum > UINT16_MAX)
            return err_set(e, ERR_FORMAT, "a record would be longer than any message");
    }
    if (sum == 0)
        return err_set(e, ERR_FORMAT, "a record would have no length");
    if (*first_var == c->n)
        *fixed = sum;
    *min_len = sum;
    return 0;
}

/* Fields from first_var on, those that no step reads joined where they are of fixed length. Returns how many.
 */
static unsigned lay_tail(const struct compiler *c, unsigned first_var, struct tail *tail)
{
    unsigned n = 0, at = 0;
    while (at < c->n_steps && c->steps[at].field < first_var)
        at++;
    for (unsigned i = first_var; i < c->n; i++) {
        unsigned steps = 0;
        for (; at < c->n_steps && c->steps[at].field == i; at++)
            steps++;
        const uint16_t len = c->fields[i].len;
        struct tail *last = n ? &tail[n - 1] : NULL;
        if (steps == 0 && len != ELEMENT_VAR && last && last->n == 0 && last->len != ELEMENT_VAR)
            last->len = (uint16_t)(last->len + len); /* cannot pass 65535: the record's length was checked */
        else {
            tail[n] = (struct tail){ .len = len, .n = (uint16_t)steps };
            n++;
        }
    }
    return n;
}

/* Operations that have a form for two neighbours, and how many octets one takes here and there. */
static const struct {
    uint8_t op, twice, wire, member;
} pairs[] = {
    { OP_V4, OP_V4_V4, 4, 16 },         { OP_COPY8, OP_COPY8_8, 1, 1 },    { OP_COPY16, OP_COPY16_16, 2, 2 },
    { OP_COPY32, OP_COPY32_32, 4, 4 },  { OP_COPY64, OP_COPY64_64, 8, 8 }, { OP_32_64, OP_32_64_TWICE, 4, 8 },
    { OP_MSECS, OP_MSECS_TWICE, 8, 8 },
};

/* Joins step b to a, if they are neighbours on both sides. */
static bool join(struct step *a, const struct step *b)
{
    for (unsigned i = 0; i < COUNT(pairs); i++) {
        if (a->op != pairs[i].op || b->op != pairs[i].op || b->from != a->from + pairs[i].wire ||
            b->to != a->to + pairs[i].member)
            continue;
        a->op = pairs[i].twice;
        a->len = (uint16_t)(2 * pairs[i].wire);
        return true;
    }
    return false;
}

static void lay_steps(struct compiler *c, struct plan *p, unsigned first_var)
{
    uint32_t off = 0;
    unsigned field = 0;
    for (unsigned i = 0; i < c->n_steps; i++) {
        struct todo *t = &c->steps[i];
        for (; field < t->field && field < first_var; field++)
            off += c->fields[field].len;
        const bool head = t->field < first_var;
        t->step.from = head ? (uint16_t)off : 0;
        if (head && p->n_steps && join(&p->step[p->n_steps - 1], &t->step))
            continue;
        p->n_head += head;
        p->step[p->n_steps++] = t->step;
    }
}

static size_t plan_octets(const struct plan *p) { return sizeof(*p) + p->n_steps * sizeof(p->step[0]); }

struct plan *plan_compile(const struct tmpl_field *tf, unsigned n, uint8_t version, const struct wants *w,
                          struct err *e)
{
    unsigned first_var = 0;
    uint32_t fixed = 0, min_len = 0;
    struct compiler c = { .fields = tf, .n = n, .version = version, .w = w };
    if (measure(&c, &first_var, &fixed, &min_len, e) < 0)
        return NULL;
    struct plan *p = calloc(1, sizeof(*p) + COUNT(c.steps) * sizeof(p->step[0]));
    struct tail *tail = first_var < n ? calloc(n - first_var, sizeof(*tail)) : NULL;
    if (!p || (first_var < n && !tail)) {
        free(p);
        free(tail);
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    p->fixed = fixed;
    p->min_len = min_len;
    p->tail = tail;
    c.plan = p;
    choose_fields(&c);
    family(&c);
    vlan(&c);
    next_hop(&c);
    traits(&c);
    kind(&c);
    biflow(&c);
    others(&c);
    times(&c);
    sampling(&c);
    add_steps(&c);
    custom_steps(&c);
    qsort(c.steps, c.n_steps, sizeof(c.steps[0]), by_field);
    lay_steps(&c, p, first_var);
    if (tail)
        p->n_tail = (uint16_t)lay_tail(&c, first_var, tail);
    void *fit = realloc(p, plan_octets(p));
    if (fit)
        p = fit;
    return p;
}

void plan_free(struct plan *p)
{
    if (p)
        free(p->tail);
    free(p);
}

size_t plan_size(const struct plan *p) { return plan_octets(p) + p->n_tail * sizeof(p->tail[0]); }
