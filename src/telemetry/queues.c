/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of queues as messages of senders; used by zmq.c and kafka.c. */
#include "telemetry/queues.h"

#include <inttypes.h>
#include <string.h>

void tele_queue_init(struct tele_queue *q, struct telemetry *t, struct queue_watch *watch, const char *where)
{
    *q = (struct tele_queue){ .framing = { .unpacked = &t->unpacked }, .watch = watch, .where = where };
}

void tele_queue_end(struct tele_queue *q) { framing_end(&q->framing); }

static struct addr sender_of(const void *key, size_t len)
{
    char text[ADDR_TEXT];
    struct addr a;
    if (key && len && len < sizeof(text)) {
        memcpy(text, key, len);
        text[len] = '\0';
        if (addr_parse(text, &a) == 0)
            return a;
    }
    addr_set_v4(&a, "\0\0\0\0");
    return a;
}

void tele_queue_take(struct tele_queue *q, struct telemetry *t, const void *p, size_t len, const void *key,
                     size_t key_len)
{
    const struct addr a = sender_of(key, key_len);
    struct tele_peer *peer = tele_peer_of(t, &a, 0, false);
    q->messages++;
    q->octets += len;
    if (!peer)
        return;
    peer->seen_us = t->mono_us;
    tele_received(t, peer, len);
    tele_take_datagram(t, peer, &q->framing, p, len);
}

void tele_queue_resume(struct tele_input *in)
{
    const struct tele_queue *q = in->state;
    queue_watch_again(q->watch, 0);
}

void tele_queue_stats(struct tele_input *in)
{
    const struct tele_queue *q = in->state;
    log_notice(in->t->log, "stats [%s] messages=%" PRIu64 " octets=%" PRIu64, q->where, q->messages,
               q->octets);
}

void tele_queue_figures(const struct tele_input *in, struct figures *f)
{
    const struct tele_queue *q = in->state;
    figures_label(f, "source", q->where);
    figures_put(f, FIG_INPUT_RECEIVED, q->messages);
    figures_put(f, FIG_INPUT_BYTES, q->octets);
    figures_unlabel(f, 1);
}

int tele_queue_refuse(const char *key, const char *library, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "%s: this build has no %s", key, library);
}

void tele_queue_nothing(struct tele_input *in) { (void)in; }
