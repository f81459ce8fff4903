/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers by name: looked up at start, and again from time to time on a thread of libuv, so that a name
 * server that does not answer holds up nothing. */
#ifndef PLUGINS_TEE_NAME_H
#define PLUGINS_TEE_NAME_H

#include "plugins/tee_receiver.h"

/* Gives the receiver its address, at once: blocks for a name. -1: e; it may be looked up later. */
int tee_name_now(struct tee_receiver *r, struct err *e);

/* Starts a look-up; `done` (may be NULL) is called once it is over, whatever came of it. */
void tee_name_start(struct tee_receiver *r, void (*done)(void *arg), void *arg);

/* The receiver goes: nobody is to be told any more. */
void tee_name_cancel(struct tee_receiver *r);

/* Each 100 ms or so: starts what is due. */
void tee_name_tick(struct tee_receiver *r, int64_t mono_us);

#endif
