/* SPDX-License-Identifier: BSD-2-Clause */
/* pmacctd: counts packets that libpcap captures. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "core/daemon.h"
#include "plugins/plugins.h"
#include "packet/input_savefile.h"
#include "packet/link.h"
#include "pmacctd/input_pcap.h"

static const struct plugin_ops *const plugins[] = { PLUGINS_COMMON PLUGINS_PROBES NULL };

static const struct input_ops *const inputs[] = { &input_savefile, &input_pcap, NULL };

static int check(const struct config_set *set, struct err *e)
{
    const struct config *c = &set->core;
    char where[256];
    if (c->pcap_interface && c->pcap_savefile)
        return err_set(e, ERR_CONFIG, "%s: pcap_interface and pcap_savefile are mutually exclusive",
                       config_where(set, "pcap_savefile", NULL, where, sizeof(where)));
    if (c->sampling_rate > 0 && c->ext_sampling_rate > 0)
        return err_set(e, ERR_CONFIG,
                       "%s: sampling_rate and pmacctd_ext_sampling_rate are mutually exclusive",
                       config_where(set, "pmacctd_ext_sampling_rate", NULL, where, sizeof(where)));
    return packet_config_check(set, e);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "pmacctd",
        .description = "Promiscuous Mode Accounting Daemon",
        .letter = 'P',
        .plugins = plugins,
        .inputs = inputs,
        .check = check,
    };
    return daemon_main(&spec, argc, argv);
}
