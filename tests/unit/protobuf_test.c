/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol buffers: octets of rows and bodies, and that every field has a number. That protoc reads them by
 * docs/flow.proto is tests/system/test_protobuf.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "output/body.h"
#include "output/format.h"
#include "output/protobuf.h"
#include "rows.h"

/* The only place that sees a new field of fields.def without a number: src/output/protobuf.def needs a row.
 */
static void test_numbers(void **state)
{
    const char *what;
    FILE *f = fopen("/dev/null", "w");
    (void)state;
    if (!proto_print(f, &what))
        fail_msg("field '%s' has no number of its own in src/output/protobuf.def", what);
    fclose(f);
}

static void expect(struct made *m, struct format_style st, const void *want, size_t n)
{
    struct strbuf out;
    st.kind = FORMAT_PROTO;
    st.time.utc = true;
    struct format *f = format_new(&m->layout, &st);
    assert_non_null(f);
    strbuf_init(&out, 1 << 16);
    format_row(f, &m->row, &out);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.p, want, n);
    strbuf_free(&out);
    format_free(f);
}
#define EXPECT(m, literal, ...) expect(m, (struct format_style){ __VA_ARGS__ }, literal, sizeof(literal) - 1)

static void test_row(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, "src_host, src_port, dst_port, tcpflags, flows", true);
    made_addr(&m, FIELD_src_host, "10.0.0.1");
    made_u16(&m, FIELD_src_port, 300);
    m.row.tcpflags = 0x12;
    m.row.packets = 128;
    EXPECT(&m, "\x0a\x08"
               "10.0.0.1"
               "\x18\xac\x02"
               "\x50\x12"
               "\x30\x80\x01"
               "\x38\x28"
               "\x40\x01");
    made_bin(&m, 1699999980);
    m.row.kind = FLOW_EVENT; /* no counters */
    EXPECT(&m,
           "\x0a\x08"
           "10.0.0.1"
           "\x18\xac\x02"
           "\x50\x12"
           "\x92\x01\x13"
           "2023-11-14 22:13:00"
           "\x9a\x01\x13"
           "2023-11-14 22:13:20"
           "\x8a\x01\x03x/1",
           .stamps = true, .writer_id = "x/1", .updated_us = INT64_C(1700000000) * US_PER_S);
}

static void test_lists(void **state)
{
    static const uint32_t stack[] = { 24021, 16 };
    static const uint8_t segment[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
    (void)state;
    struct made m;
    made_init(&m, "std_comm", false);
    made_var(&m, FIELD_std_comm, "65000:1 65000:2", 15);
    EXPECT(&m, "\xaa\x02\x07"
               "65000:1"
               "\xaa\x02\x07"
               "65000:2"
               "\x30\x01\x38\x28");
    made_init(&m, "mpls_label_stack", false);
    made_var(&m, FIELD_mpls_label_stack, stack, 8);
    EXPECT(&m, "\xb2\x04\x04\xd5\xbb\x01\x10"
               "\x30\x01\x38\x28");
    made_init(&m, "srv6_seg_ipv6_list", false);
    made_var(&m, FIELD_srv6_seg_ipv6_list, segment, 16);
    EXPECT(&m, "\xba\x04\x0b"
               "2001:db8::1"
               "\x30\x01\x38\x28");
    made_init(&m, "label", false);
    made_var(&m, FIELD_label, "a\xff", 2);
    EXPECT(&m, "\xd2\x01\x04"
               "a\xef\xbf\xbd"
               "\x30\x01\x38\x28");
    made_init(&m, "label, as_path, std_comm, mpls_label_stack", false); /* all empty */
    EXPECT(&m, "\x30\x01\x38\x28");
}

/* Lengths of two octets, and of three. */
static void test_long(void **state)
{
    (void)state;
    static const size_t sizes[] = { 127, 128, 16383, 16384 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = malloc(sizes[i]);
        struct strbuf out;
        strbuf_init(&out, 1 << 16);
        memset(text, 'x', sizes[i]);
        proto_text(&out, 1, text, sizes[i]);
        const size_t len = sizes[i] < 128 ? 1 : sizes[i] < 16384 ? 2 : 3;
        assert_int_equal(out.len, 1 + len + sizes[i]);
        assert_int_equal(out.p[0], 0x0a);
        assert_memory_equal(out.p + 1 + len, text, sizes[i]);
        char want[PROTO_VARINT_MAX];
        proto_put(want, sizes[i]);
        assert_memory_equal(out.p + 1, want, len);
        strbuf_free(&out);
        free(text);
    }
}

static void body(int multi, const void *want, size_t n)
{
    struct made m;
    struct err e;
    struct strbuf out;
    made_init(&m, "src_port", false);
    made_u16(&m, FIELD_src_port, 443);
    const struct config c = { .sql_multi_values = multi };
    const struct plugin pl = { .c = &c, .layout = &m.layout, .name = "x" };
    const struct body_conf conf = { .pl = &pl };
    const struct batch b = { .layout = &m.layout };
    void *state = calloc(1, body_proto.state_size);
    assert_int_equal(body_proto.open(state, &conf, &e), 0);
    assert_int_equal(body_proto.begin(state, &b, "w", &e), 0);
    strbuf_init(&out, 1 << 16);
    body_proto.row(state, &m.row, &out);
    if (multi)
        body_proto.row(state, &m.row, &out);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.p, want, n);
    strbuf_clear(&out);
    body_proto.marker(state, BODY_INIT, &(struct body_totals){ 0 }, &out);
    assert_memory_equal(out.p, multi ? "\x0a\x11\x82\x01" : "\x82\x01\x0apurge_init", multi ? 4 : 13);
    strbuf_free(&out);
    body_proto.close(state);
    free(state);
}

static void test_bodies(void **state)
{
#define ROW "\x18\xbb\x03\x30\x01\x38\x28\x8a\x01\x01w"
    (void)state;
    body(0, ROW, sizeof(ROW) - 1);
    body(1000, "\x0a\x0b" ROW "\x0a\x0b" ROW, 2 * sizeof(ROW) + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_row),    cmocka_unit_test(test_lists),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
