/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream of RTR PDUs, as an RPKI cache sends it. A prefix that is read lies within the bounds that tables
 * rely on. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "rpki/rtr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtr_pdu p;
    enum rtr_error code;
    struct err e;
    for (size_t at = 0; at < size;) {
        const int n = rtr_read(data + at, size - at, &p, &code, &e);
        if (n <= 0)
            break;
        if ((p.type == RTR_IPV4_PREFIX || p.type == RTR_IPV6_PREFIX) &&
            (p.vrp.bits > p.vrp.max || p.vrp.max > (p.vrp.v4 ? 32 : 128)))
            abort();
        at += (size_t)n;
    }
    return 0;
}
