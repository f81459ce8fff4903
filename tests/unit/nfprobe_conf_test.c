/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of nfprobe with a grammar of their own: what is taken, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "plugins/nfprobe_conf.h"

static void defaults(void **state)
{
    (void)state;
    struct config c = { .nfprobe_version = 10 };
    struct nfprobe_conf nc;
    struct err e;
    assert_int_equal(nfprobe_conf_parse(&c, 'P', NULL, &nc, &e), 0);
    assert_int_equal(nc.idle_s[FC_TCP], 3600);
    assert_int_equal(nc.idle_s[FC_TCP_RST], 120);
    assert_int_equal(nc.idle_s[FC_TCP_FIN], 300);
    assert_int_equal(nc.maxlife_s, 604800);
    assert_int_equal(nc.interval_s, 60);
    assert_true(fieldset_has(&nc.exported.set, FIELD_tos) && fieldset_has(&nc.exported.set, FIELD_dst_port));
    assert_int_equal(nc.iface.direction_from, FROM_CAPTURE);
}

static void values(void **state)
{
    (void)state;
    struct config c = { .nfprobe_version = 5,
                        .nfprobe_timeouts = "tcp=120:maxlife=2h:TCP.RST=5s:expint=0",
                        .nfprobe_engine = "1:255",
                        .nfprobe_direction = "out",
                        .nfprobe_ifindex = "tag2",
                        .aggregate = "src_host, dst_port" };
    struct nfprobe_conf nc;
    struct fieldset key;
    struct err e;
    assert_int_equal(nfprobe_conf_parse(&c, 'P', NULL, &nc, &e), 0);
    assert_int_equal(nc.idle_s[FC_TCP], 120);
    assert_int_equal(nc.idle_s[FC_TCP_RST], 5);
    assert_int_equal(nc.maxlife_s, 7200);
    assert_int_equal(nc.interval_s, 0);
    assert_int_equal(nc.engine_type, 1);
    assert_int_equal(nc.engine_id, 255);
    assert_int_equal(nc.iface.direction, DIRECTION_OUT);
    assert_int_equal(nc.iface.ifindex_from, FROM_TAG2);
    assert_true(fieldset_has(&nc.exported.set, FIELD_tcpflags)); /* comes with a port */
    nfprobe_conf_key(&nc, &key);
    assert_true(fieldset_has(&key, FIELD_src_host) && fieldset_has(&key, FIELD_proto) &&
                fieldset_has(&key, FIELD_tag2));
    assert_false(fieldset_has(&key, FIELD_tag) || fieldset_has(&key, FIELD_tos));
}

/* The sampler is named in flows wherever a rate is told, and only there. */
static void rates(void **state)
{
    (void)state;
    static const struct {
        struct config c;
        uint32_t rate;
    } rows[] = {
        { { .aggregate = "src_host,sampling_rate" }, 0 },
        { { .sampling_rate = 10 }, 10 },
        { { .ext_sampling_rate = 100 }, 100 },
        { { .ext_sampling_rate = 100, .renormalize = true, .aggregate = "sampling_rate" }, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c = rows[i].c;
        struct nfprobe_conf nc;
        struct fieldset key;
        struct err e;
        c.nfprobe_version = 10;
        assert_int_equal(nfprobe_conf_parse(&c, 'P', NULL, &nc, &e), 0);
        assert_int_equal(nfprobe_conf_rate(&c), rows[i].rate);
        assert_int_equal(fieldset_has(&nc.exported.set, FIELD_sampling_rate), rows[i].rate != 0);
        nfprobe_conf_key(&nc, &key);
        assert_false(fieldset_has(&key, FIELD_sampling_rate));
    }
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        struct config c;
        const char *says;
    } rows[] = {
        { { .nfprobe_version = 10, .nfprobe_timeouts = "tpc=120" },
          "nfprobe_timeouts: no timeout is called 'tpc'" },
        { { .nfprobe_version = 10, .nfprobe_timeouts = "tcp" }, "nfprobe_timeouts: 'tcp'" },
        { { .nfprobe_version = 10, .nfprobe_timeouts = "tcp=5y" }, "nfprobe_timeouts: 'tcp=5y'" },
        { { .nfprobe_version = 10, .nfprobe_timeouts = "tcp=99999999999999" }, "nfprobe_timeouts: 'tcp=" },
        { { .nfprobe_version = 10, .nfprobe_timeouts = "tcp=9999999w" }, "nfprobe_timeouts: 'tcp=" },
        { { .nfprobe_version = 10, .nfprobe_engine = "1:2" }, "nfprobe_engine: '1:2'" },
        { { .nfprobe_version = 9, .nfprobe_engine = "4294967296" }, "nfprobe_engine: " },
        { { .nfprobe_version = 5, .nfprobe_engine = "77" },
          "nfprobe_engine: '77': for NetFlow v5 write type:id" },
        { { .nfprobe_version = 5, .nfprobe_engine = "1:256" }, "nfprobe_engine: " },
        { { .nfprobe_version = 10, .nfprobe_direction = "ingress" }, "nfprobe_direction: 'ingress'" },
        { { .nfprobe_version = 10, .nfprobe_ifindex = "0" }, "nfprobe_ifindex: '0'" },
        { { .nfprobe_version = 10, .nfprobe_ifindex = "eth0" }, "nfprobe_ifindex: 'eth0'" },
        { { .nfprobe_version = 10, .aggregate = "sum_host" }, "aggregate: " },
        { { .nfprobe_version = 10, .aggregate = "src_hots" }, "aggregate: " },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nfprobe_conf nc;
        struct err e = { 0 };
        assert_int_equal(nfprobe_conf_parse(&rows[i].c, 'P', NULL, &nc, &e), -1);
        if (strncmp(e.text, rows[i].says, strlen(rows[i].says)) != 0)
            fail_msg("'%s' is not '%s...'", e.text, rows[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(defaults), cmocka_unit_test(values),
                                        cmocka_unit_test(rates), cmocka_unit_test(mistakes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
