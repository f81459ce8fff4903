/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a topic on a Kafka server, for the system tests: kafkactl BROKERS TOPIC PARTITIONS [key=value ...] */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 30000 };

static rd_kafka_NewTopic_t *topic_of(char **words, int n)
{
    char why[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(words[0], atoi(words[1]), 1, why, sizeof(why));
    for (int i = 2; t && i < n; i++) {
        char *value = strchr(words[i], '=');
        if (!value)
            return NULL;
        *value = '\0';
        rd_kafka_NewTopic_set_config(t, words[i], value + 1);
    }
    return t;
}

/* What the server says of the topic: 0 done (or there already). */
static int result_of(rd_kafka_event_t *ev)
{
    const rd_kafka_CreateTopics_result_t *r = rd_kafka_event_CreateTopics_result(ev);
    size_t n = 0;
    const rd_kafka_topic_result_t **t = r ? rd_kafka_CreateTopics_result_topics(r, &n) : NULL;
    if (n == 1 && (!rd_kafka_topic_result_error(t[0]) ||
                   rd_kafka_topic_result_error(t[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS))
        return 0;
    fprintf(stderr, "%s\n",
            n == 1 ? rd_kafka_topic_result_error_string(t[0]) : rd_kafka_event_error_string(ev));
    return 1;
}

int main(int argc, char **argv)
{
    char why[256];
    rd_kafka_NewTopic_t *t = argc > 3 ? topic_of(argv + 2, argc - 2) : NULL;
    if (!t)
        return 2;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(q, WAIT_MS);
    const int rc = ev ? result_of(ev) : 1;
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
    return rc;
}
