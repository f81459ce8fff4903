/* SPDX-License-Identifier: BSD-2-Clause */
/* Template records and the table they are kept in: recognised, replaced, bounded, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "netflow/tmpl.h"

static struct wants wants = { .classes = NEED_ALWAYS };
static struct forms forms; /* of all tables */

/* Nothing of a table is left, nor of what it shared. */
static void end(struct tmpl_table *t)
{
    tmpl_table_free(t);
    assert_int_equal(forms.n, 0);
    forms_free(&forms);
}

/* A template of one field, 1 (octets), of `len` octets. */
static enum tmpl_verdict learn(struct tmpl_table *t, uint16_t id, uint16_t len, unsigned max, bool *evicted)
{
    const uint8_t field[] = { 0, 1, (uint8_t)(len >> 8), (uint8_t)len, 0xff, 0xff };
    struct tmpl_record rec = {
        .id = id, .version = 9, .n_fields = 1, .fields = cursor_of(field, sizeof(field))
    };
    struct tmpl *out;
    struct err e;
    const enum tmpl_verdict v = tmpl_learn(t, &forms, &rec, &wants, max, evicted, &out, &e);
    assert_true((v == TMPL_BAD) == (out == NULL));
    assert_true(out == NULL || out->id == id);
    assert_int_equal(cursor_left(&rec.fields), 2);
    return v;
}

static void redefinition(void **state)
{
    struct tmpl_table t = { 0 };
    bool evicted;
    (void)state;
    assert_null(tmpl_find(&t, 256));
    tmpl_forget(&t, 256);
    assert_int_equal(learn(&t, 256, 4, 10, &evicted), TMPL_NEW);
    assert_int_equal(learn(&t, 256, 4, 10, &evicted), TMPL_SAME);
    const size_t memory = t.memory;
    assert_int_equal(learn(&t, 256, 8, 10, &evicted), TMPL_CHANGED);
    assert_int_equal(tmpl_find(&t, 256)->plan->fixed, 8);
    assert_int_equal(t.memory, memory);
    assert_int_equal(learn(&t, 256, 0, 10, &evicted), TMPL_BAD);
    assert_null(tmpl_find(&t, 256)); /* what the exporter means by it now is not known */
    assert_int_equal(t.n, 0);
    end(&t);
}

/* Tables whose templates have the same fields share what is made of them, until the last one goes. */
static void forms_are_shared(void **state)
{
    struct tmpl_table a = { 0 }, b = { 0 };
    bool evicted;
    (void)state;
    assert_int_equal(learn(&a, 256, 4, 10, &evicted), TMPL_NEW);
    assert_int_equal(learn(&a, 300, 4, 10, &evicted), TMPL_NEW);
    assert_int_equal(learn(&b, 400, 4, 10, &evicted), TMPL_NEW);
    assert_int_equal(learn(&b, 401, 8, 10, &evicted), TMPL_NEW);
    assert_int_equal(forms.n, 2);
    assert_ptr_equal(tmpl_find(&a, 256)->plan, tmpl_find(&b, 400)->plan);
    assert_ptr_not_equal(tmpl_find(&b, 401)->plan, tmpl_find(&b, 400)->plan);
    assert_int_equal(learn(&a, 256, 8, 10, &evicted), TMPL_CHANGED); /* for this one alone */
    assert_int_equal(tmpl_find(&b, 400)->plan->fixed, 4);
    assert_int_equal(tmpl_find(&a, 300)->plan->fixed, 4);
    assert_int_equal(tmpl_find(&a, 256)->plan->fixed, 8);
    tmpl_table_free(&b);
    assert_int_equal(forms.n, 2);
    tmpl_forget(&a, 300);
    assert_int_equal(forms.n, 1);
    assert_int_equal(tmpl_find(&a, 256)->plan->fixed, 8);
    end(&a);
}

/* Compiled for what is wanted now, once for all that share them. */
static void renewed(void **state)
{
    const struct wants none = { 0 };
    struct tmpl_table a = { 0 }, b = { 0 };
    bool evicted;
    (void)state;
    learn(&a, 256, 4, 10, &evicted);
    learn(&b, 256, 4, 10, &evicted);
    const unsigned steps = tmpl_find(&a, 256)->plan->n_steps;
    const size_t memory = a.memory;
    assert_true(steps > 0);
    forms_recompile(&forms, &none, &none);
    tmpl_renew(&a);
    tmpl_renew(&b);
    assert_int_equal(tmpl_find(&a, 256)->plan->n_steps, 0);
    assert_ptr_equal(tmpl_find(&a, 256)->plan, tmpl_find(&b, 256)->plan);
    assert_true(a.memory < memory);
    forms_recompile(&forms, &wants, &wants);
    tmpl_renew(&a);
    tmpl_renew(&b);
    assert_int_equal(tmpl_find(&b, 256)->plan->n_steps, steps);
    assert_int_equal(a.memory, memory);
    tmpl_table_free(&b);
    end(&a);
}

/* Hundreds of forms, of which those that go make room for those that stay findable. */
static void many_forms(void **state)
{
    enum { N = 700 };
    struct tmpl_table t = { 0 };
    bool evicted;
    (void)state;
    for (unsigned i = 0; i < N; i++)
        learn(&t, (uint16_t)(256 + i), (uint16_t)(1 + i), N, &evicted);
    assert_int_equal(forms.n, N);
    for (unsigned i = 0; i < N; i += 3)
        tmpl_forget(&t, (uint16_t)(256 + i));
    for (unsigned i = 0; i < N; i++) {
        const bool gone = i % 3 == 0;
        learn(&t, 60000, (uint16_t)(1 + i), N, &evicted);
        assert_int_equal(tmpl_find(&t, 60000)->form->uses, gone ? 1 : 2);
        tmpl_forget(&t, 60000);
    }
    end(&t);
}

/* Ids that meet in the table, taken out in all orders, stay findable. */
static void collisions(void **state)
{
    static const uint16_t id[] = { 256, 264, 272, 257, 265, 280, 288, 263, 271, 511, 512, 1024, 2048, 65535 };
    enum { N = sizeof(id) / sizeof(id[0]) };
    bool evicted;
    (void)state;
    for (unsigned out = 0; out < N; out++) {
        struct tmpl_table t = { 0 };
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(learn(&t, id[i], 4, 100, &evicted), TMPL_NEW);
        for (unsigned k = 0; k < N; k++) {
            tmpl_forget(&t, id[(out + k * 5) % N]);
            for (unsigned i = 0, gone; i < N; i++) {
                for (gone = 0; gone <= k && id[(out + gone * 5) % N] != id[i]; gone++)
                    ;
                assert_true((tmpl_find(&t, id[i]) == NULL) == (gone <= k));
            }
        }
        assert_int_equal(t.n, 0);
        end(&t);
    }
}

static void bounded(void **state)
{
    struct tmpl_table t = { 0 };
    bool evicted;
    (void)state;
    for (unsigned id = 256; id < 256 + 8; id++) {
        learn(&t, (uint16_t)id, 4, 8, &evicted);
        assert_false(evicted);
    }
    tmpl_find(&t, 256)->used = ++t.clock; /* 257 is now the one that was not used for longest */
    learn(&t, 1000, 4, 8, &evicted);
    assert_true(evicted);
    assert_int_equal(t.n, 8);
    assert_non_null(tmpl_find(&t, 256));
    assert_null(tmpl_find(&t, 257));
    for (unsigned id = 256; id < 65536; id++)
        learn(&t, (uint16_t)id, 4, 8, &evicted);
    assert_int_equal(t.n, 8);
    assert_true(t.memory < 8192);
    end(&t);
    assert_int_equal(t.memory, 0);
}

/* Those that were not sent again go, wherever they stand in the table; the others stay findable. */
static void expiry(void **state)
{
    struct tmpl_table t = { 0 };
    bool evicted;
    (void)state;
    assert_int_equal(tmpl_expire(&t, 100, 10), 0);
    for (uint16_t id = 256; id < 356; id++) {
        assert_int_equal(learn(&t, id, 4, 1000, &evicted), TMPL_NEW);
        tmpl_find(&t, id)->seen_s = id % 3 ? 90 : 95;
    }
    const size_t memory = t.memory;
    assert_int_equal(tmpl_expire(&t, 100, 10), 0);
    assert_int_equal(tmpl_expire(&t, 101, 10), 67);
    assert_int_equal(t.n, 33);
    assert_true(t.memory < memory);
    for (uint16_t id = 256; id < 356; id++)
        assert_true((tmpl_find(&t, id) != NULL) == (id % 3 == 0));
    assert_int_equal(tmpl_expire(&t, 106, 10), 33);
    end(&t);
}

static void enterprise_fields(void **state)
{
    static const uint8_t spec[] = { 0x80, 1, 0,    8, 0,    0,    0xab, 0x62, 0,    8,
                                    0,    4, 0x80, 9, 0xff, 0xff, 0,    0,    0x27, 0x0f };
    struct tmpl_record rec = {
        .id = 256, .version = 10, .n_fields = 3, .fields = cursor_of(spec, sizeof(spec))
    };
    struct tmpl_table t = { 0 };
    struct tmpl_field f[3];
    struct tmpl *x;
    struct err e;
    bool evicted;
    (void)state;
    assert_int_equal(tmpl_learn(&t, &forms, &rec, &wants, 10, &evicted, &x, &e), TMPL_NEW);
    assert_int_equal(form_fields(x->form, f, 3), 3);
    assert_int_equal(f[0].pen, 43874);
    assert_string_equal(f[0].el->name, "tag");
    assert_int_equal(f[1].id, 8);
    assert_int_equal(f[2].pen, 9999);
    assert_null(f[2].el);
    assert_int_equal(f[2].len, ELEMENT_VAR);
    end(&t);
}

/* Scopes of NetFlow v9 are no elements but codes of their own. */
static void v9_scopes(void **state)
{
    static const uint8_t spec[] = { 0, 1, 0, 4, 0, 2, 0, 4, 0, 3, 0, 2, 0, 34, 0, 4 };
    struct tmpl_record rec = { .id = 256,
                               .version = 9,
                               .options = true,
                               .n_fields = 4,
                               .n_scope = 3,
                               .fields = cursor_of(spec, sizeof(spec)) };
    const struct wants w = { .classes = NEED_OPTION };
    struct tmpl_table t = { 0 };
    struct tmpl_field f[4];
    struct tmpl *x;
    struct err e;
    bool evicted;
    (void)state;
    assert_int_equal(tmpl_learn(&t, &forms, &rec, &w, 10, &evicted, &x, &e), TMPL_NEW);
    assert_true(x->form->system);
    assert_int_equal(form_fields(x->form, f, 4), 4);
    assert_null(f[0].el);
    assert_int_equal(f[1].el->id, 10);
    assert_null(f[2].el);
    assert_true(plan_has(x->plan, SLOT_in_iface) && plan_has(x->plan, SLOT_rate) &&
                !plan_has(x->plan, SLOT_bytes));
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redefinition), cmocka_unit_test(forms_are_shared),  cmocka_unit_test(renewed),
        cmocka_unit_test(many_forms),   cmocka_unit_test(collisions),        cmocka_unit_test(bounded),
        cmocka_unit_test(expiry),       cmocka_unit_test(enterprise_fields), cmocka_unit_test(v9_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
