/* SPDX-License-Identifier: BSD-2-Clause */
/* A publisher on AMQP 0-9-1 (RabbitMQ) with confirms, on rabbitmq-c. Functions wait for the server, for a
 * bounded time where it is said: not for the core. Only WITH_RABBITMQ; one thread at a time. */
#ifndef OUTPUT_AMQP_CLIENT_H
#define OUTPUT_AMQP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/config.h"

struct amqp_client;

/* Not connected yet. The strings outlive the client. count_unrouted: the server sends back what no queue is
 * bound for, and it is counted. NULL without memory. */
struct amqp_client *amqp_client_new(const struct amqp_keys *keys, bool count_unrouted);

/* Connects, logs in, declares the exchange (durable if messages are persistent), asks for confirms. Waits up
 * to ms milliseconds for each of these. -1: what failed, the client is as before. */
int amqp_client_connect(struct amqp_client *a, int ms, struct err *e);
bool amqp_client_connected(const struct amqp_client *a);

/* One message; its number for the confirms, counted from 1 since connect, goes to *tag. -1: the connection is
 * gone, and what was not confirmed may or may not have arrived. */
int amqp_client_publish(struct amqp_client *a, const char *routing_key, const char *type, const char *text,
                        size_t len, uint64_t *tag, struct err *e);

/* What the server says of message `tag`, and of all before it if `multiple`. */
typedef void amqp_client_confirm(void *arg, uint64_t tag, bool multiple, bool ok);

/* Calls f for what has come, waits up to ms milliseconds for the first of it; sends heartbeats that are due.
 * -1: as amqp_client_publish; with ERR_LIMIT the server hung up because a message was too large for it. */
int amqp_client_confirms(struct amqp_client *a, int ms, amqp_client_confirm *f, void *arg, struct err *e);

/* Messages that came back since the start. */
uint64_t amqp_client_unrouted(const struct amqp_client *a);

/* Says goodbye, if there is a connection. */
void amqp_client_disconnect(struct amqp_client *a);
void amqp_client_free(struct amqp_client *a); /* NULL is fine */

#endif
