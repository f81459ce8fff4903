/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures as octets and as Prometheus' text; rounds in which they are gathered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/gather.h"
#include "http/prometheus.h"

static const char *text_of(struct figures *f, struct strbuf *out)
{
    strbuf_init(out, 1 << 20);
    assert_int_equal(prometheus_write(&f->out, out), 0);
    return strbuf_cstr(out);
}

static void test_text(void **state)
{
    struct figures f;
    struct strbuf out;
    (void)state;
    figures_init(&f);
    figures_label(&f, "plugin", "b\\\"\n\x01");
    figures_put(&f, FIG_RING_USED, 7);
    figures_unlabel(&f, 1);
    figures_put(&f, FIG_START, 1500001);
    figures_put_of(&f, FIG_RING_USED, "plugin", "a", UINT64_MAX);
    assert_string_equal(text_of(&f, &out),
                        "# HELP pmacct_start_time_seconds When the daemon started, seconds since 1970.\n"
                        "# TYPE pmacct_start_time_seconds gauge\n"
                        "pmacct_start_time_seconds 1.500001\n"
                        "# HELP pmacct_ring_used_bytes What waits in them.\n"
                        "# TYPE pmacct_ring_used_bytes gauge\n"
                        "pmacct_ring_used_bytes{plugin=\"a\"} 18446744073709551615\n"
                        "pmacct_ring_used_bytes{plugin=\"b\\\\\\\"\\n?\"} 7\n");
    strbuf_free(&out);
    figures_free(&f);
}

/* Prometheus refuses a scrape that has a set of labels twice. */
static void test_once(void **state)
{
    struct figures f;
    struct strbuf out;
    (void)state;
    figures_init(&f);
    for (unsigned i = 0; i < 3; i++) {
        figures_label_number(&f, "id", i % 2);
        figures_put(&f, FIG_EXP_DATAGRAMS, 5);
        figures_unlabel(&f, 1);
    }
    const char *text = text_of(&f, &out);
    assert_non_null(strstr(text, "{id=\"0\"} 10\n"));
    assert_non_null(strstr(text, "{id=\"1\"} 5\n"));
    assert_null(strstr(strstr(text, "{id=\"0\"}") + 1, "{id=\"0\"}"));
    strbuf_free(&out);
    figures_free(&f);
}

/* Whatever is cut off is left out; nothing is read behind the end. */
static void test_cut(void **state)
{
    struct figures f;
    (void)state;
    figures_init(&f);
    figures_put_of(&f, FIG_TEE, "what", "bytes", 3);
    figures_put_of(&f, FIG_TEE, "what", "datagrams", 4);
    for (size_t n = 0; n <= f.out.len; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        struct figure_entry e;
        unsigned found = 0;
        memcpy(exact, f.out.p, n);
        struct cursor c = cursor_of(exact, n);
        while (figures_next(&c, &e))
            found++;
        assert_int_equal(found, n == f.out.len ? 2 : n >= f.out.len / 2 - 2 ? 1 : 0);
        free(exact);
    }
    f.out.p[8] = (char)0xff; /* no such family */
    struct cursor c = cursor_of(f.out.p, f.out.len);
    struct figure_entry e;
    assert_false(figures_next(&c, &e));
    figures_free(&f);
}

/* From process to process. */
static void test_share(void **state)
{
    struct figures f;
    struct strbuf got;
    (void)state;
    figures_init(&f);
    figures_put_process(&f, "core");
    strbuf_init(&got, 1 << 20);
    figures_take(&got, figures_share(&f.out));
    assert_int_equal(got.len, f.out.len);
    assert_memory_equal(got.p, f.out.p, got.len);
    strbuf_free(&got);
    figures_free(&f);
}

/* ---- rounds */

struct rounds {
    uv_loop_t loop;
    struct gather *g;
    struct gather_ask ask;
    unsigned begun, parts; /* rounds; parts that others are to bring in each */
    unsigned posts;        /* that come */
    unsigned missing, entries, answers;
};

static unsigned on_begin(void *owner, struct figures *f, uint32_t round)
{
    struct rounds *r = owner;
    r->begun++;
    figures_put(f, FIG_EXPORTERS, 1);
    for (unsigned i = 0; i < r->posts; i++) {
        struct figures part;
        figures_init(&part);
        figures_put(&part, FIG_CLIENTS, 1);
        gather_post(r->g, i ? round : round - 1, &part); /* the first one comes too late */
    }
    return r->parts;
}

static void on_done(struct gather_ask *a, struct gathered *got)
{
    struct rounds *r = (struct rounds *)((char *)a - offsetof(struct rounds, ask));
    struct cursor c = cursor_of(got->octets.p, got->octets.len);
    struct figure_entry e;
    r->entries = r->missing = 0;
    while (figures_next(&c, &e)) {
        r->entries++;
        if (e.which == FIG_PARTS_MISSING)
            r->missing = (unsigned)e.value;
    }
    r->answers++;
    gathered_put(got);
    uv_stop(&r->loop);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    uv_close(h, NULL);
}

static void ask(struct rounds *r)
{
    gather_ask(r->g, &r->ask);
    uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void run_rounds(struct rounds *r, unsigned parts, unsigned posts)
{
    struct err e;
    *r = (struct rounds){ .parts = parts, .posts = posts, .ask = { .done = on_done } };
    uv_loop_init(&r->loop);
    r->g = gather_new(on_begin, r);
    assert_int_equal(gather_start(r->g, &r->loop, &e), 0);
    ask(r);
}

static void end_rounds(struct rounds *r)
{
    uv_walk(&r->loop, close_handle, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    gather_free(r->g);
}

static void test_round(void **state)
{
    struct rounds r;
    (void)state;
    run_rounds(&r, 2, 3);
    assert_int_equal(r.missing, 0);
    assert_int_equal(r.entries, 4);
    ask(&r); /* at once again: the same answer will do */
    assert_int_equal(r.begun, 1);
    assert_int_equal(r.answers, 2);
    end_rounds(&r);
}

static void test_round_incomplete(void **state)
{
    struct rounds r;
    (void)state;
    run_rounds(&r, 2, 2);
    assert_int_equal(r.missing, 1);
    assert_int_equal(r.entries, 3);
    end_rounds(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),  cmocka_unit_test(test_once),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_share), cmocka_unit_test(test_round), cmocka_unit_test(test_round_incomplete)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
