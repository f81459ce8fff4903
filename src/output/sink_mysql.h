/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OUTPUT_SINK_MYSQL_H
#define OUTPUT_SINK_MYSQL_H

#include "output/purge.h"

extern const struct sink_ops sink_mysql;

#endif
