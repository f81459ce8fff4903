/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between a memory table and its client: what is written is read back; what is malformed is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "core/imt_proto.h"
#include "rows.h"

static const char many[] = "src_host, dst_host, src_port, proto, tcpflags, mpls_vpn_rd, as_path, label, "
                           "timestamp_start, class, flows";

/* The one message that s holds. */
static struct cursor body_of(const struct strbuf *s, unsigned type)
{
    struct imt_header h;
    struct err e;
    struct cursor c = cursor_of(s->p, s->len);
    assert_int_equal(imt_header_get(&c, &h, &e), 0);
    assert_int_equal(h.type, type);
    assert_int_equal(h.len, cursor_left(&c));
    return c;
}

static void hello_carries_the_layout(void **state)
{
    (void)state;
    struct made m;
    struct layout back;
    struct strbuf s;
    struct err e;
    made_init(&m, many, true);
    strbuf_init(&s, IMT_HELLO_MAX);
    imt_hello_put(&s, &m.layout);
    assert_int_equal(imt_hello_get(body_of(&s, IMT_HELLO), &back, &e), 0);
    assert_int_equal(back.n, m.layout.n);
    assert_int_equal(back.n_tail, m.layout.n_tail);
    assert_int_equal(back.fixed, m.layout.fixed);
    assert_int_equal(back.bin_off, m.layout.bin_off);
    assert_int_equal(back.rd_origin_off, m.layout.rd_origin_off);
    assert_true(back.flows);
    for (unsigned i = 0; i < back.n; i++) {
        assert_ptr_equal(back.col[i].field, m.layout.col[i].field);
        assert_int_equal(back.col[i].off, m.layout.col[i].off);
        assert_int_equal(back.col[i].len, m.layout.col[i].len);
    }
    strbuf_free(&s);
}

/* Whatever one octet says: no layout comes out of it that reaches beyond the key. */
static void hello_is_not_believed(void **state)
{
    (void)state;
    struct made m;
    struct strbuf s;
    struct err e;
    made_init(&m, many, false);
    strbuf_init(&s, IMT_HELLO_MAX);
    imt_hello_put(&s, &m.layout);
    for (size_t at = IMT_HEADER; at < s.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct layout l;
            s.p[at] = (char)(s.p[at] ^ 1 << bit);
            if (imt_hello_get(cursor_of(s.p + IMT_HEADER, s.len - IMT_HEADER), &l, &e) == 0)
                for (unsigned i = 0; i < l.n; i++)
                    assert_true(l.col[i].field->flags & F_OR || l.col[i].off + l.col[i].len <= l.fixed);
            layout_free(&l);
            s.p[at] = (char)(s.p[at] ^ 1 << bit);
        }
    for (size_t n = 0; n + IMT_HEADER < s.len; n++) {
        struct layout l;
        assert_int_equal(imt_hello_get(cursor_of(s.p + IMT_HEADER, n), &l, &e), -1);
    }
    strbuf_free(&s);
}

static void unknown_field_names_itself(void **state)
{
    (void)state;
    struct made m;
    struct layout l;
    struct strbuf s;
    struct err e;
    made_init(&m, "src_host", false);
    strbuf_init(&s, IMT_HELLO_MAX);
    imt_hello_put(&s, &m.layout);
    memcpy(memmem(s.p, s.len, "src_host", 8), "new_host", 8);
    assert_int_equal(imt_hello_get(body_of(&s, IMT_HELLO), &l, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "'new_host'"));
    strbuf_free(&s);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t octets[IMT_HEADER];
        size_t len;
        int code; /* ERR_NONE: accepted */
    } rows[] = {
        { "good", { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2 }, IMT_HEADER, ERR_NONE },
        { "another protocol", { 'G', 'E', 'T', ' ', '/' }, IMT_HEADER, ERR_FORMAT },
        { "another version", { 'I', 'M', 'T', '1', 0, IMT_VERSION + 1, 0, 2 }, IMT_HEADER, ERR_UNSUPPORTED },
        { "short", { 'I', 'M', 'T', '1', 0, IMT_VERSION, 0, 2 }, IMT_HEADER - 1, ERR_FORMAT },
        { "nothing", { 0 }, 0, ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct imt_header h;
        struct err e = { 0 };
        struct cursor c = cursor_of(rows[i].octets, rows[i].len);
        int rc = imt_header_get(&c, &h, &e);
        assert_int_equal(rc, rows[i].code ? -1 : 0);
        if (rc)
            assert_int_equal(e.code, rows[i].code);
    }
}

static void request_comes_back(void **state)
{
    (void)state;
    struct strbuf s;
    struct imt_request r;
    struct imt_query q;
    struct imt_term t;
    struct err e;
    uint16_t port = 53;
    strbuf_init(&s, IMT_REQUEST_MAX);
    size_t at = imt_request_begin(&s, IMT_OP_COUNT, IMT_F_RESET, 2);
    size_t one = imt_query_begin(&s, false);
    imt_term_put(&s, 3, &port, sizeof(port));
    imt_term_put(&s, 7, "65000 65001", 11);
    imt_query_end(&s, one, 2);
    imt_query_end(&s, imt_query_begin(&s, true), 0);
    imt_end(&s, at);
    assert_int_equal(imt_request_get(body_of(&s, IMT_REQUEST), &r, &e), 0);
    assert_int_equal(r.op, IMT_OP_COUNT);
    assert_int_equal(r.flags, IMT_F_RESET);
    assert_int_equal(r.n_queries, 2);
    assert_true(imt_query_get(&r.queries, &q));
    assert_false(q.never);
    assert_int_equal(q.n_terms, 2);
    assert_true(imt_term_get(&q.terms, &t));
    assert_int_equal(t.column, 3);
    assert_memory_equal(t.value, &port, sizeof(port));
    assert_true(imt_term_get(&q.terms, &t));
    assert_int_equal(t.len, 11);
    assert_false(imt_term_get(&q.terms, &t));
    assert_true(imt_query_get(&r.queries, &q));
    assert_true(q.never);
    assert_false(imt_query_get(&r.queries, &q));
    strbuf_free(&s);
}

static void requests_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t octets[8];
        size_t len;
    } rows[] = {
        { { 0 }, 0 },
        { { IMT_OP_TABLE, 0, 0 }, 3 },
        { { IMT_OP_MAX, 0, 0, 0 }, 4 },
        { { IMT_OP_TABLE, 8, 0, 0 }, 4 },       /* an unknown flag */
        { { IMT_OP_TABLE, 0, 0, 1 }, 4 },       /* queries where none belong */
        { { IMT_OP_COUNT, 0, 0, 0 }, 4 },       /* none where some belong */
        { { IMT_OP_COUNT, 0, 0x10, 0x01 }, 4 }, /* 4097 */
        { { IMT_OP_TABLE, IMT_F_RESET, 0, 0 }, 4 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct imt_request r;
        struct err e;
        assert_int_equal(imt_request_get(cursor_of(rows[i].octets, rows[i].len), &r, &e), -1);
    }
}

static void rows_are_checked(void **state)
{
    (void)state;
    struct made m;
    struct strbuf s;
    struct row r;
    uint32_t key_len;
    made_init(&m, "src_host, as_path", false);
    made_addr(&m, FIELD_src_host, "192.0.2.1");
    made_var(&m, FIELD_as_path, "65000", 5);
    struct imt_row head = { .packets = 1, .bytes = 2, .flows = 3, .key_len = m.key_len, .kind = FLOW_EVENT };
    strbuf_init(&s, 4096);
    strbuf_add(&s, &head, sizeof(head));
    strbuf_add(&s, m.key, m.key_len);
    struct cursor c = cursor_of(s.p, s.len);
    assert_true(imt_row_get(&c, &m.layout, &r, &key_len));
    assert_int_equal(r.bytes, 2);
    assert_int_equal(r.kind, FLOW_EVENT);
    assert_int_equal(key_len, m.key_len);
    assert_memory_equal(r.key, m.key, m.key_len);
    assert_false(imt_row_get(&c, &m.layout, &r, &key_len));
    assert_false(c.bad); /* the end is no error */
    for (size_t n = 1; n < s.len; n++) {
        c = cursor_of(s.p, n);
        assert_false(imt_row_get(&c, &m.layout, &r, &key_len));
        assert_true(c.bad);
    }
    /* A path longer than the key. */
    uint16_t len = 99;
    memcpy(s.p + sizeof(head) + made_column(&m, FIELD_as_path)->off, &len, sizeof(len));
    c = cursor_of(s.p, s.len);
    assert_false(imt_row_get(&c, &m.layout, &r, &key_len));
    assert_true(c.bad);
    strbuf_free(&s);
}

static void counts_and_done(void **state)
{
    (void)state;
    const struct imt_count in[2] = { { 1, 2, 3, 4 }, { UINT64_MAX, 0, 0, 1 } };
    struct imt_count out;
    struct imt_done done = { .rows = 77, .last_reset_s = -1 }, back;
    struct strbuf s;
    struct err e;
    strbuf_init(&s, 4096);
    imt_counts_put(&s, in, 2);
    struct cursor c = body_of(&s, IMT_COUNTS);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(imt_count_get(&c, &out));
        assert_memory_equal(&out, &in[i], sizeof(out));
    }
    assert_false(imt_count_get(&c, &out));
    assert_false(c.bad);
    strbuf_clear(&s);
    imt_done_put(&s, &done);
    assert_int_equal(imt_done_get(body_of(&s, IMT_DONE), &back, &e), 0);
    assert_int_equal(back.rows, 77);
    assert_int_equal(back.last_reset_s, -1);
    assert_int_equal(imt_done_get(cursor_of(s.p, 8), &back, &e), -1);
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_carries_the_layout),   cmocka_unit_test(hello_is_not_believed),
        cmocka_unit_test(unknown_field_names_itself), cmocka_unit_test(headers),
        cmocka_unit_test(request_comes_back),         cmocka_unit_test(requests_refused),
        cmocka_unit_test(rows_are_checked),           cmocka_unit_test(counts_and_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
