/* SPDX-License-Identifier: BSD-2-Clause */
/* The telemetry collector: all that pmtelemetryd does, or a thread of nfacctd (telemetry_daemon). */
#ifndef TELEMETRY_SERVICE_H
#define TELEMETRY_SERVICE_H

#include "core/service.h"

extern const struct service_ops telemetry_service;

#endif
