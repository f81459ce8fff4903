/* SPDX-License-Identifier: BSD-2-Clause */
/* The sink of the print plugin: rows as text, to stdout or into files. */
#ifndef OUTPUT_SINK_FILE_H
#define OUTPUT_SINK_FILE_H

#include "output/purge.h"

extern const struct sink_ops sink_file;

#endif
