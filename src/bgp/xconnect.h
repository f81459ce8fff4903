/* SPDX-License-Identifier: BSD-2-Clause */
/* Cross connects (bgp_daemon_xconnect_map): sessions of some neighbours are not kept here but handed through,
 * octet by octet, to another collector. */
#ifndef BGP_XCONNECT_H
#define BGP_XCONNECT_H

#include <uv.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "core/figures.h"

struct bgp_xconnects;

/* Reads the map: rows of bgp_src=ADDRESS, PREFIX or ADDRESS:PORT and bgp_dst=ADDRESS:PORT. NULL: e. */
struct bgp_xconnects *bgp_xconnects_load(const char *path, const struct log *l, struct err *e);
/* Reads it anew; what is wrong is said and changes nothing. Sessions under way stay. */
void bgp_xconnects_reload(struct bgp_xconnects *x);
unsigned bgp_xconnects_count(const struct bgp_xconnects *x);

/* Hands a connection through if a row is for it: true, fd is no longer the caller's. */
bool bgp_xconnects_take(struct bgp_xconnects *x, uv_loop_t *loop, int fd, const struct addr *from,
                        uint16_t port);

void bgp_xconnects_stats(const struct bgp_xconnects *x);
void bgp_xconnects_figures(const struct bgp_xconnects *x, struct figures *f);
/* Ends all sessions; their memory goes when the loop has closed their handles. */
void bgp_xconnects_stop(struct bgp_xconnects *x);
void bgp_xconnects_free(struct bgp_xconnects *x); /* all but the first two take NULL */

#endif
