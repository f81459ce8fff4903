/* SPDX-License-Identifier: BSD-2-Clause */
/* The service that answers Prometheus (metrics_listen). Every daemon has it in its list. */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "core/service.h"

extern const struct service_ops metrics_service;

#endif
