/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to a record once its octets are in place: the finishing steps of a plan, in one function each.
 * Called for each record by decode_sets.c and decode_v5.c. */
#include "core/custom.h"
#include "netflow/decode.h"
#include "netflow/times.h"

/* ---- addresses */

/* Set, and neither 0.0.0.0 nor `::`. */
static bool says_something(const struct addr *a)
{
    static const uint8_t v4_any[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const uint8_t v6_any[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe };
    static const uint8_t zero[4];
    const bool any = !memcmp(a->b, v4_any, 12) || !memcmp(a->b, v6_any, 12);
    return addr_is_set(a) && !(any && !memcmp(a->b + 12, zero, 4));
}

static bool is_v6(const struct record *r)
{
    if (r->ip_version == 4 || r->ip_version == 6)
        return r->ip_version == 6;
    if (says_something(&r->src4) || says_something(&r->dst4))
        return false;
    return says_something(&r->src6) || says_something(&r->dst6);
}

static void family(const struct plan *p, struct record *r)
{
    const bool v6 = is_v6(r);
    if (!plan_has(p, SLOT_etype))
        r->f.etype = v6 ? 0x86dd : 0x0800;
    r->f.src_host = v6 ? r->src6 : r->src4;
    r->f.dst_host = v6 ? r->dst6 : r->dst4;
    r->f.src_mask = v6 ? r->src_mask6 : r->src_mask4;
    r->f.dst_mask = v6 ? r->dst_mask6 : r->dst_mask4;
}

static void either(struct addr *v4, const struct addr *v6)
{
    if (!says_something(v4) && says_something(v6))
        *v4 = *v6;
}

const struct addr *exporter_address(const struct netflow *nf, const struct exporter *x)
{
    if (nf->c->ignore_exporter_address)
        return &x->s.from;
    return addr_is_set(&x->address)          ? &x->address
           : addr_is_set(&x->agent->address) ? &x->agent->address
                                             : &x->s.from;
}

static void exporter_in_record(struct netflow *nf)
{
    struct record *r = &nf->r;
    const struct addr *a = says_something(&r->exporter4)   ? &r->exporter4
                           : says_something(&r->exporter6) ? &r->exporter6
                                                           : exporter_address(nf, nf->m.x);
    r->f.peer_src_ip = *a;
}

/* ---- MPLS and VPN */

/* The stack up to the bottom. Entries without any bit are places that the exporter left empty; explicit null
 * (label 0) says something only at the top. */
static void stack(struct record *r, const uint32_t *entry, unsigned n)
{
    struct flow *f = &r->f;
    unsigned depth = 0;
    f->mpls_label_top = n ? entry[0] >> 4 : 0;
    f->mpls_label_bottom = 0;
    for (unsigned i = 0; i < n; i++) {
        const uint32_t label = entry[i] >> 4;
        const bool bottom = entry[i] & 1;
        if (entry[i] && (label || depth == 0))
            r->stack[depth++] = label;
        if (bottom) {
            f->mpls_label_bottom = label;
            break;
        }
    }
    f->mpls_stack_depth = (uint8_t)depth;
    f->mpls_label_stack = (struct var){ .p = r->stack, .len = depth * (uint32_t)sizeof(r->stack[0]) };
}

static void stack_section(struct record *r)
{
    uint32_t entry[MPLS_LABELS] = { 0 };
    unsigned n = 0;
    struct cursor c = cursor_of(r->label_stack.p, r->label_stack.len);
    while (n < MPLS_LABELS && cursor_left(&c) >= 4)
        entry[n++] = cursor_u32(&c) >> 8;
    stack(r, entry, n);
}

static bool rd_is_set(const struct rd *rd)
{
    static const struct rd none;
    return memcmp(rd, &none, sizeof(none)) != 0;
}

static struct rd rd_of_vrf(uint32_t id)
{
    struct rd rd = { { RD_TYPE_VRFID >> 8, RD_TYPE_VRFID & 0xff, 0, 0, (uint8_t)(id >> 24),
                       (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id } };
    return rd;
}

/* In this order: the record's own (done), that of the options for the VRF on the side that the direction
 * tells, for the other side, the id itself. Options that say 0:0:0 (the default VRF has none) say that too.
 */
static void find_rd(const struct exporter *x, struct record *r)
{
    const bool out = r->f.sampling_direction == DIRECTION_OUT;
    const uint32_t id[2] = { out ? r->f.vrf_out : r->f.vrf_in, out ? r->f.vrf_in : r->f.vrf_out };
    bool known = false;
    r->f.mpls_vpn_rd_origin = RD_ORIGIN_FLOW;
    for (unsigned i = 0; i < 2; i++) {
        const struct option *o = id[i] ? exporter_option(x, OPTION_RD, id[i]) : NULL;
        known |= o != NULL;
        if (o && rd_is_set(&o->rd)) {
            r->f.mpls_vpn_rd = o->rd;
            return;
        }
    }
    if (known) {
        r->f.mpls_vpn_rd = (struct rd){ 0 };
        return;
    }
    if (id[0] || id[1]) {
        r->f.mpls_vpn_rd = rd_of_vrf(id[0] ? id[0] : id[1]);
        return;
    }
    r->f.mpls_vpn_rd = (struct rd){ 0 };
    r->f.mpls_vpn_rd_origin = RD_ORIGIN_UNKNOWN;
}

static struct var name_of(const struct exporter *x, enum option_kind kind, uint32_t id)
{
    const struct option *o = exporter_option(x, kind, id);
    return o ? (struct var){ .p = o->text, .len = o->len } : (struct var){ 0 };
}

static void vrf(const struct plan *p, const struct exporter *x, struct record *r)
{
    struct flow *f = &r->f;
    if (!plan_has(p, SLOT_rd) || !rd_is_set(&f->mpls_vpn_rd))
        find_rd(x, r);
    f->ingress_vrf_name = name_of(x, OPTION_VRF, r->f.vrf_in);
    f->egress_vrf_name = name_of(x, OPTION_VRF, r->f.vrf_out);
    const bool dflt = f->ingress_vrf_name.len == 7 && !memcmp(f->ingress_vrf_name.p, "default", 7);
    f->vrf_name =
        r->f.vrf_in == 0 || (dflt && f->egress_vrf_name.len) ? f->egress_vrf_name : f->ingress_vrf_name;
}

/* ---- names */

/* Names of exporters are cut, as pmacct has it and tables keep them. Without a name: engine and selector (RFC
 * 6759 §4.1); nothing where all of it is zero. */
static void class_of(const struct exporter *x, struct record *r)
{
    enum { NAME_MAX_LEN = 16 };
    char text[NAME_MAX_LEN + 8] = "";
    const struct var *id = &r->app_id;
    const struct option *o = id->len ? exporter_option(x, OPTION_APPLICATION, option_app_key(id)) : NULL;
    memset(&r->f.class, 0, sizeof(r->f.class));
    if (o) {
        memcpy(r->f.class.b, o->text, o->len < NAME_MAX_LEN ? o->len : NAME_MAX_LEN);
        return;
    }
    if (id->len < 2 || option_app_key(id) << 8 == 0)
        return;
    const uint8_t *b = id->p;
    char *at = text + u64_text(b[0], text);
    *at++ = ':';
    at += u64_text(load_be(b + 1, id->len < 5 ? id->len - 1 : 4), at);
    memcpy(r->f.class.b, text, at - text < NAME_MAX_LEN ? (size_t)(at - text) : NAME_MAX_LEN);
}

static void segment(struct record *r)
{
    const uint8_t type = (uint8_t)(r->segment >> 56);
    const uint32_t id = r->segment & 0xffffff;
    r->f.vxlan = type == 1 ? id : 0;
    r->f.nvgre = type == 2 ? id : 0;
}

static void srv6(struct record *r)
{
    r->f.srv6_seg_ipv6_list = r->srv6.len % 16 == 0 ? r->srv6 : (struct var){ 0 };
}

/* A basicList of srhSegmentIPv6 (RFC 6313 §4.5.1, RFC 9487). */
static void srv6_basic(struct record *r)
{
    struct cursor c = cursor_of(r->srv6_basic.p, r->srv6_basic.len);
    cursor_skip(&c, 1);
    const uint16_t id = cursor_u16(&c), len = cursor_u16(&c);
    r->srv6 = id == 494 && len == 16 ? (struct var){ .p = c.p, .len = (uint32_t)cursor_left(&c) }
                                     : (struct var){ 0 };
    srv6(r);
}

/* ---- times */

static void set_times(struct netflow *nf, int64_t start, int64_t end)
{
    struct flow *f = &nf->r.f;
    if (end && end < start) {
        nf->m.x->count[NF_COUNT_BACKWARD]++;
        end = start;
    }
    f->timestamp_start = start;
    f->timestamp_end = end;
    f->start_us = nf->time_new ? 0 : start;
    f->end_us = nf->time_new ? 0 : end;
}

/* IPFIX headers have no uptime: it is the time since the exporter's boot, if that is known. With
 * nfacctd_time_new what options tell of it is not asked: as in pmacct, the header's time stands in. */
static int64_t from_uptime(const struct netflow *nf, uint32_t x)
{
    const struct message *m = &nf->m;
    if (m->version != 10)
        return time_in_message(nf, x);
    const int64_t told = nf->time_new ? 0 : m->x->sysinit_us;
    const int64_t boot = nf->r.t[T_SYSINIT] ? nf->r.t[T_SYSINIT] : told;
    return boot ? time_of_uptime(m->export_us, (uint32_t)((m->export_us - boot) / 1000), x, 1000) : 0;
}

static int64_t time_of(const struct netflow *nf, uint8_t slot)
{
    const int64_t t = nf->r.t[slot];
    if (slot >= T_START_DELTA && slot <= T_DURATION_US &&
        (t < 0 || t > UINT32_MAX)) /* 32 bits, whatever was sent */
        return 0;
    if (slot == T_START_UP || slot == T_END_UP)
        return from_uptime(nf, (uint32_t)t);
    if (slot == T_START_DELTA || slot == T_END_DELTA)
        return nf->m.export_us - t;
    return slot == T_DURATION_MS ? t * 1000 : t;
}

/* The first source that makes sense, or 0. */
static int64_t first_time(struct netflow *nf, const uint8_t *slots)
{
    for (; *slots != T_MAX; slots++) {
        const int64_t t = time_of(nf, *slots);
        if (t > 0 && t <= nf->m.limit_us)
            return t;
        if (t > 0)
            nf->m.x->count[NF_COUNT_FUTURE]++;
    }
    return 0;
}

static void any_times(struct netflow *nf, const struct plan *p)
{
    const int64_t us = time_of(nf, T_DURATION_US), duration = us ? us : time_of(nf, T_DURATION_MS);
    int64_t start = first_time(nf, p->start), end = first_time(nf, p->end);
    if (start && !end && duration)
        end = start + duration;
    if (!start && end)
        start = end > duration ? end - duration : end;
    set_times(nf, start ? start : nf->m.export_us, end);
}

static void absolute_times(struct netflow *nf, const struct plan *p)
{
    const int64_t start = nf->r.t[p->start[0]], end = nf->r.t[p->end[0]];
    if (__builtin_expect(start > 0 && start <= end && end <= nf->m.limit_us, 1))
        set_times(nf, start, end);
    else
        any_times(nf, p);
}

static void uptimes(struct netflow *nf, const struct plan *p)
{
    const struct message *m = &nf->m;
    const int64_t start = time_in_message(nf, (uint32_t)nf->r.t[T_START_UP]);
    const int64_t end = time_in_message(nf, (uint32_t)nf->r.t[T_END_UP]);
    if (__builtin_expect(start > 0 && start <= end && end <= m->limit_us, 1))
        set_times(nf, start, end);
    else
        any_times(nf, p);
}

/* ---- counters */

static uint64_t times_rate(uint64_t v, uint32_t rate)
{
    uint64_t product;
    return __builtin_mul_overflow(v, (uint64_t)rate, &product) ? UINT64_MAX : product;
}

void record_scale(struct netflow *nf, uint32_t rate)
{
    struct record *r = &nf->r;
    r->f.renormalized = nf->renormalize && rate > 0;
    r->f.sampling_rate = r->f.renormalized ? 1 : rate;
    if (!r->f.renormalized)
        return;
    r->f.bytes = times_rate(r->f.bytes, rate);
    r->f.packets = times_rate(r->f.packets, rate);
    r->rev.bytes = times_rate(r->rev.bytes, rate);
    r->rev.packets = times_rate(r->rev.packets, rate);
}

uint32_t message_rate(const struct netflow *nf, uint16_t tmpl_id)
{
    const struct exporter *x = nf->m.x;
    if (nf->ext_rate)
        return nf->ext_rate;
    const struct option *o = exporter_option(x, OPTION_SAMPLER, 0);
    if (!o)
        o = exporter_option(x, OPTION_TEMPLATE_RATE, tmpl_id);
    return o ? o->rate : x->options.last_rate ? x->options.last_rate : x->agent->options.last_rate;
}

/* By an id that the record brings. 0, where nobody announced it, stands for the last sampler there is. */
static uint32_t rate_by_id(const struct netflow *nf, enum option_kind kind, uint64_t id)
{
    const struct exporter *x = nf->m.x;
    const struct option *o = exporter_option(x, kind, id);
    if (o)
        return o->rate;
    if (id)
        return 0;
    return x->options.last_rate ? x->options.last_rate : x->agent->options.last_rate;
}

static uint32_t rate_of_record(const struct netflow *nf, const struct plan *p)
{
    const struct record *r = &nf->r;
    const struct exporter *x = nf->m.x;
    if (nf->ext_rate)
        return nf->ext_rate;
    const uint32_t mapped = worker_sampling_rate(nf->w, &r->f);
    if (mapped)
        return mapped;
    const uint32_t own = p->sampled ? sampling_rate_of(&r->sampling) : 0;
    if (own)
        return own;
    if (plan_has(p, SLOT_selector))
        return rate_by_id(nf, OPTION_SELECTOR, r->sampling.selector);
    if (plan_has(p, SLOT_sampler))
        return rate_by_id(nf, OPTION_SAMPLER, r->sampling.sampler);
    const struct option *o = NULL;
    if (x->options.iface_rates || x->agent->options.iface_rates)
        o = exporter_option(x, OPTION_IFACE_RATE, r->f.in_iface);
    return o ? o->rate : nf->m.rate;
}

/* A record that brings the frame itself counts one packet. */
static void frame(struct record *r)
{
    r->f.packets = 1;
    r->f.bytes = r->frame_size ? r->frame_size : r->frame.len;
}

static void delay(struct record *r)
{
    const uint64_t mean = r->f.packets ? r->delay_sum / r->f.packets : 0;
    r->f.path_delay_avg_usec = mean <= UINT32_MAX ? (uint32_t)mean : UINT32_MAX;
}

/* ---- the other direction */

#define SWAP(f, a, b)                                                                                        \
    do {                                                                                                     \
        __typeof__((f)->a) keep_ = (f)->a;                                                                   \
        (f)->a = (f)->b;                                                                                     \
        (f)->b = keep_;                                                                                      \
    } while (0)

static void turn_round(struct flow *f)
{
    SWAP(f, src_host, dst_host);
    SWAP(f, src_port, dst_port);
    SWAP(f, src_mask, dst_mask);
    SWAP(f, src_mac, dst_mac);
    SWAP(f, src_as, dst_as);
    SWAP(f, peer_src_as, peer_dst_as);
    SWAP(f, in_iface, out_iface);
    SWAP(f, in_vlan, out_vlan);
    SWAP(f, in_cvlan, out_cvlan);
    SWAP(f, in_iface_name, out_iface_name);
    SWAP(f, ingress_vrf_name, egress_vrf_name);
    SWAP(f, post_nat_src_host, post_nat_dst_host);
    SWAP(f, post_nat_src_port, post_nat_dst_port);
}

/* A biflow is two flows (RFC 5103): the second one goes back, if anything did. */
static void reverse(struct netflow *nf)
{
    struct record *r = &nf->r;
    struct flow *f = &r->f;
    if (r->rev.bytes == 0 && r->rev.packets == 0)
        return;
    const struct flow forward = *f;
    turn_round(f);
    f->bytes = r->rev.bytes;
    f->packets = r->rev.packets;
    f->tcpflags = r->rev.tcpflags;
    f->peer_dst_ip = (struct addr){ 0 };
    if (r->rev.start > 0 && r->rev.start <= nf->m.limit_us)
        set_times(nf, r->rev.start, r->rev.end <= nf->m.limit_us ? r->rev.end : 0);
    nf->m.x->count[NF_COUNT_REVERSE]++;
    worker_flow(nf->w, f);
    *f = forward;
}

/* ---- all of it */

static void finish_step(struct netflow *nf, const struct plan *p, enum finish_op op)
{
    struct record *r = &nf->r;
    switch (op) {
    case FIN_FAMILY:
        family(p, r);
        return;
    case FIN_HOP:
        either(&r->f.peer_dst_ip, &r->hop6);
        return;
    case FIN_NEXT_HOP:
        either(&r->f.next_hop, &r->next_hop6);
        return;
    case FIN_NAT_SRC:
        either(&r->f.post_nat_src_host, &r->nat_src6);
        return;
    case FIN_NAT_DST:
        either(&r->f.post_nat_dst_host, &r->nat_dst6);
        return;
    case FIN_VLAN:
        r->f.vlan = r->f.sampling_direction == DIRECTION_OUT ? r->f.out_vlan : r->f.in_vlan;
        return;
    case FIN_LABELS:
        stack(r, r->labels, MPLS_LABELS);
        return;
    case FIN_STACK:
        stack_section(r);
        return;
    case FIN_RD:
        r->f.mpls_vpn_rd_origin = rd_is_set(&r->f.mpls_vpn_rd) ? RD_ORIGIN_FLOW : RD_ORIGIN_UNKNOWN;
        return;
    case FIN_VRF:
        vrf(p, nf->m.x, r);
        return;
    case FIN_IFACE:
        r->f.in_iface_name = name_of(nf->m.x, OPTION_IFACE, r->f.in_iface);
        r->f.out_iface_name = name_of(nf->m.x, OPTION_IFACE, r->f.out_iface);
        return;
    case FIN_CLASS:
        class_of(nf->m.x, r);
        return;
    case FIN_SEGMENT:
        segment(r);
        return;
    case FIN_SRV6:
        srv6(r);
        return;
    case FIN_SRV6_BASIC:
        srv6_basic(r);
        return;
    case FIN_DELAY:
        delay(r);
        return;
    case FIN_EXPORTER:
        exporter_in_record(nf);
        return;
    case FIN_FRAME:
        frame(r);
        return;
    case FIN_TIME_ABS:
        absolute_times(nf, p);
        return;
    case FIN_TIME_UP:
        uptimes(nf, p);
        return;
    case FIN_TIME_ANY:
        any_times(nf, p);
        return;
    case FIN_ASA:
        r->f.packets = r->rev.bytes;
        return;
    case FIN_SAMPLING:
        record_scale(nf, rate_of_record(nf, p));
        return;
    case FIN_MAX:
        return;
    }
}

void record_finish(struct netflow *nf, const struct plan *p)
{
    for (unsigned i = 0; i < p->n_finish; i++)
        finish_step(nf, p, p->finish[i]);
    worker_flow(nf->w, &nf->r.f);
    if (__builtin_expect(p->biflow, 0))
        reverse(nf);
}

/* By the library's memset, which uses the widest registers: of a length that it knows, the compiler makes a
 * string instruction, which takes four times as long for some hundred octets. */
static void clear(void *p, size_t n)
{
    __asm__("" : "+r"(n));
    memset(p, 0, n);
}

void record_begin(struct netflow *nf, const struct tmpl *t)
{
    const struct message *m = &nf->m;
    enum { OWN = offsetof(struct record, f.custom), BEHIND = OWN + sizeof(nf->r.f.custom) };
    clear(&nf->r, OWN); /* the site's own primitives are many, and most sites have none */
    clear((uint8_t *)&nf->r + BEHIND, sizeof(nf->r) - BEHIND);
    struct flow *f = &nf->r.f;
    if (nf->wants.custom)
        customs_clear(nf->wants.customs, nf->wants.custom, f);
    f->flows = 1;
    f->kind = t ? (t->options ? FLOW_OPTION : t->plan->kind) : FLOW_TRAFFIC;
    f->etype = t ? t->plan->etype : 0x0800;
    f->traits = t ? t->plan->traits : 0;
    f->set_id = t ? t->id : 0;
    f->peer_src_ip = *exporter_address(nf, m->x);
    f->export_proto_version = m->version;
    f->export_proto_seqno = m->seq;
    f->export_proto_sysid = m->id;
    f->timestamp_arrival = m->now_us;
    f->timestamp_export = f->timestamp_start = m->export_us;
    f->start_us = nf->time_new ? 0 : m->export_us;
}
