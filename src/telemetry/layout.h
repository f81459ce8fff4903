/* SPDX-License-Identifier: BSD-2-Clause */
/* The members around a payload: flat, or those of the draft of a telemetry message. message.c and dump.c
 * write a line as tele_line_begin, the payload as a JSON value, tele_line_end. */
#ifndef TELEMETRY_LAYOUT_H
#define TELEMETRY_LAYOUT_H

#include "telemetry/telemetry.h"

struct tele_line {
    const char *event; /* "log", "dump" */
    uint64_t seq;
    int64_t at_us; /* wall clock */
    bool fraction; /* of seconds in the timestamp */
    const struct tele_peer *peer;
    const char *serialization; /* for tele_line_end */
    const struct strbuf *tail; /* what ends a flat line: tele_line_tail */
};

/* What lines of a stream end with: writer_id, if it leads to brokers. */
void tele_line_tail(struct strbuf *s, const struct config *c, const struct msglog_conf *stream);

void tele_line_begin(struct telemetry *t, const struct tele_line *l, struct strbuf *s);
void tele_line_end(struct telemetry *t, const struct tele_line *l, struct strbuf *s);

#endif
