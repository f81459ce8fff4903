/* SPDX-License-Identifier: BSD-2-Clause */
/* PDUs of RTR (RFC 8210 §5). */
#include "rpki/rtr.h"

#include <stdio.h>
#include <string.h>
#include "base/cursor.h"

/* Lengths by type, version 0 and 1; 0: as long as it says. */
static const struct {
    const char *name;
    uint32_t length[2];
} types[] = {
    [RTR_SERIAL_NOTIFY] = { "Serial Notify", { 12, 12 } },
    [RTR_SERIAL_QUERY] = { "Serial Query", { 12, 12 } },
    [RTR_RESET_QUERY] = { "Reset Query", { 8, 8 } },
    [RTR_CACHE_RESPONSE] = { "Cache Response", { 8, 8 } },
    [RTR_IPV4_PREFIX] = { "IPv4 Prefix", { 20, 20 } },
    [RTR_IPV6_PREFIX] = { "IPv6 Prefix", { 32, 32 } },
    [RTR_END_OF_DATA] = { "End of Data", { 12, 24 } },
    [RTR_CACHE_RESET] = { "Cache Reset", { 8, 8 } },
    [RTR_ROUTER_KEY] = { "Router Key", { 0, 0 } },
    [RTR_ERROR] = { "Error Report", { 0, 0 } },
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

static int wrong(enum rtr_error *why, enum rtr_error code, struct err *e, const char *what, unsigned value)
{
    *why = code;
    return err_set(e, ERR_FORMAT, "%s (%u)", what, value);
}

static int read_prefix(struct cursor *c, bool v4, struct rtr_pdu *out, enum rtr_error *why, struct err *e)
{
    uint8_t octets[16] = { 0 };
    struct addr a;
    out->announce = cursor_u8(c) & 1;
    const unsigned bits = cursor_u8(c), max = cursor_u8(c);
    cursor_u8(c);
    const uint8_t *prefix = cursor_take(c, v4 ? 4 : 16);
    if (prefix)
        memcpy(octets, prefix, v4 ? 4 : 16);
    const uint32_t as = cursor_u32(c);
    if (v4)
        addr_set_v4(&a, octets);
    else
        addr_set_v6(&a, octets);
    if (addr_is_v4(&a) != v4)
        return wrong(why, RTR_CORRUPT, e, "an IPv6 prefix that is an IPv4 address, bits", bits);
    if (vrp_make(&out->vrp, &a, bits, max, as, NULL, e) == 0)
        return 0;
    *why = RTR_CORRUPT;
    return -1;
}

static void read_text(struct cursor *c, struct rtr_pdu *out)
{
    const uint32_t pdu = cursor_u32(c);
    cursor_sub(c, pdu);
    uint32_t len = cursor_u32(c), n = 0;
    struct cursor text = cursor_sub(c, len);
    while (!text.bad && cursor_left(&text) && n < sizeof(out->text) - 1) {
        const uint8_t ch = cursor_u8(&text);
        out->text[n++] = ch >= ' ' && ch < 127 ? (char)ch : '?';
    }
    out->text[n] = '\0';
}

static int read_body(struct cursor *c, struct rtr_pdu *out, enum rtr_error *why, struct err *e)
{
    switch (out->type) {
    case RTR_SERIAL_NOTIFY:
        out->serial = cursor_u32(c);
        return 0;
    case RTR_END_OF_DATA:
        out->serial = cursor_u32(c);
        out->has_timers = out->version > 0;
        if (out->has_timers) {
            out->refresh_s = cursor_u32(c);
            out->retry_s = cursor_u32(c);
            out->expire_s = cursor_u32(c);
        }
        return 0;
    case RTR_IPV4_PREFIX:
    case RTR_IPV6_PREFIX:
        return read_prefix(c, out->type == RTR_IPV4_PREFIX, out, why, e);
    case RTR_ERROR:
        read_text(c, out);
        return c->bad ? wrong(why, RTR_CORRUPT, e, "an error report whose parts do not fit it, code",
                              out->session)
                      : 0;
    default:
        return 0;
    }
}

int rtr_read(const uint8_t *p, size_t len, struct rtr_pdu *out, enum rtr_error *why, struct err *e)
{
    struct cursor c = { p, p + len, false };
    if (len < RTR_HEADER)
        return 0;
    memset(out, 0, sizeof(*out));
    out->version = cursor_u8(&c);
    out->type = cursor_u8(&c);
    out->session = cursor_u16(&c);
    const uint32_t whole = cursor_u32(&c);
    if (whole < RTR_HEADER || whole > RTR_PDU_MAX)
        return wrong(why, RTR_CORRUPT, e, "a length that no PDU has", whole);
    const uint32_t right = out->type < TYPES ? types[out->type].length[out->version > 0] : 0;
    if (right && right != whole)
        return wrong(why, RTR_CORRUPT, e, types[out->type].name, whole);
    if (len < whole)
        return 0;
    struct cursor body = cursor_sub(&c, whole - RTR_HEADER);
    return read_body(&body, out, why, e) == -1 ? -1 : (int)whole;
}

static uint8_t *put_header(uint8_t *p, uint8_t version, enum rtr_type type, unsigned word, size_t len)
{
    *p++ = version;
    *p++ = (uint8_t)type;
    return put_be32(put_be16(p, (uint16_t)word), (uint32_t)len);
}

size_t rtr_write_reset(uint8_t out[RTR_QUERY_MAX], uint8_t version)
{
    put_header(out, version, RTR_RESET_QUERY, 0, 8);
    return 8;
}

size_t rtr_write_serial(uint8_t out[RTR_QUERY_MAX], uint8_t version, uint16_t session, uint32_t serial)
{
    put_be32(put_header(out, version, RTR_SERIAL_QUERY, session, 12), serial);
    return 12;
}

size_t rtr_write_error(uint8_t out[RTR_REPORT_MAX], uint8_t version, enum rtr_error code, const char *text)
{
    const size_t n = strnlen(text, RTR_REPORT_MAX - 16);
    uint8_t *p = put_header(out, version, RTR_ERROR, code, 16 + n);
    memcpy(put_be32(put_be32(p, 0), (uint32_t)n), text, n);
    return 16 + n;
}

const char *rtr_error_text(unsigned code)
{
    static const char *const texts[] = {
        "corrupt data",        "internal error",       "no data available",        "invalid request",
        "unsupported version", "unsupported PDU type", "unknown record withdrawn", "duplicate announcement",
        "unexpected version"
    };
    return code < sizeof(texts) / sizeof(texts[0]) ? texts[code] : "unknown error";
}
