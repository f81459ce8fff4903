/* SPDX-License-Identifier: BSD-2-Clause */
/* bgp_daemon_tcp_ao_file: keys of TCP-AO (RFC 5925), a line `address,id,algorithm,password` each. The address
 * may be a prefix; the id is 0 to 255, or two of them, `send:receive`; algorithms are those of RFC 5926,
 * hmac-sha-1-96 and aes-128-cmac-96, and hmac-sha-256-96. `!` and `#` start comments. Several keys of one
 * neighbour have different ids. It takes Linux 6.7 or later, built with TCP-AO. Called by listener.c. */
#ifndef BGP_TCPAO_H
#define BGP_TCPAO_H

#include "base/err.h"

struct tcpao_keys;

/* NULL: e, with file and line. */
struct tcpao_keys *tcpao_keys_load(const char *path, struct err *e);
unsigned tcpao_keys_count(const struct tcpao_keys *k);
/* Gives the listener's socket these keys, in the place of `old` (may be NULL). -1: e; the others are set
 * nevertheless. */
int tcpao_keys_set(const struct tcpao_keys *k, int fd, const struct tcpao_keys *old, struct err *e);
void tcpao_keys_free(struct tcpao_keys *k); /* NULL is fine */

#endif
