/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log's files. */
#ifndef OUTPUT_MSGLOG_FILE_H
#define OUTPUT_MSGLOG_FILE_H

#include "output/msglog.h"

extern const struct msglog_sink_ops msglog_file;

#endif
