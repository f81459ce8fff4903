/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of keys that TCP itself checks, of BGP neighbours and BMP routers: TCP MD5 (RFC 2385) and TCP-AO (RFC
 * 5925), a key a line; lines that begin with `!` or `#` are comments. Called by listener.c. */
#ifndef BGP_TCPKEYS_H
#define BGP_TCPKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"
#include "base/err.h"

enum { TCPKEY_PASSWORD = 80 }; /* octets at most, of either kind */

/* What all keys begin with. */
struct tcpkey {
    struct addr addr;
    uint8_t bits; /* of the prefix: 32 or 128 for a host */
};

/* A kind of keys. */
struct tcpkeys_ops {
    const char *word; /* its configuration key, without the daemon's prefix */
    const char *name; /* in messages */
    size_t size;      /* of a key, which begins with a struct tcpkey */
    /* Makes a key, zeroed before, of a line, which may be changed. -1: e. */
    int (*read)(char *line, void *key, struct err *e);
    /* Does a key take the place of another by being set, so that none has to be taken away first? */
    bool replaces;
    /* Gives a socket a key, or takes it away. `v6`: an IPv6 socket, which wants mapped addresses. -1: errno.
     */
    int (*set)(int fd, bool v6, const void *key);
    int (*unset)(int fd, bool v6, const void *key);
    const char *absent; /* what to say where the kernel knows no such keys; NULL: all do */
};

/* `address,password`: bgp_daemon_md5_file, bmp_daemon_md5_file. A prefix instead of an address holds for all
 * in it. */
extern const struct tcpkeys_ops tcpkeys_md5;

/* `address,id,algorithm,password`: bgp_daemon_tcp_ao_file, bmp_daemon_tcp_ao_file. The address may be a
 * prefix; the id is 0 to 255, or two of them, `send:receive`; algorithms are those of RFC 5926, hmac-sha-1-96
 * and aes-128-cmac-96, and hmac-sha-256-96. Several keys of one neighbour have different ids. It takes
 * Linux 6.7 or later, built with TCP-AO. */
extern const struct tcpkeys_ops tcpkeys_ao;

struct tcpkeys;

/* NULL: e, with file and line. */
struct tcpkeys *tcpkeys_load(const struct tcpkeys_ops *ops, const char *path, struct err *e);
unsigned tcpkeys_count(const struct tcpkeys *k);
/* Gives the listener's socket these keys, and takes away those of `old` (of the same kind; may be NULL) that
 * are gone. Sessions keep the keys that they began with. -1: e; the others are set nevertheless. */
int tcpkeys_set(const struct tcpkeys *k, int fd, const struct tcpkeys *old, struct err *e);
void tcpkeys_free(struct tcpkeys *k); /* wipes them. NULL is fine */

/* For the readers of lines: an address or prefix; a password, whose length is returned, 0 with e. */
int tcpkey_prefix(const char *text, struct tcpkey *k, struct err *e);
size_t tcpkey_password(const char *text, void *octets, struct err *e);
/* The next word before a comma, or the rest of the line, without blanks around it. NULL: there is none. */
char *tcpkey_word(char **line, bool last);

#endif
