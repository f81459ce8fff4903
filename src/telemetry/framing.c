/* SPDX-License-Identifier: BSD-2-Clause */
/* Where messages begin and end. The usual case, a message that came whole, is one pass over it. */
#include "telemetry/framing.h"

#include <string.h>
#include "base/cursor.h"
#include "telemetry/unzip.h"

static const struct {
    const char *name, *text;
} faults[TELE_FAULTS] = {
    [TELE_FAULT_NONE] = { "none", "nothing" },
    [TELE_FAULT_JUNK] = { "junk", "octets that belong to no message" },
    [TELE_FAULT_JSON] = { "json", "a message that is no JSON" },
    [TELE_FAULT_HEADER] = { "header", "no such header" },
    [TELE_FAULT_TOO_LONG] = { "too_long", "a message that is too long" },
    [TELE_FAULT_MEMORY] = { "memory", "too many octets of unfinished messages" },
    [TELE_FAULT_CUT] = { "cut", "the end within a message" },
    [TELE_FAULT_ZLIB] = { "zlib", "a compressed message that does not unpack" },
    [TELE_FAULT_ENCODING] = { "encoding", "a message that is not what it says" },
    [TELE_FAULT_SEGMENT] = { "segment", "segments that contradict each other" },
    [TELE_FAULT_INCOMPLETE] = { "incomplete", "a message of which segments did not come" },
};

const char *tele_fault_name(enum tele_fault f) { return faults[f].name; }
const char *tele_fault_text(enum tele_fault f) { return faults[f].text; }

static enum frame_verdict fault(struct frame *out, enum tele_fault why, size_t used)
{
    out->fault = why;
    out->used = used;
    return used ? FRAME_FAULT : FRAME_BROKEN;
}

/* More than a message may have is never waited for. */
static enum frame_verdict more(struct frame *out, size_t want)
{
    if (want > TELE_MESSAGE_MAX)
        return fault(out, TELE_FAULT_TOO_LONG, 0);
    out->want = want;
    return FRAME_MORE;
}

static enum frame_verdict message(struct frame *out, size_t used, const struct tele_message *m)
{
    out->used = used;
    out->message = *m;
    return FRAME_MESSAGE;
}

/* ---- JSON, one object behind the other */

/* White space, and the separators of RFC 7464 (JSON text sequences). */
static bool is_filler(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0x1e || c == 0;
}

static bool opens(uint8_t c) { return c == '{' || c == '['; }

static enum frame_verdict json_whole(struct framing *s, const uint8_t *p, size_t len, struct frame *out)
{
    struct json_found found;
    s->looked = 0;
    s->json = (struct json_frame){ 0 };
    if (json_check_all(p, len, &found) != JSON_WHOLE)
        return fault(out, TELE_FAULT_JSON, len);
    return message(out, len,
                   &(struct tele_message){ .p = p, .len = len, .checked = true, .breaks = found.breaks });
}

/* A message that came in pieces, or that is wrong: its brackets tell where it ends. */
static enum frame_verdict json_by_brackets(struct framing *s, const uint8_t *p, size_t n, struct frame *out)
{
    bool whole;
    s->looked += json_frame(&s->json, p + s->looked, n - s->looked, &whole);
    if (whole)
        return json_whole(s, p, s->looked, out);
    return more(out, n + 1);
}

enum frame_verdict frame_json(struct framing *s, const uint8_t *p, size_t n, struct frame *out)
{
    struct json_found found;
    size_t i = 0;
    if (s->looked)
        return json_by_brackets(s, p, n, out);
    while (i < n && is_filler(p[i]))
        i++;
    if (i) {
        out->used = i;
        return FRAME_NOTHING;
    }
    while (i < n && !opens(p[i]))
        i++;
    if (i)
        return fault(out, TELE_FAULT_JUNK, i);
    if (json_check(p, p + n, &found) == JSON_WHOLE)
        return message(out, (size_t)(found.end - p),
                       &(struct tele_message){
                           .p = p, .len = (size_t)(found.end - p), .checked = true, .breaks = found.breaks });
    return json_by_brackets(s, p, n, out);
}

/* ---- protocol buffers behind their length */

enum frame_verdict frame_gpb(struct framing *s, const uint8_t *p, size_t n, struct frame *out)
{
    (void)s;
    if (n < 4)
        return more(out, 4);
    const size_t len = load_be32(p);
    if (n - 4 < len)
        return more(out, len + 4);
    out->used = len + 4;
    if (len == 0)
        return FRAME_NOTHING;
    return message(out, len + 4, &(struct tele_message){ .p = p + 4, .len = len, .encoding = TELE_GPB });
}

/* ---- Cisco's headers, 12 octets */

enum { MDT_HEADER = 12 };

static enum frame_verdict mdt_body(struct framing *s, const struct tele_message *m, bool packed,
                                   bool one_stream, struct frame *out)
{
    struct tele_message whole = *m;
    out->used = MDT_HEADER + m->len;
    if (packed && unzip(&s->inflater, one_stream, m->p, m->len, s->unpacked) == -1)
        return fault(out, TELE_FAULT_ZLIB, out->used);
    if (packed) {
        whole.p = (const uint8_t *)s->unpacked->p;
        whole.len = s->unpacked->len;
    }
    if (whole.len == 0)
        return FRAME_NOTHING;
    return message(out, out->used, &whole);
}

/* type u16, encapsulation u16, version u16, flags u16, length u32. */
enum frame_verdict frame_mdt_v1(struct framing *s, const uint8_t *p, size_t n, struct frame *out)
{
    enum { DATA = 1, HEARTBEAT, GPB = 1, JSON, COMPACT, KEY_VALUE, ZLIB = 1 };
    if (n < MDT_HEADER)
        return more(out, MDT_HEADER);
    const unsigned type = load_be16(p), encap = load_be16(p + 2), version = load_be16(p + 4);
    const size_t len = load_be32(p + 8);
    if (type < DATA || type > HEARTBEAT || version > 1)
        return fault(out, TELE_FAULT_HEADER, 0);
    if (n - MDT_HEADER < len)
        return more(out, MDT_HEADER + len);
    out->used = MDT_HEADER + len;
    if (type == HEARTBEAT)
        return FRAME_NOTHING;
    if (encap < GPB || encap > KEY_VALUE)
        return fault(out, TELE_FAULT_HEADER, out->used);
    const struct tele_message m = { .p = p + MDT_HEADER,
                                    .len = len,
                                    .encoding = encap == JSON ? TELE_JSON : TELE_GPB };
    return mdt_body(s, &m, load_be16(p + 6) & ZLIB, false, out);
}

/* type u32, flags u32, length u32; compressed messages are one zlib stream until a message of type 1. */
enum frame_verdict frame_mdt_v0(struct framing *s, const uint8_t *p, size_t n, struct frame *out)
{
    enum { RESET = 1, JSON, COMPACT, KEY_VALUE, ZLIB = 1 };
    if (n < MDT_HEADER)
        return more(out, MDT_HEADER);
    const uint32_t type = load_be32(p);
    const size_t len = load_be32(p + 8);
    if (type < RESET || type > KEY_VALUE)
        return fault(out, TELE_FAULT_HEADER, 0);
    if (n - MDT_HEADER < len)
        return more(out, MDT_HEADER + len);
    out->used = MDT_HEADER + len;
    if (type == RESET) {
        unzip_end(&s->inflater);
        return FRAME_NOTHING;
    }
    const struct tele_message m = { .p = p + MDT_HEADER,
                                    .len = len,
                                    .encoding = type == JSON ? TELE_JSON : TELE_GPB };
    return mdt_body(s, &m, load_be32(p + 4) & ZLIB, true, out);
}

void framing_end(struct framing *s)
{
    unzip_end(&s->inflater);
    s->looked = 0;
    s->json = (struct json_frame){ 0 };
}
