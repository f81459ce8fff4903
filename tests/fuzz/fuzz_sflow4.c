/* SPDX-License-Identifier: BSD-2-Clause */
/* sFlow version 4; see fuzz_sflow.h. */
#include "fuzz_sflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_sflow(4, data, len);
    return 0;
}
