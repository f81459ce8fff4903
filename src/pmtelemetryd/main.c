/* SPDX-License-Identifier: BSD-2-Clause */
/* pmtelemetryd: collects streaming telemetry. It is the telemetry service and nothing else. */
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "telemetry/service.h"

int main(int argc, char **argv)
{
    static const struct service_ops *const services[] = { &telemetry_service, &alive_service,
                                                          &metrics_service, NULL };
    const struct daemon_spec spec = {
        .name = "pmtelemetryd",
        .description = "Streaming Network Telemetry Daemon",
        .letter = 'T',
        .services = services,
    };
    return daemon_main(&spec, argc, argv);
}
