/* SPDX-License-Identifier: BSD-2-Clause */
/* Who wrote a message: writer_id_string with its variables filled in ($proc_name, $writer_pid,
 * $pmacct_build). For the sinks of brokers, of flow data and of events. */
#ifndef OUTPUT_WRITERID_H
#define OUTPUT_WRITERID_H

#include <stdint.h>
#include "base/err.h"
#include "base/strbuf.h"

/* -1: the template names a variable that there is not; e says which, without a place. */
int writer_id_check(const char *text, struct err *e);

/* Appends the text of the template: proc_name is the plugin's name or that of the core process, pid what the
 * log calls the writer's PID. */
void writer_id_expand(struct strbuf *out, const char *text, const char *proc_name, int64_t pid);

#endif
