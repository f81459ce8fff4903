/* SPDX-License-Identifier: BSD-2-Clause */
/* What routing protocols say of a flow: prefixes, AS numbers, paths, communities. The core knows no routes; a
 * daemon that has them registers these functions (daemon_spec.routes), and each worker runs them between
 * decoding and maps. */
#ifndef CORE_ROUTES_H
#define CORE_ROUTES_H

#include <stddef.h>
#include "core/maps.h"
#include "core/service.h"
#include "core/worker.h"

struct routes_ops {
    /* Before anything starts: rules over several keys; loads maps into m. -1: e. */
    int (*load)(struct maps *m, const struct config *c, char daemon, struct err *e);
    /* A worker's part. *state NULL: the configuration asks for nothing. -1: e. */
    int (*open)(void **state, const struct config *c, char daemon, const struct maps *m, struct err *e);
    /* Takes maps as they are now. -1: no memory, the old ones stay. */
    int (*take)(void *state, struct maps *m);
    /* Adds what it reads to *needs, which has what is wanted of it. */
    void (*needs)(void *state, struct fieldset *needs);
    /* Services have been opened, none runs yet: finds those that know routes. -1: e. */
    int (*connect)(void *state, const struct services *ss, struct err *e);
    /* Fills in what is known; members that it may change are put back after the flow has been handed over. */
    void (*flow)(void *state, struct flow *f);
    /* Addresses of flows that come next from this exporter, of 4 or of 16 octets: a hint, so that memory can
     * be fetched for all at once. */
    void (*expect)(void *state, const struct addr *exporter, unsigned octets, const struct expected *e,
                   unsigned n);
    /* The batch has ended, the worker may block now: nothing of what was found is held any more. */
    void (*rest)(void *state);
    /* Before services are closed; no flow comes any more. */
    void (*disconnect)(void *state);
    void (*close)(void *state);
};

/* The members that `flow` may change; one range of struct flow each. */
#define ROUTED_RANGE(name, first, behind)                                                                    \
    enum {                                                                                                   \
        ROUTED_##name = offsetof(struct flow, first),                                                        \
        ROUTED_##name##_LEN = offsetof(struct flow, behind) - offsetof(struct flow, first)                   \
    };
ROUTED_RANGE(NET, src_mask, src_mac)
ROUTED_RANGE(ROA, src_roa, flow_label)
ROUTED_RANGE(PREF, local_pref, fw_event)
ROUTED_RANGE(TEXT, std_comm, label)

struct routed {
    uint8_t net[ROUTED_NET_LEN], roa[ROUTED_ROA_LEN], pref[ROUTED_PREF_LEN], text[ROUTED_TEXT_LEN];
    struct rd rd;
    uint8_t rd_origin;
};

static inline void routed_save(struct routed *r, const struct flow *f)
{
    const uint8_t *p = (const uint8_t *)f;
    memcpy(r->net, p + ROUTED_NET, ROUTED_NET_LEN);
    memcpy(r->roa, p + ROUTED_ROA, ROUTED_ROA_LEN);
    memcpy(r->pref, p + ROUTED_PREF, ROUTED_PREF_LEN);
    memcpy(r->text, p + ROUTED_TEXT, ROUTED_TEXT_LEN);
    r->rd = f->mpls_vpn_rd;
    r->rd_origin = f->mpls_vpn_rd_origin;
}

static inline void routed_restore(const struct routed *r, struct flow *f)
{
    uint8_t *p = (uint8_t *)f;
    memcpy(p + ROUTED_NET, r->net, ROUTED_NET_LEN);
    memcpy(p + ROUTED_ROA, r->roa, ROUTED_ROA_LEN);
    memcpy(p + ROUTED_PREF, r->pref, ROUTED_PREF_LEN);
    memcpy(p + ROUTED_TEXT, r->text, ROUTED_TEXT_LEN);
    f->mpls_vpn_rd = r->rd;
    f->mpls_vpn_rd_origin = r->rd_origin;
}

/* A worker with the functions; after worker_use_maps. -1: e. */
struct worker;
int worker_use_routes(struct worker *w, const struct routes_ops *ops, struct maps *m, char daemon,
                      struct err *e);
int worker_connect_routes(struct worker *w, const struct services *ss, struct err *e);
void worker_disconnect_routes(struct worker *w);

#endif
