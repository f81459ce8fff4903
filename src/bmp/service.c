/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the BMP service: checks, the listener, the logs, signals, the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "bmp/bmp.h"
#include "bmp/service_impl.h"
#include "core/tlsfigures.h"
#include "output/writerid.h"

static void on_room(void *arg)
{
    struct bmp *b = arg;
    uv_async_send(&b->room);
}

struct msglog_avro bmp_avro_of(const struct config *c, int output, const char *schema_file, bool dumps)
{
    struct msglog_avro a = msglog_avro_of(c, output, schema_file, true, dumps, c->bmp.tag_map);
    a.style.set_pd = c->bmp.set_pd;
    return a;
}

static struct msglog_conf log_of(struct bmp *b, const struct config *c)
{
    return (
        struct msglog_conf){ .name = "bmp_daemon_msglog",
                             .has_room = on_room,
                             .room_arg = b,
                             .file = { .path = c->bmp.msglog_file,
                                       .utc = c->timestamps_utc,
                                       .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
                             .amqp = c->bmp.msglog_amqp,
                             .kafka = c->bmp.msglog_kafka,
                             .avro = bmp_avro_of(c, c->bmp.msglog_output, c->bmp.msglog_schema_file, false) };
}

bool bmp_room(struct bmp *b) { return !b->msglog || msglog_room(b->msglog); }

/* ---- what the station tells */

static void on_message(void *arg, struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    struct bmp *b = arg;
    struct bmp_session *x = bmp_router_owner(r);
    if (b->msglog && !x->unlisted) {
        const struct bmp_telling t = { .seq = b->seq, .at_us = at_us };
        b->seq += bmp_log_message(&b->out, &x->log, &t, m);
    }
    bmp_dump_message(b, x, m);
}

static void on_route(void *arg, struct bmp_router *r, const struct bmp_told *told)
{
    struct bmp *b = arg;
    const struct bmp_session *x = bmp_router_owner(r);
    if (!b->msglog || x->unlisted)
        return;
    const struct bmp_telling t = { .seq = b->seq++, .at_us = told->at_us };
    bmp_log_route(&b->out, &x->log, &t, told);
}

static void on_gone(void *arg, struct bmp_router *r) { bmp_session_gone(arg, bmp_router_owner(r)); }

static const struct bmp_station_ops station_ops = { .message = on_message,
                                                    .route = on_route,
                                                    .gone = on_gone };

/* ---- before anything starts */

static bool wanted(const struct config *c, char daemon) { return daemon == 'M' || c->bmp.daemon; }

static int check_log(const struct config *c, struct err *e)
{
    struct bmp none = { 0 };
    const struct msglog_conf mc = log_of(&none, c);
    const char *key;
    struct err why;
    if (msglog_check(&mc, &key, &why) == -1)
        return err_set(e, ERR_CONFIG, "bmp_daemon_msglog%s: %s", key, why.text);
    return 0;
}

/* pcap_savefile stands in the place of the socket. */
static int check_savefile(const struct config_set *set, struct err *e)
{
    static const char *const keys[] = { "bmp_daemon_ip", "bmp_daemon_port" };
    char where[256];
    for (unsigned i = 0; set->core.pcap_savefile && i < 2; i++)
        if (config_is_set(set, keys[i], NULL))
            return err_set(e, ERR_CONFIG, "%s: %s and pcap_savefile are mutually exclusive",
                           config_where(set, keys[i], NULL, where, sizeof(where)), keys[i]);
    return 0;
}

/* *l NULL: there is no filter. -1: e, with the key. */
static int read_labels(const struct config *c, struct label_filter **l, struct err *e)
{
    struct err why = { 0 };
    *l = c->bmp.msglog_label_filter ? label_filter_parse(c->bmp.msglog_label_filter, &why) : NULL;
    return !c->bmp.msglog_label_filter || *l
               ? 0
               : err_set(e, why.code, "bmp_daemon_msglog_label_filter: %s", why.text);
}

static int check_tls(const struct service *s, struct err *e)
{
    const struct config *c = s->c;
    char where[256];
    if (!c->bmp.tls || (c->tls_path && !c->bmp.proxy_header))
        return 0;
    return err_set(e, ERR_CONFIG, "%s: %s",
                   config_where(s->set, "bmp_daemon_tls", NULL, where, sizeof(where)),
                   c->tls_path ? "bmp_daemon_tls excludes bmp_daemon_parse_proxy_header"
                               : "bmp_daemon_tls needs tls_path, the folder of certificates, beside it");
}

static int check(const struct service *s, struct err *e)
{
    if (check_savefile(s->set, e) == -1 || check_tls(s, e) == -1)
        return -1;
    struct label_filter *labels;
    if (read_labels(s->c, &labels, e) == -1)
        return -1;
    label_filter_free(labels);
    if (ha_check(s->set, s->c, e) == -1 || check_log(s->c, e) == -1 || bmp_dump_check(s->c, e) == -1 ||
        writer_id_check(s->c->writer_id_string, e) == -1)
        return -1;
    return !s->c->bmp.tag_map ? 0
                              : peertags_load(s->maps, "bmp_daemon_tag_map", s->c->bmp.tag_map,
                                              s->c->pre_tag_label_encode_as_map, e);
}

/* ---- opening */

struct bmp_log_conf bmp_log_conf_of(const struct bmp *b, const struct msglog_conf *m, struct msglog *log)
{
    const struct config *c = b->s->c;
    const bool broker = m->amqp.routing_key || m->kafka.topic;
    return (struct bmp_log_conf){ .msglog = log,
                                  .style = { .utc = c->timestamps_utc,
                                             .secs = c->timestamps_secs,
                                             .epoch = c->timestamps_since_epoch,
                                             .rfc3339 = c->timestamps_rfc3339 },
                                  .routes = { .comms_as_array = c->bgp_comms_encode_as_array,
                                              .comms_as_numbers = c->routing.comms_num,
                                              .as_path_as_array = c->as_path_encode_as_array },
                                  .label_as_map = c->pre_tag_label_encode_as_map,
                                  .set_pd = c->bmp.set_pd,
                                  .roas = c->routing.roas_file || c->routing.rtr_cache ? &b->roas : NULL,
                                  .rib = b->rib,
                                  .writer_id = broker ? b->writer_id.p : NULL };
}

static int open_log(struct bmp *b, struct err *e)
{
    const struct config *c = b->s->c;
    const struct msglog_conf mc = log_of(b, c);
    if (!msglog_wanted(&mc))
        return 0;
    b->msglog = msglog_open(&mc, b->log, e);
    if (!b->msglog)
        return -1;
    const struct bmp_log_conf lc = bmp_log_conf_of(b, &mc, b->msglog);
    bmp_log_init(&b->out, &lc);
    return 0;
}

static int open_state(struct bmp *b, struct err *e)
{
    const struct config *c = b->s->c;
    strbuf_init(&b->writer_id, 1024);
    writer_id_expand(&b->writer_id, c->writer_id_string, c->core_proc_name ? c->core_proc_name : "default",
                     getpid());
    (void)strbuf_cstr(&b->writer_id);
    b->buffer = malloc(BMP_READ);
    b->rib = rib_new();
    if (b->rib && b->s->alone) { /* there are no flows */
        if (bmp_dump_wanted(b->k))
            rib_set_unread(b->rib);
        else
            rib_set_exact(b->rib);
    }
    b->station =
        b->rib ? bmp_station_new(&(struct bmp_station_conf){
                     .log = b->log, .rib = b->rib, .ops = &station_ops, .arg = b, .tell_deleted = true })
               : NULL;
    if (!b->buffer || !b->station)
        return err_sys(e, "no memory for BMP");
    if ((b->k->proxy_header || c->pcap_savefile) && b->k->allow_file &&
        !(b->allow = allow_load(b->k->allow_file, e)))
        return -1;
    b->tags = peertags_new(b->s->maps, b->k->tag_map, b->s->c->pre_tag_label_encode_as_map);
    return read_labels(c, &b->labels, e);
}

static int open_tls(struct bmp *b, struct err *e)
{
    if (!b->k->tls)
        return 0;
    snprintf(b->where, sizeof(b->where), "%s:%d", b->k->ip ? b->k->ip : "::", b->k->port);
    b->tls = tls_open(&(struct tls_conf){ .what = "BMP",
                                          .where = b->where,
                                          .path = b->s->c->tls_path,
                                          .handshake_s = b->s->c->tls_handshake_s,
                                          .log = b->log,
                                          .accepted = bmp_session_secured,
                                          .arg = b },
                      e);
    return b->tls ? 0 : -1;
}

static int bmp_open(struct service *s, struct err *e)
{
    struct bmp *b = s->state;
    const struct bmp_keys *k = &s->c->bmp;
    const struct bgp_listener_conf lc = { .what = "BMP",
                                          .prefix = "bmp_daemon",
                                          .sock = { .ip = k->ip,
                                                    .port = (uint16_t)k->port,
                                                    .interface = k->interface,
                                                    .v6_only = k->ipv6_only,
                                                    .rcvbuf = (size_t)k->pipe_size,
                                                    .tos = k->ipprec << 5 },
                                          .allow_file = k->proxy_header ? NULL : k->allow_file,
                                          .md5_file = k->md5_file,
                                          .ao_file = k->ao_file,
                                          .batch = (unsigned)k->batch,
                                          .batch_s = k->batch_interval,
                                          .log = &s->log,
                                          .accepted = bmp_session_accepted,
                                          .arg = b };
    b->s = s;
    b->k = k;
    b->log = &s->log;
    if (k->max_peers)
        log_info(b->log, "maximum BMP peers allowed: %d", k->max_peers);
    if (open_state(b, e) == -1 || open_log(b, e) == -1 || bmp_dump_open(b, e) == -1)
        return -1;
    if (s->c->pcap_savefile)
        return bmp_savefile_open(b, e);
    if (open_tls(b, e) == -1)
        return -1;
    b->listener = bgp_listener_open(&lc, e);
    if (!b->listener)
        return -1;
    log_info(b->log, "waiting for BMP data%s on interface=%s ip=%s port=%d/tcp", b->tls ? " over TLS" : "",
             k->interface ? k->interface : "all", k->ip ? k->ip : "::", k->port);
    return 0;
}

/* ---- running */

static void on_has_room(uv_async_t *h)
{
    struct bmp *b = h->data;
    ha_tick(b->ha);
    bmp_sessions_resume(b);
    bmp_tend(b);
}

/* A worker has found something to be tended. */
static void wake(void *arg) { uv_async_send(&((struct bmp *)arg)->room); }

static void follow_maps(struct bmp *b)
{
    if (peertags_follow(b->tags))
        bmp_sessions_retag(b);
}

static void on_tick(uv_timer_t *t)
{
    struct bmp *b = t->data;
    follow_maps(b);
    roa_view_renew(&b->roas);
    if (b->msglog)
        msglog_tick(b->msglog, clock_mono_us());
    ha_tick(b->ha);
    bmp_sessions_resume(b); /* a sink that was waited for in vain */
    bmp_tend(b);
}

/* What the log gets that was kept while we stood by. */
static bool ha_room(void *arg) { return msglog_room(((struct bmp *)arg)->msglog); }

static void ha_write(void *arg, const struct msglog_topic *t, const char *text, size_t len)
{
    (void)msglog_write(((struct bmp *)arg)->msglog, t, text, len); /* it counts */
}

static void ha_flush(void *arg) { msglog_flush(((struct bmp *)arg)->msglog); }

static int open_ha(struct bmp *b, struct err *e)
{
    const struct ha_owner owner = { .room = ha_room, .write = ha_write, .flush = ha_flush, .arg = b };
    if (!b->s->c->ha || !b->msglog)
        return 0;
    b->ha = b->out.ha =
        ha_open(b->s->c, b->s->alone ? HA_DAEMON : HA_BMP_THREAD, b->log, b->s->loop, &owner, e);
    return b->ha ? 0 : -1;
}

static void on_signal(struct service *s, unsigned n) { ha_signal(((struct bmp *)s->state)->ha, n); }

static int start(struct service *s, struct err *e)
{
    struct bmp *b = s->state;
    uv_async_init(s->loop, &b->room, on_has_room);
    uv_timer_init(s->loop, &b->tick);
    b->room.data = b->tick.data = b;
    rib_set_wake(b->rib, wake, b);
    roa_view_open(&b->roas, service_beside(s, rpki_service.name));
    uv_timer_start(&b->tick, on_tick, 1000, 1000);
    uv_idle_init(s->loop, &b->tend);
    b->tend.data = b;
    b->started = true;
    if (open_ha(b, e) == -1)
        return -1;
    bmp_dump_start(b);
    if (b->tls && tls_start(b->tls, s->loop, e) == -1)
        return -1;
    if (b->listener)
        return bgp_listener_start(b->listener, s->loop, e);
    bmp_savefile_start(b);
    return 0;
}

static void stop(struct service *s)
{
    struct bmp *b = s->state;
    b->stopping = true;
    if (b->listener)
        bgp_listener_stop(b->listener);
    bmp_savefile_stop(b);
    bmp_sessions_stop(b);
    tls_stop(b->tls);
    bmp_dump_stop(b);
    ha_stop(b->ha);
    if (b->msglog)
        msglog_flush(b->msglog);
    uv_close((uv_handle_t *)&b->tick, NULL);
    uv_close((uv_handle_t *)&b->tend, NULL);
    uv_unref((uv_handle_t *)&b->room); /* the log's thread may call it as long as the log is open */
}

static void reload(struct service *s)
{
    struct bmp *b = s->state;
    if (b->allow)
        allow_reload(&b->allow, b->k->allow_file, b->log);
    if (b->listener)
        bgp_listener_reload(b->listener);
    if (b->tls)
        tls_reload(b->tls);
    follow_maps(b);
}

static void reopen(struct service *s)
{
    struct bmp *b = s->state;
    if (b->msglog)
        msglog_reopen(b->msglog);
}

/* ---- counters */

static void say_counts(struct bmp *b, const char *where, const char *who, const struct bmp_counts *c)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    for (unsigned i = 0; i < BMP_TYPES; i++)
        strbuf_printf(&s, " %s=%" PRIu64, bmp_type_name((uint8_t)i), c->messages[i]);
    log_notice(b->log, "stats [%s] %s octets=%" PRIu64 "%s announced=%" PRIu64 " withdrawn=%" PRIu64, where,
               who, c->octets, strbuf_cstr(&s), c->announced, c->withdrawn);
    strbuf_clear(&s);
    for (unsigned i = 1; i < BMP_FAULTS; i++)
        strbuf_printf(&s, " %s=%" PRIu64, bmp_fault_word((enum bmp_fault)i), c->faults[i]);
    log_notice(b->log,
               "stats [%s] %s refused%s treated_as_withdraw=%" PRIu64 " withdrawn_unknown=%" PRIu64
               " routes_lost=%" PRIu64 " marks_lost=%" PRIu64,
               where, who, strbuf_cstr(&s), c->updates_withdrawn, c->withdrawn_unknown, c->routes_lost,
               c->marks_lost);
    strbuf_free(&s);
}

static void stats(struct service *s)
{
    struct bmp *b = s->state;
    struct rib_counts rc;
    char where[256];
    if (b->savefile)
        snprintf(where, sizeof(where), "%s", b->s->c->pcap_savefile);
    else
        snprintf(where, sizeof(where), "%s:%d", b->k->ip ? b->k->ip : "::", b->k->port);
    rib_counts(b->rib, &rc);
    log_notice(b->log, "+++");
    for (const struct bmp_session *x = b->sessions; x; x = x->next) {
        char who[96], text[ADDR_TEXT];
        if (!x->router)
            continue;
        snprintf(who, sizeof(who), "router=%s:%u", addr_str(&x->addr, text), x->port);
        log_notice(b->log, "stats [%s] %s peers=%u routes=%" PRIu64 " kept=%zu%s", where, who,
                   bmp_router_peers(x->router), bmp_router_routes(x->router), x->have,
                   bmp_session_is_open(x) ? "" : " leaving");
        say_counts(b, where, who, bmp_router_counts(x->router));
    }
    say_counts(b, where, "routers_gone", &b->gone);
    log_notice(b->log,
               "stats [%s] sessions=%u refused=%" PRIu64 " routes=%" PRIu64 " attribute_sets=%" PRIu64
               " octets=%" PRIu64,
               where, b->n_sessions, b->refused, rc.routes, rc.sets, rc.octets_held);
    if (b->tls)
        tls_stats(b->tls);
    if (b->msglog)
        msglog_stats(b->msglog, where);
    ha_stats(b->ha);
    bmp_savefile_stats(b, where);
    bmp_dump_stats(b, where);
    log_notice(b->log, "---");
}

static void put_counts(const struct bmp_counts *c, struct figures *f)
{
    const struct {
        const char *reason;
        uint64_t n;
    } lost[] = { { "treated_as_withdraw", c->updates_withdrawn },
                 { "withdrawn_unknown", c->withdrawn_unknown },
                 { "routes_lost", c->routes_lost },
                 { "marks_lost", c->marks_lost } };
    for (unsigned i = 0; i < BMP_TYPES; i++)
        figures_put_of(f, FIG_BMP_MESSAGES, "type", bmp_type_name((uint8_t)i), c->messages[i]);
    for (unsigned i = 1; i < BMP_FAULTS; i++)
        if (c->faults[i])
            figures_put_of(f, FIG_BMP_FAULTS, "reason", bmp_fault_word((enum bmp_fault)i), c->faults[i]);
    for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
        if (lost[i].n)
            figures_put_of(f, FIG_BMP_FAULTS, "reason", lost[i].reason, lost[i].n);
}

static void put_router(const struct bmp_session *x, struct figures *f)
{
    char text[ADDR_TEXT];
    figures_label(f, "router", addr_str(&x->addr, text));
    figures_label_number(f, "port", x->port);
    figures_put(f, FIG_BMP_ROUTER_PEERS, bmp_router_peers(x->router));
    figures_put(f, FIG_BMP_ROUTER_ROUTES, bmp_router_routes(x->router));
    put_counts(bmp_router_counts(x->router), f);
    figures_unlabel(f, 2);
}

static void figures(struct service *s, struct figures *f)
{
    struct bmp *b = s->state;
    figures_put(f, FIG_BMP_SESSIONS, b->n_sessions);
    figures_put(f, FIG_BMP_REFUSED, b->refused);
    for (const struct bmp_session *x = b->sessions; x; x = x->next)
        if (x->router)
            put_router(x, f);
    figures_label(f, "router", "gone");
    put_counts(&b->gone, f);
    figures_unlabel(f, 1);
    rib_figures(b->rib, "bmp", f);
    if (b->tls) {
        const struct tls_counts n = tls_counts(b->tls);
        tls_figures(&n, "TLS", b->where, f);
    }
    if (b->msglog)
        msglog_figures(b->msglog, f);
    ha_figures(b->ha, "bmp", f);
    bmp_dump_figures(b, f);
}

static void bmp_close(struct service *s)
{
    struct bmp *b = s->state;
    if (!b->s)
        return; /* never opened */
    if (b->msglog) {
        struct msglog *m = b->msglog;
        for (struct bmp_session *x = b->sessions; x; x = x->next)
            bmp_log_router_free(&b->out, &x->log);
        b->msglog = NULL;
        ha_free(b->ha);
        b->ha = b->out.ha = NULL;
        msglog_close(m); /* from here on nobody calls on_room */
        bmp_log_free(&b->out);
    }
    bmp_dump_close(b);
    if (b->started)
        uv_close((uv_handle_t *)&b->room, NULL);
    if (b->rib)
        bmp_sessions_free(b);
    bmp_station_free(b->station);
    rib_free(b->rib);
    peertags_free(b->tags);
    roa_view_close(&b->roas);
    label_filter_free(b->labels);
    allow_free(b->allow);
    bgp_listener_free(b->listener);
    tls_free(b->tls);
    bmp_savefile_close(b);
    free(b->buffer);
    strbuf_free(&b->writer_id);
}

struct rib *bmp_service_rib(const struct service *s) { return ((const struct bmp *)s->state)->rib; }

const struct service_ops bmp_service = {
    .name = "BMP",
    .state_size = sizeof(struct bmp),
    .wanted = wanted,
    .check = check,
    .open = bmp_open,
    .start = start,
    .stop = stop,
    .stats = stats,
    .figures = figures,
    .reload = reload,
    .reopen = reopen,
    .signal = on_signal,
    .close = bmp_close,
};
