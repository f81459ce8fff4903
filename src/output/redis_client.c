/* SPDX-License-Identifier: BSD-2-Clause */
/* Redis through hiredis: a connection that is made when it is needed. */
#include "output/redis_client.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/sock.h"

enum { PORT = 6379, PAGES_MAX = 100000 /* of SCAN, some thousand keys each: more is a Redis gone wrong */ };

const char *const redis_absent = NULL;

struct redis {
    struct redis_conf c;
    char host[256];
    uint16_t port;
    redisContext *conn; /* NULL: none */
};

struct redis *redis_new(const struct redis_conf *c, struct err *e)
{
    struct redis *r = calloc(1, sizeof(*r));
    if (!r) {
        err_sys(e, "no memory for Redis");
        return NULL;
    }
    r->c = *c;
    r->port = PORT;
    if (sock_split(c->host, r->host, sizeof(r->host), &r->port, e) == -1) {
        free(r);
        return NULL;
    }
    return r;
}

static void disconnect(struct redis *r)
{
    if (r->conn)
        redisFree(r->conn);
    r->conn = NULL;
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    disconnect(r);
    free(r);
}

/* Takes the reply; without one the connection is of no use any more. NULL: e. */
static redisReply *answer(struct redis *r, redisReply *got, struct err *e)
{
    if (!got) {
        err_set(e, ERR_SYS, "Redis at %s: %s", r->c.host, r->conn->err ? r->conn->errstr : "no answer");
        disconnect(r);
        return NULL;
    }
    if (got->type != REDIS_REPLY_ERROR)
        return got;
    err_set(e, ERR_SYS, "Redis at %s: %s", r->c.host, got->str);
    freeReplyObject(got);
    return NULL;
}

static int done(struct redis *r, redisReply *got, struct err *e)
{
    got = answer(r, got, e);
    if (!got)
        return -1;
    freeReplyObject(got);
    return 0;
}

static int greet(struct redis *r, struct err *e)
{
    if (r->c.passwd && done(r, redisCommand(r->conn, "AUTH %s", r->c.passwd), e) == -1)
        return -1;
    return r->c.db ? done(r, redisCommand(r->conn, "SELECT %d", r->c.db), e) : 0;
}

static int ensure(struct redis *r, struct err *e)
{
    const struct timeval t = { r->c.timeout_ms / 1000, r->c.timeout_ms % 1000 * 1000 };
    if (r->conn)
        return 0;
    r->conn = redisConnectWithTimeout(r->host, r->port, t);
    if (!r->conn)
        return err_set(e, ERR_SYS, "Redis at %s: no memory", r->c.host);
    if (r->conn->err) {
        err_set(e, ERR_SYS, "Redis at %s: %s", r->c.host, r->conn->errstr);
        disconnect(r);
        return -1;
    }
    redisSetTimeout(r->conn, t);
    if (greet(r, e) == 0)
        return 0;
    disconnect(r);
    return -1;
}

int redis_set(struct redis *r, const char *key, const char *value, int expires_ms, struct err *e)
{
    if (ensure(r, e) == -1)
        return -1;
    return done(r, redisCommand(r->conn, "SET %s %s PX %d", key, value, expires_ms), e);
}

int redis_delete(struct redis *r, const char *key, struct err *e)
{
    if (ensure(r, e) == -1)
        return -1;
    return done(r, redisCommand(r->conn, "DEL %s", key), e);
}

/* Keys that have expired meanwhile have no value. */
static int value_of(struct redis *r, const char *key,
                    void (*each)(void *arg, const char *key, const char *value), void *arg, struct err *e)
{
    redisReply *got = answer(r, redisCommand(r->conn, "GET %s", key), e);
    if (!got)
        return -1;
    if (got->type == REDIS_REPLY_STRING)
        each(arg, key, got->str);
    freeReplyObject(got);
    return 0;
}

static bool is_page(const redisReply *got)
{
    if (got->type != REDIS_REPLY_ARRAY || got->elements != 2 || got->element[0]->type != REDIS_REPLY_STRING ||
        got->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < got->element[1]->elements; i++)
        if (got->element[1]->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

/* What follows cannot be told apart any more. */
static int strange(struct redis *r, struct err *e)
{
    disconnect(r);
    err_set(e, ERR_FORMAT, "Redis at %s: a strange answer to SCAN", r->c.host);
    return -1;
}

int redis_each(struct redis *r, const char *pattern,
               void (*each)(void *arg, const char *key, const char *value), void *arg, struct err *e)
{
    char cursor[32] = "0";
    if (ensure(r, e) == -1)
        return -1;
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        redisReply *got = answer(r, redisCommand(r->conn, "SCAN %s MATCH %s COUNT 1000", cursor, pattern), e);
        if (!got)
            return -1;
        int rc = is_page(got) ? 0 : strange(r, e);
        for (size_t i = 0; rc == 0 && i < got->element[1]->elements; i++)
            rc = value_of(r, got->element[1]->element[i]->str, each, arg, e);
        if (rc == 0)
            snprintf(cursor, sizeof(cursor), "%s", got->element[0]->str);
        freeReplyObject(got);
        if (rc == -1 || !strcmp(cursor, "0"))
            return rc;
    }
    return strange(r, e);
}
