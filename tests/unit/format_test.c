/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats: each kind of field in csv, JSON and as a table, rows of events, quoting, the client's habits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "output/format.h"
#include "rows.h"

#define AT_US (INT64_C(1700000000) * US_PER_S + 250000) /* 2023-11-14 22:13:20.25 UTC */

static const char *row_text(struct made *m, const struct format_style *st, bool header, struct strbuf *out)
{
    struct format *f = format_new(&m->layout, st);
    assert_non_null(f);
    strbuf_init(out, 1 << 20);
    if (header)
        format_header(f, out);
    format_row(f, &m->row, out);
    format_free(f);
    return strbuf_cstr(out);
}

static void expect(struct made *m, struct format_style st, const char *text)
{
    struct strbuf out;
    st.time.utc = true;
    assert_string_equal(row_text(m, &st, st.kind != FORMAT_JSON, &out), text);
    strbuf_free(&out);
}

static void flow(struct made *m)
{
    made_init(m,
              "tag, src_mac, vlan, src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, src_as, "
              "flows, timestamp_start",
              false);
    made_u64(m, FIELD_tag, UINT64_MAX);
    made_set(m, FIELD_src_mac, "\x02\x00\x00\x00\x00\xfe", 6);
    made_u16(m, FIELD_vlan, 20);
    made_addr(m, FIELD_src_host, "10.0.0.1");
    made_addr(m, FIELD_dst_host, "2001:db8::2");
    made_u16(m, FIELD_src_port, 40000);
    made_u16(m, FIELD_dst_port, 443);
    made_u8(m, FIELD_proto, 6);
    made_u8(m, FIELD_tos, 184);
    made_u32(m, FIELD_src_as, 4200000000u);
    int64_t at = AT_US;
    made_set(m, FIELD_timestamp_start, &at, sizeof(at));
    m->row.tcpflags = 24;
    m->row.packets = 3;
    m->row.bytes = UINT64_C(5000000000);
}

static void test_csv(void **state)
{
    (void)state;
    struct made m;
    flow(&m);
    expect(&m, (struct format_style){ .kind = FORMAT_CSV, .separator = ',' },
           "TAG,SRC_MAC,VLAN,SRC_AS,SRC_IP,DST_IP,SRC_PORT,DST_PORT,TCP_FLAGS,PROTOCOL,TOS,TIMESTAMP_START,"
           "PACKETS,FLOWS,BYTES\n"
           "18446744073709551615,02:00:00:00:00:fe,20,4200000000,10.0.0.1,2001:db8::2,40000,443,24,tcp,184,"
           "2023-11-14 22:13:20.250000,3,1,5000000000\n");
    expect(&m,
           (struct format_style){ .kind = FORMAT_CSV, .separator = '|', .events = true, .num_protos = true },
           "TAG|SRC_MAC|VLAN|SRC_AS|SRC_IP|DST_IP|SRC_PORT|DST_PORT|TCP_FLAGS|PROTOCOL|TOS|TIMESTAMP_START\n"
           "18446744073709551615|02:00:00:00:00:fe|20|4200000000|10.0.0.1|2001:db8::2|40000|443|24|6|184|"
           "2023-11-14 22:13:20.250000\n");
}

static void test_table(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, "src_host, dst_host, src_port, proto, tos, timestamp_start", false);
    made_addr(&m, FIELD_dst_host, "192.0.2.10");
    made_u8(&m, FIELD_proto, 253);
    int64_t at = AT_US;
    made_set(&m, FIELD_timestamp_start, &at, sizeof(at));
    expect(&m, (struct format_style){ .kind = FORMAT_TABLE },
           "SRC_IP                                         DST_IP                                         "
           "SRC_PORT  "
           "PROTOCOL    TOS    TIMESTAMP_START                PACKETS               BYTES\n"
           "::                                             192.0.2.10                                     0  "
           "       "
           "253         0      2023-11-14 22:13:20.250000     1                     40\n");
    expect(&m, (struct format_style){ .kind = FORMAT_TABLE, .events = true },
           "SRC_IP                                         DST_IP                                         "
           "SRC_PORT  "
           "PROTOCOL    TOS    TIMESTAMP_START                \n"
           "::                                             192.0.2.10                                     0  "
           "       "
           "253         0      2023-11-14 22:13:20.250000     \n");
}

static void test_json(void **state)
{
    (void)state;
    struct made m;
    flow(&m);
    expect(
        &m, (struct format_style){ .kind = FORMAT_JSON, .event_type = "purge" },
        "{\"event_type\": \"purge\", \"tag\": 18446744073709551615, \"mac_src\": \"02:00:00:00:00:fe\", "
        "\"vlan\": 20, "
        "\"as_src\": 4200000000, \"ip_src\": \"10.0.0.1\", \"ip_dst\": \"2001:db8::2\", \"port_src\": 40000, "
        "\"port_dst\": 443, \"tcp_flags\": \"24\", \"ip_proto\": \"tcp\", \"tos\": 184, "
        "\"timestamp_start\": \"2023-11-14 22:13:20.250000\", \"flows\": 1, \"packets\": 3, \"bytes\": "
        "5000000000}\n");
    m.row.kind = FLOW_EVENT;
    expect(
        &m,
        (struct format_style){ .kind = FORMAT_JSON,
                               .writer_id = "x/1",
                               .tcpflags_as_array = true,
                               .num_protos = true,
                               .time = { .epoch = true } },
        "{\"tag\": 18446744073709551615, \"mac_src\": \"02:00:00:00:00:fe\", \"vlan\": 20, "
        "\"as_src\": 4200000000, \"ip_src\": \"10.0.0.1\", \"ip_dst\": \"2001:db8::2\", \"port_src\": 40000, "
        "\"port_dst\": 443, \"tcp_flags\": [\"ACK\", \"PSH\"], \"ip_proto\": \"6\", \"tos\": 184, "
        "\"timestamp_start\": \"1700000000.250000\", \"writer_id\": \"x/1\"}\n");
}

static void test_json_stamps(void **state)
{
    (void)state;
    struct made m;
    struct format_style st = {
        .kind = FORMAT_JSON, .event_type = "purge", .stamps = true, .updated_us = AT_US
    };
    made_init(&m, "src_host", true);
    made_addr(&m, FIELD_src_host, "10.0.0.1");
    made_bin(&m, 1699999980);
    expect(
        &m, st,
        "{\"event_type\": \"purge\", \"ip_src\": \"10.0.0.1\", \"stamp_inserted\": \"2023-11-14 22:13:00\", "
        "\"stamp_updated\": \"2023-11-14 22:13:20\", \"packets\": 1, \"bytes\": 40}\n");
    st.time.epoch = true;
    expect(&m, st,
           "{\"event_type\": \"purge\", \"ip_src\": \"10.0.0.1\", \"stamp_inserted\": \"1699999980\", "
           "\"stamp_updated\": \"1700000000\", \"packets\": 1, \"bytes\": 40}\n");
    made_bin(&m, 0);
    expect(&m, st, "{\"event_type\": \"purge\", \"ip_src\": \"10.0.0.1\", \"packets\": 1, \"bytes\": 40}\n");
}

/* One field of each kind that JSON or csv treats in its own way. */
static void one(const char *aggregate, enum field_id id, const void *v, size_t n, struct format_style st,
                const char *value)
{
    struct made m;
    struct strbuf want, out;
    made_init(&m, aggregate, false);
    if (field_is_var(&fields[id]))
        made_var(&m, id, v, (uint16_t)n);
    else
        made_set(&m, id, v, n);
    strbuf_init(&want, 65536);
    if (st.kind == FORMAT_JSON)
        strbuf_printf(&want, "{%s, \"packets\": 1, \"bytes\": 40}\n", value);
    else
        strbuf_printf(&want, "%s,1,40\n", value);
    st.separator = ',';
    assert_string_equal(row_text(&m, &st, false, &out), strbuf_cstr(&want));
    strbuf_free(&want);
    strbuf_free(&out);
}

#define CSV .kind = FORMAT_CSV
#define JSON .kind = FORMAT_JSON
#define STYLE(...)                                                                                           \
    (struct format_style) { __VA_ARGS__ }

static void test_kinds(void **state)
{
    (void)state;
    uint8_t u8 = 129;
    uint16_t u16 = 0x86dd;
    one("etype", FIELD_etype, &u16, 2, STYLE(CSV), "86dd");
    u16 = 0x800;
    one("etype", FIELD_etype, &u16, 2, STYLE(JSON), "\"etype\": \"800\"");
    one("fwd_status", FIELD_fwd_status, &u8, 1, STYLE(CSV), "129");
    one("fwd_status", FIELD_fwd_status, &u8, 1, STYLE(JSON), "\"fwd_status\": \"129\"");
    one("fwd_status", FIELD_fwd_status, &u8, 1, STYLE(JSON, .fwd_status_as_string = true),
        "\"fwd_status\": \"DROPPED ACL deny\"");
    u8 = 127;
    one("fwd_status", FIELD_fwd_status, &u8, 1, STYLE(JSON, .fwd_status_as_string = true),
        "\"fwd_status\": \"FORWARDED Unclassified\"");
    u8 = 2;
    one("sampling_direction", FIELD_sampling_direction, &u8, 1, STYLE(CSV), "e");
    one("dst_roa", FIELD_dst_roa, &u8, 1, STYLE(JSON), "\"roa_dst\": \"v\"");
    one("src_net", FIELD_src_net, "", 0, STYLE(CSV), "0.0.0.0");
    one("peer_dst_ip", FIELD_peer_dst_ip, "", 0, STYLE(CSV), "");
    one("peer_dst_ip", FIELD_peer_dst_ip, "", 0, STYLE(JSON), "\"peer_ip_dst\": \"\"");
    one("class", FIELD_class, "", 0, STYLE(JSON), "\"class\": \"unknown\"");
    one("class", FIELD_class, "http,\"x\"", 8, STYLE(CSV), "\"http,\"\"x\"\"\"");
    double lat = -47.5;
    one("src_host_coords", FIELD_src_host_coords, &lat, 8, STYLE(JSON),
        "\"lat_ip_src\": -47.500000, \"lon_ip_src\": 0.000000");
    one("src_host_coords", FIELD_src_host_coords, &lat, 8, STYLE(CSV), "-47.500000,0.000000");
}

static void test_rd(void **state)
{
    static const struct {
        uint8_t rd[8];
        const char *text;
    } cases[] = {
        { { 0 }, "0:0:0" },
        { { 0, 0, 0xfd, 0xe8, 0, 0, 0, 100 }, "0:65000:100" },
        { { 0, 1, 192, 0, 2, 1, 0, 7 }, "1:192.0.2.1:7" },
        { { 0, 2, 0xfa, 0x56, 0xea, 0, 0, 7 }, "2:4200000000:7" },
        { { 0xff, 0xff, 0, 0, 0x60, 0, 0, 1 }, "vrfid:1610612737" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[128];
        one("mpls_vpn_rd", FIELD_mpls_vpn_rd, cases[i].rd, 8, STYLE(CSV), cases[i].text);
        snprintf(json, sizeof(json), "\"mpls_vpn_rd\": \"%s\", \"mpls_vpn_rd_origin\": \"unknown\"",
                 cases[i].text);
        one("mpls_vpn_rd", FIELD_mpls_vpn_rd, cases[i].rd, 8, STYLE(JSON, .rd_origin = true), json);
    }
}

static void test_variable(void **state)
{
    static const uint32_t stack[] = { 24021, 16 };
    static const uint8_t segment[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
    (void)state;
    one("mpls_label_stack", FIELD_mpls_label_stack, stack, 8, STYLE(CSV), "24021_16");
    one("mpls_label_stack", FIELD_mpls_label_stack, stack, 8, STYLE(JSON),
        "\"mpls_label_stack\": \"24021_16\"");
    one("mpls_label_stack", FIELD_mpls_label_stack, stack, 8, STYLE(JSON, .labels_as_array = true),
        "\"mpls_label_stack\": [\"0-24021\", \"1-16\"]");
    one("mpls_label_stack", FIELD_mpls_label_stack, "", 0, STYLE(JSON, .labels_as_array = true),
        "\"mpls_label_stack\": []");
    one("srv6_seg_ipv6_list", FIELD_srv6_seg_ipv6_list, segment, 16, STYLE(JSON),
        "\"srv6_seg_ipv6_list\": [\"0-2001:db8::1\"]");
    one("as_path", FIELD_as_path, "65000 65001", 11, STYLE(CSV), "65000_65001");
    one("as_path", FIELD_as_path, "65000 65001", 11, STYLE(JSON), "\"as_path\": \"65000 65001\"");
    one("as_path", FIELD_as_path, "65000 65001", 11, STYLE(JSON, .as_path_as_array = true),
        "\"as_path\": [\"65000\", \"65001\"]");
    one("std_comm", FIELD_std_comm, "", 0, STYLE(JSON, .comms_as_array = true), "\"comms\": []");
    one("label", FIELD_label, "a\"b\\c\n\x01\xff\xc3\xa4", 10, STYLE(JSON),
        "\"label\": \"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\xc3\xa4\"");
    one("label", FIELD_label, "a,b", 3, STYLE(CSV), "\"a,b\"");
    one("label", FIELD_label, "", 0, STYLE(JSON, .label_as_map = true), "\"label\": {}");
    one("label", FIELD_label, "k1%v1,k2%v2,odd", 15, STYLE(JSON, .label_as_map = true),
        "\"label\": {\"k1\": \"v1\", \"k2\": \"v2\"}");
    one("label", FIELD_label, "k%1,k%2", 7, STYLE(JSON, .label_as_map = true), "\"label\": {\"k\": \"2\"}");
}

static void test_client(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, "src_host, in_iface, timestamp_start", false);
    made_u32(&m, FIELD_in_iface, 7);
    made_addr(&m, FIELD_src_host, "10.0.0.1");
    int64_t at = AT_US;
    made_set(&m, FIELD_timestamp_start, &at, sizeof(at));
    expect(
        &m,
        (struct format_style){ .kind = FORMAT_CSV, .separator = ',', .order = ORDER_CLIENT, .client = true },
        "IN_IFACE,SRC_IP,TIMESTAMP_START,PACKETS,BYTES\n7,10.0.0.1,2023-11-14T22:13:20.250000Z,1,40\n");
    /* -a: a header and a value for every column */
    struct strbuf out;
    struct format_style st = {
        .kind = FORMAT_CSV, .separator = ',', .order = ORDER_CLIENT, .client = true, .all_columns = true
    };
    row_text(&m, &st, true, &out);
    unsigned commas[2] = { 0 }, line = 0;
    for (const char *p = strbuf_cstr(&out); *p; p++) {
        commas[line & 1] += *p == ',';
        line += *p == '\n';
    }
    assert_int_equal(line, 2);
    assert_true(commas[0] > 80);
    assert_int_equal(commas[0], commas[1]);
    strbuf_free(&out);
    st.kind = FORMAT_TABLE;
    row_text(&m, &st, true, &out);
    const char *second = strchr(strbuf_cstr(&out), '\n') + 1;
    assert_int_equal(strstr(out.p, " BYTES\n") - out.p, strstr(second, " 40\n") - second);
    strbuf_free(&out);
}

/* A row that would pass the ceiling leaves nothing of itself. */
static void test_ceiling(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, "label, src_host", false);
    made_addr(&m, FIELD_src_host, "10.0.0.1");
    char label[1000];
    memset(label, 'x', sizeof(label));
    made_var(&m, FIELD_label, label, sizeof(label));
    for (int kind = FORMAT_CSV; kind <= FORMAT_JSON; kind++) {
        struct format_style st = { .kind = (enum format_kind)kind, .separator = ',' };
        struct format *f = format_new(&m.layout, &st);
        struct strbuf out;
        strbuf_init(&out, 4096);
        size_t before = 0;
        for (int i = 0; i < 10 && !out.failed; i++) {
            before = out.len;
            format_row(f, &m.row, &out);
        }
        assert_true(out.failed);
        assert_int_equal(out.len, before);
        strbuf_free(&out);
        format_free(f);
    }
}

static void test_value(void **state)
{
    (void)state;
    struct made m;
    flow(&m);
    struct format_style st = { .kind = FORMAT_JSON };
    struct format *f = format_new(&m.layout, &st);
    struct strbuf out;
    strbuf_init(&out, 4096);
    format_value(f, made_column(&m, FIELD_dst_host), &m.row, &out);
    strbuf_char(&out, ' ');
    format_value(f, made_column(&m, FIELD_tcpflags), &m.row, &out);
    assert_string_equal(strbuf_cstr(&out), "2001:db8::2 24");
    strbuf_free(&out);
    format_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),         cmocka_unit_test(test_table),  cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_stamps), cmocka_unit_test(test_kinds),  cmocka_unit_test(test_rd),
        cmocka_unit_test(test_variable),    cmocka_unit_test(test_client), cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
