/* SPDX-License-Identifier: BSD-2-Clause */
/* The neighbours' routes as MRT files (TABLE_DUMP_V2): the snapshot that outlives the daemon
 * (bgp_daemon_snapshot_file) and dumps for other tools (bgp_table_dump_mrt_file). Written in slices of the
 * loop, beside it first, then moved into place, so that what has the name is always whole. */
#ifndef BGP_TABLEFILE_H
#define BGP_TABLEFILE_H

#include "bgp/service_impl.h"

struct bgp_tablefiles;

/* Rules of the keys, names among them. */
int bgp_tablefiles_check(const struct service *s, struct err *e);

/* In the service's thread. *t NULL: none is asked for. -1: e. */
int bgp_tablefiles_start(struct bgp_service *b, struct bgp_tablefiles **t, struct err *e);
/* A neighbour's routes are about to go. */
void bgp_tablefiles_forget(struct bgp_tablefiles *t, const struct bgp_peer *p);
void bgp_tablefiles_stats(const struct bgp_tablefiles *t);
void bgp_tablefiles_figures(const struct bgp_tablefiles *t, struct figures *f);
/* The daemon ends: the snapshot is written now, in one go, while the routes are still there. Closes the
 * handles. */
void bgp_tablefiles_stop(struct bgp_tablefiles *t);
void bgp_tablefiles_free(struct bgp_tablefiles *t); /* all take NULL */

#endif
