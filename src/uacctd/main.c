/* SPDX-License-Identifier: BSD-2-Clause */
/* uacctd: counts packets that the rules of Linux's firewall log to NFLOG groups. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bgp/service.h"
#include "bmp/bmp.h"
#include "core/daemon.h"
#include "http/metrics.h"
#include "output/alive.h"
#include "output/sqltext.h"
#include "packet/link.h"
#include "plugins/plugins.h"
#include "routing/step.h"
#include "rpki/rpki.h"
#include "uacctd/input_nflog.h"

static const struct plugin_ops *const plugins[] = { PLUGINS_COMMON PLUGINS_PROBES NULL };

static const struct input_ops *const inputs[] = { &input_nflog, NULL };

static const struct service_ops *const services[] = { &rpki_service,  &bgp_service,     &bmp_service,
                                                      &alive_service, &metrics_service, NULL };
static const struct service_ops *const plugin_services[] = { &alive_service, NULL };

static int check(const struct config_set *set, struct err *e)
{
    const struct config *c = &set->core;
    uint16_t groups[NFLOG_GROUPS_MAX];
    struct err why;
    char where[256];
    if (nflog_groups_parse(c->nflog_group, groups, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: uacctd_group: %s",
                       config_where(set, "uacctd_group", NULL, where, sizeof(where)), why.text);
    if (c->sampling_rate > 0 && c->ext_sampling_rate > 0)
        return err_set(e, ERR_CONFIG, "%s: sampling_rate and uacctd_ext_sampling_rate are mutually exclusive",
                       config_where(set, "uacctd_ext_sampling_rate", NULL, where, sizeof(where)));
    return packet_config_check(set, e);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "uacctd",
        .description = "Linux NetFilter NFLOG Accounting Daemon",
        .letter = 'U',
        .routes = &routing_ops,
        .services = services,
        .plugin_services = plugin_services,
        .plugins = plugins,
        .inputs = inputs,
        .schema = sqltext_print_schemas,
        .check = check,
    };
    return daemon_main(&spec, argc, argv);
}
