/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon and its gRPC helper (src/grpc/main.cc) tell each other: frames over a SOCK_SEQPACKET pair,
 * a header and up to GRPC_PART octets. Both run on one machine: integers are its own. C and C++. */
#ifndef TELEMETRY_GRPC_WIRE_H
#define TELEMETRY_GRPC_WIRE_H

#include <stdint.h>

enum { GRPC_PART = 60 << 10, GRPC_MESSAGE_MAX = 16 << 20, GRPC_METHOD = 256 };

enum grpc_kind {
    GRPC_READY,  /* to the daemon: the port is open, and no stream is, whatever was before */
    GRPC_FAILED, /* to the daemon: it cannot be opened; the text says why */
    GRPC_OPEN,   /* to the daemon: a stream begins; struct grpc_peer */
    GRPC_DATA,   /* to the daemon: octets of its next message; `last`: all of them */
    GRPC_CLOSE,  /* to the daemon: the stream has ended */
    GRPC_REFUSE, /* to the helper: end this stream */
};

struct grpc_head {
    uint32_t kind; /* enum grpc_kind */
    uint32_t stream;
    uint32_t last; /* 0 or 1 */
};

struct grpc_peer {
    uint8_t addr[16]; /* in network order, IPv4 mapped */
    uint16_t port;
    char method[GRPC_METHOD]; /* "/package.Service/Method", ended by NUL */
};

#endif
