/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiles layouts into copy steps and runs them. */
#include "core/project.h"

#include <string.h>

/* Puts a copy behind the others of its width. */
static void add_copy_of(struct projection *p, enum copy_width w, unsigned from, unsigned to)
{
    for (unsigned i = COPY_WIDTHS - 1; i > w; i--)
        if (p->end[i]++ > p->end[i - 1]) /* the first of the narrower ones goes behind the last */
            p->copy[p->end[i] - 1] = p->copy[p->end[i - 1]];
    p->copy[p->end[w]++] = (struct projection_step){ (uint16_t)from, (uint16_t)to };
}

static void add_copy(struct projection *p, unsigned from, unsigned to, unsigned len)
{
    static const uint8_t width[COPY_WIDTHS] = { [COPY_8] = 8, [COPY_4] = 4, [COPY_2] = 2, [COPY_1] = 1 };
    for (unsigned w = 0; w < COPY_WIDTHS; w++)
        for (; len >= width[w]; len -= width[w], from += width[w], to += width[w])
            add_copy_of(p, (enum copy_width)w, from, to);
}

static void add_fix(struct projection *p, enum fix_kind kind, uint16_t at)
{
    p->fix[p->n_fix++] = (struct projection_fix){ (uint8_t)kind, at };
}

static void add_column(struct projection *p, const struct layout *l, const struct column *col,
                       const struct aggregate_spec *spec, const struct config *c)
{
    const struct field *f = col->field;
    const bool own = f < fields || f >= fields + FIELD_MAX; /* one of the site's */
    const uint16_t from = own ? f->off : fields[aggregate_source(spec, (enum field_id)(f - fields))].off;
    const struct projection_step tail = { from, col->off };
    switch ((enum column_place)col->place) {
    case PLACE_ROW:
        return;
    case PLACE_VAR:
        p->var[p->n_var++] = tail;
        return;
    case PLACE_ADDR:
        p->addr[p->n_addr++] = tail;
        return;
    case PLACE_FIXED:
        break;
    }
    add_copy(p, from, col->off, col->len);
    if (f->kind == FK_RD)
        add_copy(p, offsetof(struct flow, mpls_vpn_rd_origin), l->rd_origin_off, 1);
    if (f->kind == FK_TIME && c->timestamps_secs)
        add_fix(p, FIX_SECONDS, col->off);
    if (c->tos_encode_as_dscp && (f == &fields[FIELD_tos] || f == &fields[FIELD_tunnel_tos]))
        add_fix(p, c->tos_file ? FIX_DSCP_LISTED : FIX_DSCP, col->off);
    if (spec->icmp_as_port && f == &fields[FIELD_dst_port])
        add_fix(p, FIX_ICMP, col->off);
}

/* Octets at the key's beginning that copies write: those of fixed columns come first. */
static unsigned copied(const struct layout *l)
{
    unsigned used = 0;
    for (unsigned i = 0; i < l->n; i++)
        if (l->col[i].place == PLACE_FIXED)
            used = l->col[i].off + l->col[i].len + (l->col[i].field->kind == FK_RD);
    return used;
}

void projection_make(struct projection *p, const struct layout *l, const struct aggregate_spec *spec,
                     const struct config *c)
{
    memset(p, 0, sizeof(*p));
    p->fixed = l->fixed;
    p->sum = spec->sum;
    p->has_bin = l->bin_off != LAYOUT_NO_BIN;
    for (unsigned i = 0; i < l->n; i++)
        add_column(p, l, &l->col[i], spec, c);
    p->zero_from = (uint16_t)(copied(l) / 8 * 8);
    p->times = spec->times;
    p->size_max = (uint16_t)(sizeof(struct record) + p->fixed + p->n_addr * sizeof(struct addr) + 8 +
                             (p->times ? sizeof(struct record_times) : 0));
}

void projection_fix(const struct projection *p, const struct flow *f, uint8_t *key)
{
    for (unsigned i = 0; i < p->n_fix; i++) {
        uint8_t *at = key + p->fix[i].at;
        switch ((enum fix_kind)p->fix[i].kind) {
        case FIX_SECONDS: {
            int64_t t;
            memcpy(&t, at, sizeof(t));
            t -= t % US_PER_S;
            memcpy(at, &t, sizeof(t));
            break;
        }
        case FIX_DSCP_LISTED: /* 255: none of those that are told apart (view_lists) */
            *at = *at == 255 ? 255 : *at >> 2;
            break;
        case FIX_DSCP:
            *at >>= 2;
            break;
        case FIX_ICMP:
            if (f->icmp_type)
                memcpy(at, &f->icmp_type, sizeof(f->icmp_type));
            break;
        }
    }
}

uint8_t *projection_vars(const struct projection *p, const struct flow *f, uint8_t *key, uint8_t *d)
{
    for (unsigned i = 0; i < p->n_var; i++) {
        const struct var *v = (const struct var *)((const char *)f + p->var[i].from);
        uint16_t len = (uint16_t)v->len;
        memcpy(key + p->var[i].to, &len, 2);
        if (len)
            memcpy(d, v->p, len);
        d += len;
    }
    return d;
}

void projection_times(const struct flow *f, struct record *rec)
{
    rec->units = (record_size(rec) + (uint32_t)sizeof(struct record_times)) / RECORD_UNIT & 0xfff;
    *record_times(rec) = (struct record_times){ f->start_us, f->end_us };
}

void projection_run_packet(const struct projection *p, const struct flow *f,
                           const struct record_packet *packet, struct record *rec)
{
    projection_run(p, f, rec);
    uint8_t *at = (uint8_t *)rec + record_size(rec), *end = at + record_packet_room(packet->caplen);
    if (packet->caplen)
        memcpy(at, f->packet, packet->caplen);
    memset(at + packet->caplen, 0, (size_t)(end - at) - packet->caplen);
    memcpy(end - sizeof(*packet), packet, sizeof(*packet));
    rec->units = (uint32_t)(end - (uint8_t *)rec) / RECORD_UNIT & 0xfff;
}

void projection_swap(const struct projection *p, const struct flow *f, struct flow *swapped)
{
    *swapped = *f;
    switch ((enum sum_kind)p->sum) {
    case SUM_MAC:
        swapped->src_mac = f->dst_mac;
        break;
    case SUM_HOST:
        swapped->src_host = f->dst_host;
        break;
    case SUM_NET:
        swapped->src_net = f->dst_net;
        break;
    case SUM_AS:
        swapped->src_as = f->dst_as;
        break;
    case SUM_PORT:
        swapped->src_port = f->dst_port;
        break;
    case SUM_NONE:
        break;
    }
}
