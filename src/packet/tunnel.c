/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunnels: which one stands behind an IP or UDP header, its header, and the packet within. ip.c calls this
 * for packets of decoders that look for tunnels, after the outer packet is decoded. */
#include "packet/tunnel.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "packet/dissect.h"
#include "packet/snapshot.h"

enum { LEVELS_MAX = 8, PORTS_MAX = 32, PROTOS = 256 };

/* ---- the headers. Each gets the octets behind the IP or UDP header. PACKET_NOT_IP: nothing inside that is
 * counted: control messages, or octets that are no such header. */

/* A frame with a link layer of its own: what the outer one said of VLANs and labels is over. */
static enum packet_drop inner_ethernet(struct dissect *x)
{
    x->f->vlan = x->f->in_cvlan = 0;
    x->f->cos = x->f->mpls_stack_depth = 0;
    x->f->mpls_label_top = x->f->mpls_label_bottom = 0;
    x->f->mpls_label_stack = (struct var){ NULL, 0 };
    return layer_ethernet(x);
}

/* RFC 2784, 2890, and the source routes of RFC 1701. */
enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQ = 0x1000,
    GRE_ACK = 0x0080, /* version 1, RFC 2637 */
    GRE_VERSION = 7,
    TYPE_TEB = 0x6558,
    TYPE_PPP = 0x880b,
    TYPE_ERSPAN2 = 0x88be,
    TYPE_ERSPAN3 = 0x22eb,
    TYPE_WCCP = 0x883e,
};

static enum packet_drop gre_pptp(struct dissect *x, uint16_t flags)
{
    cursor_skip(&x->c, 4u + (flags & GRE_SEQ ? 4 : 0) + (flags & GRE_ACK ? 4 : 0));
    return layer_ppp_hdlc(x);
}

static void gre_routes(struct dissect *x)
{
    const uint8_t *h;
    while ((h = cursor_take(&x->c, 4)) != NULL && (load_be16(h) || h[3]))
        cursor_skip(&x->c, h[3]);
}

/* Type I has no header at all, and no sequence number before it. */
static enum packet_drop erspan(struct dissect *x, uint16_t type, bool sequenced)
{
    enum { ERSPAN2_LEN = 8, ERSPAN3_LEN = 12, ERSPAN3_MORE = 8 };
    if (type == TYPE_ERSPAN2) {
        cursor_skip(&x->c, sequenced ? ERSPAN2_LEN : 0);
        return inner_ethernet(x);
    }
    const uint8_t *h = cursor_take(&x->c, ERSPAN3_LEN);
    if (h && h[ERSPAN3_LEN - 1] & 1)
        cursor_skip(&x->c, ERSPAN3_MORE);
    return inner_ethernet(x);
}

static enum packet_drop gre(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return PACKET_SHORT_LINK;
    uint16_t flags = load_be16(h), type = load_be16(h + 2);
    if ((flags & GRE_VERSION) == 1 && type == TYPE_PPP)
        return gre_pptp(x, flags);
    if (flags & GRE_VERSION)
        return PACKET_NOT_IP;
    if (flags & (GRE_CHECKSUM | GRE_ROUTING))
        cursor_skip(&x->c, 4);
    uint32_t key = flags & GRE_KEY ? cursor_u32(&x->c) : 0;
    if (flags & GRE_SEQ)
        cursor_skip(&x->c, 4);
    if (flags & GRE_ROUTING)
        gre_routes(x);
    switch (type) {
    case TYPE_TEB: /* with a key it is NVGRE: RFC 7637 §3.2 */
        x->f->nvgre = key >> 8;
        return inner_ethernet(x);
    case TYPE_ERSPAN2:
    case TYPE_ERSPAN3:
        return erspan(x, type, flags & GRE_SEQ);
    case TYPE_WCCP: /* version 2 has 4 octets of its own before the packet */
        if (cursor_left(&x->c) && *x->c.p >> 4 != 4)
            cursor_skip(&x->c, 4);
        return layer_ip4(x);
    default:
        return layer_ethertype(x, type);
    }
}

/* RFC 3378: version 3, the rest 0. */
static enum packet_drop etherip(struct dissect *x)
{
    return cursor_u16(&x->c) == 0x3000 ? inner_ethernet(x) : PACKET_NOT_IP;
}

enum { VNI_FLAG = 0x08, VXLAN_PROTOCOL_FLAG = 0x04 };

/* RFC 7348 §5 */
static enum packet_drop vxlan(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 8);
    if (!h || !(h[0] & VNI_FLAG))
        return PACKET_NOT_IP;
    x->f->vxlan = load_be32(h + 4) >> 8;
    return inner_ethernet(x);
}

static const struct next_layer vxlan_protocols[] = {
    { 1, layer_ip4 }, { 2, layer_ip6 }, { 3, inner_ethernet }, { 4, layer_nsh }, { 5, layer_mpls },
};

/* draft-ietf-nvo3-vxlan-gpe */
static enum packet_drop vxlan_gpe(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 8);
    if (!h || !(h[0] & VNI_FLAG))
        return PACKET_NOT_IP;
    x->f->vxlan = load_be32(h + 4) >> 8;
    if (!(h[0] & VXLAN_PROTOCOL_FLAG))
        return inner_ethernet(x);
    return layer_by_table(x, vxlan_protocols, ARRAY_LEN(vxlan_protocols), h[3]);
}

/* RFC 8926 §3.4 */
static enum packet_drop geneve(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 8);
    if (!h || h[0] >> 6 != 0)
        return PACKET_NOT_IP;
    uint16_t type = load_be16(h + 2);
    cursor_skip(&x->c, (h[0] & 0x3fu) * 4);
    return type == TYPE_TEB ? inner_ethernet(x) : layer_ethertype(x, type);
}

/* 3GPP TS 29.281 §5: version 1; TS 29.060 §6: version 0. Only G-PDUs carry packets. */
enum { GTP_PT = 0x10, GTP_EXTENSION = 0x04, GTP_OPTIONAL = 0x07, GTP_GPDU = 255, GTP0_LEN = 20 };

/* Chains of extension headers: length in units of 4 octets, contents, type of the next one. */
static bool gtp_extensions(struct dissect *x, uint8_t next)
{
    while (next) {
        unsigned len = cursor_u8(&x->c) * 4u;
        if (len == 0)
            return false;
        cursor_skip(&x->c, len - 2);
        next = cursor_u8(&x->c);
    }
    return !x->c.bad;
}

static enum packet_drop gtp(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 8);
    if (!h || !(h[0] & GTP_PT) || h[0] >> 5 > 1 || h[1] != GTP_GPDU)
        return PACKET_NOT_IP;
    if (h[0] >> 5 == 0) {
        cursor_skip(&x->c, GTP0_LEN - 8);
    } else if (h[0] & GTP_OPTIONAL) {
        const uint8_t *more = cursor_take(&x->c, 4);
        if (more && h[0] & GTP_EXTENSION && !gtp_extensions(x, more[3]))
            return PACKET_NOT_IP;
    }
    return layer_ip(x);
}

/* Layer 2 of L2TPv3 follows a cookie and a sublayer, whose lengths only the two ends know: RFC 3931 §4.1. */
static enum packet_drop l2tp3_session(struct dissect *x)
{
    if (cursor_u32(&x->c) == 0)
        return PACKET_NOT_IP; /* control */
    for (unsigned skip = 0; skip <= 12; skip += 4, cursor_skip(&x->c, 4))
        if (ethernet_plausible(x))
            return inner_ethernet(x);
    return PACKET_NOT_IP;
}

/* RFC 2661 §3.1 */
static enum packet_drop l2tp(struct dissect *x)
{
    enum { CONTROL = 0x8000, LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200, VERSION = 0x000f };
    uint16_t flags = cursor_u16(&x->c);
    if (flags & CONTROL || (flags & VERSION) < 2 || (flags & VERSION) > 3)
        return PACKET_NOT_IP;
    if ((flags & VERSION) == 3) { /* RFC 3931 §4.1.2 */
        cursor_skip(&x->c, 2);
        return l2tp3_session(x);
    }
    cursor_skip(&x->c, (flags & LENGTH ? 2u : 0) + 4 + (flags & SEQUENCE ? 4 : 0));
    if (flags & OFFSET)
        cursor_skip(&x->c, cursor_u16(&x->c));
    return layer_ppp_hdlc(x);
}

/* RFC 4380 §5.1.1: indications may stand before the packet. */
static enum packet_drop teredo(struct dissect *x)
{
    enum { AUTHENTICATION = 1, NONCE_AND_CONFIRMATION = 9, ORIGIN_LEN = 8 };
    if (cursor_left(&x->c) >= 4 && load_be16(x->c.p) == AUTHENTICATION) {
        const uint8_t *h = cursor_take(&x->c, 4);
        cursor_skip(&x->c, (size_t)h[2] + h[3] + NONCE_AND_CONFIRMATION);
    }
    if (cursor_left(&x->c) >= ORIGIN_LEN && load_be16(x->c.p) == 0)
        cursor_skip(&x->c, ORIGIN_LEN);
    return layer_ip6(x);
}

/* RFC 6830 §5.3 */
static enum packet_drop lisp(struct dissect *x)
{
    cursor_skip(&x->c, 8);
    return layer_ip(x);
}

/* ---- the table */

struct tunnel {
    const char *word;
    layer_fn fn;
    uint16_t ports[2]; /* of UDP, by default */
    uint8_t protos[2]; /* of IP */
    bool either;       /* the port may be that of the source */
    bool outer;        /* unless told otherwise the outer packet is counted */
};

static const struct tunnel tunnels[] = {
    { "gtp", gtp, { 2152, 3386 }, { 0 }, false, false },
    { "vxlan", vxlan, { 4789, 8472 }, { 0 }, false, true },
    { "vxlan-gpe", vxlan_gpe, { 4790 }, { 0 }, false, false },
    { "geneve", geneve, { 6081 }, { 0 }, false, false },
    { "gre", gre, { 0 }, { IPPROTO_GRE }, false, false },
    { "ipip", layer_ip, { 0 }, { IPPROTO_IPIP, IPPROTO_IPV6 }, false, false },
    { "etherip", etherip, { 0 }, { 97 }, false, false },
    { "srv6", inner_ethernet, { 0 }, { 143 }, false, false },
    { "mpls", layer_mpls, { 6635 }, { IPPROTO_MPLS }, false, false },
    { "l2tp", l2tp, { 1701 }, { 0 }, true, false },
    { "l2tpv3", l2tp3_session, { 0 }, { 115 }, false, false },
    { "teredo", teredo, { 3544 }, { 0 }, true, false },
    { "lisp", lisp, { 4341 }, { 0 }, false, false },
};
enum { N_TUNNELS = ARRAY_LEN(tunnels) };

/* What becomes of a tunnel's packet. */
enum how { HOW_NOT, HOW_DESCRIBE, HOW_REPLACE };

struct tunnel_set {
    uint8_t how[N_TUNNELS]; /* enum how */
    uint8_t proto[PROTOS];  /* index in tunnels[] + 1, by IP protocol; 0: none */
    struct tunnel_ports bits;
    unsigned n_ports;
    struct {
        uint16_t port;
        uint8_t tunnel;
    } ports[PORTS_MAX];
    unsigned inner_want; /* of packets that are described, not counted */
    struct tunnel_stats stats;
};

/* ---- the configuration */

struct word {
    const char *p;
    size_t n;
};

/* The next word up to one of `ends`, without blanks around it. False: there is none. */
static bool next_word(const char **at, const char *ends, struct word *w)
{
    while (isspace((unsigned char)**at))
        (*at)++;
    if (!**at)
        return false;
    w->p = *at;
    w->n = strcspn(*at, ends);
    *at += w->n;
    while (w->n && isspace((unsigned char)w->p[w->n - 1]))
        w->n--;
    if (**at)
        (*at)++;
    return true;
}

static bool is_word(const struct word *w, const char *text)
{
    return w->n == strlen(text) && strncasecmp(w->p, text, w->n) == 0;
}

static int add_port(struct tunnel_set *t, uint16_t port, unsigned tunnel, struct err *e)
{
    if (t->n_ports == PORTS_MAX)
        return err_set(e, ERR_CONFIG, "tunnel_0: more than %d ports", PORTS_MAX);
    t->ports[t->n_ports].port = port;
    t->ports[t->n_ports++].tunnel = (uint8_t)tunnel;
    t->bits.dst |= UINT64_C(1) << (port % 64);
    t->bits.src |= (uint64_t)tunnels[tunnel].either << (port % 64);
    return 0;
}

static int add_defaults(struct tunnel_set *t, unsigned tunnel, struct err *e)
{
    const struct tunnel *k = &tunnels[tunnel];
    for (unsigned i = 0; i < ARRAY_LEN(k->ports); i++)
        if (k->ports[i] && add_port(t, k->ports[i], tunnel, e) == -1)
            return -1;
    for (unsigned i = 0; i < ARRAY_LEN(k->protos); i++)
        if (k->protos[i])
            t->proto[k->protos[i]] = (uint8_t)(tunnel + 1);
    return 0;
}

static int unknown_tunnel(const struct word *w, struct err *e)
{
    char all[256];
    size_t n = 0;
    for (unsigned i = 0; i < N_TUNNELS; i++)
        n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", tunnels[i].word);
    return err_set(e, ERR_CONFIG, "tunnel_0: '%.*s' is no tunnel that is known; there are %s", (int)w->n,
                   w->p, all);
}

static int parse_argument(struct tunnel_set *t, unsigned tunnel, const struct word *w, struct err *e)
{
    if (is_word(w, "inner") || is_word(w, "outer")) {
        t->how[tunnel] = is_word(w, "inner") ? HOW_REPLACE : HOW_DESCRIBE;
        return 0;
    }
    char *end;
    unsigned long port = strtoul(w->p, &end, 10);
    if (end != w->p + w->n || w->n == 0 || !isdigit((unsigned char)*w->p) || port < 1 || port > 65535)
        return err_set(e, ERR_CONFIG, "tunnel_0: '%.*s' behind %s is no UDP port, and not `inner` or `outer`",
                       (int)w->n, w->p, tunnels[tunnel].word);
    if (!tunnels[tunnel].ports[0])
        return err_set(e, ERR_CONFIG, "tunnel_0: %s has no port", tunnels[tunnel].word);
    return add_port(t, (uint16_t)port, tunnel, e);
}

/* NAME[, PORT]...[, inner|outer]: only the ports that are named, or else the usual ones. */
static int parse_layer(struct tunnel_set *t, const struct word *layer, struct err *e)
{
    char text[128] = "";
    if (layer->n >= sizeof(text))
        return err_set(e, ERR_CONFIG, "tunnel_0: '%.20s...' is too long", layer->p);
    memcpy(text, layer->p, layer->n);
    text[layer->n] = '\0';
    const char *at = text;
    struct word w;
    unsigned k = 0;
    if (!next_word(&at, ",", &w))
        return 0; /* nothing between two semicolons */
    while (k < N_TUNNELS && !is_word(&w, tunnels[k].word))
        k++;
    if (k == N_TUNNELS)
        return unknown_tunnel(&w, e);
    t->how[k] = tunnels[k].outer ? HOW_DESCRIBE : HOW_REPLACE;
    unsigned before = t->n_ports;
    while (next_word(&at, ",", &w))
        if (parse_argument(t, k, &w, e) == -1)
            return -1;
    return t->n_ports == before ? add_defaults(t, k, e) : 0;
}

static int parse(struct tunnel_set *t, const char *text, struct err *e)
{
    struct word layer;
    while (text && next_word(&text, ";", &layer))
        if (parse_layer(t, &layer, e) == -1)
            return -1;
    return 0;
}

/* What the text leaves open: with fields of tunnels every tunnel is looked for, without them none whose outer
 * packet is counted. True: there is something to look for. */
static bool settle(struct tunnel_set *t, bool describe)
{
    bool any = false;
    for (unsigned k = 0; k < N_TUNNELS; k++) {
        if (describe && t->how[k] == HOW_NOT) {
            t->how[k] = HOW_DESCRIBE;
            (void)add_defaults(t, k, NULL);
        }
        if (!describe && t->how[k] == HOW_DESCRIBE)
            t->how[k] = HOW_NOT;
        any |= t->how[k] != HOW_NOT;
    }
    return any;
}

int tunnel_set_new(const char *text, bool describe, bool with_l4, struct tunnel_set **out, struct err *e)
{
    *out = NULL;
    struct tunnel_set *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_SYS, "no memory for tunnels");
    if (parse(t, text, e) == -1) {
        free(t);
        return -1;
    }
    t->inner_want = WANT_IP | (with_l4 ? WANT_L4 : 0);
    if (settle(t, describe))
        *out = t;
    else
        free(t);
    return 0;
}

void tunnel_set_free(struct tunnel_set *t) { free(t); }

const struct tunnel_ports *tunnel_ports(const struct tunnel_set *t) { return &t->bits; }

const struct tunnel_stats *tunnel_stats(const struct tunnel_set *t) { return &t->stats; }

/* ---- a packet */

/* The tunnel by the ports of the UDP header, which the cursor passes. Index + 1; 0: none. */
static unsigned by_port(const struct tunnel_set *t, struct cursor *c)
{
    const uint8_t *h = cursor_take(c, 8);
    if (!h)
        return 0;
    uint16_t src = load_be16(h), dst = load_be16(h + 2);
    if (!tunnel_ports_have(&t->bits, src, dst))
        return 0;
    for (unsigned i = 0; i < t->n_ports; i++)
        if (t->ports[i].port == dst || (t->ports[i].port == src && tunnels[t->ports[i].tunnel].either))
            return t->ports[i].tunnel + 1u;
    return 0;
}

/* Nothing of the outer packet but its link layer is left. */
static void clear_packet(struct flow *f)
{
    memset(&f->src_host, 0, SPAN_ENDS);
    f->flow_label = 0;
    f->tcpflags = 0;
    f->icmp_type = 0;
}

static enum packet_drop replace(struct dissect *x, struct dissect *y, layer_fn fn)
{
    struct snapshot outer;
    snapshot_save(&outer, x->f);
    clear_packet(x->f);
    enum packet_drop why = fn(y);
    if (why == PACKET_OK || why == PACKET_HELD || why == PACKET_TUNNEL_REST) {
        x->replaced = true;
        x->ip = y->ip;
        x->d->tunnels->stats.inner++;
        return why;
    }
    snapshot_load(&outer, x->f, x->labels);
    x->d->tunnels->stats.other++;
    return PACKET_OK;
}

static void copy_description(struct flow *f, const struct flow *in)
{
    f->vxlan = in->vxlan;
    f->nvgre = in->nvgre;
    f->tunnel_src_host = in->src_host;
    f->tunnel_dst_host = in->dst_host;
    f->tunnel_src_mac = in->src_mac;
    f->tunnel_dst_mac = in->dst_mac;
    f->tunnel_src_port = in->src_port;
    f->tunnel_dst_port = in->dst_port;
    f->tunnel_proto = in->proto;
    f->tunnel_tos = in->tos;
    f->tunnel_flow_label = in->flow_label;
    f->tunnel_tcpflags = in->tcpflags;
}

static void describe(struct dissect *x, const struct dissect *at, layer_fn fn)
{
    struct flow in;
    uint32_t labels[PACKET_LABELS_MAX];
    packet_forget_ends(&in);
    packet_forget_rest(&in, WANT_TUNNEL);
    struct dissect y = *at;
    y.f = &in;
    y.labels = labels;
    y.want = x->d->tunnels->inner_want | WANT_TUNNEL;
    y.inside = true;
    enum packet_drop why = fn(&y);
    if (why == PACKET_BAD_IP4 || why == PACKET_BAD_IP6) { /* somebody else's use of the port */
        x->d->tunnels->stats.other++;
        return;
    }
    if (why == PACKET_OK)
        x->d->tunnels->stats.inner++;
    else
        x->d->tunnels->stats.other++;
    copy_description(x->f, &in);
}

enum packet_drop tunnel_look(struct dissect *x, uint8_t proto, struct cursor at)
{
    const struct tunnel_set *t = x->d->tunnels;
    unsigned k = proto == IPPROTO_UDP ? by_port(t, &at) : t->proto[proto];
    if (!k || x->level == LEVELS_MAX)
        return PACKET_OK;
    enum how how = t->how[k - 1];
    if (how == HOW_NOT || (how == HOW_DESCRIBE && x->inside))
        return PACKET_OK;
    struct dissect y = *x;
    y.c = at;
    y.level++;
    y.depth = 0;
    y.tagged = y.replaced = false;
    if (how == HOW_REPLACE)
        return replace(x, &y, tunnels[k - 1].fn);
    describe(x, &y, tunnels[k - 1].fn);
    return PACKET_OK;
}
