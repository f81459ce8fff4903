/* SPDX-License-Identifier: BSD-2-Clause */
/* AS paths: whether octets are one, and how a path of 2-octet numbers and AS4_PATH become one of 4-octet
 * numbers (RFC 6793). Called by attrs.c. */
#include "bgp/update_impl.h"

#include <string.h>

enum { AS_SET = 1, AS_SEQUENCE, AS_CONFED_SEQUENCE, AS_CONFED_SET };

bool as_path_check(const uint8_t *p, size_t len, unsigned width, const char **what)
{
    const uint8_t *end = p + len;
    while (p < end) {
        size_t left = (size_t)(end - p);
        *what = "a segment ends behind it";
        if (left < 2)
            return false;
        *what = "a segment's type is unknown";
        if (p[0] < AS_SET || p[0] > AS_CONFED_SET)
            return false;
        *what = "a segment is empty";
        if (p[1] == 0)
            return false;
        *what = "a segment ends behind it";
        size_t n = 2 + (size_t)p[1] * width;
        if (n > left)
            return false;
        p += n;
    }
    return true;
}

static bool is_confed(uint8_t type) { return type >= AS_CONFED_SEQUENCE; }

/* RFC 4271 §9.1.2.2, 5065 §5.3: a set counts one, confederation segments nothing. */
static unsigned path_len(struct rib_octets path, unsigned width)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < path.len; i += 2 + path.p[i + 1] * width)
        n += path.p[i] == AS_SET ? 1 : path.p[i] == AS_SEQUENCE ? path.p[i + 1] : 0;
    return n;
}

/* A path that is being made, of 4-octet numbers. */
struct maker {
    uint8_t *p, *end;
    uint8_t *last; /* segment */
};

static bool is_set(uint8_t type) { return type == AS_SET || type == AS_CONFED_SET; }

bool as_path_has_sets(struct rib_octets path)
{
    for (uint32_t i = 0; i < path.len; i += 2 + path.p[i + 1] * 4u) {
        if (is_set(path.p[i]))
            return true;
    }
    return false;
}

/* A segment of n numbers of `width` octets. A sequence goes on in the one before it. */
static void add_segment(struct maker *m, uint8_t type, const uint8_t *from, unsigned n, unsigned width)
{
    if ((size_t)(m->end - m->p) < 2 + 4 * (size_t)n)
        return; /* cannot be: scratch is four times the message */
    if (m->last && type == AS_SEQUENCE && m->last[0] == AS_SEQUENCE && m->last[1] + n <= 255) {
        m->last[1] = (uint8_t)(m->last[1] + n);
    } else {
        m->last = m->p;
        *m->p++ = type;
        *m->p++ = (uint8_t)n;
    }
    for (unsigned i = 0; i < n; i++, from += width)
        m->p = put_be32(m->p, width == 4 ? load_be32(from) : load_be16(from));
    if (is_set(type)) {
        uint32_t left = octets_sort(m->last + 2, 4 * n, 4);
        m->last[1] = (uint8_t)(left / 4);
        m->p = m->last + 2 + left;
    }
}

/* The first `most` numbers of the 2-octet path. A confederation's segments go with their neighbours (RFC 6793
 * §4.2.3): those in front, and those behind a segment that was taken whole. */
static void add_leading(struct maker *m, struct rib_octets path, unsigned most)
{
    const uint8_t *end = path.p + path.len;
    for (const uint8_t *p = path.p; p < end; p += 2 + 2 * p[1]) {
        unsigned n = p[1], counts = p[0] == AS_SET ? 1 : is_confed(p[0]) ? 0 : n;
        unsigned take = counts <= most ? n : p[0] == AS_SEQUENCE ? most : 0;
        if (take)
            add_segment(m, p[0], p + 2, take, 2);
        if (take < n)
            return;
        most -= counts;
    }
}

static void add_as4(struct maker *m, struct rib_octets path, bool confed)
{
    const uint8_t *end = path.p + path.len;
    for (const uint8_t *p = path.p; p < end; p += 2 + 4 * p[1]) {
        if (confed || !is_confed(p[0]))
            add_segment(m, p[0], p + 2, p[1], 4);
    }
}

static void merge(struct upd *u, struct maker *m)
{
    unsigned n = path_len(u->as2_path, 2), n4 = u->has_as4_path ? path_len(u->as4_path, 4) : 0;
    /* An aggregator that fits 2 octets was written by a speaker that knows no AS4_PATH: that is out of date.
     */
    bool aged = u->has_aggregator && u->has_as4_aggregator && u->aggregator != BGP_AS_TRANS;
    if (aged || n < n4)
        n4 = 0;
    add_leading(m, u->as2_path, n - n4);
    if (n4)
        add_as4(m, u->as4_path, false);
}

void upd_make_as_path(struct upd *u)
{
    struct maker m = { u->scratch.p, u->scratch.end, NULL };
    if (u->has_as2_path)
        merge(u, &m);
    else
        add_as4(&m, u->a.as_path, true);
    u->a.as_path = (struct rib_octets){ u->scratch.p, (uint32_t)(m.p - u->scratch.p) };
    u->a.has |= RIB_AS_PATH;
    u->scratch.p = m.p;
}
