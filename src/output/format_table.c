/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows as a table: left-aligned columns padded with blanks. */
#include "output/format_impl.h"

enum { PAD = 64, WIDTH_VAR = 25 };
static const char blanks[PAD + 1] = "                                                                ";

static int table_prepare(struct format *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++) {
        struct fcol *c = &f->col[i];
        if (!c->width && f->st.client)
            c->width = WIDTH_VAR;
        if (!c->width || !*c->title)
            continue;
        if (c->column->field->kind == FK_ADDR)
            c->put = text_addr_table;
        f->col[n++] = *c;
    }
    f->n = n;
    format_add_counters(f);
    return 0;
}

static void table_header(struct format *f, struct strbuf *out)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct fcol *c = &f->col[i];
        size_t n = strlen(c->title);
        strbuf_add(out, c->title, n);
        if (c->width)
            strbuf_add(out, blanks, n < c->width ? c->width - n : 1);
    }
    strbuf_char(out, '\n');
}

/* Pads what stands between from and p; a value too long for its column keeps two blanks to the next. */
static char *pad(char *from, char *p, unsigned width)
{
    memcpy(p, blanks, PAD);
    char *end = from + width;
    return end < p + 2 ? p + 2 : end;
}

static void table_row(struct format *f, const struct row *r, struct strbuf *out)
{
    size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        char *from = p;
        if (__builtin_expect(c->put != NULL, 1)) {
            p = c->put(c, f, fcol_value(c, f, r), p);
        } else {
            uint32_t len;
            size_t at = out->len = (size_t)(p - out->p);
            const uint8_t *v = fcol_bytes(c, f, r, &len);
            c->put_var(f, v, len, out);
            if (out->failed || !strbuf_room(out, f->row_max)) {
                out->len = start;
                return;
            }
            from = out->p + at;
            p = out->p + out->len;
        }
        if (c->width)
            p = pad(from, p, c->width);
    }
    *p++ = '\n';
    out->len = (size_t)(p - out->p);
}

const struct format_ops format_table = { table_prepare, table_header, table_row, NULL };
