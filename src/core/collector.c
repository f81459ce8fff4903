/* SPDX-License-Identifier: BSD-2-Clause */
/* What nfacctd and sfacctd check of their configuration alike. */
#include "core/collector.h"

#include <stdio.h>
#include <string.h>
#include "core/allow.h"

/* Keys that choose what is read: one of them may, those of the socket together. */
static int check_inputs(const struct config_set *set, const char *progname, struct err *e)
{
    static const struct {
        const char *end; /* of the key, behind the daemon's name; NULL: pcap_savefile */
        unsigned input;
    } rows[] = { { NULL, 0 },           { "_kafka_broker_host", 1 },
                 { "_kafka_topic", 1 }, { "_zmq_address", 2 },
                 { "_ip", 3 },          { "_port", 3 },
                 { "_tcp_port", 3 },    { "_tls_port", 3 },
                 { "_dtls_port", 3 } };
    char where[256], first[64] = "", key[64];
    unsigned chosen = 0;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(key, sizeof(key), "%s%s", rows[i].end ? progname : "pcap_savefile",
                 rows[i].end ? rows[i].end : "");
        if (!config_is_set(set, key, NULL) || (*first && rows[i].input == chosen))
            continue;
        if (*first)
            return err_set(e, ERR_CONFIG, "%s: %s and %s are mutually exclusive",
                           config_where(set, first, NULL, where, sizeof(where)), first, key);
        memcpy(first, key, sizeof(first));
        chosen = rows[i].input;
    }
    return 0;
}

/* Brokers without a topic, or a topic without brokers, is no input. */
static int check_kafka(const struct config_set *set, const char *progname, struct err *e)
{
    const struct kafka_keys *k = &set->core.collector_kafka;
    char where[256], key[64];
    if (!k->broker_host == !k->topic)
        return 0;
    snprintf(key, sizeof(key), "%s_kafka_%s", progname, k->topic ? "topic" : "broker_host");
    return err_set(e, ERR_CONFIG, "%s: %s needs %s_kafka_%s beside it",
                   config_where(set, key, NULL, where, sizeof(where)), key, progname,
                   k->topic ? "broker_host" : "topic");
}

int collector_check(const struct config_set *set, const char *progname, struct err *e)
{
    const struct config *c = &set->core;
    if (check_inputs(set, progname, e) < 0 || check_kafka(set, progname, e) < 0)
        return -1;
    if (!c->collector_allow_file)
        return 0;
    struct allow *a = allow_load(c->collector_allow_file, e);
    allow_free(a);
    return a ? 0 : -1;
}

unsigned collector_workers(const struct config_set *set)
{
    const struct config *c = &set->core;
    if (c->pcap_savefile || c->collector_kafka.topic || c->collector_zmq_address)
        return 1;
    for (unsigned i = 0; i < set->n_plugins; i++)
        if (!strcmp(set->plugins[i].type, "tee"))
            return 1;
    return (unsigned)c->core_workers;
}
