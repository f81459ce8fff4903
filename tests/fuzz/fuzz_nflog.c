/* SPDX-License-Identifier: BSD-2-Clause */
/* Netlink datagrams of NFLOG: the first octet chooses what is asked for, the rest is walked, parsed and
 * decoded as uacctd does; then it is taken for a frame of a DLT_NFLOG capture. */
#include <stddef.h>
#include <stdint.h>
#include "packet/link.h"
#include "packet/nflog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINK_NFLOG = 239, FRAME_MAX = 300 };

static void walk(struct packet_decoder *d, struct cursor datagram, struct flow *f)
{
    struct cursor body;
    for (;;) {
        enum nflog_step step = nflog_next(&datagram, &body);
        if (step == NFLOG_STEP_END || step == NFLOG_STEP_BAD)
            return;
        struct nflog_packet p;
        uint8_t frame[FRAME_MAX];
        if (nflog_parse(body, &p) != NFLOG_OK)
            continue;
        if ((p.frame_len = nflog_frame(&p, frame, sizeof(frame))) != 0)
            p.frame = frame;
        nflog_nat(&p, f);
        packet_decode_nflog(d, &p, f);
        /* What a plugin would copy. */
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; f->packet && i < f->packet_caplen; i++)
            sum = (uint8_t)(sum + f->packet[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet_decoder d;
    struct fieldset needs = { { 0 } };
    struct flow f = { 0 };
    if (size < 1 || size > 65536)
        return 0;
    fieldset_add(&needs, data[0] & 1 ? FIELD_src_mac : FIELD_src_host);
    if (data[0] & 2)
        fieldset_add(&needs, FIELD_src_port);
    if (packet_decoder_open(&d, LINK_NFLOG, &(struct packet_options){ .needs = &needs }, NULL) == -1)
        return 0;
    walk(&d, cursor_of(data + 1, size - 1), &f);
    packet_decode(&d, data + 1, (uint32_t)size - 1, (uint32_t)size - 1, &f);
    packet_decoder_close(&d);
    return 0;
}
