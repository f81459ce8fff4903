/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the BGP service: checks, listener, message log, signals, end. The daemon's runner of services
 * (core/service.c) calls it. */
#include "bgp/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bgp/blackhole.h"
#include "bgp/dump.h"
#include "bgp/lg.h"
#include "bgp/restore.h"
#include "bgp/service_impl.h"
#include "bgp/tablefile.h"
#include "core/peertags.h"
#include "output/writerid.h"

enum { TICK_MS = 1000, TEND_SLICE = 1000 };
#define TAG_MAP "bgp_daemon_tag_map"

static bool wanted(const struct config *c, char daemon) { return daemon == 'B' || c->bgp_daemon; }

/* ---- before anything starts */

static struct msglog_conf log_conf(const struct config *c)
{
    return (
        struct msglog_conf){ .name = "bgp_daemon_msglog",
                             .file = { .path = c->bgp_msglog_file,
                                       .utc = c->timestamps_utc,
                                       .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
                             .amqp = c->bgp_msglog_amqp,
                             .kafka = c->bgp_msglog_kafka,
                             .avro = msglog_avro_of(c, c->bgp_msglog_output, c->bgp_msglog_schema_file, false,
                                                    false, c->bgp_tag_map) };
}

int bgp_check_stream(const struct service *s, const struct msglog_conf *mc, struct err *e)
{
    const char *end;
    struct err why = { 0 };
    char key[64], where[256];
    if (msglog_check(mc, &end, &why) == -1) {
        snprintf(key, sizeof(key), "%s%s", mc->name, end);
        return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(s->set, key, NULL, where, sizeof(where)),
                       key, why.text);
    }
    return 0;
}

/* What is handed through is nobody's to log. */
static int check_xconnects(const struct service *s, struct err *e)
{
    const struct config *c = s->c;
    if (!c->bgp_xconnect_map || !s->alone)
        return 0;
    const struct msglog_conf mc = log_conf(c);
    if (msglog_wanted(&mc) || bgp_dump_wanted(c, BGP_DUMP_TABLES) || bgp_dump_wanted(c, BGP_DUMP_BLACKHOLES))
        return err_set(e, ERR_CONFIG,
                       "bgp_daemon_xconnect_map: a daemon with cross connects has neither message log "
                       "(bgp_daemon_msglog_*) nor dumps (bgp_table_dump_*)");
    struct bgp_xconnects *x = bgp_xconnects_load(c->bgp_xconnect_map, &s->log, e);
    bgp_xconnects_free(x);
    return x ? 0 : -1;
}

/* A filter of labels is a list; *l NULL: there is none. -1: e, with the key. */
static int read_labels(const struct service *s, struct label_filter **l, struct err *e)
{
    const char *text = s->c->bgp_msglog_label_filter;
    struct err why = { 0 };
    char where[256];
    *l = text ? label_filter_parse(text, &why) : NULL;
    if (!text || *l)
        return 0;
    return err_set(e, why.code, "%s: bgp_daemon_msglog_label_filter: %s",
                   config_where(s->set, "bgp_daemon_msglog_label_filter", NULL, where, sizeof(where)),
                   why.text);
}

static int check(const struct service *s, struct err *e)
{
    const struct msglog_conf mc = log_conf(s->c);
    struct label_filter *labels;
    if (read_labels(s, &labels, e) == -1)
        return -1;
    label_filter_free(labels);
    if (ha_check(s->set, s->c, e) == -1 || bgp_check_stream(s, &mc, e) == -1 || bgp_dump_check(s, e) == -1 ||
        bgp_lg_check(s, e) == -1 || bgp_blackholes_check(s, e) == -1 || bgp_tablefiles_check(s, e) == -1 ||
        writer_id_check(s->c->writer_id_string, e) == -1)
        return -1;
    if (check_xconnects(s, e) == -1)
        return -1;
    return s->c->bgp_tag_map
               ? peertags_load(s->maps, TAG_MAP, s->c->bgp_tag_map, s->c->pre_tag_label_encode_as_map, e)
               : 0;
}

/* ---- open */

static int open_listener(struct bgp_service *b, struct err *e)
{
    const struct config *c = b->c;
    const struct bgp_listener_conf lc = { .what = "BGP",
                                          .prefix = "bgp_daemon",
                                          .sock = { .ip = c->bgp_ip,
                                                    .port = (uint16_t)c->bgp_port,
                                                    .interface = c->bgp_interface,
                                                    .v6_only = c->bgp_ipv6_only,
                                                    .rcvbuf = (size_t)c->bgp_pipe_size,
                                                    .tos = c->bgp_ipprec << 5 },
                                          .allow_file = c->bgp_allow_file,
                                          .md5_file = c->bgp_md5_file,
                                          .ao_file = c->bgp_ao_file,
                                          .batch = (unsigned)c->bgp_batch,
                                          .batch_s = c->bgp_batch_interval,
                                          .log = b->log,
                                          .accepted = bgp_neighbour_accepted,
                                          .arg = b };
    if (c->bgp_max_peers)
        log_info(b->log, "maximum BGP peers allowed: %d", c->bgp_max_peers);
    b->listener = bgp_listener_open(&lc, e);
    if (!b->listener)
        return -1;
    log_info(b->log, "waiting for BGP data on interface=%s ip=%s port=%d/tcp",
             c->bgp_interface ? c->bgp_interface : "all", c->bgp_ip ? c->bgp_ip : "::", c->bgp_port);
    return 0;
}

static void set_id(struct bgp_service *b)
{
    const char *text = b->c->bgp_id ? b->c->bgp_id : b->c->bgp_ip;
    struct addr a;
    if (text && addr_parse(text, &a) == 0 && addr_is_v4(&a))
        memcpy(b->id, a.b + 12, 4);
}

/* Does somebody go over all routes, or ask for those that cover an address? */
static bool walks(const struct config *c)
{
    return c->bgp_lg || c->bgp_snapshot_file || c->bgp_dump_mrt_file || bgp_dump_wanted(c, BGP_DUMP_TABLES) ||
           bgp_dump_wanted(c, BGP_DUMP_BLACKHOLES);
}

static struct rib *open_rib(const struct service *s)
{
    struct rib *rib = rib_new();
    if (!rib || !s->alone)
        return rib;
    rib_set_unread(rib); /* the looking glass asks in this thread, between two changes */
    if (!walks(s->c))
        rib_set_exact(rib);
    return rib;
}

static int service_open(struct service *s, struct err *e)
{
    struct bgp_service *b = s->state;
    b->s = s;
    b->c = s->c;
    b->log = &s->log;
    b->rib = open_rib(s);
    b->tags = peertags_new(s->maps, s->c->bgp_tag_map, s->c->pre_tag_label_encode_as_map);
    b->io = (struct bgp_io){ .ops = &bgp_neighbour_ops,
                             .loop = s->loop,
                             .log = &s->log,
                             .buf = malloc(BGP_READ + BGP_MAX_EXTENDED),
                             .owner = b };
    if (!b->rib || !b->io.buf)
        return err_sys(e, "no memory for BGP");
    set_id(b);
    const struct msglog_conf mc = log_conf(b->c);
    if (bgp_lines_init(&b->lines, b->c, rib_pool(b->rib), b->tags, mc.kafka.topic || mc.amqp.routing_key,
                       e) == -1)
        return -1;
    if (read_labels(s, &b->lines.labels, e) == -1)
        return -1;
    if (b->c->bgp_xconnect_map && s->alone &&
        !(b->xconnects = bgp_xconnects_load(b->c->bgp_xconnect_map, b->log, e)))
        return -1;
    return bgp_lg_open(b, &b->lg, e) == -1 ? -1 : open_listener(b, e);
}

const struct roa_view *bgp_service_roas(const struct bgp_service *b)
{
    return b->roas.rpki ? &b->roas : NULL;
}

struct rib *bgp_service_rib(const struct service *s) { return ((const struct bgp_service *)s->state)->rib; }

/* ---- the loop */

static void on_tend(uv_idle_t *i)
{
    struct bgp_service *b = i->data;
    const bool room = bgp_service_room(b);
    if (room && b->msglog)
        bgp_lines_time(&b->lines, clock_wall_us(), true);
    if (room && rib_tend(b->rib, TEND_SLICE))
        return;
    if (b->msglog)
        msglog_flush(b->msglog);
    uv_idle_stop(&b->tend);
    b->tending = !room; /* goes on when there is room */
}

void bgp_service_tend(struct bgp_service *b)
{
    if (b->stopping)
        return;
    b->tending = true;
    uv_idle_start(&b->tend, on_tend);
}

bool bgp_service_room(struct bgp_service *b)
{
    if (!b->msglog || msglog_room(b->msglog))
        return true;
    b->starved = true;
    return false;
}

static void go_on(struct bgp_service *b)
{
    ha_tick(b->ha);
    if (!b->starved || !msglog_room(b->msglog))
        return;
    b->starved = false;
    for (struct bgp_peer *p = b->peers.first; p; p = p->next)
        bgp_session_resume(&p->s);
    if (b->tending)
        bgp_service_tend(b);
}

static void on_wake(uv_async_t *a)
{
    struct bgp_service *b = a->data;
    if (b->stopping)
        return;
    go_on(b);
    bgp_service_tend(b);
}

/* The log has room, or a worker has found something to be tended. */
static void wake(void *arg)
{
    struct bgp_service *b = arg;
    uv_async_send(&b->wake);
}

/* ---- high availability: what the message log gets that was kept while we stood by */

static bool log_room(void *arg) { return msglog_room(((struct bgp_service *)arg)->msglog); }

static void log_write(void *arg, const struct msglog_topic *t, const char *text, size_t len)
{
    (void)msglog_write(((struct bgp_service *)arg)->msglog, t, text, len); /* it counts */
}

static void log_flush(void *arg) { msglog_flush(((struct bgp_service *)arg)->msglog); }

static int open_ha(struct bgp_service *b, struct err *e)
{
    const struct ha_owner owner = { .room = log_room, .write = log_write, .flush = log_flush, .arg = b };
    if (!b->c->ha || !b->msglog)
        return 0;
    b->ha = ha_open(b->c, HA_DAEMON, b->log, b->s->loop, &owner, e);
    return b->ha ? 0 : -1;
}

static void service_signal(struct service *s, unsigned n)
{
    ha_signal(((struct bgp_service *)s->state)->ha, n);
}

/* ---- the list of neighbours */

static int write_neighbors(const struct bgp_service *b, const char *path)
{
    char text[ADDR_TEXT];
    FILE *f = fopen(path, "we");
    if (!f)
        return -1;
    for (const struct bgp_peer *p = b->peers.first; p; p = p->next)
        if (p->s.state == BGP_ESTABLISHED)
            fprintf(f, "%s\n", addr_str(&p->s.addr, text));
    return fclose(f);
}

static void put_neighbors(struct bgp_service *b)
{
    char path[4096];
    const int n = snprintf(path, sizeof(path), "%s.tmp", b->c->bgp_neighbors_file);
    b->neighbors_changed = false;
    if (n < (int)sizeof(path) && write_neighbors(b, path) == 0 && rename(path, b->c->bgp_neighbors_file) == 0)
        return;
    log_warn(b->log, "bgp_neighbors_file: cannot write '%s'", b->c->bgp_neighbors_file);
}

static void take_tags(struct bgp_service *b)
{
    if (peertags_follow(b->tags))
        bgp_neighbours_retag(b);
}

static void on_tick(uv_timer_t *t)
{
    struct bgp_service *b = t->data;
    bgp_neighbours_tick(b);
    roa_view_renew(&b->roas);
    if (b->msglog)
        msglog_tick(b->msglog, clock_mono_us());
    go_on(b);
    bgp_service_tend(b); /* readers have moved on, or wait for what is made for them */
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_tick(b->dump[i]);
    bgp_blackholes_tick(b->blackholes);
    take_tags(b);
    if (b->neighbors_changed && b->c->bgp_neighbors_file)
        put_neighbors(b);
}

static int service_start(struct service *s, struct err *e)
{
    struct bgp_service *b = s->state;
    struct msglog_conf mc = log_conf(b->c);
    mc.has_room = wake;
    mc.room_arg = b;
    uv_async_init(s->loop, &b->wake, on_wake);
    b->started = true;
    rib_set_wake(b->rib, wake, b);
    uv_timer_init(s->loop, &b->tick);
    uv_idle_init(s->loop, &b->tend);
    b->wake.data = b->tick.data = b->tend.data = b;
    roa_view_open(&b->roas, service_beside(s, rpki_service.name));
    bgp_lines_roas(&b->lines, bgp_service_roas(b), b->rib);
    if (msglog_wanted(&mc) && !(b->msglog = msglog_open(&mc, b->log, e)))
        return -1;
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        if (bgp_dump_start(b, (enum bgp_dump_kind)i, &b->dump[i], e) == -1)
            return -1;
    if (open_ha(b, e) == -1 || bgp_tablefiles_start(b, &b->files, e) == -1 || bgp_lg_start(b->lg, e) == -1 ||
        bgp_blackholes_start(b, &b->blackholes, e) == -1)
        return -1;
    bgp_restore(b);
    uv_timer_start(&b->tick, on_tick, TICK_MS, TICK_MS);
    return bgp_listener_start(b->listener, s->loop, e);
}

static void service_stop(struct service *s)
{
    struct bgp_service *b = s->state;
    char text[128];
    bgp_tablefiles_stop(b->files);
    snprintf(text, sizeof(text), "%s is shutting down", s->daemon);
    bgp_listener_stop(b->listener);
    bgp_neighbours_stop(b, text);
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_stop(b->dump[i]);
    ha_stop(b->ha);
    bgp_lg_stop(b->lg);
    bgp_xconnects_stop(b->xconnects);
    uv_unref((uv_handle_t *)&b->wake); /* the log's threads and workers call it for as long as they live */
    uv_close((uv_handle_t *)&b->tick, NULL);
    uv_close((uv_handle_t *)&b->tend, NULL);
}

/* ---- signals */

static void service_stats(struct service *s)
{
    struct bgp_service *b = s->state;
    const struct bgp_listener_counts lc = bgp_listener_counts(b->listener);
    struct rib_counts n;
    rib_counts(b->rib, &n);
    log_notice(b->log, "+++");
    bgp_neighbours_stats(b);
    log_notice(b->log,
               "stats [BGP] sessions=%u accepted=%llu not_allowed=%llu refused_max_peers=%llu "
               "refused_second=%llu throttled=%llu lines_lost=%llu",
               b->peers.n, (unsigned long long)lc.accepted, (unsigned long long)lc.not_allowed,
               (unsigned long long)b->refused_max, (unsigned long long)b->refused_twice,
               (unsigned long long)lc.throttled, (unsigned long long)b->lines_lost);
    log_notice(b->log,
               "stats [BGP] RIB peers=%llu tables=%llu routes=%llu attribute_sets=%llu octets_routes=%llu "
               "octets_sets=%llu octets_held=%llu",
               (unsigned long long)n.peers, (unsigned long long)n.tables, (unsigned long long)n.routes,
               (unsigned long long)n.sets, (unsigned long long)n.octets_routes,
               (unsigned long long)n.octets_sets, (unsigned long long)n.octets_held);
    if (b->msglog)
        msglog_stats(b->msglog, "BGP");
    ha_stats(b->ha);
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_stats(b->dump[i]);
    bgp_tablefiles_stats(b->files);
    bgp_lg_stats(b->lg);
    bgp_blackholes_stats(b->blackholes);
    bgp_xconnects_stats(b->xconnects);
    log_notice(b->log, "---");
}

static void service_figures(struct service *s, struct figures *f)
{
    struct bgp_service *b = s->state;
    const struct bgp_listener_counts lc = bgp_listener_counts(b->listener);
    figures_put(f, FIG_BGP_SESSIONS, b->peers.n);
    figures_put_of(f, FIG_BGP_REFUSED, "reason", "not_allowed", lc.not_allowed);
    figures_put_of(f, FIG_BGP_REFUSED, "reason", "max_peers", b->refused_max);
    figures_put_of(f, FIG_BGP_REFUSED, "reason", "second_session", b->refused_twice);
    figures_put_of(f, FIG_BGP_REFUSED, "reason", "throttled", lc.throttled);
    figures_put(f, FIG_BGP_LINES_LOST, b->lines_lost);
    bgp_neighbours_figures(b, f);
    rib_figures(b->rib, "bgp", f);
    if (b->msglog)
        msglog_figures(b->msglog, f);
    ha_figures(b->ha, "bgp", f);
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_figures(b->dump[i], f);
    bgp_tablefiles_figures(b->files, f);
    bgp_lg_figures(b->lg, f);
    bgp_blackholes_figures(b->blackholes, f);
    bgp_xconnects_figures(b->xconnects, f);
}

static void service_reload(struct service *s)
{
    struct bgp_service *b = s->state;
    bgp_listener_reload(b->listener);
    bgp_xconnects_reload(b->xconnects);
}

static void service_reopen(struct service *s)
{
    struct bgp_service *b = s->state;
    if (b->msglog)
        msglog_reopen(b->msglog);
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_reopen(b->dump[i]);
    bgp_blackholes_reopen(b->blackholes);
}

/* ---- the end */

static void service_close(struct service *s)
{
    struct bgp_service *b = s->state;
    bgp_neighbours_free(b);
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_free(b->dump[i]);
    bgp_tablefiles_free(b->files);
    bgp_lg_free(b->lg);
    bgp_blackholes_free(b->blackholes);
    bgp_xconnects_free(b->xconnects);
    bgp_listener_free(b->listener);
    ha_free(b->ha);
    if (b->log) {
        msglog_close(b->msglog);
        label_filter_free(b->lines.labels);
        bgp_lines_free(&b->lines);
    }
    peertags_free(b->tags);
    roa_view_close(&b->roas);
    if (b->rib)
        rib_free(b->rib);
    free(b->io.buf);
    if (b->started)
        uv_close((uv_handle_t *)&b->wake, NULL);
}

const struct service_ops bgp_service = { .name = "BGP",
                                         .state_size = sizeof(struct bgp_service),
                                         .wanted = wanted,
                                         .check = check,
                                         .open = service_open,
                                         .start = service_start,
                                         .stop = service_stop,
                                         .stats = service_stats,
                                         .figures = service_figures,
                                         .reload = service_reload,
                                         .reopen = service_reopen,
                                         .signal = service_signal,
                                         .close = service_close };
