/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of each kind of field, as csv and formatted output write it and as JSON takes it where it needs no
 * other form. One row a kind at the end; called through the columns that format.c makes. */
#include "output/format_impl.h"

#include <math.h>

#include "base/cursor.h"

static char *put_str(char *p, const char *text)
{
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

#define LOAD(type, name, v)                                                                                  \
    type name;                                                                                               \
    memcpy(&name, v, sizeof(name))

static char *text_u8(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    return put_u64(p, *v);
}

static char *text_u16(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(uint16_t, n, v);
    return put_u64(p, n);
}

static char *text_u32(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(uint32_t, n, v);
    return put_u64(p, n);
}

char *text_u64(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(uint64_t, n, v);
    return put_u64(p, n);
}

static char *text_etype(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(uint16_t, n, v);
    int shift = n > 0xfff ? 12 : n > 0xff ? 8 : n > 0xf ? 4 : 0;
    for (; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[n >> shift & 15];
    return p;
}

static char *text_mac(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    mac_text(v, p);
    return p + MAC_TEXT;
}

static char *text_addr(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(struct addr, a, v);
    return p + addr_text(&a, p);
}

char *text_addr_table(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    char *end = text_addr(c, f, v, p);
    return end == p ? put_str(p, "::") : end;
}

static char *text_net(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    char *end = text_addr(c, f, v, p);
    return end == p ? put_str(p, "0.0.0.0") : end;
}

static char *text_proto(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c;
    const struct proto_text *t = &f->proto[*v];
    memcpy(p, t->text, sizeof(t->text));
    return p + t->len;
}

/* RFC 4364 §4.2, as type:administrator:number. */
static char *text_rd(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    unsigned type = load_be16(v);
    if (type == RD_TYPE_VRFID)
        return put_u64(put_str(p, "vrfid:"), load_be32(v + 4));
    p = put_u64(p, type);
    *p++ = ':';
    if (type == 1) {
        struct addr a;
        addr_set_v4(&a, v + 2);
        p += addr_text(&a, p);
    } else {
        p = put_u64(p, type == 0 ? load_be16(v + 2) : load_be32(v + 2));
    }
    *p++ = ':';
    return put_u64(p, type == 0 ? load_be32(v + 4) : load_be16(v + 6));
}

static char *text_letter(const char *letters, unsigned n, uint8_t v, char *p)
{
    *p = letters[v < n ? v : 0];
    return p + 1;
}

static char *text_roa(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    return text_letter("uivVU", 5, *v, p);
}

static char *text_direction(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    return text_letter("uie", 3, *v, p);
}

/* Text in a fixed member, padded with NUL. */
static char *text_fixed(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)f;
    size_t n = strnlen((const char *)v, c->where == NOWHERE ? 0 : c->size);
    memcpy(p, v, n);
    return p + n;
}

static char *text_class(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    return *v ? text_fixed(c, f, v, p) : put_str(p, "unknown");
}

/* To the nearest, halves away from zero. By hand, since llround() alone would make every program of the
 * suite, the client that scripts call thousands of times too, load the library of mathematics. */
static long long rounded(double d)
{
    const long long whole = (long long)d;
    const double rest = d - (double)whole;
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

/* Degrees with six decimals; format_add makes two columns of a pair. */
static char *text_degrees(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    LOAD(double, d, v);
    long long micro = isfinite(d) && fabs(d) < 1e9 ? rounded(d * 1e6) : 0;
    if (micro < 0) {
        *p++ = '-';
        micro = -micro;
    }
    p = put_u64(p, (uint64_t)micro / 1000000);
    unsigned rest = (unsigned)(micro % 1000000);
    *p++ = '.';
    for (unsigned place = 100000; place; place /= 10)
        *p++ = (char)('0' + rest / place % 10);
    return p;
}

static char *text_time(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    LOAD(int64_t, at_us, v);
    return p + time_text(at_us, &f->st.time, true, &c->tc, p);
}

char *text_stamp(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    LOAD(int64_t, at_s, v);
    return p + time_text(at_s * US_PER_S, &f->st.time, false, &c->tc, p);
}

char *text_updated(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)v;
    memcpy(p, f->updated, sizeof(f->updated));
    return p + f->updated_len;
}

static void text_plain(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    strbuf_add(out, v, len);
}

/* Communities and paths: a blank would look like the end of a column. */
static void text_list(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    if (!strbuf_room(out, len))
        return;
    for (uint32_t i = 0; i < len; i++)
        out->p[out->len++] = v[i] == ' ' ? '_' : (char)v[i];
}

void text_as_path_client(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    if (len)
        text_list(f, v, len, out);
    else
        strbuf_lit(out, "^$");
}

static void text_labels(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    for (uint32_t i = 0; i + 4 <= len; i += 4) {
        LOAD(uint32_t, label, v + i);
        if (i)
            strbuf_char(out, '_');
        strbuf_u64(out, label);
    }
}

static void text_segments(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    char buf[ADDR_TEXT];
    for (uint32_t i = 0; i + 16 <= len; i += 16) {
        struct addr a;
        addr_set_v6(&a, v + i);
        if (i)
            strbuf_char(out, '_');
        strbuf_add(out, buf, addr_text(&a, buf));
    }
}

/* ---- primitives of the site */

static uint64_t number_of(const uint8_t *v, uint32_t len)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < len && i < sizeof(n); i++)
        n = n << 8 | v[i];
    return n;
}

static void text_own_number(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    strbuf_u64(out, number_of(v, len));
}

static void text_own_hex(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    strbuf_printf(out, "%llx", (unsigned long long)number_of(v, len));
}

static void text_own_addr(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char buf[ADDR_TEXT];
    struct addr a = { { 0 } };
    (void)f;
    if (len == 4)
        addr_set_v4(&a, v);
    else if (len == 16)
        addr_set_v6(&a, v);
    strbuf_add(out, buf, addr_text(&a, buf));
}

static void text_own_mac(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    char buf[MAC_TEXT];
    (void)f;
    if (len != 6)
        return;
    mac_text(v, buf);
    strbuf_add(out, buf, sizeof(buf));
}

/* 01-02-FF */
static void text_own_raw(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    (void)f;
    for (uint32_t i = 0; i < len; i++) {
        if (i)
            strbuf_char(out, '-');
        strbuf_char(out, digits[v[i] >> 4]);
        strbuf_char(out, digits[v[i] & 15]);
    }
}

/* Up to the first NUL: strings fill their field, or do not. */
static void text_own_string(const struct format *f, const uint8_t *v, uint32_t len, struct strbuf *out)
{
    (void)f;
    strbuf_add(out, v, len ? strnlen((const char *)v, len) : 0);
}

const struct kind_text kind_text[FK_MAX] = {
    [FK_U8] = { text_u8, NULL, 3, false, false },
    [FK_U16] = { text_u16, NULL, 5, false, false },
    [FK_U32] = { text_u32, NULL, 10, false, false },
    [FK_U64] = { text_u64, NULL, 20, false, false },
    [FK_ASN] = { text_u32, NULL, 10, false, false },
    [FK_ETYPE] = { text_etype, NULL, 4, true, false },
    [FK_MAC] = { text_mac, NULL, MAC_TEXT, true, false },
    [FK_ADDR] = { text_addr, NULL, ADDR_TEXT, true, false },
    [FK_NET] = { text_net, NULL, ADDR_TEXT, true, false },
    [FK_PROTO] = { text_proto, NULL, 15, true, false },
    [FK_TCPFLAGS] = { text_u8, NULL, 3, true, false },
    [FK_RD] = { text_rd, NULL, 40, true, false },
    [FK_ROA] = { text_roa, NULL, 1, true, false },
    [FK_DIRECTION] = { text_direction, NULL, 1, true, false },
    [FK_FWDSTATUS] = { text_u8, NULL, 3, true, false },
    [FK_CLASS] = { text_class, NULL, sizeof(struct class_name), true, true },
    [FK_COUNTRY] = { text_fixed, NULL, 4, true, true },
    [FK_POCODE] = { text_fixed, NULL, 12, true, true },
    [FK_COORDS] = { text_degrees, NULL, 20, false, false },
    [FK_TIME] = { text_time, NULL, TIME_TEXT, true, false },
    [FK_TEXT] = { NULL, text_plain, 0, true, true },
    [FK_MAP] = { NULL, text_plain, 0, true, true },
    [FK_COMMS] = { NULL, text_list, 0, true, true },
    [FK_ASPATH] = { NULL, text_list, 0, true, true },
    [FK_LABELS] = { NULL, text_labels, 0, true, true },
    [FK_SEGMENTS] = { NULL, text_segments, 0, true, true },
    [FK_C_UINT] = { NULL, text_own_number, 0, true, false },
    [FK_C_HEX] = { NULL, text_own_hex, 0, true, false },
    [FK_C_IP] = { NULL, text_own_addr, 0, true, false },
    [FK_C_MAC] = { NULL, text_own_mac, 0, true, false },
    [FK_C_STR] = { NULL, text_own_string, 0, true, true },
    [FK_C_RAW] = { NULL, text_own_raw, 0, true, false },
};
