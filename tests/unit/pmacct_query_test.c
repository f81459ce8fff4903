/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's query language: primitives, values, lists, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <time.h>
#include <unistd.h>
#include "output/format.h"
#include "pmacct/query.h"
#include "pmacct/value.h"
#include "rows.h"

/* Each value as text, and the octets it is in a key (hex); NULL: refused. */
static const struct {
    const char *field, *text, *octets;
} values[] = {
    { "src_port", "443", "bb01" },
    { "src_port", "65536", NULL },
    { "src_port", "-1", NULL },
    { "src_port", "", NULL },
    { "src_port", "80x", NULL },
    { "src_mask", "24", "18" },
    { "in_iface", "4294967295", "ffffffff" },
    { "in_iface", "4294967296", NULL },
    { "tag", "18446744073709551615", "ffffffffffffffff" },
    { "tag", "18446744073709551616", NULL },
    { "src_as", "65000", "e8fd0000" },
    { "etype", "800", "0008" },
    { "etype", "86dd", "dd86" },
    { "etype", "xyz", NULL },
    { "src_mac", "00:11:22:aa:bb:cc", "001122aabbcc" },
    { "src_mac", "00:11:22:aa:bb", NULL },
    { "src_mac", "00:11:22:aa:bb:cc:dd", NULL },
    { "src_host", "192.0.2.1", "00000000000000000000ffffc0000201" },
    { "src_host", "2001:db8::1", "20010db8000000000000000000000001" },
    { "src_host", "", "00000000000000000000000000000000" },
    { "src_host", "zz", NULL },
    { "src_net", "192.0.2.77/24", "00000000000000000000ffffc0000200" },
    { "src_net", "2001:db8::1/32", "20010db8000000000000000000000000" },
    { "src_net", "0.0.0.0", "00000000000000000000000000000000" },
    { "src_net", "192.0.2.0/33", NULL },
    { "proto", "tcp", "06" },
    { "proto", "17", "11" },
    { "proto", "256", NULL },
    { "proto", "nonsense", NULL },
    { "tcpflags", "26", "1a" },
    { "mpls_vpn_rd", "0:65000:7", "0000fde800000007" },
    { "mpls_vpn_rd", "1:192.0.2.1:7", "0001c00002010007" },
    { "mpls_vpn_rd", "2:4200000000:7", "0002fa56ea000007" },
    { "mpls_vpn_rd", "vrfid:1610612741", "ffff000060000005" },
    { "mpls_vpn_rd", "3:1:1", NULL },
    { "mpls_vpn_rd", "0:65536:1", NULL },
    { "mpls_vpn_rd", "1:2001:db8::1:1", NULL },
    { "src_roa", "i", "01" },
    { "src_roa", "x", NULL },
    { "sampling_direction", "e", "02" },
    { "class", "unknown", "0000000000000000000000000000000000000000000000000000000000000000" },
    { "class", "http", "6874747000000000000000000000000000000000000000000000000000000000" },
    { "class", "123456789012345678901234567890123", NULL },
    { "src_host_country", "CH", "43480000" },
    { "src_host_coords", "1.5:-2", "000000000000f83f00000000000000c0" },
    { "src_host_coords", "1.5", NULL },
    { "timestamp_start", "2023-11-14T22:13:20.250000Z", "90102218240a0600" },
    { "timestamp_start", "2023-11-15T03:43:20.25+05:30", "90102218240a0600" },
    { "timestamp_start", "2023-11-14 22:13:20.250000", "90102218240a0600" }, /* UTC is asked for */
    { "timestamp_start", "1700000000.250000", "90102218240a0600" },
    { "timestamp_start", "0000-00-00 00:00:00", "0000000000000000" },
    { "timestamp_start", "yesterday", NULL },
    { "std_comm", "65000:1_65000:2", "36353030303a312036353030303a32" },
    { "as_path", "^$", "" },
    { "as_path", "65000_65001", "3635303030203635303031" },
    { "label", "a_b", "615f62" },
    { "mpls_label_stack", "16_17", "1000000011000000" },
    { "mpls_label_stack", "16_x", NULL },
    { "srv6_seg_ipv6_list", "2001:db8::1", "20010db8000000000000000000000001" },
};

static void values_become_octets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct field *f = field_find(values[i].field, strlen(values[i].field));
        struct strbuf s;
        char hex[512] = "";
        struct err e = { 0 };
        assert_non_null(f);
        strbuf_init(&s, 4096);
        int rc = value_put(f, values[i].text, true, &s, &e);
        for (size_t k = 0; k < s.len; k++)
            snprintf(hex + 2 * k, sizeof(hex) - 2 * k, "%02x", (uint8_t)s.p[k]);
        if ((rc == 0) != (values[i].octets != NULL) || (rc == 0 && strcmp(hex, values[i].octets)))
            fail_msg("%s '%s': %s %s", values[i].field, values[i].text, rc ? e.text : hex,
                     rc ? "" : "is not what was expected");
        strbuf_free(&s);
    }
}

/* What csv prints for a value is what finds it. */
static void printed_values_find_themselves(void **state)
{
    (void)state;
    const struct format_style style = {
        .kind = FORMAT_CSV, .order = ORDER_CLIENT, .client = true, .time.utc = true
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct made m;
        struct strbuf octets, text, again;
        struct err e;
        made_init(&m, values[i].field, false);
        const struct column *c = &m.layout.col[0];
        if (!values[i].octets || !*c->field->title)
            continue; /* refused, or JSON only */
        strbuf_init(&octets, 4096);
        strbuf_init(&text, 4096);
        strbuf_init(&again, 4096);
        assert_int_equal(value_put(c->field, values[i].text, true, &octets, &e), 0);
        if (c->field->flags & F_OR)
            m.row.tcpflags = (uint8_t)octets.p[0];
        else if (c->place == PLACE_ADDR)
            made_address(&m, (enum field_id)(c->field - fields), (const struct addr *)octets.p);
        else if (field_is_var(c->field))
            made_var(&m, (enum field_id)(c->field - fields), octets.len ? octets.p : "",
                     (uint16_t)octets.len);
        else
            memcpy(m.key + c->off, octets.p, octets.len);
        struct format *f = format_new(&m.layout, &style);
        format_row(f, &m.row, &text);
        text.p[strcspn(strbuf_cstr(&text), ",\n")] = '\0';
        if (c->field->kind == FK_COORDS)
            snprintf(text.p, text.cap, "%s", values[i].text); /* two columns */
        if (value_put(c->field, text.p, true, &again, &e) == -1)
            fail_msg("%s", e.text);
        assert_int_equal(again.len, octets.len);
        assert_memory_equal(again.len ? again.p : "", octets.len ? octets.p : "", octets.len);
        format_free(f);
        strbuf_free(&octets);
        strbuf_free(&text);
        strbuf_free(&again);
    }
}

static void local_times(void **state)
{
    (void)state;
    const struct field *f = &fields[FIELD_timestamp_start];
    struct strbuf s;
    struct err e;
    int64_t at_us;
    setenv("TZ", "UTC-5", 1); /* five hours east */
    tzset();
    strbuf_init(&s, 64);
    assert_int_equal(value_put(f, "2023-11-15 03:13:20", false, &s, &e), 0);
    memcpy(&at_us, s.p, sizeof(at_us));
    assert_int_equal(at_us, INT64_C(1700000000) * US_PER_S);
    unsetenv("TZ");
    tzset();
    strbuf_free(&s);
}

static void primitives(void **state)
{
    (void)state;
    static const struct {
        const char *list, *error;
        unsigned n;
    } rows[] = {
        { "src_host", NULL, 1 },
        { " src_host , DST_PORT,proto ", NULL, 3 },
        { "sum_host,none,flows", NULL, 3 },
        { "foo", "unknown primitive 'foo'", 0 },
        { "src_host,src_hos", "unknown primitive 'src_hos'", 0 },
        { "", "no primitives", 0 },
        { ",", "no primitives", 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wants w;
        struct err e;
        int rc = wants_parse(rows[i].list, &w, &e);
        assert_int_equal(rc, rows[i].error ? -1 : 0);
        if (rc)
            assert_string_equal(e.text, rows[i].error);
        else
            assert_int_equal(w.n, rows[i].n);
    }
}

/* A list as one letter a value: g given, * any, - missing; queries between spaces. */
static void shape(const struct query_list *q, char *out)
{
    for (unsigned i = 0; i < q->n; i++) {
        if (i)
            *out++ = ' ';
        for (unsigned k = 0; k < q->wants->n; k++)
            *out++ = "g*-"[q->value[i * q->wants->n + k].kind];
    }
    *out = '\0';
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shape; /* NULL: refused */
    } rows[] = {
        { "10.0.0.1,tcp", "gg" }, { "10.0.0.1,tcp;*,udp", "gg *g" },
        { "10.0.0.1", "g-" },     { "10.0.0.1,tcp,80,443", "gg" },
        { "10.0.0.1,*;;", "g*" }, { "*", "*-" },
        { ",tcp", "gg" },         { " 10.0.0.1,tcp ; *,* ", "gg **" },
        { "10.0.0.1,zzz", NULL }, { "", "g-" },
    };
    struct wants w;
    struct err e;
    assert_int_equal(wants_parse("src_host,proto", &w, &e), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct query_list q;
        char got[64];
        int rc = query_list_parse(rows[i].text, &w, false, &q, &e);
        assert_int_equal(rc, rows[i].shape ? 0 : -1);
        if (rc == 0) {
            shape(&q, got);
            assert_string_equal(got, rows[i].shape);
        } else {
            assert_string_equal(e.text, "invalid protocol: 'zzz'");
        }
        query_list_free(&q);
    }
}

static void files(void **state)
{
    (void)state;
    char name[64] = "file:/tmp/pmacct_query_test.XXXXXX", got[64];
    struct wants w;
    struct query_list q;
    struct err e;
    int fd = mkstemp(name + 5);
    assert_true(fd >= 0);
    const char text[] = "! hosts\n10.0.0.1,tcp\n\n  *,udp  \r\n! end\n10.0.0.2,*";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    assert_int_equal(wants_parse("src_host,proto", &w, &e), 0);
    assert_int_equal(query_list_parse(name, &w, false, &q, &e), 0);
    shape(&q, got);
    assert_string_equal(got, "gg *g g*");
    query_list_free(&q);
    unlink(name + 5);
    assert_int_equal(query_list_parse(name, &w, false, &q, &e), -1);
    assert_non_null(strstr(e.text, "not found"));
    query_list_free(&q);
}

static void too_many(void **state)
{
    (void)state;
    char *text = malloc(2 * IMT_QUERIES_MAX + 3), *p = text;
    struct wants w;
    struct query_list q;
    struct err e;
    for (unsigned i = 0; i <= IMT_QUERIES_MAX; i++) {
        *p++ = '*';
        *p++ = ';';
    }
    *p = '\0';
    assert_int_equal(wants_parse("proto", &w, &e), 0);
    assert_int_equal(query_list_parse(text, &w, false, &q, &e), -1);
    assert_string_equal(e.text, "more than 4096 queries");
    query_list_free(&q);
    text[2 * IMT_QUERIES_MAX] = '\0';
    assert_int_equal(query_list_parse(text, &w, false, &q, &e), 0);
    assert_int_equal(q.n, IMT_QUERIES_MAX);
    query_list_free(&q);
    free(text);
}

/* What the request says of each query: never, or the number of terms. */
static void requests(void **state)
{
    (void)state;
    static const struct {
        const char *list, *text;
        int terms[3]; /* -1: never */
        const char *absent;
    } rows[] = {
        { "src_host,proto", "10.0.0.1,tcp;*,udp;10.0.0.1", { 2, 1, -1 }, NULL },
        { "vlan", "7;0;*", { -1, 0, 0 }, "vlan" }, /* a field that the table lacks was never set */
        { "flows,none,tcpflags", "1,x,2;*,*,2;1,1,*", { 2, 1, 1 }, NULL },
    };
    struct made m;
    made_init(&m, "src_host, proto, tcpflags", false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wants w;
        struct query_list q;
        struct strbuf s;
        struct imt_header h;
        struct imt_request r;
        const struct field *absent;
        struct err e;
        strbuf_init(&s, IMT_REQUEST_MAX);
        assert_int_equal(wants_parse(rows[i].list, &w, &e), 0);
        assert_int_equal(query_list_parse(rows[i].text, &w, false, &q, &e), 0);
        assert_int_equal(query_list_request(&q, &m.layout, IMT_OP_COUNT, 0, &s, &absent, &e), 0);
        if (rows[i].absent)
            assert_string_equal(absent->name, rows[i].absent);
        else
            assert_null(absent);
        struct cursor c = cursor_of(s.p, s.len);
        assert_int_equal(imt_header_get(&c, &h, &e), 0);
        assert_int_equal(imt_request_get(c, &r, &e), 0);
        for (unsigned k = 0; k < 3; k++) {
            struct imt_query one;
            assert_true(imt_query_get(&r.queries, &one));
            assert_int_equal(one.never ? -1 : one.n_terms, rows[i].terms[k]);
        }
        query_list_free(&q);
        strbuf_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_octets),
        cmocka_unit_test(printed_values_find_themselves),
        cmocka_unit_test(local_times),
        cmocka_unit_test(primitives),
        cmocka_unit_test(lists),
        cmocka_unit_test(files),
        cmocka_unit_test(too_many),
        cmocka_unit_test(requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
