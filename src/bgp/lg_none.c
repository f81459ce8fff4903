/* SPDX-License-Identifier: BSD-2-Clause */
/* The looking glass of a build without libzmq. */
#include "bgp/lg.h"

int bgp_lg_check(const struct service *s, struct err *e)
{
    char where[256];
    if (!s->c->bgp_lg)
        return 0;
    return err_set(e, ERR_UNSUPPORTED, "%s: bgp_daemon_lg: this build has no libzmq",
                   config_where(s->set, "bgp_daemon_lg", NULL, where, sizeof(where)));
}

int bgp_lg_open(struct bgp_service *b, struct bgp_lg **lg, struct err *e)
{
    (void)b, (void)e;
    *lg = NULL;
    return 0;
}

int bgp_lg_start(struct bgp_lg *lg, struct err *e)
{
    (void)lg, (void)e;
    return 0;
}

void bgp_lg_stats(const struct bgp_lg *lg) { (void)lg; }
void bgp_lg_figures(const struct bgp_lg *lg, struct figures *f) { (void)lg, (void)f; }
void bgp_lg_stop(struct bgp_lg *lg) { (void)lg; }
void bgp_lg_free(struct bgp_lg *lg) { (void)lg; }
