/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol buffers of telemetry.proto: what comes out is JSON. */
#include <stdint.h>
#include <stdlib.h>
#include "telemetry/gpb.h"
#include "telemetry/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct strbuf out;
    struct json_found found;
    struct gpb *g = gpb_new();
    strbuf_init(&out, 1 << 22);
    if (gpb_telemetry_json(g, data, len, &out) == 0 &&
        json_check_all((const uint8_t *)out.p, out.len, &found) != JSON_WHOLE)
        abort();
    strbuf_free(&out);
    gpb_free(g);
    return 0;
}
