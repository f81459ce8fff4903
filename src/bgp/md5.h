/* SPDX-License-Identifier: BSD-2-Clause */
/* bgp_daemon_md5_file, bmp_daemon_md5_file: TCP MD5 keys (RFC 2385), a line `address,password` each; a prefix
 * instead of an address holds for all addresses in it. `!` and `#` start comments. */
#ifndef BGP_MD5_H
#define BGP_MD5_H

#include "base/err.h"

struct md5_keys;

/* NULL: e, with file and line. */
struct md5_keys *md5_keys_load(const char *path, struct err *e);
unsigned md5_keys_count(const struct md5_keys *k);
/* Gives the listener's socket these keys, and takes away those of `old` (may be NULL) that are gone. -1: e;
 * the others are set nevertheless. */
int md5_keys_set(const struct md5_keys *k, int fd, const struct md5_keys *old, struct err *e);
void md5_keys_free(struct md5_keys *k); /* NULL is fine */

#endif
