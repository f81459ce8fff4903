/* SPDX-License-Identifier: BSD-2-Clause */
/* What routers put around their telemetry when they dial out over gRPC. grpc.c calls it. */
#ifndef TELEMETRY_DIALOUT_H
#define TELEMETRY_DIALOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"
#include "telemetry/framing.h"

enum dialout_kind {
    DIALOUT_NONE,
    DIALOUT_CISCO,  /* mdt_dialout.proto: MdtDialoutArgs */
    DIALOUT_HUAWEI, /* huawei-grpc-dialout.proto: serviceArgs */
    DIALOUT_GNMI,   /* a gnmi.SubscribeResponse each message */
};

/* Of a method, "/mdt_dialout.gRPCMdtDialout/MdtDialout"; DIALOUT_NONE: unknown. */
enum dialout_kind dialout_kind_of(const char *method);

/* Of one stream; zeroed at its beginning. */
struct dialout {
    enum dialout_kind kind;
    bool collecting;  /* parts of a message that came in several; `parts` has been initialised */
    uint64_t request; /* that they belong to */
    struct strbuf parts;
};

enum dialout_verdict {
    DIALOUT_MESSAGE, /* *m is one; it lives until the next call, as long as the octets */
    DIALOUT_NOTHING, /* no message: parts of one, or nothing in it */
    DIALOUT_FAULT,   /* octets lost, *fault says why */
};

/* One gRPC message, whole. */
enum dialout_verdict dialout_take(struct dialout *d, const uint8_t *p, size_t len, struct tele_message *m,
                                  enum tele_fault *fault);
/* Frees what it holds. Returns whether parts of a message were left. */
bool dialout_end(struct dialout *d);

#endif
