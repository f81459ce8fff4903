/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of librdkafka out of the files that *_kafka_config_file name. Only WITH_KAFKA. */
#ifndef OUTPUT_KAFKA_CONF_H
#define OUTPUT_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>
#include "base/err.h"

/* Sets one property. -1: e has what librdkafka says. */
int kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *e);

/* Reads lines `global, key, value` and `topic, key, value`; the value may hold commas, a line of its own that
 * begins with ! or # is a comment. -1: e names file, line and fault; conf is then the caller's to destroy. */
int kafka_conf_read(rd_kafka_conf_t *conf, const char *path, struct err *e);

#endif
