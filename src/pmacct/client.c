/* SPDX-License-Identifier: BSD-2-Clause */
/* One conversation with a memory table: greeting, request, answer. */
#include "pmacct/client.h"

#include <stdio.h>
#include <string.h>
#include "pmacct/link.h"
#include "pmacct/query.h"
#include "pmacct/show.h"
#include "pmacct/top.h"

/* How each mode is asked for. */
static const enum imt_op ops[] = {
    [MODE_NONE] = IMT_OP_NONE,   [MODE_TABLE] = IMT_OP_TABLE,   [MODE_COUNT] = IMT_OP_COUNT,
    [MODE_MATCH] = IMT_OP_MATCH, [MODE_BUCKETS] = IMT_OP_TABLE, [MODE_CLASSES] = IMT_OP_TABLE,
    [MODE_CUSTOM] = IMT_OP_NONE,
};

static int greeting(struct link *k, struct layout *l, struct err *e)
{
    struct imt_header h;
    struct cursor body;
    struct err why;
    if (link_next(k, &h, &body, e) == -1)
        return -1;
    if (h.type != IMT_HELLO || imt_hello_get(body, l, &why) == -1)
        return err_set(e, ERR_FORMAT, "ERROR: %s",
                       h.type == IMT_HELLO ? why.text : "no table answers at this socket");
    return 0;
}

static int ask(struct link *k, const struct options *o, const struct query_list *q, const struct layout *l,
               struct err *e)
{
    struct strbuf s;
    struct err why = { 0 };
    const struct field *absent = NULL;
    uint8_t flags = (o->erase ? IMT_F_ERASE : 0) | (o->reset ? IMT_F_RESET : 0) | (o->lock ? IMT_F_LOCK : 0);
    int rc = 0;
    strbuf_init(&s, 2 * IMT_REQUEST_MAX);
    if (o->query)
        rc = query_list_request(q, l, ops[o->mode], flags, &s, &absent, &why);
    else
        imt_end(&s, imt_request_begin(&s, ops[o->mode], flags, 0));
    if (absent) /* not on stdout, where scripts read counters */
        fprintf(stderr, "WARN: this table is not kept by %s: no value of it is found\n", absent->name);
    rc = rc == -1 ? err_set(e, why.code, "ERROR: %s", why.text) : link_send(k, &s, e);
    strbuf_free(&s);
    return rc;
}

/* Prints messages until the last. */
static int answer(struct link *k, struct show *s, struct err *e)
{
    struct imt_header h;
    struct cursor body;
    struct imt_done done;
    for (;;) {
        if (link_next(k, &h, &body, e) == -1)
            return -1;
        if (h.type == IMT_DONE)
            break;
        if (show_message(s, &h, body, e) == -1)
            return -1;
    }
    return imt_done_get(body, &done, e) == -1 ? -1 : show_end(s, &done, e);
}

static int converse(struct link *k, const struct options *o, const struct query_list *q, struct err *e)
{
    struct layout l;
    if (link_open(k, o->path, e) == -1 || greeting(k, &l, e) == -1)
        return -1;
    int rc = ask(k, o, q, &l, e);
    struct show *s = rc == 0 ? show_new(o, &l) : NULL;
    if (rc == 0)
        rc = s ? answer(k, s, e) : err_set(e, ERR_SYS, "ERROR: no memory");
    show_free(s);
    layout_free(&l);
    return rc;
}

/* The queries of -N or -M. */
static int queries(const struct options *o, struct wants *w, struct query_list *q, struct err *e)
{
    struct err why;
    if (!o->primitives)
        return 0;
    if (wants_parse(o->primitives, w, &why) == -1 ||
        (o->query && query_list_parse(o->query, w, o->style.time.utc, q, &why) == -1))
        return err_set(e, why.code, "ERROR: %s", why.text);
    return 0;
}

int client_run(const struct options *o)
{
    struct wants w;
    struct query_list q = { 0 };
    struct link k = { .fd = -1 };
    struct err e;
    fflush(stdout); /* warnings come before what show writes by itself */
    int rc = queries(o, &w, &q, &e);
    if (rc == 0)
        rc = o->live ? top_run(o, &q, &e) : converse(&k, o, &q, &e);
    if (rc == -1)
        printf("%s\n", e.text);
    fflush(stdout);
    query_list_free(&q);
    link_close(&k);
    return rc == -1 || o->mode == MODE_CUSTOM;
}
