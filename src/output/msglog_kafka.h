/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log's way to Kafka. */
#ifndef OUTPUT_MSGLOG_KAFKA_H
#define OUTPUT_MSGLOG_KAFKA_H

#include "output/msglog.h"

extern const struct msglog_sink_ops msglog_kafka;

#endif
