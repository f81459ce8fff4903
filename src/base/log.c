/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: composes a line whole and writes it with one write(2) to each destination. Called from every
 * process and thread; a reopen replaces the file under its descriptor number, so that no writer ever sees a
 * closed one. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

struct log_sink {
    char *file, *ident;
    struct file_modes modes;
    int fd;       /* of file, or -1 */
    int facility; /* -1: no syslog */
    bool to_stderr, stamp_stderr, utc;
};

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LV_DEBUG] = { "DEBUG", LOG_DEBUG },    [LOG_LV_INFO] = { "INFO", LOG_INFO },
    [LOG_LV_NOTICE] = { "NOTICE", LOG_NOTICE }, [LOG_LV_WARN] = { "WARN", LOG_WARNING },
    [LOG_LV_ERROR] = { "ERROR", LOG_ERR },      [LOG_LV_ALERT] = { "ALERT", LOG_ALERT },
    [LOG_LV_OK] = { "OK", LOG_INFO },
};

static const struct {
    const char *word;
    int facility;
} facilities[] = {
    { "auth", LOG_AUTH },     { "mail", LOG_MAIL },     { "daemon", LOG_DAEMON }, { "kern", LOG_KERN },
    { "user", LOG_USER },     { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
    { "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
    { "local7", LOG_LOCAL7 },
};

static int facility_find(const char *word)
{
    for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
        if (!strcasecmp(word, facilities[i].word))
            return facilities[i].facility;
    return -1;
}

/* ---- lines */

#define STAMP_MAX 40

/* `2026-11-21T21:07:10+02:00 `, or Z where that is UTC. Returns the length. */
static size_t log_stamp(bool utc, char *buf)
{
    const struct time_style st = { .utc = utc, .rfc3339 = true };
    struct time_cache tc = { 0 };
    size_t n = time_text(clock_wall_us(), &st, false, &tc, buf);
    buf[n++] = ' ';
    return n;
}

static void write_whole(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* a full disk or a closed terminal must not stop a daemon */
        p += done;
        n -= (size_t)done;
    }
}

/* Received text that ends up in a message must not be able to forge a line of its own. */
static void flatten(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < 0x20 && p[i] != '\t')
            p[i] = ' ';
}

/* line: STAMP_MAX octets for the stamp, then n octets of text, then room for a newline. */
static void log_deliver(const struct log_sink *s, enum log_level lv, char *line, size_t n)
{
    char *text = line + STAMP_MAX, stamp[STAMP_MAX + TIME_TEXT];
    bool to_stderr = !s || s->to_stderr;
    size_t stamp_len = 0;
    if (s && s->facility != -1)
        syslog(s->facility | levels[lv].priority, "%.*s", (int)n, text);
    text[n] = '\n';
    if (s && (s->fd != -1 || s->stamp_stderr)) {
        stamp_len = log_stamp(s->utc, stamp);
        memcpy(text - stamp_len, stamp, stamp_len);
    }
    if (s && s->fd != -1)
        write_whole(s->fd, text - stamp_len, stamp_len + n + 1);
    if (to_stderr && s && s->stamp_stderr)
        write_whole(STDERR_FILENO, text - stamp_len, stamp_len + n + 1);
    else if (to_stderr)
        write_whole(STDERR_FILENO, text, n + 1);
}

static int log_prefix(const struct log *l, enum log_level lv, char *buf, size_t size)
{
    if (!l->name[0])
        return snprintf(buf, size, "%s: ", levels[lv].word);
    return snprintf(buf, size, "%s ( %s/%s ): ", levels[lv].word, l->name, l->type);
}

static void log_vat(const struct log *l, enum log_level lv, uint64_t held, const char *fmt, va_list ap)
{
    int sys = errno;
    char fixed[1024], more[64] = "", *line = fixed;
    size_t size = sizeof(fixed);
    int pre = log_prefix(l, lv, fixed + STAMP_MAX, size - STAMP_MAX);
    size_t at = STAMP_MAX + (size_t)pre, tail = 0;
    if (held)
        tail = (size_t)snprintf(more, sizeof(more), " (%llu more like this were held back)",
                                (unsigned long long)held);

    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(fixed + at, size - at, fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (at + len + tail + 1 > size) {
        char *big = malloc(at + len + tail + 2);
        if (big) {
            memcpy(big, fixed, at);
            vsnprintf(big + at, len + 1, fmt, again);
            line = big;
        } else {
            len = size - at - tail - 2;
        }
    }
    va_end(again);
    memcpy(line + at + len, more, tail);
    flatten(line + STAMP_MAX, (size_t)pre + len + tail);
    log_deliver(l->sink, lv, line, (size_t)pre + len + tail);
    if (line != fixed)
        free(line);
    errno = sys;
}

void log_at(const struct log *l, enum log_level lv, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_vat(l, lv, 0, fmt, ap);
    va_end(ap);
}

void log_limited(const struct log *l, struct log_limit *x, enum log_level lv, const char *fmt, ...)
{
    int64_t now = clock_mono_us();
    if (now < x->next_us) {
        x->held++;
        return;
    }
    uint64_t held = x->held;
    *x = (struct log_limit){ .next_us = now + 10 * US_PER_S };
    va_list ap;
    va_start(ap, fmt);
    log_vat(l, lv, held, fmt, ap);
    va_end(ap);
}

void log_init(struct log *l, struct log_sink *s, const char *name, const char *type, bool debug)
{
    *l = (struct log){ .sink = s, .debug = debug };
    snprintf(l->name, sizeof(l->name), "%s", name);
    snprintf(l->type, sizeof(l->type), "%s", type);
}

/* ---- destinations */

static void log_syslog_open(struct log_sink *s)
{
    if (s->facility != -1)
        openlog(s->ident ? s->ident : program_invocation_short_name, LOG_PID | LOG_NDELAY, s->facility);
}

static void log_facility_set(struct log_sink *s, const char *word)
{
    s->facility = facility_find(word);
    if (s->facility != -1)
        return;
    struct log l;
    s->to_stderr = true;
    log_init(&l, s, "default", "core", false);
    log_warn(&l, "specified syslog facility is not supported. Logging to standard error (stderr).");
}

struct log_sink *log_sink_open(const struct log_sink_conf *c, struct err *e)
{
    struct log_sink *s = calloc(1, sizeof(*s));
    if (!s) {
        err_sys(e, "cannot open the log");
        return NULL;
    }
    s->fd = s->facility = -1;
    s->stamp_stderr = c->stamp_stderr;
    s->utc = c->utc;
    s->modes = c->modes ? *c->modes : file_modes_of(-1, -1, -1);
    s->to_stderr = !c->file && !c->syslog;
    if (c->syslog_ident)
        s->ident = strdup(c->syslog_ident);
    if (c->file) {
        s->file = strdup(c->file);
        s->fd = s->file ? file_open_shared(s->file, &s->modes, e) : err_sys(e, "cannot open the log");
        if (s->fd == -1) {
            log_sink_close(s);
            return NULL;
        }
    }
    if (c->syslog)
        log_facility_set(s, c->syslog);
    log_syslog_open(s);
    return s;
}

void log_sink_reopen(struct log_sink *s)
{
    if (!s)
        return;
    if (s->facility != -1) {
        closelog();
        log_syslog_open(s);
    }
    if (s->fd == -1)
        return;
    struct err e;
    int fd = file_open_shared(s->file, &s->modes, &e);
    if (fd == -1) { /* the old file still takes lines: say it there */
        struct log l;
        log_init(&l, s, "default", "core", false);
        log_error(&l, "%s. Going on with the old log file.", e.text);
        return;
    }
    dup3(fd, s->fd, O_CLOEXEC);
    close(fd);
}

void log_sink_close(struct log_sink *s)
{
    if (!s)
        return;
    if (s->facility != -1)
        closelog();
    if (s->fd != -1)
        close(s->fd);
    free(s->file);
    free(s->ident);
    free(s);
}
