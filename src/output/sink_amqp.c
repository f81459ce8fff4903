/* SPDX-License-Identifier: BSD-2-Clause */
/* The carrier of messages to RabbitMQ. It connects for a purge and hangs up behind it, as heartbeats between
 * purges would be for nobody's sake. What is not confirmed when a connection is lost is sent again. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/sink_amqp.h"

#include <string.h>
#include "output/amqp_client.h"
#include "output/messages.h"

enum {
    WINDOW = 4096, /* messages without a confirm */
    CONNECT_MS = 5000,
    ROUTING_KEY_MAX = 255, /* AMQP 0-9-1: a short string */
};

struct under_way {
    uint64_t id;
    bool done;
};

struct sink_amqp {
    struct plugin *pl;
    struct amqp_client *client;
    struct messages *messages;
    uint64_t first_tag; /* of the first message under way */
    unsigned first, n;  /* in the ring */
    uint64_t unrouted;  /* seen so far */
    struct log_limit say_unrouted;
    struct under_way ring[WINDOW];
};

/* ---- confirms */

static struct under_way *nth(struct sink_amqp *s, unsigned i) { return &s->ring[(s->first + i) % WINDOW]; }

static void settle(struct sink_amqp *s, struct under_way *u, enum fate fate, const char *why)
{
    if (u->done)
        return;
    u->done = true;
    messages_report(s->messages, u->id, fate, why);
}

/* Those at the front that are done. */
static void let_go(struct sink_amqp *s)
{
    for (; s->n && nth(s, 0)->done; s->n--) {
        s->first = (s->first + 1) % WINDOW;
        s->first_tag++;
    }
}

static void on_confirm(void *arg, uint64_t tag, bool multiple, bool ok)
{
    struct sink_amqp *s = arg;
    if (tag < s->first_tag || tag - s->first_tag >= s->n)
        return;
    const unsigned last = (unsigned)(tag - s->first_tag);
    for (unsigned i = multiple ? 0 : last; i <= last; i++)
        settle(s, nth(s, i), ok ? FATE_CONFIRMED : FATE_FAILED, "RabbitMQ could not take it");
    let_go(s);
}

/* The connection is gone: nothing more will be heard of these. */
static void settle_all(struct sink_amqp *s, enum fate fate, const char *why)
{
    for (unsigned i = 0; i < s->n; i++)
        settle(s, nth(s, i), fate, why);
    s->n = 0;
}

/* ---- the carrier */

static int connect_now(struct sink_amqp *s, struct err *e)
{
    struct err why;
    const struct amqp_keys *k = &s->pl->c->amqp;
    s->first_tag = 1;
    s->first = s->n = 0;
    if (amqp_client_connect(s->client, CONNECT_MS, &why) == 0)
        return 0;
    return err_set(e, ERR_SYS, "AMQP %s:%d: %s", k->host, k->port, why.text);
}

static enum sent amqp_send(void *carrier, const struct message *m, struct err *e)
{
    struct sink_amqp *s = carrier;
    uint64_t tag;
    if (strlen(m->name) > ROUTING_KEY_MAX) {
        err_set(e, ERR_LIMIT, "the routing key '%.40s...' is too long for AMQP", m->name);
        return SENT_REFUSED;
    }
    if (s->n == WINDOW)
        return SENT_NO_ROOM;
    if (!amqp_client_connected(s->client) && connect_now(s, e) == -1)
        return SENT_DOWN;
    if (amqp_client_publish(s->client, m->name, m->content_type, m->text, m->len, &tag, e) == -1) {
        settle_all(s, FATE_FAILED, e->text);
        return SENT_DOWN;
    }
    *nth(s, s->n++) = (struct under_way){ .id = m->id };
    return SENT;
}

/* A channel that the server closed because of a message: one of those under way was too large. */
static int amqp_wait(void *carrier, int ms, struct err *e)
{
    struct sink_amqp *s = carrier;
    if (!amqp_client_connected(s->client) || amqp_client_confirms(s->client, ms, on_confirm, s, e) == 0)
        return 0;
    const bool size = e->code == ERR_LIMIT;
    settle_all(s, size ? FATE_TOO_LARGE : FATE_FAILED, e->text);
    return size ? 0 : -1;
}

static void amqp_forget(void *carrier)
{
    struct sink_amqp *s = carrier;
    amqp_client_disconnect(s->client);
    settle_all(s, FATE_FAILED, "not confirmed in time");
}

static const struct carrier_ops carrier = { .send = amqp_send, .wait = amqp_wait, .forget = amqp_forget };

/* ---- the sink */

static void sink_amqp_close(void *state)
{
    struct sink_amqp *s = state;
    messages_close(s->messages);
    amqp_client_free(s->client);
}

static int sink_amqp_open(void *state, struct plugin *pl, struct err *e)
{
    struct sink_amqp *s = state;
    const struct amqp_keys *k = &pl->c->amqp;
    const struct messages_conf conf = { .ops = &carrier,
                                        .carrier = s,
                                        .name = k->routing_key,
                                        .rr = k->routing_key_rr,
                                        .schema_name = pl->c->amqp_schema_key,
                                        .schema_s = pl->c->amqp_schema_s };
    s->pl = pl;
    s->client = amqp_client_new(k, true);
    if (!s->client)
        return err_set(e, ERR_SYS, "out of memory");
    if (messages_open(&s->messages, pl, &conf, e) == 0)
        return 0;
    amqp_client_free(s->client);
    return -1;
}

/* Messages for a key that no queue is bound to are gone, as AMQP has it; somebody may want to know. */
static void tell_unrouted(struct sink_amqp *s)
{
    const uint64_t now = amqp_client_unrouted(s->client);
    if (now != s->unrouted)
        log_limited(&s->pl->log, &s->say_unrouted, LOG_LV_WARN,
                    "AMQP: %llu messages had a routing key that no queue of exchange '%s' is bound to",
                    (unsigned long long)(now - s->unrouted), s->pl->c->amqp.exchange);
    s->unrouted = now;
}

static int sink_amqp_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    struct sink_amqp *s = state;
    (void)pl;
    const int rc = messages_write(s->messages, b, e);
    amqp_client_disconnect(s->client);
    tell_unrouted(s);
    return rc;
}

static bool sink_amqp_wants_empty(const void *state, const struct plugin *pl)
{
    const struct sink_amqp *s = state;
    (void)pl;
    return messages_want_empty(s->messages);
}

static void sink_amqp_stats(const void *state, const struct plugin *pl)
{
    const struct sink_amqp *s = state;
    messages_log_stats(s->messages, pl);
}

static void sink_amqp_figures(const void *state, struct figures *f)
{
    const struct sink_amqp *s = state;
    messages_figures(s->messages, f);
}

const struct sink_ops sink_amqp = {
    .name = "amqp",
    .state_size = sizeof(struct sink_amqp),
    .open = sink_amqp_open,
    .write = sink_amqp_write,
    .close = sink_amqp_close,
    .spools = true,
    .retry_max_s = 15,
    .wants_empty = sink_amqp_wants_empty,
    .stats = sink_amqp_stats,
    .figures = sink_amqp_figures,
};

/* Half of what TLS needs would be none. */
static int check_tls(const struct amqp_keys *k, const char **key, struct err *e)
{
    *key = k->cert_file ? "amqp_conn_cert_file" : "amqp_conn_key_file";
    if ((k->cert_file || k->key_file) && !k->ca_file)
        return err_set(e, ERR_CONFIG, "set amqp_conn_ca_file too: without it there is no TLS");
    if (!k->cert_file != !k->key_file)
        return err_set(e, ERR_CONFIG, "a certificate needs its key, and a key its certificate");
    return 0;
}

int sink_amqp_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e)
{
    const char *key;
    struct err why;
    char at[256];
    if (check_tls(&pc->c.amqp, &key, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(set, key, pc->name, at, sizeof(at)), key,
                       why.text);
    return messages_check(set, pc, "amqp", e);
}
