/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows in Avro's JSON encoding, one record a line: the fields of format_avro.c, values that may be null with
 * the name of their type. Made by format_new. */
#include "output/format_impl.h"

/* There is room in a prefix for the longest name and all that stands around it. */
_Static_assert(sizeof(((struct fcol *)0)->title) +
                       sizeof("}, \"custom_primitives\": {\"\": {\"string\": \"") <
                   PREFIX_MAX,
               "prefix");

static char *put_text(char *p, const char *text)
{
    const size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

static void text_prefix(struct fcol *c, const struct fcol *before)
{
    char *p = c->prefix;
    const bool goes_on = before && before->own;
    p = put_text(p, goes_on && !c->own ? "}, \"" : ", \"");
    p = put_text(p, c->own && !goes_on ? "custom_primitives\": {\"" : "");
    p = put_text(p, c->title);
    p = put_text(p, "\": ");
    c->null_len = (uint8_t)(p - c->prefix);
    if (c->optional)
        p = put_text(p, c->type == AVRO_STRING ? "{\"string\": " : "{\"long\": ");
    p = put_text(p, c->quoted ? "\"" : "");
    c->prefix_len = (uint8_t)(p - c->prefix);
}

static int avro_json_prepare(struct format *f)
{
    avro_columns(f);
    for (unsigned i = 0; i < f->n; i++)
        text_prefix(&f->col[i], i ? &f->col[i - 1] : NULL);
    return json_ends(f);
}

static char *put_null(const struct fcol *c, unsigned skip, char *p)
{
    memcpy(p, c->prefix + skip, c->null_len - skip);
    p += c->null_len - skip;
    memcpy(p, "null", 4);
    return p + 4;
}

static void avro_json_row(struct format *f, const struct row *r, struct strbuf *out)
{
    const size_t start = out->len;
    if (!strbuf_room(out, f->row_max))
        return;
    char *p = out->p + out->len;
    unsigned skip = f->skip;
    memcpy(p, f->head, f->head_len);
    p += f->head_len;
    for (struct fcol *c = f->col, *end = f->col + f->n; c < end; c++) {
        if (c->hide && column_hidden(f, c, r)) {
            p = put_null(c, skip, p);
            skip = 0;
            continue;
        }
        p = put_prefix(c, skip, p);
        skip = 0;
        if (c->put) {
            p = c->put(c, f, fcol_value(c, f, r), p);
        } else if (!(p = put_any(c, f, r, p, out))) {
            out->len = start;
            return;
        }
        if (c->quoted)
            *p++ = '"';
        if (c->optional)
            *p++ = '}';
    }
    memcpy(p, f->tail, f->tail_len);
    out->len = (size_t)(p - out->p) + f->tail_len;
}

const struct format_ops format_avro_json = { avro_json_prepare, NULL, avro_json_row, json_tail };
