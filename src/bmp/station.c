/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of BMP sessions: peers of each router, what was negotiated with them, their views in the RIB. */
#include "bmp/station.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/hash.h"

enum { PEERS_MAX = 1 << 16, KEY = 25 };

/* One RIB of a monitored peer. Lives until its last route is gone from the RIB. */
struct view {
    struct bmp_router *r;
    struct bmp_peer head; /* of the message that made it */
    uint32_t rib_peer;
    int64_t gone_us;
    uint64_t gone_serial;
};

struct peer {
    uint8_t key[KEY]; /* type, distinguisher, address (RFC 7854 §4.2, RFC 8671 §4) */
    bool up;
    uint32_t as; /* of its Peer Up */
    struct bgp_session_caps in, out, loc;
    struct view *view[BMP_RIBS];
};

struct bmp_router {
    struct bmp_station *st;
    struct addr addr;
    uint16_t port;
    void *owner;
    struct peer **slots; /* open addressing by key */
    struct peer **peers; /* in the order in which they came; room for half of the slots */
    unsigned n_peers, cap;
    unsigned flushes;
    unsigned leaving; /* views whose routes are going */
    bool closed, said_no_init, any;
    enum bmp_rm_numbers numbers; /* of version 4 */
    struct bmp_counts counts;
    struct log_limit say_fault[BMP_FAULTS], say_no_up, say_many, say_bgp, say_memory;
};

/* What one UPDATE is read with. */
struct reading {
    struct bmp_router *r;
    struct peer *peer;
    struct view *view;
    const struct bmp_peer *head;
    int64_t at_us;
    struct rib_attrs attrs;
    uint32_t set; /* interned; 0: no memory */
    unsigned nth; /* route of the message, from 1 */
    unsigned n_marks;
    bool held; /* its prefixes: they have a struct held_message */
};

/* What held prefixes of one set of attributes share. */
struct held_message {
    struct bmp_peer head;
    uint32_t set; /* with a reference */
    uint64_t attrs_serial, message_serial;
};

/* Prefixes of one table that are announced together, since they lie all over it: memory is waited for once.
 * They leave before anything else is told, and before a read ends. */
struct held {
    struct bmp_router *r;
    struct view *view;
    int64_t at_us;
    unsigned n, n_messages;
    struct rib_key key[RIB_PREPARED];
    unsigned nth[RIB_PREPARED];
    uint8_t of[RIB_PREPARED]; /* the message */
    struct held_message message[RIB_PREPARED];
};

struct bmp_station {
    struct bmp_station_conf c;
    uint64_t serial, messages;            /* of attributes; of what shares a peer header and a time */
    struct bmp_mark marks[BMP_MARKS_MAX]; /* of the UPDATE that is read */
    struct held held;
};

struct bmp_station *bmp_station_new(const struct bmp_station_conf *c)
{
    struct bmp_station *st = calloc(1, sizeof(*st));
    if (st)
        st->c = *c;
    return st;
}

void bmp_station_free(struct bmp_station *st) { free(st); }

/* ---- routers */

struct bmp_router *bmp_router_new(struct bmp_station *st, const struct addr *from, uint16_t port, void *owner)
{
    struct bmp_router *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->st = st;
    r->addr = *from;
    r->port = port;
    r->owner = owner;
    return r;
}

void *bmp_router_owner(const struct bmp_router *r) { return r->owner; }
const struct addr *bmp_router_addr(const struct bmp_router *r) { return &r->addr; }
uint16_t bmp_router_port(const struct bmp_router *r) { return r->port; }
const struct bmp_counts *bmp_router_counts(const struct bmp_router *r) { return &r->counts; }
unsigned bmp_router_peers(const struct bmp_router *r) { return r->n_peers; }

uint64_t bmp_router_routes(const struct bmp_router *r)
{
    uint64_t n = 0;
    unsigned at = 0;
    struct bmp_view v;
    while (bmp_router_view(r, &at, &v))
        n += rib_peer_routes(r->st->c.rib, v.rib_peer);
    return n;
}

bool bmp_router_view(const struct bmp_router *r, unsigned *at, struct bmp_view *v)
{
    for (; *at < r->n_peers * BMP_RIBS; ++*at) {
        const struct view *w = r->peers[*at / BMP_RIBS]->view[*at % BMP_RIBS];
        if (!w)
            continue;
        *v = (struct bmp_view){ .peer = w->head, .rib_peer = w->rib_peer };
        ++*at;
        return true;
    }
    return false;
}

unsigned bmp_router_flushes(const struct bmp_router *r) { return r->flushes; }

static void router_free(struct bmp_router *r)
{
    for (unsigned i = 0; i < r->n_peers; i++)
        free(r->peers[i]);
    free(r->peers);
    free(r->slots);
    free(r);
}

static const char *name_of(const struct bmp_router *r, char text[ADDR_TEXT])
{
    return addr_str(&r->addr, text);
}

/* ---- peers */

static void key_of(const struct bmp_peer *p, uint8_t key[KEY])
{
    key[0] = p->type;
    memcpy(key + 1, p->rd, 8);
    memcpy(key + 9, p->addr.b, 16);
}

static unsigned slot_of(const struct bmp_router *r, const uint8_t key[KEY])
{
    unsigned i = (unsigned)hash_bytes(key, KEY) & (r->cap - 1);
    while (r->slots[i] && memcmp(r->slots[i]->key, key, KEY) != 0)
        i = (i + 1) & (r->cap - 1);
    return i;
}

static bool peers_grow(struct bmp_router *r)
{
    const unsigned cap = r->cap ? 2 * r->cap : 16;
    struct peer **peers = realloc(r->peers, cap / 2 * sizeof(struct peer *));
    if (peers)
        r->peers = peers;
    struct peer **slots = peers ? calloc(cap, sizeof(struct peer *)) : NULL;
    if (!slots)
        return false;
    free(r->slots);
    r->slots = slots;
    r->cap = cap;
    for (unsigned i = 0; i < r->n_peers; i++)
        r->slots[slot_of(r, r->peers[i]->key)] = r->peers[i];
    return true;
}

static void say_no_peer(struct bmp_router *r)
{
    char text[ADDR_TEXT];
    r->counts.routes_lost++;
    log_limited(r->st->c.log, &r->say_many, LOG_LV_WARN,
                "[%s] %u peers known: there is no room for more, their routes are left out", name_of(r, text),
                r->n_peers);
}

/* The peer of a header; made when it is not there. NULL: no room. */
static struct peer *peer_get(struct bmp_router *r, const struct bmp_peer *head)
{
    uint8_t key[KEY];
    key_of(head, key);
    if (r->cap && r->slots[slot_of(r, key)])
        return r->slots[slot_of(r, key)];
    struct peer *p = r->n_peers < PEERS_MAX ? calloc(1, sizeof(*p)) : NULL;
    if (!p || (2 * (r->n_peers + 1) > r->cap && !peers_grow(r))) {
        free(p);
        say_no_peer(r);
        return NULL;
    }
    memcpy(p->key, key, KEY);
    p->in.families = p->out.families = p->loc.families = BGP_ALL_FAMILIES;
    r->slots[slot_of(r, key)] = p;
    return r->peers[r->n_peers++] = p;
}

static struct view *view_get(struct bmp_router *r, struct peer *p, const struct bmp_peer *head)
{
    struct view *v = p->view[head->rib];
    if (v)
        return v;
    static const uint8_t none[8];
    struct rib_peer_info info = {
        .addr = head->addr, .router = r->addr, .port = r->port, .as = head->as, .kind = head->rib
    };
    addr_set_v4(&info.id, head->bgp_id);
    memcpy(info.rd, head->rd, sizeof(info.rd));
    info.has_rd = memcmp(head->rd, none, sizeof(none)) != 0;
    v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    *v = (struct view){ .r = r, .head = *head, .rib_peer = rib_peer_add(r->st->c.rib, &info) };
    if (!v->rib_peer) {
        free(v);
        return NULL;
    }
    p->view[head->rib] = v;
    return v;
}

/* ---- routes that go with their peer */

static bool route_gone(void *arg, const struct rib_key *k, const struct rib_route *route)
{
    struct view *v = arg;
    struct bmp_station *st = v->r->st;
    struct rib_attrs a;
    rib_attrs_get(rib_pool(st->c.rib), route->attrs, &a);
    const struct bmp_told t = { .type = BMP_LOG_DELETE,
                                .peer = &v->head,
                                .at_us = v->gone_us,
                                .key = k,
                                .labels = { route->labels, route->labels_len },
                                .attrs = &a,
                                .message_serial = v->gone_serial };
    st->c.ops->route(st->c.arg, v->r, &t);
    return true;
}

static void router_settle(struct bmp_router *r)
{
    struct bmp_station *st = r->st;
    if (!r->closed || r->leaving)
        return;
    st->c.ops->gone(st->c.arg, r);
    router_free(r);
}

static void view_gone(void *arg)
{
    struct view *v = arg;
    struct bmp_router *r = v->r;
    free(v);
    r->leaving--;
    router_settle(r);
}

static void peer_flush(struct bmp_router *r, struct peer *p, int64_t at_us)
{
    for (unsigned i = 0; i < BMP_RIBS; i++) {
        struct view *v = p->view[i];
        if (!v)
            continue;
        p->view[i] = NULL;
        r->flushes++;
        v->gone_us = at_us;
        v->gone_serial = ++r->st->messages;
        r->leaving++;
        rib_peer_remove(r->st->c.rib, v->rib_peer, r->st->c.tell_deleted ? route_gone : NULL, view_gone, v);
    }
}

void bmp_router_close(struct bmp_router *r, size_t cut, int64_t at_us)
{
    char text[ADDR_TEXT];
    if (cut)
        log_info(r->st->c.log, "[%s] the session ended within a message: its %zu octets are lost",
                 name_of(r, text), cut);
    r->leaving++; /* so that it is not freed on the way */
    for (unsigned i = 0; i < r->n_peers; i++)
        peer_flush(r, r->peers[i], at_us);
    r->closed = true;
    r->leaving--;
    router_settle(r);
}

/* ---- Peer Up and Down */

static void negotiate(struct peer *p, const struct bmp_msg *m, struct bmp_router *r)
{
    struct bgp_open sent, received;
    struct bgp_error e = { 0 };
    char text[ADDR_TEXT];
    if (bgp_open_parse(m->up.sent.p, m->up.sent.len, &sent, NULL, NULL, &e) == -1 ||
        bgp_open_parse(m->up.received.p, m->up.received.len, &received, NULL, NULL, &e) == -1) {
        r->counts.faults[BMP_FAULT_BGP]++;
        log_limited(r->st->c.log, &r->say_fault[BMP_FAULT_BGP], LOG_LV_INFO,
                    "[%s] peer up with an OPEN that cannot be read: %s", name_of(r, text), e.what);
        return;
    }
    struct bgp_session_caps other;
    bgp_negotiate(&sent, &received, &p->in);
    bgp_negotiate(&received, &sent, &p->out);
    /* A Loc-RIB has no other side: what stands in either OPEN is so (RFC 9069 §4.4). */
    other = p->out;
    p->loc = p->in;
    p->loc.add_path |= other.add_path;
    p->loc.ext_next_hop |= other.ext_next_hop;
    p->in.families = p->out.families = p->loc.families = BGP_ALL_FAMILIES;
}

static void peer_up(struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    struct peer *p = peer_get(r, &m->peer);
    if (!p)
        return;
    if (p->up)
        peer_flush(r, p, at_us);
    p->up = true;
    p->as = m->peer.as;
    negotiate(p, m, r);
}

static void peer_down(struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    uint8_t key[KEY];
    key_of(&m->peer, key);
    struct peer *p = r->cap ? r->slots[slot_of(r, key)] : NULL;
    if (!p)
        return; /* routers say so of peers that never were up */
    peer_flush(r, p, at_us);
    p->up = false;
    p->as = 0;
}

/* ---- routes */

static void tell(struct reading *x, enum bmp_log_type type, const struct rib_key *k, struct rib_octets labels,
                 const struct rib_attrs *a, uint64_t serial)
{
    const struct bmp_told t = { .type = type,
                                .peer = x->head,
                                .at_us = x->at_us,
                                .key = k,
                                .labels = labels,
                                .attrs = a,
                                .attrs_serial = serial,
                                .message_serial = x->r->st->messages,
                                .nth = x->nth,
                                .marks = x->r->st->marks,
                                .n_marks = x->n_marks };
    x->r->st->c.ops->route(x->r->st->c.arg, x->r, &t);
}

static void no_memory(struct bmp_router *r)
{
    char text[ADDR_TEXT];
    r->counts.routes_lost++;
    log_limited(r->st->c.log, &r->say_memory, LOG_LV_ERROR, "[%s] no memory: routes are left out",
                name_of(r, text));
}

static void announce_now(struct reading *x, const struct rib_key *k, struct rib_octets labels)
{
    if (!x->set || rib_announce(x->r->st->c.rib, x->view->rib_peer, k, labels, x->set, NULL) == -1)
        no_memory(x->r);
    tell(x, BMP_LOG_UPDATE, k, labels, &x->attrs, x->r->st->serial);
}

static void announce_held(struct bmp_station *st)
{
    struct held *h = &st->held;
    struct rib_pool *pool = rib_pool(st->c.rib);
    struct rib_attrs a;
    const unsigned n = h->n;
    h->n = 0;
    if (n > 1)
        rib_prepare(st->c.rib, h->view->rib_peer, h->key, n);
    for (unsigned i = 0; i < n; i++) {
        const struct held_message *m = &h->message[h->of[i]];
        if (i == 0 || h->of[i] != h->of[i - 1])
            rib_attrs_get(pool, m->set, &a);
        if (rib_announce(st->c.rib, h->view->rib_peer, &h->key[i], (struct rib_octets){ 0 }, m->set, NULL) ==
            -1)
            no_memory(h->r);
        const struct bmp_told t = { .type = BMP_LOG_UPDATE,
                                    .peer = &m->head,
                                    .at_us = h->at_us,
                                    .key = &h->key[i],
                                    .attrs = &a,
                                    .attrs_serial = m->attrs_serial,
                                    .message_serial = m->message_serial,
                                    .nth = h->nth[i] };
        st->c.ops->route(st->c.arg, h->r, &t);
    }
    for (unsigned i = 0; i < h->n_messages; i++)
        rib_attrs_put(pool, h->message[i].set);
    h->n_messages = 0;
}

static bool same_table(const struct rib_key *a, const struct rib_key *b)
{
    return a->afi == b->afi && a->safi == b->safi && a->has_path_id == b->has_path_id &&
           a->has_rd == b->has_rd && !memcmp(a->rd, b->rd, sizeof(a->rd));
}

static void hold(struct reading *x, const struct rib_key *k)
{
    struct bmp_station *st = x->r->st;
    struct held *h = &st->held;
    if (h->n && (h->n == RIB_PREPARED || h->view != x->view || !same_table(&h->key[0], k))) {
        announce_held(st);
        x->held = false;
    }
    if (!x->held || !h->n_messages) {
        rib_attrs_ref(rib_pool(st->c.rib), x->set);
        h->message[h->n_messages++] = (struct held_message){
            .head = *x->head, .set = x->set, .attrs_serial = st->serial, .message_serial = st->messages
        };
        h->r = x->r;
        h->view = x->view;
        h->at_us = x->at_us;
        x->held = true;
    }
    h->key[h->n] = *k;
    h->nth[h->n] = x->nth;
    h->of[h->n++] = (uint8_t)(h->n_messages - 1);
}

static void on_attrs(void *arg, const struct rib_attrs *a)
{
    struct reading *x = arg;
    struct rib_pool *pool = rib_pool(x->r->st->c.rib);
    x->held = false;
    if (x->set)
        rib_attrs_put(pool, x->set);
    x->attrs = *a;
    x->set = rib_attrs_intern(pool, a);
    if (x->set)
        rib_attrs_get(pool, x->set, &x->attrs);
    x->r->st->serial++;
}

static void on_announce(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct reading *x = arg;
    x->nth++;
    x->r->counts.announced++;
    /* Labels, NLRI, and attributes that could not be interned, may lie on the stack of who reads the UPDATE.
     */
    if (!labels.len && !k->nlri.p && x->set && !x->n_marks) {
        hold(x, k);
        return;
    }
    announce_held(x->r->st);
    announce_now(x, k, labels);
}

static void on_withdraw(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct reading *x = arg;
    struct rib_route was;
    struct rib_attrs a;
    (void)labels;
    announce_held(x->r->st);
    x->nth++;
    x->r->counts.withdrawn++;
    const int found = rib_withdraw(x->r->st->c.rib, x->view->rib_peer, k, &was);
    if (found == -1)
        no_memory(x->r);
    if (found != 1) { /* there is nothing to tell of */
        x->r->counts.withdrawn_unknown += found == 0;
        return;
    }
    rib_attrs_get(rib_pool(x->r->st->c.rib), was.attrs, &a);
    tell(x, BMP_LOG_WITHDRAW, k, (struct rib_octets){ was.labels, was.labels_len }, &a, 0);
}

static void on_end_of_rib(void *arg, uint16_t afi, uint8_t safi)
{
    struct reading *x = arg;
    const struct rib_key k = { .afi = afi, .safi = safi };
    announce_held(x->r->st);
    tell(x, BMP_LOG_END_OF_RIB, &k, (struct rib_octets){ 0 }, NULL, 0);
}

static const struct bgp_update_ops update_ops = {
    .attrs = on_attrs,
    .announce = on_announce,
    .withdraw = on_withdraw,
    .end_of_rib = on_end_of_rib,
};

static void say_bgp(struct bmp_router *r, const struct bmp_peer *p, const struct bgp_error *e)
{
    char router[ADDR_TEXT], peer[ADDR_TEXT];
    log_limited(r->st->c.log, &r->say_bgp, LOG_LV_INFO, "[%s] UPDATE of peer %s: %s", name_of(r, router),
                addr_str(&p->addr, peer), e->what);
}

static const struct bgp_session_caps *caps_of(const struct peer *p, enum bmp_rib rib)
{
    if (rib == BMP_RIB_LOC)
        return &p->loc;
    return rib == BMP_RIB_OUT_PRE || rib == BMP_RIB_OUT_POST ? &p->out : &p->in;
}

/* Capabilities in the message itself (version 4, stateless parsing). */
static void add_stateless(struct bgp_session_caps *c, const struct bmp_octets *v)
{
    struct cursor cap = cursor_of(v->p, v->len);
    const uint8_t code = cursor_u8(&cap);
    struct cursor value = cursor_sub(&cap, cursor_u8(&cap));
    if (cap.bad)
        return;
    if (code == BGP_CAP_AS4)
        c->as4 = true;
    while (code == BGP_CAP_ADD_PATH && cursor_left(&value) >= 4) {
        const uint16_t afi = cursor_u16(&value);
        const enum bgp_family f = bgp_family_of(afi, cursor_u8(&value));
        cursor_skip(&value, 1);
        if (f != BGP_FAMILIES)
            c->add_path |= BGP_FAMILY_BIT(f);
    }
}

static void keep_mark(struct reading *x, enum bmp_rm_tlv what, const struct bmp_tlv *t)
{
    if (x->n_marks < BMP_MARKS_MAX)
        x->r->st->marks[x->n_marks++] = (struct bmp_mark){ .what = what, .tlv = *t };
    else
        x->r->counts.marks_lost++;
}

/* The UPDATE of a message of version 4, its capabilities and marks. */
static bool read_tlvs(struct reading *x, const struct bmp_msg *m, struct bgp_session_caps *c,
                      struct bmp_octets *update)
{
    struct cursor tlvs = m->tlvs;
    struct bmp_tlv t;
    const enum bmp_rm_numbers numbers = bmp_rm_numbers(tlvs, update);
    if (numbers == BMP_NUMBERS_UNKNOWN)
        return false;
    if (x->r->numbers != BMP_NUMBERS_REV21) /* once seen, its other messages are of it too */
        x->r->numbers = numbers;
    while (bmp_tlv_next(&tlvs, true, true, &t)) {
        const enum bmp_rm_tlv what = t.pen ? BMP_RM_OTHER : bmp_rm_tlv(x->r->numbers, t.type);
        if (what == BMP_RM_STATELESS)
            add_stateless(c, &t.value);
        else if (what != BMP_RM_UPDATE)
            keep_mark(x, what, &t);
    }
    return true;
}

static void say_fault(struct bmp_router *r, enum bmp_fault f)
{
    char text[ADDR_TEXT];
    r->counts.faults[f]++;
    log_limited(r->st->c.log, &r->say_fault[f], LOG_LV_INFO, "[%s] packet discarded: %s", name_of(r, text),
                bmp_fault_text(f));
}

static void say_no_up(struct bmp_router *r, const struct bmp_peer *p)
{
    char router[ADDR_TEXT], peer[ADDR_TEXT];
    log_limited(r->st->c.log, &r->say_no_up, LOG_LV_INFO,
                "[%s] routes of peer %s (%s) without a Peer Up: taken as they are", name_of(r, router),
                addr_str(&p->addr, peer), bmp_rib_name(p->rib));
}

static void route_monitoring(struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    struct bmp_peer head = m->peer;
    struct reading x = { .r = r, .head = &head, .at_us = at_us };
    struct bmp_octets update = { 0 };
    struct bgp_error e = { 0 };
    r->st->messages++;
    x.peer = peer_get(r, &m->peer);
    if (!x.peer)
        return;
    if (!x.peer->up)
        say_no_up(r, &m->peer);
    head.as = x.peer->as; /* as consumers know it: 0 without a Peer Up, whatever the header says */
    struct bgp_session_caps c = *caps_of(x.peer, m->peer.rib);
    c.as4 = !m->peer.as2;
    c.ext_message = c.monitored = true;
    if (m->version < 4)
        update = m->update;
    else if (!read_tlvs(&x, m, &c, &update)) {
        say_fault(r, BMP_FAULT_NO_UPDATE);
        return;
    }
    x.view = view_get(r, x.peer, &head);
    if (!x.view) {
        no_memory(r);
        return;
    }
    const bool read = update.len >= BGP_HEADER && bgp_type(update.p) == BGP_UPDATE &&
                      bgp_update_parse(update.p, update.len, &c, &update_ops, &x, &e) == 0;
    if (!read) {
        r->counts.faults[BMP_FAULT_BGP]++;
        say_bgp(r, &m->peer, e.what ? &e : &(struct bgp_error){ .what = "not an UPDATE" });
    } else if (e.action != BGP_NO_FAULT) {
        r->counts.updates_withdrawn++;
        say_bgp(r, &m->peer, &e);
    }
    if (x.set)
        rib_attrs_put(rib_pool(r->st->c.rib), x.set);
}

/* ---- the stream */

static void message(struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    const struct bmp_station_conf *c = &r->st->c;
    r->counts.messages[m->type]++;
    if (m->type == BMP_ROUTE_MONITORING) {
        route_monitoring(r, m, at_us);
        return;
    }
    announce_held(r->st);
    c->ops->message(c->arg, r, m, at_us);
    if (m->type == BMP_PEER_UP)
        peer_up(r, m, at_us);
    else if (m->type == BMP_PEER_DOWN)
        peer_down(r, m, at_us);
}

long bmp_router_feed(struct bmp_router *r, const uint8_t *p, size_t n, unsigned most, int64_t at_us,
                     bool *ended)
{
    const uint8_t *at = p;
    *ended = false;
    while (most-- && !*ended) {
        enum bmp_fault f;
        struct bmp_msg m;
        const long len = bmp_frame(at, n - (size_t)(at - p), &f);
        if (len < 0) {
            announce_held(r->st);
            say_fault(r, f);
            return -1;
        }
        if (!len)
            break;
        f = bmp_parse(at, (size_t)len, &m);
        if (f != BMP_FAULT_NONE)
            say_fault(r, f);
        else
            message(r, &m, at_us);
        *ended = f == BMP_FAULT_NONE && m.type == BMP_TERM;
        at += len;
    }
    announce_held(r->st);
    r->counts.octets += (size_t)(at - p);
    return at - p;
}
