/* SPDX-License-Identifier: BSD-2-Clause */
/* sfprobe: an sFlow version 5 agent. Samples are taken by the core (sampling_rate), which sends the first
 * octets of the frame along; here they become flow samples (sflow/encode), and the interfaces that they name
 * get counter samples. */
#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "plugins/export_udp.h"
#include "plugins/plugins.h"
#include "plugins/sfprobe_conf.h"
#include "plugins/sfprobe_frame.h"
#include "plugins/sfprobe_ifaces.h"

enum {
    SOURCE = 1,            /* the sampler: one for all interfaces that it sees */
    FLUSH_US = 500 * 1000, /* samples wait no longer for others to join their datagram */
    EXPANDED_IFACE = 1 << 30,
};

struct sfprobe {
    struct sfprobe_conf conf;
    const struct plugin *pl;
    struct sflow_encoder *encoder;
    struct export_udp *export;
    struct sfprobe_ifaces *ifaces;
    bool expanded; /* an interface needs 32 bits: from then on all samples are of the expanded form */
    uint16_t src_mask, dst_mask, src_as, dst_as, next_hop, tag, tag2; /* places in the key */
    uint32_t sequence, pool, drops;
    struct sums pending; /* samples in the datagram that is in the making */
    uint64_t samples, no_form, no_frame;
    struct log_limit no_form_limit;
};

/* ---- from records to samples */

static uint32_t key_u32(const uint8_t *key, uint16_t off)
{
    uint32_t v;
    memcpy(&v, key + off, sizeof(v));
    return v;
}

static uint64_t key_u64(const uint8_t *key, uint16_t off)
{
    uint64_t v;
    memcpy(&v, key + off, sizeof(v));
    return v;
}

static void set_extended(const struct sfprobe *s, const struct record *r, struct sflow_flow_sample *fs)
{
    const struct record_packet *p = record_packet(r);
    const uint8_t *key = r->key;
    fs->with = s->conf.with | (fs->protocol == SFLOW_PROTO_ETHERNET ? SFLOW_WITH_SWITCH : 0);
    if (fs->with & SFLOW_WITH_TAG) {
        fs->tag = fieldset_has(&s->conf.exported.set, FIELD_tag) ? key_u64(key, s->tag) : 0;
        fs->tag2 = fieldset_has(&s->conf.exported.set, FIELD_tag2) ? key_u64(key, s->tag2) : 0;
    }
    if (fs->with & SFLOW_WITH_CLASS) {
        fs->class_master = p->class_pair >> 16;
        fs->class_app = p->class_pair & 0xffff;
        if (!p->class_pair) /* not known, or not yet */
            fs->with &= ~(unsigned)SFLOW_WITH_CLASS;
    }
    if (fs->with & SFLOW_WITH_GATEWAY) {
        fs->src_as = key_u32(key, s->src_as);
        fs->dst_as = key_u32(key, s->dst_as);
        if (fieldset_has(&s->conf.exported.set, FIELD_peer_dst_ip))
            memcpy(&fs->next_hop, key + s->next_hop, sizeof(fs->next_hop));
    }
    if (fs->with & SFLOW_WITH_ROUTER) {
        fs->src_mask = key[s->src_mask];
        fs->dst_mask = key[s->dst_mask];
    }
}

static void set_switch(struct sflow_flow_sample *fs, const struct frame_info *info, uint8_t direction)
{
    bool out = direction == DIRECTION_OUT;
    *(out ? &fs->dst_vlan : &fs->src_vlan) = info->vlan;
    *(out ? &fs->dst_priority : &fs->src_priority) = info->priority;
}

/* Counts the interfaces that the sample names, and names them. */
static void set_interfaces(struct sfprobe *s, const struct record *r, const struct frame_info *info,
                           uint8_t direction, struct sflow_flow_sample *fs)
{
    struct probe_ifaces i = probe_ifaces(&s->conf.iface, r->key, direction);
    const struct record_packet *p = record_packet(r);
    uint64_t packets = (uint64_t)p->seen * s->conf.multiplier;
    sfprobe_ifaces_count(s->ifaces, i.in, DIRECTION_IN, info->cast, packets, p->len);
    sfprobe_ifaces_count(s->ifaces, i.out, DIRECTION_OUT, info->cast, packets, p->len);
    s->expanded |= i.in >= EXPANDED_IFACE || i.out >= EXPANDED_IFACE;
    fs->input = i.in ? i.in : SFLOW_IFACE_INTERNAL;
    fs->output = i.out ? i.out : SFLOW_IFACE_INTERNAL;
    fs->expanded = s->expanded;
}

static void take_sample(struct sfprobe *s, const struct record *r)
{
    const struct record_packet *p = record_packet(r);
    struct frame_info info;
    s->pool += p->seen * s->conf.multiplier;
    s->drops += p->lost;
    struct sflow_flow_sample fs = {
        .source = SOURCE, .rate = s->conf.rate, .pool = s->pool, .drops = s->drops
    };
    if (p->caplen == 0) { /* fragments that waited for their first one are counted, not kept */
        s->no_frame++;
        s->drops++;
        return;
    }
    if (!sfprobe_frame(p, record_frame(r), &fs, &info)) {
        s->no_form++;
        s->drops++;
        log_limited(&s->pl->log, &s->no_form_limit, LOG_LV_WARN,
                    "sFlow has no form for frames of link type %u without IP: they are not exported", p->dlt);
        return;
    }
    uint8_t direction = probe_direction(&s->conf.iface, r->key, r->direction);
    if (direction == DIRECTION_UNKNOWN)
        direction = DIRECTION_IN;
    fs.sequence = ++s->sequence;
    set_interfaces(s, r, &info, direction, &fs);
    set_switch(&fs, &info, direction);
    set_extended(s, r, &fs);
    sflow_encode_flow(s->encoder, &fs);
    s->samples++;
    sums_add(&s->pending, &(struct sums){ 1, r->packets, r->bytes, r->flows });
}

static struct sums take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    struct sfprobe *s = pl->state;
    struct sums sum = { 0 };
    sflow_encoder_clock(s->encoder, clock_mono_us());
    for (const uint8_t *end = recs + bytes; recs < end; recs += record_size((const struct record *)recs)) {
        const struct record *r = (const struct record *)recs;
        sums_add(&sum, &(struct sums){ 1, r->packets, r->bytes, r->flows });
        take_sample(s, r);
    }
    return sum;
}

/* ---- out */

/* A datagram is complete; the sample that did not fit is not in s->pending yet. */
static void emit(void *arg, const uint8_t *p, uint32_t len)
{
    struct sfprobe *s = arg;
    export_udp_put(s->export, p, len, &s->pending);
    s->pending = (struct sums){ 0 };
}

static void on_sent(void *arg, const struct sums *sums)
{
    struct sfprobe *s = arg;
    ring_confirm(s->pl->ring, sums);
}

static void set_agent(struct sfprobe *s)
{
    if (addr_is_set(&s->conf.agent) || !export_udp_local(s->export, &s->conf.agent))
        return;
    char text[ADDR_TEXT];
    sflow_encoder_agent(s->encoder, &s->conf.agent);
    log_info(&s->pl->log, "agent address: %s", addr_str(&s->conf.agent, text));
}

static void tick(struct plugin *pl, int64_t now_us)
{
    struct sfprobe *s = pl->state;
    int64_t now = clock_mono_us();
    (void)now_us;
    set_agent(s);
    sflow_encoder_clock(s->encoder, now);
    sfprobe_ifaces_poll(s->ifaces, s->encoder, now, false);
    if (sflow_encoder_since(s->encoder) <= now - FLUSH_US)
        sflow_encoder_flush(s->encoder);
}

static void log_sums(const struct sfprobe *s, enum log_level level, const char *what)
{
    struct export_udp_stats st;
    export_udp_stats(s->export, &st);
    log_at(&s->pl->log, level,
           "%s samples=%" PRIu64 " sample_pool=%" PRIu32 " drops=%" PRIu32 " without_form=%" PRIu64
           " without_frame=%" PRIu64 " counter_samples=%" PRIu64 " interfaces_refused=%" PRIu64
           " datagrams=%" PRIu64 " octets=%" PRIu64 " queued_datagrams=%" PRIu32 " refused_datagrams=%" PRIu64
           " unheard=%" PRIu64 " lost_samples=%" PRIu64,
           what, s->samples, s->pool, s->drops, s->no_form, s->no_frame, sfprobe_ifaces_polled(s->ifaces),
           sfprobe_ifaces_refused(s->ifaces), st.datagrams, st.octets, st.queued, st.refused, st.unheard,
           st.lost.records);
}

static void stats(struct plugin *pl) { log_sums(pl->state, LOG_LV_NOTICE, "stats"); }

static void put_figures(struct plugin *pl, struct figures *f)
{
    const struct sfprobe *s = pl->state;
    export_udp_figures(s->export, f);
    figures_put_of(f, FIG_EXPORT, "what", "samples", s->samples);
    figures_put_of(f, FIG_EXPORT, "what", "without_form", s->no_form);
    figures_put_of(f, FIG_EXPORT, "what", "without_frame", s->no_frame);
    figures_put_of(f, FIG_EXPORT, "what", "counter_samples", sfprobe_ifaces_polled(s->ifaces));
}

static void finish_samples(struct plugin *pl)
{
    struct sfprobe *s = pl->state;
    int64_t now = clock_mono_us();
    set_agent(s);
    sflow_encoder_clock(s->encoder, now);
    sfprobe_ifaces_poll(s->ifaces, s->encoder, now, true);
    sflow_encoder_flush(s->encoder);
    export_udp_drain(s->export);
    log_sums(s, LOG_LV_INFO, "exported");
}

/* ---- start and end */

static int check(const struct config_set *set, const struct plugin_conf *pc, struct aggregate_spec *spec,
                 struct err *e)
{
    struct sfprobe_conf sc;
    struct err why = { 0 };
    if (sfprobe_conf_parse(&pc->c, 'P', spec->customs, &sc, &why) == -1)
        return config_fault(set, pc->name, &why, e);
    sfprobe_conf_needs(&sc, &spec->set);
    spec->none = spec->flows = false;
    spec->custom = 0;
    spec->sum = SUM_NONE;
    spec->whole_addresses = true;
    spec->headers = sc.header;
    return 0;
}

static struct export_udp *open_export(struct sfprobe *s, struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    struct export_udp_conf xc = { .receiver = c->sfprobe_receiver ? c->sfprobe_receiver : "127.0.0.1",
                                  .port = SFLOW_PORT,
                                  .source = c->nfprobe_source_ip,
                                  .precedence = c->nfprobe_ipprec,
                                  .sndbuf = c->plugin_pipe_size > 0 ? (size_t)c->plugin_pipe_size : 0,
                                  .patient = pl->file_input,
                                  .log = &pl->log,
                                  .loop = pl->loop,
                                  .sent = on_sent,
                                  .arg = s };
    return export_udp_open(&xc, e);
}

static void find_places(struct sfprobe *s, const struct layout *l)
{
    const struct {
        enum field_id id;
        uint16_t *to;
    } places[] = {
        { FIELD_src_mask, &s->src_mask },   { FIELD_dst_mask, &s->dst_mask }, { FIELD_src_as, &s->src_as },
        { FIELD_dst_as, &s->dst_as },       { FIELD_tag, &s->tag },           { FIELD_tag2, &s->tag2 },
        { FIELD_peer_dst_ip, &s->next_hop }
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct column *col = layout_find(l, places[i].id);
        *places[i].to = col ? col->off : 0;
    }
    probe_iface_attach(&s->conf.iface, l);
}

/* A capture file says nothing of the interfaces of this host. */
static int open_ifaces(struct sfprobe *s, const struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    struct sfprobe_ifaces_conf ic = { .kernel = probe_numbers_are_kernels(pl), .speed = c->sfprobe_ifspeed };
    uint32_t number = s->conf.iface.ifindex_from == FROM_NUMBER ? s->conf.iface.ifindex : 0;
    s->ifaces = sfprobe_ifaces_new(&ic);
    if (!s->ifaces)
        return err_sys(e, "no memory for the interfaces");
    if (!pl->file_input && c->pcap_interface &&
        !sfprobe_ifaces_captured(s->ifaces, c->pcap_interface, number))
        log_warn(&pl->log, "[%s] the kernel tells no counters of this interface: none are exported",
                 c->pcap_interface);
    return 0;
}

static void log_start(const struct sfprobe *s, const struct plugin *pl)
{
    if (pl->c->snaplen > s->conf.header)
        log_warn(&pl->log, "Max Flow Sample packet headers length set to %u (wanted: %d)", s->conf.header,
                 pl->c->snaplen);
    log_info(&pl->log, "Exporting flows to %s", export_udp_where(s->export));
    log_info(&pl->log, "Sampling at: 1/%" PRIu32, s->conf.rate);
}

static int open_probe(struct plugin *pl, struct err *e)
{
    struct sfprobe *s = pl->state;
    s->pl = pl;
    if (sfprobe_conf_parse(pl->c, pl->daemon, pl->spec->customs, &s->conf, e) == -1)
        return -1;
    find_places(s, pl->layout);
    struct sflow_encoder_conf ec = {
        .agent = s->conf.agent, .sub_agent = (uint32_t)pl->c->sfprobe_agentsubid, .emit = emit, .arg = s
    };
    s->encoder = sflow_encoder_new(&ec, clock_mono_us());
    if (!s->encoder)
        return err_sys(e, "no memory for the encoder");
    if (open_ifaces(s, pl, e) == -1)
        return -1;
    s->export = open_export(s, pl, e);
    if (!s->export)
        return -1;
    log_start(s, pl);
    set_agent(s);
    return 0;
}

static void close_probe(struct plugin *pl)
{
    struct sfprobe *s = pl->state;
    export_udp_close(s->export);
    sflow_encoder_free(s->encoder);
    sfprobe_ifaces_free(s->ifaces);
}

const struct plugin_ops plugin_sfprobe = {
    .name = "sfprobe",
    .title = "sFlow Probe Plugin",
    .state_size = sizeof(struct sfprobe),
    .packets = true,
    .check = check,
    .open = open_probe,
    .take = take,
    .tick = tick,
    .finish = finish_samples,
    .stats = stats,
    .figures = put_figures,
    .close = close_probe,
};
