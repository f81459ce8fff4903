/* SPDX-License-Identifier: BSD-2-Clause */
/* nfacctd: counts what NetFlow and IPFIX exporters report. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>
#include "bgp/service.h"
#include "bmp/bmp.h"
#include "core/collector.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "output/sqltext.h"
#include "netflow/input_sessions.h"
#include "netflow/netflow.h"
#include "packet/input_savefile.h"
#include "plugins/plugins.h"
#include "telemetry/service.h"
#include "queue/queue.h"
#include "routing/step.h"
#include "rpki/rpki.h"

static const struct plugin_ops *const plugins[] = { PLUGINS_COMMON PLUGINS_REPLICATOR NULL };

static const struct input_ops *const inputs[] = { &input_savefile, INPUTS_OF_QUEUES, &input_udp,
                                                  &input_sessions, NULL };

static const struct input_ops *const beside[] = { &input_sessions, NULL };

static const struct service_ops *const services[] = {
    &rpki_service, &bgp_service, &bmp_service, &telemetry_service, &alive_service, &metrics_service, NULL
};
static const struct service_ops *const plugin_services[] = { &alive_service, NULL };

static int check(const struct config_set *set, struct err *e)
{
    char where[256];
    for (unsigned i = 0; i < set->n_plugins && set->core.templates_receiver; i++)
        if (!strcmp(set->plugins[i].type, "tee"))
            return err_set(e, ERR_CONFIG,
                           "%s: nfacctd_templates_receiver and 'tee' plugins are mutually exclusive",
                           config_where(set, "nfacctd_templates_receiver", NULL, where, sizeof(where)));
    return collector_check(set, "nfacctd", e) == 0 ? input_sessions_check(set, e) : -1;
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "nfacctd",
        .description = "NetFlow Accounting Daemon",
        .letter = 'N',
        .routes = &routing_ops,
        .services = services,
        .plugin_services = plugin_services,
        .plugins = plugins,
        .inputs = inputs,
        .beside = beside,
        .decoder = &netflow_decoder,
        .schema = sqltext_print_schemas,
        .check = check,
        .workers = collector_workers,
    };
    return daemon_main(&spec, argc, argv);
}
