/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes figures as text: sorted by family and labels. Called in the thread that answers Prometheus. */
#include "http/prometheus.h"

#include <inttypes.h>
#include <stdlib.h>
#include "base/clock.h"

static int by_family_and_label(const void *pa, const void *pb)
{
    const struct figure_entry *a = pa, *b = pb;
    if (a->which != b->which)
        return a->which < b->which ? -1 : 1;
    const uint16_t n = a->label_len < b->label_len ? a->label_len : b->label_len;
    const int rc = memcmp(a->label, b->label, n);
    return rc ? rc : (int)a->label_len - (int)b->label_len;
}

static struct figure_entry *read_all(const struct strbuf *octets, size_t *n)
{
    struct cursor c = cursor_of(octets->p, octets->len);
    struct figure_entry one, *all;
    for (*n = 0; figures_next(&c, &one); ++*n)
        continue;
    all = calloc(*n + 1, sizeof(*all));
    c = cursor_of(octets->p, octets->len);
    for (size_t i = 0; all && i < *n; i++)
        figures_next(&c, &all[i]);
    return all;
}

static void head(struct strbuf *out, const struct figure_family *f)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
                  f->kind == FIGURE_COUNTER ? "counter" : "gauge");
}

static void line(struct strbuf *out, const struct figure_entry *e)
{
    const struct figure_family *f = &figure_families[e->which];
    strbuf_str(out, f->name);
    if (e->label_len) {
        strbuf_char(out, '{');
        strbuf_add(out, e->label, e->label_len);
        strbuf_char(out, '}');
    }
    strbuf_char(out, ' ');
    if (f->unit == FIGURE_MICROS)
        strbuf_printf(out, "%" PRIu64 ".%06u", e->value / US_PER_S, (unsigned)(e->value % US_PER_S));
    else
        strbuf_u64(out, e->value);
    strbuf_char(out, '\n');
}

int prometheus_write(const struct strbuf *octets, struct strbuf *out)
{
    size_t n;
    struct figure_entry *all = read_all(octets, &n);
    if (!all)
        return -1;
    qsort(all, n, sizeof(*all), by_family_and_label);
    for (size_t i = 0; i < n;) {
        struct figure_entry sum = all[i];
        if (i == 0 || all[i - 1].which != sum.which)
            head(out, &figure_families[sum.which]);
        while (++i < n && by_family_and_label(&sum, &all[i]) == 0)
            sum.value += all[i].value;
        line(out, &sum);
    }
    free(all);
    return out->failed ? -1 : 0;
}
