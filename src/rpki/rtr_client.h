/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks an RPKI cache by RTR, over TCP: connects, queries, keeps its payloads in step, and hands a new table
 * over whenever they have changed. Everything happens in one event loop. For rpki.c. */
#ifndef RPKI_RTR_CLIENT_H
#define RPKI_RTR_CLIENT_H

#include <uv.h>
#include "base/log.h"
#include "core/figures.h"
#include "config/config.h"
#include "rpki/roa.h"

struct rtr_client;

/* Is the key an address and a port? -1: e. */
int rtr_client_check(const struct routing_keys *k, struct err *e);

/* `table` gets each new table with its reference; NULL: what there was has expired. NULL: e. */
struct rtr_client *rtr_client_new(const struct routing_keys *k, uv_loop_t *loop, const struct log *l,
                                  void (*table)(void *arg, struct roa_table *t), void *arg, struct err *e);
int rtr_client_start(struct rtr_client *r, struct err *e);
void rtr_client_stop(struct rtr_client *r); /* closes its handles */
void rtr_client_stats(const struct rtr_client *r);
void rtr_client_figures(const struct rtr_client *r, struct figures *f);
void rtr_client_free(struct rtr_client *r); /* handles are closed; NULL is fine */

#endif
