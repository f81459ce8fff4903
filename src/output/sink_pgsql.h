/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OUTPUT_SINK_PGSQL_H
#define OUTPUT_SINK_PGSQL_H

#include "output/purge.h"

extern const struct sink_ops sink_pgsql;

#endif
