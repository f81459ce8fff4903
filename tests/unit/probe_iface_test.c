/* SPDX-License-Identifier: BSD-2-Clause */
/* Directions and interface numbers: a row for each way in which they can be configured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "core/project.h"
#include "plugins/probe_iface.h"

struct way {
    const char *what, *direction, *ifindex;
    bool override;
    struct flow f;
    uint8_t expect;
    uint32_t in, out;
};

static const struct way rows[] = {
    { "nothing known", NULL, NULL, false, { .kind = 0 }, DIRECTION_UNKNOWN, 0, 0 },
    { "captured", NULL, NULL, false, { .in_iface = 3, .out_iface = 4, .sampling_direction = 2 }, 2, 3, 4 },
    { "in", "in", "5", false, { .kind = 0 }, DIRECTION_IN, 5, 0 },
    { "OUT", "OUT", "5", false, { .kind = 0 }, DIRECTION_OUT, 0, 5 },
    { "unknown counts as in", NULL, "5", false, { .kind = 0 }, DIRECTION_UNKNOWN, 5, 0 },
    { "the capture knows better", "in", "5", false, { .in_iface = 3 }, DIRECTION_IN, 3, 0 },
    { "override", "in", "5", true, { .in_iface = 3, .out_iface = 4 }, DIRECTION_IN, 5, 4 },
    { "override by nothing", "in", "tag", true, { .in_iface = 3 }, DIRECTION_IN, 3, 0 },
    { "tag: in", "tag", "tag2", false, { .tag = 1, .tag2 = 77 }, DIRECTION_IN, 77, 0 },
    { "tag: out", "tag", "tag2", false, { .tag = 2, .tag2 = 77 }, DIRECTION_OUT, 0, 77 },
    { "tag: neither", "tag", "tag2", false, { .tag = 3, .tag2 = 77 }, DIRECTION_UNKNOWN, 77, 0 },
    { "tag2: in", "tag2", "tag", false, { .tag = 9, .tag2 = 1 }, DIRECTION_IN, 9, 0 },
    { "all of 32 bits", "out", "4294967295", false, { .kind = 0 }, DIRECTION_OUT, 0, UINT32_MAX },
};

static void each_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct way *r = &rows[i];
        struct config c = { .nfprobe_direction = r->direction,
                            .nfprobe_ifindex = r->ifindex,
                            .nfprobe_ifindex_override = r->override };
        struct aggregate_spec spec = { .whole_addresses = true };
        struct probe_iface pi;
        struct err e = { 0 };
        struct layout l;
        struct projection p;
        _Alignas(8) uint8_t buf[256];
        struct record *rec = (struct record *)buf;
        assert_int_equal(probe_iface_parse(&c, "nfprobe", &pi, &e), 0);
        probe_iface_needs(&pi, &spec.set);
        fieldset_add(&spec.set, FIELD_src_host);
        layout_make(&l, &spec, false);
        probe_iface_attach(&pi, &l);
        projection_make(&p, &l, &spec, &c);
        projection_run(&p, &r->f, rec);
        uint8_t direction = probe_direction(&pi, rec->key, rec->direction);
        struct probe_ifaces got = probe_ifaces(&pi, rec->key, direction);
        if (direction != r->expect || got.in != r->in || got.out != r->out)
            fail_msg("%s: direction %u, interfaces %u and %u", r->what, direction, got.in, got.out);
    }
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *direction, *ifindex, *says;
    } wrong[] = {
        { "ingress", NULL, "sfprobe_direction: 'ingress'" },
        { NULL, "0", "sfprobe_ifindex: '0'" },
        { NULL, "eth0", "sfprobe_ifindex: 'eth0'" },
        { NULL, "4294967296", "sfprobe_ifindex: '4294967296'" },
        { NULL, "99999999999999999999", "sfprobe_ifindex: '9999" },
        { NULL, "-1", "sfprobe_ifindex: '-1'" },
        { NULL, "5x", "sfprobe_ifindex: '5x'" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct config c = { .nfprobe_direction = wrong[i].direction, .nfprobe_ifindex = wrong[i].ifindex };
        struct probe_iface pi;
        struct err e = { 0 };
        assert_int_equal(probe_iface_parse(&c, "sfprobe", &pi, &e), -1);
        assert_non_null(strstr(e.text, wrong[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_way), cmocka_unit_test(mistakes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
