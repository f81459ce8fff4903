/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to encode messages, and JSON among them: an object a row, and a newline behind each where a
 * message has several. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/body.h"

#include <inttypes.h>
#include "output/format.h"
#include "output/json.h"
#include "output/style.h"

static const struct body_ops *const kinds[BODY_KINDS] = { [BODY_JSON] = &body_json,
                                                          [BODY_AVRO] = &body_avro,
                                                          [BODY_AVRO_JSON] = &body_avro_json,
                                                          [BODY_PROTO] = &body_proto };

const struct body_ops *body_ops_of(int kind) { return kinds[kind]; }

struct json {
    struct format *format;
    const char *writer_id;
    size_t octets; /* of a message, 0: one row each */
};

static int json_open(void *state, const struct body_conf *c, struct err *e)
{
    struct json *j = state;
    struct format_style style = style_of_config(c->pl->c, FORMAT_JSON);
    style.rd_origin = true;
    j->octets = (size_t)c->pl->c->sql_multi_values;
    j->format = format_new(c->pl->layout, &style);
    log_info(&c->pl->log, "JSON: setting object handlers.");
    return j->format ? 0 : err_set(e, ERR_SYS, "out of memory");
}

static void json_limits(const void *state, struct body_limits *l)
{
    const struct json *j = state;
    *l = (struct body_limits){ .rows = j->octets ? UINT64_MAX : 1, .octets = j->octets };
}

static int json_begin(void *state, const struct batch *b, const char *writer_id, struct err *e)
{
    struct json *j = state;
    j->writer_id = writer_id;
    format_set_updated(j->format, b->purge_us);
    if (format_set_writer_id(j->format, writer_id))
        return 0;
    return err_set(e, ERR_SYS, "out of memory");
}

static void json_row(void *state, const struct row *r, struct strbuf *out)
{
    const struct json *j = state;
    format_row(j->format, r, out);
}

static void json_end(void *state, uint64_t rows, struct strbuf *out)
{
    (void)state;
    if (rows == 1 && out->len && out->p[out->len - 1] == '\n')
        out->len--;
}

void body_json_marker(struct strbuf *out, enum body_marker what, const struct body_totals *t,
                      const char *writer_id)
{
    strbuf_printf(
        out, "{\"event_type\": \"%s\", \"writer_id\": ", what == BODY_INIT ? "purge_init" : "purge_close");
    json_string(out, writer_id, strlen(writer_id));
    if (what == BODY_CLOSE)
        strbuf_printf(
            out, ", \"purged_entries\": %" PRIu64 ", \"total_entries\": %" PRIu64 ", \"duration\": %" PRId64,
            t->purged, t->total, t->seconds);
    strbuf_char(out, '}');
}

static void json_marker(void *state, enum body_marker what, const struct body_totals *t, struct strbuf *out)
{
    const struct json *j = state;
    body_json_marker(out, what, t, j->writer_id);
}

static void json_close(void *state)
{
    struct json *j = state;
    format_free(j->format);
}

const struct body_ops body_json = {
    .name = "json",
    .content_type = "application/json",
    .state_size = sizeof(struct json),
    .open = json_open,
    .limits = json_limits,
    .begin = json_begin,
    .row = json_row,
    .end = json_end,
    .marker = json_marker,
    .close = json_close,
};
