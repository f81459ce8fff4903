/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of librdkafka, also out of the files that *_kafka_config_file name. Only WITH_KAFKA. */
#ifndef OUTPUT_KAFKA_CONF_H
#define OUTPUT_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>
#include "base/err.h"
#include "base/strbuf.h"

/* Sets one property. -1: e has what librdkafka says. */
int kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *e);

/* Sets all rows, up to the first that cannot be set: -1, e. */
struct kafka_setting {
    const char *key, *value;
};
int kafka_conf_set_all(rd_kafka_conf_t *conf, const struct kafka_setting *rows, size_t n, struct err *e);

/* `a,b:1,[2001:db8::1],ssl://c` with port 9 gives `a:9,b:1,[2001:db8::1]:9,ssl://c:9`; a bare IPv6 address
 * gets brackets. */
void kafka_conf_broker_list(struct strbuf *out, const char *hosts, int port);
/* Sets them: bootstrap.servers. */
int kafka_conf_brokers(rd_kafka_conf_t *conf, const char *hosts, int port, struct err *e);

/* Reads lines `global, key, value` and `topic, key, value`; the value may hold commas, a line of its own that
 * begins with ! or # is a comment. -1: e names file, line and fault; conf is then the caller's to destroy. */
int kafka_conf_read(rd_kafka_conf_t *conf, const char *path, struct err *e);

#endif
