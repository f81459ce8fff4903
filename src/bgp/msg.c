/* SPDX-License-Identifier: BSD-2-Clause */
/* BGP's framing and short messages. Called by sessions for whatever a socket holds, by BMP for what a router
 * passes on. */
#include "bgp/msg.h"

#include "base/cursor.h"

int bgp_fault(struct bgp_error *e, enum bgp_action action, uint8_t code, uint8_t subcode, const char *what)
{
    e->faults++;
    if (action > e->action) {
        uint16_t faults = e->faults;
        *e = (struct bgp_error){
            .action = action, .code = code, .subcode = subcode, .what = what, .faults = faults
        };
    }
    return -1;
}

static int fault_data(struct bgp_error *e, uint8_t subcode, const uint8_t *data, uint16_t n, const char *what)
{
    bgp_fault(e, BGP_RESET, BGP_ERR_HEADER, subcode, what);
    e->data = data;
    e->data_len = n;
    return -1;
}

/* Lengths of each type, header included (RFC 4271 §4, §6.1); `grows`: up to 65535 after RFC 8654. */
static const struct {
    uint16_t least;
    bool exact, grows;
} lengths[] = {
    [BGP_OPEN] = { 29, false, false },         [BGP_UPDATE] = { 23, false, true },
    [BGP_NOTIFICATION] = { 21, false, true },  [BGP_KEEPALIVE] = { BGP_HEADER, true, false },
    [BGP_ROUTE_REFRESH] = { 23, false, true }, [BGP_CAPABILITY] = { BGP_HEADER, false, false },
};

int bgp_frame(const uint8_t *p, size_t len, bool extended, struct bgp_error *e)
{
    static const uint8_t marker[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                        255, 255, 255, 255, 255, 255, 255, 255 };
    *e = (struct bgp_error){ 0 };
    if (memcmp(p, marker, len < sizeof(marker) ? len : sizeof(marker)) != 0)
        return bgp_fault(e, BGP_RESET, BGP_ERR_HEADER, 1, "marker is not all ones");
    if (len < BGP_HEADER)
        return 0;
    uint16_t n = load_be16(p + 16);
    uint8_t type = p[18];
    if (type < BGP_OPEN || type > BGP_CAPABILITY)
        return fault_data(e, 3, p + 18, 1, "unknown type of message");
    unsigned most = extended && lengths[type].grows ? BGP_MAX_EXTENDED : BGP_MAX;
    if (n < lengths[type].least || n > most || (lengths[type].exact && n != lengths[type].least))
        return fault_data(e, 2, p + 16, 2, "length of message is out of range");
    return n;
}

uint8_t *bgp_header_write(uint8_t *p, size_t len, enum bgp_type type)
{
    memset(p, 0xff, 16);
    p = put_be16(p + 16, (uint16_t)len);
    *p++ = (uint8_t)type;
    return p;
}

size_t bgp_keepalive_write(uint8_t p[BGP_HEADER])
{
    bgp_header_write(p, BGP_HEADER, BGP_KEEPALIVE);
    return BGP_HEADER;
}

size_t bgp_notification_write(uint8_t *p, size_t room, const struct bgp_error *e)
{
    size_t most = room < BGP_MAX ? room : BGP_MAX, fixed = BGP_HEADER + 2;
    if (room < fixed)
        return 0;
    size_t n = e->data_len < most - fixed ? e->data_len : most - fixed;
    uint8_t *q = bgp_header_write(p, fixed + n, BGP_NOTIFICATION);
    *q++ = e->code;
    *q++ = e->subcode;
    if (n)
        memcpy(q, e->data, n);
    return fixed + n;
}

size_t bgp_refresh_write(uint8_t p[BGP_REFRESH_LEN], uint16_t afi, uint8_t safi, uint8_t subtype)
{
    uint8_t *q = put_be16(bgp_header_write(p, BGP_REFRESH_LEN, BGP_ROUTE_REFRESH), afi);
    q[0] = subtype;
    q[1] = safi;
    return BGP_REFRESH_LEN;
}

int bgp_refresh_parse(const uint8_t *msg, size_t len, struct bgp_refresh *r, struct bgp_error *e)
{
    struct cursor c = cursor_of(msg, len);
    *e = (struct bgp_error){ 0 };
    cursor_skip(&c, BGP_HEADER);
    r->afi = cursor_u16(&c);
    r->subtype = cursor_u8(&c);
    r->safi = cursor_u8(&c);
    if (c.bad ||
        (r->subtype && cursor_left(&c))) { /* behind subtype 0 the list of ORF may stand (RFC 5291) */
        bgp_fault(e, BGP_RESET, BGP_ERR_REFRESH, 1, "length of ROUTE-REFRESH is wrong");
        e->data = msg;
        e->data_len = (uint16_t)len;
        return -1;
    }
    return 0;
}

int bgp_notification_parse(const uint8_t *msg, size_t len, struct bgp_notification *n, struct bgp_error *e)
{
    struct cursor c = cursor_of(msg, len);
    *e = (struct bgp_error){ 0 };
    cursor_skip(&c, BGP_HEADER);
    n->code = cursor_u8(&c);
    n->subcode = cursor_u8(&c);
    n->data_len = cursor_left(&c);
    n->data = c.p;
    if (c.bad)
        return bgp_fault(e, BGP_RESET, BGP_ERR_HEADER, 2, "NOTIFICATION ends early");
    return 0;
}

/* ---- names (RFC 4271 §4.5 and IANA's registry) */

enum { SUBCODES = 12 };

static const struct {
    const char *name, *sub[SUBCODES];
} codes[] = {
    [BGP_ERR_HEADER] = { "message header error",
                         { NULL, "connection not synchronized", "bad message length", "bad message type" } },
    [BGP_ERR_OPEN] = { "OPEN message error",
                       { NULL, "unsupported version number", "bad peer AS", "bad BGP identifier",
                         "unsupported optional parameter", NULL, "unacceptable hold time",
                         "unsupported capability", NULL, NULL, NULL, "role mismatch" } },
    [BGP_ERR_UPDATE] = { "UPDATE message error",
                         { NULL, "malformed attribute list", "unrecognized well-known attribute",
                           "missing well-known attribute", "attribute flags error", "attribute length error",
                           "invalid ORIGIN attribute", NULL, "invalid NEXT_HOP attribute",
                           "optional attribute error", "invalid network field", "malformed AS_PATH" } },
    [BGP_ERR_HOLD_TIMER] = { "hold timer expired", { NULL } },
    [BGP_ERR_FSM] = { "finite state machine error",
                      { NULL, "unexpected message in OpenSent", "unexpected message in OpenConfirm",
                        "unexpected message in Established" } },
    [BGP_ERR_CEASE] = { "cease",
                        { NULL, "maximum number of prefixes reached", "administrative shutdown",
                          "peer de-configured", "administrative reset", "connection rejected",
                          "other configuration change", "connection collision resolution", "out of resources",
                          "hard reset", "BFD down" } },
    [BGP_ERR_REFRESH] = { "ROUTE-REFRESH message error", { NULL, "invalid message length" } },
    [BGP_ERR_SEND_HOLD_TIMER] = { "send hold timer expired", { NULL } },
};

const char *bgp_code_name(uint8_t code)
{
    const char *name = code < sizeof(codes) / sizeof(codes[0]) ? codes[code].name : NULL;
    return name ? name : "unknown error";
}

const char *bgp_subcode_name(uint8_t code, uint8_t subcode)
{
    const char *name = NULL;
    if (code < sizeof(codes) / sizeof(codes[0]) && subcode < SUBCODES)
        name = codes[code].sub[subcode];
    return name ? name : subcode ? "unknown subcode" : "unspecific";
}

/* The octets of a UTF-8 sequence at the front, 0: it is none, or no shorter one than it need be. */
static unsigned utf8_len(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t mask, lead, more;
        uint32_t least;
    } forms[] = {
        { 0x80, 0x00, 0, 0 }, { 0xe0, 0xc0, 1, 0x80 }, { 0xf0, 0xe0, 2, 0x800 }, { 0xf8, 0xf0, 3, 0x10000 }
    };
    for (unsigned i = 0; i < 4; i++) {
        if ((p[0] & forms[i].mask) != forms[i].lead)
            continue;
        uint32_t v = p[0] & (uint8_t)~forms[i].mask;
        if (n <= forms[i].more)
            return 0;
        for (unsigned k = 1; k <= forms[i].more; k++) {
            if ((p[k] & 0xc0) != 0x80)
                return 0;
            v = v << 6 | (p[k] & 0x3f);
        }
        bool fine = v >= forms[i].least && v <= 0x10ffff && (v < 0xd800 || v > 0xdfff);
        return fine ? forms[i].more + 1u : 0;
    }
    return 0;
}

/* Octets of a peer as text for a log: control characters and what is no UTF-8 are `?`. */
static void put_utf8(struct strbuf *s, const uint8_t *p, size_t n)
{
    while (n) {
        unsigned k = utf8_len(p, n);
        if (k == 0 || *p < 0x20 || *p == 0x7f)
            strbuf_char(s, '?');
        else
            strbuf_add(s, p, k);
        k = k ? k : 1;
        p += k;
        n -= k;
    }
}

static void put_octets(struct strbuf *s, const uint8_t *p, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    enum { SHOWN = 64 };
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        strbuf_char(s, digit[p[i] >> 4]);
        strbuf_char(s, digit[p[i] & 15]);
    }
    if (n > SHOWN)
        strbuf_lit(s, "...");
}

static void put_notification(struct strbuf *s, const struct bgp_notification *n, bool inner)
{
    strbuf_str(s, bgp_code_name(n->code));
    if (n->subcode || n->code >= sizeof(codes) / sizeof(codes[0])) {
        strbuf_lit(s, ", ");
        strbuf_str(s, bgp_subcode_name(n->code, n->subcode));
    }
    struct cursor c = cursor_of(n->data, n->data_len);
    if (n->code == BGP_ERR_CEASE && (n->subcode == 2 || n->subcode == 4)) {
        struct cursor text = cursor_sub(&c, cursor_u8(&c));
        if (cursor_left(&text)) {
            strbuf_lit(s, ": ");
            put_utf8(s, text.p, cursor_left(&text));
        }
    } else if (n->code == BGP_ERR_CEASE && n->subcode == 9 && n->data_len >= 2 && !inner) {
        struct bgp_notification in = { cursor_u8(&c), cursor_u8(&c), NULL, cursor_left(&c) };
        in.data = c.p;
        strbuf_lit(s, ": ");
        put_notification(s, &in, true);
    } else if (n->data_len) {
        strbuf_lit(s, ", data ");
        put_octets(s, n->data, n->data_len);
    }
}

void bgp_notification_text(struct strbuf *s, const struct bgp_notification *n)
{
    put_notification(s, n, false);
}
