/* SPDX-License-Identifier: BSD-2-Clause */
/* A Kafka of one broker for test_brokers.py: the mock cluster of librdkafka, in a process of its own. Prints
 * where it listens; reads words from stdin: "down" hangs up on everybody and refuses to listen, "up" is back
 * with all its messages. Ends with its stdin. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* after it */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char why[256], word[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    rd_kafka_mock_cluster_t *cluster = host ? rd_kafka_mock_cluster_new(host, 1) : NULL;
    if (!cluster) {
        fprintf(stderr, "no mock cluster\n");
        return 1;
    }
    for (int i = 1; i < argc; i++)
        rd_kafka_mock_topic_create(cluster, argv[i], 4, 1);
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(word, sizeof(word), stdin)) {
        if (!strcmp(word, "down\n"))
            rd_kafka_mock_broker_set_down(cluster, 1);
        else if (!strcmp(word, "up\n"))
            rd_kafka_mock_broker_set_up(cluster, 1);
        printf("ok\n");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}
