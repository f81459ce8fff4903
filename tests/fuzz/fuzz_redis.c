/* SPDX-License-Identifier: BSD-2-Clause */
/* What Redis answers: the first octet says what is to be asked and how the connection begins, the rest is
 * what comes back, in whatever pieces hiredis takes it. Stands in the connection's place; keys and values
 * that are handed on are texts, and a Redis whose pages never end is left. */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "output/redis_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { AUTH = 1, DB = 2, DIGITS_MAX = 6 };

static struct {
    const uint8_t *p; /* what the next connection will answer */
    size_t len;
    int far; /* Redis' end of the last one */
} redis = { .far = -1 };

/* In hiredis' place. */
redisContext *redisConnectWithTimeout(const char *host, int port, const struct timeval timeout)
{
    int pair[2];
    (void)host, (void)port, (void)timeout;
    if (redis.far != -1)
        close(redis.far);
    redis.far = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
        return NULL;
    redis.far = pair[1];
    if (redis.len && write(pair[1], redis.p, redis.len) != (ssize_t)redis.len)
        abort();
    shutdown(pair[1], SHUT_WR);
    redis.len = 0;
    return redisConnectFd(pair[0]);
}

static void on_key(void *arg, const char *key, const char *value)
{
    size_t *sum = arg;
    *sum += strlen(key) + strlen(value);
}

/* hiredis makes room for as many elements as are announced; that it has a bound is not what is tested here.
 */
static bool announces_millions(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t digits = 0;
        while (p[i] == '*' && i + digits + 1 < len && p[i + digits + 1] >= '0' && p[i + digits + 1] <= '9')
            digits++;
        if (digits > DIGITS_MAX)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t sum = 0;
    struct err e;
    if (!len || announces_millions(data, len))
        return 0;
    const struct redis_conf c = { .host = "192.0.2.1:6379",
                                  .passwd = data[0] & AUTH ? "secret" : NULL,
                                  .db = data[0] & DB ? 3 : 0,
                                  .timeout_ms = 1000 };
    struct redis *r = redis_new(&c, &e);
    if (!r)
        return 0;
    redis.p = data + 1;
    redis.len = len - 1;
    (void)redis_each(r, "pmacct:cluster:*", on_key, &sum, &e);
    (void)redis_set(r, "pmacct:cluster:a", "1700000000", 3000, &e);
    (void)redis_delete(r, "pmacct:cluster:a", &e);
    redis_free(r);
    close(redis.far);
    redis.far = -1;
    return 0;
}
