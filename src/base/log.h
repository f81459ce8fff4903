/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: `<LEVEL> ( <name>/<type> ): <text>`, to stderr, a file, syslog, or several of them.
 * A struct log carries its context (name and type), so that no call spells a prefix. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/files.h"

enum log_level {
    LOG_LV_DEBUG,
    LOG_LV_INFO,
    LOG_LV_NOTICE,
    LOG_LV_WARN,
    LOG_LV_ERROR,
    LOG_LV_ALERT,
    LOG_LV_OK
};

/* Where lines go; one per process, owned by its main. Opaque. */
struct log_sink;

struct log_sink_conf {
    const char *file;               /* path, or NULL */
    const char *syslog;             /* facility word, or NULL */
    const char *syslog_ident;       /* or NULL */
    bool stamp_stderr;              /* prefix lines on stderr by a timestamp too */
    bool utc;                       /* timestamps in UTC */
    const struct file_modes *modes; /* owner and mode of a file that is made (files.h); NULL: 0600 */
};

struct log {
    struct log_sink *sink; /* NULL: plain stderr */
    char name[64];         /* "default" */
    char type[32];         /* "core", "print", "core/BGP" */
    bool debug;            /* DEBUG lines wanted */
};

/* A bound on how often one message is written; zero-initialised, kept by the caller beside its cause. */
struct log_limit {
    int64_t next_us; /* monotonic time from which on it may be written again */
    uint64_t held;   /* lines not written since the last one */
};

/* Opens the destinations. Returns NULL with e set if the file cannot be opened. The sink copies the
 * strings and modes; free with log_sink_close. */
struct log_sink *log_sink_open(const struct log_sink_conf *c, struct err *e);

/* Closes and opens again file and syslog (SIGHUP, or in a freshly forked process). */
void log_sink_reopen(struct log_sink *s);
void log_sink_close(struct log_sink *s);

void log_init(struct log *l, struct log_sink *s, const char *name, const char *type, bool debug);

/* Writes one line; text without a newline. Lines are written whole with one write(2). Lines of any length. */
void log_at(const struct log *l, enum log_level lv, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As log_at, at most once each 10 s for each x; the next line that is written tells how many were held back.
 */
void log_limited(const struct log *l, struct log_limit *x, enum log_level lv, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(l, ...)                                                                                    \
    do {                                                                                                     \
        if ((l)->debug)                                                                                      \
            log_at((l), LOG_LV_DEBUG, __VA_ARGS__);                                                          \
    } while (0)
#define log_info(l, ...) log_at((l), LOG_LV_INFO, __VA_ARGS__)
#define log_notice(l, ...) log_at((l), LOG_LV_NOTICE, __VA_ARGS__)
#define log_warn(l, ...) log_at((l), LOG_LV_WARN, __VA_ARGS__)
#define log_error(l, ...) log_at((l), LOG_LV_ERROR, __VA_ARGS__)

#endif
