/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of messages in Avro: bare records, one or more a message; one behind its schema's id where a
 * registry knows it; or lines of Avro's JSON encoding. messages.c calls it for kafka_output and amqp_output.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <inttypes.h>
#include <stdio.h>

#include "output/avro.h"
#include "output/avro_file.h"
#include "output/body.h"
#include "output/format.h"
#include "output/json.h"
#include "output/registry.h"
#include "output/style.h"

enum avro_record { RECORD_DATA, RECORD_INIT, RECORD_CLOSE, RECORDS };

static const char *const record_name[RECORDS] = { "acct_data", "acct_init", "acct_close" };

/* Those of the markers; that of rows comes from the format. */
static const char schema_init[] =
    "{\"type\": \"record\", \"name\": \"acct_init\", \"fields\": [{\"name\": \"event_type\", \"type\": "
    "\"string\"}, {\"name\": \"writer_id\", \"type\": \"string\"}]}";
static const char schema_close[] =
    "{\"type\": \"record\", \"name\": \"acct_close\", \"fields\": [{\"name\": \"event_type\", \"type\": "
    "\"string\"}, {\"name\": \"writer_id\", \"type\": \"string\"}, {\"name\": \"purged_entries\", \"type\": "
    "\"long\"}, {\"name\": \"total_entries\", \"type\": \"long\"}, {\"name\": \"duration\", \"type\": "
    "\"int\"}]}";

struct avro_body {
    struct format *format;
    struct strbuf schema;
    const char *writer_id, *destination;
    struct body_limits limits;
    bool markers;
    struct registry *registry; /* NULL: none, no heads */
    bool known[RECORDS];
    uint32_t id[RECORDS];
};

/* ---- rules over several keys */

static int avro_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e)
{
    const struct config *c = &pc->c;
    const char *key = "kafka_avro_schema_registry";
    char at[256];
    if (!c->kafka.registry || strcmp(pc->type, "kafka") != 0)
        return 0;
    config_where(set, key, pc->name, at, sizeof(at));
    if (!registry_built())
        return err_set(e, ERR_UNSUPPORTED, "%s: %s: this build has no libcurl", at, key);
    if (c->broker_output != BODY_AVRO)
        return err_set(e, ERR_CONFIG, "%s: %s: a registry knows records of kafka_output: avro", at, key);
    if (c->sql_multi_values)
        return err_set(e, ERR_CONFIG,
                       "%s: %s: a message with the id of its schema holds one record: not with "
                       "kafka_multi_values",
                       at, key);
    if (c->kafka.topic && strchr(c->kafka.topic, '$'))
        return err_set(e, ERR_CONFIG,
                       "%s: %s: the subject is named by the topic: not with variables in kafka_topic", at,
                       key);
    return 0;
}

/* ---- making one */

static void avro_close(void *state)
{
    struct avro_body *a = state;
    format_free(a->format);
    strbuf_free(&a->schema);
    registry_close(a->registry);
}

static int save_schema(struct avro_body *a, const struct config *c, struct err *e)
{
    const struct file_modes modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid);
    return c->avro_schema_file ? avro_schema_save(c->avro_schema_file, &a->schema, &modes, e) : 0;
}

static int open_kind(struct avro_body *a, const struct body_conf *conf, enum format_kind kind, struct err *e)
{
    const struct config *c = conf->pl->c;
    struct format_style style = style_of_config(c, kind);
    style.rd_origin = true;
    style.writer_id = "";
    a->destination = conf->destination;
    a->markers = c->print_markers;
    a->limits.rows = c->sql_multi_values ? (uint64_t)c->sql_multi_values : 1;
    a->limits.octets = (size_t)c->avro_buffer_size;
    strbuf_init(&a->schema, AVRO_SCHEMA_MAX);
    a->format = format_new(conf->pl->layout, &style);
    if (!a->format) {
        avro_close(a);
        return err_set(e, ERR_SYS, "out of memory");
    }
    format_schema(a->format, &a->schema);
    (void)strbuf_cstr(&a->schema); /* ends with a NUL from now on */
    if ((!conf->registry || registry_open(&a->registry, conf->registry, e) == 0) && save_schema(a, c, e) == 0)
        return 0;
    avro_close(a);
    return -1;
}

static int avro_open(void *state, const struct body_conf *c, struct err *e)
{
    return open_kind(state, c, FORMAT_AVRO, e);
}

static int avro_json_open(void *state, const struct body_conf *c, struct err *e)
{
    return open_kind(state, c, FORMAT_AVRO_JSON, e);
}

static void avro_limits(const void *state, struct body_limits *l)
{
    *l = ((const struct avro_body *)state)->limits;
}

static const char *avro_schema(const void *state) { return ((const struct avro_body *)state)->schema.p; }

/* ---- batches */

/* Gets the id of a schema, once. */
static int learn_id(struct avro_body *a, enum avro_record what, struct err *e)
{
    char subject[1024];
    const char *const fixed[RECORDS] = { NULL, schema_init, schema_close };
    const char *text = fixed[what] ? fixed[what] : a->schema.p;
    const size_t len = fixed[what] ? strlen(fixed[what]) : a->schema.len;
    if (a->known[what])
        return 0;
    snprintf(subject, sizeof(subject), "%s-%s", a->destination, record_name[what]);
    if (registry_id(a->registry, subject, text, len, &a->id[what], e) == -1)
        return -1;
    a->known[what] = true;
    return 0;
}

static int avro_begin(void *state, const struct batch *b, const char *writer_id, struct err *e)
{
    struct avro_body *a = state;
    const enum avro_record last = a->markers ? RECORD_CLOSE : RECORD_DATA;
    for (unsigned what = RECORD_DATA; a->registry && what <= last; what++)
        if (learn_id(a, what, e) == -1)
            return -1;
    a->writer_id = writer_id;
    format_set_updated(a->format, b->purge_us);
    return format_set_writer_id(a->format, writer_id) ? 0 : err_set(e, ERR_SYS, "out of memory");
}

static void avro_head(void *state, struct strbuf *out)
{
    const struct avro_body *a = state;
    if (a->registry)
        registry_head(out, a->id[RECORD_DATA]);
}

static void avro_row(void *state, const struct row *r, struct strbuf *out)
{
    const struct avro_body *a = state;
    format_row(a->format, r, out);
}

static void avro_marker(void *state, enum body_marker what, const struct body_totals *t, struct strbuf *out)
{
    const struct avro_body *a = state;
    const char *event = what == BODY_INIT ? "purge_init" : "purge_close";
    if (a->registry)
        registry_head(out, a->id[what == BODY_INIT ? RECORD_INIT : RECORD_CLOSE]);
    avro_string(out, event, strlen(event));
    avro_string(out, a->writer_id, strlen(a->writer_id));
    if (what == BODY_INIT)
        return;
    avro_long(out, (int64_t)t->purged);
    avro_long(out, (int64_t)t->total);
    avro_long(out, t->seconds);
}

static void avro_json_end(void *state, uint64_t rows, struct strbuf *out)
{
    (void)state;
    if (rows == 1 && out->len && out->p[out->len - 1] == '\n')
        out->len--;
}

/* No member of theirs is a union: these are the markers of JSON. */
static void avro_json_marker(void *state, enum body_marker what, const struct body_totals *t,
                             struct strbuf *out)
{
    const struct avro_body *a = state;
    body_json_marker(out, what, t, a->writer_id);
}

const struct body_ops body_avro = {
    .name = "avro",
    .content_type = "application/octet-stream",
    .state_size = sizeof(struct avro_body),
    .check = avro_check,
    .open = avro_open,
    .limits = avro_limits,
    .begin = avro_begin,
    .head = avro_head,
    .row = avro_row,
    .marker = avro_marker,
    .schema = avro_schema,
    .close = avro_close,
};

const struct body_ops body_avro_json = {
    .name = "avro_json",
    .content_type = "application/json",
    .state_size = sizeof(struct avro_body),
    .check = avro_check,
    .open = avro_json_open,
    .limits = avro_limits,
    .begin = avro_begin,
    .row = avro_row,
    .end = avro_json_end,
    .marker = avro_json_marker,
    .schema = avro_schema,
    .close = avro_close,
};
