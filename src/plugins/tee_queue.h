/* SPDX-License-Identifier: BSD-2-Clause */
/* What receivers on message queues share. */
#ifndef PLUGINS_TEE_QUEUE_H
#define PLUGINS_TEE_QUEUE_H

#include "plugins/tee_receiver.h"

/* The message of a datagram: IP and UDP headers with the exporter as source and nobody as destination, then
 * the payload. *len: its octets. It lives until the next call. */
const uint8_t *tee_queue_form(struct tee_receiver *r, struct datagram_record *d, size_t *len);

#endif
