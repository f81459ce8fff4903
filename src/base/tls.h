/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's side of TLS (1.2, 1.3) over TCP and of DTLS 1.2 over UDP, by GnuTLS, in somebody's event loop.
 * Both sides show a certificate; who has none that the authority issued gets nothing and costs little:
 * handshakes are bounded in number, in time and in how many steps a turn of the loop has. Inputs and services
 * call it; in a build without GnuTLS the open functions refuse (ERR_UNSUPPORTED). */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sock.h"

struct tls;        /* a listener's: TLS */
struct tls_stream; /* one of its sessions */
struct dtls;       /* a listener's: DTLS */

struct tls_conf {
    const char *what;  /* "BMP": for messages. Not copied, as all strings here */
    const char *where; /* "ip:port", for statistics */
    /* A folder: key.pem, cert.pem (with its chain), ca-certificates.crt (who may have issued the certificates
     * of peers), and crl.pem if there is one (those that were taken back). */
    const char *path;
    int handshake_s; /* that a handshake may take */
    const struct log *log;
    void *arg; /* of the functions below */

    /* TLS: the handshake is over, the peer's certificate is good. Session and descriptor are the callee's. */
    void (*accepted)(void *arg, struct tls_stream *ts, int fd, const struct addr *from, uint16_t port);

    /* DTLS. May this address send? Says and counts itself when not. NULL: all may. */
    bool (*may)(void *arg, const struct addr *from);
    /* DTLS: what one record of a peer with a good certificate held. */
    void (*datagram)(void *arg, const struct addr *from, uint16_t port, const uint8_t *p, size_t n);
    /* DTLS: a batch is over. False: nothing is read until dtls_resume. NULL: there is always room. */
    bool (*room)(void *arg);
    unsigned sessions;    /* DTLS: of so many peers, past that who was silent for longest goes */
    struct sock_udp sock; /* DTLS */
};

/* What has happened, since the start. */
struct tls_counts {
    uint64_t begun;          /* handshakes */
    uint64_t done;           /* that made a session */
    uint64_t no_certificate; /* the peer showed none */
    uint64_t bad_certificate;
    uint64_t faults;          /* of the protocol, in handshakes and sessions */
    uint64_t late;            /* handshakes that took too long */
    uint64_t pushed;          /* handshakes that had to make room for others */
    uint64_t expired;         /* DTLS sessions that made room for others */
    uint64_t cookies;         /* DTLS: sent, to see whether an address can be reached */
    uint64_t unasked;         /* DTLS: datagrams of no session, that begin none */
    uint64_t malformed;       /* DTLS: datagrams that hold no whole records */
    uint64_t records, octets; /* DTLS: that arrived */
    uint64_t kernel_drops;    /* DTLS: datagrams, by the kernel */

    unsigned sessions, half_open; /* now: sessions, unfinished handshakes */
    bool datagrams;               /* DTLS */
};

/* ---- TLS */

/* Loads the files; with the privileges of the start. NULL: e. */
struct tls *tls_open(const struct tls_conf *c, struct err *e);
int tls_start(struct tls *t, uv_loop_t *loop, struct err *e);

/* Begins the handshake with a peer that has just connected; fd is the callee's until conf.accepted. Who
 * keeps too many unfinished ones loses the oldest of them. */
void tls_accept(struct tls *t, int fd, const struct addr *from, uint16_t port);

/* fn(arg) will be called when there is something to read that the descriptor does not show, since it has been
 * read and deciphered already: the session's owner then reads as if the descriptor were readable. */
void tls_on_readable(struct tls_stream *ts, void (*fn)(void *arg), void *arg);
/* Has fn called soon if there is such a thing: to be called where reading goes on after a pause. NULL is
 * fine: no TLS. */
void tls_again(struct tls_stream *ts);
/* As recv(2) without waiting: octets; 0: the peer has ended the session in order; -1 with errno: EAGAIN,
 * ECONNRESET (cut off), EPROTO (has been said). */
ssize_t tls_read(struct tls_stream *ts, void *to, size_t room);
/* tls_read, or recv(2) where ts is NULL. */
ssize_t tls_or_recv(struct tls_stream *ts, int fd, void *to, size_t room);
/* Takes leave and frees. The descriptor stays open. NULL is fine. */
void tls_stream_free(struct tls_stream *ts);

/* SIGUSR2: new sessions get what the files hold now; what is wrong with them is said, and the old ones stay.
 */
void tls_reload(struct tls *t);
void tls_stats(const struct tls *t);
struct tls_counts tls_counts(const struct tls *t);
void tls_stop(struct tls *t); /* ends handshakes, takes no more. NULL is fine */
/* When all sessions are freed; the loop, if it was started, has to run once more. NULL is fine. */
void tls_free(struct tls *t);

/* ---- DTLS */

/* Binds the socket, loads the files. NULL: e. */
struct dtls *dtls_open(const struct tls_conf *c, struct err *e);
int dtls_start(struct dtls *d, uv_loop_t *loop, struct err *e);
void dtls_resume(struct dtls *d);
void dtls_recheck(struct dtls *d); /* conf.may may say no now */
void dtls_reload(struct dtls *d);
void dtls_stats(const struct dtls *d);
struct tls_counts dtls_counts(const struct dtls *d);
/* Takes what is there already, tells peers that it is over. NULL is fine. */
void dtls_stop(struct dtls *d);
void dtls_free(struct dtls *d); /* as tls_free */

#endif
