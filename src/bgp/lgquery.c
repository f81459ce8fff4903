/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads flat JSON objects: strings, numbers and words as values. Called by lg.c. */
#include "bgp/lgquery.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 128 };

struct reader {
    const char *p, *end;
};

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && isspace((unsigned char)*r->p))
        r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* A string without escapes but \" and \\; nothing that is asked for needs others. */
static bool take_string(struct reader *r, char out[WORD])
{
    size_t n = 0;
    if (!take(r, '"'))
        return false;
    while (r->p < r->end && *r->p != '"') {
        if (*r->p == '\\' && ++r->p == r->end)
            return false;
        if (n + 1 == WORD)
            return false;
        out[n++] = *r->p++;
    }
    out[n] = '\0';
    return take(r, '"');
}

/* A number or a word. */
static bool take_bare(struct reader *r, char out[WORD])
{
    size_t n = 0;
    while (r->p < r->end && (isalnum((unsigned char)*r->p) || strchr("+-.", *r->p)) && n + 1 < WORD)
        out[n++] = *r->p++;
    out[n] = '\0';
    return n > 0;
}

/* ---- members */

static bool number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    *out = strtoull(text, &end, 10);
    return !*end && *out <= most;
}

bool lg_rd_parse(const char *text, uint8_t rd[8])
{
    char copy[64];
    uint64_t part[3], type = 0;
    if (strlen(text) >= sizeof(copy))
        return false;
    memcpy(copy, text, strlen(text) + 1);
    char *second = strchr(copy, ':'), *third = second ? strchr(second + 1, ':') : NULL;
    if (!second)
        return false;
    *second++ = '\0';
    if (third)
        *third++ = '\0';
    if (third && !number(copy, 2, &type))
        return false;
    const char *admin = third ? second : copy, *value = third ? third : second;
    struct addr a;
    if (strchr(admin, '.')) {
        if ((third && type != 1) || addr_parse(admin, &a) == -1 || !addr_is_v4(&a) ||
            !number(value, 65535, &part[2]))
            return false;
        memcpy(rd,
               (const uint8_t[]){ 0, 1, a.b[12], a.b[13], a.b[14], a.b[15], (uint8_t)(part[2] >> 8),
                                  (uint8_t)part[2] },
               8);
        return true;
    }
    if (!number(admin, UINT32_MAX, &part[1]) || !number(value, UINT32_MAX, &part[2]))
        return false;
    type = third ? type : part[1] > 65535 ? 2 : 0;
    if (type == 1 || (type == 0 && part[1] > 65535) || (type == 2 && part[2] > 65535))
        return false;
    const uint64_t all = type == 0 ? part[1] << 32 | part[2] : part[1] << 16 | part[2];
    rd[0] = 0;
    rd[1] = (uint8_t)type;
    for (unsigned i = 0; i < 6; i++)
        rd[2 + i] = (uint8_t)(all >> (40 - 8 * i));
    return true;
}

static bool set_prefix(struct lg_query *q, char *text)
{
    char *slash = strchr(text, '/');
    uint64_t bits;
    if (slash)
        *slash = '\0';
    if (addr_parse(text, &q->prefix) == -1)
        return false;
    const unsigned most = addr_is_v4(&q->prefix) ? 32 : 128;
    bits = most;
    if (slash && !number(slash + 1, most, &bits))
        return false;
    q->bits = (uint8_t)bits;
    q->has_length = slash != NULL;
    q->has_prefix = true;
    return true;
}

static const char *set_member(struct lg_query *q, const char *name, char *value)
{
    uint64_t n;
    if (!strcmp(name, "query_type"))
        return number(value, 1000, &q->query_type) ? NULL : "query_type is no number";
    if (!strcmp(name, "queries"))
        return number(value, 1000000, &q->queries) ? NULL : "queries is no number";
    if (!strcmp(name, "ip_prefix"))
        return set_prefix(q, value) ? NULL : "ip_prefix is no prefix";
    if (!strcmp(name, "peer_ip_src"))
        return (q->has_peer = addr_parse(value, &q->peer) == 0) ? NULL : "peer_ip_src is no address";
    if (!strcmp(name, "rd"))
        return (q->has_rd = lg_rd_parse(value, q->rd)) ? NULL : "rd is no route distinguisher";
    if (strcmp(name, "peer_tcp_port") != 0)
        return NULL;
    if (!number(value, 65535, &n))
        return "peer_tcp_port is no port";
    q->peer_port = (uint16_t)n;
    return NULL;
}

const char *lg_query_parse(const char *text, size_t len, struct lg_query *q)
{
    struct reader r = { .p = text, .end = text + len };
    char name[WORD], value[WORD];
    memset(q, 0, sizeof(*q));
    if (!take(&r, '{'))
        return "no JSON object";
    for (bool more = !take(&r, '}'); more; more = take(&r, ',')) {
        if (!take_string(&r, name) || !take(&r, ':'))
            return "a member has no name";
        skip_blanks(&r);
        if (!(r.p < r.end && *r.p == '"' ? take_string(&r, value) : take_bare(&r, value)))
            return "a member has no value";
        const char *wrong = set_member(q, name, value);
        if (wrong)
            return wrong;
    }
    skip_blanks(&r);
    return (r.p == r.end && r.end[-1] == '}') || take(&r, '}') ? NULL : "the object does not end";
}
