/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugins that daemons can list. */
#ifndef PLUGINS_PLUGINS_H
#define PLUGINS_PLUGINS_H

#include "core/plugin.h"

extern const struct plugin_ops plugin_memory;
extern const struct plugin_ops plugin_nfprobe;
extern const struct plugin_ops plugin_sfprobe;
extern const struct plugin_ops plugin_print;   /* what was counted, as text, at each refresh time */
extern const struct plugin_ops plugin_sqlite3; /* the same into an SQLite database; only WITH_SQLITE3 */
extern const struct plugin_ops plugin_tee;     /* copies of what collectors receive, to other collectors */

#endif
