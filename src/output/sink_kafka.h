/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches as messages to Kafka. For the purge engine of the kafka plugin. */
#ifndef OUTPUT_SINK_KAFKA_H
#define OUTPUT_SINK_KAFKA_H

#include "output/purge.h"

extern const struct sink_ops sink_kafka;

/* The rules over the keys of the plugin, for plugin_ops.check. */
int sink_kafka_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e);

#endif
