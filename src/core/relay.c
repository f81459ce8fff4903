/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams from the input to plugins that want them whole. */
#include "core/relay.h"

#include <inttypes.h>
#include "base/clock.h"
#include "core/allow.h"

struct relay {
    struct worker *w;
    const struct config *c;
    const struct log *log;
    struct allow *allow; /* NULL: everybody */
    uint64_t datagrams, octets, not_allowed;
};

static int relay_open(void *state, struct worker *w, struct err *e)
{
    struct relay *r = state;
    *r = (struct relay){ .w = w, .c = worker_config(w), .log = worker_log(w) };
    if (!r->c->collector_allow_file)
        return 0;
    r->allow = allow_load(r->c->collector_allow_file, e);
    return r->allow ? 0 : -1;
}

static void relay_datagram(void *state, const struct datagram *d)
{
    struct relay *r = state;
    if (r->allow && !allow_match(r->allow, &d->from)) {
        r->not_allowed++;
        return;
    }
    r->datagrams++;
    r->octets += d->len;
    worker_datagram(r->w, d);
}

static void relay_stats(void *state, const char *where)
{
    const struct relay *r = state;
    log_notice(r->log, "stats [%s] datagrams=%" PRIu64 " bytes=%" PRIu64 " refused not_allowed=%" PRIu64,
               where, r->datagrams, r->octets, r->not_allowed);
    log_notice(r->log, "stats [%s] time=%" PRId64 " discarded_packets=%" PRIu64, where,
               clock_wall_us() / US_PER_S, r->not_allowed);
}

static void relay_reload(void *state)
{
    struct relay *r = state;
    if (r->c->collector_allow_file)
        allow_reload(&r->allow, r->c->collector_allow_file, r->log);
}

static void relay_close(void *state)
{
    struct relay *r = state;
    allow_free(r->allow);
}

struct decoder_ops relay_over(const struct decoder_ops *decoder)
{
    return (struct decoder_ops){ .name = decoder->name,
                                 .state_size = sizeof(struct relay),
                                 .open = relay_open,
                                 .datagram = relay_datagram,
                                 .stats = relay_stats,
                                 .reload = relay_reload,
                                 .close = relay_close };
}
