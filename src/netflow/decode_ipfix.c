/* SPDX-License-Identifier: BSD-2-Clause */
/* IPFIX messages (RFC 7011): a header of 16 octets, then sets. Called by netflow.c. */
#include "netflow/decode.h"

enum { VERSION_AND_LENGTH = 4, IPFIX_HEADER = 16 };

enum nf_drop decode_ipfix(struct netflow *nf, const struct datagram *d, struct cursor c)
{
    struct message *m = &nf->m;
    const unsigned length = cursor_u16(&c);
    struct cursor body =
        cursor_sub(&c, length < IPFIX_HEADER ? SIZE_MAX : length - (size_t)VERSION_AND_LENGTH);
    m->export_us = cursor_u32(&body) * US_PER_S;
    m->seq = cursor_u32(&body);
    m->id = cursor_u32(&body);
    if (body.bad)
        return NF_DROP_HEADER;
    const enum nf_drop why = message_begin(nf, d);
    if (why != NF_DROP_NONE)
        return why;
    const enum seq_verdict v = message_sequence(nf, 0);
    const enum nf_drop end = decode_sets(nf, body);
    sender_sequence_next(&m->x->s, v, m->seq, m->units, !m->lost_units && end == NF_DROP_NONE);
    return end;
}
