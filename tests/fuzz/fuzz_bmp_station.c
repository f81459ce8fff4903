/* SPDX-License-Identifier: BSD-2-Clause */
/* A router's session with a station, behind an octet that says how: every message and TLV goes into RIB and
 * lines of the log, in pieces as TCP brings them. When the session is over, nothing may be left. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bmp/log.h"
#include "fake_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNREAD = 1, AS_MAP = 2, ARRAYS = 4, SET_PD = 8, PIECES = 16, EXACT = 32, MOST = 3 };

/* Making one takes a hundred times longer than most inputs: a RIB serves several, each of which has to leave
 * it empty. */
enum { USES = 200 };

struct run {
    struct log quiet; /* what is wrong is not of interest */
    struct bmp_log log;
    struct bmp_log_router lr;
    struct rib *rib;
    uint64_t seq, announced, gone;
};

static void on_message(void *arg, struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    struct run *x = arg;
    (void)r;
    x->seq += bmp_log_message(&x->log, &x->lr, &(struct bmp_telling){ .seq = x->seq, .at_us = at_us }, m);
    (void)bmp_log_message(&x->log, &x->lr, &(struct bmp_telling){ .at_us = at_us, .dump = true }, m);
}

static void on_route(void *arg, struct bmp_router *r, const struct bmp_told *told)
{
    struct run *x = arg;
    (void)r;
    bmp_log_route(&x->log, &x->lr, &(struct bmp_telling){ .seq = x->seq++, .at_us = told->at_us }, told);
}

static void on_gone(void *arg, struct bmp_router *r)
{
    struct run *x = arg;
    (void)r;
    x->gone++;
}

static const struct bmp_station_ops ops = { .message = on_message, .route = on_route, .gone = on_gone };

static void feed(struct bmp_router *r, const uint8_t *data, size_t size, size_t piece)
{
    size_t have = 0, done = 0;
    bool ended = false;
    while (have < size && !ended) {
        have = size - have < piece ? size : have + piece;
        uint8_t *exact = malloc(have - done + 1); /* so that reading past its end is found */
        if (!exact)
            abort();
        memcpy(exact, data + done, have - done);
        const long n = bmp_router_feed(r, exact, have - done, MOST, 1700000000000000, &ended);
        free(exact);
        if (n == -1 || (size_t)n > have - done)
            return;
        done += (size_t)n;
    }
}

static struct rib *take_rib(uint8_t how)
{
    static struct {
        struct rib *rib;
        unsigned uses;
    } kept[4];
    const unsigned kind = (how & UNREAD ? 1u : 0) | (how & EXACT ? 2u : 0);
    if (kept[kind].uses++ % USES == 0) {
        rib_free(kept[kind].rib);
        kept[kind].rib = rib_new();
        if (!kept[kind].rib)
            abort();
        if (how & UNREAD)
            rib_set_unread(kept[kind].rib);
        if (how & EXACT)
            rib_set_exact(kept[kind].rib);
    }
    return kept[kind].rib;
}

static struct msglog *nowhere(const struct log *log)
{
    static const struct msglog_conf conf = { .name = "fuzz" };
    static struct msglog *m;
    struct err e;
    if (!m && !(m = msglog_open(&conf, log, &e)))
        abort();
    return m;
}

static void open_run(struct run *x, uint8_t how)
{
    static struct log quiet;
    struct addr a;
    log_init(&quiet, NULL, "fuzz", "core", false);
    x->quiet = quiet;
    x->rib = take_rib(how);
    const struct bmp_log_conf c = {
        .msglog = nowhere(&quiet),
        .routes = { .comms_as_array = how & ARRAYS, .as_path_as_array = how & ARRAYS },
        .label_as_map = how & AS_MAP,
        .set_pd = how & SET_PD,
    };
    bmp_log_init(&x->log, &c);
    addr_parse("192.0.2.254", &a);
    if (!bmp_log_router_init(&x->log, &x->lr, &a, 4000))
        abort();
}

static void close_run(struct run *x)
{
    struct rib_counts c;
    while (rib_tend(x->rib, 1000))
        ;
    rib_counts(x->rib, &c);
    if (x->gone != 1 || c.routes || c.sets || c.peers)
        abort();
    bmp_log_router_free(&x->log, &x->lr);
    bmp_log_free(&x->log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run x = { .seq = 0 };
    const uint8_t how = size ? data[0] : 0;
    struct addr a;
    fake_log_silent(size % 4 != 0);
    open_run(&x, how);
    addr_parse("192.0.2.254", &a);
    struct bmp_station *st = bmp_station_new(&(struct bmp_station_conf){
        .log = &x.quiet, .rib = x.rib, .ops = &ops, .arg = &x, .tell_deleted = true });
    struct bmp_router *r = st ? bmp_router_new(st, &a, 4000, NULL) : NULL;
    if (!r)
        abort();
    if (size)
        feed(r, data + 1, size - 1, how / PIECES ? (size_t)(how / PIECES) * 7 : SIZE_MAX);
    bmp_router_close(r, 0, 1);
    close_run(&x);
    bmp_station_free(st);
    return 0;
}
