/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of logs as Avro records, over any octets. */
#include <stddef.h>
#include <stdint.h>
#include "output/avrolog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct avrolog_style st = { .tags = len & 1, .label_as_map = len & 2, .comms_as_array = len & 4 };
    struct avrolog *a = avrolog_new(&st);
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    (void)avrolog_encode(a, (const char *)data, len, false, &out);
    (void)avrolog_encode(a, (const char *)data, len, true, &out);
    strbuf_free(&out);
    avrolog_free(a);
    return 0;
}
