/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of a capture ring: the first octet says how the socket is set, the rest is the block; each octet of
 * its frames is looked at. */
#include <stdlib.h>
#include "packet/tpacket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ALIGNED = 16, ETHERNET = 1, COOKED = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpacket_block b;
    struct tpacket_frame f;
    volatile uint8_t sum = 0;
    size_t len = size ? (size - 1) / ALIGNED * ALIGNED : 0;
    if (len < sizeof(struct tpacket_block_desc))
        return 0;
    uint8_t *block = aligned_alloc(ALIGNED, len); /* of the exact size, so that a sanitizer sees its end */
    if (!block)
        return 0;
    memcpy(block, data + 1, len);
    tpacket_begin(&b, block, (uint32_t)len);
    while (tpacket_next(&b, data[0] & ETHERNET, data[0] & COOKED, &f))
        for (uint32_t i = 0; i < f.caplen; i++)
            sum = (uint8_t)(sum + f.p[i]);
    free(block);
    return 0;
}
