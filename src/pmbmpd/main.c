/* SPDX-License-Identifier: BSD-2-Clause */
/* pmbmpd: collects what routers tell of their BGP peers (BMP). */
#include "bmp/bmp.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "rpki/rpki.h"

int main(int argc, char **argv)
{
    static const struct service_ops *const services[] = { &rpki_service, &bmp_service, &alive_service,
                                                          &metrics_service, NULL };
    static const struct daemon_spec spec = {
        .name = "pmbmpd", .description = "BMP Collector Daemon", .letter = 'M', .services = services
    };
    return daemon_main(&spec, argc, argv);
}
