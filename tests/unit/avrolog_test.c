/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of BGP and BMP as Avro records: which record, both encodings, what no field is for. That other
 * libraries read the same is tests/system/test_avrolog.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "output/avrolog.h"

#define STYLE(...)                                                                                           \
    (struct avrolog_style) { __VA_ARGS__ }

static void encode(struct avrolog_style st, const char *text, bool json, const char *record,
                   struct strbuf *out)
{
    struct avrolog *a = avrolog_new(&st);
    assert_non_null(a);
    strbuf_init(out, 1 << 20);
    const int r = avrolog_encode(a, text, strlen(text), json, out);
    if (record)
        assert_string_equal(avrolog_name((unsigned)r), record);
    else
        assert_int_equal(r, -1);
    avrolog_free(a);
}

static void binary(struct avrolog_style st, const char *text, const char *record, const void *want, size_t n)
{
    struct strbuf out;
    encode(st, text, false, record, &out);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.p, want, n);
    strbuf_free(&out);
}
#define BINARY(st, text, record, literal) binary(st, text, record, literal, sizeof(literal) - 1)

static void as_json(struct avrolog_style st, const char *text, const char *record, const char *want)
{
    struct strbuf out;
    encode(st, text, true, record, &out);
    assert_string_equal(strbuf_cstr(&out), want);
    strbuf_free(&out);
}

static void test_sessions(void **state)
{
    static const char text[] =
        "{\"seq\": 3, \"timestamp\": \"t\", \"peer_ip_src\": \"::1\", \"peer_tcp_port\": "
        "179, \"event_type\": \"log_init\", \"writer_id\": \"w\"}";
    (void)state;
    BINARY(STYLE(0), text, "bgp_loginit", "\x06\x02t\x10log_init\x02w\x06::1\x02\xe6\x02\x00");
    as_json(STYLE(0), text, "bgp_loginit",
            "{\"seq\": 3, \"timestamp\": \"t\", \"event_type\": \"log_init\", \"writer_id\": \"w\", "
            "\"peer_ip_src\": \"::1\", \"peer_tcp_port\": {\"int\": 179}, \"more\": null}");
    BINARY(STYLE(.tags = true),
           "{\"seq\": 0, \"timestamp\": \"\", \"peer_ip_src\": \"\", \"label\": \"a\\\"\\u00e4\\n\", "
           "\"event_type\": \"log_close\"}",
           "bgp_logclose",
           "\x00\x00\x12log_close\x00\x00\x02\x0a"
           "a\"\xc3\xa4\n\x00\x00\x00");
    BINARY(STYLE(.tags = true, .label_as_map = true),
           "{\"seq\": 0, \"peer_ip_src\": \"\", \"tag\": 5, \"label\": {\"k\": \"v\"}, \"event_type\": "
           "\"dump_init\", \"dump_period\": 60}",
           "bgp_dumpinit",
           "\x00\x00\x12"
           "dump_init\x00\x02\x0a\x02\x02\x02k\x02v\x00\x00\x00\x78\x00");
}

static void test_routes(void **state)
{
    static const char text[] =
        "{\"seq\": 1, \"log_type\": \"update\", \"timestamp\": \"t\", \"peer_ip_src\": \"p\", "
        "\"peer_tcp_port\": 1, \"event_type\": \"log\", \"afi\": 1, \"safi\": 1, \"ip_prefix\": "
        "\"10.0.0.0/8\", "
        "\"as_path\": [\"1\", \"2\"], \"comms\": \"1:2\", \"origin\": \"i\", \"med\": 4294967295, "
        "\"evpn_type\": "
        "2, \"x\": [\"y\"], \"z\": null, \"writer_id\": \"w\"}";
    (void)state;
    BINARY(STYLE(.as_path_as_array = true), text, "bgp_msglog",
           "\x0cupdate\x02\x02t\x06log\x02w\x02p\x02\x02" /* common, peer */
           "\x02\x02\x02\x14"
           "10.0.0.0/8\x00\x00\x00\x04\x02"
           "1\x02"
           "2\x00\x00\x02\x06"
           "1:2\x00\x00\x02\x02i"
           "\x00\x02\xfe\xff\xff\xff\x1f\x00\x00\x00\x00" /* local_pref, med, ... mpls_label */
           "\x02\x04\x12"
           "evpn_type\x02"
           "2\x02x\x0a[\"y\"]\x00");
    as_json(
        STYLE(.as_path_as_array = true), text, "bgp_msglog",
        "{\"log_type\": \"update\", \"seq\": 1, \"timestamp\": \"t\", \"event_type\": \"log\", "
        "\"writer_id\": "
        "\"w\", \"peer_ip_src\": \"p\", \"peer_tcp_port\": {\"int\": 1}, \"afi\": 1, \"safi\": 1, "
        "\"ip_prefix\": {\"string\": \"10.0.0.0/8\"}, \"rd\": null, \"rd_origin\": null, \"bgp_nexthop\": "
        "null, \"as_path\": [\"1\", \"2\"], \"as_path_id\": null, \"comms\": {\"string\": \"1:2\"}, "
        "\"ecomms\": null, \"lcomms\": null, \"origin\": {\"string\": \"i\"}, \"local_pref\": null, \"med\": "
        "{\"long\": 4294967295}, \"aigp\": null, \"psid_li\": null, \"otc\": null, \"mpls_label\": null, "
        "\"more\": {\"map\": {\"evpn_type\": \"2\", \"x\": \"[\\\"y\\\"]\"}}}");
}

static void test_records(void **state)
{
    static const struct {
        const char *text, *record;
    } rows[] = {
        { "{\"event_type\": \"dump\"}", "bgp_dump" },
        { "{\"event_type\": \"dump_close\", \"entries\": 3}", "bgp_dumpclose" },
        { "{\"event_type\": \"log\", \"bmp_router\": \"r\", \"bmp_msg_type\": \"init\"}", "bmp_init" },
        { "{\"event_type\": \"dump\", \"bmp_router\": \"r\", \"bmp_msg_type\": \"peer_up\"}", "bmp_peer_up" },
        { "{\"event_type\": \"log\", \"bmp_router\": \"r\", \"bmp_msg_type\": \"route_monitor\"}",
          "bmp_msglog_rm" },
        { "{\"event_type\": \"log\", \"bmp_router\": \"r\", \"bmp_msg_type\": \"internal\"}",
          "bmp_msglog_rm" },
        { "{\"event_type\": \"dump\", \"bmp_router\": \"r\", \"bmp_msg_type\": \"route_monitor\"}",
          "bmp_dump_rm" },
        { "{\"event_type\": \"dump_init\", \"bmp_router\": \"r\"}", "bmp_dumpinit" },
        { "{\"event_type\": \"else\"}", NULL },
        { "{\"event_type\": \"log\"", NULL },
        { "{\"event_type\" \"log\"}", NULL },
        { "{\"event_type\": }", NULL },
        { "{}", NULL },
        { "[]", NULL },
        { "", NULL },
        { "{\"a\": \"\\", NULL },
        { "{\"a\": [1, 2}", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int json = 0; json < 2; json++) {
            struct strbuf out;
            encode(STYLE(0), rows[i].text, json, rows[i].record, &out);
            if (!rows[i].record)
                assert_int_equal(out.len, 0);
            strbuf_free(&out);
        }
}

static void test_schemas(void **state)
{
    const struct avrolog_style plain = { 0 }, all = { true, true, true, true, true, true, true };
    struct avrolog *a = avrolog_new(&plain), *b = avrolog_new(&all);
    struct strbuf s;
    unsigned n = 0;
    (void)state;
    strbuf_init(&s, 1 << 20);
    avrolog_schema(a, 2, &s);
    assert_string_equal(
        strbuf_cstr(&s),
        "{\"type\": \"record\", \"name\": \"bgp_loginit\", \"fields\": [{\"name\": \"seq\", "
        "\"type\": \"long\", \"default\": 0}, {\"name\": \"timestamp\", \"type\": \"string\", "
        "\"default\": \"\"}, {\"name\": \"event_type\", \"type\": \"string\", \"default\": "
        "\"\"}, {\"name\": \"writer_id\", \"type\": \"string\", \"default\": \"\"}, {\"name\": "
        "\"peer_ip_src\", \"type\": \"string\", \"default\": \"\"}, {\"name\": "
        "\"peer_tcp_port\", \"type\": [\"null\", \"int\"], \"default\": null}, {\"name\": "
        "\"more\", \"type\": [\"null\", {\"type\": \"map\", \"values\": \"string\"}], "
        "\"default\": null}]}");
    strbuf_clear(&s);
    avrolog_schema(b, 0, &s);
    assert_non_null(strstr(strbuf_cstr(&s), "{\"name\": \"as_path\", \"type\": {\"type\": \"array\""));
    assert_non_null(strstr(s.p, "{\"name\": \"label\", \"type\": [\"null\", {\"type\": \"map\""));
    assert_non_null(strstr(s.p, "{\"name\": \"roa\", \"type\": \"string\""));
    assert_non_null(strstr(s.p, "{\"name\": \"origin\", \"type\": [\"null\", \"long\"]"));
    while (avrolog_name(n))
        n++;
    assert_int_equal(n, 17);
    strbuf_free(&s);
    avrolog_free(a);
    avrolog_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
