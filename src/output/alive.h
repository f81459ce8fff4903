/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells Redis that a process is there (redis_host with cluster_name): keys that are renewed every second and
 * live for three, so that a missing one says that it is gone. A service of every daemon and of its plugins.
 */
#ifndef OUTPUT_ALIVE_H
#define OUTPUT_ALIVE_H

#include "core/service.h"

extern const struct service_ops alive_service;

#endif
