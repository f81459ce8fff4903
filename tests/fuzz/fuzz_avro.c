/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of heads of Avro container files over any octets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "output/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor c = cursor_of(data, len);
    struct avro_head head;
    unsigned sum = 0;
    if (!avro_file_read_head(&c, &head))
        return 0;
    for (const uint8_t *p = head.schema.p; p < head.schema.end; p++) /* all of it is within the input */
        sum += *p;
    if (sum == 0 && cursor_left(&head.schema) && *head.schema.p)
        abort();
    return 0;
}
