/* SPDX-License-Identifier: BSD-2-Clause */
/* pmbgpd: collects the routes of BGP neighbours. */
#include "bgp/service.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "rpki/rpki.h"

int main(int argc, char **argv)
{
    static const struct service_ops *const services[] = { &rpki_service, &bgp_service, &alive_service,
                                                          &metrics_service, NULL };
    static const struct daemon_spec spec = {
        .name = "pmbgpd", .description = "BGP Collector Daemon", .letter = 'B', .services = services
    };
    return daemon_main(&spec, argc, argv);
}
