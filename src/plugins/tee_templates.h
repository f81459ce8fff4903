/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates that have passed, where datagrams are taken apart: the last form of each, so that a receiver that
 * comes later can read what it gets. One plugin's, on its event loop thread. */
#ifndef PLUGINS_TEE_TEMPLATES_H
#define PLUGINS_TEE_TEMPLATES_H

#include "core/datagram.h"

struct tee_templates; /* opaque */

struct tee_templates *tee_templates_new(void);
void tee_templates_free(struct tee_templates *ts);

/* Keeps a copy of the datagram, which holds one template (DATAGRAM_TEMPLATE), in the place of an older form
 * of it. Past a bound the one that was kept first goes. */
void tee_templates_keep(struct tee_templates *ts, const struct datagram_record *d);

unsigned tee_templates_count(const struct tee_templates *ts);
/* The i-th. It stays where it is until the next call of tee_templates_keep. */
struct datagram_record *tee_templates_at(struct tee_templates *ts, unsigned i);

#endif
