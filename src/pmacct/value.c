/* SPDX-License-Identifier: BSD-2-Clause */
/* Text of a query's value → octets, one row a kind. */
#include "pmacct/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/cursor.h"

struct ask {
    const struct field *f;
    bool utc;
};

typedef bool put_fn(const struct ask *a, const char *text, struct strbuf *out);

/* A whole number of at most max, decimal or hex, nothing behind it. */
static bool number(const char *text, int base, uint64_t max, uint64_t *v)
{
    char *end;
    errno = 0;
    *v = strtoull(text, &end, base);
    return isxdigit((unsigned char)*text) && !*end && !errno && *v <= max;
}

/* One to n digits at *p, which moves behind them. */
static bool digits(const char **p, unsigned base, unsigned n, unsigned *v)
{
    const char *start = *p;
    for (*v = 0; n && isxdigit((unsigned char)**p); n--, ++*p) {
        unsigned d = isdigit((unsigned char)**p) ? (unsigned)(**p - '0')
                                                 : (unsigned)(tolower((unsigned char)**p) - 'a' + 10);
        if (d >= base)
            break;
        *v = *v * base + d;
    }
    return *p != start;
}

/* One of the characters of `any` at *p, which moves behind it. */
static bool one_of(const char **p, const char *any) { return **p && strchr(any, **p) && (*p)++; }

static bool put_int(const struct ask *a, const char *text, int base, struct strbuf *out)
{
    uint64_t v, max = a->f->size >= 8 ? UINT64_MAX : (UINT64_C(1) << a->f->size * 8) - 1;
    if (!number(text, base, max, &v))
        return false;
    uint8_t b1 = (uint8_t)v;
    uint16_t b2 = (uint16_t)v;
    uint32_t b4 = (uint32_t)v;
    switch (a->f->size) {
    case 1:
        strbuf_add(out, &b1, 1);
        break;
    case 2:
        strbuf_add(out, &b2, 2);
        break;
    case 4:
        strbuf_add(out, &b4, 4);
        break;
    default:
        strbuf_add(out, &v, 8);
    }
    return true;
}

static bool put_decimal(const struct ask *a, const char *text, struct strbuf *out)
{
    return put_int(a, text, 10, out);
}

static bool put_etype(const struct ask *a, const char *text, struct strbuf *out)
{
    return put_int(a, text, 16, out);
}

static bool put_mac(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    for (unsigned i = 0; i < 6; i++) {
        unsigned octet;
        if ((i && !one_of(&text, ":")) || !digits(&text, 16, 2, &octet))
            return false;
        strbuf_char(out, (char)octet);
    }
    return !*text;
}

/* Nothing is an address that was never set, as csv prints it. */
static bool put_addr(const struct ask *a, const char *text, struct strbuf *out)
{
    struct addr ip = { 0 };
    (void)a;
    if (*text && addr_parse(text, &ip) == -1)
        return false;
    strbuf_add(out, &ip, sizeof(ip));
    return true;
}

/* A network may be written with its length, which clears the bits behind; 0.0.0.0 stands for one never set,
 * as csv prints it. */
static bool put_net(const struct ask *a, const char *text, struct strbuf *out)
{
    struct addr ip = { 0 };
    char copy[ADDR_TEXT];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    uint64_t bits;
    if (!strcmp(text, "0.0.0.0"))
        return put_addr(a, "", out);
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (len && addr_parse(copy, &ip) == -1)
        return false;
    if (slash) {
        if (!number(slash + 1, 10, addr_is_v4(&ip) ? 32 : 128, &bits))
            return false;
        addr_mask(&ip, (unsigned)bits);
    }
    strbuf_add(out, &ip, sizeof(ip));
    return true;
}

static bool put_proto(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    int n = proto_number(text);
    strbuf_char(out, (char)n);
    return n >= 0 && n <= 255;
}

/* `administrator:number` behind an RD's type, RFC 4364 §4.2. */
static bool rd_rest(const char *text, unsigned type, uint32_t *admin, uint64_t *n)
{
    char where[ADDR_TEXT];
    size_t len = strcspn(text, ":");
    struct addr ip;
    uint64_t asn = 0;
    if (!text[len] || len >= sizeof(where))
        return false;
    memcpy(where, text, len);
    where[len] = '\0';
    if (type == 1 ? addr_parse(where, &ip) == -1 || !addr_is_v4(&ip)
                  : !number(where, 10, type == 0 ? UINT16_MAX : UINT32_MAX, &asn))
        return false;
    *admin = type == 1 ? load_be32(ip.b + 12) : (uint32_t)asn;
    return number(text + len + 1, 10, type == 0 ? UINT32_MAX : UINT16_MAX, n);
}

/* type:administrator:number, or vrfid:number. */
static bool put_rd(const struct ask *a, const char *text, struct strbuf *out)
{
    unsigned type = RD_TYPE_VRFID;
    uint32_t admin = 0;
    uint64_t n;
    (void)a;
    if (!strncmp(text, "vrfid:", 6)) {
        if (!number(text + 6, 10, UINT32_MAX, &n))
            return false;
    } else if (!digits(&text, 10, 1, &type) || type > 2 || !one_of(&text, ":") ||
               !rd_rest(text, type, &admin, &n)) {
        return false;
    }
    bool wide = type == 1 || type == 2; /* the administrator has four octets, the number two */
    uint64_t rd = (uint64_t)type << 48 | (wide ? (uint64_t)admin << 16 | n : (uint64_t)admin << 32 | n);
    rd = __builtin_bswap64(rd);
    strbuf_add(out, &rd, sizeof(rd));
    return true;
}

static bool put_letter(const char *letters, const char *text, struct strbuf *out)
{
    const char *at = *text && !text[1] ? strchr(letters, *text) : NULL;
    strbuf_char(out, (char)(at ? at - letters : 0));
    return at != NULL;
}

static bool put_roa(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    return put_letter("uivVU", text, out);
}

static bool put_direction(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    return put_letter("uie", text, out);
}

/* Text in a member of fixed size, padded with NUL. */
static bool put_fixed(const struct ask *a, const char *text, struct strbuf *out)
{
    char b[32] = { 0 };
    size_t len = strlen(text);
    if (len > a->f->size || a->f->size > sizeof(b))
        return false;
    memcpy(b, text, len);
    strbuf_add(out, b, a->f->size);
    return true;
}

static bool put_class(const struct ask *a, const char *text, struct strbuf *out)
{
    return put_fixed(a, strcmp(text, "unknown") ? text : "", out);
}

/* lat:lon */
static bool put_coords(const struct ask *a, const char *text, struct strbuf *out)
{
    struct coords at;
    char *end;
    (void)a;
    at.lat = strtod(text, &end);
    if (end == text || *end != ':')
        return false;
    const char *lon = end + 1;
    at.lon = strtod(lon, &end);
    strbuf_add(out, &at, sizeof(at));
    return end != lon && !*end && isfinite(at.lat) && isfinite(at.lon);
}

/* Microseconds out of `.250000` behind the seconds; moves *text behind it. */
static int64_t fraction(const char **text)
{
    int64_t us = 0;
    int64_t place = 100000;
    if (**text != '.')
        return 0;
    for (++*text; isdigit((unsigned char)**text); ++*text, place /= 10)
        us += (**text - '0') * place;
    return us;
}

/* Seconds east of Greenwich out of `Z` or `+HH:MM`; *zoned: there was one. False: malformed. */
static bool zone(const char **text, bool *zoned, int64_t *east_s)
{
    unsigned h, m;
    *east_s = 0;
    *zoned = **text != '\0';
    if (!*zoned || one_of(text, "Z"))
        return true;
    int64_t sign = **text == '-' ? -1 : 1;
    if (!one_of(text, "+-") || !digits(text, 10, 2, &h) || !one_of(text, ":") || !digits(text, 10, 2, &m))
        return false;
    *east_s = sign * (int64_t)((h * 60 + m) * 60);
    return true;
}

static bool time_calendar(const struct ask *a, const char *text, int64_t *at_us)
{
    unsigned year, month, day, hour, min, sec;
    bool zoned;
    int64_t east_s;
    if (!digits(&text, 10, 4, &year) || !one_of(&text, "-") || !digits(&text, 10, 2, &month) ||
        !one_of(&text, "-") || !digits(&text, 10, 2, &day) || !one_of(&text, "T _") ||
        !digits(&text, 10, 2, &hour) || !one_of(&text, ":") || !digits(&text, 10, 2, &min) ||
        !one_of(&text, ":") || !digits(&text, 10, 2, &sec))
        return false;
    int64_t us = fraction(&text);
    if (!zone(&text, &zoned, &east_s) || *text)
        return false;
    struct tm tm = { .tm_year = (int)year - 1900,
                     .tm_mon = (int)month - 1,
                     .tm_mday = (int)day,
                     .tm_hour = (int)hour,
                     .tm_min = (int)min,
                     .tm_sec = (int)sec,
                     .tm_isdst = -1 };
    int64_t at_s = zoned || a->utc ? timegm(&tm) - east_s : mktime(&tm);
    *at_us = year || month || day ? at_s * US_PER_S + us : 0; /* all zero: never set */
    return true;
}

/* As the client prints times, with or without zone and fraction; or seconds since the epoch. */
static bool put_time(const struct ask *a, const char *text, struct strbuf *out)
{
    int64_t at_us;
    char *end;
    if (!time_calendar(a, text, &at_us)) {
        at_us = strtoll(text, &end, 10);
        const char *rest = end;
        if (end == text || at_us < 0 || at_us > INT64_MAX / US_PER_S - 1)
            return false;
        at_us = at_us * US_PER_S + fraction(&rest);
        if (*rest)
            return false;
    }
    strbuf_add(out, &at_us, sizeof(at_us));
    return true;
}

static bool put_text(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    strbuf_str(out, text);
    return strlen(text) <= UINT16_MAX;
}

/* Communities and paths: `_` stands for a blank. */
static bool put_list(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    for (const char *p = text; *p; p++)
        strbuf_char(out, *p == '_' ? ' ' : *p);
    return strlen(text) <= UINT16_MAX;
}

static bool put_as_path(const struct ask *a, const char *text, struct strbuf *out)
{
    return put_list(a, strcmp(text, "^$") ? text : "", out);
}

/* One of several values between `_`. */
static bool put_each(const char *text, struct strbuf *out, bool (*one)(const char *text, struct strbuf *out))
{
    char copy[ADDR_TEXT];
    while (*text) {
        size_t len = strcspn(text, "_");
        if (!len || len >= sizeof(copy))
            return false;
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (!one(copy, out))
            return false;
        text += len + (text[len] == '_');
    }
    return true;
}

static bool one_label(const char *text, struct strbuf *out)
{
    uint64_t v;
    if (!number(text, 10, UINT32_MAX, &v))
        return false;
    uint32_t label = (uint32_t)v;
    strbuf_add(out, &label, sizeof(label));
    return true;
}

static bool one_segment(const char *text, struct strbuf *out)
{
    struct addr ip;
    uint8_t octets[16];
    if (addr_parse(text, &ip) == -1)
        return false;
    addr_get_v6(&ip, octets);
    strbuf_add(out, octets, sizeof(octets));
    return true;
}

static bool put_labels(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    return put_each(text, out, one_label);
}

static bool put_segments(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a;
    return put_each(text, out, one_segment);
}

static bool put_never(const struct ask *a, const char *text, struct strbuf *out)
{
    (void)a, (void)text, (void)out;
    return false;
}

static const struct {
    put_fn *put;
    const char *what; /* the message says: <field>: Invalid <what> */
} kinds[FK_MAX] = {
    [FK_U8] = { put_decimal, "number" },
    [FK_U16] = { put_decimal, "number" },
    [FK_U32] = { put_decimal, "number" },
    [FK_U64] = { put_decimal, "number" },
    [FK_ASN] = { put_decimal, "AS number" },
    [FK_ETYPE] = { put_etype, "hexadecimal number" },
    [FK_MAC] = { put_mac, "MAC address" },
    [FK_ADDR] = { put_addr, "IP address" },
    [FK_NET] = { put_net, "IP address" },
    [FK_PROTO] = { put_proto, NULL },
    [FK_TCPFLAGS] = { put_decimal, "number" },
    [FK_RD] = { put_rd, "route distinguisher" },
    [FK_ROA] = { put_roa, "ROA status (one of u, i, v, V, U)" },
    [FK_DIRECTION] = { put_direction, "direction (one of u, i, e)" },
    [FK_FWDSTATUS] = { put_decimal, "number" },
    [FK_CLASS] = { put_class, "class" },
    [FK_COUNTRY] = { put_fixed, "country" },
    [FK_POCODE] = { put_fixed, "postal code" },
    [FK_COORDS] = { put_coords, "coordinates (latitude:longitude)" },
    [FK_TIME] = { put_time, "time" },
    [FK_TEXT] = { put_text, "text" },
    [FK_MAP] = { put_text, "text" },
    [FK_COMMS] = { put_list, "communities" },
    [FK_ASPATH] = { put_as_path, "AS path" },
    [FK_LABELS] = { put_labels, "label stack" },
    [FK_SEGMENTS] = { put_segments, "segment list" },
    [FK_C_UINT] = { put_never, "value: primitives of the site cannot be asked for" },
    [FK_C_HEX] = { put_never, "value: primitives of the site cannot be asked for" },
    [FK_C_IP] = { put_never, "value: primitives of the site cannot be asked for" },
    [FK_C_MAC] = { put_never, "value: primitives of the site cannot be asked for" },
    [FK_C_STR] = { put_text, "text" },
    [FK_C_RAW] = { put_never, "value: primitives of the site cannot be asked for" },
};

int value_put(const struct field *f, const char *text, bool utc, struct strbuf *out, struct err *e)
{
    const struct ask a = { .f = f, .utc = utc };
    size_t at = out->len;
    if (kinds[f->kind].put(&a, text, out) && !out->failed)
        return 0;
    out->len = at;
    if (f->kind == FK_PROTO)
        return err_set(e, ERR_FORMAT, "invalid protocol: '%s'", text); /* as scripts know it */
    return err_set(e, ERR_FORMAT, "%s: Invalid %s: '%s'", f->name, kinds[f->kind].what, text);
}
