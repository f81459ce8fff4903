/* SPDX-License-Identifier: BSD-2-Clause */
/* The BMP service: sessions of routers over TCP, their routes, the message log and the dumps. pmbmpd is this
 * service alone; collectors run it with bmp_daemon. */
#ifndef BMP_BMP_H
#define BMP_BMP_H

#include "core/service.h"

extern const struct service_ops bmp_service;

#endif
