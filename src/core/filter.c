/* SPDX-License-Identifier: BSD-2-Clause */
/* libpcap expressions over packets and flows, and lists of tags. */
#include "core/filter.h"
#include "base/cursor.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_MAX = 128, SNAPLEN = 65535 };

struct filter {
    unsigned n;
    struct bpf_program prog[];
};

/* Splits `text` at commas that stand outside brackets (`tcp[13]`, `(a or b)`); a piece is *start .. the
 * return value. */
static const char *piece_end(const char *start)
{
    int depth = 0;
    const char *p = start;
    for (; *p && (*p != ',' || depth > 0); p++)
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
    return p;
}

static int compile_piece(pcap_t *dead, const char *start, size_t len, struct bpf_program *out, struct err *e)
{
    char *text = strndup(start, len);
    if (!text)
        return err_sys(e, "no memory for a filter");
    int rc = pcap_compile(dead, out, text, 1, PCAP_NETMASK_UNKNOWN);
    if (rc != 0)
        err_set(e, ERR_CONFIG, "cannot compile the filter '%s': %s", text, pcap_geterr(dead));
    free(text);
    return rc == 0 ? 0 : -1;
}

struct filter *filter_compile(const char *expressions, struct err *e)
{
    unsigned n = 1;
    for (const char *p = piece_end(expressions); *p; p = piece_end(p + 1))
        n++;
    struct filter *f = calloc(1, sizeof(*f) + n * sizeof(f->prog[0]));
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, SNAPLEN);
    if (!f || !dead)
        err_sys(e, "no memory for a filter");
    for (const char *start = expressions; f && dead && f->n < n;) {
        const char *end = piece_end(start);
        if (compile_piece(dead, start, (size_t)(end - start), &f->prog[f->n], e) == -1)
            break;
        f->n++;
        start = end + (*end == ',');
    }
    if (dead)
        pcap_close(dead);
    if (f && f->n == n)
        return f;
    filter_free(f);
    return NULL;
}

void filter_free(struct filter *f)
{
    for (unsigned i = 0; f && i < f->n; i++)
        pcap_freecode(&f->prog[i]);
    free(f);
}

static uint8_t *put_link(uint8_t *p, const struct flow *f, unsigned etype)
{
    memcpy(p, f->dst_mac.b, 6);
    memcpy(p + 6, f->src_mac.b, 6);
    p += 12;
    if (f->vlan) {
        p = put_be16(p, 0x8100);
        p = put_be16(p, (unsigned)f->cos << 13 | f->vlan);
    }
    if (f->mpls_label_top) {
        p = put_be16(p, 0x8847);
        uint32_t entry = f->mpls_label_top << 12 | 0x1ff; /* bottom of stack, TTL 255 */
        p = put_be16(p, entry >> 16);
        return put_be16(p, entry & 0xffff);
    }
    return put_be16(p, etype);
}

static uint8_t *put_v4(uint8_t *p, const struct flow *f)
{
    memset(p, 0, 20);
    p[0] = 0x45;
    p[1] = f->tos;
    put_be16(p + 2, f->bytes > 65535 ? 65535 : (unsigned)f->bytes);
    p[8] = 64;
    p[9] = f->proto;
    memcpy(p + 12, f->src_host.b + 12, 4);
    memcpy(p + 16, f->dst_host.b + 12, 4);
    return p + 20;
}

static uint8_t *put_v6(uint8_t *p, const struct flow *f)
{
    uint32_t first = UINT32_C(6) << 28 | (uint32_t)f->tos << 20 | (f->flow_label & 0xfffff);
    put_be16(p, first >> 16);
    put_be16(p + 2, first & 0xffff);
    put_be16(p + 4, f->bytes > 65535 ? 65535 : (unsigned)f->bytes);
    p[6] = f->proto;
    p[7] = 64;
    addr_get_v6(&f->src_host, p + 8);
    addr_get_v6(&f->dst_host, p + 24);
    return p + 40;
}

static uint8_t *put_l4(uint8_t *p, const struct flow *f)
{
    memset(p, 0, 20);
    if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
        put_be16(p, f->icmp_type ? f->icmp_type
                                 : f->dst_port); /* flows carry type and code as a destination port */
        return p + 8;
    }
    put_be16(p, f->src_port);
    put_be16(p + 2, f->dst_port);
    p[12] = 0x50;
    p[13] = f->tcpflags;
    return p + 20;
}

static unsigned make_frame(const struct flow *f, uint8_t frame[FRAME_MAX])
{
    bool v4 = addr_is_v4(&f->src_host) || addr_is_v4(&f->dst_host);
    bool v6 = !v4 && (addr_is_set(&f->src_host) || addr_is_set(&f->dst_host));
    uint8_t *p = put_link(frame, f, v4 ? 0x0800 : v6 ? 0x86dd : f->etype);
    if (v4 || v6) {
        p = v4 ? put_v4(p, f) : put_v6(p, f);
        p = put_l4(p, f);
    }
    return (unsigned)(p - frame);
}

bool filter_match(const struct filter *f, const struct flow *flow)
{
    uint8_t frame[FRAME_MAX];
    const uint8_t *p = flow->packet;
    unsigned len = flow->packet_len, caplen = flow->packet_caplen;
    if (!p || flow->packet_dlt != DLT_EN10MB) {
        p = frame;
        len = caplen = make_frame(flow, frame);
    }
    for (unsigned i = 0; i < f->n; i++)
        if (bpf_filter(f->prog[i].bf_insns, p, len, caplen))
            return true;
    return false;
}

void filter_needs(struct fieldset *needs)
{
    static const enum field_id reads[] = {
        FIELD_src_mac,  FIELD_dst_mac,    FIELD_vlan,     FIELD_cos,      FIELD_etype, FIELD_mpls_label_top,
        FIELD_src_host, FIELD_dst_host,   FIELD_src_port, FIELD_dst_port, FIELD_tos,   FIELD_proto,
        FIELD_tcpflags, FIELD_flow_label,
    };
    for (unsigned i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
        fieldset_add(needs, reads[i]);
}

struct tag_range {
    uint64_t from, to;
    bool negated;
};
struct tag_filter {
    unsigned n;
    struct tag_range range[];
};

static const char *parse_range(const char *p, struct tag_range *r)
{
    char *end;
    p += strspn(p, " \t");
    r->negated = *p == '-';
    p += r->negated;
    if (*p < '0' || *p > '9')
        return NULL;
    errno = 0;
    r->from = r->to = strtoull(p, &end, 10);
    if (*end == '-')
        r->to = strtoull(end + 1, &end, 10);
    end += strspn(end, " \t");
    return errno || r->to < r->from || (*end && *end != ',') ? NULL : end;
}

struct tag_filter *tag_filter_parse(const char *text, struct err *e)
{
    unsigned n = 1;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    struct tag_filter *t = calloc(1, sizeof(*t) + n * sizeof(t->range[0]));
    if (!t) {
        err_sys(e, "no memory for a filter of tags");
        return NULL;
    }
    for (const char *p = text; t->n < n; p++) {
        p = parse_range(p, &t->range[t->n]);
        if (!p) {
            err_set(e, ERR_CONFIG, "'%s' is no list of tags: numbers and ranges such as 5, 10-20, -7 are",
                    text);
            free(t);
            return NULL;
        }
        t->n++;
    }
    return t;
}

void tag_filter_free(struct tag_filter *t) { free(t); }

bool tag_filter_match(const struct tag_filter *t, uint64_t tag)
{
    bool only_negated = true;
    for (unsigned i = 0; i < t->n; i++) {
        const struct tag_range *r = &t->range[i];
        bool in = tag >= r->from && tag <= r->to;
        if (in)
            return !r->negated;
        only_negated &= r->negated;
    }
    return only_negated;
}

struct label_item {
    const char *text; /* NULL: no label */
    uint32_t len;
    bool negated;
};
struct label_filter {
    char *memory;
    unsigned n;
    struct label_item item[];
};

static bool set_item(struct label_item *i, char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    i->negated = *text == '-';
    i->text = text + i->negated;
    i->len = (uint32_t)strlen(i->text);
    const bool some = i->len > 0;
    if (!strcmp(i->text, "null"))
        *i = (struct label_item){ .negated = i->negated };
    return some;
}

struct label_filter *label_filter_parse(const char *text, struct err *e)
{
    unsigned n = 1;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    struct label_filter *l = calloc(1, sizeof(*l) + n * sizeof(l->item[0]));
    if (l)
        l->memory = strdup(text);
    if (!l || !l->memory) {
        free(l);
        err_sys(e, "no memory for a filter of labels");
        return NULL;
    }
    for (char *p = l->memory, *end; l->n < n; p = end + 1) {
        end = p + strcspn(p, ",");
        *end = '\0';
        if (!set_item(&l->item[l->n++], p)) {
            err_set(e, ERR_CONFIG, "'%s' is no list of labels: an item of it is empty", text);
            label_filter_free(l);
            return NULL;
        }
    }
    return l;
}

void label_filter_free(struct label_filter *l)
{
    if (l)
        free(l->memory);
    free(l);
}

static bool has_part(const struct label_item *i, const struct var *label)
{
    const char *p = label->p, *end = p + label->len;
    if (!i->text)
        return label->len == 0;
    while (label->len) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const size_t len = (size_t)((comma ? comma : end) - p);
        if (len == i->len && !memcmp(p, i->text, len))
            return true;
        if (!comma)
            break;
        p = comma + 1;
    }
    return false;
}

bool label_filter_match(const struct label_filter *l, const struct var *label)
{
    bool only_negated = true;
    for (unsigned i = 0; i < l->n; i++) {
        if (has_part(&l->item[i], label))
            return !l->item[i].negated;
        only_negated &= l->item[i].negated;
    }
    return only_negated;
}
