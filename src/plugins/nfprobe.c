/* SPDX-License-Identifier: BSD-2-Clause */
/* nfprobe: packets to flows, and those to a collector as NetFlow v5, v9 or IPFIX. The cache
 * (packet/flowcache) tells which flows have ended, the encoder (netflow/encode) makes datagrams of them,
 * export_udp sends those at a pace that a receiver can follow. */
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "core/custom.h"
#include "netflow/encode.h"
#include "packet/flowcache.h"
#include "packet/flowtrack.h"
#include "plugins/if_counters.h"
#include "plugins/export_udp.h"
#include "plugins/nfprobe_conf.h"
#include "plugins/plugins.h"

enum {
    PORT = 2100,
    FLOWS_MAX = 1 << 20,       /* followed at a time where nfprobe_maxflows does not say */
    EXPIRE_SLICE = 512,        /* flows between two looks at the queue */
    TCP_LIFETIME_S = 60,       /* pmacctd_flow_tcp_lifetime where it is not set */
    END_OF_FLOW = 3,           /* flowEndReason */
    LABEL_MAX = 64,            /* octets of a label that flows are followed with */
    BOOT_BEFORE_US = 60000000, /* uptimes count from a minute before the first packet */
};

struct nfprobe {
    struct nfprobe_conf conf;
    struct flowcache *cache;
    struct encoder *encoder;
    struct export_udp *export;
    const struct plugin *pl;
    bool dont_cache, booted;
    bool kernel_numbers;     /* interfaces have the numbers of the kernel */
    int netlink;             /* for the names of interfaces; -1: none are told */
    uint16_t proto;          /* its place in the key */
    struct sums pending;     /* flows in the datagram that is in the making */
    uint64_t flows, no_form; /* exported; left out, since the version has no form for them */
    struct log_limit no_form_limit;
};

/* ---- from the cache to the wire */

/* RFC 7012 §5.11.3, flowEndReason. The cache knows when a connection that was closed has been quiet, not why.
 */
static uint8_t reason(const struct flow_entry *e, enum flow_end why)
{
    bool closed = e->class == FC_TCP_FIN || e->class == FC_TCP_RST;
    return (uint8_t)(why == FLOW_END_IDLE && closed ? END_OF_FLOW : why);
}

/* A flow has ended (flowcache_conf.out). */
static void export_flow(void *arg, const struct flow_entry *e, enum flow_end why)
{
    struct nfprobe *s = arg;
    struct export_flow f = { .key = e->key,
                             .packets = e->packets,
                             .bytes = e->bytes,
                             .flows = e->begun,
                             .first_us = e->first_us,
                             .last_us = e->last_us,
                             .tcpflags = e->tcpflags,
                             .end = reason(e, why),
                             .direction = probe_direction(&s->conf.iface, e->key, e->direction) };
    struct probe_ifaces ifaces = probe_ifaces(&s->conf.iface, e->key, f.direction);
    f.in_iface = ifaces.in;
    f.out_iface = ifaces.out;
    if (!encoder_add(s->encoder, &f)) {
        s->no_form++;
        log_limited(&s->pl->log, &s->no_form_limit, LOG_LV_WARN, "%s: such flows are not exported",
                    s->pl->c->nfprobe_version == 5 ? "NetFlow v5 has no form for IPv6"
                                                   : "a label is too long for a datagram");
        return;
    }
    s->flows++;
    struct sums sums = { .records = e->records, .packets = e->packets, .bytes = e->bytes, .flows = e->flows };
    sums_add(&s->pending, &sums);
}

/* A datagram is complete (encoder_conf.emit); the flow that did not fit is not in s->pending yet. */
static void emit(void *arg, const uint8_t *p, uint32_t len)
{
    struct nfprobe *s = arg;
    export_udp_put(s->export, p, len, &s->pending);
    s->pending = (struct sums){ 0 };
}

static void on_sent(void *arg, const struct sums *sums)
{
    struct nfprobe *s = arg;
    ring_confirm(s->pl->ring, sums);
}

/* ---- time */

/* A capture file has a clock of its own, which times relative to the export (v5, uptimes) need; else headers
 * bear the real time. */
static int64_t header_time(const struct nfprobe *s, int64_t wall_us)
{
    const struct config *c = s->pl->c;
    bool relative =
        c->nfprobe_version == 5 || (c->nfprobe_version == 9 && c->timestamps_secs && !c->nfprobe_tstamp_usec);
    int64_t capture = flowcache_now(s->cache);
    return s->pl->file_input && relative && capture ? capture : wall_us;
}

/* Ends what has expired, as long as there is room for datagrams; the rest waits for the next call. */
static void expire(struct nfprobe *s, int64_t wall_us)
{
    flowcache_clock(s->cache, wall_us);
    encoder_clock(s->encoder, header_time(s, wall_us));
    while (export_udp_has_room(s->export) && flowcache_expire(s->cache, EXPIRE_SLICE))
        ;
}

static void tick(struct plugin *pl, int64_t now_us)
{
    struct nfprobe *s = pl->state;
    expire(s, now_us);
    encoder_flush(s->encoder);
}

/* ---- records */

static struct sums sums_of(const uint8_t *recs, size_t bytes)
{
    struct sums sum = { 0 };
    for (const uint8_t *end = recs + bytes; recs < end; recs += record_size((const struct record *)recs)) {
        const struct record *r = (const struct record *)recs;
        sums_add(&sum, &(struct sums){ 1, r->packets, r->bytes, r->flows });
    }
    return sum;
}

static struct sums take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    struct nfprobe *s = pl->state;
    struct sums sum = sums_of(recs, bytes);
    int64_t now = clock_wall_us();
    if (!s->booted && bytes) {
        const struct record *first = (const struct record *)recs;
        encoder_boot(s->encoder, (first->start_us ? first->start_us : now) - BOOT_BEFORE_US);
        s->booted = true;
    }
    flowcache_clock(s->cache, now);
    encoder_clock(s->encoder, header_time(s, now));
    if (s->dont_cache)
        flowcache_pass(s->cache, recs, bytes);
    else
        flowcache_add(s->cache, recs, bytes);
    expire(s, now);
    return sum;
}

static void log_sums(const struct nfprobe *s, enum log_level level, const char *what)
{
    struct export_udp_stats st;
    export_udp_stats(s->export, &st);
    log_at(&s->pl->log, level,
           "%s flows=%" PRIu64 " followed=%" PRIu32 " datagrams=%" PRIu64 " octets=%" PRIu64
           " queued_datagrams=%" PRIu32 " refused_datagrams=%" PRIu64 " unheard=%" PRIu64
           " lost_packets=%" PRIu64 " without_form=%" PRIu64 " too_long=%" PRIu64 " forced_out=%" PRIu64
           " names_refused=%" PRIu64,
           what, s->flows, flowcache_count(s->cache), st.datagrams, st.octets, st.queued, st.refused,
           st.unheard, st.lost.packets, s->no_form, flowcache_too_long(s->cache), flowcache_forced(s->cache),
           encoder_names_refused(s->encoder));
}

static void stats(struct plugin *pl) { log_sums(pl->state, LOG_LV_NOTICE, "stats"); }

static void put_figures(struct plugin *pl, struct figures *f)
{
    const struct nfprobe *s = pl->state;
    export_udp_figures(s->export, f);
    figures_put(f, FIG_TABLE_ENTRIES, flowcache_count(s->cache));
    figures_put_of(f, FIG_EXPORT, "what", "flows", s->flows);
    figures_put_of(f, FIG_EXPORT, "what", "without_form", s->no_form);
    figures_put_of(f, FIG_EXPORT, "what", "too_long", flowcache_too_long(s->cache));
    figures_put_of(f, FIG_EXPORT, "what", "forced_out", flowcache_forced(s->cache));
}

static void finish_flows(struct plugin *pl)
{
    struct nfprobe *s = pl->state;
    encoder_clock(s->encoder, header_time(s, clock_wall_us()));
    while (flowcache_end_all(s->cache, EXPIRE_SLICE))
        ;
    encoder_flush(s->encoder);
    export_udp_drain(s->export);
    log_sums(s, LOG_LV_INFO, "exported");
}

/* ---- start and end */

static int check(const struct config_set *set, const struct plugin_conf *pc, struct aggregate_spec *spec,
                 struct err *e)
{
    struct nfprobe_conf nc;
    struct err why = { 0 };
    if (nfprobe_conf_parse(&pc->c, 'P', spec->customs, &nc, &why) == -1)
        return config_fault(set, pc->name, &why, e);
    nfprobe_conf_key(&nc, &spec->set);
    spec->custom = encoder_customs(spec->customs, nc.exported.custom);
    spec->flows = false; /* the cache counts them by itself */
    spec->none = false;
    spec->sum = SUM_NONE;
    spec->icmp_as_port = spec->whole_addresses = true;
    return 0;
}

static void log_start(const struct nfprobe *s, const struct plugin *pl)
{
    const uint32_t *t = s->conf.idle_s;
    log_info(&pl->log, "NetFlow v%d export (10 is IPFIX) to %s", pl->c->nfprobe_version,
             export_udp_where(s->export));
    log_info(&pl->log,
             "timeouts: tcp=%us tcp.rst=%us tcp.fin=%us udp=%us icmp=%us general=%us maxlife=%us expint=%us",
             t[FC_TCP], t[FC_TCP_RST], t[FC_TCP_FIN], t[FC_UDP], t[FC_ICMP], t[FC_GENERAL], s->conf.maxlife_s,
             s->conf.interval_s);
    for (unsigned id = 0; id < FIELD_MAX; id++)
        if (fieldset_has(&s->conf.exported.set, id) && !encoder_knows(id))
            log_warn(&pl->log, "'%s' cannot be exported and is left out", fields[id].name);
    for (unsigned i = 0; i < CUSTOM_MAX; i++)
        if ((s->conf.exported.custom & ~pl->spec->custom) >> i & 1)
            log_warn(&pl->log, "'%s' has no field_type in aggregate_primitives and is left out",
                     pl->spec->customs->c[i].name);
    log_info(&pl->log, "Exporting flows to %s", export_udp_where(s->export));
}

/* The class is not known from the first packet on: it tells of a flow, but does not keep flows apart. */
static void set_attribute(struct flowcache_conf *fc, const struct layout *l)
{
    const struct column *col = layout_find(l, FIELD_class);
    if (col) {
        fc->attr_off = col->off;
        fc->attr_len = col->len;
    }
}

static void set_lifetimes(struct flowcache_conf *fc, const struct config *c)
{
    for (unsigned i = 0; i < FC_MAX; i++)
        fc->life_s[i] = (uint32_t)c->flow_lifetime;
    fc->life_s[FC_TCP] = (uint32_t)(c->flow_tcp_lifetime ? c->flow_tcp_lifetime : TCP_LIFETIME_S);
    fc->life_s[FC_TCP_FIN] = FLOWTRACK_FIN_S;
    fc->life_s[FC_TCP_RST] = FLOWTRACK_RST_S;
}

/* Octets that flows are followed with of what stands in the key's tail. */
static uint32_t tail_room(const struct plugin *pl)
{
    uint32_t n = layout_find(pl->layout, FIELD_label) ? LABEL_MAX : 0;
    for (unsigned i = 0; i < CUSTOM_MAX; i++)
        if (pl->spec->custom >> i & 1)
            n += pl->spec->customs->c[i].len ? pl->spec->customs->c[i].len : LABEL_MAX;
    return (n + 7) & ~7u;
}

static struct flowcache *open_cache(struct nfprobe *s, const struct plugin *pl)
{
    uint32_t tail = tail_room(pl);
    struct flowcache_conf fc = { .maxlife_s = s->conf.maxlife_s,
                                 .interval_s = s->conf.interval_s,
                                 .bytes_max = pl->c->nfprobe_version == 5 ? INT32_MAX : INT64_MAX,
                                 .flows_max = pl->c->nfprobe_maxflows > 0 ? (uint32_t)pl->c->nfprobe_maxflows
                                                                          : FLOWS_MAX,
                                 .key_max = pl->layout->fixed + tail,
                                 .proto_off = s->proto,
                                 .packet_clock = pl->file_input && !pl->c->time_new,
                                 .out = export_flow,
                                 .arg = s };
    memcpy(fc.idle_s, s->conf.idle_s, sizeof(fc.idle_s));
    set_lifetimes(&fc, pl->c);
    set_attribute(&fc, pl->layout);
    return flowcache_new(&fc);
}

/* Numbers are names of interfaces where the capture has them of the kernel, or where one stands for the
 * interface that is captured. */
static bool iface_name(void *arg, uint32_t index, struct encode_text *out)
{
    const struct nfprobe *s = arg;
    const struct config *c = s->pl->c;
    bool captured = s->conf.iface.ifindex_from == FROM_NUMBER && s->conf.iface.ifindex == index;
    const char *name = captured ? c->pcap_interface : NULL;
    struct if_names names;
    if ((!name && !s->kernel_numbers) || !if_names_read(s->netlink, name, index, &names))
        return false;
    memcpy(out->name, names.name, sizeof(out->name));
    memcpy(out->description, names.alias, sizeof(out->description));
    return true;
}

static struct encoder *open_encoder(struct nfprobe *s, const struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    struct encoder_conf ec = { .version = (uint8_t)c->nfprobe_version,
                               .domain = s->conf.domain,
                               .engine_type = s->conf.engine_type,
                               .engine_id = s->conf.engine_id,
                               .sampling_rate = nfprobe_conf_rate(c),
                               .uptimes = c->timestamps_secs,
                               .usec = c->nfprobe_tstamp_usec,
                               .flows = s->conf.exported.flows,
                               .layout = pl->layout,
                               .fields = s->conf.exported.set,
                               .custom = pl->spec->custom,
                               .customs = pl->spec->customs,
                               .end_reasons = c->nfprobe_end_reason,
                               .instance = (uint8_t)pl->instance,
                               .iface = s->netlink == -1 ? NULL : iface_name,
                               .emit = emit,
                               .arg = s };
    if (c->nfprobe_source_ip && addr_parse(c->nfprobe_source_ip, &ec.source) == -1) {
        err_set(e, ERR_CONFIG, "nfprobe_source_ip: '%s' is not an address", c->nfprobe_source_ip);
        return NULL;
    }
    return encoder_new(&ec, e);
}

static struct export_udp *open_export(struct nfprobe *s, struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    struct export_udp_conf xc = { .receiver = c->nfprobe_receiver ? c->nfprobe_receiver : "127.0.0.1",
                                  .port = PORT,
                                  .source = c->nfprobe_source_ip,
                                  .precedence = c->nfprobe_ipprec,
                                  .hoplimit = c->nfprobe_hoplimit,
                                  .sndbuf = c->plugin_pipe_size > 0 ? (size_t)c->plugin_pipe_size : 0,
                                  .patient = pl->file_input,
                                  .log = &pl->log,
                                  .loop = pl->loop,
                                  .sent = on_sent,
                                  .arg = s };
    return export_udp_open(&xc, e);
}

static uint16_t place(const struct layout *l, enum field_id id)
{
    const struct column *col = layout_find(l, id);
    return col ? col->off : 0;
}

static int open_probe(struct plugin *pl, struct err *e)
{
    struct nfprobe *s = pl->state;
    s->pl = pl;
    s->dont_cache = pl->c->nfprobe_dont_cache;
    s->kernel_numbers = probe_numbers_are_kernels(pl);
    s->netlink = pl->file_input ? -1 : if_counters_open();
    if (nfprobe_conf_parse(pl->c, pl->daemon, pl->spec->customs, &s->conf, e) == -1)
        return -1;
    s->proto = place(pl->layout, FIELD_proto);
    probe_iface_attach(&s->conf.iface, pl->layout);
    s->encoder = open_encoder(s, pl, e);
    s->cache = open_cache(s, pl);
    if (!s->encoder)
        return -1;
    if (!s->cache)
        return err_sys(e, "no memory for the flow cache");
    s->export = open_export(s, pl, e);
    if (!s->export)
        return -1;
    log_start(s, pl);
    return 0;
}

static void close_probe(struct plugin *pl)
{
    struct nfprobe *s = pl->state;
    export_udp_close(s->export);
    encoder_free(s->encoder);
    if (s->netlink != -1)
        close(s->netlink);
    flowcache_free(s->cache);
}

const struct plugin_ops plugin_nfprobe = {
    .name = "nfprobe",
    .title = "Netflow Probe Plugin",
    .state_size = sizeof(struct nfprobe),
    .packets = true,
    .check = check,
    .open = open_probe,
    .take = take,
    .tick = tick,
    .finish = finish_flows,
    .stats = stats,
    .figures = put_figures,
    .close = close_probe,
};
