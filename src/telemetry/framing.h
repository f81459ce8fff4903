/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages out of a stream of octets, and out of datagrams: bare JSON, protocol buffers behind their length,
 * Cisco's headers of both versions. tcp.c and udp.c feed it; message.c takes what it finds. */
#ifndef TELEMETRY_FRAMING_H
#define TELEMETRY_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "telemetry/json_check.h"

/* What a message says that it is. */
/* TELE_GPB: Cisco's Telemetry; TELE_GNMI: gnmi.SubscribeResponse. */
enum tele_encoding { TELE_JSON, TELE_GPB, TELE_CBOR, TELE_XML, TELE_OTHER, TELE_GNMI };

struct tele_message {
    const uint8_t *p;
    size_t len;
    enum tele_encoding encoding;
    bool checked; /* JSON that json_check took, white space around it left out */
    bool breaks;  /* then: json_found.breaks */
    bool from_notif;
};

/* What is wrong with what came, a counter each. */
enum tele_fault {
    TELE_FAULT_NONE,
    TELE_FAULT_JUNK,       /* octets between the messages of a stream */
    TELE_FAULT_JSON,       /* no JSON */
    TELE_FAULT_HEADER,     /* a header that is none, or a length that cannot be */
    TELE_FAULT_TOO_LONG,   /* a message of more octets than one may have */
    TELE_FAULT_MEMORY,     /* too many unfinished messages of all peers together */
    TELE_FAULT_CUT,        /* the session ended within a message */
    TELE_FAULT_ZLIB,       /* what was compressed does not unpack */
    TELE_FAULT_ENCODING,   /* protocol buffers or CBOR that cannot be read */
    TELE_FAULT_SEGMENT,    /* UDP-notif: segments that contradict each other */
    TELE_FAULT_INCOMPLETE, /* UDP-notif: segments that never came */
    TELE_FAULTS
};
const char *tele_fault_name(enum tele_fault f); /* one word, for counters */
const char *tele_fault_text(enum tele_fault f); /* for people */

/* What a decoder needs to remember of one stream; zeroed at its beginning. */
struct framing {
    struct json_frame json;
    size_t looked;           /* octets of the message that json has seen, 0: none */
    void *inflater;          /* of the old header, owned: framing_end */
    struct strbuf *unpacked; /* where a compressed message goes; the caller's, shared by all streams */
};

enum { TELE_MESSAGE_MAX = 16 << 20 /* octets, unpacked */ };

enum frame_verdict {
    FRAME_MESSAGE, /* one message */
    FRAME_NOTHING, /* octets that are no message: heartbeats, white space */
    FRAME_MORE,    /* the rest has not come */
    FRAME_FAULT,   /* octets lost, and why; the stream goes on behind them */
    FRAME_BROKEN,  /* the stream makes no sense any more */
};

struct frame {
    size_t used; /* octets that are done with; 0 for FRAME_MORE and FRAME_BROKEN */
    size_t want; /* FRAME_MORE: octets that the message has, as far as is known */
    enum tele_fault fault;
    struct tele_message
        message; /* lives as long as the octets, or until the next call with this `unpacked` */
};

/* Looks at the n octets that have come of a stream, from the beginning of a message on. n > 0. */
typedef enum frame_verdict (*framing_fn)(struct framing *s, const uint8_t *p, size_t n, struct frame *out);

/* The decoders of telemetry_daemon_decoder. A datagram is a stream of its own. */
enum frame_verdict frame_json(struct framing *s, const uint8_t *p, size_t n, struct frame *out);
enum frame_verdict frame_gpb(struct framing *s, const uint8_t *p, size_t n, struct frame *out);
enum frame_verdict frame_mdt_v0(struct framing *s, const uint8_t *p, size_t n, struct frame *out);
enum frame_verdict frame_mdt_v1(struct framing *s, const uint8_t *p, size_t n, struct frame *out);

void framing_end(struct framing *s);

#endif
