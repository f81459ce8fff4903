/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of receivers to addresses. */
#include "plugins/tee_name.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

enum {
    LOOK_US = 60 * 1000000, /* between two looks at a name */
    AGAIN_US = 5 * 1000000, /* while there is no address */
};

struct tee_lookup {
    uv_getaddrinfo_t req;
    struct tee_receiver *r; /* NULL: it has gone */
    void (*done)(void *arg);
    void *arg;
};

static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };

/* The family that we can send from, where tee_source_ip says so. */
static bool usable(const struct tee_receiver *r, const struct addr *a)
{
    struct addr source;
    const char *text = r->out->c->tee_transparent ? NULL : r->out->c->nfprobe_source_ip;
    return !text || addr_parse(text, &source) == -1 || addr_is_v4(&source) == addr_is_v4(a);
}

static void due(struct tee_receiver *r)
{
    r->resolve_at_us = clock_mono_us() + (addr_is_set(&r->at) ? LOOK_US : AGAIN_US);
}

/* Keeps the address in force while the name still has it. */
static int choose(struct tee_receiver *r, const struct addrinfo *list, struct err *e)
{
    struct addr a, first = { 0 };
    uint16_t port;
    char text[ADDR_TEXT];
    for (; list; list = list->ai_next) {
        addr_from_sockaddr(list->ai_addr, &a, &port);
        if (!usable(r, &a))
            continue;
        if (addr_equal(&a, &r->at))
            return 0;
        if (!addr_is_set(&first))
            first = a;
    }
    if (!addr_is_set(&first))
        return err_set(e, ERR_CONFIG, "'%s' has no address of the family of tee_source_ip", r->host);
    if (tee_receiver_set(r, &first, e) == -1)
        return -1;
    if (!r->literal)
        log_info(r->out->log, "pool %u: %s is at %s", r->pool, r->name, addr_str(&first, text));
    return 0;
}

int tee_name_now(struct tee_receiver *r, struct err *e)
{
    struct addr a;
    struct addrinfo *list = NULL;
    r->literal = addr_parse(r->host, &a) == 0;
    if (r->literal && !usable(r, &a))
        return err_set(e, ERR_CONFIG, "%s is not of the family of tee_source_ip", r->name);
    if (r->literal)
        return tee_receiver_set(r, &a, e);
    int status = getaddrinfo(r->host, NULL, &hints, &list), rc = -1;
    if (status != 0)
        err_set(e, ERR_CONFIG, "cannot resolve '%s': %s", r->host, gai_strerror(status));
    else
        rc = choose(r, list, e);
    if (list)
        freeaddrinfo(list);
    due(r);
    return rc;
}

static void on_result(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct tee_lookup *l = req->data;
    struct tee_receiver *r = l->r;
    struct err e;
    if (r) {
        r->lookup = NULL;
        if (status != 0)
            log_limited(r->out->log, &r->limit, LOG_LV_WARN, "pool %u: cannot resolve '%s': %s", r->pool,
                        r->host, uv_strerror(status));
        else if (choose(r, list, &e) == -1)
            log_limited(r->out->log, &r->limit, LOG_LV_WARN, "pool %u: %s", r->pool, e.text);
        due(r);
        if (l->done)
            l->done(l->arg);
    }
    uv_freeaddrinfo(list);
    free(l);
}

void tee_name_start(struct tee_receiver *r, void (*done)(void *arg), void *arg)
{
    struct tee_lookup *l = calloc(1, sizeof(*l));
    due(r);
    if (!l)
        return;
    *l = (struct tee_lookup){ .r = r, .done = done, .arg = arg };
    l->req.data = l;
    r->lookup = l;
    if (uv_getaddrinfo(r->out->loop, &l->req, on_result, r->host, NULL, &hints) == 0)
        return;
    r->lookup = NULL;
    free(l);
}

void tee_name_cancel(struct tee_receiver *r)
{
    if (!r->lookup)
        return;
    r->lookup->r = NULL;
    uv_cancel((uv_req_t *)&r->lookup->req);
    r->lookup = NULL;
}

void tee_name_tick(struct tee_receiver *r, int64_t mono_us)
{
    if (*r->host && !r->literal && !r->lookup && mono_us >= r->resolve_at_us)
        tee_name_start(r, NULL, NULL);
}
