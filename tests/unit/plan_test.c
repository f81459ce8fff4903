/* SPDX-License-Identifier: BSD-2-Clause */
/* The template compiler: what of a template becomes steps, and which templates are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "netflow/plan.h"

#define VAR ELEMENT_VAR
enum { MAX = 40 };

struct spec {
    uint32_t pen;
    uint16_t id, len;
};

static void need(struct wants *w, const char *const *names, struct config *c)
{
    struct fieldset needs = { { 0 } };
    for (; *names; names++) {
        const struct field *f = field_find(*names, strlen(*names));
        assert_non_null(f);
        fieldset_add(&needs, (enum field_id)(f - fields));
    }
    wants_make(w, &needs, c);
}

static struct plan *compile(const struct spec *spec, uint8_t version, const struct wants *w, struct err *e)
{
    struct tmpl_field f[MAX];
    unsigned n = 0;
    for (; n < MAX && spec[n].id; n++) {
        f[n] = (struct tmpl_field){ .pen = spec[n].pen, .id = spec[n].id, .len = spec[n].len };
        f[n].el = version == 9 ? element_find_v9(spec[n].id) : element_find(spec[n].pen, spec[n].id);
    }
    return plan_compile(f, n, version, w, e);
}

/* Octets → record, checked member by member in the wire cases; here: how many steps, which operation, where
 * from. */
static void steps(void **state)
{
    static const char *const five[] = { "src_host", "dst_host", "src_port", "dst_port", "proto", NULL };
    static const struct spec spec[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 15, 4 }, { 0, 7, 2 }, { 0, 11, 2 },
                                        { 0, 4, 1 }, { 0, 2, 4 },  { 0, 1, 8 },  { 0, 0, 0 } };
    static const struct {
        uint8_t op;
        uint16_t from, to;
    } want[] = {
        { OP_V4_V4, 0,
          offsetof(struct record, f.src_host) }, /* neighbours here and there are loaded at once */
        { OP_COPY16_16, 12, offsetof(struct record, f.src_port) },
        { OP_COPY8, 16, offsetof(struct record, f.proto) },
        { OP_32_64, 17, offsetof(struct record, f.packets) },
        { OP_COPY64, 21, offsetof(struct record, f.bytes) },
    };
    struct config c = { .time_new = true };
    struct wants w;
    struct err e;
    (void)state;
    need(&w, five, &c);
    struct plan *p = compile(spec, 9, &w, &e);
    assert_non_null(p);
    assert_int_equal(p->n_steps, sizeof(want) / sizeof(want[0]));
    assert_int_equal(p->n_head, p->n_steps);
    assert_int_equal(p->fixed, 29);
    assert_int_equal(p->n_tail, 0);
    assert_int_equal(p->kind, FLOW_TRAFFIC);
    for (unsigned i = 0; i < p->n_steps; i++) {
        assert_int_equal(p->step[i].op, want[i].op);
        assert_int_equal(p->step[i].from, want[i].from);
        assert_int_equal(p->step[i].to, want[i].to);
    }
    plan_free(p);
}

/* Every pair that is joined gives what its halves give. */
static void pairs(void **state)
{
    static const char *const names[] = { "src_host", "dst_host", "src_port",  "dst_port",        "proto",
                                         "tos",      "in_iface", "out_iface", "timestamp_start", NULL };
    static const struct spec joined[] = { { 0, 8, 4 },   { 0, 12, 4 },  { 0, 7, 2 },  { 0, 11, 2 },
                                          { 0, 4, 1 },   { 0, 5, 1 },   { 0, 10, 4 }, { 0, 14, 4 },
                                          { 0, 152, 8 }, { 0, 153, 8 }, { 0, 2, 8 },  { 0, 1, 8 },
                                          { 0, 22, 4 },  { 0, 21, 4 },  { 0, 0, 0 } };
    struct config c = { .time_new = false };
    struct wants w;
    struct record a, b;
    struct err e;
    struct spec apart[MAX] = { 0 };
    uint8_t wire[128], spread[128];
    size_t at = 0, to = 0;
    unsigned n = 0;
    (void)state;
    for (unsigned i = 0; joined[i].id; i++) { /* the same with an octet of padding behind each field */
        apart[n++] = joined[i];
        apart[n++] = (struct spec){ 0, 210, 1 };
        for (unsigned k = 0; k < joined[i].len; k++)
            wire[at + k] = (uint8_t)(k + 2 < joined[i].len && joined[i].len == 8 ? 0 : 17 * (at + k) + 3);
        memcpy(spread + to, wire + at, joined[i].len);
        at += joined[i].len;
        to += joined[i].len;
        spread[to++] = 0xee;
    }
    need(&w, names, &c);
    struct plan *p = compile(joined, 9, &w, &e), *q = compile(apart, 9, &w, &e);
    assert_true(p && q && p->n_steps < q->n_steps);
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(wire + at, 0, sizeof(wire) - at);
    memset(spread + to, 0, sizeof(spread) - to);
    plan_head(p, wire, &a);
    plan_head(q, spread, &b);
    assert_memory_equal(&a, &b, sizeof(a));
    plan_free(p);
    plan_free(q);
}

/* What nobody needs costs nothing. */
static void only_needed(void **state)
{
    static const char *const none[] = { NULL };
    static const struct spec spec[] = { { 0, 8, 4 },    { 0, 27, 16 }, { 0, 58, 2 }, { 0, 70, 3 },
                                        { 0, 82, VAR }, { 0, 234, 4 }, { 0, 48, 1 }, { 0, 1, 4 },
                                        { 0, 22, 4 },   { 0, 0, 0 } };
    struct config c = { .time_new = true };
    struct wants w;
    struct err e;
    (void)state;
    need(&w, none, &c);
    struct plan *p = compile(spec, 10, &w, &e);
    assert_non_null(p);
    assert_int_equal(p->n_steps, 1);
    assert_int_equal(p->n_finish, 0);
    assert_true(plan_has(p, SLOT_bytes));
    plan_free(p);
}

/* Fields behind the first one of variable length: those that nobody wants are joined. */
static void tail(void **state)
{
    static const char *const names[] = { "src_host", "src_port", "label", NULL };
    static const struct spec spec[] = { { 0, 1, 8 },   { 0, 82, VAR }, { 0, 10, 4 }, { 0, 14, 4 },
                                        { 0, 5, 1 },   { 0, 8, 4 },    { 0, 7, 2 },  { 43874, 3, VAR },
                                        { 0, 210, 3 }, { 0, 0, 0 } };
    static const struct tail want[] = { { VAR, 0 }, { 9, 0 }, { 4, 1 }, { 2, 1 }, { VAR, 1 }, { 3, 0 } };
    static const uint8_t wire[] = { 0,  0, 0, 0, 0, 0,  0,      9,   /**/ 2, 'e', '0', /**/ 0, 0,
                                    0,  1, 0, 0, 0, 2,  7, /**/
                                    10, 0, 0, 1, 0, 80, /**/ 3, 'a', 'b',    'c', 0,   0,      0 };
    struct config c = { .time_new = true };
    struct wants w;
    struct record r;
    struct err e;
    (void)state;
    need(&w, names, &c);
    struct plan *p = compile(spec, 10, &w, &e);
    assert_non_null(p);
    assert_int_equal(p->fixed, 8);
    assert_int_equal(p->min_len, 8 + 1 + 9 + 4 + 2 + 1 + 3);
    assert_int_equal(p->n_head, 1);
    assert_int_equal(p->n_tail, sizeof(want) / sizeof(want[0]));
    for (unsigned i = 0; i < p->n_tail; i++) {
        assert_int_equal(p->tail[i].len, want[i].len);
        assert_int_equal(p->tail[i].n, want[i].n);
    }
    memset(&r, 0, sizeof(r));
    plan_head(p, wire, &r);
    assert_ptr_equal(plan_tail(p, wire + 8, wire + sizeof(wire), &r), wire + sizeof(wire));
    assert_int_equal(r.f.bytes, 9);
    assert_int_equal(r.f.src_port, 80);
    assert_int_equal(r.f.label.len, 3);
    for (size_t cut = 0; cut < sizeof(wire) - 8; cut++) /* ends anywhere: refused, never read beyond */
        assert_null(plan_tail(p, wire + 8, wire + 8 + cut, &r));
    plan_free(p);
}

static void refused(void **state)
{
    static const struct {
        const char *what;
        uint8_t version;
        struct spec spec[6];
    } row[] = {
        { "no field", 9, { { 0, 0, 0 } } },
        { "no length", 10, { { 0, 8, 0 }, { 0, 12, 0 } } },
        { "longer than a message", 10, { { 0, 8, 40000 }, { 0, 12, 30000 } } },
        { "the same, with a variable one", 10, { { 0, 8, 40000 }, { 0, 82, VAR }, { 0, 12, 25535 } } },
        { "variable length in v9", 9, { { 0, 8, 4 }, { 0, 82, VAR } } },
    };
    struct config c = { .time_new = true };
    struct wants w;
    struct err e;
    static const char *const none[] = { NULL };
    (void)state;
    need(&w, none, &c);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        print_message("%s\n", row[i].what);
        e.code = ERR_NONE;
        assert_null(compile(row[i].spec, row[i].version, &w, &e));
        assert_int_equal(e.code, ERR_FORMAT);
    }
}

/* Lengths that no element of the type can have: skipped, whatever they hold. */
static void wrong_lengths(void **state)
{
    static const char *const names[] = { "src_host",        "dst_host",       "src_mac", "in_iface",
                                         "timestamp_start", "mpls_label_top", NULL };
    static const struct spec spec[] = { { 0, 8, 5 },  { 0, 28, 4 },  { 0, 56, 8 },
                                        { 0, 10, 9 }, { 0, 152, 4 }, { 0, 156, 7 },
                                        { 0, 70, 2 }, { 0, 1, 300 }, { 0, 0, 0 } };
    struct config c = { .time_new = false };
    struct wants w;
    struct err e;
    (void)state;
    need(&w, names, &c);
    struct plan *p = compile(spec, 10, &w, &e);
    assert_non_null(p);
    assert_int_equal(p->n_steps, 0);
    plan_free(p);
}

static void kinds(void **state)
{
    static const struct {
        struct spec spec[4];
        uint8_t kind;
        bool biflow;
    } row[] = {
        { { { 0, 8, 4 }, { 0, 1, 4 } }, FLOW_TRAFFIC, false },
        { { { 0, 8, 4 }, { 0, 24, 4 } }, FLOW_TRAFFIC, false },
        { { { 0, 8, 4 }, { 0, 352, 8 } }, FLOW_TRAFFIC, false },
        { { { 0, 8, 4 }, { 0, 315, VAR } }, FLOW_TRAFFIC, false },
        { { { 0, 8, 4 }, { 0, 230, 1 } }, FLOW_EVENT, false },
        { { { 0, 8, 4 }, { 0, 230, 1 }, { 0, 1, 4 } }, FLOW_EVENT, false },
        { { { 0, 8, 4 }, { 0, 233, 1 } }, FLOW_EVENT, false },
        { { { 0, 8, 4 }, { 0, 233, 1 }, { 0, 231, 4 } }, FLOW_TRAFFIC, false },
        { { { 0, 8, 4 }, { 0, 231, 4 }, { 0, 232, 4 } }, FLOW_TRAFFIC, true },
        { { { 0, 8, 4 }, { 0, 1, 4 }, { 0, 232, 4 } }, FLOW_TRAFFIC, false },
        { { { 0, 1, 4 }, { 29305, 1, 4 } }, FLOW_TRAFFIC, true },
        { { { 0, 8, 4 } }, FLOW_EVENT, false },
    };
    struct config c = { .time_new = true };
    struct wants w;
    struct err e;
    static const char *const none[] = { NULL };
    (void)state;
    need(&w, none, &c);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct plan *p = compile(row[i].spec, 10, &w, &e);
        assert_non_null(p);
        assert_int_equal(p->kind, row[i].kind);
        assert_int_equal(p->biflow, row[i].biflow);
        plan_free(p);
    }
}

/* Any template at all compiles into a plan whose steps stay inside the record and the members. */
static void anything(void **state)
{
    struct fieldset all;
    struct config c = { .renormalize = true, .use_ip_next_hop = true };
    struct wants w;
    struct err e;
    (void)state;
    srand(7);
    memset(&all, 0, sizeof(all));
    for (unsigned i = 0; i < FIELD_MAX; i++)
        fieldset_add(&all, (enum field_id)i);
    wants_make(&w, &all, &c);
    w.classes |= NEED_OPTION;
    for (unsigned round = 0; round < 20000; round++) {
        struct tmpl_field f[MAX];
        const unsigned n = 1 + (unsigned)rand() % MAX;
        for (unsigned i = 0; i < n; i++) {
            f[i] = (struct tmpl_field){ .el = &elements[(unsigned)rand() % n_elements] };
            f[i].id = f[i].el->id;
            f[i].len = rand() % 3 ? f[i].el->len : rand() % 5 ? (uint16_t)(rand() % 20) : VAR;
        }
        struct plan *p = plan_compile(f, n, 10, &w, &e);
        if (!p)
            continue;
        for (unsigned i = 0; i < p->n_steps; i++) {
            assert_true(p->step[i].op < OP_MAX);
            if (i < p->n_head)
                assert_true((uint32_t)p->step[i].from + p->step[i].len <= p->fixed);
            assert_true(p->step[i].to < sizeof(struct record));
        }
        assert_true(p->n_finish <= FIN_MAX);
        plan_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps), cmocka_unit_test(pairs),    cmocka_unit_test(only_needed),
        cmocka_unit_test(tail),  cmocka_unit_test(refused),  cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(kinds), cmocka_unit_test(anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
