/* SPDX-License-Identifier: BSD-2-Clause */
/* The service: opens inputs and logs, ticks, and takes its leave. */
#include "telemetry/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output/writerid.h"
#include "telemetry/dump.h"
#include "telemetry/layout.h"
#include "telemetry/notif.h"
#include "telemetry/tags.h"
#include "telemetry/telemetry.h"

enum { TICK_MS = 1000, LINE_MAX_OCTETS = TELE_MESSAGE_MAX * 2 + 65536, POOL_MAX = 64 << 20 };
static const int64_t STATS_US = 120 * US_PER_S;

static const struct tele_input_ops *const inputs[] = { &tele_tcp,  &tele_udp, &tele_notif, &tele_notif_dtls,
                                                       &tele_grpc, &tele_zmq, &tele_kafka };
enum { N_INPUTS = sizeof(inputs) / sizeof(inputs[0]) };
_Static_assert((int)N_INPUTS <= (int)TELE_INPUTS, "room for all inputs");

static bool wanted(const struct config *c, char daemon) { return daemon == 'T' || c->telemetry.on; }

/* ---- rules over several keys */

static struct msglog_conf conf_of(const struct config *c)
{
    return (struct msglog_conf){
        .name = "telemetry_daemon_msglog",
        .file = { .path = c->telemetry.msglog_file,
                  .utc = c->timestamps_utc,
                  .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
        .amqp = c->telemetry.msglog_amqp,
        .kafka = c->telemetry.msglog_kafka,
    };
}

static bool framed_inputs(const struct telemetry_keys *k)
{
    return tele_tcp.wanted(k) || tele_udp.wanted(k) || k->zmq_address || k->kafka_in.topic;
}

static int check(const struct service *s, struct err *e)
{
    const struct telemetry_keys *k = &s->c->telemetry;
    const struct msglog_conf conf = conf_of(s->c);
    const char *end;
    struct err why = { 0 };
    char key[64], where[256];
    if (framed_inputs(k) && !k->decoder)
        return err_set(e, ERR_CONFIG,
                       "telemetry_daemon_decoder is not specified: one of json, gpb, cisco_v0, cisco_v1");
    const char *secured = k->grpc_tls     ? "telemetry_daemon_grpc_tls"
                          : k->tls        ? "telemetry_daemon_tls"
                          : k->notif_dtls ? "telemetry_daemon_udp_notif_dtls"
                                          : NULL;
    if (secured && !s->c->tls_path)
        return err_set(e, ERR_CONFIG, "%s: %s needs tls_path, the folder of certificates, beside it",
                       config_where(s->set, secured, NULL, where, sizeof(where)), secured);
    if (writer_id_check(s->c->writer_id_string, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: writer_id_string: %s",
                       config_where(s->set, "writer_id_string", NULL, where, sizeof(where)), why.text);
    if (msglog_check(&conf, &end, &why) == -1) {
        snprintf(key, sizeof(key), "telemetry_daemon_msglog%s", end);
        return err_set(e, ERR_CONFIG, "%s: %s: %s", config_where(s->set, key, NULL, where, sizeof(where)),
                       key, why.text);
    }
    return tele_dump_check(s, e) == 0 && tele_tags_check(s, e) == 0 ? 0 : -1;
}

/* ---- open, in the daemon's thread */

static void on_has_room(void *arg)
{
    struct telemetry *t = arg;
    uv_async_send(&t->has_room);
}

static void resume(struct telemetry *t)
{
    if (!t->no_room)
        return;
    t->no_room = false;
    for (unsigned i = 0; i < t->n_inputs && !t->no_room; i++)
        if (t->inputs[i].ops->resume)
            t->inputs[i].ops->resume(&t->inputs[i]);
}

static void on_room(uv_async_t *h) { resume(h->data); }

static int open_log(struct telemetry *t, struct err *e)
{
    struct msglog_conf conf = conf_of(t->c);
    if (uv_async_init(t->s->loop, &t->has_room, on_room) != 0)
        return err_set(e, ERR_SYS, "cannot make an event");
    t->has_room.data = t;
    t->async_made = true;
    tele_line_tail(&t->tail, t->c, &conf);
    conf.has_room = on_has_room;
    conf.room_arg = t;
    if (!msglog_wanted(&conf))
        return 0;
    t->msglog = msglog_open(&conf, t->log, e);
    return t->msglog ? 0 : -1;
}

static int open_inputs(struct telemetry *t, struct err *e)
{
    for (unsigned i = 0; i < N_INPUTS; i++) {
        struct tele_input *in = &t->inputs[t->n_inputs];
        if (!inputs[i]->wanted(t->k))
            continue;
        *in = (struct tele_input){ .ops = inputs[i], .t = t, .state = calloc(1, inputs[i]->state_size) };
        if (!in->state)
            return err_sys(e, "no memory for telemetry");
        t->n_inputs++;
        if (in->ops->open(in, e) == -1)
            return -1;
    }
    return 0;
}

static const framing_fn framings[] = {
    [TELE_DECODER_NONE] = frame_json, [TELE_DECODER_JSON] = frame_json, [TELE_DECODER_GPB] = frame_gpb,
    [TELE_DECODER_V0] = frame_mdt_v0, [TELE_DECODER_V1] = frame_mdt_v1,
};

static void set_up(struct telemetry *t, struct service *s)
{
    const struct config *c = s->c;
    t->s = s;
    t->c = c;
    t->k = &c->telemetry;
    t->log = &s->log;
    t->framing = framings[c->telemetry.decoder];
    t->pool = (struct reassembly_pool){ .max = POOL_MAX, .gave_up = notif_gave_up, .arg = t };
    t->style = (struct time_style){ .utc = c->timestamps_utc,
                                    .secs = c->timestamps_secs,
                                    .epoch = c->timestamps_since_epoch,
                                    .rfc3339 = c->timestamps_rfc3339 };
    strbuf_init(&t->line, LINE_MAX_OCTETS);
    strbuf_init(&t->text, 4096);
    strbuf_init(&t->tail, 4096);
    strbuf_init(&t->unpacked, TELE_MESSAGE_MAX);
    strbuf_init(&t->whole, TELE_MESSAGE_MAX);
}

static int open_service(struct service *s, struct err *e)
{
    struct telemetry *t = s->state;
    set_up(t, s);
    t->gpb = gpb_new();
    if (!t->gpb)
        return err_sys(e, "no memory for telemetry");
    log_info(t->log, "maximum telemetry peers allowed: %d", t->k->max_peers);
    log_info(t->log, "telemetry peers timeout: %d", t->k->peer_timeout);
    if (t->k->allow_file && !(t->allow = allow_load(t->k->allow_file, e)))
        return -1;
    return tele_tags_open(t, e) == 0 && open_log(t, e) == 0 && tele_dump_open(t, e) == 0 &&
                   open_inputs(t, e) == 0
               ? 0
               : -1;
}

/* ---- in the service's thread */

static void on_tick(uv_timer_t *h)
{
    struct telemetry *t = h->data;
    const int64_t now_us = clock_mono_us();
    if (t->msglog)
        msglog_tick(t->msglog, now_us);
    tele_tags_follow(t);
    tele_dump_tick(t);
    tele_peers_tick(t);
    notif_tick(t);
    for (unsigned i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].ops->tick)
            t->inputs[i].ops->tick(&t->inputs[i]);
    if (t->no_room && msglog_room(t->msglog))
        resume(t);
    if (now_us < t->stats_us)
        return;
    t->stats_us = now_us + STATS_US;
    tele_peers_stats(t, LOG_LV_INFO);
}

static int start(struct service *s, struct err *e)
{
    struct telemetry *t = s->state;
    uv_timer_init(s->loop, &t->tick);
    t->tick.data = t;
    t->started = true;
    t->stats_us = clock_mono_us() + STATS_US;
    uv_timer_start(&t->tick, on_tick, TICK_MS, TICK_MS);
    if (tele_dump_start(t, e) == -1)
        return -1;
    for (unsigned i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].ops->start(&t->inputs[i], e) == -1)
            return -1;
    return 0;
}

static void stop(struct service *s)
{
    struct telemetry *t = s->state;
    for (unsigned i = 0; i < t->n_inputs; i++)
        t->inputs[i].ops->stop(&t->inputs[i]);
    while (t->peers) /* those of datagrams: sessions have gone with their input */
        tele_peer_drop(t, t->peers);
    tele_dump_stop(t);
    uv_close((uv_handle_t *)&t->tick, NULL);
    uv_unref((uv_handle_t *)&t->has_room); /* the log may still use it: closed when that is */
}

static void stats(struct service *s)
{
    struct telemetry *t = s->state;
    log_notice(t->log, "+++");
    tele_peers_stats(t, LOG_LV_NOTICE);
    log_notice(t->log, "stats [telemetry] peers=%u refused=%llu unfinished=%zu octets", t->n_peers,
               (unsigned long long)t->refused, t->pool.octets);
    for (unsigned i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].ops->stats)
            t->inputs[i].ops->stats(&t->inputs[i]);
    if (t->msglog)
        msglog_stats(t->msglog, "telemetry");
    tele_dump_stats(t);
    log_notice(t->log, "---");
}

static void put_input(const struct tele_input *in, struct figures *f)
{
    char name[64];
    if (!in->ops->figures)
        return;
    snprintf(name, sizeof(name), "telemetry %s", in->ops->name);
    figures_label(f, "input", name);
    in->ops->figures(in, f);
    figures_unlabel(f, 1);
}

static void figures(struct service *s, struct figures *f)
{
    struct telemetry *t = s->state;
    figures_put(f, FIG_TELE_PEERS, t->n_peers);
    figures_put(f, FIG_TELE_REFUSED, t->refused);
    figures_put_of(f, FIG_TELE_UNFINISHED, "input", "telemetry UDP-notif", t->pool.octets);
    tele_peers_figures(t, f);
    for (unsigned i = 0; i < t->n_inputs; i++)
        put_input(&t->inputs[i], f);
    if (t->msglog)
        msglog_figures(t->msglog, f);
    tele_dump_figures(t, f);
}

static void reload(struct service *s)
{
    struct telemetry *t = s->state;
    tele_tags_follow(t);
    for (unsigned i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].ops->reload)
            t->inputs[i].ops->reload(&t->inputs[i]);
    if (!t->allow)
        return;
    allow_reload(&t->allow, t->k->allow_file, t->log);
    tele_peers_recheck(t);
    for (unsigned i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].ops->recheck)
            t->inputs[i].ops->recheck(&t->inputs[i]);
}

static void reopen(struct service *s)
{
    struct telemetry *t = s->state;
    if (t->msglog)
        msglog_reopen(t->msglog);
    tele_dump_reopen(t);
}

/* ---- the end, in the daemon's thread */

static void close_service(struct service *s)
{
    struct telemetry *t = s->state;
    for (unsigned i = 0; i < t->n_inputs; i++) {
        t->inputs[i].ops->close(&t->inputs[i]);
        free(t->inputs[i].state);
    }
    tele_dump_close(t);
    msglog_close(t->msglog);
    if (t->async_made)
        uv_close((uv_handle_t *)&t->has_room, NULL);
    tele_tags_close(t);
    allow_free(t->allow);
    gpb_free(t->gpb);
    strbuf_free(&t->line);
    strbuf_free(&t->text);
    strbuf_free(&t->tail);
    strbuf_free(&t->unpacked);
    strbuf_free(&t->whole);
}

const struct service_ops telemetry_service = {
    .name = "TELE",
    .state_size = sizeof(struct telemetry),
    .wanted = wanted,
    .check = check,
    .open = open_service,
    .start = start,
    .stop = stop,
    .stats = stats,
    .figures = figures,
    .reload = reload,
    .reopen = reopen,
    .close = close_service,
};
