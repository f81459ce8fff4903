/* SPDX-License-Identifier: BSD-2-Clause */
/* What the BGP service does with its sessions: who may open one, what their UPDATEs do to the RIB and to the
 * message log, what becomes of the routes when a session ends. Called by service.c and, through
 * bgp_neighbour_ops, by session.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bgp/blackhole.h"
#include "bgp/dump.h"
#include "bgp/service_impl.h"
#include "bgp/tablefile.h"
#include "bgp/update.h"

enum { TEND_BATCH = 64, CEASE_ADMIN_DOWN = 2, CEASE_REJECTED = 5, CEASE_COLLISION = 7, OPEN_BAD_ID = 3 };

static struct bgp_peer *peer_of(struct bgp_session *s) { return (struct bgp_peer *)s; }

/* ---- the message log */

static void put_line(struct bgp_service *b, struct bgp_peer *p)
{
    if (b->lines.unwanted)
        b->lines.seq--; /* numbers of the log have no gaps */
    else if (b->lines.line.failed)
        b->lines_lost++;
    else if (ha_holds(b->ha))
        ha_keep(b->ha,
                &(struct msglog_topic){
                    .peer_src_ip = &p->s.addr, .peer_src_port = p->s.port, .peer_as = p->s.as },
                b->lines.line.p, b->lines.line.len);
    else
        (void)msglog_put(b->msglog, p->log_target, b->lines.line.p, b->lines.line.len); /* it counts */
}

static void tell_session(struct bgp_service *b, struct bgp_peer *p, const char *event)
{
    if (!b->msglog || !p->log_target)
        return;
    bgp_lines_time(&b->lines, clock_wall_us(), true);
    bgp_lines_session(&b->lines, p, event);
    put_line(b, p);
}

static void tell_route(struct bgp_service *b, struct bgp_peer *p, const char *what, const struct rib_key *k,
                       struct rib_octets labels, uint32_t attrs)
{
    bgp_lines_route(&b->lines, p, what, k, labels, attrs);
    put_line(b, p);
}

/* ---- routes */

struct taking {
    struct bgp_service *b;
    struct bgp_peer *p;
    uint32_t attrs;  /* of the routes under way, one reference; 0: none */
    unsigned n_held; /* prefixes of these that are announced together, since they lie all over the table: */
    struct rib_key *held; /* memory is waited for once. RIB_PREPARED of them */
};

static void drop_attrs(struct taking *t)
{
    if (t->attrs)
        rib_attrs_put(rib_pool(t->b->rib), t->attrs);
    t->attrs = 0;
}

static void lose_route(struct bgp_service *b, struct bgp_peer *p)
{
    p->lost++;
    log_limited(b->log, &b->say_memory, LOG_LV_ERROR, "[%s] no memory for a route: it is left out",
                p->s.name);
}

static void announce(const struct taking *t, const struct rib_key *k, struct rib_octets labels)
{
    struct bgp_peer *p = t->p;
    struct rib_route was;
    const int rc = t->attrs ? rib_announce(t->b->rib, p->rib, k, labels, t->attrs, &was) : -1;
    if (rc == -1) {
        lose_route(t->b, p);
        return;
    }
    if (t->b->msglog)
        tell_route(t->b, p, "update", k, labels, t->attrs);
    if (t->b->blackholes)
        bgp_blackholes_route(t->b->blackholes, p, k, labels, t->attrs, rc == 0 ? was.attrs : 0, false);
}

static void announce_held(struct taking *t)
{
    const unsigned n = t->n_held;
    t->n_held = 0;
    if (n > 1)
        rib_prepare(t->b->rib, t->p->rib, t->held, n);
    for (unsigned i = 0; i < n; i++)
        announce(t, &t->held[i], (struct rib_octets){ 0 });
}

static void on_attrs(void *arg, const struct rib_attrs *a)
{
    struct taking *t = arg;
    announce_held(t);
    drop_attrs(t);
    t->attrs = rib_attrs_intern(rib_pool(t->b->rib), a);
}

static void on_announce(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct taking *t = arg;
    t->p->announced++;
    t->b->changes++;
    if (labels.len || k->nlri.p) { /* these may lie on the stack of who reads the UPDATE */
        announce_held(t);
        announce(t, k, labels);
        return;
    }
    if (t->n_held == RIB_PREPARED)
        announce_held(t);
    t->held[t->n_held++] = *k;
}

static void on_withdraw(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct taking *t = arg;
    struct rib_route was;
    (void)labels;
    announce_held(t);
    const int rc = rib_withdraw(t->b->rib, t->p->rib, k, &was);
    t->b->changes++;
    t->p->withdrawn += rc == 1;
    t->p->unknown_withdrawn += rc == 0;
    if (rc == -1)
        lose_route(t->b, t->p);
    if (rc != 1)
        return;
    const struct rib_octets had = { was.labels, was.labels_len };
    if (t->b->msglog)
        tell_route(t->b, t->p, "withdraw", k, had, was.attrs);
    if (t->b->blackholes)
        bgp_blackholes_route(t->b->blackholes, t->p, k, had, 0, was.attrs, false);
}

/* ---- routes of a peer that is gone */

static bool is_of_heir(const struct bgp_peer *p, const struct rib_key *k)
{
    struct rib_route r;
    return p->heir && p->heir->rib && rib_find(p->owner->rib, p->heir->rib, k, &r);
}

/* What the session's heir has told anew was not deleted. */
static bool on_gone(void *arg, const struct rib_key *k, const struct rib_route *r)
{
    struct bgp_peer *p = arg;
    const struct rib_octets labels = { r->labels, r->labels_len };
    if (is_of_heir(p, k))
        return true;
    if (p->owner->msglog)
        tell_route(p->owner, p, "delete", k, labels, r->attrs);
    if (p->owner->blackholes)
        bgp_blackholes_route(p->owner->blackholes, p, k, labels, 0, r->attrs, true);
    return true;
}

static void peer_free(struct bgp_peer *p)
{
    struct bgp_service *b = p->owner;
    if (b->msglog)
        msglog_target_free(b->msglog, p->log_target);
    strbuf_free(&p->head);
    b->peers_left--;
    free(p);
}

static void free_if_done(struct bgp_peer *p)
{
    if (p->handles_gone && !p->rib && !p->stale)
        peer_free(p);
}

static void unlink_from(struct bgp_peer **list, struct bgp_peer *p)
{
    while (*list != p)
        list = &(*list)->next_stale;
    *list = p->next_stale;
}

static void on_all_gone(void *arg)
{
    struct bgp_peer *p = arg;
    unlink_from(&p->owner->leaving, p);
    if (p->told)
        tell_session(p->owner, p, "log_close");
    p->rib = 0;
    free_if_done(p);
}

static void remove_routes(struct bgp_service *b, struct bgp_peer *p)
{
    if (b->msglog)
        bgp_lines_time(&b->lines, clock_wall_us(), true);
    bgp_tablefiles_forget(b->files, p);
    p->next_stale = b->leaving;
    b->leaving = p;
    rib_peer_remove(b->rib, p->rib, b->msglog || b->blackholes ? on_gone : NULL, on_all_gone, p);
    bgp_service_tend(b);
}

static void forget_dumps(struct bgp_service *b, struct bgp_peer *p)
{
    for (unsigned i = 0; i < BGP_DUMPS; i++)
        bgp_dump_forget(b->dump[i], p);
}

/* ---- graceful restart: the routes of a lost session stay, stale, until its heir has told all of his or the
 * time is up (RFC 4724 §4.2) */

static void keep_stale(struct bgp_service *b, struct bgp_peer *p)
{
    p->stale = true;
    p->stale_until_ms = uv_now(b->io.loop) + (uint64_t)p->s.restart_s * 1000;
    p->next_stale = b->stale;
    b->stale = p;
    log_info(b->log, "[%s] its routes are kept for %u s (graceful restart)", p->s.name, p->s.restart_s);
    if (p->told)
        tell_session(b, p, "log_close");
    p->told = false;
}

static void end_stale(struct bgp_service *b, struct bgp_peer *p)
{
    unlink_from(&b->stale, p);
    p->stale = false;
    remove_routes(b, p);
}

static void forget_heir(struct bgp_service *b, const struct bgp_peer *heir)
{
    for (struct bgp_peer *p = b->stale; p; p = p->next_stale)
        if (p->heir == heir)
            p->heir = NULL;
}

static bool is_without_session(const struct bgp_peer *p, const struct addr *a, const uint8_t id[4])
{
    return addr_equal(&p->s.addr, a) && !memcmp(p->s.id, id, 4);
}

static void find_heritage(struct bgp_service *b, struct bgp_peer *heir)
{
    static const uint8_t unknown[4]; /* in files of messages */
    for (struct bgp_peer *p = b->stale; p; p = p->next_stale)
        if (is_without_session(p, &heir->s.addr, heir->s.id) ||
            is_without_session(p, &heir->s.addr, unknown)) {
            p->heir = heir;
            p->heir_eors = 0;
        }
}

/* Names and tags of a neighbour of whom a file knows address, identifier and AS. */
static void introduce(struct bgp_service *b, struct bgp_peer *p)
{
    const struct msglog_topic topic = { .peer_src_ip = &p->s.addr, .peer_as = p->s.as };
    addr_str(&p->s.addr, p->s.name);
    if (!b->msglog)
        return;
    p->log_target = msglog_target_new(b->msglog, &topic);
    bgp_lines_head(&b->lines, p);
}

struct bgp_peer *bgp_neighbour_without_session(struct bgp_service *b, const struct addr *a,
                                               const uint8_t id[4], uint32_t as, uint64_t stale_s, bool *made)
{
    struct rib_peer_info info = { .addr = *a, .as = as, .stale = true };
    struct bgp_peer *p = b->stale;
    while (p && !is_without_session(p, a, id))
        p = p->next_stale;
    if (p || !(p = calloc(1, sizeof(*p))))
        return p;
    p->owner = b;
    p->s.addr = *a;
    p->s.as = as;
    memcpy(p->s.id, id, 4);
    addr_set_v4(&info.id, id);
    p->over = p->handles_gone = p->stale = true;
    p->stale_until_ms = stale_s > UINT32_MAX ? UINT64_MAX : uv_now(b->io.loop) + stale_s * 1000;
    p->rib = rib_peer_add(b->rib, &info);
    if (!p->rib) {
        free(p);
        return NULL;
    }
    introduce(b, p);
    p->next_stale = b->stale;
    b->stale = p;
    b->peers_left++;
    *made = true;
    return p;
}

/* All families that the heir speaks have been told. */
static void on_heir_told(struct bgp_service *b, const struct bgp_peer *heir, uint16_t afi, uint8_t safi)
{
    const enum bgp_family f = bgp_family_of(afi, safi);
    for (struct bgp_peer *p = b->stale, *next; p; p = next) {
        next = p->next_stale;
        if (p->heir != heir || f == BGP_FAMILIES)
            continue;
        p->heir_eors |= BGP_FAMILY_BIT(f);
        if ((heir->s.caps.families & ~p->heir_eors) == 0)
            end_stale(b, p);
    }
}

static void on_end_of_rib(void *arg, uint16_t afi, uint8_t safi)
{
    struct taking *t = arg;
    announce_held(t);
    log_debug(t->b->log, "[%s] End-of-RIB AFI [%u] SAFI [%u]", t->p->s.name, afi, safi);
    if (t->b->msglog) {
        bgp_lines_end_of_rib(&t->b->lines, t->p, afi, safi);
        put_line(t->b, t->p);
    }
    if (t->b->stale)
        on_heir_told(t->b, t->p, afi, safi);
}

void bgp_neighbours_tick(struct bgp_service *b)
{
    const uint64_t now = uv_now(b->io.loop);
    for (struct bgp_peer *p = b->stale, *next; p; p = next) {
        next = p->next_stale;
        if (now >= p->stale_until_ms)
            end_stale(b, p);
    }
}

/* ---- what sessions call */

static const struct bgp_update_ops taking_ops = {
    .attrs = on_attrs, .announce = on_announce, .withdraw = on_withdraw, .end_of_rib = on_end_of_rib
};

static int on_update(struct bgp_session *s, const uint8_t *msg, size_t len, struct bgp_error *e)
{
    struct bgp_peer *p = peer_of(s);
    struct rib_key held[RIB_PREPARED];
    struct taking t = { .b = p->owner, .p = p, .held = held };
    if (!p->rib)
        return 0;
    roa_view_renew(&p->owner->roas);
    if (p->owner->msglog)
        bgp_lines_time(&p->owner->lines, clock_wall_us(), true);
    const int rc = bgp_update_parse(msg, len, &s->caps, &taking_ops, &t, e);
    announce_held(&t);
    drop_attrs(&t);
    return rc;
}

static void set_id(const struct bgp_service *b, const struct bgp_session *s, struct bgp_open *ours)
{
    static const uint8_t fallback[4] = { 1, 2, 3, 4 }, none[4];
    memcpy(ours->id, b->id, 4);
    if (memcmp(b->id, none, 4) == 0)
        memcpy(ours->id, addr_is_v4(&s->local) ? s->local.b + 12 : fallback, 4);
}

static void forget_add_path(struct bgp_open *ours)
{
    for (unsigned i = 0; i < ours->n; i++)
        ours->family[i].add_path = 0;
}

static int on_open(struct bgp_session *s, const struct bgp_open *theirs, struct bgp_open *ours,
                   struct bgp_error *e)
{
    struct bgp_peer *p = peer_of(s);
    struct bgp_service *b = p->owner;
    char text[ADDR_TEXT];
    const struct bgp_peer *other = bgp_peers_by_id(&b->peers, s->id, p);
    if (other && !b->c->bgp_disable_router_id_check) {
        b->refused_twice++;
        log_warn(b->log, "[%s] Refusing new connection from existing Router-ID. (%s has it)", s->name,
                 addr_str(&other->s.addr, text));
        return bgp_fault(e, BGP_RESET, BGP_ERR_OPEN, OPEN_BAD_ID, "another session has this identifier");
    }
    bgp_peers_add_id(&b->peers, p);
    ours->as = b->c->bgp_as ? (uint32_t)b->c->bgp_as : theirs->as;
    set_id(b, s, ours);
    ours->refresh = ours->refresh && b->c->bgp_route_refresh;
    ours->enhanced_refresh = false;
    ours->restart = theirs->restart; /* we keep its routes, and have none of our own */
    if (b->c->bgp_add_path_ignore)
        forget_add_path(ours);
    log_info(b->log, "[%s] BGP_OPEN: Local AS: %u Remote AS: %u HoldTime: %u", s->name, ours->as, theirs->as,
             theirs->hold_s);
    return 0;
}

static void on_established(struct bgp_session *s)
{
    struct bgp_peer *p = peer_of(s);
    struct bgp_service *b = p->owner;
    struct rib_peer_info info = { .addr = s->addr, .port = s->port, .as = s->as };
    addr_set_v4(&info.id, s->id);
    p->rib = rib_peer_add(b->rib, &info);
    if (!p->rib) {
        log_error(b->log, "[%s] no memory for its routes", s->name);
        bgp_session_cease(s, 8, NULL);
        return;
    }
    if (b->msglog) {
        const struct msglog_topic topic = { .peer_src_ip = &s->addr,
                                            .peer_src_port = s->port,
                                            .peer_as = s->as };
        p->log_target = msglog_target_new(b->msglog, &topic);
        bgp_lines_head(&b->lines, p);
        tell_session(b, p, "log_init");
        p->told = true;
    }
    find_heritage(b, p);
    b->neighbors_changed = true;
}

static bool on_room(struct bgp_session *s) { return bgp_service_room(peer_of(s)->owner); }

static void on_batch(struct bgp_session *s)
{
    struct bgp_service *b = peer_of(s)->owner;
    if (b->msglog)
        msglog_flush(b->msglog);
    bgp_blackholes_flush(b->blackholes);
    /* as much as has been put in, so that what was replaced does not pile up while all send at once */
    const unsigned n = b->changes > TEND_BATCH ? b->changes : TEND_BATCH;
    b->changes = 0;
    if (rib_tend(b->rib, n))
        bgp_service_tend(b);
}

static void on_closed(struct bgp_session *s, enum bgp_end end)
{
    struct bgp_peer *p = peer_of(s);
    struct bgp_service *b = p->owner;
    bgp_peers_remove(&b->peers, p);
    forget_dumps(b, p);
    forget_heir(b, p);
    p->over = true;
    b->neighbors_changed = true;
    if (!p->rib || p->stale)
        return;
    if (b->stopping) {
        if (p->told)
            tell_session(b, p, "log_close");
        p->rib = 0; /* goes with the RIB */
    } else if (end == BGP_END_LOST && s->restart && s->restart_s) {
        keep_stale(b, p);
    } else {
        remove_routes(b, p);
    }
}

static void on_handles_gone(struct bgp_session *s)
{
    struct bgp_peer *p = peer_of(s);
    p->handles_gone = true;
    free_if_done(p);
}

const struct bgp_session_ops bgp_neighbour_ops = { .open = on_open,
                                                   .established = on_established,
                                                   .update = on_update,
                                                   .room = on_room,
                                                   .batch = on_batch,
                                                   .closed = on_closed,
                                                   .gone = on_handles_gone };

/* ---- who connects */

static void refuse(int fd, uint8_t subcode)
{
    uint8_t msg[BGP_MAX];
    const struct bgp_error e = { .action = BGP_RESET, .code = BGP_ERR_CEASE, .subcode = subcode };
    (void)!write(fd, msg, bgp_notification_write(msg, sizeof(msg), &e));
    close(fd);
}

/* Seconds for which the session may still be alive though silent. */
static int64_t residual(const struct bgp_session *s)
{
    const uint64_t silent = (uv_now(s->io->loop) - s->heard_ms) / 1000;
    return s->hold_s ? (int64_t)s->hold_s - (int64_t)silent : INT64_MAX;
}

/* A second connection from a peer: it replaces one that is dead, has not come far, or is known to restart
 * this way. -1: refused. */
static int settle_collision(struct bgp_service *b, struct bgp_peer *old)
{
    const bool alive = old->s.state == BGP_CONFIRM || old->s.state == BGP_ESTABLISHED;
    const int64_t left = residual(&old->s);
    if (alive && !old->s.restart && left > 0) {
        b->refused_twice++;
        log_limited(b->log, &b->say_refused, LOG_LV_INFO,
                    "[%s] Refusing new connection from existing peer (residual holdtime: %" PRId64 ").",
                    old->s.name, left == INT64_MAX ? 0 : left);
        return -1;
    }
    log_info(b->log, "[%s] Replenishing stale connection by peer.", old->s.name);
    if (alive && old->s.restart && old->s.restart_s && old->rib) {
        bgp_peers_remove(&b->peers, old);
        forget_dumps(b, old);
        keep_stale(b, old);
    }
    bgp_session_cease(&old->s, CEASE_COLLISION, NULL);
    return 0;
}

static bool has_place(struct bgp_service *b)
{
    const int most = b->c->bgp_max_peers;
    if (!most || b->peers.n < (unsigned)most)
        return true;
    b->refused_max++;
    log_limited(b->log, &b->say_max, LOG_LV_WARN,
                "Insufficient number of BGP peers has been configured by 'bgp_daemon_max_peers' (%d).", most);
    return false;
}

static void log_usage(const struct bgp_service *b, const struct bgp_peer *p)
{
    if (b->c->bgp_max_peers)
        log_info(b->log, "[%s] BGP peers usage: %u/%d", p->s.name, b->peers.n, b->c->bgp_max_peers);
    else
        log_info(b->log, "[%s] BGP peers usage: %u", p->s.name, b->peers.n);
}

void bgp_neighbour_accepted(void *arg, int fd, const struct addr *from, uint16_t port)
{
    struct bgp_service *b = arg;
    if (bgp_xconnects_take(b->xconnects, b->io.loop, fd, from, port))
        return;
    struct bgp_peer *old = bgp_peers_by_addr(&b->peers, from, b->c->bgp_compare_ports ? port : 0);
    if (old && settle_collision(b, old) == -1) {
        refuse(fd, CEASE_COLLISION);
        return;
    }
    if (!has_place(b)) {
        refuse(fd, CEASE_REJECTED);
        return;
    }
    struct bgp_peer *p = calloc(1, sizeof(*p));
    if (!p || bgp_session_begin(&p->s, &b->io, fd, from, port) == -1) {
        log_error(b->log, "no memory for a BGP session");
        free(p);
        close(fd);
        return;
    }
    p->owner = b;
    b->peers_left++;
    bgp_peers_add(&b->peers, p);
    log_usage(b, p);
}

/* ---- all of them */

void bgp_neighbours_stop(struct bgp_service *b, const char *text)
{
    b->stopping = true;
    for (struct bgp_peer *p = b->peers.first, *next; p; p = next) {
        next = p->next;
        bgp_session_cease(&p->s, CEASE_ADMIN_DOWN, text);
    }
}

void bgp_neighbours_retag(struct bgp_service *b)
{
    for (struct bgp_peer *p = b->peers.first; p; p = p->next)
        if (p->log_target)
            bgp_lines_head(&b->lines, p);
    for (struct bgp_peer *p = b->stale; p; p = p->next_stale)
        bgp_lines_head(&b->lines, p);
}

void bgp_neighbours_stats(const struct bgp_service *b)
{
    static const char *const states[] = { "connect", "opensent", "openconfirm", "established", "closed" };
    char text[ADDR_TEXT];
    for (const struct bgp_peer *p = b->peers.first; p; p = p->next) {
        const struct bgp_counts *n = &p->s.counts;
        log_notice(b->log,
                   "stats [%s] BGP peer id=%s as=%u state=%s routes=%" PRIu64 " octets=%" PRIu64
                   " updates=%" PRIu64 " announced=%" PRIu64 " withdrawn=%" PRIu64
                   " withdrawn_unknown=%" PRIu64 " attributes_discarded=%" PRIu64
                   " treated_as_withdraw=%" PRIu64 " lost=%" PRIu64 " keepalives_in=%" PRIu64
                   " keepalives_out=%" PRIu64,
                   addr_str(&p->s.addr, text), p->s.name, p->s.as, states[p->s.state + 1],
                   p->rib ? rib_peer_routes(b->rib, p->rib) : 0, n->octets_in, n->updates, p->announced,
                   p->withdrawn, p->unknown_withdrawn, n->discarded, n->treated_as_withdraw, p->lost,
                   n->keepalives_in, n->keepalives_out);
    }
}

static void put_neighbour(const struct bgp_service *b, const struct bgp_peer *p, struct figures *f)
{
    const struct bgp_counts *n = &p->s.counts;
    const struct {
        const char *what;
        uint64_t n;
    } changes[] = { { "announced", p->announced },
                    { "withdrawn", p->withdrawn },
                    { "withdrawn_unknown", p->unknown_withdrawn },
                    { "attributes_discarded", n->discarded },
                    { "treated_as_withdraw", n->treated_as_withdraw },
                    { "lost", p->lost } };
    char text[ADDR_TEXT];
    figures_label(f, "peer", addr_str(&p->s.addr, text));
    figures_label_number(f, "port", p->s.port);
    figures_label_number(f, "asn", p->s.as);
    figures_put(f, FIG_BGP_UP, p->s.state == BGP_ESTABLISHED);
    figures_put(f, FIG_BGP_ROUTES, p->rib ? rib_peer_routes(b->rib, p->rib) : 0);
    figures_put(f, FIG_BGP_UPDATES, n->updates);
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        figures_put_of(f, FIG_BGP_CHANGES, "what", changes[i].what, changes[i].n);
    figures_unlabel(f, 3);
}

void bgp_neighbours_figures(const struct bgp_service *b, struct figures *f)
{
    for (const struct bgp_peer *p = b->peers.first; p; p = p->next)
        put_neighbour(b, p, f);
}

static void free_list(struct bgp_peer *p)
{
    while (p) {
        struct bgp_peer *const next = p->next_stale;
        peer_free(p);
        p = next;
    }
}

void bgp_neighbours_free(struct bgp_service *b)
{
    free_list(b->stale);
    free_list(b->leaving);
}
