/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks a SubscribeResponse of gNMI and writes JSON as it reads. Called by message.c. */
#include "telemetry/gnmi.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/base64.h"
#include "output/json.h"
#include "telemetry/json_check.h"
#include "telemetry/pb.h"

enum { DEPTH = 8 /* of leaf lists */ };

/* Numbers of fields in gnmi.proto. */
enum { RESPONSE_UPDATE = 1, RESPONSE_SYNC = 3 };
enum { NOTE_TIMESTAMP = 1, NOTE_PREFIX = 2, NOTE_UPDATE = 4, NOTE_DELETE = 5 };
enum { UPDATE_PATH = 1, UPDATE_VALUE = 3, UPDATE_DUPLICATES = 4 };
enum { PATH_ORIGIN = 2, PATH_ELEMENT = 3, PATH_TARGET = 4 };
enum { ELEMENT_NAME = 1, ELEMENT_KEY = 2, MAP_KEY = 1, MAP_VALUE = 2 };
enum {
    VALUE_STRING = 1,
    VALUE_INT,
    VALUE_UINT,
    VALUE_BOOL,
    VALUE_BYTES,
    VALUE_FLOAT,
    VALUE_LEAF_LIST = 8,
    VALUE_JSON = 10,
    VALUE_JSON_IETF,
    VALUE_ASCII,
    VALUE_PROTO,
    VALUE_DOUBLE,
};

static const char *octets(const struct cursor *c) { return (const char *)c->p; }

/* ---- paths */

/* One that is to stand within a JSON text, so that what it must not hold is escaped; `special` with \\. */
static void add_name(struct strbuf *path, const struct cursor *c, const char *special)
{
    for (const uint8_t *p = c->p; p < c->end; p++) {
        if (*p && strchr(special, *p))
            strbuf_char(path, '\\');
        strbuf_char(path, (char)*p);
    }
}

static bool add_element(struct strbuf *path, struct cursor c)
{
    struct pb_field f = { 0 }, part = { 0 };
    struct cursor rest = c;
    strbuf_char(path, '/');
    while (pb_next(&c, &f))
        if (f.number == ELEMENT_NAME && f.wire == WIRE_LEN)
            add_name(path, &f.in, "/[\\");
    while (pb_next(&rest, &f)) {
        struct cursor key = { 0 }, value = { 0 };
        if (f.number != ELEMENT_KEY || f.wire != WIRE_LEN)
            continue;
        while (pb_next(&f.in, &part))
            if (part.wire == WIRE_LEN)
                *(part.number == MAP_KEY ? &key : &value) = part.in;
        strbuf_char(path, '[');
        add_name(path, &key, "=\\");
        strbuf_char(path, '=');
        add_name(path, &value, "]\\");
        strbuf_char(path, ']');
        c.bad |= f.in.bad;
    }
    return !c.bad && !rest.bad;
}

/* As a JSON text; *target gets who it is of, if that is said. */
static bool add_path(struct strbuf *out, struct cursor c, struct cursor *target)
{
    struct strbuf path;
    struct pb_field f = { 0 };
    bool good = true;
    strbuf_init(&path, 65536);
    while (good && pb_next(&c, &f)) {
        if (f.wire != WIRE_LEN)
            continue;
        if (f.number == PATH_ORIGIN && cursor_left(&f.in)) {
            strbuf_add(&path, f.in.p, cursor_left(&f.in));
            strbuf_char(&path, ':');
        } else if (f.number == PATH_ELEMENT)
            good = add_element(&path, f.in);
        else if (f.number == PATH_TARGET && target)
            *target = f.in;
    }
    good &= !c.bad && !path.failed;
    json_string(out, path.len ? path.p : "/", path.len ? path.len : 1);
    strbuf_free(&path);
    return good;
}

/* ---- values */

static void add_real(struct strbuf *out, double v)
{
    if (isfinite(v))
        strbuf_printf(out, "%.17g", v);
    else
        strbuf_lit(out, "null");
}

static bool add_json(struct strbuf *out, const struct cursor *c)
{
    struct json_found found = { 0 };
    if (json_check_all(c->p, cursor_left(c), &found) != JSON_WHOLE)
        return false;
    json_copy(out, c->p, cursor_left(c), found.breaks);
    return true;
}

static bool add_value(struct strbuf *out, struct cursor c, unsigned depth);

static bool add_list(struct strbuf *out, struct cursor c, unsigned depth)
{
    struct pb_field f = { 0 };
    const char *before = "";
    strbuf_char(out, '[');
    while (pb_next(&c, &f)) {
        if (f.number != 1 || f.wire != WIRE_LEN)
            continue;
        strbuf_str(out, before);
        before = ", ";
        if (!depth || !add_value(out, f.in, depth - 1))
            return false;
    }
    strbuf_char(out, ']');
    return !c.bad;
}

static bool add_octets(struct strbuf *out, const struct pb_field *f, unsigned depth)
{
    switch (f->number) {
    case VALUE_STRING:
    case VALUE_ASCII:
        json_string(out, octets(&f->in), cursor_left(&f->in));
        return true;
    case VALUE_JSON:
    case VALUE_JSON_IETF:
        return add_json(out, &f->in);
    case VALUE_LEAF_LIST:
        return add_list(out, f->in, depth);
    default: /* bytes, any, proto_bytes */
        strbuf_char(out, '"');
        base64_add(out, f->in.p, cursor_left(&f->in));
        strbuf_char(out, '"');
        return true;
    }
}

static void add_number(struct strbuf *out, const struct pb_field *f)
{
    double wide;
    float narrow;
    const uint32_t low = (uint32_t)f->v;
    if (f->wire == WIRE_64 && f->number == VALUE_DOUBLE) {
        memcpy(&wide, &f->v, sizeof(wide));
        add_real(out, wide);
    } else if (f->wire == WIRE_32 && f->number == VALUE_FLOAT) {
        memcpy(&narrow, &low, sizeof(narrow));
        add_real(out, (double)narrow);
    } else if (f->number == VALUE_BOOL)
        strbuf_str(out, f->v ? "true" : "false");
    else if (f->number == VALUE_INT)
        strbuf_printf(out, "\"%" PRId64 "\"", (int64_t)f->v);
    else
        strbuf_printf(out, "\"%" PRIu64 "\"", f->v);
}

/* A TypedValue: the last of its fields is it. */
static bool add_value(struct strbuf *out, struct cursor c, unsigned depth)
{
    struct pb_field f = { 0 }, last = { 0 };
    while (pb_next(&c, &f))
        last = f;
    if (c.bad)
        return false;
    if (!last.number)
        strbuf_lit(out, "null");
    else if (last.wire == WIRE_LEN)
        return add_octets(out, &last, depth);
    else
        add_number(out, &last);
    return true;
}

/* ---- notifications */

static bool add_update(struct strbuf *out, struct cursor c)
{
    struct pb_field f = { 0 };
    struct cursor path = { 0 }, value = { 0 };
    uint64_t duplicates = 0;
    while (pb_next(&c, &f)) {
        if (f.wire == WIRE_LEN && f.number == UPDATE_PATH)
            path = f.in;
        else if (f.wire == WIRE_LEN && f.number == UPDATE_VALUE)
            value = f.in;
        else if (f.wire == WIRE_VARINT && f.number == UPDATE_DUPLICATES)
            duplicates = f.v;
    }
    strbuf_lit(out, "{\"path\": ");
    bool good = !c.bad && add_path(out, path, NULL);
    strbuf_lit(out, ", \"val\": ");
    good = good && add_value(out, value, DEPTH);
    if (duplicates)
        strbuf_printf(out, ", \"duplicates\": %" PRIu64, duplicates);
    strbuf_char(out, '}');
    return good;
}

static bool add_delete(struct strbuf *out, struct cursor c) { return add_path(out, c, NULL); }

/* All fields of a number, as a member that is an array. */
static bool add_all(struct strbuf *out, struct cursor c, uint32_t number, const char *name,
                    bool (*add)(struct strbuf *out, struct cursor c))
{
    struct pb_field f = { 0 };
    bool some = false, good = true;
    while (good && pb_next(&c, &f)) {
        if (f.number != number || f.wire != WIRE_LEN)
            continue;
        if (some)
            strbuf_lit(out, ", ");
        else
            strbuf_printf(out, ", \"%s\": [", name);
        some = true;
        good = add(out, f.in);
    }
    if (some)
        strbuf_char(out, ']');
    return good && !c.bad;
}

static bool add_notification(struct strbuf *out, struct cursor c)
{
    struct pb_field f = { 0 };
    struct cursor rest = c, prefix = { 0 }, target = { 0 };
    uint64_t timestamp = 0;
    bool has_prefix = false, good = true;
    while (pb_next(&c, &f)) {
        if (f.number == NOTE_TIMESTAMP && f.wire == WIRE_VARINT)
            timestamp = f.v;
        if (f.number == NOTE_PREFIX && f.wire == WIRE_LEN) {
            prefix = f.in;
            has_prefix = true;
        }
    }
    strbuf_printf(out, "{\"timestamp\": \"%" PRId64 "\"", (int64_t)timestamp);
    if (has_prefix) {
        strbuf_lit(out, ", \"prefix\": ");
        good = add_path(out, prefix, &target);
    }
    if (cursor_left(&target)) {
        strbuf_lit(out, ", \"target\": ");
        json_string(out, octets(&target), cursor_left(&target));
    }
    good = good && !c.bad && add_all(out, rest, NOTE_UPDATE, "update", add_update) &&
           add_all(out, rest, NOTE_DELETE, "delete", add_delete);
    strbuf_char(out, '}');
    return good;
}

int gnmi_json(const uint8_t *p, size_t len, struct strbuf *out)
{
    struct cursor c = cursor_of(p, len);
    struct pb_field f = { 0 }, last = { 0 };
    bool good = false;
    while (pb_next(&c, &f))
        if (f.number == RESPONSE_UPDATE || f.number == RESPONSE_SYNC)
            last = f;
    if (c.bad)
        return -1;
    if (last.number == RESPONSE_UPDATE && last.wire == WIRE_LEN) {
        strbuf_lit(out, "{\"update\": ");
        good = add_notification(out, last.in);
        strbuf_char(out, '}');
    } else if (last.number == RESPONSE_SYNC && last.wire == WIRE_VARINT) {
        strbuf_printf(out, "{\"sync_response\": %s}", last.v ? "true" : "false");
        good = true;
    }
    return good ? 0 : -1;
}
