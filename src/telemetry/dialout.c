/* SPDX-License-Identifier: BSD-2-Clause */
/* The arguments of dial-out calls, read by their wire format: a request, the payload, how long it is if it
 * comes in parts. Called by grpc.c for each message. */
#include "telemetry/dialout.h"

#include <string.h>
#include "telemetry/pb.h"

enum {
    FIELD_REQUEST = 1,     /* int64, in both */
    FIELD_DATA = 2,        /* bytes */
    FIELD_CISCO_TOTAL = 4, /* int32: octets of all parts, 0: there is but one */
    FIELD_HUAWEI_JSON = 4, /* string, instead of data */
};

static const struct {
    const char *method;
    enum dialout_kind kind;
} methods[] = {
    { "/mdt_dialout.gRPCMdtDialout/MdtDialout", DIALOUT_CISCO },
    { "/huawei_dialout.gRPCDataservice/dataPublish", DIALOUT_HUAWEI },
    { "/gnmi.gNMIDialOut/Publish", DIALOUT_GNMI },
    { "/Nokia.SROS.DialoutTelemetry/Publish", DIALOUT_GNMI },
};

enum dialout_kind dialout_kind_of(const char *method)
{
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (!strcmp(methods[i].method, method))
            return methods[i].kind;
    return DIALOUT_NONE;
}

/* ---- arguments */

struct args {
    uint64_t request, total;
    const uint8_t *data;
    size_t len;
};

static bool read_args(enum dialout_kind kind, const uint8_t *p, size_t len, struct args *a)
{
    struct cursor c = cursor_of(p, len);
    struct pb_field f = { 0 };
    *a = (struct args){ 0 };
    while (pb_next(&c, &f)) {
        if (f.number == FIELD_REQUEST && f.wire == WIRE_VARINT)
            a->request = f.v;
        else if (f.wire == WIRE_LEN && cursor_left(&f.in) &&
                 (f.number == FIELD_DATA || (kind == DIALOUT_HUAWEI && f.number == FIELD_HUAWEI_JSON))) {
            a->data = f.in.p;
            a->len = cursor_left(&f.in);
        } else if (kind == DIALOUT_CISCO && f.number == FIELD_CISCO_TOTAL && f.wire == WIRE_VARINT)
            a->total = f.v;
    }
    return !c.bad;
}

/* Protocol buffers begin with a key, which no white space, brace or bracket can be for `Telemetry`. */
static enum tele_encoding encoding_of(const uint8_t *p, size_t len)
{
    while (len && strchr(" \t\r\n", *p) && *p) {
        p++;
        len--;
    }
    return len && (*p == '{' || *p == '[') ? TELE_JSON : TELE_GPB;
}

static enum dialout_verdict lost(struct dialout *d, enum tele_fault why, enum tele_fault *fault)
{
    strbuf_clear(&d->parts);
    d->collecting = false;
    *fault = why;
    return DIALOUT_FAULT;
}

static enum dialout_verdict message(const uint8_t *p, size_t len, struct tele_message *m)
{
    *m = (struct tele_message){ .p = p, .len = len, .encoding = encoding_of(p, len) };
    return DIALOUT_MESSAGE;
}

/* One of the parts of a message, which come in order and one message after the other. */
static enum dialout_verdict take_part(struct dialout *d, const struct args *a, struct tele_message *m,
                                      enum tele_fault *fault)
{
    if (a->total > TELE_MESSAGE_MAX)
        return lost(d, TELE_FAULT_TOO_LONG, fault);
    if (!d->collecting)
        strbuf_init(&d->parts, TELE_MESSAGE_MAX + 1);
    d->collecting = true;
    d->request = a->request;
    strbuf_add(&d->parts, a->data, a->len);
    if (d->parts.failed || d->parts.len > a->total)
        return lost(d, TELE_FAULT_SEGMENT, fault);
    if (d->parts.len < a->total)
        return DIALOUT_NOTHING;
    d->collecting = false;
    return message((const uint8_t *)d->parts.p, d->parts.len, m);
}

enum dialout_verdict dialout_take(struct dialout *d, const uint8_t *p, size_t len, struct tele_message *m,
                                  enum tele_fault *fault)
{
    struct args a = { 0 };
    if (d->kind == DIALOUT_GNMI) {
        *m = (struct tele_message){ .p = p, .len = len, .encoding = TELE_GNMI };
        return len ? DIALOUT_MESSAGE : DIALOUT_NOTHING;
    }
    if (!d->collecting)
        strbuf_free(&d->parts); /* of the message that was given out last */
    if (!read_args(d->kind, p, len, &a))
        return lost(d, TELE_FAULT_ENCODING, fault);
    const bool part = d->kind == DIALOUT_CISCO && a.total > a.len;
    if (d->collecting && (!part || a.request != d->request))
        return lost(d, TELE_FAULT_SEGMENT, fault);
    if (!a.len)
        return DIALOUT_NOTHING; /* errors alone, or a sign of life */
    return part ? take_part(d, &a, m, fault) : message(a.data, a.len, m);
}

bool dialout_end(struct dialout *d)
{
    const bool left = d->collecting;
    strbuf_free(&d->parts);
    d->collecting = false;
    return left;
}
