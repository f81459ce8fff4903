/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures: what counters stand at, as metrics and the live page show it. Whoever has counters puts them into
 * a struct figures when asked; that costs some ten nanoseconds a figure, so that the thread which counts can
 * do it. The octets travel to the thread that makes text of them (http/prometheus.c), also between processes.
 *
 *     figures_label(f, "source", where);
 *     figures_put(f, FIG_INPUT_RECEIVED, s->received);
 *     figures_unlabel(f, 1); */
#ifndef CORE_FIGURES_H
#define CORE_FIGURES_H

#include <stdbool.h>
#include "base/cursor.h"
#include "base/err.h"
#include "base/strbuf.h"

enum figure {
#define FIGURE(id, ...) FIG_##id,
#include "core/figures.def"
#undef FIGURE
    FIG_MAX
};

enum figure_kind { FIGURE_COUNTER, FIGURE_GAUGE };
enum figure_unit { FIGURE_ONE, FIGURE_MICROS };

struct figure_family {
    const char *name, *help;
    enum figure_kind kind;
    enum figure_unit unit;
};
extern const struct figure_family figure_families[FIG_MAX];

enum { FIGURE_LABELS_MAX = 900, FIGURE_LABEL_DEPTH = 8, FIGURE_VALUE_MAX = 200 };
#define FIGURES_OCTETS_MAX ((size_t)512 << 20)

struct figures {
    struct strbuf out;             /* entries; see figures_next */
    char label[FIGURE_LABELS_MAX]; /* those in force: a="b",c="d" */
    uint16_t len, depth, before[FIGURE_LABEL_DEPTH];
};

void figures_init(struct figures *f);
void figures_free(struct figures *f);

/* Figures that follow have this label too, until it is taken back. A value is cut after FIGURE_VALUE_MAX
 * octets. */
void figures_label(struct figures *f, const char *name, const char *value);
void figures_label_number(struct figures *f, const char *name, uint64_t value);
/* Takes the last n labels back. */
void figures_unlabel(struct figures *f, unsigned n);

void figures_put(struct figures *f, enum figure which, uint64_t value);
/* With one label more. */
void figures_put_of(struct figures *f, enum figure which, const char *name, const char *value, uint64_t n);
/* Processor time and memory of the calling process, which is called `process`. */
void figures_put_process(struct figures *f, const char *process);

/* One figure of the octets: what figures_put put. */
struct figure_entry {
    enum figure which;
    uint64_t value;
    const char *label; /* not terminated */
    uint16_t label_len;
};
/* False at the end, and where the octets are no figures. */
bool figures_next(struct cursor *c, struct figure_entry *out);

/* Octets as a file in memory that another process can read, or -1. The file belongs to the caller. */
int figures_share(const struct strbuf *octets);
/* Adds such a file's octets to *to, and closes it. */
void figures_take(struct strbuf *to, int fd);

#endif
