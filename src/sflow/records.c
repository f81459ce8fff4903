/* SPDX-License-Identifier: BSD-2-Clause */
/* Flow records: each function reads one and fills the members of the flow that it feeds. samples.c calls them
 * for the records that somebody needs, in the order of records.def. */
#include "sflow/records.h"

#include "sflow/decode.h"

enum { TCP = 6, UDP = 17, VARIES = 0 };
enum { OLD_EXTENDED = 1 << 8, OLD_DATA = 1 << 9 };
#define D(n) (OLD_DATA | (n))
#define X(n) (OLD_EXTENDED | (n))

enum { PACKET_ITSELF = UINT16_MAX };
#define SF_PACKET PACKET_ITSELF,
#define F(name) FIELD_##name + 1,
#define FX(name) EXTRA_##name + 1,

typedef void record_fn(struct sflow *sf, struct cursor *c);
static record_fn record_header, record_ethernet, record_ip4, record_ip6, record_vlan_tunnel, record_switch,
    record_router, record_gateway, record_mpls, record_nat, record_mpls_vc, record_nat_port, record_tunnel_l2,
    record_tunnel_ip4, record_tunnel_ip6, record_vni, record_class_old, record_class, record_tag,
    record_nothing;

static const struct {
    uint32_t tag;
    uint16_t old; /* OLD_DATA or OLD_EXTENDED, and the type */
    uint8_t words;
    record_fn *read;
    uint16_t feeds[10]; /* enum field_id or EXTRA_*, + 1; 0: no more; PACKET_ITSELF: always read */
} rows[SF_ROW_MAX] = {
#define SF_RECORD(name, fn, pen, format, old, words, feeds)                                                  \
    [SF_ROW_##name] = { SFLOW_TAG(pen, format), old, words, record_##fn, { feeds } },
#include "sflow/records.def"
};

/* ---- the table */

static bool from_flow(int source)
{
    return source == SOURCE_DEFAULT || source == SOURCE_FLOW || source == SOURCE_LONGEST;
}

static bool wanted(const struct sf_wants *w, uint8_t row)
{
    for (unsigned i = 0; i < sizeof(rows[row].feeds) / sizeof(rows[row].feeds[0]) && rows[row].feeds[i]; i++)
        if (rows[row].feeds[i] == PACKET_ITSELF ||
            fieldset_has(&w->fields, (enum field_id)(rows[row].feeds[i] - 1)))
            return true;
    return false;
}

void sf_wants_make(struct sf_wants *w, const struct fieldset *needs, const struct config *c)
{
    static const enum field_id of_as[] = { FIELD_src_as, FIELD_dst_as, FIELD_peer_src_as, FIELD_peer_dst_as };
    static const enum field_id of_net[] = { FIELD_src_mask, FIELD_dst_mask, FIELD_peer_dst_ip };
    *w = (struct sf_wants){ .fields = *needs, .next_hop = c->use_ip_next_hop };
    for (unsigned i = 0; !from_flow(c->as_source) && i < sizeof(of_as) / sizeof(of_as[0]); i++)
        fieldset_del(&w->fields, of_as[i]);
    for (unsigned i = 0; !from_flow(c->net_source) && i < sizeof(of_net) / sizeof(of_net[0]); i++)
        fieldset_del(&w->fields, of_net[i]);
    memset(w->by_format, SF_ROW_NONE, sizeof(w->by_format));
    for (unsigned i = 0; i < SF_ROW_MAX; i++) {
        const uint32_t tag = rows[i].tag;
        if (wanted(w, (uint8_t)i))
            w->rows |= UINT64_C(1) << i;
        if (tag < 8)
            w->by_format[tag] = (uint8_t)i;
        else if (tag - 1000 < 56)
            w->by_format[8 + tag - 1000] = (uint8_t)i;
    }
}

uint8_t sf_row_search(uint32_t tag)
{
    for (unsigned i = 0; i < SF_ROW_MAX; i++)
        if (rows[i].tag == tag)
            return (uint8_t)i;
    return SF_ROW_NONE;
}

uint8_t sf_row_old(uint32_t type, bool extended)
{
    const uint32_t old = (extended ? OLD_EXTENDED : OLD_DATA) | type;
    for (unsigned i = 0; type && type < OLD_EXTENDED && i < SF_ROW_MAX; i++)
        if (rows[i].old == old)
            return (uint8_t)i;
    return SF_ROW_NONE;
}

void sf_row_read(struct sflow *sf, uint8_t row, struct cursor *c) { rows[row].read(sf, c); }

/* ---- lengths in versions 2 and 4 */

static void skip_words(struct cursor *c, uint32_t n) { cursor_skip(c, (size_t)n * 4); }

/* A count of words, and those. */
static void skip_counted(struct cursor *c) { skip_words(c, cursor_u32(c)); }

static void skip_gateway(struct cursor *c, uint8_t version)
{
    skip_words(c, 3);
    if (version == SFLOW_V2) {
        skip_counted(c);
        return;
    }
    for (uint32_t n = cursor_u32(c); n && !c->bad; n--) {
        skip_words(c, 1);
        skip_counted(c);
    }
    skip_counted(c);
    skip_words(c, 1);
}

/* A string without control characters, as names are; c moves past it. */
static bool is_name(struct cursor *c)
{
    const struct cursor s = sf_opaque(c);
    for (const uint8_t *p = s.p; p < s.end; p++)
        if (*p < ' ')
            return false;
    return !c->bad;
}

/* RFC 3176 has two strings; some agents put a charset in front of each, as version 5 does. */
static void skip_user(struct cursor *c)
{
    struct cursor plain = *c;
    const bool source = is_name(&plain), destination = is_name(&plain);
    if (source && destination) {
        *c = plain;
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        skip_words(c, 1);
        (void)sf_opaque(c);
    }
}

static void skip_addresses(struct cursor *c, unsigned n)
{
    struct addr a;
    while (n--)
        sf_address(c, &a);
}

void sf_row_skip(uint8_t row, struct cursor *c, uint8_t version)
{
    switch ((enum sf_row)row) {
    case SF_ROW_header:
        skip_words(c, 2);
        (void)sf_opaque(c);
        return;
    case SF_ROW_router:
        skip_addresses(c, 1);
        skip_words(c, 2);
        return;
    case SF_ROW_gateway:
        skip_gateway(c, version);
        return;
    case SF_ROW_user:
        skip_user(c);
        return;
    case SF_ROW_url:
        skip_words(c, 1);
        (void)sf_opaque(c);
        return;
    case SF_ROW_mpls:
        skip_addresses(c, 1);
        skip_counted(c);
        skip_counted(c);
        return;
    case SF_ROW_nat:
        skip_addresses(c, 2);
        return;
    case SF_ROW_mpls_tunnel:
    case SF_ROW_mpls_vc:
        (void)sf_opaque(c);
        skip_words(c, 2);
        return;
    case SF_ROW_mpls_ftn:
        (void)sf_opaque(c);
        skip_words(c, 1);
        return;
    case SF_ROW_vlan_tunnel:
        skip_counted(c);
        return;
    default:
        skip_words(c, rows[row].words);
    }
}

/* ---- the packet */

static void record_header(struct sflow *sf, struct cursor *c)
{
    const uint32_t protocol = cursor_u32(c), len = cursor_u32(c);
    if (sf->m.version == SFLOW_V5)
        cursor_skip(c, 4); /* octets that were stripped: part of len */
    const struct cursor h = sf_opaque(c);
    sf->s.frame_len = len;
    struct packet_decoder *d = protocol < SFLOW_PROTO_MAX ? &sf->header[protocol] : NULL;
    if (!d || !d->link || c->bad) {
        sf->m.a->count[SF_COUNT_HEADERS] += !c->bad;
        sf_clear(sf);
        return;
    }
    const uint32_t caplen = (uint32_t)cursor_left(&h);
    (void)packet_decode(d, h.p, caplen, len > caplen ? len : caplen, &sf->f);
    if (sf->classifier)
        classifier_packet(sf->classifier, &sf->f, d->ip, d->ip ? (uint32_t)(h.end - d->ip) : 0, sf->m.now_us);
    if (!len)
        sf->s.frame_len = caplen;
    if (protocol == SFLOW_PROTO_IP4 || protocol == SFLOW_PROTO_IP6) /* nothing in the header said so */
        sf->f.etype = 0;
}

static void record_ethernet(struct sflow *sf, struct cursor *c)
{
    const uint32_t len = cursor_u32(c);
    const uint8_t *src = cursor_take(c, 8), *dst = cursor_take(c, 8);
    const uint32_t type = cursor_u32(c);
    if (sf->s.present >> SF_ROW_header & 1) /* the packet itself says it better */
        return;
    sf->s.frame_len = len;
    if (src)
        memcpy(sf->f.src_mac.b, src, 6);
    if (dst)
        memcpy(sf->f.dst_mac.b, dst, 6);
    sf->f.etype = type <= UINT16_MAX ? (uint16_t)type : 0;
}

/* What the records of both families share, behind the addresses. */
struct ip_tail {
    uint16_t src_port, dst_port;
    uint8_t tcpflags, tos;
};

static struct ip_tail ip_tail(struct cursor *c, uint8_t proto)
{
    const uint32_t src = cursor_u32(c), dst = cursor_u32(c), flags = cursor_u32(c), tos = cursor_u32(c);
    struct ip_tail t = { .tos = (uint8_t)tos };
    if (proto == TCP || proto == UDP) {
        t.src_port = (uint16_t)src;
        t.dst_port = (uint16_t)dst;
    }
    t.tcpflags = proto == TCP ? (uint8_t)flags : 0;
    return t;
}

static void ip_addresses(struct cursor *c, bool v6, struct addr *src, struct addr *dst)
{
    const uint8_t *s = cursor_take(c, v6 ? 16 : 4), *d = cursor_take(c, v6 ? 16 : 4);
    if (!s || !d)
        return;
    if (v6) {
        addr_set_v6(src, s);
        addr_set_v6(dst, d);
    } else {
        addr_set_v4(src, s);
        addr_set_v4(dst, d);
    }
}

static void ip(struct sflow *sf, struct cursor *c, bool v6)
{
    struct flow *f = &sf->f;
    const uint32_t len = cursor_u32(c), proto = cursor_u32(c);
    if (sf->s.present >> SF_ROW_header & 1)
        return;
    sf->s.ip_len = len;
    f->proto = (uint8_t)proto;
    ip_addresses(c, v6, &f->src_host, &f->dst_host);
    const struct ip_tail t = ip_tail(c, f->proto);
    f->src_port = t.src_port;
    f->dst_port = t.dst_port;
    f->tcpflags = t.tcpflags;
    f->tos = t.tos;
}

static void record_ip4(struct sflow *sf, struct cursor *c) { ip(sf, c, false); }
static void record_ip6(struct sflow *sf, struct cursor *c) { ip(sf, c, true); }

/* ---- layer 2 */

enum { VLAN_MAX = 4095, COS_MAX = 7 };

static void set_tag(struct flow *f, uint32_t vlan, uint32_t cos)
{
    if (vlan && vlan <= VLAN_MAX)
        f->vlan = (uint16_t)vlan;
    if (cos <= COS_MAX)
        f->cos = (uint8_t)cos;
}

/* Tags that were stripped from the header, outermost first, each with its TPID. What is left in the header
 * comes behind them. */
static void record_vlan_tunnel(struct sflow *sf, struct cursor *c)
{
    struct flow *f = &sf->f;
    const uint32_t n = cursor_u32(c), first = cursor_u32(c);
    const uint16_t in_header = f->vlan;
    if (c->bad || n == 0)
        return;
    set_tag(f, first & VLAN_MAX, first >> 13 & COS_MAX);
    const uint32_t second = n > 1 ? cursor_u32(c) : in_header;
    f->in_cvlan = second & VLAN_MAX;
}

static void record_switch(struct sflow *sf, struct cursor *c)
{
    struct flow *f = &sf->f;
    const uint32_t in = cursor_u32(c), in_cos = cursor_u32(c), out = cursor_u32(c), out_cos = cursor_u32(c);
    if (c->bad)
        return;
    f->in_vlan = in <= VLAN_MAX ? (uint16_t)in : 0;
    f->out_vlan = out <= VLAN_MAX ? (uint16_t)out : 0;
    if (f->in_vlan)
        set_tag(f, f->in_vlan, in_cos);
    else if (!f->vlan) /* nor does the header have a tag */
        set_tag(f, f->out_vlan, out_cos);
}

/* ---- layer 3 and BGP */

static bool wants(const struct sflow *sf, enum field_id id) { return fieldset_has(&sf->wants.fields, id); }

static void record_router(struct sflow *sf, struct cursor *c)
{
    struct flow *f = &sf->f;
    struct addr hop;
    sf_address(c, &hop);
    const uint32_t src = cursor_u32(c), dst = cursor_u32(c);
    if (c->bad)
        return;
    const uint32_t most = addr_is_v4(&f->src_host) ? 32 : 128;
    if (wants(sf, FIELD_src_mask))
        f->src_mask = src <= most ? (uint8_t)src : 0;
    if (wants(sf, FIELD_dst_mask))
        f->dst_mask = dst <= most ? (uint8_t)dst : 0;
    f->next_hop = hop;
    if (sf->wants.next_hop && wants(sf, FIELD_peer_dst_ip))
        f->peer_dst_ip = hop;
}

/* Text in a buffer of fixed size: past its end whole words are left out. */
struct words {
    char *p;
    uint32_t len;
    bool full;
};

static void word_char(struct words *w, char ch)
{
    if (w->len < SF_TEXT_MAX - 64)
        w->p[w->len++] = ch;
    else
        w->full = true;
}

static void word_number(struct words *w, uint32_t v)
{
    if (w->full || w->len >= SF_TEXT_MAX - 64)
        w->full = true;
    else
        w->len += (uint32_t)u64_text(v, w->p + w->len);
}

enum { AS_SET = 1, AS_SEQUENCE = 2 };

/* One segment: its numbers behind what is there, a set in braces. The last AS of the last sequence is where
 * the packet goes to. */
static void segment(struct sflow *sf, struct cursor *c, struct words *w, uint32_t type, uint32_t n)
{
    struct flow *f = &sf->f;
    const char open = type == AS_SET ? '{' : '\0', between = type == AS_SET ? ',' : ' ';
    for (uint32_t i = 0; i < n && !c->bad; i++) {
        const uint32_t as = cursor_u32(c);
        if (c->bad)
            return;
        if (w->len == 0 && wants(sf, FIELD_peer_dst_as))
            f->peer_dst_as = as;
        if (w->len)
            word_char(w, i ? between : ' ');
        if (i == 0 && open)
            word_char(w, open);
        word_number(w, as);
        if (wants(sf, FIELD_dst_as))
            f->dst_as = as;
    }
    if (n && open)
        word_char(w, '}');
}

static void as_path(struct sflow *sf, struct cursor *c)
{
    struct words w = { .p = sf->as_path };
    if (sf->m.version == SFLOW_V2) {
        segment(sf, c, &w, AS_SEQUENCE, cursor_u32(c));
    } else {
        for (uint32_t n = cursor_u32(c); n && !c->bad; n--) {
            const uint32_t type = cursor_u32(c), count = cursor_u32(c);
            segment(sf, c, &w, type, count);
        }
    }
    sf->f.as_path = (struct var){ .p = sf->as_path, .len = w.len };
}

static void communities(struct sflow *sf, struct cursor *c)
{
    struct words w = { .p = sf->comms };
    for (uint32_t n = cursor_u32(c); n && !c->bad; n--) {
        const uint32_t v = cursor_u32(c);
        if (c->bad)
            break;
        if (w.len)
            word_char(&w, ' ');
        word_number(&w, v >> 16);
        word_char(&w, ':');
        word_number(&w, v & 0xffff);
    }
    sf->f.std_comm = (struct var){ .p = sf->comms, .len = w.len };
}

static void record_gateway(struct sflow *sf, struct cursor *c)
{
    struct flow *f = &sf->f;
    struct addr hop = { 0 };
    if (sf->m.version == SFLOW_V5)
        sf_address(c, &hop);
    cursor_skip(c, 4); /* the router's own AS */
    const uint32_t src_as = cursor_u32(c), peer_as = cursor_u32(c);
    f->src_as = wants(sf, FIELD_src_as) ? src_as : 0;
    f->peer_src_as = wants(sf, FIELD_peer_src_as) ? peer_as : 0;
    as_path(sf, c);
    if (sf->m.version != SFLOW_V2) {
        communities(sf, c);
        f->local_pref = cursor_u32(c);
    }
    if (addr_is_set(&hop) && wants(sf, FIELD_peer_dst_ip))
        f->peer_dst_ip = hop;
}

/* ---- MPLS */

/* A label stack: false when it has no label. */
static bool stack(struct sflow *sf, struct cursor *c)
{
    struct flow *f = &sf->f;
    unsigned depth = 0;
    uint32_t n = cursor_u32(c);
    bool bottom = false;
    for (; n && !c->bad; n--) {
        const uint32_t entry = cursor_u32(c);
        if (!c->bad && !bottom && depth < PACKET_LABELS_MAX)
            sf->labels[depth++] = entry >> 12;
        bottom |= entry >> 8 & 1;
    }
    if (!depth)
        return false;
    f->mpls_label_top = sf->labels[0];
    f->mpls_label_bottom = sf->labels[depth - 1];
    f->mpls_stack_depth = (uint8_t)depth;
    f->mpls_label_stack = (struct var){ .p = sf->labels, .len = depth * (uint32_t)sizeof(sf->labels[0]) };
    return true;
}

/* The stack that the packet came with; where it had none, the one that it leaves with. */
static void record_mpls(struct sflow *sf, struct cursor *c)
{
    struct addr hop;
    sf_address(c, &hop);
    if (!stack(sf, c))
        (void)stack(sf, c);
    else
        skip_counted(c);
}

static void record_mpls_vc(struct sflow *sf, struct cursor *c)
{
    (void)sf_opaque(c);
    sf->f.mpls_pw_id = cursor_u32(c);
    cursor_skip(c, 4);
}

/* ---- translation, tunnels, overlays */

static void record_nat(struct sflow *sf, struct cursor *c)
{
    sf_address(c, &sf->f.post_nat_src_host);
    sf_address(c, &sf->f.post_nat_dst_host);
}

static void record_nat_port(struct sflow *sf, struct cursor *c)
{
    sf->f.post_nat_src_port = (uint16_t)cursor_u32(c);
    sf->f.post_nat_dst_port = (uint16_t)cursor_u32(c);
}

/* The tunnel's header, which the agent has taken off, or is about to put on. What the sampled packet shows of
 * a tunnel goes before it, what was taken off before what is put on. */
static void record_tunnel_l2(struct sflow *sf, struct cursor *c)
{
    cursor_skip(c, 4);
    const uint8_t *src = cursor_take(c, 8), *dst = cursor_take(c, 8);
    cursor_skip(c, 4);
    static const struct mac none;
    if (!src || !dst || memcmp(&sf->f.tunnel_src_mac, &none, sizeof(none)))
        return;
    memcpy(sf->f.tunnel_src_mac.b, src, 6);
    memcpy(sf->f.tunnel_dst_mac.b, dst, 6);
}

static void tunnel_ip(struct sflow *sf, struct cursor *c, bool v6)
{
    struct flow *f = &sf->f;
    if (addr_is_set(&f->tunnel_src_host))
        return;
    cursor_skip(c, 4);
    f->tunnel_proto = (uint8_t)cursor_u32(c);
    ip_addresses(c, v6, &f->tunnel_src_host, &f->tunnel_dst_host);
    const struct ip_tail t = ip_tail(c, f->tunnel_proto);
    f->tunnel_src_port = t.src_port;
    f->tunnel_dst_port = t.dst_port;
    f->tunnel_tcpflags = t.tcpflags;
    f->tunnel_tos = t.tos;
}

static void record_tunnel_ip4(struct sflow *sf, struct cursor *c) { tunnel_ip(sf, c, false); }
static void record_tunnel_ip6(struct sflow *sf, struct cursor *c) { tunnel_ip(sf, c, true); }

static void record_vni(struct sflow *sf, struct cursor *c)
{
    if (!sf->f.vxlan)
        sf->f.vxlan = cursor_u32(c);
}

/* ---- what our own probes add */

static void class_text(struct flow *f, uint32_t first, uint32_t second, bool both)
{
    char text[sizeof(f->class.b) + 24];
    size_t n = u64_text(first, text);
    if (both) {
        text[n++] = '/';
        n += u64_text(second, text + n);
    }
    memset(&f->class, 0, sizeof(f->class));
    memcpy(f->class.b, text, n < sizeof(f->class.b) ? n : sizeof(f->class.b));
}

static void record_class_old(struct sflow *sf, struct cursor *c)
{
    const uint32_t id = cursor_u32(c);
    if (id)
        class_text(&sf->f, id, 0, false);
}

/* nDPI's numbers of the master protocol and of the application; without nDPI they stay numbers. */
static void record_class(struct sflow *sf, struct cursor *c)
{
    const uint32_t master = cursor_u32(c), app = cursor_u32(c);
    if ((master || app) && !(sf->classifier && classifier_name(sf->classifier, master, app, &sf->f.class)))
        class_text(&sf->f, master, app, true);
}

static void record_tag(struct sflow *sf, struct cursor *c)
{
    sf->f.tag = cursor_u64(c);
    sf->f.tag2 = cursor_u64(c);
}

static void record_nothing(struct sflow *sf, struct cursor *c)
{
    (void)sf;
    (void)c;
}
