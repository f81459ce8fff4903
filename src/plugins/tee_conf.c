/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the file of a tee's receivers, at start and on SIGUSR2. */
#include "plugins/tee_conf.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/sock.h"
#include "config/mapfile.h"

enum row_key {
    ROW_ID,
    ROW_IP,
    ROW_TAG,
    ROW_BALANCE,
    ROW_SRC_PORT,
    ROW_KAFKA_BROKER,
    ROW_KAFKA_TOPIC,
    ROW_ZMQ
};

static const struct mapfile_key keys[] = {
    { "id", ROW_ID, false },
    { "ip", ROW_IP, false },
    { "tag", ROW_TAG, false },
    { "balance-alg", ROW_BALANCE, false },
    { "src_port", ROW_SRC_PORT, false },
    { "kafka_broker", ROW_KAFKA_BROKER, false },
    { "kafka_topic", ROW_KAFKA_TOPIC, false },
    { "zmq_address", ROW_ZMQ, false },
    { NULL, 0, false },
};

static const struct {
    const char *word;
    enum tee_balance balance;
} balances[] = {
    { "rr", TEE_ROUND_ROBIN },        { "hash-agent", TEE_HASH_AGENT },   { "hash-tag", TEE_HASH_TAG },
    { "hash-crc32", TEE_HASH_CRC32 }, { "sticky-agent", TEE_HASH_AGENT }, { "sticky-tag", TEE_STICKY_TAG },
};

struct reading {
    struct tee_pools *out;
    bool transparent;
    unsigned cap;
};

/* ---- one row */

static int parse_id(const struct mapfile_row *row, const struct tee_pools *known, uint32_t *id, struct err *e)
{
    uint64_t v;
    const char *text = mapfile_value(row, ROW_ID);
    if (!text)
        return err_set(e, ERR_CONFIG, "required key missing: a pool needs an 'id', a number from 1");
    if (map_number("id", text, 1, UINT32_MAX, &v, e) == -1)
        return err_set(e, ERR_CONFIG, "Invalid pool 'id' specified: '%.32s' is no number from 1", text);
    for (unsigned i = 0; i < known->n; i++)
        if (known->pool[i].id == v)
            return err_set(e, ERR_CONFIG, "Invalid pool 'id' specified: another pool has %u already",
                           (unsigned)v);
    *id = (uint32_t)v;
    return 0;
}

static int parse_balance(const char *text, enum tee_balance *out, struct err *e)
{
    *out = TEE_TO_ALL;
    if (!text)
        return 0;
    for (unsigned i = 0; i < sizeof(balances) / sizeof(balances[0]); i++)
        if (!strcmp(balances[i].word, text)) {
            *out = balances[i].balance;
            return 0;
        }
    return err_set(
        e, ERR_CONFIG,
        "Unknown balance algorithm '%.32s': rr, hash-agent, hash-tag, hash-crc32 and sticky-tag are known",
        text);
}

static int parse_src_port(const char *text, uint16_t *out, struct err *e)
{
    uint64_t v;
    *out = 0;
    if (!text)
        return 0;
    if (map_number("src_port", text, 1, UINT16_MAX, &v, e) == -1)
        return err_set(e, ERR_CONFIG, "Invalid source port specified '%.32s': 1 to 65535 are possible", text);
    *out = (uint16_t)v;
    return 0;
}

/* Which of the three kinds of receivers the row has; exactly one is allowed. */
static int kind_of(const struct mapfile_row *row, enum tee_kind *kind, struct err *e)
{
    static const enum row_key key[] = {
        [TEE_UDP] = ROW_IP, [TEE_KAFKA] = ROW_KAFKA_BROKER, [TEE_ZMQ] = ROW_ZMQ
    };
    unsigned n = 0;
    for (unsigned k = TEE_UDP; k <= TEE_ZMQ; k++)
        if (mapfile_value(row, key[k])) {
            *kind = k;
            n++;
        }
    if (n == 0)
        return err_set(e, ERR_CONFIG, "'ip' or 'kafka_broker' or 'zmq_address' must be specified");
    if (n > 1)
        return err_set(e, ERR_CONFIG, "'ip', 'kafka_broker' and 'zmq_address' are mutual exclusive");
    return 0;
}

/* Kafka and ZeroMQ carry datagrams with their headers, as they would be sent transparently. */
static int check_queue(const struct mapfile_row *row, const char *what, bool transparent, struct err *e)
{
    static const struct mapfile_key *const never[] = { &keys[ROW_BALANCE], &keys[ROW_SRC_PORT] };
    if (!transparent)
        return err_set(e, ERR_CONFIG, "tee_transparent must be set to 'true' when emitting to %s", what);
    for (unsigned i = 0; i < 2; i++)
        if (mapfile_value(row, never[i]->id))
            return err_set(e, ERR_CONFIG, "'%s' is not compatible with emitting to %s", never[i]->name, what);
    return 0;
}

/* The same name again in one pool is another receiver. */
static uint64_t identify(const struct tee_pool *p, const struct tee_target *t)
{
    uint64_t id = hash_bytes(t->name, strlen(t->name));
    for (unsigned i = 0; i < p->n; i++)
        id += !strcmp(p->target[i].name, t->name);
    return id;
}

static struct tee_target *add_target(struct tee_pools *ps, struct tee_pool *p, const char *name)
{
    struct tee_target *t = &p->target[p->n];
    t->pool = p->id;
    t->name = arena_strdup(ps->memory, name);
    if (!t->name)
        return NULL;
    t->identity = identify(p, t);
    p->n++;
    return t;
}

static int add_udp(struct tee_pools *ps, struct tee_pool *p, const char *text, uint16_t src_port,
                   struct err *e)
{
    char host[256];
    uint16_t port = 0;
    struct err why;
    struct tee_target *t = add_target(ps, p, text);
    if (!t)
        return err_sys(e, "no memory for receivers");
    if (sock_split(text, host, sizeof(host), &port, &why) == -1)
        return err_set(e, ERR_CONFIG, "Invalid receiver %.100s: %s", text, why.text);
    if (!port)
        return err_set(e, ERR_CONFIG, "Invalid receiver %.100s: host:port or [address]:port is needed", text);
    t->kind = TEE_UDP;
    t->host = arena_strdup(ps->memory, host);
    t->port = port;
    t->src_port = src_port;
    return t->host ? 0 : err_sys(e, "no memory for receivers");
}

static int add_list(struct tee_pools *ps, struct tee_pool *p, const char *list, uint16_t src_port,
                    struct err *e)
{
    char item[300];
    for (const char *at = list; at;) {
        if (!map_list_next(&at, item, sizeof(item)))
            return err_set(e, ERR_CONFIG, "Invalid receiver in '%.100s': one is empty or too long", list);
        if (add_udp(ps, p, item, src_port, e) == -1)
            return -1;
    }
    return 0;
}

static int add_queue(struct tee_pools *ps, struct tee_pool *p, const struct mapfile_row *row,
                     enum tee_kind kind, struct err *e)
{
    struct tee_target *t =
        add_target(ps, p, mapfile_value(row, kind == TEE_KAFKA ? ROW_KAFKA_BROKER : ROW_ZMQ));
    if (!t)
        return err_sys(e, "no memory for receivers");
    t->kind = kind;
    if (kind == TEE_ZMQ)
        return 0;
    const char *topic = mapfile_value(row, ROW_KAFKA_TOPIC);
    if (!topic)
        return err_set(e, ERR_CONFIG, "'kafka_topic' missing");
    t->topic = arena_strdup(ps->memory, topic);
    return t->topic ? 0 : err_sys(e, "no memory for receivers");
}

static int parse_targets(struct reading *r, struct tee_pool *p, const struct mapfile_row *row, struct err *e)
{
    enum tee_kind kind = TEE_UDP;
    uint16_t src_port;
    if (kind_of(row, &kind, e) == -1 || parse_src_port(mapfile_value(row, ROW_SRC_PORT), &src_port, e) == -1)
        return -1;
    if (kind != TEE_KAFKA && mapfile_value(row, ROW_KAFKA_TOPIC))
        return err_set(e, ERR_CONFIG, "'kafka_topic' needs a 'kafka_broker'");
    if (kind != TEE_UDP)
        return check_queue(row, kind == TEE_KAFKA ? "Kafka" : "ZeroMQ", r->transparent, e) == -1
                   ? -1
                   : add_queue(r->out, p, row, kind, e);
    return add_list(r->out, p, mapfile_value(row, ROW_IP), src_port, e);
}

static unsigned count_items(const char *list)
{
    unsigned n = 1;
    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

static int parse_pool(struct reading *r, struct tee_pool *p, const struct mapfile_row *row, struct err *e)
{
    const char *tags = mapfile_value(row, ROW_TAG);
    if (parse_id(row, r->out, &p->id, e) == -1 ||
        parse_balance(mapfile_value(row, ROW_BALANCE), &p->balance, e) == -1)
        return -1;
    p->target = arena_array(r->out->memory, count_items(mapfile_value(row, ROW_IP)), sizeof(*p->target));
    if (!p->target)
        return err_sys(e, "no memory for receivers");
    if (parse_targets(r, p, row, e) == -1)
        return -1;
    if (tags && !(p->tags = tag_filter_parse(tags, e)))
        return -1;
    return 0;
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct reading *r = ctx;
    struct tee_pools *ps = r->out;
    struct tee_pool p = { 0 };
    if (ps->n == r->cap) {
        unsigned cap = r->cap ? r->cap * 2 : 16;
        struct tee_pool *more = realloc(ps->pool, cap * sizeof(*more));
        if (!more)
            return err_sys(e, "no memory for receivers");
        ps->pool = more;
        r->cap = cap;
    }
    if (parse_pool(r, &p, row, e) == -1)
        return -1;
    ps->pool[ps->n++] = p;
    return 0;
}

/* ---- the file */

int tee_conf_load(const char *path, bool transparent, struct tee_pools *out, struct err *e)
{
    static const struct mapfile_spec spec = { .keys = keys, .row = on_row };
    struct reading r = { .out = out, .transparent = transparent };
    *out = (struct tee_pools){ .memory = arena_new(NULL, "tee receivers") };
    int rc = out->memory ? mapfile_read(path, &spec, &r, e) : err_sys(e, "no memory for receivers");
    if (rc == 0 && out->n == 0)
        rc = err_set(e, ERR_CONFIG, "[%s] No valid receivers", path);
    if (rc == -1)
        tee_conf_free(out);
    return rc;
}

void tee_conf_free(struct tee_pools *p)
{
    for (unsigned i = 0; i < p->n; i++)
        tag_filter_free(p->pool[i].tags);
    free(p->pool);
    arena_free(p->memory);
    *p = (struct tee_pools){ 0 };
}
