/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as CSV: a separator between values, quotes (RFC 4180) only around values that need them. */
#include "output/format_impl.h"

#include <stdlib.h>

static bool needs_quotes(const struct format *f, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == f->st.separator || p[i] == '"' || p[i] == '\n' || p[i] == '\r')
            return true;
    }
    return false;
}

/* Puts quotes around what was written from `at` on, if it needs them. */
static void quote(const struct format *f, struct strbuf *out, size_t at)
{
    size_t n = out->len - at, quotes = 0;
    if (out->failed || !needs_quotes(f, out->p + at, n))
        return;
    for (size_t i = 0; i < n; i++)
        quotes += out->p[at + i] == '"';
    if (!strbuf_room(out, quotes + 2))
        return;
    char *to = out->p + at + n + quotes + 2, *from = out->p + at + n;
    *--to = '"';
    while (from > out->p + at) {
        *--to = *--from;
        if (*from == '"')
            *--to = '"';
    }
    *--to = '"';
    out->len += quotes + 2;
}

/* Numbers, addresses and times hold only these; a separator out of them makes every value suspect. */
static bool plain_separator(char c) { return c && !strchr("0123456789abcdefghijklmnopqrstuvwxyz.:-+ TZ", c); }

static int csv_prepare(struct format *f)
{
    unsigned n = 0;
    if (!f->st.separator)
        f->st.separator = ',';
    for (unsigned i = 0; i < f->n; i++) {
        if (*f->col[i].title)
            f->col[n++] = f->col[i];
    }
    f->n = n;
    format_add_counters(f);
    for (unsigned i = 0; i < f->n; i++) {
        struct fcol *c = &f->col[i];
        c->check =
            !plain_separator(f->st.separator) || (c->column && kind_text[c->column->field->kind].free_text);
    }
    return 0;
}

static void csv_header(struct format *f, struct strbuf *out)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (i)
            strbuf_char(out, f->st.separator);
        strbuf_str(out, f->col[i].title);
    }
    strbuf_char(out, '\n');
}

/* A value that cannot be written straight into the room claimed for the row: -1 when the ceiling is reached.
 */
static int csv_careful(struct format *f, struct fcol *c, const struct row *r, struct strbuf *out)
{
    size_t at = out->len;
    if (c->put) {
        out->len = (size_t)(c->put(c, f, fcol_value(c, f, r), out->p + out->len) - out->p);
    } else {
        uint32_t len;
        const uint8_t *v = fcol_bytes(c, f, r, &len);
        c->put_var(f, v, len, out);
    }
    if (c->check)
        quote(f, out, at);
    return strbuf_room(out, f->row_max) && !out->failed ? 0 : -1;
}

static void csv_row(struct format *f, const struct row *r, struct strbuf *out)
{
    size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    const char sep = f->st.separator;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        if (__builtin_expect(c->put && !c->check, 1)) {
            p = c->put(c, f, fcol_value(c, f, r), p);
        } else {
            out->len = (size_t)(p - out->p);
            if (csv_careful(f, c, r, out) == -1) {
                out->len = start;
                return;
            }
            p = out->p + out->len;
        }
        *p++ = sep;
    }
    p[f->n ? -1 : 0] = '\n';
    out->len = (size_t)(p - out->p) + !f->n;
}

const struct format_ops format_csv = { csv_prepare, csv_header, csv_row, NULL };
