/* SPDX-License-Identifier: BSD-2-Clause */
/* One pass over JSON text, without recursion and without memory of its own: what is open stands in a stack of
 * bits. Called by framers and decoders. */
#include "telemetry/json_check.h"

#include <string.h>

struct walk {
    const uint8_t *p, *end;
    bool breaks;
    unsigned depth;
    uint64_t objects[JSON_DEPTH / 64]; /* of each open level: is it an object? */
};

#define EACH(octet) (UINT64_C(0x0101010101010101) * (octet))

/* Are there octets in v that end the plain part of a string: controls, quote, backslash, no ASCII? */
static inline uint64_t not_plain(uint64_t v)
{
    const uint64_t quote = v ^ EACH('"'), slash = v ^ EACH('\\');
    const uint64_t low = v - EACH(0x20);
    return (low | (quote - EACH(1)) | (slash - EACH(1)) | v) & EACH(0x80);
}

/* The first octet from p on that is not plain text of a string. */
static inline const uint8_t *plain_end(const uint8_t *p, const uint8_t *end)
{
    uint64_t v;
    while (end - p >= 8) {
        memcpy(&v, p, 8);
        const uint64_t found = not_plain(v);
        if (found)
            return p + __builtin_ctzll(found) / 8; /* little endian, as the rest of the suite */
        p += 8;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* ---- tokens: each begins at w->p and leaves it behind the token, or at what is wrong */

static enum json_verdict after(struct walk *w, const uint8_t *p, enum json_verdict v)
{
    w->p = p;
    return v;
}

/* RFC 3629: two to four octets, in the shortest form, no surrogates. */
static enum json_verdict utf8(struct walk *w)
{
    const uint8_t *p = w->p;
    const uint8_t c = *p;
    const unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4)
        return JSON_BAD;
    for (unsigned i = 1; i <= more; i++) {
        if (p + i == w->end)
            return JSON_SHORT;
        uint8_t low = 0x80, high = 0xbf;
        if (i == 1) {
            low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
            high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        }
        if (p[i] < low || p[i] > high)
            return JSON_BAD;
    }
    return after(w, p + more + 1, JSON_WHOLE);
}

static bool is_hex(uint8_t c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

static enum json_verdict escape(struct walk *w)
{
    const uint8_t *p = w->p + 1;
    if (p == w->end)
        return JSON_SHORT;
    if (*p != 'u')
        return *p && strchr("\"\\/bfnrt", *p) ? after(w, p + 1, JSON_WHOLE) : JSON_BAD;
    for (unsigned i = 1; i <= 4; i++) {
        if (p + i >= w->end)
            return JSON_SHORT;
        if (!is_hex(p[i]))
            return JSON_BAD;
    }
    return after(w, p + 5, JSON_WHOLE);
}

static enum json_verdict string(struct walk *w)
{
    w->p++;
    for (;;) {
        enum json_verdict v;
        w->p = plain_end(w->p, w->end);
        if (w->p == w->end)
            return JSON_SHORT;
        if (*w->p == '"')
            return after(w, w->p + 1, JSON_WHOLE);
        if (*w->p < 0x20)
            return JSON_BAD;
        v = *w->p == '\\' ? escape(w) : utf8(w);
        if (v != JSON_WHOLE)
            return v;
    }
}

static bool is_digit(const struct walk *w) { return w->p < w->end && *w->p >= '0' && *w->p <= '9'; }

static enum json_verdict digits(struct walk *w)
{
    if (!is_digit(w))
        return w->p == w->end ? JSON_SHORT : JSON_BAD;
    while (is_digit(w))
        w->p++;
    return JSON_WHOLE;
}

static enum json_verdict number(struct walk *w)
{
    enum json_verdict v = JSON_WHOLE;
    if (*w->p == '-')
        w->p++;
    if (w->p < w->end && *w->p == '0')
        w->p++;
    else
        v = digits(w);
    if (v == JSON_WHOLE && w->p < w->end && *w->p == '.') {
        w->p++;
        v = digits(w);
    }
    if (v == JSON_WHOLE && w->p < w->end && (*w->p | 0x20) == 'e') {
        w->p++;
        if (w->p < w->end && (*w->p == '+' || *w->p == '-'))
            w->p++;
        v = digits(w);
    }
    return v == JSON_WHOLE && w->p == w->end ? JSON_SHORT : v; /* more digits may follow */
}

static enum json_verdict word(struct walk *w, const char *text)
{
    for (; *text; text++, w->p++) {
        if (w->p == w->end)
            return JSON_SHORT;
        if (*w->p != (uint8_t)*text)
            return JSON_BAD;
    }
    return JSON_WHOLE;
}

/* A value that is no object and no array. */
static enum json_verdict scalar(struct walk *w)
{
    switch (*w->p) {
    case '"':
        return string(w);
    case 't':
        return word(w, "true");
    case 'f':
        return word(w, "false");
    case 'n':
        return word(w, "null");
    default:
        return *w->p == '-' || is_digit(w) ? number(w) : JSON_BAD;
    }
}

/* False: there is nothing behind it. */
static inline bool skip_space(struct walk *w)
{
    for (; w->p < w->end && *w->p <= ' '; w->p++) {
        if (*w->p == '\n' || *w->p == '\r')
            w->breaks = true;
        else if (*w->p != ' ' && *w->p != '\t')
            return true;
    }
    return w->p < w->end;
}

/* ---- what holds them together */

static enum json_verdict push(struct walk *w, bool object)
{
    if (w->depth == JSON_DEPTH)
        return JSON_BAD;
    const uint64_t bit = UINT64_C(1) << (w->depth % 64);
    uint64_t *at = &w->objects[w->depth / 64];
    *at = object ? *at | bit : *at & ~bit;
    w->depth++;
    w->p++;
    return JSON_WHOLE;
}

static inline bool in_object(const struct walk *w)
{
    return w->objects[(w->depth - 1) / 64] >> ((w->depth - 1) % 64) & 1;
}

/* A name, its colon and what leads to the value. */
static enum json_verdict member(struct walk *w)
{
    if (*w->p != '"')
        return JSON_BAD;
    const enum json_verdict v = string(w);
    if (v != JSON_WHOLE)
        return v;
    if (!skip_space(w))
        return JSON_SHORT;
    if (*w->p != ':')
        return JSON_BAD;
    w->p++;
    return skip_space(w) ? JSON_WHOLE : JSON_SHORT;
}

/* Down to the first scalar, or to an end of something empty: then *closed. w->p is at a value. */
static enum json_verdict descend(struct walk *w, bool *closed)
{
    *closed = false;
    while (*w->p == '{' || *w->p == '[') {
        const bool object = *w->p == '{';
        enum json_verdict v = push(w, object);
        if (v != JSON_WHOLE)
            return v;
        if (!skip_space(w))
            return JSON_SHORT;
        if (*w->p == (object ? '}' : ']')) {
            *closed = true;
            return JSON_WHOLE;
        }
        if (object && (v = member(w)) != JSON_WHOLE)
            return v;
    }
    return scalar(w);
}

/* After a value: closes what ends here, up to the next value or to the end of all (depth 0). */
static enum json_verdict ascend(struct walk *w, bool closed)
{
    while (w->depth) {
        if (!closed && !skip_space(w))
            return JSON_SHORT;
        const bool object = in_object(w);
        if (*w->p == (object ? '}' : ']')) {
            w->p++;
            w->depth--;
            closed = false;
            continue;
        }
        if (*w->p != ',')
            return JSON_BAD;
        w->p++;
        if (!skip_space(w))
            return JSON_SHORT;
        return object ? member(w) : JSON_WHOLE;
    }
    return JSON_WHOLE;
}

static enum json_verdict check(struct walk *w)
{
    enum json_verdict v = skip_space(w) ? JSON_WHOLE : JSON_SHORT;
    bool closed;
    if (v != JSON_WHOLE)
        return v;
    do {
        v = descend(w, &closed);
        if (v == JSON_WHOLE)
            v = ascend(w, closed);
    } while (v == JSON_WHOLE && w->depth);
    return v;
}

enum json_verdict json_check(const uint8_t *p, const uint8_t *end, struct json_found *found)
{
    struct walk w = { .p = p, .end = end };
    const enum json_verdict v = check(&w);
    *found = (struct json_found){ .end = w.p, .breaks = w.breaks };
    return v;
}

/* Text that ended too early: is it a number by itself, to which nothing is missing? A string that ends with a
 * digit is none. */
static bool is_bare_number(const struct walk *w, const uint8_t *p)
{
    struct walk first = { .p = p, .end = w->end };
    return w->depth == 0 && w->p == w->end && skip_space(&first) && (*first.p == '-' || is_digit(&first)) &&
           w->end[-1] >= '0' && w->end[-1] <= '9';
}

enum json_verdict json_check_all(const uint8_t *p, size_t len, struct json_found *found)
{
    struct walk w = { .p = p, .end = p + len };
    enum json_verdict v = check(&w);
    const bool bare_number = v == JSON_SHORT && is_bare_number(&w, p);
    if (v == JSON_WHOLE && skip_space(&w))
        v = JSON_BAD;
    *found = (struct json_found){ .end = w.p, .breaks = w.breaks };
    if (v == JSON_SHORT)
        v = bare_number ? JSON_WHOLE : JSON_BAD;
    return v;
}

/* ---- text */

/* The next line break, or end. None stands within strings: controls are escaped there. */
static const uint8_t *break_from(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    return p;
}

void json_copy(struct strbuf *out, const uint8_t *p, size_t len, bool breaks)
{
    const uint8_t *const end = p + len;
    while (breaks && p < end) {
        const uint8_t *at = break_from(p, end);
        strbuf_add(out, p, (size_t)(at - p));
        for (p = at; p < end && *p <= ' '; p++)
            ;
    }
    strbuf_add(out, p, (size_t)(end - p));
}

/* ---- frames */

/* The next octet that matters within a string. */
static const uint8_t *quote_or_slash(const uint8_t *p, const uint8_t *end)
{
    uint64_t v;
    for (; end - p >= 8; p += 8) {
        memcpy(&v, p, 8);
        const uint64_t quote = v ^ EACH('"'), slash = v ^ EACH('\\');
        if (((quote - EACH(1)) & ~quote & EACH(0x80)) | ((slash - EACH(1)) & ~slash & EACH(0x80)))
            break;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static const uint8_t *string_part(struct json_frame *f, const uint8_t *p, const uint8_t *end)
{
    if (f->escaped) {
        f->escaped = false;
        return p + 1;
    }
    p = quote_or_slash(p, end);
    if (p == end)
        return p;
    f->escaped = *p == '\\';
    f->in_string = *p != '"';
    return p + 1;
}

size_t json_frame(struct json_frame *f, const uint8_t *p, size_t n, bool *whole)
{
    const uint8_t *const begin = p, *const end = p + n;
    *whole = false;
    while (p < end) {
        if (f->in_string) {
            p = string_part(f, p, end);
            continue;
        }
        const uint8_t c = *p++;
        if (c == '"')
            f->in_string = true;
        else if (c == '{' || c == '[')
            f->depth++;
        else if ((c == '}' || c == ']') && (f->depth == 0 || --f->depth == 0)) {
            *whole = true;
            break;
        }
    }
    return (size_t)(p - begin);
}
