/* SPDX-License-Identifier: BSD-2-Clause */
/* networks_file: lines, faults, and the longest match against a search of all prefixes. ports_file and its
 * kin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "config/mapfile.h"
#include "core/networks.h"
#include "core/numlist.h"

static struct networks *parse(const char *text, struct err *e)
{
    char *copy = strdup(text);
    struct networks *n = networks_parse("n.lst", copy, strlen(copy), e);
    free(copy);
    return n;
}

static struct network_hit find(const struct networks *n, const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(text, &a), 0);
    return networks_find(n, &a);
}

static void lines(void **state)
{
    struct err e = { 0 };
    struct networks *n = parse("! comment\n10.0.0.0/8\n64501,10.1.0.0/16 # one\n64600_64503,10.1.1.0/24\n"
                               "192.0.2.254,64610_64504,10.2.0.0/16\n2001:db8::1,64700,2001:db8::/32\n"
                               ",10.3.0.0/16\n198.51.100.1,,10.4.0.0/16\nx,198.51.100.2,7,10.5.0.0/16\n"
                               "8,10.1.1.1/32\n 9 , 10.6.1.2/16\n",
                               &e);
    char hop[ADDR_TEXT];
    (void)state;
    if (!n)
        fail_msg("%s", e.text);
    assert_int_equal(networks_count(n), 10);
    assert_int_equal(find(n, "10.9.9.9").len, 8);
    assert_int_equal(find(n, "10.9.9.9").of->as, 0);
    assert_int_equal(find(n, "10.1.9.9").of->as, 64501);
    assert_int_equal(find(n, "10.1.1.9").of->as, 64503);
    assert_int_equal(find(n, "10.1.1.9").of->peer_as, 64600);
    assert_int_equal(find(n, "10.1.1.1").len, 32);
    assert_int_equal(find(n, "10.1.1.0").len, 24);
    assert_int_equal(find(n, "10.1.1.2").len, 24);
    assert_string_equal(addr_str(networks_hop(n, find(n, "10.2.0.1").of), hop), "192.0.2.254");
    assert_int_equal(find(n, "10.2.0.1").of->peer_as, 64610);
    assert_string_equal(addr_str(networks_hop(n, find(n, "2001:db8::5").of), hop), "2001:db8::1");
    assert_int_equal(find(n, "10.3.0.1").of->as, 0);
    assert_string_equal(addr_str(networks_hop(n, find(n, "10.4.0.1").of), hop), "198.51.100.1");
    assert_string_equal(addr_str(networks_hop(n, find(n, "10.5.0.1").of), hop), "198.51.100.2");
    assert_int_equal(find(n, "10.6.0.1").of->as, 9); /* host bits are cleared */
    assert_null(find(n, "11.0.0.0").of);
    assert_null(find(n, "9.255.255.255").of);
    assert_null(find(n, "2001:db9::").of);
    assert_null(networks_find(n, &(struct addr){ 0 }).of);
    networks_free(n);
}

static void defaults(void **state)
{
    struct err e;
    struct networks *n = parse("1,0.0.0.0/0\n2,::/0\n3,128.0.0.0/1\n", &e);
    (void)state;
    assert_int_equal(find(n, "1.2.3.4").of->as, 1);
    assert_int_equal(find(n, "0.0.0.0").of->as, 1);
    assert_int_equal(find(n, "255.255.255.255").of->as, 3);
    assert_int_equal(find(n, "::").of->as, 2);
    assert_int_equal(find(n, "ffff::1").of->as, 2);
    networks_free(n);
    n = parse("", &e);
    assert_non_null(n);
    assert_null(find(n, "1.2.3.4").of);
    assert_null(find(n, "::1").of);
    networks_free(n);
    n = parse("1,10.0.0.0/8\n2,10.0.0.0/8\n", &e); /* the last one counts */
    assert_int_equal(find(n, "10.0.0.1").of->as, 2);
    networks_free(n);
}

static void faults(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "10.0.0.0", "[n.lst:1] Missing '/' separator" },
        { "!\n10.0.0.0/40", "[n.lst:2] Invalid network mask '40': 0 to 32" },
        { "10.0.0.0/", "Invalid network mask ''" },
        { "10.0.0.0/8x", "Invalid network mask '8x'" },
        { "::/129", "Invalid network mask '129': 0 to 128" },
        { "10.0.0/8", "Bad IP address or prefix '10.0.0'" },
        { "x,10.0.0.0/8", "'x' is no AS number" },
        { "1_,10.0.0.0/8", "'1_' is no AS number" },
        { "4294967296,10.0.0.0/8", "'4294967296' is no AS number" },
        { "host,1,10.0.0.0/8", "'host' is no address of a next hop" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        struct networks *n = parse(cases[i].text, &e);
        if (n || !strstr(e.text, cases[i].said))
            fail_msg("'%s' says: %s", cases[i].text, n ? "nothing" : e.text);
    }
}

/* ---- against a search of all */

static uint64_t random_state;

static unsigned rnd(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 20) % n);
}

static int random_addr(char *out, size_t size)
{
    if (rnd(2))
        return snprintf(out, size, "10.%u.%u.%u", rnd(4), rnd(256) & 0xc3, rnd(256) & 0xf1);
    return snprintf(out, size, "2001:db8:%x:%x:%x:%x::%x", rnd(3), rnd(3), rnd(65536) & 0x8001, rnd(2),
                    rnd(4));
}

struct plain {
    struct addr net;
    uint8_t bits;
    unsigned as;
};

static unsigned search(const struct plain *p, unsigned n, const struct addr *a)
{
    unsigned as = 0;
    int best = -1;
    for (unsigned i = 0; i < n; i++)
        if (map_in_prefix(a, &p[i].net, p[i].bits) && p[i].bits >= best) {
            best = p[i].bits;
            as = p[i].as;
        }
    return as;
}

static void longest_match(void **state)
{
    enum { MOST = 3000 };
    static struct plain p[MOST];
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const unsigned n = seed < 4 ? (unsigned)seed * 3 : seed * 250;
        char *text = malloc(n * 64 + 1), *at = text;
        struct err e = { 0 };
        random_state = seed * UINT64_C(0x9E3779B97F4A7C15);
        for (unsigned i = 0; i < n; i++) {
            char a[64], prefix[80];
            random_addr(a, sizeof(a));
            snprintf(prefix, sizeof(prefix), "%s/%u", a, strchr(a, ':') ? rnd(129) : rnd(33));
            assert_int_equal(map_prefix("n", prefix, &p[i].net, &p[i].bits, &e), 0);
            p[i].as = i + 1;
            at += sprintf(at, "%u,%s\n", i + 1, prefix);
        }
        struct networks *net = networks_parse("n", text, strlen(text), &e);
        if (!net)
            fail_msg("%s", e.text);
        for (unsigned i = 0; i < 4000; i++) {
            char a[64];
            struct addr addr;
            random_addr(a, sizeof(a));
            assert_int_equal(addr_parse(a, &addr), 0);
            const struct network *hit = networks_find(net, &addr).of;
            if ((hit ? hit->as : 0) != search(p, n, &addr))
                fail_msg("seed %u: %s gives %u, a search %u", (unsigned)seed, a, hit ? hit->as : 0,
                         search(p, n, &addr));
        }
        networks_free(net);
        free(text);
    }
}

/* ---- lists */

static struct numlist *list(const struct numlist_kind *kind, const char *text, struct err *e)
{
    char path[] = "/tmp/networks_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct numlist *l = numlist_load(kind, path, e);
    unlink(path);
    return l;
}

static void lists(void **state)
{
    struct err e = { 0 };
    (void)state;
    struct numlist *l = list(&numlist_ports, "! web\n80\n443 # tls\n80\n65535\n", &e);
    assert_non_null(l);
    assert_int_equal(l->count, 3);
    assert_true(numlist_has(l, 80));
    assert_true(numlist_has(l, 65535));
    assert_false(numlist_has(l, 81));
    free(l);
    l = list(&numlist_protos, "tcp\n17\n0\nipv6-icmp\n", &e);
    assert_non_null(l);
    assert_true(numlist_has(l, 6));
    assert_true(numlist_has(l, 17));
    assert_true(numlist_has(l, 0));
    assert_true(numlist_has(l, 58));
    assert_false(numlist_has(l, 1));
    free(l);
    assert_null(list(&numlist_ports, "80\nhttp\n", &e));
    assert_non_null(strstr(e.text, ":2] invalid port specified: 'http': 1 to 65535"));
    assert_null(list(&numlist_ports, "0\n", &e));
    assert_null(list(&numlist_ports, "65536\n", &e));
    assert_null(list(&numlist_protos, "255\n", &e));
    assert_non_null(strstr(e.text, "invalid protocol specified: '255': a name, or 0 to 254"));
    assert_null(list(&numlist_protos, "tpc\n", &e));
    assert_null(list(&numlist_tos, "256\n", &e));
    l = list(&numlist_tos, "", &e);
    assert_non_null(l);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),         cmocka_unit_test(defaults), cmocka_unit_test(faults),
        cmocka_unit_test(longest_match), cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
