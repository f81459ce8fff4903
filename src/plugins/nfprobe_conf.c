/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of nfprobe whose values have a grammar of their own. */
#include "plugins/nfprobe_conf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "netflow/encode.h"

/* Seconds with an optional unit, over all of text[0..len). -1: not that. */
static int64_t parse_seconds(const char *text, size_t len)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    uint64_t n = 0;
    size_t i = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9' && n <= INT32_MAX; i++)
        n = n * 10 + (uint64_t)(text[i] - '0');
    if (i == 0 || n > INT32_MAX)
        return -1;
    uint64_t unit = i == len ? 1 : 0;
    for (size_t u = 0; i + 1 == len && u < sizeof(units) / sizeof(units[0]); u++)
        if (units[u].unit == text[i])
            unit = units[u].seconds;
    return unit && n * unit <= INT32_MAX ? (int64_t)(n * unit) : -1;
}

static int parse_timeouts(const char *text, struct nfprobe_conf *out, struct err *e)
{
    const struct {
        const char *name;
        uint32_t *to, dflt;
    } names[] = {
        { "tcp", &out->idle_s[FC_TCP], 3600 },        { "tcp.rst", &out->idle_s[FC_TCP_RST], 120 },
        { "tcp.fin", &out->idle_s[FC_TCP_FIN], 300 }, { "udp", &out->idle_s[FC_UDP], 300 },
        { "icmp", &out->idle_s[FC_ICMP], 300 },       { "general", &out->idle_s[FC_GENERAL], 3600 },
        { "maxlife", &out->maxlife_s, 604800 },       { "expint", &out->interval_s, 60 },
    };
    const size_t n = sizeof(names) / sizeof(names[0]);
    for (size_t i = 0; i < n; i++)
        *names[i].to = names[i].dflt;
    while (text && *text) {
        size_t len = strcspn(text, ":"), name = strcspn(text, "=:"), i = 0;
        while (i < n && (strlen(names[i].name) != name || strncasecmp(names[i].name, text, name) != 0))
            i++;
        int64_t s = name < len ? parse_seconds(text + name + 1, len - name - 1) : -1;
        if (i == n)
            return err_set(e, ERR_CONFIG,
                           "nfprobe_timeouts: no timeout is called '%.*s'; there are tcp, tcp.rst, tcp.fin, "
                           "udp, icmp, general, "
                           "maxlife and expint",
                           (int)name, text);
        if (s == -1)
            return err_set(e, ERR_CONFIG,
                           "nfprobe_timeouts: '%.*s': write %s=seconds, or a number with s, m, h, d or w",
                           (int)len, text, names[i].name);
        *names[i].to = (uint32_t)s;
        text += len + (text[len] == ':');
    }
    return 0;
}

/* A number up to max that ends at *end. */
static bool number(const char *text, uint64_t max, uint32_t *out, const char **end)
{
    char *stop;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long v = strtoull(text, &stop, 10);
    *end = stop;
    *out = (uint32_t)v;
    return v <= max;
}

static int parse_engine(const char *text, int version, struct nfprobe_conf *out, struct err *e)
{
    uint32_t a, b;
    const char *end;
    if (!text)
        return 0;
    if (version == 5) {
        if (!number(text, 255, &a, &end) || *end != ':' || !number(end + 1, 255, &b, &end) || *end)
            return err_set(e, ERR_CONFIG,
                           "nfprobe_engine: '%s': for NetFlow v5 write type:id, each from 0 to 255", text);
        out->engine_type = (uint8_t)a;
        out->engine_id = (uint8_t)b;
        return 0;
    }
    if (!number(text, UINT32_MAX, &a, &end) || *end)
        return err_set(e, ERR_CONFIG,
                       "nfprobe_engine: '%s': for NetFlow v9 and IPFIX write one number from 0 to 4294967295",
                       text);
    out->domain = a;
    return 0;
}

static int parse_exported(const struct config *c, char daemon, const struct customs *customs,
                          struct nfprobe_conf *out, struct err *e)
{
    static const char dflt[] = "src_host,dst_host,src_port,dst_port,proto,tos";
    struct err why = { 0 };
    bool dropped;
    const char *list = c->aggregate && *c->aggregate ? c->aggregate : dflt;
    if (aggregate_parse_custom(list, daemon, customs, &out->exported, &dropped, &why) == -1)
        return err_set(e, ERR_CONFIG, "aggregate: %s", why.text);
    if (out->exported.sum != SUM_NONE)
        return err_set(e, ERR_CONFIG, "aggregate: nfprobe exports flows, not sum_* primitives");
    struct fieldset *set = &out->exported.set;
    if (fieldset_has(set, FIELD_src_port) || fieldset_has(set, FIELD_dst_port))
        fieldset_add(set, FIELD_tcpflags);
    if (nfprobe_conf_rate(c)) /* exported as the sampler's id, the rate in options data */
        fieldset_add(set, FIELD_sampling_rate);
    else
        fieldset_del(set, FIELD_sampling_rate);
    return 0;
}

uint32_t nfprobe_conf_rate(const struct config *c)
{
    int rate = c->ext_sampling_rate > 0 && !c->renormalize ? c->ext_sampling_rate : c->sampling_rate;
    return rate > 0 ? (uint32_t)rate : 0;
}

int nfprobe_conf_parse(const struct config *c, char daemon, const struct customs *customs,
                       struct nfprobe_conf *out, struct err *e)
{
    *out = (struct nfprobe_conf){ 0 };
    if (parse_exported(c, daemon, customs, out, e) == -1 ||
        parse_timeouts(c->nfprobe_timeouts, out, e) == -1 ||
        parse_engine(c->nfprobe_engine, c->nfprobe_version, out, e) == -1 ||
        probe_iface_parse(c, "nfprobe", &out->iface, e) == -1)
        return -1;
    return 0;
}

void nfprobe_conf_key(const struct nfprobe_conf *nc, struct fieldset *set)
{
    static const enum field_id apart[] = { FIELD_src_host, FIELD_dst_host, FIELD_src_port, FIELD_dst_port,
                                           FIELD_proto,    FIELD_vlan,     FIELD_tcpflags };
    *set = (struct fieldset){ { 0 } };
    for (unsigned id = 0; id < FIELD_MAX; id++)
        if (fieldset_has(&nc->exported.set, id) && encoder_knows(id))
            fieldset_add(set, id);
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
        fieldset_add(set, apart[i]);
    probe_iface_needs(&nc->iface, set);
    fieldset_del(set, FIELD_sampling_rate);
}
