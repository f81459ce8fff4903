/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutations of UPDATEs that leave attributes and the lengths around them whole: an octet of what was
 * negotiated and the message, as fuzz_bgp_update reads them. Half of the time octets are changed at will. */
#include "shape.h"

enum { HEADER = 1 + 19, ATTRS_MAX = 64 };

struct parts {
    size_t attrs, attrs_len; /* where they are; their length stands in front */
    size_t at[ATTRS_MAX], n;
};

static size_t head_of(const struct shape *s, size_t at) { return s->p[at] & 0x10 ? 4 : 3; }

static size_t len_of(const struct shape *s, size_t at)
{
    return head_of(s, at) == 4 ? shape_u16(s, at + 2) : s->p[at + 2];
}

static int find_attrs(const struct shape *s, struct parts *m)
{
    if (s->len < HEADER + 4 || s->p[1 + 18] != 2)
        return 0;
    const size_t withdrawn = shape_u16(s, HEADER);
    m->attrs = HEADER + 2 + withdrawn + 2;
    if (m->attrs > s->len)
        return 0;
    m->attrs_len = shape_u16(s, m->attrs - 2);
    if (m->attrs + m->attrs_len > s->len)
        return 0;
    for (size_t at = m->attrs, end = at + m->attrs_len; m->n < ATTRS_MAX && at + 4 <= end;) {
        const size_t all = head_of(s, at) + len_of(s, at);
        if (at + all > end)
            break;
        m->at[m->n++] = at;
        at += all;
    }
    return 1;
}

/* Attributes have grown by so many octets. */
static void settle(struct shape *s, struct parts *m, long by)
{
    m->attrs_len = (size_t)((long)m->attrs_len + by);
    shape_set(s, m->attrs - 2, m->attrs_len);
    shape_set(s, 1 + 16, s->len - 1);
}

static void set_len(struct shape *s, size_t at, size_t n)
{
    if (head_of(s, at) == 4)
        shape_set(s, at + 2, n);
    else
        s->p[at + 2] = (uint8_t)n;
}

static void change_value(struct shape *s, struct parts *m)
{
    const size_t at = m->at[shape_rnd(s, (uint32_t)m->n)], head = head_of(s, at), n = len_of(s, at);
    const size_t now = shape_mutate(s, at + head, n, head == 4 ? n + 64 : n < 191 ? n + 64 : 255);
    set_len(s, at, now);
    settle(s, m, (long)now - (long)n);
}

static void add_attribute(struct shape *s, struct parts *m)
{
    static const uint8_t types[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 14, 15,
                                     16, 17, 18, 22, 23, 25, 26, 29, 32, 35, 40, 128 };
    static const uint8_t sizes[] = { 0, 1, 4, 5, 8, 12, 20, 24, 33 };
    const size_t n = sizes[shape_rnd(s, sizeof(sizes))];
    if (!shape_resize(s, m->attrs, 0, 4 + n))
        return;
    s->p[m->attrs] = (uint8_t)(0x10 | (shape_rnd(s, 4) << 6));
    s->p[m->attrs + 1] = types[shape_rnd(s, sizeof(types))];
    shape_set(s, m->attrs + 2, n);
    for (size_t i = 0; i < n; i++)
        s->p[m->attrs + 4 + i] = (uint8_t)shape_rnd(s, shape_rnd(s, 2) ? 256 : 4);
    settle(s, m, (long)(4 + n));
}

static void remove_attribute(struct shape *s, struct parts *m)
{
    const size_t at = m->at[shape_rnd(s, (uint32_t)m->n)], all = head_of(s, at) + len_of(s, at);
    if (shape_resize(s, at, all, 0))
        settle(s, m, -(long)all);
}

/* AFI and SAFI of MP_REACH_NLRI and MP_UNREACH_NLRI, type and flags of the others. */
static void change_kind(struct shape *s, struct parts *m)
{
    static const uint8_t safis[] = { 1, 2, 4, 5, 65, 66, 70, 71, 72, 73, 85, 128, 129, 132, 133, 134 };
    static const uint16_t afis[] = { 1, 2, 25, 31, 16388 };
    const size_t at = m->at[shape_rnd(s, (uint32_t)m->n)], value = at + head_of(s, at);
    if ((s->p[at + 1] == 14 || s->p[at + 1] == 15) && len_of(s, at) >= 3) {
        shape_set(s, value, afis[shape_rnd(s, sizeof(afis) / sizeof(afis[0]))]);
        s->p[value + 2] = safis[shape_rnd(s, sizeof(safis))];
    } else {
        s->p[at + (shape_rnd(s, 2))] ^= (uint8_t)(1u << shape_rnd(s, 6));
    }
}

static void change_routes(struct shape *s, struct parts *m)
{
    const size_t at = m->attrs + m->attrs_len;
    if (at < s->len)
        shape_mutate(s, at, s->len - at, s->len - at + 32);
    settle(s, m, 0);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static void (*const ways[])(struct shape *, struct parts *) = { change_value,  change_value,
                                                                    change_kind,   remove_attribute,
                                                                    add_attribute, change_routes };
    struct shape s = { data, size, max_size, seed };
    struct parts m = { 0 };
    if (shape_rnd(&s, 2) && find_attrs(&s, &m)) {
        const uint32_t first = m.n ? 0 : 4;
        ways[first + shape_rnd(&s, (uint32_t)(sizeof(ways) / sizeof(ways[0])) - first)](&s, &m);
        return s.len;
    }
    return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
}
