/* SPDX-License-Identifier: BSD-2-Clause */
/* NetFlow v9 messages (RFC 3954): a header of 20 octets, then sets. The header's count of records is often
 * wrong and governs nothing. Called by netflow.c. */
#include "netflow/decode.h"

enum nf_drop decode_v9(struct netflow *nf, const struct datagram *d, struct cursor c)
{
    struct message *m = &nf->m;
    cursor_skip(&c, 2);
    m->uptime = cursor_u32(&c);
    m->export_us = cursor_u32(&c) * US_PER_S;
    m->seq = cursor_u32(&c);
    m->id = cursor_u32(&c);
    if (c.bad)
        return NF_DROP_HEADER;
    const enum nf_drop why = message_begin(nf, d);
    if (why != NF_DROP_NONE)
        return why;
    const enum seq_verdict v = message_sequence(nf, m->uptime);
    sender_sequence_next(&m->x->s, v, m->seq, 1, true);
    return decode_sets(nf, c);
}
