/* SPDX-License-Identifier: BSD-2-Clause */
/* What a schema registry answers, over any octets. */
#include <stddef.h>
#include <stdint.h>
#include "output/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint32_t id;
    (void)registry_answer((const char *)data, len, &id);
    return 0;
}
