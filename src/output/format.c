/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a format: the columns of a layout in the order of the output, each with the function for its kind.
 * Used by the print plugin, by sinks and by the pmacct client. */
#include "output/format_impl.h"

#include <stdio.h>
#include <stdlib.h>

static const struct format_ops *const ops_of[] = {
    [FORMAT_TABLE] = &format_table,         [FORMAT_CSV] = &format_csv,
    [FORMAT_JSON] = &format_json,           [FORMAT_AVRO] = &format_avro,
    [FORMAT_AVRO_JSON] = &format_avro_json, [FORMAT_PROTO] = &format_proto,
};

char *format_keep(struct strbuf *s, size_t *len)
{
    char *p = s->failed ? NULL : malloc(s->len + 1);
    *len = p ? s->len : 0;
    if (*len)
        memcpy(p, s->p, *len);
    strbuf_free(s);
    return p;
}

char *binary_double(struct fcol *c, const struct format *f, const uint8_t *v, char *p)
{
    (void)c, (void)f;
    memcpy(p, v, sizeof(double));
    return p + sizeof(double);
}

const uint8_t *fcol_bytes(struct fcol *c, const struct format *f, const struct row *r, uint32_t *len)
{
    if (c->var && c->where == IN_KEY)
        return layout_tail(f->layout, c->column, r->key, len);
    const uint8_t *v = fcol_value(c, f, r);
    *len = c->where == NOWHERE ? 0 : (uint32_t)strnlen((const char *)v, c->size);
    return v;
}

void fcol_init(struct fcol *fc, const struct format *f, const struct column *c)
{
    const struct kind_text *kt = &kind_text[c->field->kind];
    memset(fc, 0, sizeof(*fc));
    fc->put = kt->put;
    fc->put_var = kt->put_var;
    fc->column = c;
    fc->off = c->off;
    fc->size = c->field->size;
    fc->max = kt->max;
    fc->var = field_is_var(c->field);
    fc->quoted = kt->json_string;
    fc->width = c->field->width;
    snprintf(fc->title, sizeof(fc->title), "%s", c->field->title);
    if (c >= f->absent && c < f->absent + FIELD_MAX) {
        fc->where = NOWHERE;
    } else if (c->place == PLACE_ADDR) {
        fc->where = IN_TAIL;
    } else if (c->field->flags & F_STITCH) {
        fc->where = IN_ROW;
        fc->off = c->field == &fields[FIELD_timestamp_min] ? offsetof(struct row, timestamp_min)
                                                           : offsetof(struct row, timestamp_max);
    } else if (c->field->flags & F_OR) {
        fc->where = IN_ROW;
        fc->off = c->field == &fields[FIELD_tcpflags] ? offsetof(struct row, tcpflags)
                                                      : offsetof(struct row, tunnel_tcpflags);
    }
    if (f->st.client && c->field->kind == FK_ASPATH)
        fc->put_var = text_as_path_client;
}

/* The second half of a pair: SH_LAT → SH_LON. */
static void lat_to_lon(char *text)
{
    char *at = strstr(text, "LAT");
    if (at)
        memcpy(at, "LON", 3);
}

struct fcol *format_add(struct format *f, const struct column *c)
{
    struct fcol *fc = &f->col[f->n++];
    fcol_init(fc, f, c);
    if (c->field->kind == FK_COORDS) {
        struct fcol *lon = &f->col[f->n++];
        *lon = *fc;
        lat_to_lon(lon->title);
        if (lon->where == IN_KEY)
            lon->off += offsetof(struct coords, lon);
    }
    return fc;
}

struct fcol *format_add_counter(struct format *f, const char *title, uint16_t off, uint16_t width)
{
    struct fcol *fc = &f->col[f->n++];
    memset(fc, 0, sizeof(*fc));
    fc->put = text_u64;
    fc->where = IN_ROW;
    fc->off = off;
    fc->max = 20;
    fc->width = width;
    snprintf(fc->title, sizeof(fc->title), "%s", title);
    return fc;
}

void format_add_counters(struct format *f)
{
    if (f->st.events)
        return;
    format_add_counter(f, "PACKETS", offsetof(struct row, packets), 22);
    if (f->layout->flows)
        format_add_counter(f, "FLOWS", offsetof(struct row, flows), 22);
    format_add_counter(f, "BYTES", offsetof(struct row, bytes), 0);
}

/* The client's -a: every column of the table, whether the layout has it or not. */
static unsigned every_column(struct format *f, const struct column *order[COLUMNS_MAX])
{
    unsigned n = 0;
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        const struct field *fd = &fields[id];
        if (!fd->client_rank || !*fd->title || fd->flags & F_STITCH)
            continue;
        const struct column *c = layout_find(f->layout, (enum field_id)id);
        if (!c) {
            f->absent[id] = (struct column){ .field = fd };
            c = &f->absent[id];
        }
        unsigned at = n++;
        for (; at && order[at - 1]->field->client_rank > fd->client_rank; at--)
            order[at] = order[at - 1];
        order[at] = c;
    }
    return n;
}

static void proto_texts(struct format *f)
{
    for (unsigned i = 0; i < 256; i++) {
        struct proto_text *t = &f->proto[i];
        const char *name = f->st.num_protos ? NULL : proto_name((uint8_t)i);
        char number[4];
        if (!name) {
            snprintf(number, sizeof(number), "%u", i);
            name = number;
        }
        t->len = (uint8_t)strnlen(name, sizeof(t->text));
        memcpy(t->text, name, t->len);
    }
}

struct format *format_new(const struct layout *l, const struct format_style *style)
{
    struct format *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->ops = ops_of[style->kind];
    f->layout = l;
    f->st = *style;
    if (f->st.client && !f->st.time.epoch)
        f->st.time.rfc3339 = true;
    proto_texts(f);
    const struct column *order[COLUMNS_MAX];
    unsigned n = style->all_columns
                     ? every_column(f, order)
                     : layout_order(l,
                                    style->kind >= FORMAT_JSON && style->order == ORDER_CSV ? ORDER_JSON
                                                                                            : style->order,
                                    order);
    for (unsigned i = 0; i < n; i++)
        format_add(f, order[i]);
    if (f->ops->prepare(f) == -1) {
        format_free(f);
        return NULL;
    }
    for (unsigned i = 0; i < f->n; i++) {
        const struct fcol *c = &f->col[i];
        size_t text = (size_t)c->max * 2 + 2; /* csv may double quotes */
        f->row_max += c->prefix_len + PREFIX_STEP + (text > c->width ? text : c->width) + 64;
    }
    f->row_max += f->head_len + f->tail_len + 128;
    format_set_updated(f, style->updated_us);
    return f;
}

void format_free(struct format *f)
{
    if (!f)
        return;
    free(f->head);
    free(f->tail);
    free(f);
}

void format_set_updated(struct format *f, int64_t updated_us)
{
    struct time_cache tc = { 0 };
    f->updated_len = (uint8_t)time_text(updated_us, &f->st.time, false, &tc, f->updated);
}

void format_only(struct format *f, const struct column *const *columns, unsigned n)
{
    for (unsigned i = 0; i < f->n; i++) {
        bool wanted = false;
        for (unsigned k = 0; k < n && !wanted; k++)
            wanted = f->col[i].column == columns[k];
        if (!wanted)
            f->col[i].hide = HIDE_ALWAYS;
    }
}

bool format_set_writer_id(struct format *f, const char *id)
{
    const size_t before = f->tail_len;
    if (!f->ops->tail)
        return true;
    const bool done = f->ops->tail(f, id);
    f->row_max += f->tail_len;
    f->row_max -= before;
    return done;
}

void format_header(struct format *f, struct strbuf *out)
{
    if (f->ops->header)
        f->ops->header(f, out);
}

void format_row(struct format *f, const struct row *r, struct strbuf *out) { f->ops->row(f, r, out); }

void format_value(struct format *f, const struct column *c, const struct row *r, struct strbuf *out)
{
    struct fcol fc;
    fcol_init(&fc, f, c);
    if (fc.put_var) {
        uint32_t len;
        const uint8_t *v = fcol_bytes(&fc, f, r, &len);
        fc.put_var(f, v, len, out);
    } else if (strbuf_room(out, fc.max + 64u)) {
        out->len = (size_t)(fc.put(&fc, f, fcol_value(&fc, f, r), out->p + out->len) - out->p);
    }
}
