/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling a struct err. The text is composed apart first, so that a caller may wrap the text e already holds:
 * err_set(e, code, "%s: %s", path, e->text). */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void err_store(struct err *e, enum err_code code, int sys, const char *text)
{
    e->code = code;
    e->sys = code == ERR_SYS ? sys : 0;
    snprintf(e->text, sizeof(e->text), "%s", text);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    int sys = errno;
    if (e) {
        char text[sizeof(e->text)];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        err_store(e, code, sys, text);
    }
    errno = sys;
    return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
    int sys = errno;
    if (e) {
        char text[sizeof(e->text)], why[128];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof(text))
            snprintf(text + n, sizeof(text) - (size_t)n, ": %s", strerror_r(sys, why, sizeof(why)));
        err_store(e, ERR_SYS, sys, text);
    }
    errno = sys;
    return -1;
}
