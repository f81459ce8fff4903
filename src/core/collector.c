/* SPDX-License-Identifier: BSD-2-Clause */
/* What nfacctd and sfacctd check of their configuration alike. */
#include "core/collector.h"

#include "core/allow.h"

static int check_inputs(const struct config_set *set, const char *progname, struct err *e)
{
    static const char *const live[] = { "ip", "port" };
    char where[256], key[64];
    if (!set->core.pcap_savefile)
        return 0;
    for (unsigned i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        snprintf(key, sizeof(key), "%s_%s", progname, live[i]);
        if (config_is_set(set, key, NULL))
            return err_set(e, ERR_CONFIG, "%s: pcap_savefile and %s are mutually exclusive",
                           config_where(set, "pcap_savefile", NULL, where, sizeof(where)), key);
    }
    return 0;
}

int collector_check(const struct config_set *set, const char *progname, struct err *e)
{
    const struct config *c = &set->core;
    if (check_inputs(set, progname, e) < 0)
        return -1;
    if (!c->collector_allow_file)
        return 0;
    struct allow *a = allow_load(c->collector_allow_file, e);
    allow_free(a);
    return a ? 0 : -1;
}
