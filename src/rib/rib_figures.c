/* SPDX-License-Identifier: BSD-2-Clause */
/* What a RIB counts, as figures for metrics. Called by the services that own one, in their thread. */
#include "rib/rib.h"

void rib_figures(const struct rib *rib, const char *name, struct figures *f)
{
    struct rib_counts n;
    rib_counts(rib, &n);
    figures_label(f, "rib", name);
    figures_put(f, FIG_RIB_PEERS, n.peers);
    figures_put(f, FIG_RIB_TABLES, n.tables);
    figures_put(f, FIG_RIB_ROUTES, n.routes);
    figures_put(f, FIG_RIB_SETS, n.sets);
    figures_put(f, FIG_RIB_BYTES, n.octets_held);
    figures_unlabel(f, 1);
}
