/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of redis_client.c where there is no hiredis. */
#include "output/redis_client.h"

const char *const redis_absent = "hiredis";

struct redis *redis_new(const struct redis_conf *c, struct err *e)
{
    (void)c;
    err_set(e, ERR_UNSUPPORTED, "this build has no hiredis");
    return NULL;
}

void redis_free(struct redis *r) { (void)r; }

int redis_set(struct redis *r, const char *key, const char *value, int expires_ms, struct err *e)
{
    (void)r, (void)key, (void)value, (void)expires_ms;
    return err_set(e, ERR_UNSUPPORTED, "no hiredis");
}

int redis_delete(struct redis *r, const char *key, struct err *e)
{
    (void)r, (void)key;
    return err_set(e, ERR_UNSUPPORTED, "no hiredis");
}

int redis_each(struct redis *r, const char *pattern,
               void (*each)(void *arg, const char *key, const char *value), void *arg, struct err *e)
{
    (void)r, (void)pattern, (void)each, (void)arg;
    return err_set(e, ERR_UNSUPPORTED, "no hiredis");
}
