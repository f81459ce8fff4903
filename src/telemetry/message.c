/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written of a message: one line of JSON in either layout, and what the next dump needs of it. The
 * payload is checked and copied, never made into a tree. Inputs call it. */
#include <stdio.h>
#include <string.h>
#include "base/base64.h"
#include "output/json.h"
#include "telemetry/cbor.h"
#include "telemetry/dump.h"
#include "telemetry/gnmi.h"
#include "telemetry/layout.h"
#include "telemetry/telemetry.h"

/* ---- payloads: each adds the value of telemetry_data, and says what it is; NULL: it is not what it says */

static const char *payload_json(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    struct json_found found = { .breaks = m->breaks };
    if (!m->checked && t->k->json_string && t->k->decoder == TELE_DECODER_V1 && !m->from_notif) {
        json_string(out, (const char *)m->p, m->len);
        return "json_string";
    }
    if (!m->checked && json_check_all(m->p, m->len, &found) != JSON_WHOLE)
        return NULL;
    json_copy(out, m->p, m->len, found.breaks);
    return "json";
}

static void quoted_base64(struct strbuf *out, const struct tele_message *m)
{
    strbuf_char(out, '"');
    base64_add(out, m->p, m->len);
    strbuf_char(out, '"');
}

static const char *payload_gpb(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    const size_t before = out->len;
    if (t->k->decode_gpb) {
        if (gpb_telemetry_json(t->gpb, m->p, m->len, out) == 0)
            return "json";
        out->len = before;
    }
    quoted_base64(out, m);
    return "gpb";
}

static const char *payload_gnmi(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    const size_t before = out->len;
    if (t->k->decode_gpb) {
        if (gnmi_json(m->p, m->len, out) == 0)
            return "json";
        out->len = before;
    }
    quoted_base64(out, m);
    return "gpb";
}

static const char *payload_cbor(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    const size_t before = out->len;
    (void)t;
    if (cbor_json(m->p, m->len, out) == 0)
        return "json";
    out->len = before;
    quoted_base64(out, m);
    return "cbor";
}

static const char *payload_xml(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    (void)t;
    json_string(out, (const char *)m->p, m->len);
    return "xml";
}

static const char *payload_other(struct telemetry *t, const struct tele_message *m, struct strbuf *out)
{
    (void)t;
    quoted_base64(out, m);
    return "unknown";
}

static const char *(*const payloads[])(struct telemetry *t, const struct tele_message *m,
                                       struct strbuf *out) = {
    [TELE_JSON] = payload_json, [TELE_GPB] = payload_gpb,     [TELE_CBOR] = payload_cbor,
    [TELE_XML] = payload_xml,   [TELE_OTHER] = payload_other, [TELE_GNMI] = payload_gnmi,
};

/* What was not what it said is written all the same, in base64. */
static bool fell_back(const struct tele_message *m, const struct telemetry *t, const char *serialization)
{
    return ((m->encoding == TELE_GPB || m->encoding == TELE_GNMI) && t->k->decode_gpb &&
            serialization[0] == 'g') ||
           (m->encoding == TELE_CBOR && serialization[0] == 'c');
}

/* ---- lines */

static void write_line(struct telemetry *t, struct tele_peer *p)
{
    (void)msglog_put(t->msglog, p->target, t->line.p, t->line.len); /* the log counts what it loses */
}

void tele_event(struct telemetry *t, struct tele_peer *p, const char *event)
{
    char text[TIME_TEXT];
    struct strbuf *s = &t->line;
    if (!t->msglog)
        return;
    tele_now(t);
    strbuf_clear(s);
    json_first(s, "seq");
    strbuf_u64(s, t->seq++);
    json_text(s, "timestamp", text, time_text(t->now_us, &t->style, true, &t->times, text));
    json_addr(s, "telemetry_node", &p->addr);
    json_uint(s, "telemetry_node_port", p->port);
    json_word(s, "event_type", event);
    strbuf_add(s, t->tail.p, t->tail.len);
    write_line(t, p);
}

void tele_take(struct telemetry *t, struct tele_peer *p, const struct tele_message *m)
{
    struct strbuf *s = &t->line;
    struct tele_line l = {
        .event = "log", .seq = t->seq, .at_us = t->now_us, .fraction = true, .peer = p, .tail = &t->tail
    };
    strbuf_clear(s);
    tele_line_begin(t, &l, s);
    const size_t begin = s->len;
    const char *serialization = payloads[m->encoding](t, m, s);
    const size_t end = s->len;
    if (serialization) {
        l.serialization = serialization;
        tele_line_end(t, &l, s);
    }
    if (!serialization || s->failed) {
        tele_fault(t, p, serialization ? TELE_FAULT_TOO_LONG : TELE_FAULT_JSON);
        return;
    }
    if (fell_back(m, t, serialization))
        tele_fault(t, p, TELE_FAULT_ENCODING);
    p->counts.messages++;
    p->counts.message_octets += m->len;
    t->total.messages++;
    t->total.message_octets += m->len;
    if (t->dump)
        tele_dump_keep(t, p, s->p + begin, end - begin, serialization);
    if (!t->msglog)
        return;
    t->seq++;
    write_line(t, p);
}

size_t tele_take_all(struct telemetry *t, struct tele_peer *p, struct framing *f, const uint8_t *octets,
                     size_t n, size_t *want, bool *broken)
{
    size_t done = 0;
    *want = 0;
    *broken = false;
    while (done < n) {
        struct frame fr = { 0 };
        const enum frame_verdict v = t->framing(f, octets + done, n - done, &fr);
        done += fr.used;
        switch (v) {
        case FRAME_MESSAGE:
            tele_take(t, p, &fr.message);
            break;
        case FRAME_NOTHING:
            break;
        case FRAME_FAULT:
            tele_fault(t, p, fr.fault);
            break;
        case FRAME_MORE:
            *want = fr.want;
            return done;
        case FRAME_BROKEN:
            tele_fault(t, p, fr.fault);
            *broken = true;
            return done;
        }
    }
    return done;
}

void tele_take_datagram(struct telemetry *t, struct tele_peer *p, struct framing *f, const uint8_t *octets,
                        size_t n)
{
    size_t want;
    bool broken;
    if (t->k->decoder == TELE_DECODER_GPB) { /* no length in front */
        if (n)
            tele_take(t, p, &(struct tele_message){ .p = octets, .len = n, .encoding = TELE_GPB });
        return;
    }
    if (tele_take_all(t, p, f, octets, n, &want, &broken) < n && !broken)
        tele_fault(t, p, TELE_FAULT_CUT);
    framing_end(f);
}

bool tele_room(struct telemetry *t)
{
    if (!t->no_room && t->msglog && !msglog_room(t->msglog))
        t->no_room = true;
    return !t->no_room;
}
