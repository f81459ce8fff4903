/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends telemetry: sessions and addresses, how many of them, and the counters of each. Inputs call it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "output/json.h"
#include "telemetry/dump.h"
#include "telemetry/notif.h"
#include "telemetry/tags.h"
#include "telemetry/telemetry.h"

void tele_now(struct telemetry *t)
{
    t->now_us = clock_wall_us();
    t->mono_us = clock_mono_us();
}

/* Messages of queues that do not tell whose they are. */
static bool of_queue(const struct addr *a)
{
    static const struct addr nobody = { { [10] = 0xff, [11] = 0xff } };
    return addr_equal(a, &nobody);
}

bool tele_may(struct telemetry *t, const struct addr *a)
{
    char text[ADDR_TEXT];
    if (!t->allow || of_queue(a) || allow_match(t->allow, a))
        return true;
    t->refused++;
    log_limited(t->log, &t->say_refused, LOG_LV_INFO, "[%s] peer is not in telemetry_daemon_allow_file",
                addr_str(a, text));
    return false;
}

static bool too_many(struct telemetry *t, const struct addr *a)
{
    char text[ADDR_TEXT];
    if (t->n_peers < (unsigned)t->k->max_peers)
        return false;
    t->refused++;
    log_limited(t->log, &t->say_many, LOG_LV_WARN,
                "[%s] Insufficient number of telemetry peers has been configured by "
                "'telemetry_daemon_max_peers' (%d).",
                addr_str(a, text), t->k->max_peers);
    return true;
}

/* ---- coming and going */

/* The members that stand in every message of this peer. */
static void make_head(struct tele_peer *p)
{
    strbuf_clear(&p->head);
    json_addr(&p->head, "telemetry_node", &p->addr);
    json_uint(&p->head, "telemetry_port", p->port);
    tele_tags_members(&p->head, p);
}

static void link_peer(struct telemetry *t, struct tele_peer *p)
{
    p->next = t->peers;
    p->link = &t->peers;
    if (p->next)
        p->next->link = &p->next;
    t->peers = p;
    t->n_peers++;
}

static void free_peer(struct telemetry *t, struct tele_peer *p)
{
    if (t->msglog)
        msglog_target_free(t->msglog, p->target);
    strbuf_free(&p->head);
    free(p->label);
    free(p);
}

struct tele_peer *tele_peer_new(struct telemetry *t, const struct addr *a, uint16_t port)
{
    char text[ADDR_TEXT];
    if (too_many(t, a))
        return NULL;
    struct tele_peer *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    *p = (struct tele_peer){ .addr = *a, .port = port, .seen_us = clock_mono_us() };
    snprintf(p->name, sizeof(p->name), "%s:%u", addr_str(a, text), port);
    strbuf_init(&p->head, 4096);
    tele_tags_set(t, p);
    make_head(p);
    const struct msglog_topic topic = { .peer_src_ip = &p->addr, .peer_src_port = port };
    if (t->msglog)
        p->target = msglog_target_new(t->msglog, &topic);
    if (p->head.failed || (t->msglog && !p->target)) {
        free_peer(t, p);
        return NULL;
    }
    link_peer(t, p);
    log_info(t->log, "[%s] telemetry peers usage: %u/%d", text, t->n_peers, t->k->max_peers);
    tele_event(t, p, "log_init");
    return p;
}

void tele_peer_free(struct telemetry *t, struct tele_peer *p)
{
    tele_event(t, p, "log_close");
    tele_dump_forget(t, p);
    notif_forget(t, p);
    if (p->next)
        p->next->link = p->link;
    *p->link = p->next;
    t->n_peers--;
    free_peer(t, p);
}

/* ---- by address */

static struct tele_peer **slot_of(struct telemetry *t, const struct addr *a)
{
    return &t->slot[hash_bytes(a->b, sizeof(a->b)) % TELE_SLOTS];
}

struct tele_peer *tele_peer_of(struct telemetry *t, const struct addr *a, uint16_t port, bool notif)
{
    struct tele_peer **slot = slot_of(t, a), *p = *slot;
    while (p && (p->of_notif != notif || !addr_equal(&p->addr, a)))
        p = p->chain;
    if (p)
        return p;
    if (!tele_may(t, a) || !(p = tele_peer_new(t, a, port)))
        return NULL;
    p->datagrams = true;
    p->of_notif = notif;
    p->chain = *slot;
    *slot = p;
    return p;
}

void tele_peer_drop(struct telemetry *t, struct tele_peer *p)
{
    struct tele_peer **at = slot_of(t, &p->addr);
    while (*at && *at != p)
        at = &(*at)->chain;
    if (*at)
        *at = p->chain;
    tele_peer_free(t, p);
}

void tele_peers_tick(struct telemetry *t)
{
    const int64_t old_us = clock_mono_us() - t->k->peer_timeout * US_PER_S;
    for (struct tele_peer *p = t->peers, *next; p; p = next) {
        next = p->next;
        if (!p->datagrams || p->seen_us >= old_us)
            continue;
        log_info(t->log, "[%s] telemetry peer removed (timeout).", p->name);
        tele_peer_drop(t, p);
    }
}

void tele_peers_recheck(struct telemetry *t)
{
    for (struct tele_peer *p = t->peers, *next; p; p = next) {
        next = p->next;
        if (p->datagrams && t->allow && !of_queue(&p->addr) && !allow_match(t->allow, &p->addr)) {
            log_info(t->log, "[%s] telemetry peer removed (allow list).", p->name);
            tele_peer_drop(t, p);
        }
    }
}

void tele_peers_retag(struct telemetry *t)
{
    for (struct tele_peer *p = t->peers; p; p = p->next) {
        tele_tags_set(t, p);
        make_head(p);
    }
}

/* ---- counters */

void tele_received(struct telemetry *t, struct tele_peer *p, size_t octets)
{
    p->counts.packets++;
    p->counts.packet_octets += octets;
    t->total.packets++;
    t->total.packet_octets += octets;
}

void tele_fault(struct telemetry *t, struct tele_peer *p, enum tele_fault why)
{
    p->counts.faults[why]++;
    t->total.faults[why]++;
    log_limited(t->log, &p->say_fault, LOG_LV_WARN, "[%s] %s", p->name, tele_fault_text(why));
}

static uint64_t sum_of_faults(const struct tele_counts *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TELE_FAULTS; i++)
        sum += c->faults[i];
    return sum;
}

/* " fault=n" for each kind of which there was one. */
static void add_faults(struct strbuf *s, const struct tele_counts *c)
{
    for (unsigned i = 0; i < TELE_FAULTS; i++)
        if (c->faults[i])
            strbuf_printf(s, " %s=%" PRIu64, tele_fault_name((enum tele_fault)i), c->faults[i]);
}

static void say_counts(struct telemetry *t, enum log_level lv, const char *name, const struct tele_counts *c)
{
    strbuf_clear(&t->text);
    add_faults(&t->text, c);
    log_at(t->log, lv,
           "[%s] pkts=%" PRIu64 " pktBytes=%" PRIu64 " msgs=%" PRIu64 " msgBytes=%" PRIu64
           " msgErrors=%" PRIu64 "%s",
           name, c->packets, c->packet_octets, c->messages, c->message_octets, sum_of_faults(c),
           strbuf_cstr(&t->text));
}

static void put_counts(const struct tele_counts *c, struct figures *f)
{
    figures_put_of(f, FIG_TELE_MESSAGES, "result", "taken", c->messages);
    for (unsigned i = 0; i < TELE_FAULTS; i++)
        if (c->faults[i])
            figures_put_of(f, FIG_TELE_MESSAGES, "result", tele_fault_name((enum tele_fault)i), c->faults[i]);
    figures_put(f, FIG_TELE_BYTES, c->message_octets);
}

void tele_peers_figures(const struct telemetry *t, struct figures *f)
{
    figures_label(f, "peer", "all");
    put_counts(&t->total, f);
    figures_unlabel(f, 1);
    for (const struct tele_peer *p = t->peers; p; p = p->next) {
        figures_label(f, "peer", p->name);
        put_counts(&p->counts, f);
        figures_unlabel(f, 1);
    }
}

void tele_peers_stats(struct telemetry *t, enum log_level lv)
{
    for (const struct tele_peer *p = t->peers; p; p = p->next) {
        say_counts(t, lv, p->name, &p->counts);
        if (p->notif && lv == LOG_LV_NOTICE)
            notif_stats(t, p);
    }
    say_counts(t, lv, "Total", &t->total);
}
