/* SPDX-License-Identifier: BSD-2-Clause */
/* How rows are to look, out of a plugin's configuration: for the sinks that write text. */
#ifndef OUTPUT_STYLE_H
#define OUTPUT_STYLE_H

#include "config/config.h"
#include "output/format.h"

/* The style for rows of this kind. What is one sink's own (separator, events, writer_id) it adds itself. */
struct format_style style_of_config(const struct config *c, enum format_kind kind);

#endif
