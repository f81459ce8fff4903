/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to RabbitMQ. A thread publishes them and keeps each until the server has confirmed it; after a
 * connection was lost, what was not confirmed is sent once more. msglog.c calls it. */
#include "output/msglog_amqp.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "output/amqp_client.h"
#include "output/msglog_queue.h"

enum {
    NAME_OCTETS = 4096,
    HELD_MAX = 40 << 20, /* octets without confirmation */
    HELD_SOFT = 8 << 20, /* so many, and the rest stays in the queue; one queue full fits in beside them */
    CONNECT_MS = 5000,
    CONFIRM_MS = 20, /* new messages wait that long at most for the confirmation of others */
    IDLE_MS = 1000,  /* heartbeats, and the end of a connection nobody uses */
};

/* A message that the server has not confirmed: in order, the first n_sent of them published. */
struct held {
    bool done;
    uint32_t name_len, len;
    char bytes[]; /* routing key and NUL, text */
};

/* The thread's, but for what never changes. */
struct publisher {
    struct msglog_queue *queue;
    const struct log *log;
    struct amqp_keys keys;
    struct amqp_client *client;
    struct held **held; /* a ring */
    size_t first, n, cap, n_sent, octets;
    uint64_t first_tag; /* of the first one, once it is published */
    int64_t retry_us;   /* no try to connect before */
    struct log_limit say_full, say_nack, say_away;
};

struct amqp_state {
    struct publisher *p;
    unsigned turn;
};

/* The routing key, filled in. */
struct target {
    struct strbuf name;
    size_t name_len; /* without the number of routing_key_rr */
};

/* ---- the thread: what is held */

static struct held **held_at(const struct publisher *p, size_t i)
{
    return &p->held[(p->first + i) & (p->cap - 1)];
}

static bool ring_grow(struct publisher *p)
{
    const size_t cap = p->cap ? 2 * p->cap : 1024;
    struct held **bigger = calloc(cap, sizeof(struct held *));
    if (!bigger)
        return false;
    for (size_t i = 0; i < p->n; i++)
        bigger[i] = *held_at(p, i);
    free(p->held);
    p->held = bigger;
    p->cap = cap;
    p->first = 0;
    return true;
}

static size_t held_size(const struct held *h) { return sizeof(*h) + h->name_len + 1 + h->len; }

static bool hold(struct publisher *p, const struct msglog_item *it)
{
    const struct held head = { .name_len = it->name_len, .len = it->text_len };
    const size_t size = held_size(&head);
    if (p->octets + size > HELD_MAX || (p->n == p->cap && !ring_grow(p)))
        return false;
    struct held *h = calloc(1, size);
    if (!h)
        return false;
    *h = head;
    memcpy(h->bytes, it->name, it->name_len);
    memcpy(h->bytes + it->name_len + 1, it->text, it->text_len);
    *held_at(p, p->n++) = h;
    p->octets += size;
    return true;
}

/* Those at the front that are done. */
static void let_go(struct publisher *p)
{
    while (p->n_sent && (*held_at(p, 0))->done) {
        struct held *h = *held_at(p, 0);
        p->octets -= held_size(h);
        free(h);
        p->first++;
        p->first_tag++;
        p->n--;
        p->n_sent--;
    }
}

static void settle(struct publisher *p, struct held *h, bool ok)
{
    if (h->done)
        return;
    h->done = true;
    if (ok) {
        msglog_count_done(msglog_queue_count(p->queue), 1);
        return;
    }
    msglog_count_lose(msglog_queue_count(p->queue), 1);
    log_limited(p->log, &p->say_nack, LOG_LV_WARN, "AMQP %s:%d could not take a message: it is lost",
                p->keys.host, p->keys.port);
}

static void on_confirm(void *arg, uint64_t tag, bool multiple, bool ok)
{
    struct publisher *p = arg;
    if (tag < p->first_tag || tag - p->first_tag >= p->n_sent)
        return;
    const size_t last = (size_t)(tag - p->first_tag);
    for (size_t i = multiple ? 0 : last; i <= last; i++)
        settle(p, *held_at(p, i), ok);
    let_go(p);
}

/* ---- the thread: the connection */

/* Numbers start anew with the next connection: what was confirmed goes, out of order or not. */
static void drop_done(struct publisher *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct held *h = *held_at(p, i);
        if (h->done) {
            p->octets -= held_size(h);
            free(h);
        } else {
            *held_at(p, kept++) = h;
        }
    }
    p->n = kept;
    p->n_sent = 0;
}

static void lost_it(struct publisher *p, const struct err *e)
{
    drop_done(p);
    log_warn(p->log, "AMQP %s:%d: %s; %zu messages wait", p->keys.host, p->keys.port, e->text, p->n);
}

static bool connect_now(struct publisher *p, int ms)
{
    struct err e;
    p->first_tag = 1;
    if (amqp_client_connect(p->client, ms, &e) == 0) {
        p->retry_us = clock_mono_us() + US_PER_S; /* a server that hangs up at once is not called at once */
        log_info(p->log, "AMQP %s:%d: connected", p->keys.host, p->keys.port);
        return true;
    }
    p->retry_us = clock_mono_us() + p->keys.retry_s * US_PER_S;
    log_limited(p->log, &p->say_away, LOG_LV_WARN, "AMQP %s:%d: %s; next try in %d s, %zu messages wait",
                p->keys.host, p->keys.port, e.text, p->keys.retry_s, p->n);
    return false;
}

static bool publish(struct publisher *p, const struct held *h)
{
    struct err e;
    uint64_t tag = 0;
    if (amqp_client_publish(p->client, h->bytes, "application/json", h->bytes + h->name_len + 1, h->len, &tag,
                            &e) == -1) {
        lost_it(p, &e);
        return false;
    }
    p->n_sent++;
    return true;
}

static bool confirms(struct publisher *p, int ms)
{
    struct err e;
    if (amqp_client_confirms(p->client, ms, on_confirm, p, &e) == 0)
        return true;
    lost_it(p, &e);
    return false;
}

/* Sends what was not sent on this connection. */
static bool send_held(struct publisher *p)
{
    while (p->n_sent < p->n)
        if (!publish(p, *held_at(p, p->n_sent)))
            return false;
    return true;
}

static int64_t until_retry_ms(const struct publisher *p)
{
    return (p->retry_us - clock_mono_us()) / 1000 + 1;
}

static int keep_going(void *arg)
{
    struct publisher *p = arg;
    if (!amqp_client_connected(p->client)) {
        const int64_t wait_ms = until_retry_ms(p);
        if (wait_ms > 1)
            return wait_ms < IDLE_MS ? (int)wait_ms : IDLE_MS;
        if (!connect_now(p, CONNECT_MS))
            return IDLE_MS;
    }
    if (!send_held(p) || !confirms(p, p->n ? CONFIRM_MS : 0))
        return 0;
    return p->n ? 0 : IDLE_MS;
}

static void send_item(void *arg, const struct msglog_item *it)
{
    struct publisher *p = arg;
    if (hold(p, it)) {
        if (amqp_client_connected(p->client) && send_held(p) && p->n % 256 == 0)
            (void)confirms(p, 0);
        return;
    }
    msglog_count_lose(msglog_queue_count(p->queue), 1);
    log_limited(p->log, &p->say_full, LOG_LV_WARN,
                "AMQP %s:%d: more waits than there is room for: messages are dropped and counted",
                p->keys.host, p->keys.port);
}

static bool full(const void *arg)
{
    const struct publisher *p = arg;
    return p->octets > HELD_SOFT;
}

static void end(void *arg, int ms)
{
    struct publisher *p = arg;
    int64_t until = clock_mono_us() + ms * 1000L;
    if (p->n && !amqp_client_connected(p->client) && until_retry_ms(p) < ms)
        (void)connect_now(p, ms / 2);
    while (p->n && amqp_client_connected(p->client) && clock_mono_us() < until) {
        const size_t before = p->n;
        if (send_held(p))
            (void)confirms(p, CONFIRM_MS);
        if (p->n < before)
            until = clock_mono_us() + ms * 1000L;
    }
    amqp_client_free(p->client);
    p->client = NULL;
}

static void publisher_free(void *arg)
{
    struct publisher *p = arg;
    for (size_t i = 0; i < p->n; i++)
        free(*held_at(p, i));
    free(p->held);
    amqp_client_free(p->client);
    free(p);
}

/* ---- the core's side */

static bool amqp_wanted(const struct msglog_conf *c) { return c->amqp.routing_key != NULL; }

static int publisher_start(struct publisher *p, const struct msglog_conf *c, struct err *e)
{
    const struct msglog_job job = { .what = p->keys.routing_key,
                                    .item = send_item,
                                    .full = full,
                                    .idle = keep_going,
                                    .end = end,
                                    .free = publisher_free,
                                    .arg = p,
                                    .has_room = c->has_room,
                                    .room_arg = c->room_arg };
    p->client = amqp_client_new(&p->keys, false);
    if (!p->client)
        return err_sys(e, "no memory for AMQP");
    p->queue = msglog_queue_start(&job, p->log, e);
    return p->queue ? 0 : -1;
}

static int amqp_open(void *state, const struct msglog_conf *c, const struct log *l, struct err *e)
{
    struct amqp_state *a = state;
    struct publisher *p = calloc(1, sizeof(*p));
    if (!p)
        return err_sys(e, "no memory for AMQP");
    p->log = l;
    p->keys = c->amqp;
    if (publisher_start(p, c, e) == -1) {
        publisher_free(p);
        return -1;
    }
    a->p = p;
    return 0;
}

static bool amqp_resolve(void *state, void *target, const struct msglog_topic *topic)
{
    const struct amqp_state *a = state;
    struct target *t = target;
    strbuf_init(&t->name, NAME_OCTETS);
    msglog_expand(&t->name, a->p->keys.routing_key, topic, true);
    t->name_len = t->name.len;
    return true;
}

static void amqp_release(void *state, void *target)
{
    struct target *t = target;
    (void)state;
    strbuf_free(&t->name);
}

static bool amqp_write(void *state, void *target, const char *text, size_t len)
{
    struct amqp_state *a = state;
    struct target *t = target;
    const struct amqp_keys *k = &a->p->keys;
    if (k->routing_key_rr) {
        t->name.len = t->name_len;
        strbuf_printf(&t->name, "_%u", a->turn++ % (unsigned)k->routing_key_rr);
    }
    const struct msglog_item it = {
        .name = t->name.p, .name_len = (uint32_t)t->name.len, .text = text, .text_len = (uint32_t)len
    };
    return !t->name.failed && msglog_queue_put(a->p->queue, &it);
}

static bool amqp_room(void *state)
{
    const struct amqp_state *a = state;
    return msglog_queue_room(a->p->queue);
}

static uint64_t amqp_progress(const void *state)
{
    const struct amqp_state *a = state;
    return msglog_count_progress(msglog_queue_count(a->p->queue));
}

static void amqp_flush(void *state)
{
    const struct amqp_state *a = state;
    msglog_queue_wake(a->p->queue);
}

static uint64_t amqp_lost_later(void *state)
{
    const struct amqp_state *a = state;
    return msglog_count_lost(msglog_queue_count(a->p->queue));
}

static uint64_t amqp_waiting(const void *state)
{
    const struct amqp_state *a = state;
    return msglog_count_waiting(msglog_queue_count(a->p->queue));
}

static void amqp_close(void *state)
{
    const struct amqp_state *a = state;
    msglog_queue_stop(a->p->queue);
}

const struct msglog_sink_ops msglog_amqp = {
    .name = "amqp",
    .state_size = sizeof(struct amqp_state),
    .target_size = sizeof(struct target),
    .wanted = amqp_wanted,
    .open = amqp_open,
    .resolve = amqp_resolve,
    .release = amqp_release,
    .write = amqp_write,
    .room = amqp_room,
    .progress = amqp_progress,
    .flush = amqp_flush,
    .lost_later = amqp_lost_later,
    .waiting = amqp_waiting,
    .close = amqp_close,
};
