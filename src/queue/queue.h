/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs that read datagrams out of message queues, for the lists of nfacctd and sfacctd. In builds without a
 * library its input is there and refuses to open. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "core/input.h"

extern const struct input_ops input_kafka, input_zmq;

/* Both, in front of the socket. */
#define INPUTS_OF_QUEUES &input_kafka, &input_zmq

#endif
