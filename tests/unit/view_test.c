/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of plugins in the worker: their own ones, shared ones, filters on what they set, and loading anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
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
    assert_int_equal(outlet_open(&b->out[b->n++], pc, &spec, &e), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_maps, begin, end),
        cmocka_unit_test_setup_teardown(filters, begin, end),
        cmocka_unit_test_setup_teardown(post_tag_wins, begin, end),
        cmocka_unit_test_setup_teardown(returns, begin, end),
        cmocka_unit_test_setup_teardown(reload, begin, end),
        cmocka_unit_test_setup_teardown(missing_and_wrong, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
