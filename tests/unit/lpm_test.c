/* SPDX-License-Identifier: BSD-2-Clause */
/* Longest-prefix match against a search of all prefixes, in files of several shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/lpm.h"

static uint64_t random_state;

static uint64_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

struct bits {
    uint64_t hi, lo;
};

static void to_addr(struct bits k, bool v4, struct addr *a)
{
    uint8_t raw[16];
    for (unsigned i = 0; i < 8; i++) {
        raw[i] = (uint8_t)(k.hi >> (56 - 8 * i));
        raw[8 + i] = (uint8_t)(k.lo >> (56 - 8 * i));
    }
    if (v4)
        addr_set_v4(a, raw);
    else
        addr_set_v6(a, raw);
}

/* Where prefixes lie: how many of the first bits are the same for all, in how many of those that follow there
 * is some choice, and the lengths. */
struct shape {
    const char *name;
    bool v4;
    unsigned n;
    uint64_t hi_and, hi_or, lo_and;
    unsigned least, most; /* lengths */
};

static const struct shape shapes[] = {
    { "nothing", true, 0, 0, 0, 0, 0, 0 },
    { "one", true, 1, ~UINT64_C(0), 0, 0, 8, 24 },
    { "three", true, 3, ~UINT64_C(0), 0, 0, 0, 32 },
    { "eight", false, 8, ~UINT64_C(0), 0, ~UINT64_C(0), 0, 128 },
    { "IPv4, all over", true, 5000, ~UINT64_C(0), 0, 0, 0, 32 },
    { "IPv4, a /16 of hosts", true, 4000, UINT64_C(0x0000ffff00000000), UINT64_C(0x0a01000000000000), 0, 17,
      32 },
    { "IPv4, as routers have it", true, 60000, ~UINT64_C(0), 0, 0, 12, 24 },
    { "IPv6, all over", false, 5000, ~UINT64_C(0), 0, ~UINT64_C(0), 0, 128 },
    { "IPv6, /48s", false, 60000, UINT64_C(0x1fffffffffffffff), UINT64_C(0x2000000000000000), 0, 19, 48 },
    { "IPv6, one /32", false, 5000, UINT64_C(0x00000000ffffffff), UINT64_C(0x20010db800000000), 0, 33, 64 },
    { "IPv6, hosts of one /64", false, 5000, 0, UINT64_C(0x20010db800000001), ~UINT64_C(0), 65, 128 },
    { "IPv6, few bits, far apart", false, 3000, UINT64_C(0x8000400020001000), 0, UINT64_C(0x8000400020001111),
      0, 128 },
};

static struct bits random_bits(const struct shape *s)
{
    return (struct bits){ (rnd() & s->hi_and) | s->hi_or, rnd() & s->lo_and };
}

static bool holds(const struct lpm_rule *r, struct bits k)
{
    const uint64_t hi = r->len >= 64 ? ~UINT64_C(0) : r->len ? ~UINT64_C(0) << (64 - r->len) : 0;
    const uint64_t lo = r->len <= 64 ? 0 : r->len >= 128 ? ~UINT64_C(0) : ~UINT64_C(0) << (128 - r->len);
    return (k.hi & hi) == r->hi && (k.lo & lo) == r->lo;
}

static uint32_t search(const struct lpm_rule *r, unsigned n, struct bits k)
{
    const struct lpm_rule *best = NULL;
    for (unsigned i = 0; i < n; i++)
        if ((!best || r[i].len > best->len || (r[i].len == best->len && r[i].rank > best->rank)) &&
            holds(&r[i], k))
            best = &r[i];
    return best ? best->value : 0;
}

/* An address near a rule: within it, or its neighbour. */
static struct bits near(const struct shape *s, const struct lpm_rule *r)
{
    const struct bits other = random_bits(s);
    const unsigned keep = (unsigned)(rnd() % (r->len + 2u));
    const uint64_t hi = keep >= 64 ? ~UINT64_C(0) : keep ? ~UINT64_C(0) << (64 - keep) : 0;
    const uint64_t lo = keep <= 64 ? 0 : keep >= 128 ? ~UINT64_C(0) : ~UINT64_C(0) << (128 - keep);
    return (struct bits){ (r->hi & hi) | (other.hi & ~hi), (r->lo & lo) | (other.lo & ~lo) };
}

static void try_shape(const struct shape *s, uint64_t seed)
{
    struct lpm_rule *r = calloc(s->n + 1, sizeof(*r)), *copy = calloc(s->n + 1, sizeof(*r));
    assert_non_null(r);
    assert_non_null(copy);
    random_state = seed * UINT64_C(0x9E3779B97F4A7C15);
    for (unsigned i = 0; i < s->n; i++) {
        struct addr a;
        to_addr(random_bits(s), s->v4, &a);
        assert_int_equal(lpm_rule_bits(&r[i], &a, s->least + (unsigned)(rnd() % (s->most - s->least + 1))),
                         s->v4 || addr_is_v4(&a));
        r[i].value = i + 1;
        r[i].rank = i;
    }
    memcpy(copy, r, s->n * sizeof(*r));
    struct lpm *l = s->v4 ? lpm_build(copy, s->n, NULL, 0) : lpm_build(NULL, 0, copy, s->n);
    assert_non_null(l);
    struct addr many[LPM_MANY];
    uint32_t found[LPM_MANY];
    for (unsigned i = 0; i < LPM_MANY; i++)
        to_addr(s->n && i % 4 ? near(s, &r[rnd() % s->n]) : random_bits(s), s->v4, &many[i]);
    many[LPM_MANY / 2] = (struct addr){ { 0 } };
    for (unsigned n = 0; n <= LPM_MANY; n += 16) {
        lpm_find_many(l, many, n, found);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(found[i], lpm_find(l, &many[i]));
    }
    for (unsigned i = 0; i < (s->n > 10000 ? 300 : 3000); i++) {
        const struct bits k = s->n && i % 4 ? near(s, &r[rnd() % s->n]) : random_bits(s);
        struct addr a;
        to_addr(k, s->v4, &a);
        const uint32_t is = lpm_find(l, &a), ought = search(r, s->n, k);
        if (is != ought)
            fail_msg("%s, seed %u: %016llx%016llx gives %u, a search %u", s->name, (unsigned)seed,
                     (unsigned long long)k.hi, (unsigned long long)k.lo, is, ought);
        lpm_prefetch(l, &a);
    }
    lpm_free(l);
    free(copy);
    free(r);
}

static void as_a_search(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (uint64_t seed = 1; seed <= (shapes[i].n > 10000 ? 1 : 6); seed++)
            try_shape(&shapes[i], seed);
}

/* Each length once, one within the other. */
static void nested(void **state)
{
    struct lpm_rule r[129];
    struct addr a;
    const struct bits k = { UINT64_C(0x20010db8123456ff), UINT64_C(0x0123456789abcdef) };
    (void)state;
    to_addr(k, false, &a);
    memset(r, 0, sizeof(r));
    for (unsigned len = 0; len <= 128; len++) {
        lpm_rule_bits(&r[128 - len], &a, len);
        r[128 - len].value = len + 1;
    }
    struct lpm *l = lpm_build(NULL, 0, r, 129);
    assert_non_null(l);
    for (unsigned bit = 0; bit < 128; bit++) { /* differs in this bit: the prefix before it is the longest */
        const struct bits other = { k.hi ^ (bit < 64 ? UINT64_C(1) << (63 - bit) : 0),
                                    k.lo ^ (bit < 64 ? 0 : UINT64_C(1) << (127 - bit)) };
        to_addr(other, false, &a);
        assert_int_equal(lpm_find(l, &a), bit + 1);
    }
    to_addr(k, false, &a);
    assert_int_equal(lpm_find(l, &a), 129);
    lpm_free(l);
}

/* Enough for arrays to move to large pages. */
static void many(void **state)
{
    enum { N = 400000 };
    struct lpm_rule *r = calloc(N, sizeof(*r));
    struct addr a;
    (void)state;
    assert_non_null(r);
    for (uint32_t i = 0; i < N; i++) {
        to_addr((struct bits){ (uint64_t)i << 40, 0 }, true, &a);
        lpm_rule_bits(&r[i], &a, 24);
        r[i].value = i + 1;
    }
    struct lpm *l = lpm_build(r, N, NULL, 0);
    assert_non_null(l);
    for (uint32_t i = 0; i < N; i += 7) {
        to_addr((struct bits){ (uint64_t)i << 40 | UINT64_C(0xc8) << 32, 0 }, true, &a);
        assert_int_equal(lpm_find(l, &a), i + 1);
    }
    to_addr((struct bits){ (uint64_t)N << 40, 0 }, true, &a);
    assert_int_equal(lpm_find(l, &a), 0);
    lpm_free(l);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_search),
        cmocka_unit_test(nested),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
