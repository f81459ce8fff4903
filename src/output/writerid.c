/* SPDX-License-Identifier: BSD-2-Clause */
/* The variables of writer_id_string. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/writerid.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif

enum what { PROC_NAME, WRITER_PID, BUILD, N_VARS };

static const char *const vars[N_VARS] = { "$proc_name", "$writer_pid", "$pmacct_build" };

/* The variable at p, N_VARS: none. A name goes as far as letters, digits and underscores do. */
static enum what variable(const char *p)
{
    const size_t len = 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
    for (enum what i = 0; i < N_VARS; i++)
        if (strlen(vars[i]) == len && !memcmp(p, vars[i], len))
            return i;
    return N_VARS;
}

int writer_id_check(const char *text, struct err *e)
{
    for (const char *p = strchr(text, '$'); p; p = strchr(p + 1, '$'))
        if (variable(p) == N_VARS)
            return err_set(e, ERR_CONFIG,
                           "there is no variable %.32s here: use $proc_name, $writer_pid, $pmacct_build", p);
    return 0;
}

void writer_id_expand(struct strbuf *out, const char *text, const char *proc_name, int64_t pid)
{
    while (*text) {
        const size_t plain = strcspn(text, "$");
        strbuf_add(out, text, plain);
        text += plain;
        if (!*text)
            break;
        const enum what v = variable(text);
        if (v == PROC_NAME)
            strbuf_str(out, proc_name);
        else if (v == WRITER_PID)
            strbuf_printf(out, "%" PRId64, pid);
        else if (v == BUILD)
            strbuf_lit(out, PACKAGE_VERSION);
        else
            strbuf_char(out, '$');
        text += v == N_VARS ? 1 : strlen(vars[v]);
    }
}
