/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutations of NetFlow v9 and IPFIX that leave datagrams, sets and templates whole: a row of datagrams behind
 * their lengths, as fuzz_netflow reads them. Half of the time octets are changed at will, so that lengths go
 * wrong too. */
#include "shape.h"

enum { SETS_MAX = 64, LEN = 0x1fff /* of the word before a datagram, see fuzz_netflow.c */ };

/* Where a datagram and its sets are. */
struct parts {
    size_t at, len; /* of the datagram, its own length in front not counted */
    size_t set[SETS_MAX], n;
    int version;
};

static int choose_datagram(struct shape *s, struct parts *d)
{
    size_t at = 0, found = 0;
    for (unsigned seen = 0; at + 2 < s->len;) {
        const size_t n = shape_u16(s, at) & LEN, left = s->len - at - 2;
        const size_t len = n < left ? n : left;
        if (shape_rnd(s, ++seen) == 0) {
            d->at = at + 2;
            d->len = len;
            found = 1;
        }
        at += 2 + len;
    }
    d->version = found ? shape_u16(s, d->at) : 0;
    return d->version == 9 || d->version == 10;
}

static void find_sets(const struct shape *s, struct parts *d)
{
    size_t at = d->at + (d->version == 9 ? 20 : 16);
    for (d->n = 0; d->n < SETS_MAX && at + 4 <= d->at + d->len;) {
        const size_t len = shape_u16(s, at + 2);
        if (len < 4 || at + len > d->at + d->len)
            return;
        d->set[d->n++] = at;
        at += len;
    }
}

/* The datagram has grown by so many octets, inside this set (0: not inside one). */
static void settle(struct shape *s, struct parts *d, size_t set, long by)
{
    if (set)
        shape_set(s, set + 2, (size_t)(shape_u16(s, set + 2) + by));
    d->len = (size_t)((long)d->len + by);
    shape_set(s, d->at - 2, (shape_u16(s, d->at - 2) & ~(unsigned)LEN) | (d->len & LEN));
    if (d->version == 10)
        shape_set(s, d->at + 2, d->len);
}

/* One more field in a template, of an element and a length that decoders make a difference of. */
static void add_field(struct shape *s, struct parts *d, size_t set)
{
    static const uint16_t element[] = {
        1,   2,   4,   5,   7,   8,   10,  12,  21,  22,  27,  34,  48,  50,
        56,  61,  70,  82,  90,  95,  96,  130, 150, 152, 154, 160, 225, 231,
        234, 243, 291, 292, 293, 302, 304, 313, 315, 323, 351, 352, 459, 484
    };
    static const uint16_t length[] = { 0, 1, 2, 3, 4, 6, 8, 16, 32, 255, 65535 };
    const int options = shape_u16(s, set) == (d->version == 9 ? 1 : 3);
    const size_t head = options ? 10 : 8;
    if (shape_u16(s, set + 2) < head || !shape_resize(s, set + head, 0, 4))
        return;
    shape_set(s, set + head, element[shape_rnd(s, sizeof(element) / sizeof(element[0]))]);
    shape_set(s, set + head + 2, length[shape_rnd(s, sizeof(length) / sizeof(length[0]))]);
    shape_set(s, set + 6, shape_u16(s, set + 6) + (d->version == 9 && options ? 4u : 1u));
    settle(s, d, set, 4);
}

static void repeat_set(struct shape *s, struct parts *d, size_t set)
{
    const size_t n = shape_u16(s, set + 2);
    if (n > 1024 || !shape_resize(s, set + n, 0, n))
        return;
    memcpy(s->p + set + n, s->p + set, n);
    settle(s, d, 0, (long)n);
}

static void remove_set(struct shape *s, struct parts *d, size_t set)
{
    const size_t n = shape_u16(s, set + 2);
    if (shape_resize(s, set, n, 0))
        settle(s, d, 0, -(long)n);
}

/* Data sets take the id of a template near by, templates one that data has. */
static void change_id(struct shape *s, struct parts *d, size_t set)
{
    const size_t other = d->set[shape_rnd(s, (uint32_t)d->n)];
    const uint16_t id = shape_u16(s, other) < 256 ? shape_u16(s, other + 4) : shape_u16(s, other);
    shape_set(s, shape_u16(s, set) < 256 ? set + 4 : set, shape_rnd(s, 4) ? id : shape_rnd(s, 5));
}

static void change_body(struct shape *s, struct parts *d, size_t set)
{
    const size_t n = shape_u16(s, set + 2) - 4u, now = shape_mutate(s, set + 4, n, n + 64);
    settle(s, d, set, (long)now - (long)n);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static void (*const ways[])(struct shape *, struct parts *, size_t) = { add_field,   repeat_set,
                                                                            remove_set,  change_id,
                                                                            change_body, change_body };
    struct shape s = { data, size, max_size, seed };
    struct parts d = { 0 };
    if (shape_rnd(&s, 2) && choose_datagram(&s, &d)) {
        find_sets(&s, &d);
        if (d.n) {
            ways[shape_rnd(&s, sizeof(ways) / sizeof(ways[0]))](&s, &d, d.set[shape_rnd(&s, (uint32_t)d.n)]);
            return s.len;
        }
    }
    return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
}
