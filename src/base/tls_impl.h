/* SPDX-License-Identifier: BSD-2-Clause */
/* What TLS and DTLS share: keys, who is refused and why. tls_keys.c has it, tls.c and dtls.c call it. */
#ifndef BASE_TLS_IMPL_H
#define BASE_TLS_IMPL_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include "base/tls.h"

enum {
    TLS_HALF_OPEN = 1024,   /* handshakes at a time */
    TLS_HALF_OPEN_OF = 128, /* of an address, when there are too many */
    TLS_STEPS = 8,          /* of handshakes in a turn of the loop: each may cost a millisecond */
};

/* What the files held when they were read last. Sessions keep those that they began with. */
struct tls_keys {
    gnutls_certificate_credentials_t cred;
    unsigned users;
};

struct tls_keys *tls_keys_load(const char *path, struct err *e);
struct tls_keys *tls_keys_get(struct tls_keys *k);
void tls_keys_put(struct tls_keys *k);
/* Reads the files anew into *k, and says so; what is wrong with them is said, and the old ones stay. */
void tls_keys_reload(struct tls_keys **k, const struct tls_conf *c, const char *protocol);

/* Why there is no session. Each is a counter and a message. */
enum tls_why { TLS_NO_CERTIFICATE, TLS_BAD_CERTIFICATE, TLS_FAULT, TLS_LATE, TLS_PUSHED, TLS_WHYS };

/* What a listener keeps for it. */
struct tls_report {
    const struct tls_conf *c;
    const char *protocol; /* "TLS" */
    struct tls_counts counts;
    struct log_limit say[TLS_WHYS];
};

/* What GnuTLS says of a handshake that failed. */
enum tls_why tls_why_of(int code);
/* Counts and says, once in a while, why there is no session; code: GnuTLS', for TLS_FAULT; s may be NULL. */
void tls_refuse(struct tls_report *r, enum tls_why why, int code, gnutls_session_t s, const struct addr *from,
                uint16_t port);
/* A session was made: who it is. */
void tls_welcome(struct tls_report *r, gnutls_session_t s, const struct addr *from, uint16_t port);
void tls_report_stats(const struct tls_report *r, unsigned sessions, unsigned half_open);

/* A server's session that wants a certificate of the other side. NULL: no memory. */
gnutls_session_t tls_session_new(const struct tls_keys *k, bool datagrams);

#endif
