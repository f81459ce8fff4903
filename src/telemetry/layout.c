/* SPDX-License-Identifier: BSD-2-Clause */
/* The two layouts. */
#include "telemetry/layout.h"

#include <string.h>
#include <unistd.h>
#include "core/build.h"
#include "output/json.h"
#include "output/writerid.h"

static void put_time(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    if (strbuf_room(s, TIME_TEXT))
        s->len += time_text(l->at_us, &t->style, l->fraction, &t->times, s->p + s->len);
}

/* ---- flat */

static void flat_begin(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    strbuf_lit(s, "{\"event_type\": \"");
    strbuf_str(s, l->event);
    strbuf_lit(s, "\", \"seq\": ");
    strbuf_u64(s, l->seq);
    strbuf_lit(s, ", \"timestamp\": \"");
    put_time(t, l, s);
    strbuf_char(s, '"');
    strbuf_add(s, l->peer->head.p, l->peer->head.len);
    strbuf_lit(s, ", \"telemetry_data\": ");
}

static void flat_end(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    (void)t;
    strbuf_lit(s, ", \"serialization\": \"");
    strbuf_str(s, l->serialization);
    strbuf_char(s, '"');
    strbuf_add(s, l->tail->p, l->tail->len);
}

void tele_line_tail(struct strbuf *s, const struct config *c, const struct msglog_conf *stream)
{
    struct strbuf id;
    strbuf_clear(s);
    if (stream->amqp.routing_key || stream->kafka.topic) {
        strbuf_init(&id, 1024);
        writer_id_expand(&id, c->writer_id_string, c->core_proc_name ? c->core_proc_name : "default",
                         getpid());
        json_text(s, "writer_id", strbuf_cstr(&id), id.len);
        strbuf_free(&id);
    }
    strbuf_char(s, '}');
}

/* ---- draft-netana-nmop-message-broker-telemetry-message, as JSON */

static void put_label_number(struct strbuf *s, const char *name, uint64_t v)
{
    strbuf_lit(s, "{\"name\": \"");
    strbuf_str(s, name);
    strbuf_lit(s, "\", \"number-value\": ");
    strbuf_u64(s, v);
    strbuf_char(s, '}');
}

static void put_label_text(struct strbuf *s, const char *name, const char *text)
{
    strbuf_lit(s, ", {\"name\": \"");
    strbuf_str(s, name);
    strbuf_lit(s, "\", \"string-value\": ");
    json_string(s, text, strlen(text));
    strbuf_char(s, '}');
}

static void draft_begin(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    (void)l;
    if (l->peer->of_notif)
        strbuf_lit(s, "{\"ietf-telemetry-message:message\": ");
    strbuf_lit(s, "{\"data-collection-manifest\": {\"vendor\": \"pmacct\", \"name\": ");
    json_string(s, t->log->name, strlen(t->log->name));
    json_text(s, "software-version", build_version(), strlen(build_version()));
    json_text(s, "software-flavor", "pmacct-ng", 9);
    strbuf_lit(s, "}, \"payload\": ");
}

static const char *draft_word(const char *serialization)
{
    return strcmp(serialization, "json_string") ? serialization : "json-string";
}

static void draft_end(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    const bool notif = l->peer->of_notif, dump = l->event[0] == 'd';
    strbuf_lit(s, ", \"network-operator-metadata\": {\"labels\": [");
    put_label_number(s, "seq", l->seq);
    put_label_text(s, "serialization", draft_word(l->serialization));
    if (l->peer->tag) {
        strbuf_lit(s, ", ");
        put_label_number(s, "tag", l->peer->tag);
    }
    if (l->peer->label)
        put_label_text(s, "label", l->peer->label);
    strbuf_lit(s, "]}, \"telemetry-message-metadata\": {\"notification-event\": \"");
    strbuf_str(s, dump && notif ? "update" : l->event);
    strbuf_lit(s, "\", \"session-protocol\": \"");
    strbuf_str(s, notif ? "yang-push" : "telemetry");
    strbuf_lit(s, "\", \"collection-timestamp\": \"");
    put_time(t, l, s);
    strbuf_char(s, '"');
    json_addr(s, "export-address", &l->peer->addr);
    json_uint(s, "export-port", l->peer->port);
    strbuf_str(s, notif ? "}}}" : "}}");
}

static const struct {
    void (*begin)(struct telemetry *t, const struct tele_line *l, struct strbuf *s);
    void (*end)(struct telemetry *t, const struct tele_line *l, struct strbuf *s);
} layouts[] = {
    [TELE_LAYOUT_FLAT] = { flat_begin, flat_end },
    [TELE_LAYOUT_DRAFT] = { draft_begin, draft_end },
};

void tele_line_begin(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    layouts[t->k->layout].begin(t, l, s);
}

void tele_line_end(struct telemetry *t, const struct tele_line *l, struct strbuf *s)
{
    layouts[t->k->layout].end(t, l, s);
}
