/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of information elements: its order, and what is found in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "netflow/elements.h"

static void in_order(void **state)
{
    (void)state;
    for (unsigned i = 1; i < n_elements; i++) {
        const struct element *a = &elements[i - 1], *b = &elements[i];
        assert_true(a->pen < b->pen || (a->pen == b->pen && a->id < b->id));
    }
}

static void all_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_elements; i++) {
        assert_ptr_equal(element_find(elements[i].pen, elements[i].id), &elements[i]);
        assert_true(elements[i].len > 0);
        assert_true(*elements[i].name);
        assert_true((elements[i].slot == SLOT_none) == (elements[i].rank == 0));
    }
    assert_null(element_find(0, 32000));
    assert_null(element_find(12345, 1));
}

/* Every slot can be filled, and no two elements have the same rank in one. */
static void slots(void **state)
{
    (void)state;
    unsigned seen[SLOT_MAX] = { 0 };
    for (unsigned i = 0; i < n_elements; i++) {
        if (elements[i].slot == SLOT_none)
            continue;
        assert_false(seen[elements[i].slot] >> elements[i].rank & 1);
        seen[elements[i].slot] |= 1u << elements[i].rank;
    }
    for (unsigned s = 1; s < SLOT_MAX; s++)
        assert_true(seen[s]);
}

static void v9_types(void **state)
{
    (void)state;
    assert_string_equal(element_find_v9(8)->name, "sourceIPv4Address");
    assert_string_equal(element_find_v9(40001)->name, "NF_F_XLATE_SRC_ADDR_IPV4");
    assert_string_equal(element_find_v9(45004)->name, "clientIPv4Address"); /* Cisco's 12236 */
    assert_null(element_find_v9(60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(all_found),
        cmocka_unit_test(slots),
        cmocka_unit_test(v9_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
