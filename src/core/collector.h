/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules over several keys that the collectors share; their mains call it before anything starts. */
#ifndef CORE_COLLECTOR_H
#define CORE_COLLECTOR_H

#include "config/config.h"

/* Exactly one input, an allow list that can be read. progname: "nfacctd", the prefix of the keys. */
int collector_check(const struct config_set *set, const char *progname, struct err *e);

/* How many workers the input that the configuration chooses can use (core_workers): datagrams from the
 * network are parted by exporter, unless they have to leave in the order in which they came (tee). */
unsigned collector_workers(const struct config_set *set);

#endif
