/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of values in map files as numbers, addresses and the like. Called by the maps for each pair. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/mapfile.h"

static int refuse(struct err *e, const char *key, const char *text, const char *allowed)
{
    return err_set(e, ERR_CONFIG, "bad '%s' value: '%.64s': %s", key, text, allowed);
}

const char *map_negation(const char *text, bool *negated)
{
    *negated = *text == '-';
    return text + *negated;
}

static bool whole(const char *text, int base, uint64_t lo, uint64_t hi, uint64_t *out)
{
    char *end;
    if (!(base == 16 ? isxdigit((unsigned char)*text) : isdigit((unsigned char)*text)))
        return false;
    errno = 0;
    *out = strtoull(text, &end, base);
    return !errno && !*end && *out >= lo && *out <= hi;
}

int map_number(const char *key, const char *text, uint64_t lo, uint64_t hi, uint64_t *out, struct err *e)
{
    if (whole(text, 10, lo, hi, out))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "bad '%s' value: '%.64s': a whole number from %" PRIu64 " to %" PRIu64 " is expected", key,
                   text, lo, hi);
}

int map_hex(const char *key, const char *text, uint64_t hi, uint64_t *out, struct err *e)
{
    if (whole(text, 16, 0, hi, out))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "bad '%s' value: '%.64s': a hexadecimal number up to %" PRIx64 " is expected", key, text,
                   hi);
}

int map_bool(const char *key, const char *text, bool *out, struct err *e)
{
    *out = !strcasecmp(text, "true");
    return *out || !strcasecmp(text, "false") ? 0 : refuse(e, key, text, "true or false is expected");
}

int map_addr(const char *key, const char *text, struct addr *out, struct err *e)
{
    if (addr_parse(text, out) == 0)
        return 0;
    return err_set(e, ERR_CONFIG, "Bad IP address or prefix '%.64s' as '%s'", text, key);
}

/* Keeps the first `bits` bits of all 128. */
static void keep_bits(struct addr *a, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(a->b); i++, bits -= bits < 8 ? bits : 8)
        a->b[i] &= bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));
}

int map_prefix(const char *key, const char *text, struct addr *net, uint8_t *bits, struct err *e)
{
    char host[ADDR_TEXT];
    const size_t len = strcspn(text, "/");
    if (len >= sizeof(host))
        return map_addr(key, "...", net, e);
    memcpy(host, text, len);
    host[len] = '\0';
    if (addr_parse(host, net) == -1)
        return err_set(e, ERR_CONFIG, "Bad IP address or prefix '%.64s' as '%s'", text, key);
    const unsigned max = addr_is_v4(net) ? 32 : 128;
    uint64_t n = max;
    if (text[len] && !whole(text + len + 1, 10, 0, max, &n))
        return err_set(e, ERR_CONFIG, "Invalid network mask '%.64s' as '%s': 0 to %u", text + len + 1, key,
                       max);
    *bits = (uint8_t)(n + 128 - max);
    if (max == 128) { /* `::` has a form of its own as an address, but none as a network */
        uint8_t raw[16];
        addr_get_v6(net, raw);
        memcpy(net->b, raw, sizeof(raw));
    }
    keep_bits(net, *bits);
    return 0;
}

bool map_in_prefix(const struct addr *a, const struct addr *net, uint8_t bits)
{
    const unsigned octets = bits / 8, rest = bits % 8;
    if (bits < 96 && (addr_is_v4(a) || !addr_is_set(a)))
        return false;
    if (memcmp(a->b, net->b, octets) != 0)
        return false;
    return !rest || ((a->b[octets] ^ net->b[octets]) & (uint8_t)(0xff << (8 - rest))) == 0;
}

int map_mac(const char *key, const char *text, uint8_t mac[6], struct err *e)
{
    const char *p = text;
    for (unsigned i = 0; i < 6; i++) {
        char *end;
        if (!isxdigit((unsigned char)*p))
            break;
        unsigned long v = strtoul(p, &end, 16);
        if (v > 0xff || end - p > 2 || *end != (i < 5 ? ':' : '\0'))
            break;
        mac[i] = (uint8_t)v;
        if (i == 5)
            return 0;
        p = end + 1;
    }
    return refuse(e, key, text, "a MAC address such as 02:00:00:aa:bb:cc is expected");
}

static void put_be(uint8_t *p, unsigned octets, uint64_t v)
{
    while (octets--) {
        p[octets] = (uint8_t)v;
        v >>= 8;
    }
}

/* Administrator and number of a type; false when they do not fit it. */
static bool fill_rd(unsigned type, const char *admin, const char *number, uint8_t rd[8])
{
    uint64_t a, n;
    put_be(rd, 2, type);
    if (type == 1) {
        if (inet_pton(AF_INET, admin, rd + 2) != 1)
            return false;
    } else if (!whole(admin, 10, 0, type ? UINT32_MAX : UINT16_MAX, &a)) {
        return false;
    } else {
        put_be(rd + 2, type ? 4 : 2, a);
    }
    if (!whole(number, 10, 0, type ? UINT16_MAX : UINT32_MAX, &n))
        return false;
    put_be(rd + (type ? 6 : 4), type ? 2 : 4, n);
    return true;
}

int map_rd(const char *key, const char *text, uint8_t rd[8], struct err *e)
{
    static const char allowed[] = "type:admin:value is expected, such as 0:64512:10, 1:192.0.2.1:10 or "
                                  "2:4200000000:10";
    char buf[64], *part[3] = { buf };
    unsigned n = 1;
    uint64_t type;
    if (strlen(text) >= sizeof(buf))
        return refuse(e, key, text, allowed);
    snprintf(buf, sizeof(buf), "%s", text);
    for (char *p = buf; *p; p++)
        if (*p == ':') {
            *p = '\0';
            if (n == 3)
                return refuse(e, key, text, allowed);
            part[n++] = p + 1;
        }
    if (n == 3 && whole(part[0], 10, 0, 2, &type))
        return fill_rd((unsigned)type, part[1], part[2], rd) ? 0 : refuse(e, key, text, allowed);
    for (unsigned t = 0; n == 2 && t <= 2; t++)
        if (fill_rd(t, part[0], part[1], rd))
            return 0;
    return refuse(e, key, text, allowed);
}

bool map_list_next(const char **at, char *buf, size_t size)
{
    const size_t len = strcspn(*at, ",");
    const char *start = *at;
    *at = start[len] ? start + len + 1 : NULL;
    if (len == 0 || len >= size)
        return false;
    memcpy(buf, start, len);
    buf[len] = '\0';
    return true;
}
