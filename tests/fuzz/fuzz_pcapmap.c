/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture files; each octet of their packets is looked at. */
#include <stddef.h>
#include <stdint.h>
#include "packet/pcapmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pcapmap m;
    struct pcapmap_packet p;
    volatile uint8_t sum = 0;
    if (pcapmap_of(&m, data, size) == -1)
        return 0;
    while (pcapmap_next(&m, &p) == PCAPMAP_PACKET)
        for (uint32_t i = 0; i < p.caplen; i++)
            sum = (uint8_t)(sum + p.p[i]);
    return 0;
}
