/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads CBOR and writes JSON as it goes. Counts from the wire are never used for memory: each item takes an
 * octet at least, so the octets bound everything. Called by message.c. */
#include "telemetry/cbor.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include "base/base64.h"
#include "base/cursor.h"
#include "output/json.h"

enum { DEPTH = 64, INDEFINITE = 31, BREAK = 0xff };
enum major { UINT, NEGATIVE, OCTETS, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum tag { TAG_FRACTION = 4, TAG_SID = 47 };
static const int64_t JSON_INT_MAX = INT64_C(9007199254740991); /* 2^53 - 1: RFC 8259 §6 */

struct reader {
    struct cursor c;
    struct strbuf *out;
    unsigned depth;
    int64_t sid; /* of the map that we are in: names are deltas to it (RFC 9254 §3.2) */
};

/* What an item begins with. */
struct head {
    uint8_t major, info;
    uint64_t v;
};

static int read_head(struct cursor *c, struct head *h)
{
    const uint8_t b = cursor_u8(c);
    h->major = b >> 5;
    h->info = b & 31;
    h->v = h->info;
    if (h->info >= 24 && h->info <= 27) {
        const size_t n = (size_t)1 << (h->info - 24);
        const uint8_t *p = cursor_take(c, n);
        h->v = p ? load_be(p, n) : 0;
    } else if (h->info >= 24 && (h->info != INDEFINITE || h->major < OCTETS || h->major == TAG)) {
        return -1;
    }
    return c->bad ? -1 : 0;
}

/* The octets of an item are over: no more of a fixed count, or a break. */
static bool at_end(struct reader *r, const struct head *h, uint64_t done)
{
    if (h->info != INDEFINITE)
        return done == h->v;
    if (!cursor_left(&r->c) || *r->c.p != BREAK)
        return false;
    cursor_skip(&r->c, 1);
    return true;
}

/* ---- text and octets */

static int put_chunk(struct reader *r, const struct head *h, size_t n)
{
    const uint8_t *p = cursor_take(&r->c, n);
    if (!p)
        return -1;
    if (h->major == TEXT)
        json_chars(r->out, p, n);
    else
        base64_add(r->out, p, n);
    return 0;
}

/* Octets in chunks: their base64 would not join, so the chunks are joined first. */
static int put_octet_chunks(struct reader *r, const struct head *h)
{
    struct head chunk;
    struct strbuf whole;
    strbuf_init(&whole, r->out->max);
    while (!at_end(r, h, 0)) {
        const uint8_t *p = NULL;
        if (read_head(&r->c, &chunk) == 0 && chunk.major == OCTETS && chunk.info != INDEFINITE)
            p = cursor_take(&r->c, chunk.v);
        if (!p || whole.failed) {
            strbuf_free(&whole);
            return -1;
        }
        strbuf_add(&whole, p, chunk.v);
    }
    base64_add(r->out, whole.p, whole.len);
    strbuf_free(&whole);
    return 0;
}

static int put_text_chunks(struct reader *r, const struct head *h)
{
    struct head chunk;
    while (!at_end(r, h, 0))
        if (read_head(&r->c, &chunk) == -1 || chunk.major != TEXT || chunk.info == INDEFINITE ||
            put_chunk(r, &chunk, chunk.v) == -1)
            return -1;
    return 0;
}

static int put_string(struct reader *r, const struct head *h)
{
    int rc;
    strbuf_char(r->out, '"');
    if (h->info != INDEFINITE)
        rc = put_chunk(r, h, h->v);
    else
        rc = h->major == TEXT ? put_text_chunks(r, h) : put_octet_chunks(r, h);
    strbuf_char(r->out, '"');
    return rc;
}

/* ---- numbers */

static int put_integer(struct reader *r, const struct head *h)
{
    const bool quote = h->v > (uint64_t)JSON_INT_MAX;
    if (h->major == NEGATIVE && h->v == UINT64_MAX) {
        strbuf_lit(r->out, "\"-18446744073709551616\"");
        return 0;
    }
    strbuf_printf(r->out, "%s%s%" PRIu64 "%s", quote ? "\"" : "", h->major == NEGATIVE ? "-" : "",
                  h->major == NEGATIVE ? h->v + 1 : h->v, quote ? "\"" : "");
    return 0;
}

static double half(uint16_t v)
{
    const int exponent = v >> 10 & 31;
    const double mantissa = v & 0x3ff;
    double d = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);
    if (exponent == 31)
        d = mantissa != 0 ? NAN : INFINITY;
    return v & 0x8000 ? -d : d;
}

static double float_of(const struct head *h)
{
    float f;
    double d;
    const uint32_t bits = (uint32_t)h->v;
    if (h->info == 25)
        return half((uint16_t)h->v);
    if (h->info == 26) {
        memcpy(&f, &bits, sizeof(f));
        return (double)f;
    }
    memcpy(&d, &h->v, sizeof(d));
    return d;
}

static int put_simple(struct reader *r, const struct head *h)
{
    static const char *const words[] = { "false", "true", "[null]", "null" };
    if (h->info == INDEFINITE)
        return -1; /* a break that ends nothing */
    if (h->info >= 25) {
        const double d = float_of(h);
        if (isfinite(d))
            strbuf_printf(r->out, "%.*g", h->info == 27 ? 17 : 9, d);
        else
            strbuf_lit(r->out, "null");
    } else if (h->v >= 20 && h->v < 24) {
        strbuf_str(r->out, words[h->v - 20]);
    } else {
        strbuf_u64(r->out, h->v);
    }
    return 0;
}

/* A signed integer of 64 bits. */
static int small_integer(struct cursor *c, int64_t *v)
{
    struct head h;
    if (read_head(c, &h) == -1 || h.major > NEGATIVE || h.v > INT64_MAX)
        return -1;
    *v = h.major == NEGATIVE ? -1 - (int64_t)h.v : (int64_t)h.v;
    return 0;
}

/* [exponent, mantissa], RFC 8949 §3.4.4: decimal64 has 1 to 18 digits behind the point. */
static int put_fraction(struct reader *r)
{
    struct head h;
    int64_t exponent, mantissa;
    char digits[32];
    if (read_head(&r->c, &h) == -1 || h.major != ARRAY || h.v != 2 || h.info == INDEFINITE ||
        small_integer(&r->c, &exponent) == -1 || small_integer(&r->c, &mantissa) == -1)
        return -1;
    if (exponent > 0 || exponent < -18) {
        strbuf_printf(r->out, "\"%" PRId64 "e%" PRId64 "\"", mantissa, exponent);
        return 0;
    }
    const int places = (int)-exponent;
    const uint64_t size = mantissa < 0 ? -(uint64_t)mantissa : (uint64_t)mantissa;
    const int n = snprintf(digits, sizeof(digits), "%0*" PRIu64, places + 1, size);
    strbuf_printf(r->out, "\"%s%.*s", mantissa < 0 ? "-" : "", n - places, digits);
    strbuf_printf(r->out, "%s%s\"", places ? "." : "", digits + n - places);
    return 0;
}

/* ---- what holds items */

static int put_item(struct reader *r);

static int put_array(struct reader *r, const struct head *h)
{
    strbuf_char(r->out, '[');
    for (uint64_t i = 0; !at_end(r, h, i); i++) {
        if (i)
            strbuf_lit(r->out, ", ");
        if (put_item(r) == -1)
            return -1;
    }
    strbuf_char(r->out, ']');
    return 0;
}

/* A name: text, or a SID, as a delta to that of the map or (tag 47) as it is. *sid gets it, that of the map
 * where there is none. */
static int put_key(struct reader *r, int64_t *sid)
{
    struct head h;
    struct cursor ahead = r->c;
    bool absolute = false;
    int64_t v;
    *sid = r->sid;
    if (read_head(&ahead, &h) == -1)
        return -1;
    if (h.major == TEXT || h.major == OCTETS) {
        r->c = ahead;
        return put_string(r, &h);
    }
    if (h.major == TAG && h.v == TAG_SID) {
        absolute = true;
        r->c = ahead;
    }
    if (small_integer(&r->c, &v) == -1 || v > INT64_MAX / 2 || v < INT64_MIN / 2 || r->sid > INT64_MAX / 2 ||
        r->sid < INT64_MIN / 2)
        return -1;
    *sid = absolute ? v : r->sid + v;
    strbuf_printf(r->out, "\"%" PRId64 "\"", *sid);
    return 0;
}

static int put_map(struct reader *r, const struct head *h)
{
    const int64_t parent = r->sid;
    strbuf_char(r->out, '{');
    for (uint64_t i = 0; !at_end(r, h, i); i++) {
        int64_t sid;
        if (i)
            strbuf_lit(r->out, ", ");
        if (put_key(r, &sid) == -1)
            return -1;
        strbuf_lit(r->out, ": ");
        r->sid = sid;
        if (put_item(r) == -1)
            return -1;
        r->sid = parent;
    }
    strbuf_char(r->out, '}');
    return 0;
}

static int put_content(struct reader *r, const struct head *h)
{
    switch ((enum major)h->major) {
    case UINT:
    case NEGATIVE:
        return put_integer(r, h);
    case OCTETS:
    case TEXT:
        return put_string(r, h);
    case ARRAY:
        return put_array(r, h);
    case MAP:
        return put_map(r, h);
    case TAG: /* of the others it does not matter here which they are (RFC 9254 §6) */
        return h->v == TAG_FRACTION ? put_fraction(r) : put_item(r);
    case SIMPLE:
        return put_simple(r, h);
    }
    return -1;
}

static int put_item(struct reader *r)
{
    struct head h;
    if (r->depth == DEPTH || r->out->failed || read_head(&r->c, &h) == -1)
        return -1;
    r->depth++;
    const int rc = put_content(r, &h);
    r->depth--;
    return rc;
}

int cbor_json(const uint8_t *p, size_t len, struct strbuf *out)
{
    struct reader r = { .c = cursor_of(p, len), .out = out };
    if (put_item(&r) == -1 || r.c.bad || cursor_left(&r.c) || out->failed)
        return -1;
    return 0;
}
