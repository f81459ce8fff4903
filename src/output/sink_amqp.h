/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches as messages to AMQP (RabbitMQ). For the purge engine of the amqp plugin. */
#ifndef OUTPUT_SINK_AMQP_H
#define OUTPUT_SINK_AMQP_H

#include "output/purge.h"

extern const struct sink_ops sink_amqp;

/* The rules over the keys of the plugin, for plugin_ops.check. */
int sink_amqp_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e);

#endif
