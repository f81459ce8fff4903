/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder of a daemon whose plugins want whole datagrams (tee): nothing is decoded; who sends is held
 * against the allow list, the datagram gets the tag that belongs to its sender, and goes to the plugins.
 * Where a map asks for what is in it, the daemon's own decoder takes it apart (worker_splits). */
#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include "core/input.h"

/* Stands for the daemon's decoder, whose name it bears. */
struct decoder_ops relay_over(const struct decoder_ops *decoder);

/* Before it is opened: tells its state about the daemon's decoder. */
void relay_attach(void *state, const struct decoder_ops *decoder);

#endif
