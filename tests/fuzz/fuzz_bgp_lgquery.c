/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries of looking glass clients. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "bgp/lgquery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_query q;
    if (!lg_query_parse((const char *)data, size, &q) && q.has_prefix &&
        q.bits > (addr_is_v4(&q.prefix) ? 32 : 128))
        abort();
    return 0;
}
