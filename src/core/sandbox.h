/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of system calls (the key seccomp), one for each kind of process: from here on it can do no more
 * than its column of sandbox.def says. Writers are threads of a plugin's process and share its memory, so
 * they share its filter. */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

/* Bits of a row of sandbox.def. The spawner's filter is inherited by plugins, which add theirs: what a plugin
 * may, and what it does while it opens, the spawner may. */
enum sandbox_kind {
    SANDBOX_CORE = 1,
    SANDBOX_PLUGIN = 2,
    SANDBOX_SPAWNER = 4,
};

/* Loads the filter into all threads of this process, for good. Other calls are refused as unknown (ENOSYS, so
 * that libraries do without what is newer than this list) and told to the kernel's audit log; `seccomp: kill`
 * ends the process instead, with SIGSYS. Nothing without libseccomp, under sanitizers, and with `seccomp:
 * off`. -1: e. */
int sandbox_enter(enum sandbox_kind kind, const struct config *c, const struct log *l, struct err *e);

#endif
