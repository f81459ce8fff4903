/* SPDX-License-Identifier: BSD-2-Clause */
/* Avro: octets of records, their JSON encoding, schemas, container files that are made and added to. That
 * other people's libraries read the same is tests/system/test_avro.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>
#include "core/custom.h"
#include "output/avro_file.h"
#include "output/format.h"
#include "rows.h"

#define AT_US (INT64_C(1700000000) * US_PER_S + 250000) /* 2023-11-14 22:13:20.25 UTC */

#define STYLE(...)                                                                                           \
    (struct format_style) { __VA_ARGS__ }

static void make(struct made *m, struct format_style st, struct strbuf *row, struct strbuf *schema)
{
    st.time.utc = true;
    struct format *f = format_new(&m->layout, &st);
    assert_non_null(f);
    strbuf_init(row, 1 << 20);
    format_row(f, &m->row, row);
    if (schema) {
        strbuf_init(schema, 1 << 20);
        format_schema(f, schema);
    }
    format_free(f);
}

static void octets(struct made *m, struct format_style st, const void *want, size_t n)
{
    struct strbuf row;
    st.kind = FORMAT_AVRO;
    make(m, st, &row, NULL);
    assert_int_equal(row.len, n);
    assert_memory_equal(row.p, want, n);
    strbuf_free(&row);
}
#define OCTETS(m, st, literal) octets(m, st, literal, sizeof(literal) - 1)

static void text(struct made *m, struct format_style st, const char *want)
{
    struct strbuf row;
    st.kind = FORMAT_AVRO_JSON;
    make(m, st, &row, NULL);
    assert_string_equal(strbuf_cstr(&row), want);
    strbuf_free(&row);
}

/* Numbers at the edges of a varint's lengths, a string, counters that are there and not. */
static void test_row(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, "tag, tag2, src_as, src_port, src_host, flows", false);
    made_u64(&m, FIELD_tag, 63);
    made_u64(&m, FIELD_tag2, UINT64_MAX);
    made_u32(&m, FIELD_src_as, UINT32_MAX);
    made_u16(&m, FIELD_src_port, 64);
    made_addr(&m, FIELD_src_host, "10.0.0.1");
    m.row.packets = 8192;
    OCTETS(&m, STYLE(.event_type = "purge"),
           "\x7e\x01\xfe\xff\xff\xff\x1f\x10"
           "10.0.0.1\x80\x01\x02\x80\x80\x01\x02\x02\x02\x50");
    text(&m, STYLE(.event_type = "purge"),
         "{\"tag\": 63, \"tag2\": 18446744073709551615, \"as_src\": 4294967295, \"ip_src\": \"10.0.0.1\", "
         "\"port_src\": 64, \"packets\": {\"long\": 8192}, \"flows\": {\"long\": 1}, \"bytes\": {\"long\": "
         "40}}\n");
    m.row.kind = FLOW_EVENT;
    OCTETS(&m, STYLE(.writer_id = "p/1"),
           "\x7e\x01\xfe\xff\xff\xff\x1f\x10"
           "10.0.0.1\x80\x01\x00\x00\x00\x06p/1");
}

static void test_bins(void **state)
{
    (void)state;
    struct made m;
    struct format_style st = { .stamps = true, .updated_us = AT_US };
    made_init(&m, "none", true);
    made_bin(&m, 1699999980);
    OCTETS(&m, st,
           "\x02\x26"
           "2023-11-14 22:13:00\x02\x26"
           "2023-11-14 22:13:20\x02\x02\x00\x02\x50");
    text(&m, st,
         "{\"stamp_inserted\": {\"string\": \"2023-11-14 22:13:00\"}, \"stamp_updated\": {\"string\": "
         "\"2023-11-14 22:13:20\"}, \"packets\": {\"long\": 1}, \"flows\": null, \"bytes\": {\"long\": "
         "40}}\n");
    made_bin(&m, 0);
    OCTETS(&m, st, "\x00\x00\x02\x02\x00\x02\x50");
    text(&m, st,
         "{\"stamp_inserted\": null, \"stamp_updated\": null, \"packets\": {\"long\": 1}, \"flows\": null, "
         "\"bytes\": {\"long\": 40}}\n");
}

/* One field of each kind; behind it the counters. */
static void one(const char *aggregate, enum field_id id, const void *v, size_t n, struct format_style st,
                const void *want, size_t len)
{
    struct made m;
    char whole[1024];
    made_init(&m, aggregate, false);
    if (field_is_var(&fields[id]))
        made_var(&m, id, v, (uint16_t)n);
    else if (id == FIELD_tcpflags)
        memcpy(&m.row.tcpflags, v, 1);
    else
        made_set(&m, id, v, n);
    memcpy(whole, want, len);
    memcpy(whole + len, "\x02\x02\x00\x02\x50", 5);
    octets(&m, st, whole, len + 5);
}
#define ONE(aggregate, v, n, st, literal)                                                                    \
    one(#aggregate, FIELD_##aggregate, v, n, st, literal, sizeof(literal) - 1)

static void test_kinds(void **state)
{
    static const uint32_t stack[] = { 24021, 16 };
    static const uint8_t segment[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
    static const double degrees[] = { -47.5, 1 };
    const uint16_t etype = 0x86dd;
    (void)state;
    ONE(etype, &etype, 2, STYLE(0),
        "\x08"
        "86dd");
    ONE(tcpflags, "\x1b", 1, STYLE(0),
        "\x04"
        "27");
    ONE(tcpflags, "\xdb", 1, STYLE(.tcpflags_as_array = true),
        "\x08\x06"
        "ACK\x06PSH\x06SYN\x06"
        "FIN\0");
    ONE(tcpflags, "\xc0", 1, STYLE(.tcpflags_as_array = true), "\0");
    ONE(fwd_status, "\x81", 1, STYLE(0),
        "\x06"
        "129");
    ONE(fwd_status, "\x81", 1, STYLE(.fwd_status_as_string = true),
        "\x20"
        "DROPPED ACL deny");
    ONE(src_host_coords, degrees, 16, STYLE(0), "\0\0\0\0\0\xc0\x47\xc0\0\0\0\0\0\0\xf0\x3f");
    ONE(class, "", 0, STYLE(0),
        "\x0e"
        "unknown");
    ONE(src_host_country, "CH\0", 3, STYLE(0),
        "\x04"
        "CH");
    ONE(mpls_label_stack, stack, 8, STYLE(0),
        "\x10"
        "24021_16");
    ONE(mpls_label_stack, stack, 8, STYLE(.labels_as_array = true),
        "\x04\x0e"
        "0-24021\x08"
        "1-16\0");
    ONE(mpls_label_stack, "", 0, STYLE(.labels_as_array = true), "\0");
    ONE(srv6_seg_ipv6_list, segment, 16, STYLE(0),
        "\x02\x1a"
        "0-2001:db8::1\0");
    ONE(as_path, "65000 65001", 11, STYLE(0),
        "\x16"
        "65000 65001");
    ONE(as_path, "65000 65001", 11, STYLE(.as_path_as_array = true),
        "\x04\x0a"
        "65000\x0a"
        "65001\0");
    ONE(std_comm, "", 0, STYLE(.comms_as_array = true), "\0");
    ONE(label, "a\x01\xff\xc3\xa4", 5, STYLE(0),
        "\x0e"
        "a\x01\xef\xbf\xbd\xc3\xa4");
    ONE(label, "k1%v1,k2%v2,odd", 15, STYLE(.label_as_map = true), "\x04\x04k1\x04v1\x04k2\x04v2\0");
    ONE(label, "k%1,k%2", 7, STYLE(.label_as_map = true),
        "\x02\x02k\x02"
        "2\0");
    ONE(label, "", 0, STYLE(.label_as_map = true), "\0");
}

/* A text that is longer than one octet of length tells, of each way that text is written. */
static void test_long_text(void **state)
{
    uint32_t stack[20];
    char label[100], want[256] = "\xc8\x01";
    (void)state;
    memset(label, 'x', sizeof(label));
    memcpy(want + 2, label, sizeof(label));
    one("label", FIELD_label, label, sizeof(label), STYLE(0), want, 102);
    for (unsigned i = 0; i < 20; i++)
        stack[i] = 100000 + i;
    struct made m;
    struct strbuf csv, avro;
    made_init(&m, "mpls_label_stack", false);
    made_var(&m, FIELD_mpls_label_stack, stack, sizeof(stack));
    make(&m, STYLE(.kind = FORMAT_CSV, .separator = ','), &csv, NULL);
    make(&m, STYLE(.kind = FORMAT_AVRO), &avro, NULL);
    assert_memory_equal(avro.p, "\x96\x02", 2); /* 139 characters */
    assert_memory_equal(avro.p + 2, csv.p, 139);
    strbuf_free(&csv);
    strbuf_free(&avro);
}

static void test_custom(void **state)
{
    char map[] = "name=one field_type=100 len=2 semantics=u_int\n"
                 "name=two field_type=101 len=4 semantics=str\n";
    struct err e;
    struct made m = { 0 };
    struct customs *own = customs_parse("own.lst", map, sizeof(map) - 1, &e);
    (void)state;
    assert_non_null(own);
    assert_int_equal(aggregate_parse_custom("two, one, src_port", 'N', own, &m.spec, NULL, &e), 0);
    layout_make(&m.layout, &m.spec, false);
    m.row = (struct row){ .key = m.key, .packets = 1, .bytes = 40 };
    for (unsigned i = 0; i < m.layout.n; i++) {
        const struct column *c = &m.layout.col[i];
        const uint16_t n = 2;
        if (c->place == PLACE_VAR)
            memcpy(m.key + c->off, &n, sizeof(n));
    }
    memcpy(m.key + m.layout.fixed, "\x01\x02hi", 4);
    OCTETS(&m, STYLE(0),
           "\0\x04\x06one\x06"
           "258\x06two\x04hi\0\x02\x02\x00\x02\x50");
    text(&m, STYLE(.writer_id = "w"),
         "{\"port_src\": 0, \"custom_primitives\": {\"one\": \"258\", \"two\": \"hi\"}, \"packets\": "
         "{\"long\": "
         "1}, \"flows\": null, \"bytes\": {\"long\": 40}, \"writer_id\": \"w\"}\n");
    struct strbuf row, schema;
    make(&m, STYLE(.kind = FORMAT_AVRO), &row, &schema);
    assert_non_null(strstr(strbuf_cstr(&schema),
                           "{\"name\": \"custom_primitives\", \"type\": {\"type\": \"map\", \"values\": "
                           "\"string\"}, \"default\": {}, \"doc\": "));
    strbuf_free(&row);
    strbuf_free(&schema);
    free(own);
}

/* The names in a schema, in order, blank separated. */
static const char *names_of(struct strbuf *schema, struct strbuf *out)
{
    strbuf_init(out, 1 << 16);
    for (const char *at = strbuf_cstr(schema); (at = strstr(at, "{\"name\": \"")); at++)
        strbuf_printf(out, "%.*s ", (int)strcspn(at + 10, "\""), at + 10);
    return strbuf_cstr(out);
}

static void test_schema(void **state)
{
    (void)state;
    struct made m;
    struct strbuf row, schema, names;
    made_init(&m,
              "vrf_name, in_iface_name, path_delay_avg_usec, mpls_label_bottom, srv6_seg_ipv6_list, proto, "
              "flow_label, tunnel_src_mac, src_host_coords, mpls_vpn_rd, timestamp_export, class",
              true);
    make(&m, STYLE(.kind = FORMAT_AVRO, .stamps = true, .writer_id = "x", .rd_origin = true), &row, &schema);
    assert_string_equal(
        names_of(&schema, &names),
        "class mpls_vpn_rd mpls_vpn_rd_origin lat_ip_src lon_ip_src srv6_seg_ipv6_list vrf_name "
        "iface_name_in ip_proto flow_label mpls_label_bottom path_delay_avg_usec "
        "tunnel_mac_src timestamp_export stamp_inserted stamp_updated packets flows bytes "
        "writer_id ");
    strbuf_free(&row);
    strbuf_free(&names);
    strbuf_free(&schema);
    made_init(&m, "src_port, flow_label", false);
    make(&m, STYLE(.kind = FORMAT_AVRO_JSON), &row, &schema);
    assert_string_equal(
        strbuf_cstr(&schema),
        "{\"type\": \"record\", \"name\": \"acct_data\", \"fields\": [{\"name\": \"port_src\", \"type\": "
        "\"long\", \"default\": 0, \"doc\": \"TCP or UDP port of the source\"}, {\"name\": \"flow_label\", "
        "\"type\": \"int\", \"default\": 0, \"doc\": \"IPv6 flow label\"}, {\"name\": \"packets\", \"type\": "
        "[\"null\", \"long\"], \"default\": null}, {\"name\": \"flows\", \"type\": [\"null\", \"long\"], "
        "\"default\": null}, {\"name\": \"bytes\", \"type\": [\"null\", \"long\"], \"default\": null}]}");
    strbuf_free(&row);
    strbuf_free(&schema);
}

/* ---- container files */

static const uint8_t sync_of[AVRO_SYNC] = "0123456789abcde";

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static void test_head(void **state)
{
    (void)state;
    struct strbuf out;
    struct avro_head head;
    strbuf_init(&out, 4096);
    avro_file_head(&out, "\"long\"", 6, sync_of);
    const size_t len = out.len;
    assert_memory_equal(out.p,
                        "Obj\x01\x04\x16"
                        "avro.schema\x0c\"long\"\x14"
                        "avro.codec\x08null\0",
                        len - 16);
    avro_file_block(&out, 3, 100);
    assert_memory_equal(out.p + len, "\x06\xc8\x01", 3);
    struct cursor c = cursor_of(out.p, out.len);
    assert_true(avro_file_read_head(&c, &head));
    assert_int_equal(cursor_left(&c), 3);
    assert_true(head.plain);
    assert_int_equal(cursor_left(&head.schema), 6);
    assert_memory_equal(head.sync, sync_of, AVRO_SYNC);
    for (size_t cut = 0; cut < len; cut++) { /* no part of a head is one */
        c = cursor_of(out.p, cut);
        assert_false(avro_file_read_head(&c, &head));
    }
    strbuf_free(&out);
}

/* As other writers make them: entries in a counted block with its octets, another codec. */
static void test_foreign_heads(void **state)
{
    static const struct {
        const char *p;
        size_t n;
        bool good, plain;
    } cases[] = {
        { "Obj\x01\x01\x28\x16"
          "avro.schema\x0c\"long\"\0"
          "0123456789abcde",
          42, true, true },
        { "Obj\x01\x04\x14"
          "avro.codec\x0e"
          "deflate\x16"
          "avro.schema\x0c\"long\"\0"
          "0123456789abcde",
          60, true, false },
        { "Obj\x01\x02\x14"
          "avro.codec\x08null\0"
          "0123456789abcde",
          38, false, false }, /* no schema */
        { "Obj\x02\x02\x16"
          "avro.schema\x0c\"long\"\0"
          "0123456789abcde",
          41, false, false },
        { "Obj\x01\x02\x01"
          "avro.schema\x0c\"long\"\0"
          "0123456789abcde",
          41, false, false }, /* length -1 */
        { "Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, false, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct avro_head head;
        struct cursor c = cursor_of(cases[i].p, cases[i].n);
        assert_int_equal(avro_file_read_head(&c, &head), cases[i].good);
        if (cases[i].good)
            assert_int_equal(head.plain, cases[i].plain);
    }
}

static void test_joins(void **state)
{
    (void)state;
    char path[] = "/tmp/avro_test.XXXXXX";
    uint8_t sync[AVRO_SYNC];
    struct strbuf out;
    struct err e;
    close(mkstemp(path));
    strbuf_init(&out, 4096);
    avro_file_head(&out, "\"long\"", 6, sync_of);
    write_file(path, out.p, out.len);
    assert_int_equal(avro_file_joins(path, "\"long\"", 6, sync, &e), 0);
    assert_memory_equal(sync, sync_of, AVRO_SYNC);
    assert_int_equal(avro_file_joins(path, "\"int\"", 5, sync, &e), -1);
    assert_non_null(strstr(e.text, "another schema"));
    strbuf_str(&out, "\x02\x02\x02"
                     "0123456");
    write_file(path, out.p, out.len);
    assert_int_equal(avro_file_joins(path, "\"long\"", 6, sync, &e), -1);
    assert_non_null(strstr(e.text, "ends within a block"));
    write_file(path, "SRC_IP,BYTES\n", 13);
    assert_int_equal(avro_file_joins(path, "\"long\"", 6, sync, &e), -1);
    assert_non_null(strstr(e.text, "no Avro container"));
    unlink(path);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),       cmocka_unit_test(test_bins),          cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_long_text), cmocka_unit_test(test_custom),        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_head),      cmocka_unit_test(test_foreign_heads), cmocka_unit_test(test_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
