/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of plugins in the worker: their own ones, shared ones, filters on what they set, and loading anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/coremaps.h"
#include "core/outlet.h"
#include "core/view.h"

enum { PLUGINS = 4 };

struct bench {
    struct config core;
    struct plugin_conf conf[PLUGINS];
    struct outlet out[PLUGINS];
    struct worker *w;
    struct maps *maps;
    struct log log;
    unsigned n;
};

static char paths[2][64];

static void write_map(unsigned i, const char *text)
{
    FILE *f = fopen(paths[i], "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/tmp/view_test.XXXXXX");
        int fd = mkstemp(paths[i]);
        if (fd == -1)
            return -1;
        close(fd);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(paths[0]);
    unlink(paths[1]);
    return 0;
}

static void add(struct bench *b, const struct config *c)
{
    struct aggregate_spec spec;
    struct err e = { 0 };
    struct plugin_conf *pc = &b->conf[b->n];
    bool dropped;
    snprintf(pc->type, sizeof(pc->type), "print");
    snprintf(pc->name, sizeof(pc->name), "p%u", b->n);
    pc->c = *c;
    assert_int_equal(aggregate_parse("tag, tag2, label, tos", 'N', &spec, &dropped, &e), 0);
    assert_int_equal(outlet_open(&b->out[b->n++], pc, &spec, 1, &e), 0);
}

static void go(struct bench *b)
{
    struct err e = { 0 };
    log_init(&b->log, NULL, "default", "core", false);
    b->maps = maps_new(&e);
    for (unsigned i = 0; i < b->n; i++)
        if (view_load(b->maps, &b->conf[i].c, 'N', &e) == -1)
            fail_msg("%s", e.text);
    b->w = worker_new(&b->core, &b->log, b->out, b->n);
    assert_int_equal(worker_use_maps(b->w, b->maps, 'N', &e), 0);
}

static void done(struct bench *b)
{
    worker_free(b->w);
    maps_free(b->maps);
    for (unsigned i = 0; i < b->n; i++)
        outlet_close(&b->out[i]);
}

static struct flow flow(uint32_t in)
{
    struct flow f;
    memset(&f, 0, sizeof(f));
    f.in_iface = in;
    f.packets = f.flows = 1;
    f.bytes = 100;
    addr_parse("192.0.2.1", &f.peer_src_ip);
    return f;
}

/* What came out of a ring: "tag/tag2/label/tos" of each record. */
static const char *drain(struct outlet *o)
{
    static char text[1024];
    size_t bytes, len = 0;
    text[0] = '\0';
    ring_publish(o->ring);
    uint8_t *p = ring_peek(o->ring, &bytes);
    struct sums s = { 0 };
    for (size_t at = 0; at < bytes; at += record_size((struct record *)(p + at))) {
        const uint8_t *key = p + at + sizeof(struct record);
        uint64_t tag, tag2;
        uint32_t n;
        memcpy(&tag, key + layout_find(&o->layout, FIELD_tag)->off, 8);
        memcpy(&tag2, key + layout_find(&o->layout, FIELD_tag2)->off, 8);
        const struct column *c = layout_find(&o->layout, FIELD_label);
        const uint8_t *label = layout_tail(&o->layout, c, key, &n);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%llu/%llu/%.*s/%u ", (unsigned long long)tag,
                                (unsigned long long)tag2, (int)n, (const char *)label,
                                key[layout_find(&o->layout, FIELD_tos)->off]);
    }
    ring_release(o->ring, bytes, &s);
    return text;
}

static void own_maps(void **state)
{
    struct bench b = { .n = 0 };
    struct config none = { 0 }, first = { .pre_tag_map = paths[0] }, second = { .pre_tag_map = paths[1] };
    (void)state;
    write_map(0, "set_tag=1 in=7 set_label=one\n");
    write_map(1, "set_tag2=2 set_tos=40\n");
    add(&b, &first);
    add(&b, &none);
    add(&b, &second);
    add(&b, &first);
    go(&b);
    struct flow f = flow(7);
    f.tos = 3;
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "1/0/one/3 ");
    assert_string_equal(drain(&b.out[1]), "0/0//3 ");
    assert_string_equal(drain(&b.out[2]), "0/2//40 ");
    assert_string_equal(drain(&b.out[3]), "1/0/one/3 ");
    /* the decoder's flow is as it was: it may be used again */
    assert_int_equal(f.tag, 0);
    assert_int_equal(f.tag2, 0);
    assert_int_equal(f.tos, 3);
    assert_int_equal(f.label.len, 0);
    done(&b);
}

static void filters(void **state)
{
    static const struct {
        const char *tags, *labels;
        const char *in1, *in2, *in3;
    } cases[] = {
        { "1", NULL, "1/0/east,x/0 ", "", "" },
        { "-1", NULL, "", "2/0/west/0 ", "0/0//0 " },
        { "0", NULL, "", "", "0/0//0 " },
        { NULL, "east", "1/0/east,x/0 ", "", "" },
        { NULL, "x, west", "1/0/east,x/0 ", "2/0/west/0 ", "" },
        { NULL, "null", "", "", "0/0//0 " },
        { NULL, "-null", "1/0/east,x/0 ", "2/0/west/0 ", "" },
        { NULL, "-east", "", "2/0/west/0 ", "0/0//0 " },
        { NULL, "eas", "", "", "" },
    };
    (void)state;
    write_map(0, "set_tag=1 set_label=east,x in=1\nset_tag=2 set_label=west in=2\n");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b = { .n = 0 };
        struct config c = { .pre_tag_map = paths[0],
                            .pre_tag_filter = cases[i].tags,
                            .pre_tag_label_filter = cases[i].labels };
        const char *const want[] = { cases[i].in1, cases[i].in2, cases[i].in3 };
        add(&b, &c);
        go(&b);
        for (uint32_t in = 1; in <= 3; in++) {
            struct flow f = flow(in);
            worker_flow(b.w, &f);
            assert_string_equal(drain(&b.out[0]), want[in - 1]);
        }
        done(&b);
    }
}

static void post_tag_wins(void **state)
{
    struct bench b = { .n = 0 };
    struct config c = { .pre_tag_map = paths[0], .pre_tag_filter = "1", .post_tag = 9 };
    (void)state;
    write_map(0, "set_tag=1\n");
    add(&b, &c);
    go(&b);
    struct flow f = flow(1);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "9/0//0 ");
    done(&b);
}

static void returns(void **state)
{
    struct bench b = { .n = 0 };
    struct config c = { .pre_tag_map = paths[0] };
    (void)state;
    write_map(0, "set_tag=1 jeq=next return=true\nset_tag2=2\n");
    add(&b, &c);
    go(&b);
    struct flow f = flow(1);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "1/0//0 0/2//0 ");
    assert_int_equal(b.out[0].accounted.records, 2);
    done(&b);
}

/* A new map holds from the next batch on; a wrong one, or none, leaves the old one where it is. */
static void reload(void **state)
{
    struct bench b = { .n = 0 };
    struct config c = { .pre_tag_map = paths[0] };
    struct flow f = flow(1);
    (void)state;
    write_map(0, "set_tag=1\n");
    add(&b, &c);
    go(&b);
    const unsigned version = worker_needs_version(b.w);
    write_map(0, "set_tag=2 src_port=0\n");
    maps_reload(b.maps, &b.log);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "1/0//0 ");
    worker_set_now(b.w, 1);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "2/0//0 ");
    /* it asks for more than the old one: plans have to be made anew */
    assert_int_not_equal(worker_needs_version(b.w), version);
    assert_true(fieldset_has(worker_needs(b.w), FIELD_src_port));
    write_map(0, "set_tag=3\nset_tag=x\n");
    maps_reload(b.maps, &b.log);
    worker_set_now(b.w, 2);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "2/0//0 ");
    unlink(paths[0]);
    maps_reload(b.maps, &b.log);
    worker_set_now(b.w, 3);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "2/0//0 ");
    write_map(0, "");
    maps_reload(b.maps, &b.log);
    worker_set_now(b.w, 4);
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "0/0//0 ");
    done(&b);
}

static void missing_and_wrong(void **state)
{
    struct err e = { 0 };
    struct maps *m = maps_new(&e);
    struct config c = { .pre_tag_map = "/no/such.map" };
    (void)state;
    assert_int_equal(view_load(m, &c, 'N', &e), -1);
    assert_non_null(strstr(e.text, "pre_tag_map: [/no/such.map] file not found"));
    write_map(0, "! one\nset_tag=y\n");
    c.pre_tag_map = paths[0];
    assert_int_equal(view_load(m, &c, 'N', &e), -1);
    assert_non_null(strstr(e.text, ":2] bad 'set_tag' value"));
    maps_free(m);
}

/* A thread that waits for a file keeps what it works on, whatever the caller has freed, until the file is
 * there. */
static void a_loader_that_waits(void **state)
{
    struct err e = { 0 };
    struct maps *m = maps_new(&e);
    char *path = strdup(paths[0]);
    struct config c = { .networks_file = path };
    struct log *l = malloc(sizeof(*l));
    (void)state;
    assert_non_null(l);
    log_init(l, NULL, "default", "core", false);
    assert_non_null(m);
    write_map(0, "64501,10.0.0.0/8\n");
    assert_int_equal(view_load(m, &c, 'N', &e), 0);
    free(path);
    unlink(paths[0]);
    assert_int_equal(mkfifo(paths[0], 0600), 0);
    maps_reload_aside(m, l);
    maps_reload_aside(m, l); /* once more, after this one */
    free(l);
    assert_false(maps_free(m));
    FILE *f = fopen(paths[0], "we"); /* once the loader has opened the other end */
    assert_non_null(f);
    unlink(paths[0]);
    write_map(0, "64503,10.0.0.0/8\n");
    fputs("64502,10.0.0.0/8\n", f);
    fclose(f);
    while (!maps_free(m))
        continue;
}

/* ---- networks, lists and the maps of the core */

static struct flow net_flow(const char *src, const char *dst)
{
    struct flow f = flow(1);
    addr_parse(src, &f.src_host);
    addr_parse(dst, &f.dst_host);
    f.src_as = 1;
    f.dst_as = 2;
    f.src_mask = 20;
    f.dst_mask = 8;
    f.src_net = f.src_host;
    addr_mask(&f.src_net, 20);
    return f;
}

/* The same again when both hosts were told beforehand, alone or among others. */
static void told_beforehand(struct view *v, const struct flow *before, const struct flow *after)
{
    static const uint8_t other[16] = { 10, 1, 2, 3 };
    const bool v4 = addr_is_v4(&before->src_host);
    const unsigned octets = v4 ? 4 : 16, at = v4 ? 12 : 0;
    for (unsigned others = 0; view_looks_up(v) && others < 6; others++) {
        struct expected e[8];
        unsigned n = 0;
        for (; n < others; n++)
            e[n] = (struct expected){ other, n & 1 };
        e[n++] = (struct expected){ before->src_host.b + at, false };
        if (addr_is_v4(&before->dst_host) == v4)
            e[n++] = (struct expected){ before->dst_host.b + at, true };
        view_expect(v, octets, e, n);
        for (unsigned again = 0; again < 3; again++) {
            struct flow f = *before;
            view_networks(v, &f);
            assert_memory_equal(&f, after, sizeof(f));
        }
    }
}

/* The flow as a plugin with this configuration sees it, as text. */
static const char *seen_by(struct config c, char daemon, struct flow f)
{
    static char text[512];
    char a[6][ADDR_TEXT];
    struct err e = { 0 };
    struct maps *m = maps_new(&e);
    struct view v;
    struct fieldset needs = { 0 };
    struct view_saved saved = { 0 };
    const struct flow before = f;
    if (view_load(m, &c, daemon, &e) == -1)
        fail_msg("%s", e.text);
    assert_true(view_of(&v, m, &c, daemon));
    assert_int_equal(view_take(&v, m), 0);
    fieldset_add(&needs, FIELD_src_net);
    fieldset_add(&needs, FIELD_dst_as);
    view_needs(&v, &needs);
    assert_true(!v.networked || fieldset_has(&needs, FIELD_src_host));
    view_save(&v, &saved, &f);
    if (v.networked)
        view_networks(&v, &f);
    told_beforehand(&v, &before, &f);
    snprintf(text, sizeof(text), "%s %s/%u %u,%u > %s %s/%u %u,%u via %s", addr_str(&f.src_host, a[0]),
             addr_str(&f.src_net, a[1]), f.src_mask, f.peer_src_as, f.src_as, addr_str(&f.dst_host, a[2]),
             addr_str(&f.dst_net, a[3]), f.dst_mask, f.peer_dst_as, f.dst_as, addr_str(&f.peer_dst_ip, a[4]));
    view_restore(&v, &saved, &f);
    assert_memory_equal(&f, &before, sizeof(f));
    view_drop(&v);
    maps_free(m);
    return text;
}

static void networks_of_plugins(void **state)
{
    const struct flow f = net_flow("10.0.0.1", "10.1.1.1"), out = net_flow("172.16.0.1", "2001:db8::1");
    (void)state;
    write_map(0, "192.0.2.1,70_71,10.0.0.0/16\n72,10.1.0.0/16\n192.0.2.9,73,10.1.1.0/24\n");
    struct config c = { .networks_file = paths[0], .as_source = SOURCE_FILE, .net_source = SOURCE_FILE };
    assert_string_equal(seen_by(c, 'N', f),
                        "10.0.0.1 10.0.0.0/16 70,71 > 10.1.1.1 10.1.1.0/24 0,73 via 192.0.2.9");
    assert_string_equal(seen_by(c, 'N', out), "172.16.0.1 0.0.0.0/0 0,0 > 2001:db8::1 ::/0 0,0 via none");
    c.networks_no_mask_if_zero = true;
    assert_string_equal(seen_by(c, 'N', out),
                        "172.16.0.1 172.16.0.1/0 0,0 > 2001:db8::1 2001:db8::1/0 0,0 via none");
    c.networks_no_mask_if_zero = false;
    c.networks_file_filter = true;
    assert_string_equal(seen_by(c, 'N', out), "0.0.0.0 0.0.0.0/0 0,0 > :: ::/0 0,0 via none");
    c.networks_file_filter = false;
    /* the longest of flow and file, each side by itself */
    c.as_source = c.net_source = SOURCE_LONGEST;
    assert_string_equal(seen_by(c, 'N', f),
                        "10.0.0.1 10.0.0.0/20 0,1 > 10.1.1.1 10.1.1.0/24 0,73 via 192.0.2.9");
    c.networks_file_no_lpm = true;
    assert_string_equal(seen_by(c, 'N', f),
                        "10.0.0.1 10.0.0.0/16 70,71 > 10.1.1.1 10.1.1.0/24 0,73 via 192.0.2.9");
    c.networks_file_no_lpm = false;
    /* addresses are cut before they are looked up */
    c.as_source = c.net_source = SOURCE_FILE;
    c.networks_mask = 16;
    assert_string_equal(seen_by(c, 'N', f),
                        "10.0.0.1 10.0.0.0/16 70,71 > 10.1.1.1 10.1.0.0/16 0,72 via none");
    c.net_source = SOURCE_MASK;
    c.networks_mask = 12;
    assert_string_equal(seen_by(c, 'N', f),
                        "10.0.0.1 10.0.0.0/12 70,71 > 10.1.1.1 10.0.0.0/12 70,71 via none");
    /* packets bring none: a file or a mask is the source without being asked */
    c = (struct config){ .networks_file = paths[0] };
    assert_string_equal(seen_by(c, 'P', f),
                        "10.0.0.1 10.0.0.0/16 70,71 > 10.1.1.1 10.1.1.0/24 0,73 via 192.0.2.9");
    c = (struct config){ .networks_mask = 24 };
    assert_string_equal(seen_by(c, 'U', f), "10.0.0.1 10.0.0.0/24 0,1 > 10.1.1.1 10.1.1.0/24 0,2 via none");
    /* flows do: it is not looked at */
    c = (struct config){ .networks_file = paths[0] };
    assert_string_equal(seen_by(c, 'N', f), "10.0.0.1 10.0.0.0/20 0,1 > 10.1.1.1 none/8 0,2 via none");
}

static void sources_without_a_file(void **state)
{
    static const struct config wrong[] = { { .as_source = SOURCE_FILE },
                                           { .net_source = SOURCE_FILE },
                                           { .net_source = SOURCE_MASK } };
    struct err e = { 0 };
    struct maps *m = maps_new(&e);
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(view_load(m, &wrong[i], 'N', &e), -1);
        assert_non_null(strstr(e.text, "has to be given for it"));
    }
    maps_free(m);
}

/* What is not told apart is one; filters and maps see what it was. */
static void lists(void **state)
{
    struct bench b = { .n = 0 };
    struct config c = { .tos_file = paths[0], .pre_tag_map = paths[1] };
    (void)state;
    write_map(0, "8\n");
    write_map(1, "set_tag=1 tos=9\n");
    add(&b, &c);
    go(&b);
    struct flow f = flow(1);
    f.tos = 9;
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "1/0//255 ");
    assert_int_equal(f.tos, 9);
    f.tos = 8;
    worker_flow(b.w, &f);
    assert_string_equal(drain(&b.out[0]), "0/0//8 ");
    done(&b);
    c = (struct config){ .tos_file = paths[0], .tos_encode_as_dscp = true };
    b = (struct bench){ .n = 0 };
    write_map(0, "2\n63\n");
    add(&b, &c);
    go(&b);
    static const uint8_t tos[][2] = { { 9, 2 }, { 12, 255 }, { 255, 63 }, { 252, 63 } };
    for (unsigned i = 0; i < 4; i++) {
        char want[32];
        f.tos = tos[i][0];
        snprintf(want, sizeof(want), "0/0//%u ", tos[i][1]);
        worker_flow(b.w, &f);
        assert_string_equal(drain(&b.out[0]), want);
    }
    done(&b);
}

static void ports_and_protocols(void **state)
{
    struct err e = { 0 };
    struct maps *m = maps_new(&e);
    struct config c = { .ports_file = paths[0], .protos_file = paths[1] };
    struct flow f = flow(1);
    struct view v;
    (void)state;
    write_map(0, "80\n");
    write_map(1, "tcp\n");
    assert_int_equal(view_load(m, &c, 'N', &e), 0);
    assert_true(view_of(&v, m, &c, 'N'));
    assert_int_equal(view_take(&v, m), 0);
    f.src_port = 80;
    f.dst_port = 81;
    f.proto = 17;
    view_lists(&v, &f);
    assert_int_equal(f.src_port, 80);
    assert_int_equal(f.dst_port, 0);
    assert_int_equal(f.proto, 255);
    view_drop(&v);
    maps_free(m);
}

static void core_maps(void **state)
{
    struct bench b = { .n = 0 };
    struct config none = { 0 };
    struct err e = { 0 };
    (void)state;
    b.core.sampling_map = paths[0];
    b.core.flow_to_rd_map = paths[1];
    write_map(0, "id=500 ip=192.0.2.1 out=12\nid=7 ip=192.0.2.0/24 in=-3\n");
    write_map(1, "id=0:64500:40 ip=192.0.2.1 in=31\nid=9 mpls_vpn_id=5\n");
    add(&b, &none);
    b.maps = maps_new(&e);
    assert_int_equal(coremaps_load(b.maps, &b.core, 'N', &e), 0);
    log_init(&b.log, NULL, "default", "core", false);
    b.w = worker_new(&b.core, &b.log, b.out, b.n);
    assert_int_equal(worker_use_maps(b.w, b.maps, 'N', &e), 0);
    assert_true(fieldset_has(worker_needs(b.w), FIELD_out_iface));
    struct flow f = flow(31);
    assert_int_equal(worker_sampling_rate(b.w, &f), 7);
    f.out_iface = 12;
    assert_int_equal(worker_sampling_rate(b.w, &f), 500);
    f.in_iface = 3;
    f.out_iface = 0;
    assert_int_equal(worker_sampling_rate(b.w, &f), 0);
    struct coremaps k;
    assert_true(coremaps_of(&k, b.maps, &b.core, 'N'));
    assert_int_equal(coremaps_take(&k, b.maps), 0);
    f.in_iface = 31;
    coremaps_rd(&k, &f);
    assert_memory_equal(f.mpls_vpn_rd.b, "\0\0\xfb\xf4\0\0\0\x28", 8);
    assert_int_equal(f.mpls_vpn_rd_origin, RD_ORIGIN_MAP);
    f.in_iface = 0;
    f.vrf_out = 5;
    coremaps_rd(&k, &f);
    assert_memory_equal(f.mpls_vpn_rd.b, "\xff\xff\0\0\0\0\0\x09", 8);
    f.vrf_out = 0;
    f.mpls_vpn_rd_origin = RD_ORIGIN_FLOW;
    coremaps_rd(&k, &f);
    assert_int_equal(f.mpls_vpn_rd_origin, RD_ORIGIN_FLOW);
    coremaps_drop(&k);
    done(&b);
}

static void wrong_core_maps(void **state)
{
    static const struct {
        const char *text, *said;
        bool rd;
    } cases[] = {
        { "id=5", "required key missing. Required keys are: 'id', 'ip'", false },
        { "ip=10.0.0.1", "required key missing", false },
        { "id=0 ip=10.0.0.1", "bad 'id' value: '0'", false },
        { "id=5 ip=10.0.0.1 vlan=5", "unknown key 'vlan'", false },
        { "id=5 ip=10.0.0.1 in=x", "bad 'in' value: 'x'", false },
        { "in=5", "required key missing. Required keys are: 'id'", true },
        { "id=0:70000:1", "bad 'id' value: '0:70000:1'", true },
        { "id=x", "bad 'id' value: 'x'", true },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        struct config c = { 0 };
        struct maps *m = maps_new(&e);
        *(cases[i].rd ? &c.flow_to_rd_map : &c.sampling_map) = paths[0];
        write_map(0, cases[i].text);
        assert_int_equal(coremaps_load(m, &c, 'N', &e), -1);
        if (!strstr(e.text, cases[i].said))
            fail_msg("'%s' says: %s", cases[i].text, e.text);
        maps_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_maps, begin, end),
        cmocka_unit_test_setup_teardown(filters, begin, end),
        cmocka_unit_test_setup_teardown(post_tag_wins, begin, end),
        cmocka_unit_test_setup_teardown(returns, begin, end),
        cmocka_unit_test_setup_teardown(reload, begin, end),
        cmocka_unit_test_setup_teardown(missing_and_wrong, begin, end),
        cmocka_unit_test_setup_teardown(a_loader_that_waits, begin, end),
        cmocka_unit_test_setup_teardown(networks_of_plugins, begin, end),
        cmocka_unit_test_setup_teardown(sources_without_a_file, begin, end),
        cmocka_unit_test_setup_teardown(lists, begin, end),
        cmocka_unit_test_setup_teardown(ports_and_protocols, begin, end),
        cmocka_unit_test_setup_teardown(core_maps, begin, end),
        cmocka_unit_test_setup_teardown(wrong_core_maps, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
