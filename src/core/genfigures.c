/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints docs/metrics.md. The build runs it for `make config-docs`; lint compares. */
#include <stdio.h>
#include "core/figures.h"

static const char intro[] =
    "# Metrics\n"
    "\n"
    "Every daemon serves what its counters stand at, as text for Prometheus, where the configuration says\n"
    "\n"
    "    metrics_listen: 127.0.0.1:9641\n"
    "\n"
    "at `http://127.0.0.1:9641/metrics`. A port alone is one of 127.0.0.1; an address of the network is "
    "possible,\n"
    "best with `metrics_token_file`, a file whose first line is the token that Prometheus sends\n"
    "(`authorization: { credentials_file: … }`). Each daemon of a host needs a port of its own.\n"
    "\n"
    "The figures are those of the ledger that SIGUSR1 logs. They are put together when somebody asks, by "
    "the\n"
    "threads and processes that count; none waits for another. What a plugin does not tell within a second "
    "is\n"
    "left out, and counted in `pmacct_metrics_parts_missing`. Counters begin at 0 with the daemon.\n"
    "\n"
    "`stage` is the ledger's column: accounted = filtered + sampled_out + lost_ring_full + lost_no_plugin +\n"
    "lost_too_long + handed_over, then taken by the plugin, and confirmed by its sink or spool. `what` and\n"
    "`reason` are the columns of the decoder: a figure of an exporter appears with its first event.\n"
    "\n"
    "`examples/prometheus.yml` scrapes, `examples/prometheus-alerts.yml` has alerts for all that can be "
    "lost, and\n"
    "`examples/grafana-dashboard.json` is a dashboard to import.\n"
    "\n"
    "| metric | type | what it is |\n"
    "|---|---|---|\n";

int main(void)
{
    fputs(intro, stdout);
    for (unsigned i = 0; i < FIG_MAX; i++) {
        const struct figure_family *f = &figure_families[i];
        printf("| `%s` | %s | %s |\n", f->name, f->kind == FIGURE_COUNTER ? "counter" : "gauge", f->help);
    }
    return 0;
}
