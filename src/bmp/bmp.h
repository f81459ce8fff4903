/* SPDX-License-Identifier: BSD-2-Clause */
/* The BMP service: sessions of routers over TCP, their routes, the message log and the dumps. pmbmpd is this
 * service alone; collectors run it with bmp_daemon. */
#ifndef BMP_BMP_H
#define BMP_BMP_H

#include "core/service.h"
#include "rib/rib.h"

extern const struct service_ops bmp_service;

/* The routes: for readers of other threads, from the service's open to its close. */
struct rib *bmp_service_rib(const struct service *s);

#endif
