/* SPDX-License-Identifier: BSD-2-Clause */
/* nfacctd: counts what NetFlow and IPFIX exporters report. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "core/allow.h"
#include "core/daemon.h"
#include "netflow/netflow.h"
#include "packet/input_savefile.h"
#include "plugins/plugins.h"

static const struct plugin_ops *const plugins[] = {
    &plugin_memory,
    &plugin_print,
#ifdef WITH_SQLITE3
    &plugin_sqlite3,
#endif
    NULL,
};

static const struct input_ops *const inputs[] = { &input_savefile, &input_udp, NULL };

static int check_inputs(const struct config_set *set, struct err *e)
{
    static const char *const live[] = { "nfacctd_ip", "nfacctd_port" };
    char where[256];
    if (!set->core.pcap_savefile)
        return 0;
    for (unsigned i = 0; i < sizeof(live) / sizeof(live[0]); i++)
        if (config_is_set(set, live[i], NULL))
            return err_set(e, ERR_CONFIG, "%s: pcap_savefile and %s are mutually exclusive",
                           config_where(set, "pcap_savefile", NULL, where, sizeof(where)), live[i]);
    return 0;
}

static int check(const struct config_set *set, struct err *e)
{
    const struct config *c = &set->core;
    if (check_inputs(set, e) < 0)
        return -1;
    if (!c->collector_allow_file)
        return 0;
    struct allow *a = allow_load(c->collector_allow_file, e);
    allow_free(a);
    return a ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "nfacctd",
        .description = "NetFlow Accounting Daemon",
        .letter = 'N',
        .plugins = plugins,
        .inputs = inputs,
        .decoder = &netflow_decoder,
        .check = check,
    };
    return daemon_main(&spec, argc, argv);
}
