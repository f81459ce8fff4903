/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of sfprobe: configuration, frames of each link type, interfaces and what the kernel counts of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/cursor.h"
#include "plugins/if_counters.h"
#include "plugins/sfprobe_conf.h"
#include "plugins/sfprobe_frame.h"
#include "plugins/sfprobe_ifaces.h"

/* ---- configuration */

static void conf(void **state)
{
    (void)state;
    static const struct {
        struct config c;
        unsigned with;
        uint32_t rate, multiplier, header;
    } rows[] = {
        { { .snaplen = 128 }, 0, 1, 1, 128 },
        { { .snaplen = 1024, .sampling_rate = 50 }, 0, 50, 1, 1024 },
        { { .snaplen = 65535, .ext_sampling_rate = 100 }, 0, 100, 100, 1024 },
        { { .snaplen = 128, .aggregate = "src_host, vlan, tag2" }, SFLOW_WITH_TAG, 1, 1, 128 },
        { { .snaplen = 128, .aggregate = "dst_as" }, SFLOW_WITH_GATEWAY, 1, 1, 128 },
        { { .snaplen = 128, .aggregate = "dst_mask, tag" }, SFLOW_WITH_ROUTER | SFLOW_WITH_TAG, 1, 1, 128 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sfprobe_conf sc;
        struct err e = { 0 };
        assert_int_equal(sfprobe_conf_parse(&rows[i].c, 'P', NULL, &sc, &e), 0);
        assert_int_equal(sc.with, rows[i].with);
        assert_int_equal(sc.rate, rows[i].rate);
        assert_int_equal(sc.multiplier, rows[i].multiplier);
        assert_int_equal(sc.header, rows[i].header);
    }
    struct sfprobe_conf sc;
    struct fieldset set;
    struct err e = { 0 };
    assert_int_equal(sfprobe_conf_parse(&(struct config){ .aggregate = "src_as,peer_dst_ip,src_host" }, 'P',
                                        NULL, &sc, &e),
                     0);
    sfprobe_conf_needs(&sc, &set);
    assert_true(fieldset_has(&set, FIELD_src_as) && fieldset_has(&set, FIELD_dst_as));
    assert_true(fieldset_has(&set, FIELD_peer_dst_ip) && fieldset_has(&set, FIELD_in_iface));
    assert_false(fieldset_has(&set, FIELD_src_host) || fieldset_has(&set, FIELD_tag));
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        struct config c;
        const char *says;
    } rows[] = {
        { { .aggregate = "sum_host" }, "aggregate: " },
        { { .aggregate = "src_hots" }, "aggregate: " },
        { { .sfprobe_agentip = "router7" }, "sfprobe_agentip: 'router7'" },
        { { .nfprobe_ifindex = "eth0" }, "sfprobe_ifindex: 'eth0'" },
        { { .nfprobe_direction = "up" }, "sfprobe_direction: 'up'" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sfprobe_conf sc;
        struct err e = { 0 };
        assert_int_equal(sfprobe_conf_parse(&rows[i].c, 'P', NULL, &sc, &e), -1);
        assert_non_null(strstr(e.text, rows[i].says));
    }
}

/* ---- frames */

#define IP4 0x45, 0, 0, 20
#define MACS(first) first, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
#define ZEROS8 0, 0, 0, 0, 0, 0, 0, 0

static const struct frame_row {
    uint16_t dlt, n;
    uint8_t octets[32];
    bool form;
    uint8_t protocol, skip, trailer, cast;
    uint16_t vlan;
    uint8_t priority;
} frames[] = {
    { 1, 18, { MACS(2), 8, 0, IP4 }, true, 1, 0, 4, CAST_UNI, 0, 0 },
    { 1, 18, { MACS(1), 8, 0, IP4 }, true, 1, 0, 4, CAST_MULTI, 0, 0 },
    { 1, 14, { 255, 255, 255, 255, 255, 255, 7, 8, 9, 10, 11, 12, 8, 6 }, true, 1, 0, 4, CAST_BROAD, 0, 0 },
    { 1, 18, { MACS(2), 0x81, 0, 0xa0, 10, 8, 0 }, true, 1, 0, 4, CAST_UNI, 10, 5 },
    { 1, 18, { MACS(2), 0x88, 0xa8, 0x0f, 0xff, 0x81, 0 }, true, 1, 0, 4, CAST_UNI, 4095, 0 },
    { 1, 15, { MACS(2), 0x81, 0, 0xa0 }, true, 1, 0, 4, CAST_UNI, 0, 0 }, /* ends within the tag */
    { 1, 0, { 0 }, true, 1, 0, 4, CAST_UNI, 0, 0 },
    { 101, 4, { IP4 }, true, 11, 0, 0, CAST_UNI, 0, 0 },
    { 12, 4, { 0x60 }, true, 12, 0, 0, CAST_UNI, 0, 0 },
    { 12, 4, { 0x50 }, false, 0, 0, 0, 0, 0, 0 },
    { 12, 0, { 0 }, false, 0, 0, 0, 0, 0, 0 },
    { 0, 8, { 2, 0, 0, 0, IP4 }, true, 11, 4, 0, CAST_UNI, 0, 0 },
    { 108, 3, { 0, 0, 0 }, false, 0, 0, 0, 0, 0, 0 },
    { 113, 20, { ZEROS8, 0, 0, 0, 0, 0, 0, 8, 0, IP4 }, true, 11, 16, 0, CAST_UNI, 0, 0 },
    { 276, 24, { 8, 0, ZEROS8, ZEROS8, 0, 0, 0x60 }, true, 12, 20, 0, CAST_UNI, 0, 0 },
    { 113, 20, { ZEROS8, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1 }, false, 0, 0, 0, 0, 0, 0 }, /* ARP */
    { 9, 4, { 0xff, 3, 0, 0x21 }, true, 7, 0, 0, CAST_UNI, 0, 0 },
    { 104, 4, { 0x0f, 0, 8, 0 }, true, 14, 0, 0, CAST_UNI, 0, 0 },
    { 105, 4, { 8 }, true, 15, 0, 0, CAST_UNI, 0, 0 },
    { 9999, 4, { IP4 }, false, 0, 0, 0, 0, 0, 0 },
};

static void each_link(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        const struct frame_row *r = &frames[i];
        struct record_packet p = { .len = 1000, .caplen = r->n, .dlt = r->dlt };
        struct sflow_flow_sample s = { 0 };
        struct frame_info info;
        if (sfprobe_frame(&p, r->octets, &s, &info) != r->form)
            fail_msg("row %zu", i);
        if (!r->form)
            continue;
        assert_int_equal(s.protocol, r->protocol);
        assert_true(s.header == r->octets + r->skip);
        assert_int_equal(s.header_len, r->n - r->skip);
        assert_int_equal(s.frame_len, 1000 + r->trailer);
        assert_int_equal(s.stripped, r->skip + r->trailer);
        assert_int_equal(info.cast, r->cast);
        assert_int_equal(info.vlan, r->vlan);
        assert_int_equal(info.priority, r->priority);
    }
}

/* ---- interfaces */

struct counted {
    unsigned n;
    uint32_t word[8][29]; /* of each sample, its tag and length left out */
};

static void collect(void *arg, const uint8_t *p, uint32_t len)
{
    struct counted *k = arg;
    struct cursor c = cursor_of(p, len);
    cursor_skip(&c, 24);
    uint32_t samples = cursor_u32(&c);
    while (samples--) {
        cursor_u32(&c);
        uint32_t n = cursor_u32(&c) / 4;
        assert_true(n <= 29 && k->n < 8);
        for (unsigned i = 0; i < n; i++)
            k->word[k->n][i] = cursor_u32(&c);
        k->n++;
    }
    assert_false(c.bad);
}

static unsigned poll(struct sfprobe_ifaces *x, struct sflow_encoder *en, struct counted *k, int64_t now,
                     bool all)
{
    k->n = 0;
    sfprobe_ifaces_poll(x, en, now, all);
    sflow_encoder_flush(en);
    return k->n;
}

/* Places of words in a compact counter sample. */
enum {
    SEQUENCE,
    SOURCE,
    INDEX = 5,
    SPEED = 7,
    IN_OCTETS = 11,
    IN_UCAST = 13,
    IN_MULTICAST,
    IN_BROADCAST,
    OUT_OCTETS = 19,
    OUT_UCAST = 21,
    OUT_MULTICAST
};

static void sums_of_samples(void **state)
{
    (void)state;
    struct counted k = { 0 };
    struct sflow_encoder *en =
        sflow_encoder_new(&(struct sflow_encoder_conf){ .emit = collect, .arg = &k }, 0);
    struct sfprobe_ifaces *x = sfprobe_ifaces_new(&(struct sfprobe_ifaces_conf){ 0 });
    sfprobe_ifaces_count(x, 0, DIRECTION_IN, CAST_UNI, 1, 100); /* nobody's */
    assert_int_equal(poll(x, en, &k, 0, true), 0);
    sfprobe_ifaces_count(x, 5, DIRECTION_IN, CAST_UNI, 10, 100);
    sfprobe_ifaces_count(x, 5, DIRECTION_IN, CAST_MULTI, 2, 50);
    sfprobe_ifaces_count(x, 5, DIRECTION_IN, CAST_BROAD, 1, 60);
    sfprobe_ifaces_count(x, 6, DIRECTION_OUT, CAST_UNI, 3, UINT32_MAX);
    assert_int_equal(poll(x, en, &k, 1000, false), 2);
    assert_int_equal(k.word[0][SEQUENCE], 1);
    assert_int_equal(k.word[0][SOURCE], 5);
    assert_int_equal(k.word[0][INDEX], 5);
    assert_int_equal(k.word[0][SPEED], 0);
    assert_int_equal(k.word[0][SPEED + 1], 100000000);
    assert_int_equal(k.word[0][IN_OCTETS + 1], 1160);
    assert_int_equal(k.word[0][IN_UCAST], 10);
    assert_int_equal(k.word[0][IN_MULTICAST], 2);
    assert_int_equal(k.word[0][IN_BROADCAST], 1);
    assert_int_equal(k.word[1][SOURCE], 6);
    assert_int_equal(k.word[1][OUT_OCTETS], 2);
    assert_int_equal(k.word[1][OUT_OCTETS + 1], UINT32_MAX - 2);
    assert_int_equal(k.word[1][OUT_UCAST], 3);
    assert_int_equal(poll(x, en, &k, 1000 + SFPROBE_POLL_US - 1, false), 0);
    assert_int_equal(poll(x, en, &k, 1000 + SFPROBE_POLL_US, false), 2);
    assert_int_equal(k.word[0][SEQUENCE], 2);
    assert_int_equal(poll(x, en, &k, 1000 + SFPROBE_POLL_US, true), 2);
    assert_int_equal(sfprobe_ifaces_polled(x), 6);
    sfprobe_ifaces_free(x);
    sflow_encoder_free(en);
}

static void many_interfaces(void **state)
{
    (void)state;
    struct sfprobe_ifaces *x = sfprobe_ifaces_new(&(struct sfprobe_ifaces_conf){ 0 });
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < SFPROBE_IFACES_MAX + 10; i++)
            sfprobe_ifaces_count(x, i * 8192 + 1, DIRECTION_IN, CAST_UNI, 1, 1);
    assert_int_equal(sfprobe_ifaces_refused(x), 20);
    sfprobe_ifaces_free(x);
}

static uint64_t proc_rx_octets(const char *name)
{
    char line[512];
    unsigned long long v = 0;
    FILE *f = fopen("/proc/self/net/dev", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        const char *at = line + strspn(line, " ");
        if (!strncmp(at, name, strlen(name)) && at[strlen(name)] == ':')
            sscanf(at + strlen(name) + 1, "%llu", &v);
    }
    fclose(f);
    return v;
}

static void what_the_kernel_counts(void **state)
{
    (void)state;
    struct sflow_if_counters by_name, by_index;
    struct counted k = { 0 };
    int fd = if_counters_open();
    assert_true(fd >= 0);
    uint64_t before = proc_rx_octets("lo");
    assert_true(if_counters_read(fd, "lo", 0, &by_name));
    uint64_t after = proc_rx_octets("lo");
    assert_true(by_name.in_octets >= before && by_name.in_octets <= after);
    assert_int_equal(by_name.index, if_nametoindex("lo"));
    assert_int_equal(by_name.type, 24);
    assert_true(if_counters_read(fd, NULL, by_name.index, &by_index));
    assert_int_equal(by_index.index, by_name.index);
    assert_false(if_counters_read(fd, "no-such-if", 0, &by_name));
    assert_false(if_counters_read(fd, NULL, 0, &by_name));
    assert_false(if_counters_read(fd, NULL, INT32_MAX, &by_name));
    assert_false(if_counters_read(fd, NULL, UINT32_MAX, &by_name));
    assert_true(if_counters_read(fd, "lo", 0, &by_name)); /* answers do not get mixed up */
    close(fd);
    struct sflow_encoder *en =
        sflow_encoder_new(&(struct sflow_encoder_conf){ .emit = collect, .arg = &k }, 0);
    struct sfprobe_ifaces *x = sfprobe_ifaces_new(&(struct sfprobe_ifaces_conf){ .speed = 7 });
    assert_true(sfprobe_ifaces_captured(x, "lo", 77));
    assert_false(sfprobe_ifaces_captured(x, "no-such-if", 78));
    sfprobe_ifaces_count(x, 77, DIRECTION_IN, CAST_BROAD, 1000, 1000); /* the kernel counts, we do not */
    assert_int_equal(poll(x, en, &k, 0, false), 1);
    assert_int_equal(k.word[0][INDEX], 77);
    assert_int_equal(k.word[0][SPEED + 1], 7);
    assert_int_equal(k.word[0][IN_BROADCAST], UINT32_MAX);
    sfprobe_ifaces_free(x);
    sflow_encoder_free(en);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(each_link),
        cmocka_unit_test(sums_of_samples),
        cmocka_unit_test(many_interfaces),
        cmocka_unit_test(what_the_kernel_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
