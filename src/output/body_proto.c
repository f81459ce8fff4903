/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of messages as protocol buffers: an AcctData a message, or an AcctBatch of several. messages.c calls
 * it for kafka_output and amqp_output. */
#include "output/body.h"
#include "output/format.h"
#include "output/protobuf.h"
#include "output/style.h"

enum {
    BATCH_ROWS = 1 /* number of AcctBatch.rows */,
    LEN_ROOM = 2 /* octets that most rows' lengths take */
};

struct proto_body {
    struct format *format;
    const char *writer_id;
    size_t octets; /* of a message, 0: one row each */
};

static int proto_open(void *state, const struct body_conf *c, struct err *e)
{
    struct proto_body *b = state;
    struct format_style style = style_of_config(c->pl->c, FORMAT_PROTO);
    style.rd_origin = true;
    b->octets = (size_t)c->pl->c->sql_multi_values;
    b->format = format_new(c->pl->layout, &style);
    return b->format ? 0 : err_set(e, ERR_SYS, "out of memory");
}

static void proto_limits(const void *state, struct body_limits *l)
{
    const struct proto_body *b = state;
    *l = (struct body_limits){ .rows = b->octets ? UINT64_MAX : 1, .octets = b->octets };
}

static int proto_begin(void *state, const struct batch *batch, const char *writer_id, struct err *e)
{
    struct proto_body *b = state;
    b->writer_id = writer_id;
    format_set_updated(b->format, batch->purge_us);
    return format_set_writer_id(b->format, writer_id) ? 0 : err_set(e, ERR_SYS, "out of memory");
}

static void proto_row(void *state, const struct row *r, struct strbuf *out)
{
    static const char head[] = { BATCH_ROWS << 3 | PROTO_LEN, 0, 0 };
    const struct proto_body *b = state;
    if (!b->octets) {
        format_row(b->format, r, out);
        return;
    }
    strbuf_add(out, head, 1 + LEN_ROOM);
    const size_t at = out->len - LEN_ROOM;
    format_row(b->format, r, out);
    proto_close(out, at, LEN_ROOM);
}

static void proto_marker(void *state, enum body_marker what, const struct body_totals *t, struct strbuf *out)
{
    const struct proto_body *b = state;
    const char *event = what == BODY_INIT ? "purge_init" : "purge_close";
    const size_t at = out->len + 1;
    if (b->octets)
        strbuf_add(out, (const char[]){ BATCH_ROWS << 3 | PROTO_LEN, 0 }, 2);
    proto_text(out, PROTO_event_type, event, strlen(event));
    proto_text(out, PROTO_writer_id, b->writer_id, strlen(b->writer_id));
    if (what == BODY_CLOSE) {
        proto_uint(out, PROTO_purged_entries, t->purged);
        proto_uint(out, PROTO_total_entries, t->total);
        proto_uint(out, PROTO_duration, (uint64_t)t->seconds);
    }
    if (b->octets)
        proto_close(out, at, 1);
}

static void proto_end(void *state)
{
    struct proto_body *b = state;
    format_free(b->format);
}

const struct body_ops body_proto = {
    .name = "protobuf",
    .content_type = "application/x-protobuf",
    .state_size = sizeof(struct proto_body),
    .open = proto_open,
    .limits = proto_limits,
    .begin = proto_begin,
    .row = proto_row,
    .marker = proto_marker,
    .close = proto_end,
};
