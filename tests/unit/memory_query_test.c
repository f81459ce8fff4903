/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries against a table: whatever they are, the answer is that of comparing every entry with every query,
 * term by term. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/clock.h"
#include "plugins/memory_query.h"
#include "rows.h"

static const char aggregate[] = "src_host, src_port, proto, tcpflags, as_path, label, flows";

static uint64_t rnd(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * UINT64_C(2685821657736338717);
}

static const char *const paths[] = { "", "65000", "65001", "65000 65001", "65000 65002" };
static const char *const labels[] = { "", "a", "b" };

/* Few values a field, so that queries find something. */
static void entry_random(struct made *m, uint64_t *seed)
{
    uint8_t ip[4] = { 10, 0, 0, (uint8_t)(rnd(seed) % 8) };
    struct addr a;
    const char *path = paths[rnd(seed) % 5], *label = labels[rnd(seed) % 3];
    memset(m->key, 0, sizeof(m->key));
    addr_set_v4(&a, ip);
    made_address(m, FIELD_src_host, &a);
    made_u16(m, FIELD_src_port, (uint16_t)(rnd(seed) % 6));
    made_u8(m, FIELD_proto, rnd(seed) % 2 ? 6 : 17);
    made_var(m, FIELD_as_path, path, (uint16_t)strlen(path));
    made_var(m, FIELD_label, label, (uint16_t)strlen(label));
    m->row.packets = rnd(seed) % 100;
    m->row.bytes = rnd(seed) % 10000;
    m->row.flows = 1 + rnd(seed) % 2;
    m->row.tcpflags = (uint8_t)(1 << rnd(seed) % 3);
}

static void table_add(struct table *t, const struct made *m)
{
    _Alignas(8) uint8_t buf[sizeof(struct record) + sizeof(m->key)] = { 0 };
    struct record *r = (struct record *)buf;
    *r = (struct record){ .packets = m->row.packets,
                          .bytes = m->row.bytes,
                          .flows = (uint32_t)m->row.flows,
                          .tcpflags = m->row.tcpflags };
    record_set_key_len(r, m->key_len);
    memcpy(r->key, m->key, m->key_len);
    agg_add(t->agg, buf, record_size(r));
}

static struct table *table_random(struct made *m, unsigned n, uint64_t *seed)
{
    struct table *t = table_new();
    made_init(m, aggregate, false);
    for (unsigned i = 0; i < n; i++) {
        entry_random(m, seed);
        table_add(t, m);
    }
    return t;
}

static uint16_t column(const struct layout *l, enum field_id id)
{
    return (uint16_t)(layout_find(l, id) - l->col);
}

/* Writes a query that takes some of the columns' values from the row in m. which: a bit for each of the
 * seven. */
static void query_put(struct strbuf *s, struct made *m, unsigned which, bool never)
{
    static const enum field_id ids[] = { FIELD_src_host, FIELD_src_port, FIELD_proto,
                                         FIELD_tcpflags, FIELD_as_path,  FIELD_label };
    const struct layout *l = &m->layout;
    uint16_t n = 0;
    size_t at = imt_query_begin(s, never);
    for (unsigned i = 0; i < 6; i++) {
        const struct column *c = layout_find(l, ids[i]);
        uint32_t len = c->len;
        const uint8_t *p = m->key + c->off;
        if (!(which >> i & 1))
            continue;
        if (c->field->flags & F_OR) {
            p = &m->row.tcpflags;
            len = 1;
        } else if (column_in_tail(c)) {
            p = layout_tail(l, c, m->key, &len);
        }
        imt_term_put(s, column(l, ids[i]), p, len);
        n++;
    }
    if (which >> 6 & 1) {
        imt_term_put(s, IMT_TERM_FLOWS, &m->row.flows, sizeof(m->row.flows));
        n++;
    }
    imt_query_end(s, at, n);
}

static struct imt_request request(struct strbuf *s, size_t from)
{
    struct imt_request r;
    struct imt_header h;
    struct err e;
    struct cursor c = cursor_of(s->p + from, s->len - from);
    assert_int_equal(imt_header_get(&c, &h, &e), 0);
    assert_int_equal(imt_request_get(c, &r, &e), 0);
    return r;
}

/* The slow way. */
static bool matches(const struct layout *l, struct cursor terms, const struct agg_entry *e)
{
    struct imt_term t;
    while (imt_term_get(&terms, &t)) {
        const uint8_t *p;
        uint32_t len = t.len;
        if (t.column == IMT_TERM_FLOWS)
            p = (const uint8_t *)&e->flows;
        else if (l->col[t.column].field->flags & F_OR)
            p = &e->tcpflags;
        else if (column_in_tail(&l->col[t.column]))
            p = layout_tail(l, &l->col[t.column], e->key, &len);
        else
            p = e->key + l->col[t.column].off;
        if (len != t.len || memcmp(p, t.value, len) != 0)
            return false;
    }
    return true;
}

static void count_slowly(const struct layout *l, struct table *t, const struct imt_request *r,
                         struct imt_count *count)
{
    struct cursor queries = r->queries;
    for (unsigned i = 0; i < r->n_queries; i++) {
        struct imt_query q;
        assert_true(imt_query_get(&queries, &q));
        uint64_t at = 0;
        for (const struct agg_entry *e; (e = agg_next(t->agg, &at));) {
            if (q.never || !matches(l, q.terms, e))
                continue;
            count[i].packets += e->packets;
            count[i].bytes += e->bytes;
            count[i].flows += e->flows;
            count[i].entries++;
        }
    }
}

/* The whole answer, block after block; the counts or rows in it. Returns how many. */
static unsigned run(const struct layout *l, struct table *t, const struct imt_request *r,
                    struct imt_count *count, unsigned *blocks, int64_t until_us)
{
    struct strbuf out;
    struct err e;
    unsigned n = 0;
    bool done;
    strbuf_init(&out, SIZE_MAX / 2);
    struct answer *a = answer_new(l, t, r, &e);
    if (!a)
        fail_msg("%s", e.text);
    *blocks = 0;
    do {
        strbuf_clear(&out);
        done = answer_step(a, &out, until_us);
        ++*blocks;
        struct cursor c = cursor_of(out.p, out.len);
        while (cursor_left(&c)) {
            struct imt_header h;
            struct row row;
            uint32_t key_len;
            assert_int_equal(imt_header_get(&c, &h, &e), 0);
            struct cursor body = cursor_sub(&c, h.len);
            if (h.type == IMT_COUNTS)
                for (; imt_count_get(&body, &count[n]); n++)
                    ;
            else
                for (; imt_row_get(&body, l, &row, &key_len); n++)
                    if (count)
                        count[0].bytes += row.bytes;
            assert_false(body.bad);
        }
    } while (!done);
    answer_free(a);
    strbuf_free(&out);
    return n;
}

static void counts_are_those_of_the_slow_way(void **state)
{
    (void)state;
    uint64_t seed = 20231114;
    struct made m;
    struct table *t = table_random(&m, 3000, &seed);
    for (unsigned round = 0; round < 300; round++) {
        struct imt_count fast[40] = { 0 }, slow[40] = { 0 };
        struct strbuf s;
        unsigned blocks, n = 1 + rnd(&seed) % 40,
                         only = rnd(&seed) % 3 ? 0 : 0x37; /* sometimes all of the key */
        strbuf_init(&s, IMT_REQUEST_MAX);
        size_t at = imt_request_begin(&s, IMT_OP_COUNT, 0, (uint16_t)n);
        for (unsigned i = 0; i < n; i++) {
            entry_random(&m, &seed);
            query_put(&s, &m, only ? only : rnd(&seed) % 128, rnd(&seed) % 20 == 0);
        }
        imt_end(&s, at);
        struct imt_request r = request(&s, at);
        struct queries *q;
        struct err e;
        if (only) {
            q = queries_new(&m.layout, &r, &e);
            assert_true(queries_exact(q));
            queries_free(q);
        }
        if ((q = queries_new(&m.layout, &r, &e))) { /* NULL: too many shapes */
            queries_free(q);
            count_slowly(&m.layout, t, &r, slow);
            assert_int_equal(run(&m.layout, t, &r, fast, &blocks, 0), n);
            assert_memory_equal(fast, slow, n * sizeof(fast[0]));
        } else {
            assert_int_equal(e.code, ERR_LIMIT);
        }
        strbuf_free(&s);
    }
    table_put(t);
}

static void matches_come_once(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct made m;
    struct table *t = table_random(&m, 2000, &seed);
    struct strbuf s;
    struct imt_count sum = { 0 }, slow[3] = { 0 };
    unsigned blocks;
    strbuf_init(&s, IMT_REQUEST_MAX);
    size_t at =
        imt_request_begin(&s, IMT_OP_MATCH, 0, 3); /* the host, the host again, the host and its port */
    entry_random(&m, &seed);
    query_put(&s, &m, 1, false);
    query_put(&s, &m, 1, false);
    query_put(&s, &m, 3, false);
    imt_end(&s, at);
    struct imt_request r = request(&s, at);
    count_slowly(&m.layout, t, &r, slow);
    assert_true(slow[2].entries > 0);
    assert_int_equal(run(&m.layout, t, &r, &sum, &blocks, 0), slow[0].entries);
    assert_int_equal(sum.bytes, slow[0].bytes);
    table_put(t);
    strbuf_free(&s);
}

static void reset_takes_each_count_once(void **state)
{
    (void)state;
    static const unsigned which[] = { 0x01, 0x37 }; /* by host; whole key */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t seed = 99;
        struct made m;
        struct table *t = table_random(&m, 500, &seed);
        struct imt_count first = { 0 }, second = { 0 }, third = { 0 };
        unsigned blocks;
        struct strbuf s;
        uint64_t entry = 0;
        const struct agg_entry *e = agg_next(t->agg, &entry);
        strbuf_init(&s, IMT_REQUEST_MAX);
        memcpy(m.key, e->key, e->key_len);
        m.key_len = e->key_len;
        m.row.packets = m.row.bytes = 3;
        size_t at = imt_request_begin(&s, IMT_OP_COUNT, IMT_F_RESET, 1);
        query_put(&s, &m, which[i], false);
        imt_end(&s, at);
        struct imt_request r = request(&s, at);
        run(&m.layout, t, &r, &first, &blocks, 0);
        assert_true(first.entries > 0);
        run(&m.layout, t, &r, &second, &blocks, 0);
        assert_int_equal(second.entries, 0); /* gone until they count again */
        table_add(t, &m);
        run(&m.layout, t, &r, &third, &blocks, 0);
        assert_int_equal(third.entries, 1);
        assert_int_equal(third.bytes, 3);
        table_put(t);
        strbuf_free(&s);
    }
}

/* A dump shows what was there when it began, in blocks; a lock shows it in one piece. */
static void dumps_are_cut_into_blocks(void **state)
{
    (void)state;
    struct made m;
    struct strbuf s;
    unsigned blocks;
    struct table *t = table_new();
    made_init(&m, "src_host, src_port", false);
    strbuf_init(&s, 4096);
    for (uint32_t i = 0; i < 30000; i++) {
        made_tail(&m, FIELD_src_host, &i, sizeof(i));
        table_add(t, &m);
    }
    size_t plain = imt_request_begin(&s, IMT_OP_TABLE, 0, 0);
    imt_end(&s, plain);
    size_t locked = imt_request_begin(&s, IMT_OP_TABLE, IMT_F_LOCK, 0);
    imt_end(&s, locked);
    struct imt_request r = request(&s, locked);
    assert_int_equal(run(&m.layout, t, &r, NULL, &blocks, 0), 30000);
    assert_int_equal(blocks, 1);
    struct cursor c = cursor_of(s.p + plain + IMT_HEADER, locked - plain - IMT_HEADER);
    struct err e;
    assert_int_equal(imt_request_get(c, &r, &e), 0);
    assert_int_equal(run(&m.layout, t, &r, NULL, &blocks, 0), 30000);
    assert_true(blocks > 4);
    assert_int_equal(run(&m.layout, t, &r, NULL, &blocks, 1), 30000); /* the time is always over */
    assert_true(blocks > 100);
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    struct answer *a = answer_new(&m.layout, t, &r, &e);
    assert_false(answer_step(a, &out, 1));
    for (uint32_t i = 30000; i < 40000; i++) {
        made_tail(&m, FIELD_src_host, &i, sizeof(i));
        table_add(t, &m);
    }
    while (!answer_step(a, &out, 0))
        strbuf_clear(&out);
    assert_int_equal(answer_rows(a), 30000);
    answer_free(a);
    table_put(t);
    strbuf_free(&out);
    strbuf_free(&s);
}

static void unfit_queries_are_refused(void **state)
{
    (void)state;
    struct made m;
    struct err e;
    static const struct {
        uint16_t column;
        uint32_t len;
    } rows[] = { { 1, 3 }, { 1, 15 }, { 1, 17 }, { 99, 1 }, { IMT_TERM_FLOWS, 4 }, { 0, 1 }, { 0, 0 } };
    made_init(&m, "src_host, src_port", false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strbuf s;
        uint8_t value[32] = { 0 };
        strbuf_init(&s, 4096);
        size_t at = imt_request_begin(&s, IMT_OP_COUNT, 0, 1), one = imt_query_begin(&s, false);
        imt_term_put(&s, rows[i].column, value, rows[i].len);
        imt_query_end(&s, one, 1);
        imt_end(&s, at);
        struct imt_request r = request(&s, at);
        assert_null(queries_new(&m.layout, &r, &e));
        assert_int_equal(e.code, ERR_FORMAT);
        strbuf_free(&s);
    }
}

static void shapes_have_a_limit(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct made m;
    struct strbuf s;
    struct err e;
    made_init(&m, aggregate, false);
    strbuf_init(&s, IMT_REQUEST_MAX);
    size_t at = imt_request_begin(&s, IMT_OP_COUNT, 0, QUERY_SHAPES_MAX + 1);
    for (unsigned i = 0; i <= QUERY_SHAPES_MAX; i++) {
        entry_random(&m, &seed);
        query_put(&s, &m, i, false);
    }
    imt_end(&s, at);
    struct imt_request r = request(&s, at);
    assert_null(queries_new(&m.layout, &r, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    strbuf_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_the_slow_way), cmocka_unit_test(matches_come_once),
        cmocka_unit_test(reset_takes_each_count_once),      cmocka_unit_test(dumps_are_cut_into_blocks),
        cmocka_unit_test(unfit_queries_are_refused),        cmocka_unit_test(shapes_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
