/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs run after a purge (*_trigger_exec). */
#ifndef OUTPUT_TRIGGER_H
#define OUTPUT_TRIGGER_H

#include <sys/types.h>
#include "output/purge.h"

enum { TRIGGERS_MAX = 32 };

/* Programs that were started and not waited for; owned by a purger's writer. */
struct triggers {
    pid_t pid[TRIGGERS_MAX];
    unsigned n;
};

/* Runs the program of the plugin's configuration, if there is one: its words become argv, no shell in
 * between. Waits for its end unless trigger_exec_async. b may be NULL (the trigger's own time has come,
 * nothing was written). What goes wrong is logged. */
void trigger_run(struct triggers *t, const struct sink_ops *sink, const void *sink_state,
                 const struct plugin *pl, const struct batch *b);
/* Collects programs that have ended; tells of those that failed. */
void trigger_reap(struct triggers *t, const struct plugin *pl);
/* The daemon ends: waits a while for what runs, unless trigger_exec_async. */
void trigger_finish(struct triggers *t, const struct plugin *pl);

#endif
