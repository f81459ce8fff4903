/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's end of the socket: whole messages in and out. */
#ifndef PMACCT_LINK_H
#define PMACCT_LINK_H

#include "core/imt_proto.h"

struct link {
    int fd;
    struct strbuf in;
    size_t used; /* octets of in that were handed out */
};

/* Connects. -1: e holds the line to show, with its level. */
int link_open(struct link *k, const char *path, struct err *e);
void link_close(struct link *k);

/* Sends all of s. */
int link_send(struct link *k, const struct strbuf *s, struct err *e);

/* Waits for the next message; body is valid until the next call. An ERROR is an error: e has its text. */
int link_next(struct link *k, struct imt_header *h, struct cursor *body, struct err *e);

#endif
