/* SPDX-License-Identifier: BSD-2-Clause */
/* pmacctd: counts packets that libpcap captures. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bgp/service.h"
#include "bmp/bmp.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "output/sqltext.h"
#include "plugins/plugins.h"
#include "routing/step.h"
#include "rpki/rpki.h"
#include "packet/input_savefile.h"
#include "packet/link.h"
#include "pmacctd/ifaces.h"
#include "pmacctd/input_pcap.h"

static const struct plugin_ops *const plugins[] = { PLUGINS_COMMON PLUGINS_PROBES NULL };

static const struct input_ops *const inputs[] = { &input_savefile, &input_pcap, NULL };

static const struct service_ops *const services[] = { &rpki_service,  &bgp_service,     &bmp_service,
                                                      &alive_service, &metrics_service, NULL };
static const struct service_ops *const plugin_services[] = { &alive_service, NULL };

static int check_map(const struct config *c, struct err *e)
{
    struct iface_list list;
    if (!c->pcap_interfaces_map)
        return 0;
    if (iface_list_read(&list, c, e) == -1)
        return -1;
    bool empty = !list.n;
    iface_list_free(&list);
    return empty ? err_set(e, ERR_CONFIG, "[%s] names no interface", c->pcap_interfaces_map) : 0;
}

static int check(const struct config_set *set, struct err *e)
{
    const struct config *c = &set->core;
    char where[256];
    if (!!c->pcap_interface + !!c->pcap_interfaces_map + !!c->pcap_savefile > 1)
        return err_set(e, ERR_CONFIG,
                       "%s: pcap_interface, pcap_interfaces_map and pcap_savefile are mutually exclusive",
                       config_where(set, c->pcap_savefile ? "pcap_savefile" : "pcap_interfaces_map", NULL,
                                    where, sizeof(where)));
    if (c->pcap_ifindex == IFINDEX_MAP && !c->pcap_interfaces_map)
        return err_set(e, ERR_CONFIG,
                       "%s: pcap_ifindex: map needs pcap_interfaces_map, which has the numbers",
                       config_where(set, "pcap_ifindex", NULL, where, sizeof(where)));
    if (check_map(c, e) == -1)
        return -1;
    if (c->sampling_rate > 0 && c->ext_sampling_rate > 0)
        return err_set(e, ERR_CONFIG,
                       "%s: sampling_rate and pmacctd_ext_sampling_rate are mutually exclusive",
                       config_where(set, "pmacctd_ext_sampling_rate", NULL, where, sizeof(where)));
    return packet_config_check(set, e);
}

static unsigned workers(const struct config_set *set)
{
    return set->core.pcap_savefile ? 1 : (unsigned)set->core.pcap_workers;
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "pmacctd",
        .description = "Promiscuous Mode Accounting Daemon",
        .letter = 'P',
        .routes = &routing_ops,
        .services = services,
        .plugin_services = plugin_services,
        .plugins = plugins,
        .inputs = inputs,
        .schema = sqltext_print_schemas,
        .check = check,
        .workers = workers,
    };
    return daemon_main(&spec, argc, argv);
}
