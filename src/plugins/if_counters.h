/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel counts of its interfaces, through rtnetlink and ethtool; works in whichever network
 * namespace the process is. */
#ifndef PLUGINS_IF_COUNTERS_H
#define PLUGINS_IF_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include "sflow/encode.h"

/* A netlink socket, or -1. */
int if_counters_open(void);

/* Fills *out with the counters of an interface, by its name, or, where that is NULL, by its number.
 * out->index gets the kernel's number; counters that Linux does not keep are SFLOW_NO_COUNTER; a speed that
 * the driver does not know is 0. False: there is no such interface. */
bool if_counters_read(int fd, const char *name, uint32_t index, struct sflow_if_counters *out);

/* The name of an interface and, where one is set, its alias, cut to what fits with a NUL. False: there is no
 * such interface. */
struct if_names {
    char name[32], alias[64];
};
bool if_names_read(int fd, const char *name, uint32_t index, struct if_names *out);

#endif
