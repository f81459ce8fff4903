/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log's way to RabbitMQ. */
#ifndef OUTPUT_MSGLOG_AMQP_H
#define OUTPUT_MSGLOG_AMQP_H

#include "output/msglog.h"

extern const struct msglog_sink_ops msglog_amqp;

#endif
