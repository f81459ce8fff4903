/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of messages in Avro, the rules of their keys, and answers of schema registries. The registry itself
 * is asked by tests/system/test_registry.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "output/body.h"
#include "output/registry.h"
#include "rows.h"

struct rig {
    struct made m;
    struct config c;
    struct plugin pl;
    const struct body_ops *ops;
    void *state;
    struct strbuf out;
};

static void rig_open(struct rig *g, const struct body_ops *ops, int multi)
{
    struct err e;
    memset(g, 0, sizeof(*g));
    made_init(&g->m, "src_port", false);
    made_u16(&g->m, FIELD_src_port, 443);
    g->c = (struct config){ .sql_multi_values = multi, .avro_buffer_size = 8192 };
    g->pl = (struct plugin){ .c = &g->c, .layout = &g->m.layout, .name = "x" };
    g->ops = ops;
    g->state = calloc(1, ops->state_size);
    const struct body_conf conf = { .pl = &g->pl, .destination = "t" };
    const struct batch b = { .layout = &g->m.layout };
    assert_int_equal(ops->open(g->state, &conf, &e), 0);
    assert_int_equal(ops->begin(g->state, &b, "x/7", &e), 0);
    strbuf_init(&g->out, 1 << 20);
}

static void rig_close(struct rig *g)
{
    g->ops->close(g->state);
    free(g->state);
    strbuf_free(&g->out);
}

static void message(struct rig *g, unsigned rows)
{
    strbuf_clear(&g->out);
    if (g->ops->head)
        g->ops->head(g->state, &g->out);
    for (unsigned i = 0; i < rows; i++)
        g->ops->row(g->state, &g->m.row, &g->out);
    if (g->ops->end)
        g->ops->end(g->state, rows, &g->out);
}

#define RECORD "\xf6\x06\x02\x02\x00\x02\x50\x06x/7"
#define LINE                                                                                                 \
    "{\"port_src\": 443, \"packets\": {\"long\": 1}, \"flows\": null, \"bytes\": {\"long\": 40}, "           \
    "\"writer_id\": \"x/7\"}"

static void test_rows(void **state)
{
    struct rig g;
    struct body_limits l;
    (void)state;
    rig_open(&g, &body_avro, 0);
    body_avro.limits(g.state, &l);
    assert_int_equal(l.rows, 1);
    message(&g, 1);
    assert_int_equal(g.out.len, sizeof(RECORD) - 1);
    assert_memory_equal(g.out.p, RECORD, g.out.len);
    assert_non_null(strstr(body_avro.schema(g.state), "\"name\": \"writer_id\""));
    rig_close(&g);
    rig_open(&g, &body_avro, 50);
    body_avro.limits(g.state, &l);
    assert_int_equal(l.rows, 50);
    assert_int_equal(l.octets, 8192);
    message(&g, 2);
    assert_int_equal(g.out.len, 2 * (sizeof(RECORD) - 1));
    assert_memory_equal(g.out.p, RECORD RECORD, g.out.len);
    rig_close(&g);
    rig_open(&g, &body_avro_json, 50);
    message(&g, 1);
    assert_string_equal(strbuf_cstr(&g.out), LINE);
    message(&g, 2);
    assert_string_equal(strbuf_cstr(&g.out), LINE "\n" LINE "\n");
    rig_close(&g);
}

static void test_markers(void **state)
{
    static const char init[] = "\x14purge_init\x06x/7", last[] = "\x16purge_close\x06x/7\x16\x18\x06";
    struct rig g;
    const struct body_totals t = { .purged = 11, .total = 12, .seconds = 3 };
    (void)state;
    rig_open(&g, &body_avro, 0);
    body_avro.marker(g.state, BODY_INIT, &t, &g.out);
    assert_int_equal(g.out.len, sizeof(init) - 1);
    assert_memory_equal(g.out.p, init, g.out.len);
    strbuf_clear(&g.out);
    body_avro.marker(g.state, BODY_CLOSE, &t, &g.out);
    assert_int_equal(g.out.len, sizeof(last) - 1);
    assert_memory_equal(g.out.p, last, g.out.len);
    rig_close(&g);
    rig_open(&g, &body_avro_json, 0);
    body_avro_json.marker(g.state, BODY_CLOSE, &t, &g.out);
    assert_string_equal(strbuf_cstr(&g.out),
                        "{\"event_type\": \"purge_close\", \"writer_id\": \"x/7\", "
                        "\"purged_entries\": 11, \"total_entries\": 12, \"duration\": 3}");
    rig_close(&g);
}

static void test_check(void **state)
{
    static const struct {
        const char *topic, *registry;
        int output, multi;
        const char *wrong;
    } cases[] = {
        { "t", "http://r", BODY_AVRO, 0, NULL },
        { "t.$tag", NULL, BODY_AVRO, 10, NULL },
        { "t.$tag", "http://r", BODY_AVRO, 0, "not with variables in kafka_topic" },
        { "t", "http://r", BODY_AVRO, 10, "not with kafka_multi_values" },
        { "t", "http://r", BODY_AVRO_JSON, 0, "kafka_output: avro" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_set set = { 0 };
        struct err e;
        struct plugin_conf pc = { .type = "kafka", .name = "k" };
        pc.c.kafka.topic = cases[i].topic;
        pc.c.kafka.registry = cases[i].registry;
        pc.c.broker_output = cases[i].output;
        pc.c.sql_multi_values = cases[i].multi;
        const char *wrong = cases[i].registry && !registry_built() ? "no libcurl" : cases[i].wrong;
        assert_int_equal(body_avro.check(&set, &pc, &e), wrong ? -1 : 0);
        if (wrong && !strstr(e.text, wrong))
            fail_msg("'%s' lacks '%s'", e.text, wrong);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t id;
    } cases[] = {
        { "{\"id\":1}", true, 1 },
        { " { \"id\" : 4294967295 } ", true, 4294967295u },
        { "{\"schema\":\"{\\\"id\\\":7}\",\"x\":{\"id\":8,\"y\":[\"}\",9]},\"id\":10,\"z\":1}", true, 10 },
        { "{\"version\":3,\"guid\":null,\"id\":100001}", true, 100001 },
        { "{\"id\":4294967296}", false, 0 },
        { "{\"id\":\"1\"}", false, 0 },
        { "{\"id\":1.5}", false, 0 },
        { "{\"id\":-1}", false, 0 },
        { "{\"id\":12", false, 0 },
        { "{\"ID\":1}", false, 0 },
        { "{\"error_code\":42201,\"message\":\"Invalid schema\"}", false, 0 },
        { "[{\"id\":1}]", false, 0 },
        { "<html>", false, 0 },
        { "", false, 0 },
        { "{", false, 0 },
        { "{\"a\":\"\\", false, 0 },
        { "{\"a\":{\"b\":1}", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t id = 0;
        if (registry_answer(cases[i].text, strlen(cases[i].text), &id) != cases[i].good ||
            (cases[i].good && id != cases[i].id))
            fail_msg("'%s' gives %u", cases[i].text, id);
    }
    struct strbuf out;
    strbuf_init(&out, 100);
    registry_head(&out, 258);
    assert_int_equal(out.len, REGISTRY_HEAD);
    assert_memory_equal(out.p, "\0\0\0\x01\x02", 5);
    strbuf_free(&out);
}

/* Nobody listens: an error that names the server, without its password. */
static void test_away(void **state)
{
    struct registry *r;
    struct err e;
    uint32_t id;
    (void)state;
    if (!registry_built())
        skip();
    assert_int_equal(registry_open(&r, "http://me:secret@127.0.0.1:1/, http://127.0.0.1:1/x/", &e), 0);
    assert_int_equal(registry_id(r, "t-acct_data", "{}", 2, &id, &e), -1);
    assert_non_null(strstr(e.text, "schema registry http://127.0.0.1:1/x: "));
    registry_close(r);
    assert_int_equal(registry_open(&r, "http://me:secret@127.0.0.1:1/", &e), 0);
    assert_int_equal(registry_id(r, "t-acct_data", "{}", 2, &id, &e), -1);
    assert_null(strstr(e.text, "secret"));
    registry_close(r);
    assert_int_equal(registry_open(&r, "file:///etc/passwd", &e), 0);
    assert_int_equal(registry_id(r, "t-acct_data", "{}", 2, &id, &e), -1);
    registry_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_markers), cmocka_unit_test(test_check),
        cmocka_unit_test(test_answers), cmocka_unit_test(test_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
