/* SPDX-License-Identifier: BSD-2-Clause */
/* pcap_interfaces_map: rows that are right and rows that are refused; interface numbers; what the kernel says
 * an interface dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include "packet/linkwatch.h"
#include "pmacctd/ifaces.h"

static int parse(struct iface_list *list, const struct config *c, const char *text, struct err *e)
{
    char copy[1024];
    snprintf(copy, sizeof(copy), "%s", text);
    return iface_list_parse(list, c, "i.map", copy, strlen(copy), e);
}

static void test_rows(void **state)
{
    (void)state;
    struct config c = { .pcap_ifindex = IFINDEX_MAP, .pcap_direction = 2 };
    struct iface_list list;
    struct err e = { 0 };
    assert_int_equal(parse(&list, &c,
                           "! two links\nifname=ens4 ifindex=12 direction=in\n\n"
                           "  direction=out ifname=ens4   ifindex=4294967295\nifname=ppp0 ifindex=1\n",
                           &e),
                     0);
    assert_int_equal(list.n, 3);
    assert_string_equal(list.row[0].name, "ens4");
    assert_int_equal(list.row[0].direction, AFPACKET_IN);
    assert_int_equal(list.row[1].direction, AFPACKET_OUT);
    assert_int_equal(iface_number(&list.row[1], &c), 4294967295u);
    assert_int_equal(list.row[2].direction, AFPACKET_OUT); /* pcap_direction */
    assert_int_equal(list.row[2].line, 5);
    iface_list_free(&list);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "ifname=a ifindex=1\nifindex=2", "[i.map:2] ifname is missing" },
        { "ifname=abcdefghijklmnop ifindex=1", "[i.map:1] ifname 'abcdefghijklmnop': " },
        { "ifname=a", "[i.map:1] ifindex is missing" },
        { "ifname=a ifindex=0", "[i.map:1]" },
        { "ifname=a ifindex=x", "[i.map:1]" },
        { "ifname=a ifindex=1 direction=inn", "[i.map:1] direction: bad value 'inn': allowed: in or out" },
        { "ifname=a ifindex=1 direction=in\nifname=a ifindex=2 direction=in",
          "[i.map:2] interface 'a' stands in line 1" },
        { "ifname=a ifindex=1\nifname=a ifindex=2 direction=in", "[i.map:2] interface 'a' stands in line 1" },
        { "ifnam=a ifindex=1", "[i.map:1] unknown key 'ifnam': was 'ifname' meant?" },
        { "ifname=a ifname=b ifindex=1", "[i.map:1]" },
        { "ifname = a", "[i.map:1] malformed line" },
    };
    (void)state;
    struct config c = { .pcap_ifindex = IFINDEX_MAP };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct iface_list list;
        struct err e = { 0 };
        assert_int_equal(parse(&list, &c, rows[i].text, &e), -1);
        if (!strstr(e.text, rows[i].says))
            fail_msg("'%s' gave '%s'", rows[i].text, e.text);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        const char *name;
        uint32_t hash;
    } rows[] = {
        { "v0", 248609298 },
        { "lo0x1", 223744674 },
        { "wlp0s20f3", 646662704 },
        { "enp59s0f1np", 3198885170u },
        { "abcdefghijkl", 186334885 },
        { "averylongname", 1946877242 },
        { "abcdefghijklmno", 299683633 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct iface_row row = { .ifindex = 9 };
        struct config c = { .pcap_ifindex = IFINDEX_HASH };
        snprintf(row.name, sizeof(row.name), "%s", rows[i].name);
        assert_int_equal(iface_number(&row, &c), rows[i].hash);
        c.pcap_ifindex = IFINDEX_NONE;
        assert_int_equal(iface_number(&row, &c), 0);
        c.pcap_ifindex = IFINDEX_MAP;
        assert_int_equal(iface_number(&row, &c), 9);
    }
    struct iface_row lo = { .name = "lo" };
    struct config sys = { .pcap_ifindex = IFINDEX_SYS };
    assert_int_equal(iface_number(&lo, &sys), 1);
}

struct answer {
    struct nlmsghdr h;
    struct ifinfomsg i;
    struct rtattr name_head;
    char name[8];
    struct rtattr stats_head;
    struct rtnl_link_stats64 stats __attribute__((packed, aligned(4)));
};

static struct answer make_answer(void)
{
    struct answer a = { 0 };
    a.h.nlmsg_len = sizeof(a);
    a.h.nlmsg_type = RTM_NEWLINK;
    a.name_head.rta_len = sizeof(a.name_head) + 5;
    a.name_head.rta_type = IFLA_IFNAME;
    memcpy(a.name, "eth0", 5);
    a.stats_head.rta_len = sizeof(a.stats_head) + sizeof(a.stats);
    a.stats_head.rta_type = IFLA_STATS64;
    a.stats.rx_dropped = 1000; /* frames that nobody wanted, which are seen all the same */
    a.stats.rx_missed_errors = 20;
    a.stats.rx_fifo_errors = 3;
    return a;
}

static void test_drops(void **state)
{
    (void)state;
    uint64_t drops = 0;
    struct answer a = make_answer();
    assert_true(link_drops_of(&a, sizeof(a), &drops));
    assert_int_equal(drops, 23);
    for (size_t n = 0; n < sizeof(a); n++) { /* cut anywhere: refused, nothing read behind it */
        char *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, &a, n);
        assert_false(link_drops_of(cut, n, &drops));
        free(cut);
    }
    a.name_head.rta_len = 0;
    assert_false(link_drops_of(&a, sizeof(a), &drops));
    a = make_answer();
    a.stats_head.rta_len = UINT16_MAX;
    assert_false(link_drops_of(&a, sizeof(a), &drops));
    a = make_answer();
    a.h.nlmsg_type = NLMSG_ERROR;
    assert_false(link_drops_of(&a, sizeof(a), &drops));
}

static void test_drops_live(void **state)
{
    (void)state;
    uint64_t drops = 77;
    assert_true(link_drops(1, &drops)); /* lo */
    assert_int_equal(drops, 0);
    assert_false(link_drops(0, &drops));
    assert_false(link_drops(2147483647, &drops));
    assert_false(link_is_up("no-such-link"));
    assert_false(link_is_up("a-name-that-no-interface-can-have"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),  cmocka_unit_test(test_refused),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_drops), cmocka_unit_test(test_drops_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
