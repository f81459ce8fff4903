/* SPDX-License-Identifier: BSD-2-Clause */
/* Many datagrams a system call: the arrays that sendmmsg reads, shared by the receivers of a plugin, and what
 * its errors mean. Payloads are sent from where they lie in the ring. */
#ifndef PLUGINS_TEE_SEND_H
#define PLUGINS_TEE_SEND_H

#include <sys/socket.h>
#include "base/craft.h"
#include "plugins/tee_receiver.h"

union tee_control {
    struct cmsghdr align;
    char octets[CMSG_SPACE(sizeof(uint16_t))];
};

struct tee_scratch {
    struct mmsghdr msg[TEE_BATCH];
    struct iovec iov[2 * TEE_BATCH];
    union tee_control control[TEE_BATCH];
    uint16_t datagrams[TEE_BATCH]; /* in each message */
    uint8_t header[TEE_BATCH][CRAFT_MAX];
    struct datagram_record *sorted[TEE_BATCH];
    uint8_t message[CRAFT_MAX + DATAGRAM_PAYLOAD_MAX]; /* for queues */
};

enum tee_verdict {
    TEE_AGAIN,   /* tells of an earlier datagram (ICMP): try the same once more */
    TEE_WAIT,    /* buffers are full */
    TEE_TOO_BIG, /* for one piece: of a message of several datagrams, or for the link's MTU */
    TEE_NEVER,   /* this one cannot be sent */
};
enum tee_verdict tee_send_verdict(int error);

/* waiting[done] cannot be sent: counted, logged. */
void tee_send_failed(struct tee_receiver *r, int error);

/* What every UDP socket for sending gets. */
void tee_socket_options(int fd, bool v6);

/* Fills the scratch with messages for waiting[done] .. waiting[end - 1]; returns how many. Datagrams of one
 * length are joined, up to r->gso_most octets long. named: with the receiver's address, for a socket that is
 * not connected. */
unsigned tee_join_fill(struct tee_receiver *r, unsigned end, bool named);
/* The first `messages` of them have left. */
void tee_join_sent(struct tee_receiver *r, unsigned messages);
/* The first of them was refused, TEE_TOO_BIG or TEE_NEVER: it leaves in pieces the next time, or is counted
 * as lost. */
void tee_join_failed(struct tee_receiver *r, enum tee_verdict why, int error);

#endif
