/* SPDX-License-Identifier: BSD-2-Clause */
/* The delivery of a batch. Messages go out as fast as the carrier takes them; rows are done when their
 * message is confirmed. What the broker finds too large is sent again by itself, in halves if it has several
 * rows; a row that is too large alone is dropped and counted. A delivery that gets stuck is told to the purge
 * engine, and goes on when it comes with the same batch. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/messages.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output/texts.h"
#include "output/writerid.h"

enum {
    TEXT_OCTETS = 256 << 20, /* of one message at most */
    NAME_OCTETS = 8192,
    POLL_EVERY = 256, /* messages */
    AHEAD = 4,        /* rows that are fetched into the caches before they are encoded */
    WAIT_MS = 100,
    QUIET_MS = 20,         /* without any news before the carrier is flushed: what is on its way goes first */
    PATIENCE_S = 3,        /* without any news, where the batch is on disk */
    PATIENCE_MEMORY_S = 10 /* where giving up means to send again what may have arrived */
};

/* What messages_report is given: rows of the batch by their place among its entries, none of them in markers;
 * and the text that the message has in use. */
enum { ID_ROWS_BITS = 16, ID_TEXT_BITS = 16, ROWS_MAX = (1 << ID_ROWS_BITS) - 1 };

static uint64_t id_make(uint64_t first, uint64_t rows)
{
    return (first << ID_ROWS_BITS | rows) << ID_TEXT_BITS;
}
static uint64_t id_first(uint64_t id) { return id >> (ID_ROWS_BITS + ID_TEXT_BITS); }
static uint64_t id_rows(uint64_t id) { return id >> ID_TEXT_BITS & ROWS_MAX; }
static unsigned id_text(uint64_t id) { return id & ((1u << ID_TEXT_BITS) - 1); }

/* A batch on its way. */
struct delivery {
    bool active;
    struct batch *b;         /* NULL between two calls */
    const struct agg *table; /* with the id: which batch it is */
    uint8_t id[BATCH_ID];
    struct groups gs;
    size_t group;  /* the next row to be sent is in this one, */
    uint64_t row;  /* and has this number in it */
    bool marked;   /* the first marker of the group's destination went out */
    bool alone;    /* the message under way is the only one */
    bool full;     /* the carrier had no room for the next one */
    uint64_t news; /* reports so far */
    uint64_t under_way;
    uint64_t *again; /* ids of messages to be sent by themselves */
    size_t n_again, cap_again;
    uint64_t confirmed, of; /* rows of the destination in hand */
    uint64_t failed;        /* messages */
    uint64_t refused;       /* rows, in this call */
    struct sums refused_sums;
    struct err why; /* of the first failure */
    int64_t began_us, news_us;
};

struct messages {
    struct plugin *pl;
    struct messages_conf c;
    const struct body_ops *body;
    void *body_state;
    struct body_limits limits;
    struct names *names;
    unsigned turn; /* of the round robin */
    int64_t schema_due_us;
    struct texts texts;
    struct strbuf *text; /* what a message is written to */
    struct strbuf writer;
    const struct group *named; /* whose destination is in name */
    char name[NAME_OCTETS];
    const char *key;
    struct delivery d;
    _Atomic uint64_t sent, rows, lost; /* messages and rows confirmed; rows dropped */
};

/* ---- reports */

static void mark_rows(struct messages *m, uint64_t id, struct sums *sums)
{
    struct agg_entry **e = m->d.gs.entries + (id_first(id));
    for (uint64_t i = 0, n = id_rows(id); i < n; i++) {
        e[i]->mark = MARK_DONE;
        if (sums)
            sums_add(sums, &(struct sums){ 1, e[i]->packets, e[i]->bytes, e[i]->flows });
    }
}

static void confirmed(struct messages *m, uint64_t id)
{
    const uint64_t n = id_rows(id);
    mark_rows(m, id, NULL);
    m->d.b->written += n;
    m->d.confirmed += n;
    atomic_fetch_add_explicit(&m->sent, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->rows, n, memory_order_relaxed);
}

static void failed(struct messages *m, const char *why)
{
    if (!m->d.failed++)
        err_set(&m->d.why, ERR_SYS, "%s", why ? why : "not delivered");
}

static void send_again(struct messages *m, uint64_t id)
{
    struct delivery *d = &m->d;
    if (d->n_again == d->cap_again) {
        const size_t cap = d->cap_again ? 2 * d->cap_again : 64;
        uint64_t *more = realloc(d->again, cap * sizeof(*more));
        if (!more) {
            failed(m, "out of memory");
            return;
        }
        d->again = more;
        d->cap_again = cap;
    }
    d->again[d->n_again++] = id;
}

static void refuse(struct messages *m, uint64_t id)
{
    mark_rows(m, id, &m->d.refused_sums);
    m->d.refused++;
    m->d.b->refused++;
}

static void too_large(struct messages *m, uint64_t id)
{
    const uint64_t n = id_rows(id), first = id_first(id);
    if (!n) {
        failed(m, "a message without rows is too large");
    } else if (!m->d.alone) {
        send_again(m, id);
    } else if (n == 1) {
        refuse(m, id);
    } else {
        send_again(m, id_make(first + n / 2, n - n / 2));
        send_again(m, id_make(first, n / 2));
    }
}

void messages_report(struct messages *m, uint64_t id, enum fate fate, const char *why)
{
    struct delivery *d = &m->d;
    d->under_way--;
    d->news++;
    texts_release(&m->texts, id_text(id));
    if (!d->b)
        return;
    switch (fate) {
    case FATE_CONFIRMED:
        confirmed(m, id);
        return;
    case FATE_TOO_LARGE:
        too_large(m, id);
        return;
    case FATE_FAILED:
        failed(m, why);
        return;
    }
}

/* ---- sending */

/* Destination and key of a group; a destination of several is chosen in turn. The name stands still as long
 * as the messages of a group are on their way out: whoever takes them looks at it when they are sent. */
static void name_message(struct messages *m, const struct group *g, struct message *msg)
{
    if (m->named != g || m->c.rr) {
        const char *key = strchr(g->name, NAMES_KEY);
        const int n = key ? (int)(key - g->name) : (int)strlen(g->name);
        if (m->c.rr)
            snprintf(m->name, sizeof(m->name), "%.*s_%u", n, g->name, m->turn % (unsigned)m->c.rr);
        else
            snprintf(m->name, sizeof(m->name), "%.*s", n, g->name);
        m->key = key ? key + 1 : NULL;
        m->named = g;
    }
    msg->name = m->name;
    msg->key = m->key;
}

/* Sends what stands in m->text from `from`. What is not sent is taken back. */
static enum sent send_text(struct messages *m, const struct group *g, uint64_t id, size_t from, struct err *e)
{
    struct message msg = { .content_type = m->body->content_type,
                           .text = m->text->p + from,
                           .len = m->text->len - from,
                           .id = id | texts_current(&m->texts) };
    if (m->text->failed)
        return SENT_TOO_LARGE;
    name_message(m, g, &msg);
    const enum sent s = m->c.ops->send(m->c.carrier, &msg, e);
    if (s != SENT) {
        m->text->len = from;
        return s;
    }
    texts_use(&m->texts);
    m->turn++;
    m->d.under_way++;
    return SENT;
}

/* Rows lie where they were made, and a batch is larger than the caches. */
static void fetch_ahead(const struct group *g, uint64_t row)
{
    if (row + AHEAD >= g->n)
        return;
    const char *p = (const char *)g->entry[row + AHEAD];
    __builtin_prefetch(p);
    __builtin_prefetch(p + 64);
}

/* Encodes rows of a group from `first`: as many as a message takes, n at most. Returns how many; 0: there is
 * not enough room in the text. */
static uint64_t encode_here(struct messages *m, const struct group *g, uint64_t first, uint64_t n)
{
    struct strbuf *out = m->text;
    const size_t from = out->len;
    uint64_t rows = 0;
    if (m->body->head)
        m->body->head(m->body_state, out);
    while (rows < n) {
        const size_t before = out->len;
        fetch_ahead(g, first + rows);
        const struct row r = agg_row(g->entry[first + rows]);
        m->body->row(m->body_state, &r, out);
        if (out->failed) {
            if (!rows)
                return 0;
            out->len = before; /* the block ends here, and so does the message */
            out->failed = false;
            break;
        }
        if (rows && out->len - from > m->limits.octets && m->limits.octets) {
            out->len = before;
            break;
        }
        rows++;
    }
    if (m->body->end)
        m->body->end(m->body_state, rows, out);
    return out->failed ? 0 : rows;
}

/* The text that the next message is tried in: the block in use, a new one, one for a message alone. */
static struct strbuf *text_for(struct messages *m, int attempt)
{
    return attempt == 0   ? texts_here(&m->texts)
           : attempt == 1 ? texts_new(&m->texts)
                          : texts_single(&m->texts, TEXT_OCTETS);
}

/* The same, wherever there is room. *from: where the message begins. 0: there is room nowhere. */
static uint64_t encode(struct messages *m, const struct group *g, uint64_t first, uint64_t n, size_t *from)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        m->text = text_for(m, attempt);
        if (!m->text)
            continue;
        *from = m->text->len;
        const uint64_t rows = encode_here(m, g, first, n);
        if (rows)
            return rows;
        texts_seal(&m->texts, *from);
    }
    return 0;
}

/* What send() said of a message that is not under way; 0: go on, 1: wait, -1: the delivery is over. */
static int not_sent(struct messages *m, enum sent s, uint64_t id, struct err *e)
{
    m->d.full = s == SENT_NO_ROOM && m->d.under_way;
    if (m->d.full)
        return 1;
    if (s == SENT_DOWN)
        return -1;
    if (s == SENT_TOO_LARGE || s == SENT_NO_ROOM) /* what has no room alone never will */
        too_large(m, id);
    else
        failed(m, e->text);
    return 0;
}

static uint64_t rows_in_message(const struct messages *m, uint64_t left)
{
    const uint64_t most = m->limits.rows < ROWS_MAX ? m->limits.rows : ROWS_MAX;
    return left < most ? left : most;
}

/* Encodes and sends rows of a group from `first`; *n: how many at most, and how many it were. */
static enum sent send_encoded(struct messages *m, const struct group *g, uint64_t first, uint64_t *n,
                              struct err *e)
{
    const uint64_t base = (uint64_t)(g->entry - m->d.gs.entries);
    size_t from = 0;
    const uint64_t rows = encode(m, g, first, *n, &from);
    if (!rows)
        return SENT_TOO_LARGE;
    *n = rows;
    return send_text(m, g, id_make(base + first, rows), from, e);
}

/* 0: the group is sent; 1: no room; -1. */
static int send_rows(struct messages *m, const struct group *g, struct err *e)
{
    struct delivery *d = &m->d;
    const uint64_t base = (uint64_t)(g->entry - d->gs.entries);
    for (unsigned since = 1; d->row < g->n; since++) {
        uint64_t n = rows_in_message(m, g->n - d->row);
        const enum sent s = send_encoded(m, g, d->row, &n, e);
        const int rc = s == SENT ? 0 : not_sent(m, s, id_make(base + d->row, n), e);
        if (rc)
            return rc;
        d->row += n;
        if (since % POLL_EVERY == 0 && m->c.ops->wait(m->c.carrier, 0, e) == -1)
            return -1;
    }
    return 0;
}

static const struct group *group_of(const struct delivery *d, uint64_t first)
{
    struct agg_entry **at = d->gs.entries + first;
    for (size_t i = 0; i < d->gs.n; i++)
        if (at >= d->gs.group[i].entry && at < d->gs.group[i].entry + d->gs.group[i].n)
            return &d->gs.group[i];
    return NULL;
}

/* Sends the next message that goes alone. 0, 1: no room, -1. */
static int send_alone(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    const uint64_t id = d->again[d->n_again - 1], first = id_first(id);
    const struct group *g = group_of(d, first);
    const struct body_limits limits = m->limits;
    uint64_t n = id_rows(id);
    m->limits.octets = 0;
    d->alone = true;
    const enum sent s = send_encoded(m, g, first - (uint64_t)(g->entry - d->gs.entries), &n, e);
    m->limits = limits;
    if (s == SENT_DOWN) {
        d->alone = false;
        return -1;
    }
    d->n_again--;
    if (s != SENT) {
        (void)not_sent(m, s, id, e);
        d->alone = false;
    }
    return 0;
}

/* ---- markers and schema */

static bool same_destination(const struct group *a, const struct group *b)
{
    const size_t n = strcspn(a->name, "\x1f");
    return strcspn(b->name, "\x1f") == n && !memcmp(a->name, b->name, n);
}

static int send_marker(struct messages *m, const struct group *g, enum body_marker what, struct err *e)
{
    const struct body_totals t = { .purged = m->d.confirmed,
                                   .total = m->d.of,
                                   .seconds = (clock_mono_us() - m->d.began_us) / US_PER_S };
    enum sent s = SENT_TOO_LARGE;
    for (int attempt = 0; attempt < 2 && s == SENT_TOO_LARGE; attempt++) {
        m->text = text_for(m, attempt);
        if (!m->text)
            continue;
        const size_t from = m->text->len;
        m->body->marker(m->body_state, what, &t, m->text);
        s = send_text(m, g, 0, from, e);
        if (m->text->failed)
            texts_seal(&m->texts, from);
    }
    return s == SENT ? 0 : not_sent(m, s, 0, e);
}

static int open_destination(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    const struct group *g = &d->gs.group[d->group];
    d->confirmed = d->of = 0;
    for (size_t i = d->group; i < d->gs.n && same_destination(g, &d->gs.group[i]); i++)
        d->of += d->gs.group[i].n;
    const int rc = send_marker(m, g, BODY_INIT, e);
    d->marked = rc == 0;
    return rc;
}

/* The last marker is sent when all rows of the destination are settled, and tells how many arrived. */
static int close_destination(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    const struct group *g = &d->gs.group[d->group];
    if (d->group + 1 < d->gs.n && same_destination(g, g + 1))
        return 0;
    if (d->under_way || d->n_again)
        return 1;
    const int rc = send_marker(m, g, BODY_CLOSE, e);
    d->marked = rc != 0;
    return rc;
}

static int send_groups(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    const bool markers = m->pl->c->print_markers;
    int rc = 0;
    while (rc == 0 && d->group < d->gs.n) {
        if (markers && !d->marked)
            rc = open_destination(m, e);
        if (rc == 0)
            rc = send_rows(m, &d->gs.group[d->group], e);
        if (rc == 0 && markers)
            rc = close_destination(m, e);
        if (rc == 0) {
            d->group++;
            d->row = 0;
        }
    }
    return rc;
}

/* From time to time, when there is a purge; what goes wrong shows with the rows. */
static void send_schema(struct messages *m, int64_t now_us)
{
    const char *text = m->c.schema_name && m->body->schema ? m->body->schema(m->body_state) : NULL;
    struct err e;
    if (!text || now_us < m->schema_due_us)
        return;
    const struct message msg = { .name = m->c.schema_name,
                                 .content_type = "application/json",
                                 .text = text,
                                 .len = strlen(text),
                                 .id = TEXTS_NONE };
    if (m->c.ops->send(m->c.carrier, &msg, &e) != SENT)
        return;
    m->d.under_way++;
    m->schema_due_us = now_us + m->c.schema_s * US_PER_S;
}

/* ---- a delivery */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

static int begin(struct messages *m, struct batch *b, struct err *e)
{
    struct delivery *d = &m->d;
    strbuf_clear(&m->writer);
    writer_id_expand(&m->writer, m->pl->c->writer_id_string, m->pl->name, b->writer);
    if (m->body->begin(m->body_state, b, strbuf_cstr(&m->writer), e) == -1)
        return -1;
    uint64_t *again = d->again;
    const size_t cap = d->cap_again;
    *d =
        (struct delivery){ .again = again, .cap_again = cap, .table = b->table, .began_us = clock_mono_us() };
    memcpy(d->id, b->id, sizeof(d->id));
    if (groups_make(&d->gs, m->names, b, e) == -1)
        return -1;
    if (m->pl->c->print_markers) /* of one destination together */
        qsort(d->gs.group, d->gs.n, sizeof(*d->gs.group), by_name);
    d->active = true;
    d->b = b;
    send_schema(m, b->purge_us);
    return 0;
}

static void end(struct messages *m)
{
    groups_free(&m->d.gs);
    texts_trim(&m->texts);
    m->d.active = false;
    m->d.b = NULL;
}

/* Takes back what is under way. */
static void abandon(struct messages *m)
{
    if (m->d.under_way)
        m->c.ops->forget(m->c.carrier);
    end(m);
}

static bool goes_on_with(const struct delivery *d, const struct batch *b)
{
    return d->table == b->table && !memcmp(d->id, b->id, sizeof(d->id));
}

static int await(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    const uint64_t before = d->news;
    const int patience_s = d->b->spool_seq ? PATIENCE_S : PATIENCE_MEMORY_S;
    const bool flush = !d->full && m->c.ops->flush;
    d->full = false;
    if (m->c.ops->wait(m->c.carrier, flush ? QUIET_MS : WAIT_MS, e) == -1)
        return -1;
    if (flush && d->news == before && d->under_way)
        m->c.ops->flush(m->c.carrier, WAIT_MS);
    const int64_t now_us = clock_mono_us();
    if (d->news != before)
        d->news_us = now_us;
    if (!d->under_way)
        d->alone = false;
    if (now_us - d->news_us < patience_s * US_PER_S)
        return 0;
    return err_set(e, ERR_SYS, "no confirmation for %d s, %" PRIu64 " messages wait for one", patience_s,
                   d->under_way);
}

static int deliver(struct messages *m, struct err *e)
{
    struct delivery *d = &m->d;
    d->news_us = clock_mono_us();
    for (;;) {
        int rc = d->alone ? 1 : send_groups(m, e);
        if (rc != -1 && !d->under_way && d->n_again)
            rc = send_alone(m, e);
        if (rc == -1)
            return -1;
        if (!d->under_way && !d->n_again && d->group == d->gs.n)
            return 0;
        if ((rc || d->under_way) && await(m, e) == -1)
            return -1;
    }
}

/* What is too large for the broker is dropped here and nowhere else. */
static void tell_refused(struct messages *m)
{
    const struct sums *s = &m->d.refused_sums;
    if (!m->d.refused)
        return;
    atomic_fetch_add_explicit(&m->lost, m->d.refused, memory_order_relaxed);
    if (m->pl->ring)
        ring_add_dropped(m->pl->ring, s);
    log_error(&m->pl->log,
              "too large for the broker: %" PRIu64 " rows dropped (%" PRIu64 " packets, %" PRIu64
              " bytes, %" PRIu64 " flows)",
              m->d.refused, s->packets, s->bytes, s->flows);
    m->d.refused_sums = (struct sums){ 0 };
    m->d.refused = 0;
}

static int failure(const struct delivery *d, struct err *e)
{
    return err_set(e, ERR_SYS, "%" PRIu64 " messages were not delivered: %.256s", d->failed, d->why.text);
}

/* The delivery is stuck. */
static void pause_or_abandon(struct messages *m)
{
    if (m->c.ops->persists && m->d.b->spool_seq)
        m->d.b = NULL;
    else
        abandon(m);
}

int messages_write(struct messages *m, struct batch *b, struct err *e)
{
    struct delivery *d = &m->d;
    if (d->active && !b->rows)
        return 0; /* markers around nothing, while rows wait */
    if (d->active && !goes_on_with(d, b))
        abandon(m);
    if (!d->active && begin(m, b, e) == -1)
        return -1;
    d->b = b;
    const uint64_t refused_before = b->refused;
    int rc = deliver(m, e);
    const bool stuck = rc == -1;
    if (!stuck && d->failed) {
        rc = failure(d, e);
        b->partly = true;
    }
    if (stuck)
        pause_or_abandon(m);
    else
        end(m);
    tell_refused(m);
    if (rc == -1)
        b->rows -= b->refused - refused_before;
    return rc;
}

bool messages_want_empty(const struct messages *m) { return m->pl->c->print_markers; }

void messages_log_stats(const struct messages *m, const struct plugin *pl)
{
    log_notice(&pl->log, "%s: messages=%" PRIu64 " rows=%" PRIu64 " too_large=%" PRIu64, pl->ops->name,
               atomic_load_explicit(&m->sent, memory_order_relaxed),
               atomic_load_explicit(&m->rows, memory_order_relaxed),
               atomic_load_explicit(&m->lost, memory_order_relaxed));
}

void messages_figures(const struct messages *m, struct figures *f)
{
    figures_put(f, FIG_MESSAGES, atomic_load_explicit(&m->sent, memory_order_relaxed));
    figures_put(f, FIG_MESSAGE_ROWS, atomic_load_explicit(&m->rows, memory_order_relaxed));
    figures_put(f, FIG_MESSAGES_LOST, atomic_load_explicit(&m->lost, memory_order_relaxed));
}

/* ---- life */

static int check_text(const struct config_set *set, const struct plugin_conf *pc, const char *key,
                      const char *text, bool is_key, struct err *e)
{
    char at[256];
    struct err why;
    if (!text || names_check(text, is_key, &why) == 0)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(set, key, pc->name, at, sizeof(at)), key,
                   why.text);
}

static int check_body(const struct config_set *set, const struct plugin_conf *pc, const char *type,
                      struct err *e)
{
    const struct body_ops *body = body_ops_of(pc->c.broker_output);
    char key[64], at[256];
    snprintf(key, sizeof(key), "%s_output", type);
    if (!body)
        return err_set(
            e, ERR_UNSUPPORTED,
            "%s: %s: custom: libraries of others are not loaded: use json, avro, avro_json or protobuf",
            config_where(set, key, pc->name, at, sizeof(at)), key);
    return body->check ? body->check(set, pc, e) : 0;
}

int messages_check(const struct config_set *set, const struct plugin_conf *pc, const char *type,
                   struct err *e)
{
    const struct config *c = &pc->c;
    char at[256];
    struct err why;
    const bool kafka = !strcmp(type, "kafka");
    if (check_body(set, pc, type, e) == -1 ||
        check_text(set, pc, kafka ? "kafka_topic" : "amqp_routing_key",
                   kafka ? c->kafka.topic : c->amqp.routing_key, false, e) == -1 ||
        (kafka && check_text(set, pc, "kafka_partition_key", c->kafka.partition_key, true, e) == -1))
        return -1;
    if (writer_id_check(c->writer_id_string, &why) == 0)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: writer_id_string: %s",
                   config_where(set, "writer_id_string", pc->name, at, sizeof(at)), why.text);
}

static int open_body(struct messages *m, struct err *e)
{
    const struct body_conf conf = { .pl = m->pl, .destination = m->c.name, .registry = m->c.registry };
    m->body = body_ops_of(m->pl->c->broker_output);
    m->body_state = calloc(1, m->body->state_size ? m->body->state_size : 1);
    if (!m->body_state)
        return err_set(e, ERR_SYS, "out of memory");
    if (m->body->open(m->body_state, &conf, e) == 0)
        return 0;
    free(m->body_state);
    m->body_state = NULL;
    return -1;
}

int messages_open(struct messages **out, struct plugin *pl, const struct messages_conf *c, struct err *e)
{
    struct messages *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(e, ERR_SYS, "out of memory");
    m->pl = pl;
    m->c = *c;
    strbuf_init(&m->writer, NAME_OCTETS);
    m->names = names_compile_keyed(c->name, c->key, pl, e);
    if (!m->names || open_body(m, e) == -1) {
        messages_close(m);
        return -1;
    }
    m->body->limits(m->body_state, &m->limits);
    texts_init(&m->texts, m->limits.octets);
    *out = m;
    return 0;
}

void messages_close(struct messages *m)
{
    if (!m)
        return;
    if (m->d.active)
        abandon(m);
    if (m->body_state && m->body->close)
        m->body->close(m->body_state);
    free(m->body_state);
    free(m->d.again);
    names_free(m->names);
    texts_free(&m->texts);
    strbuf_free(&m->writer);
    free(m);
}
