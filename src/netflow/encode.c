/* SPDX-License-Identifier: BSD-2-Clause */
/* Encoders of NetFlow v5, v9 (RFC 3954) and IPFIX (RFC 7011). */
#include "netflow/encode_impl.h"

#include <stdlib.h>
#include "base/clock.h"
#include "core/custom.h"
#include "netflow/elements.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum {
    V5_HEADER = 24,
    V5_RECORD = 48,
    V5_RECORDS_MAX = 30,
    V9_HEADER = 20,
    IPFIX_HEADER = 16,
    SET_HEADER = 4,
    TEMPLATE_IP4 = 1024,
    TEMPLATE_IP6 = 2048,    /* first ids; each instance has two of its own */
    REFRESH_DATAGRAMS = 20, /* templates are told again after so many datagrams */
    REFRESH_US = 60000000,  /* or so long */
    AS_TRANS = 23456,       /* RFC 6793: stands for AS numbers that do not fit 16 bits */
    NO_COLUMN = 0xffff,
    RECORD_LEN_MAX = 1400, /* of one flow */
};

/* ---- what is exported: a row a field */

/* How a value is written. The first ones read the key, the others the flow. */
enum put {
    PUT_OCTETS,
    PUT_BE16,
    PUT_BE32,
    PUT_BE64,
    PUT_ADDR4,
    PUT_LABEL,
    PUT_FIRST_MS,
    PUT_LAST_MS,
    PUT_FIRST_UP,
    PUT_LAST_UP,
    PUT_FIRST_NTP,
    PUT_LAST_NTP,
    PUT_BYTES,
    PUT_PACKETS,
    PUT_FLOWS,
    PUT_VERSION,
    PUT_IN_IFACE,
    PUT_OUT_IFACE,
    PUT_EGRESS,
    PUT_TCPFLAGS,
    PUT_ONE,
    PUT_END,
    PUT_APP,
    PUT_TEXT,
    PUT_CUSTOM,
};

enum only { ANY_VERSION, ONLY_IPFIX };

/* Elements of a field for IPv4 and IPv6 and, where they differ, for flows seen leaving. len 0: as
 * elements.def says. */
struct export_row {
    uint16_t field; /* enum field_id; FIELD_MAX: always */
    uint8_t put, put6;
    uint16_t ip4, ip6, egress;
    uint16_t len;
    uint32_t pen;
    uint8_t only;
};

static const struct export_row times_ms[] = {
    { FIELD_MAX, PUT_LAST_MS, PUT_LAST_MS, 153, 153, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_FIRST_MS, PUT_FIRST_MS, 152, 152, 0, 0, 0, ANY_VERSION },
};
static const struct export_row times_up[] = {
    { FIELD_MAX, PUT_LAST_UP, PUT_LAST_UP, 21, 21, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_FIRST_UP, PUT_FIRST_UP, 22, 22, 0, 0, 0, ANY_VERSION },
};
static const struct export_row times_ntp[] = {
    { FIELD_MAX, PUT_LAST_NTP, PUT_LAST_NTP, 155, 155, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_FIRST_NTP, PUT_FIRST_NTP, 154, 154, 0, 0, 0, ANY_VERSION },
};

static const struct export_row always[] = {
    { FIELD_MAX, PUT_BYTES, PUT_BYTES, 1, 1, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_PACKETS, PUT_PACKETS, 2, 2, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_VERSION, PUT_VERSION, 60, 60, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_IN_IFACE, PUT_IN_IFACE, 10, 10, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_OUT_IFACE, PUT_OUT_IFACE, 14, 14, 0, 0, 0, ANY_VERSION },
    { FIELD_MAX, PUT_EGRESS, PUT_EGRESS, 61, 61, 0, 0, 0, ANY_VERSION },
};

static const struct export_row why_ended = { FIELD_MAX, PUT_END, PUT_END, 136, 136, 0, 1, 0, ANY_VERSION };

static const struct export_row count_of_flows = {
    FIELD_MAX, PUT_FLOWS, PUT_FLOWS, 3, 3, 0, 4, 0, ANY_VERSION
};

static const struct export_row rows[] = {
    { FIELD_src_host, PUT_ADDR4, PUT_OCTETS, 8, 27, 0, 0, 0, ANY_VERSION },
    { FIELD_dst_host, PUT_ADDR4, PUT_OCTETS, 12, 28, 0, 0, 0, ANY_VERSION },
    { FIELD_peer_dst_ip, PUT_ADDR4, PUT_OCTETS, 18, 63, 0, 0, 0, ANY_VERSION },
    { FIELD_src_mask, PUT_OCTETS, PUT_OCTETS, 9, 29, 0, 0, 0, ANY_VERSION },
    { FIELD_dst_mask, PUT_OCTETS, PUT_OCTETS, 13, 30, 0, 0, 0, ANY_VERSION },
    { FIELD_src_port, PUT_BE16, PUT_BE16, 7, 7, 0, 0, 0, ANY_VERSION },
    { FIELD_dst_port, PUT_BE16, PUT_BE16, 11, 11, 0, 0, 0, ANY_VERSION },
    { FIELD_tos, PUT_OCTETS, PUT_OCTETS, 5, 5, 0, 0, 0, ANY_VERSION },
    { FIELD_tcpflags, PUT_TCPFLAGS, PUT_TCPFLAGS, 6, 6, 0, 1, 0, ANY_VERSION },
    { FIELD_proto, PUT_OCTETS, PUT_OCTETS, 4, 4, 0, 0, 0, ANY_VERSION },
    { FIELD_src_as, PUT_BE32, PUT_BE32, 16, 16, 0, 0, 0, ANY_VERSION },
    { FIELD_dst_as, PUT_BE32, PUT_BE32, 17, 17, 0, 0, 0, ANY_VERSION },
    { FIELD_src_mac, PUT_OCTETS, PUT_OCTETS, 56, 56, 81, 0, 0, ANY_VERSION },
    { FIELD_dst_mac, PUT_OCTETS, PUT_OCTETS, 80, 80, 57, 0, 0, ANY_VERSION },
    { FIELD_vlan, PUT_BE16, PUT_BE16, 58, 58, 59, 0, 0, ANY_VERSION },
    { FIELD_in_cvlan, PUT_BE16, PUT_BE16, 245, 245, 0, 0, 0, ANY_VERSION },
    { FIELD_cos, PUT_OCTETS, PUT_OCTETS, 244, 244, 0, 0, 0, ANY_VERSION },
    { FIELD_etype, PUT_BE16, PUT_BE16, 256, 256, 0, 0, 0, ANY_VERSION },
    { FIELD_mpls_label_top, PUT_LABEL, PUT_LABEL, 70, 70, 0, 3, 0, ANY_VERSION },
    { FIELD_class, PUT_APP, PUT_APP, 95, 95, 0, ENCODE_APP_LEN, 0, ANY_VERSION },
    { FIELD_sampling_rate, PUT_ONE, PUT_ONE, 48, 48, 0, 1, 0, ANY_VERSION },
    { FIELD_tag, PUT_BE64, PUT_BE64, 1, 1, 0, 8, PEN_PMACCT, ONLY_IPFIX },
    { FIELD_tag2, PUT_BE64, PUT_BE64, 2, 2, 0, 8, PEN_PMACCT, ONLY_IPFIX },
    { FIELD_label, PUT_TEXT, PUT_TEXT, 3, 3, 0, ELEMENT_VAR, PEN_PMACCT, ONLY_IPFIX },
};

bool encoder_knows(enum field_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].field == id)
            return true;
    return id == FIELD_in_iface || id == FIELD_out_iface;
}

/* ---- times */

static uint64_t ms_of(int64_t us) { return us > 0 ? (uint64_t)us / 1000 : 0; }

/* The uptime at a moment: between boot and the header's own, and less than 2^31 ms before that, so that it is
 * never taken for a wrap. */
static uint32_t uptime_of(const struct encoder *en, int64_t us)
{
    int64_t ago = en->header_ms - us / 1000, most = en->header_ms - en->boot_us / 1000;
    if (most > INT32_MAX)
        most = INT32_MAX;
    if (ago > most)
        ago = most;
    if (ago < 0)
        ago = 0;
    return en->uptime_ms - (uint32_t)ago;
}

/* RFC 7011 §6.1.9: seconds since 1900, and a binary fraction whose last 11 bits are zero; rounded up so that
 * it reads as the same µs. */
static uint64_t ntp_of(int64_t us)
{
    if (us <= 0)
        return 0;
    uint64_t seconds = (uint64_t)us / 1000000, fraction = (((uint64_t)us % 1000000) << 32) / 1000000;
    return (seconds + UINT64_C(2208988800)) << 32 | ((fraction + 0x7ff) & 0xfffff800);
}

/* ---- templates: compile */

static bool carries_ip6(unsigned template) { return template >= 2; }
static bool leaving(unsigned template) { return template & 1; }

static void add_step(struct encoder *en, struct template *t, struct put_step step, uint32_t pen, uint16_t id)
{
    t->step[t->n] = step;
    t->field[t->n++] = (struct template_field){ pen, id, step.len };
    t->record_len =
        (uint16_t)(t->record_len + (step.len == ELEMENT_VAR ? 3 : step.len)); /* 3: a length, at most */
    en->texts |= step.put == PUT_TEXT;
}

/* Elements of others' own stand behind those of IANA; v9 has neither them nor variable lengths. */
static bool add_customs(struct encoder *en, unsigned which, bool own, struct err *e)
{
    const struct layout *l = en->c.layout;
    for (unsigned i = 0; i < l->n && en->c.customs; i++) {
        if (l->col[i].field->kind < FK_C_UINT)
            continue;
        ptrdiff_t n = (const struct custom *)l->col[i].field - en->c.customs->c;
        if (!(en->c.custom >> n & 1))
            continue;
        const struct custom *c = &en->c.customs->c[n];
        bool said = en->c.version == 10 || (!c->pen && c->len);
        if (!said || (c->pen != 0) != own)
            continue;
        struct template *t = &en->template[which];
        if (t->n == STEPS_MAX || t->record_len + c->len > RECORD_LEN_MAX)
            return err_set(e, ERR_LIMIT, "'%s' has no room in a datagram", c->name) == 0;
        struct put_step s = { c->len ? PUT_CUSTOM : PUT_TEXT, c->len ? c->len : (uint16_t)ELEMENT_VAR,
                              (uint16_t)i };
        add_step(en, t, s, c->pen, c->id);
    }
    return true;
}

uint64_t encoder_customs(const struct customs *customs, uint64_t asked)
{
    uint64_t can = 0;
    for (unsigned i = 0; customs && i < customs->n; i++)
        if (customs->c[i].from_element && asked >> i & 1)
            can |= UINT64_C(1) << i;
    return can;
}

static bool add_row(struct encoder *en, unsigned which, const struct export_row *r, struct err *e)
{
    struct template *t = &en->template[which];
    uint16_t id = leaving(which) && r->egress ? r->egress : carries_ip6(which) ? r->ip6 : r->ip4;
    const struct element *el = element_find(r->pen, id);
    uint16_t len = r->len ? r->len : el ? el->len : 0;
    if (!len || (len > 16 && len != ELEMENT_VAR) || t->n == STEPS_MAX) {
        err_set(e, ERR_LIMIT, "element %u cannot be exported", id);
        return false;
    }
    uint16_t from = r->field == FIELD_MAX ? 0 : en->off[r->field];
    if (r->put == PUT_TEXT)
        from = (uint16_t)(layout_find(en->c.layout, r->field) - en->c.layout->col);
    add_step(en, t, (struct put_step){ carries_ip6(which) ? r->put6 : r->put, len, from }, r->pen, id);
    return true;
}

static bool add_rows(struct encoder *en, unsigned which, const struct export_row *r, size_t n, bool own,
                     struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if ((r[i].pen != 0) != own)
            continue;
        bool asked = r[i].field == FIELD_MAX || fieldset_has(&en->c.fields, r[i].field);
        bool readable =
            r[i].field == FIELD_MAX || en->off[r[i].field] != NO_COLUMN || r[i].put >= PUT_FIRST_MS;
        if (!asked || !readable || (r[i].only == ONLY_IPFIX && en->c.version != 10))
            continue;
        if (!add_row(en, which, &r[i], e))
            return false;
    }
    return true;
}

static bool compile(struct encoder *en, unsigned which, struct err *e)
{
    const struct export_row *times = en->c.usec                            ? times_ntp
                                     : en->c.version == 9 && en->c.uptimes ? times_up
                                                                           : times_ms;
    unsigned first = carries_ip6(which) ? TEMPLATE_IP6 : TEMPLATE_IP4;
    en->template[which].id = (uint16_t)(first + 2u * en->c.instance + leaving(which));
    return add_rows(en, which, times, 2, false, e) &&
           add_rows(en, which, always, ARRAY_LEN(always), false, e) &&
           (!en->c.end_reasons || add_row(en, which, &why_ended, e)) &&
           (!en->c.flows || add_row(en, which, &count_of_flows, e)) &&
           add_rows(en, which, rows, ARRAY_LEN(rows), false, e) && add_customs(en, which, false, e) &&
           add_rows(en, which, rows, ARRAY_LEN(rows), true, e) && add_customs(en, which, true, e);
}

struct encoder *encoder_new(const struct encoder_conf *c, struct err *e)
{
    if (c->version != 5 && c->version != 9 && c->version != 10) {
        err_set(e, ERR_CONFIG, "NetFlow version %u: 5, 9 and 10 (IPFIX) can be exported", c->version);
        return NULL;
    }
    struct encoder *en = calloc(1, sizeof(*en));
    if (!en) {
        err_sys(e, "no memory for the encoder");
        return NULL;
    }
    en->c = *c;
    for (unsigned i = 0; i < FIELD_MAX; i++) {
        const struct column *col = layout_find(c->layout, i);
        en->off[i] = col && !(col->field->flags & F_OR) ? col->off : (uint16_t)NO_COLUMN;
    }
    if (c->version == 5)
        return en;
    bool fine = true;
    for (unsigned i = 0; i < TEMPLATES && fine; i++)
        fine = compile(en, i, e);
    if (fine && encode_names_open(en) == -1) {
        err_sys(e, "no memory for the encoder");
        fine = false;
    }
    if (fine)
        return en;
    encoder_free(en);
    return NULL;
}

void encoder_free(struct encoder *en)
{
    if (en)
        encode_names_close(en);
    free(en);
}

void encoder_clock(struct encoder *en, int64_t now_us) { en->now_us = now_us; }
void encoder_boot(struct encoder *en, int64_t boot_us) { en->boot_us = boot_us; }

/* ---- datagrams */

static uint32_t room(const struct encoder *en) { return ENCODE_DATAGRAM_MAX - en->len; }

void encode_close_set(struct encoder *en)
{
    if (!en->set)
        return;
    while ((en->len - en->set) % 4)
        en->buf[en->len++] = 0;
    put_be16(en->buf + en->set + 2, (uint16_t)(en->len - en->set));
    en->set = 0;
}

void encode_open_set(struct encoder *en, uint16_t id)
{
    encode_close_set(en);
    en->set = en->len;
    en->set_id = id;
    put_be16(en->buf + en->len, id);
    en->len += SET_HEADER;
}

static void header_v5(struct encoder *en)
{
    uint32_t rate = en->c.sampling_rate;
    uint8_t *p = put_be16(put_be16(en->buf, 5), (uint16_t)en->flows);
    p = put_be32(put_be32(p, en->uptime_ms), (uint32_t)(en->header_ms / 1000));
    p = put_be32(put_be32(p, 0), en->sequence);
    *p++ = en->c.engine_type;
    *p++ = en->c.engine_id;
    put_be16(p, rate ? (uint16_t)(0x4000 | (rate & 0x3fff)) : 0);
    en->sequence += en->flows;
}

static void header_v9(struct encoder *en)
{
    uint8_t *p = put_be16(put_be16(en->buf, 9), (uint16_t)en->records);
    p = put_be32(put_be32(p, en->uptime_ms), (uint32_t)(en->header_ms / 1000));
    put_be32(put_be32(p, en->sequence), en->c.domain);
    en->sequence++;
}

static void header_ipfix(struct encoder *en)
{
    uint8_t *p = put_be16(put_be16(en->buf, 10), (uint16_t)en->len);
    put_be32(put_be32(put_be32(p, (uint32_t)(en->now_us / US_PER_S)), en->sequence), en->c.domain);
    en->sequence += en->data_records;
}

static void finish(struct encoder *en)
{
    encode_close_set(en);
    if (en->c.version == 5)
        header_v5(en);
    else if (encode_is_ipfix(en))
        header_ipfix(en);
    else
        header_v9(en);
    en->c.emit(en->c.arg, en->buf, en->len);
    en->len = en->flows = en->records = en->data_records = 0;
}

/* Header times are whole seconds, the next one, so that uptimes are exact to the millisecond and none lies
 * after the header's. */
static void begin(struct encoder *en)
{
    static const uint8_t header_len[] = { [5] = V5_HEADER, [9] = V9_HEADER, [10] = IPFIX_HEADER };
    en->len = header_len[en->c.version];
    en->header_ms = (en->now_us + US_PER_S - 1) / US_PER_S * 1000;
    en->uptime_ms = (uint32_t)(en->header_ms - en->boot_us / 1000);
}

/* What is to be told goes on in another datagram. */
static void next(struct encoder *en)
{
    finish(en);
    begin(en);
    en->since_templates++;
}

void encode_make_room(struct encoder *en, uint32_t n)
{
    if (room(en) < n + SET_HEADER + 6) /* and two paddings */
        next(en);
}

/* ---- templates: told now and then */

static void tell_template(struct encoder *en, const struct template *t)
{
    uint8_t *p = put_be16(put_be16(en->buf + en->len, t->id), (uint16_t)t->n);
    for (unsigned i = 0; i < t->n; i++) {
        p = put_be16(put_be16(p, t->field[i].pen ? t->field[i].id | 0x8000 : t->field[i].id),
                     t->field[i].len);
        if (t->field[i].pen)
            p = put_be32(p, t->field[i].pen);
    }
    en->len = (uint32_t)(p - en->buf);
    en->records++;
}

static uint32_t template_octets(const struct template *t)
{
    uint32_t n = 4 + 4 * t->n;
    for (unsigned i = 0; i < t->n; i++)
        n += t->field[i].pen ? 4 : 0;
    return n;
}

static void tell_templates(struct encoder *en)
{
    const uint16_t id = encode_is_ipfix(en) ? 2 : 0;
    for (unsigned i = 0; i < TEMPLATES; i++) {
        encode_make_room(en, template_octets(&en->template[i]));
        if (!en->set || en->set_id != id)
            encode_open_set(en, id);
        tell_template(en, &en->template[i]);
    }
    encode_close_set(en);
    encode_tell_options(en);
    en->since_templates = 0;
    en->templates_at_us = en->now_us;
}

static void begin_templated(struct encoder *en)
{
    begin(en);
    if (!en->templates_at_us || en->since_templates >= REFRESH_DATAGRAMS ||
        en->now_us - en->templates_at_us >= REFRESH_US)
        tell_templates(en);
    en->since_templates++;
}

/* ---- records */

static uint32_t text_of(const struct encoder *en, uint16_t from, const uint8_t *key, const uint8_t **p)
{
    uint32_t len = 0;
    *p = layout_tail(en->c.layout, &en->c.layout->col[from], key, &len);
    return len;
}

/* RFC 7011 §7: an octet of length; or 255 and two of them. */
static uint8_t *put_text(const struct encoder *en, const struct put_step *s, const uint8_t *key, uint8_t *p)
{
    const uint8_t *text;
    uint32_t len = text_of(en, s->from, key, &text);
    if (len < 255)
        *p++ = (uint8_t)len;
    else
        p = put_be16((*p = 255, p + 1), (uint16_t)len);
    memcpy(p, text, len);
    return p + len;
}

/* Zeros where the packet had nothing of the kind. */
static uint8_t *put_custom(const struct encoder *en, const struct put_step *s, const uint8_t *key, uint8_t *p)
{
    const uint8_t *octets;
    if (text_of(en, s->from, key, &octets) == s->len)
        memcpy(p, octets, s->len);
    else
        memset(p, 0, s->len);
    return p + s->len;
}

static uint8_t *run_step(const struct encoder *en, const struct put_step *s, const struct export_flow *f,
                         bool ip6, uint8_t *p)
{
    const uint8_t *from = f->key + s->from;
    switch ((enum put)s->put) {
    case PUT_OCTETS:
        memcpy(p, from, s->len);
        return p + s->len;
    case PUT_BE16:
        return put_be16(p, key16(from));
    case PUT_BE32:
        return put_be32(p, key32(from));
    case PUT_BE64:
        return put_be64(p, key64(from));
    case PUT_ADDR4:
        memcpy(p, from + 12, 4);
        return p + 4;
    case PUT_LABEL: /* label, traffic class, bottom of stack: 20, 3 and 1 bits */
        *p = (uint8_t)(key32(from) >> 12);
        return put_be16(p + 1, (uint16_t)(key32(from) << 4));
    case PUT_FIRST_MS:
        return put_be64(p, ms_of(f->first_us));
    case PUT_LAST_MS:
        return put_be64(p, ms_of(f->last_us));
    case PUT_FIRST_UP:
        return put_be32(p, uptime_of(en, f->first_us));
    case PUT_LAST_UP:
        return put_be32(p, uptime_of(en, f->last_us));
    case PUT_FIRST_NTP:
        return put_be64(p, ntp_of(f->first_us));
    case PUT_LAST_NTP:
        return put_be64(p, ntp_of(f->last_us));
    case PUT_BYTES:
        return put_be64(p, f->bytes);
    case PUT_PACKETS:
        return put_be64(p, f->packets);
    case PUT_FLOWS:
        return put_be32(p, (uint32_t)f->flows);
    case PUT_VERSION:
        *p = ip6 ? 6 : 4;
        return p + 1;
    case PUT_IN_IFACE:
        return put_be32(p, f->in_iface);
    case PUT_OUT_IFACE:
        return put_be32(p, f->out_iface);
    case PUT_EGRESS:
        *p = f->direction == DIRECTION_OUT;
        return p + 1;
    case PUT_TCPFLAGS:
        *p = f->tcpflags;
        return p + 1;
    case PUT_ONE:
        *p = 1;
        return p + 1;
    case PUT_END:
        *p = f->end;
        return p + 1;
    case PUT_APP: {
        uint32_t app = encode_app_of(en, f);
        *p = app ? ENCODE_APP_ENGINE : 0;
        return put_be32(p + 1, app);
    }
    case PUT_TEXT:
        return put_text(en, s, f->key, p);
    case PUT_CUSTOM:
        return put_custom(en, s, f->key, p);
    }
    return p;
}

/* IPv6 is what has an address that is set and not IPv4. */
static bool flow_is_ip6(const struct encoder *en, const struct export_flow *f)
{
    struct addr a;
    uint16_t at = en->off[FIELD_src_host] != NO_COLUMN ? en->off[FIELD_src_host] : en->off[FIELD_dst_host];
    if (at == NO_COLUMN)
        return false;
    memcpy(a.b, f->key + at, sizeof(a.b));
    return addr_is_set(&a) && !addr_is_v4(&a);
}

/* Octets of the variable fields of a record, their lengths not counted. */
static uint32_t texts_len(const struct encoder *en, const struct template *t, const uint8_t *key)
{
    const uint8_t *text;
    uint32_t len = 0;
    for (unsigned i = 0; i < t->n && en->texts; i++)
        if (t->step[i].put == PUT_TEXT)
            len += text_of(en, t->step[i].from, key, &text);
    return len;
}

/* Octets that a record of len octets takes, with what its set needs. */
static uint32_t need_for(const struct encoder *en, const struct template *t, uint32_t len)
{
    const uint32_t pad = 3;
    return len + pad + (en->set && en->set_id == t->id ? 0 : SET_HEADER + pad);
}

static bool add_templated(struct encoder *en, const struct export_flow *f, bool ip6)
{
    const struct template *t = &en->template[2 * ip6 + (f->direction == DIRECTION_OUT)];
    uint32_t len = t->record_len + texts_len(en, t, f->key);
    if (len > RECORD_LEN_MAX)
        return false;
    bool names = encode_note_names(en, f);
    if (en->len && need_for(en, t, len) > room(en))
        finish(en);
    if (!en->len)
        begin_templated(en);
    if (names)
        encode_tell_names(en);
    if (need_for(en, t, len) > room(en))
        next(en);
    if (!en->set || en->set_id != t->id)
        encode_open_set(en, t->id);
    uint8_t *p = en->buf + en->len;
    for (unsigned i = 0; i < t->n; i++)
        p = run_step(en, &t->step[i], f, ip6, p);
    en->len = (uint32_t)(p - en->buf);
    en->records++;
    en->data_records++;
    return true;
}

/* ---- v5 */

static const uint8_t *column(const struct encoder *en, const struct export_flow *f, enum field_id id)
{
    static const uint8_t none[16];
    return en->off[id] == NO_COLUMN || !fieldset_has(&en->c.fields, id) ? none : f->key + en->off[id];
}

static uint16_t as16(const uint8_t *p)
{
    uint32_t as = key32(p);
    return as > 0xffff ? AS_TRANS : (uint16_t)as;
}

static uint32_t counter32(uint64_t v) { return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v; }

static uint8_t *put_address(uint8_t *p, const uint8_t *column16)
{
    memcpy(p, column16 + 12, 4);
    return p + 4;
}

static void record_v5(const struct encoder *en, const struct export_flow *f, uint8_t *p)
{
    p = put_address(p, column(en, f, FIELD_src_host));
    p = put_address(p, column(en, f, FIELD_dst_host));
    p = put_address(p, column(en, f, FIELD_peer_dst_ip));
    p = put_be16(put_be16(p, (uint16_t)f->in_iface), (uint16_t)f->out_iface);
    p = put_be32(put_be32(p, counter32(f->packets)), counter32(f->bytes));
    p = put_be32(put_be32(p, uptime_of(en, f->first_us)), uptime_of(en, f->last_us));
    p = put_be16(put_be16(p, key16(column(en, f, FIELD_src_port))), key16(column(en, f, FIELD_dst_port)));
    *p++ = 0;
    *p++ = f->tcpflags;
    *p++ = *column(en, f, FIELD_proto);
    *p++ = *column(en, f, FIELD_tos);
    p = put_be16(put_be16(p, as16(column(en, f, FIELD_src_as))), as16(column(en, f, FIELD_dst_as)));
    *p++ = *column(en, f, FIELD_src_mask);
    *p++ = *column(en, f, FIELD_dst_mask);
    put_be16(p, 0);
}

static void add_v5(struct encoder *en, const struct export_flow *f)
{
    if (en->flows == V5_RECORDS_MAX)
        finish(en);
    if (!en->len)
        begin(en);
    record_v5(en, f, en->buf + en->len);
    en->len += V5_RECORD;
}

bool encoder_add(struct encoder *en, const struct export_flow *f)
{
    bool ip6 = flow_is_ip6(en, f);
    if (en->c.version == 5 && ip6)
        return false;
    if (en->c.version == 5)
        add_v5(en, f);
    else if (!add_templated(en, f, ip6))
        return false;
    en->flows++;
    return true;
}

void encoder_flush(struct encoder *en)
{
    if (en->flows)
        finish(en);
}
