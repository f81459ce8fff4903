/* SPDX-License-Identifier: BSD-2-Clause */
/* All that knows hiredis. Blocking, with time-outs: for a thread of its own (ha.c). */
#ifndef OUTPUT_REDIS_CLIENT_H
#define OUTPUT_REDIS_CLIENT_H

#include <stddef.h>
#include "base/err.h"

struct redis;

struct redis_conf {
    const char *host; /* address or name, with :port or without (6379) */
    int db;
    const char *passwd; /* NULL: none */
    int timeout_ms;     /* to connect, and for each answer */
};

/* Does this build have it? */
extern const char *const redis_absent; /* the library that it lacks; NULL: none */

/* Does not connect yet. NULL: e. */
struct redis *redis_new(const struct redis_conf *c, struct err *e);
void redis_free(struct redis *r); /* NULL is fine */

/* Each connects where there is no connection. -1: e; the connection is closed, unless the server refused the
 * command. */
int redis_set(struct redis *r, const char *key, const char *value, int expires_ms, struct err *e);
int redis_delete(struct redis *r, const char *key, struct err *e);
/* Calls `each` for every key that matches the pattern (SCAN) and its value. */
int redis_each(struct redis *r, const char *pattern,
               void (*each)(void *arg, const char *key, const char *value), void *arg, struct err *e);

#endif
