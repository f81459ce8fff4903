/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of base/log.h for fuzz targets: a line is made, so that what it is made from is read, but
 * written nowhere, and no clock holds lines back: an input says the same each time. Linked in the log's
 * place. */
#include "fake_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"

static bool silent; /* lines are not even made */

void fake_log_silent(bool on) { silent = on; }

struct log_sink {
    int none;
};

struct log_sink *log_sink_open(const struct log_sink_conf *c, struct err *e)
{
    static struct log_sink nowhere;
    (void)c;
    (void)e;
    return &nowhere;
}

void log_sink_reopen(struct log_sink *s) { (void)s; }
void log_sink_close(struct log_sink *s) { (void)s; }

void log_init(struct log *l, struct log_sink *s, const char *name, const char *type, bool debug)
{
    *l = (struct log){ .sink = s, .debug = debug };
    snprintf(l->name, sizeof(l->name), "%s", name);
    snprintf(l->type, sizeof(l->type), "%s", type);
}

static void make_line(const char *fmt, va_list ap)
{
    static char line[1 << 16];
    if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
        abort();
}

void log_at(const struct log *l, enum log_level lv, const char *fmt, ...)
{
    va_list ap;
    (void)l;
    (void)lv;
    if (silent)
        return;
    va_start(ap, fmt);
    make_line(fmt, ap);
    va_end(ap);
}

void log_limited(const struct log *l, struct log_limit *x, enum log_level lv, const char *fmt, ...)
{
    va_list ap;
    (void)l;
    (void)lv;
    if (silent || x->next_us) {
        x->held++;
        return;
    }
    x->next_us = 1;
    va_start(ap, fmt);
    make_line(fmt, ap);
    va_end(ap);
}
