/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of messages as JSON, and the writer_id that they end with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "output/body.h"
#include "output/writerid.h"
#include "rows.h"

struct rig {
    struct made m;
    struct config c;
    struct plugin pl;
    void *state;
    struct strbuf out;
};

static void rig_open(struct rig *g, int multi)
{
    struct err e;
    memset(g, 0, sizeof(*g));
    made_init(&g->m, "src_port,mpls_vpn_rd", false);
    made_u16(&g->m, FIELD_src_port, 443);
    g->c.sql_multi_values = multi;
    g->pl = (struct plugin){ .c = &g->c, .layout = &g->m.layout, .name = "x" };
    g->state = calloc(1, body_json.state_size);
    const struct body_conf conf = { .pl = &g->pl, .destination = "t" };
    const struct batch b = { .layout = &g->m.layout };
    assert_int_equal(body_json.open(g->state, &conf, &e), 0);
    assert_int_equal(body_json.begin(g->state, &b, "x/\"7\"", &e), 0);
    strbuf_init(&g->out, 1 << 20);
}

static void rig_close(struct rig *g)
{
    body_json.close(g->state);
    free(g->state);
    strbuf_free(&g->out);
}

#define ROW                                                                                                  \
    "{\"event_type\": \"purge\", \"mpls_vpn_rd\": \"0:0:0\", \"mpls_vpn_rd_origin\": \"unknown\", "          \
    "\"port_src\": 443, \"packets\": 1, \"bytes\": 40, \"writer_id\": \"x/\\\"7\\\"\"}"

static void test_rows(void **state)
{
    struct rig g;
    struct body_limits l;
    (void)state;
    rig_open(&g, 0);
    body_json.limits(g.state, &l);
    assert_int_equal(l.rows, 1);
    body_json.row(g.state, &g.m.row, &g.out);
    body_json.end(g.state, 1, &g.out);
    assert_string_equal(strbuf_cstr(&g.out), ROW);
    rig_close(&g);
    rig_open(&g, 1000);
    body_json.limits(g.state, &l);
    assert_int_equal(l.octets, 1000);
    body_json.row(g.state, &g.m.row, &g.out);
    body_json.row(g.state, &g.m.row, &g.out);
    body_json.end(g.state, 2, &g.out);
    assert_string_equal(strbuf_cstr(&g.out), ROW "\n" ROW "\n");
    rig_close(&g);
}

/* As upstream writes them. */
static void test_markers(void **state)
{
    struct rig g;
    const struct body_totals t = { .purged = 11, .total = 12, .seconds = 3 };
    (void)state;
    rig_open(&g, 0);
    body_json.marker(g.state, BODY_INIT, &t, &g.out);
    assert_string_equal(strbuf_cstr(&g.out),
                        "{\"event_type\": \"purge_init\", \"writer_id\": \"x/\\\"7\\\"\"}");
    strbuf_clear(&g.out);
    body_json.marker(g.state, BODY_CLOSE, &t, &g.out);
    assert_string_equal(strbuf_cstr(&g.out),
                        "{\"event_type\": \"purge_close\", \"writer_id\": \"x/\\\"7\\\"\", "
                        "\"purged_entries\": 11, \"total_entries\": 12, \"duration\": 3}");
    rig_close(&g);
}

static void test_writer_id(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        { "$proc_name/$writer_pid", "p/77" },
        { "", "" },
        { "a-$writer_pid-$proc_name-b", "a-77-p-b" },
        { "$pmacct_buil", NULL },
        { "$writer_pids", NULL },
        { "$proc_name_x", NULL }, /* an underscore is part of the name */
        { "costs $", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf out;
        struct err e;
        assert_int_equal(writer_id_check(rows[i].text, &e), rows[i].want ? 0 : -1);
        if (!rows[i].want)
            continue;
        strbuf_init(&out, 100);
        writer_id_expand(&out, rows[i].text, "p", 77);
        assert_string_equal(strbuf_cstr(&out), rows[i].want);
        strbuf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_markers),
        cmocka_unit_test(test_writer_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
