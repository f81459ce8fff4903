/* SPDX-License-Identifier: BSD-2-Clause */
/* The sink of the sqlite3 plugin. */
#ifndef OUTPUT_SINK_SQLITE3_H
#define OUTPUT_SINK_SQLITE3_H

#include "output/purge.h"

extern const struct sink_ops sink_sqlite3;

#endif
