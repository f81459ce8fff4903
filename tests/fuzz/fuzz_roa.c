/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of ROAs in JSON; what is made of it is asked once. */
#include <stddef.h>
#include <stdint.h>
#include "rpki/roa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_bad(void *arg, const char *what) { *(uint8_t *)arg ^= (uint8_t)what[0]; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    struct addr a;
    uint8_t sum = 0;
    struct roa_table *t = roa_parse((const char *)data, size, 1000, on_bad, &sum, &e);
    if (!t)
        return 0;
    addr_parse("10.1.0.0", &a);
    roa_validate(t, &a, 16, 64496, true);
    roa_put(roa_ref(t));
    roa_put(t);
    return 0;
}
