/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of sandbox.c where libseccomp is missing. */
#include "core/sandbox.h"

int sandbox_enter(enum sandbox_kind kind, const struct config *c, const struct log *l, struct err *e)
{
    (void)e;
    if (kind == SANDBOX_CORE && c->seccomp == SECCOMP_KILL)
        log_warn(l, "seccomp: this build has no libseccomp: system calls are not filtered");
    return 0;
}
