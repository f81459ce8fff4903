/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: the first octet chooses the link type, the second what is asked for, the rest is the frame. */
#include <stddef.h>
#include <stdint.h>
#include "packet/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = { 1, 113, 276, 12, 0, 108, 9, 228, 229 };
    struct packet_decoder d;
    struct fieldset needs = { { 0 } };
    struct flow f = { 0 };
    if (size < 2 || size > 65536)
        return 0;
    fieldset_add(&needs, data[1] & 1 ? FIELD_src_mac : FIELD_src_host);
    if (data[1] & 2)
        fieldset_add(&needs, FIELD_src_port);
    if (packet_decoder_open(&d, links[data[0] % (sizeof(links) / sizeof(links[0]))],
                            &(struct packet_options){ .needs = &needs }, NULL) == -1)
        return 0;
    uint32_t n = (uint32_t)size - 2;
    packet_decode(&d, data + 2, n, data[1] & 4 ? n + 1400 : n, &f);
    return 0;
}
