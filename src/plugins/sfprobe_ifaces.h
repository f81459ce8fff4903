/* SPDX-License-Identifier: BSD-2-Clause */
/* The interfaces of an sFlow agent and their counter samples. Those that the kernel knows by the number that
 * samples bear, and the one that is captured, are told as the kernel counts them; of others, and of those in
 * capture files, it is the sum of the samples. */
#ifndef PLUGINS_SFPROBE_IFACES_H
#define PLUGINS_SFPROBE_IFACES_H

#include <stdbool.h>
#include <stdint.h>
#include "core/flow.h"
#include "plugins/sfprobe_frame.h"
#include "sflow/encode.h"

enum { SFPROBE_IFACES_MAX = 4096, SFPROBE_POLL_US = 20 * 1000000 };

struct sfprobe_ifaces_conf {
    bool kernel;    /* numbers in samples are those of the kernel */
    uint64_t speed; /* bit/s, whatever the kernel knows; 0: that of the kernel */
};

struct sfprobe_ifaces;

/* NULL without memory. */
struct sfprobe_ifaces *sfprobe_ifaces_new(const struct sfprobe_ifaces_conf *c);
void sfprobe_ifaces_free(struct sfprobe_ifaces *x);

/* The interface that is captured, and the number that it goes by in samples; 0: the kernel's. False: there is
 * none of that name. */
bool sfprobe_ifaces_captured(struct sfprobe_ifaces *x, const char *name, uint32_t number);

/* A sample: its frame crossed interface `index` (0: not known) in this direction, and stands for `packets` of
 * its kind, of `octets` each. */
void sfprobe_ifaces_count(struct sfprobe_ifaces *x, uint32_t index, enum flow_direction direction,
                          enum frame_cast cast, uint64_t packets, uint32_t octets);

/* Adds a counter sample for each interface whose time has come (`all`: for each one). Monotonic µs. */
void sfprobe_ifaces_poll(struct sfprobe_ifaces *x, struct sflow_encoder *en, int64_t now_us, bool all);

/* Of samples whose interface found no place in the table. */
uint64_t sfprobe_ifaces_refused(const struct sfprobe_ifaces *x);
uint64_t sfprobe_ifaces_polled(const struct sfprobe_ifaces *x); /* counter samples made */

#endif
