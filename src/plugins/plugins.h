/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugins that daemons can list. */
#ifndef PLUGINS_PLUGINS_H
#define PLUGINS_PLUGINS_H

#include "core/plugin.h"

extern const struct plugin_ops plugin_memory;

#endif
