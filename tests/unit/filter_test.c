/* SPDX-License-Identifier: BSD-2-Clause */
/* libpcap expressions over flows and packets, lists of tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pcap/dlt.h>
#include <string.h>
#include "core/filter.h"

static struct flow v4(void)
{
    struct flow f = { .src_port = 40000,
                      .dst_port = 443,
                      .proto = 6,
                      .tos = 8,
                      .tcpflags = 0x12,
                      .bytes = 1000,
                      .packets = 2 };
    addr_parse("10.0.0.1", &f.src_host);
    addr_parse("192.0.2.10", &f.dst_host);
    return f;
}

static struct flow v6(void)
{
    struct flow f = { .src_port = 5353, .dst_port = 53, .proto = 17 };
    addr_parse("2001:db8::1", &f.src_host);
    addr_parse("2001:db8::2", &f.dst_host);
    return f;
}

static struct flow tagged(void)
{
    struct flow f = v4();
    f.vlan = 100;
    f.cos = 5;
    return f;
}

static const struct {
    const char *expression;
    struct flow (*flow)(void);
    bool passes;
} cases[] = {
    { "ip", v4, true },
    { "ip6", v4, false },
    { "ip6", v6, true },
    { "src net 10.0.0.0/8", v4, true },
    { "src net 11.0.0.0/8", v4, false },
    { "dst port 443 and tcp", v4, true },
    { "udp", v4, false },
    { "tcp[13] & 2 != 0", v4, true },
    { "tcp[13] & 4 != 0", v4, false },
    { "ip[1] = 8", v4, true },
    { "host 2001:db8::2", v6, true },
    { "udp port 53", v6, true },
    { "vlan 100", tagged, true },
    { "vlan 101", tagged, false },
    { "vlan and dst port 443", tagged, true },
    { "udp, dst port 443", v4, true }, /* a comma means or */
    { "udp, dst port 80", v4, false },
    { "(tcp or udp), ip6", v4, true },
};

static void expressions_over_flows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        struct filter *f = filter_compile(cases[i].expression, &e);
        if (!f)
            fail_msg("%s", e.text);
        struct flow flow = cases[i].flow();
        if (filter_match(f, &flow) != cases[i].passes)
            fail_msg("'%s' should %s", cases[i].expression, cases[i].passes ? "pass" : "not pass");
        filter_free(f);
    }
}

static void packets_are_filtered_as_they_are(void **state)
{
    (void)state;
    static const uint8_t arp[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06 };
    struct flow f = v4();
    f.packet = arp;
    f.packet_len = f.packet_caplen = sizeof(arp);
    f.packet_dlt = DLT_EN10MB;
    struct filter *is_arp = filter_compile("arp", NULL);
    assert_true(filter_match(is_arp, &f));
    f.packet_dlt = DLT_RAW; /* not comparable: the flow's own facts are */
    assert_false(filter_match(is_arp, &f));
    filter_free(is_arp);
}

static void bad_expressions_are_named(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_null(filter_compile("ip, port nonsense and", &e));
    assert_non_null(strstr(e.text, "port nonsense and"));
}

static const struct {
    const char *list;
    uint64_t tag;
    bool passes; /* also: parses */
} tags[] = {
    { "5", 5, true },
    { "5", 6, false },
    { "5,10-20", 10, true },
    { "5, 10-20", 20, true },
    { "5,10-20", 21, false },
    { "-7", 7, false },
    { "-7", 8, true },
    { "-10-20", 15, false },
    { "-10-20, 30", 30, true },
    { "0", 0, true },
    { "18446744073709551615", UINT64_MAX, true },
};
static const char *const bad_tags[] = { "", "a", "5,", "20-10", "5;6", "99999999999999999999", "1 2" };

static void lists_of_tags(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        struct tag_filter *t = tag_filter_parse(tags[i].list, NULL);
        assert_non_null(t);
        if (tag_filter_match(t, tags[i].tag) != tags[i].passes)
            fail_msg("'%s' for %llu", tags[i].list, (unsigned long long)tags[i].tag);
        tag_filter_free(t);
    }
    for (unsigned i = 0; i < sizeof(bad_tags) / sizeof(bad_tags[0]); i++) {
        struct err e = { 0 };
        if (tag_filter_parse(bad_tags[i], &e))
            fail_msg("'%s' should be refused", bad_tags[i]);
        assert_non_null(strstr(e.text, bad_tags[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_over_flows),
        cmocka_unit_test(packets_are_filtered_as_they_are),
        cmocka_unit_test(bad_expressions_are_named),
        cmocka_unit_test(lists_of_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
