/* SPDX-License-Identifier: BSD-2-Clause */
/* sfacctd: counts what sFlow agents sample. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bgp/service.h"
#include "bmp/bmp.h"
#include "core/collector.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "output/sqltext.h"
#include "packet/input_savefile.h"
#include "packet/link.h"
#include "plugins/plugins.h"
#include "queue/queue.h"
#include "routing/step.h"
#include "rpki/rpki.h"
#include "sfacctd/counterlog.h"

static const struct plugin_ops *const plugins[] = { PLUGINS_COMMON PLUGINS_REPLICATOR NULL };

static const struct input_ops *const inputs[] = { &input_savefile, INPUTS_OF_QUEUES, &input_udp, NULL };

static const struct service_ops *const services[] = { &rpki_service,  &bgp_service,     &bmp_service,
                                                      &alive_service, &metrics_service, NULL };
static const struct service_ops *const plugin_services[] = { &alive_service, NULL };

static int check(const struct config_set *set, struct err *e)
{
    if (collector_check(set, "sfacctd", e) == -1 || counterlog_check(set, e) == -1)
        return -1;
    return packet_config_check(set, e);
}

int main(int argc, char **argv)
{
    struct decoder_ops decoder;
    counterlog_decoder(&decoder);
    const struct daemon_spec spec = {
        .name = "sfacctd",
        .description = "sFlow Accounting Daemon",
        .letter = 'S',
        .routes = &routing_ops,
        .services = services,
        .plugin_services = plugin_services,
        .plugins = plugins,
        .inputs = inputs,
        .decoder = &decoder,
        .schema = sqltext_print_schemas,
        .check = check,
        .workers = collector_workers,
    };
    return daemon_main(&spec, argc, argv);
}
