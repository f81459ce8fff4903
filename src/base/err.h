/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors are values: control code returns 0 or -1 and fills the caller's struct err. Only main exits. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_code {
    ERR_NONE,
    ERR_SYS,         /* the system refused; errno is kept */
    ERR_FORMAT,      /* bytes or text that are not what they must be */
    ERR_LIMIT,       /* a bound was reached */
    ERR_CONFIG,      /* the configuration asks for what cannot be */
    ERR_UNSUPPORTED, /* known, not in this build */
};

struct err {
    enum err_code code;
    int sys;        /* errno, for ERR_SYS */
    char text[768]; /* what happened and what to do, without a final full stop or newline */
};

/* Fills e (may be NULL) with a printf-style text, keeps errno, and returns -1, so that callers can
 * `return err_set(...)`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": <strerror(errno)>" appended and code ERR_SYS. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
