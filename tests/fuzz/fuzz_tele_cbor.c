/* SPDX-License-Identifier: BSD-2-Clause */
/* CBOR: what comes out is JSON. */
#include <stdint.h>
#include <stdlib.h>
#include "telemetry/cbor.h"
#include "telemetry/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct strbuf out;
    struct json_found found;
    strbuf_init(&out, 1 << 22);
    if (cbor_json(data, len, &out) == 0 &&
        json_check_all((const uint8_t *)out.p, out.len, &found) != JSON_WHOLE)
        abort();
    strbuf_free(&out);
    return 0;
}
