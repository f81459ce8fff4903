/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes from MRT files at the start: those of the last run (bgp_daemon_snapshot_file), which stay until
 * their neighbours have told theirs again or a time is over; those of a file that somebody names
 * (bgp_daemon_mrt_file), which stay until a neighbour of that address and identifier comes. */
#ifndef BGP_RESTORE_H
#define BGP_RESTORE_H

#include "bgp/service_impl.h"

/* In the service's thread, before it listens. A file that is not there or no MRT is told in the log, nothing
 * more. */
void bgp_restore(struct bgp_service *b);

#endif
