/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads MRT records: each (type, subtype) is a row of a table. A record that makes no sense costs that
 * record. Called when a table is restored, and for files that somebody names. */
#include "bgp/mrt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "bgp/evpn.h"

enum { HEADER = 12 };

/* A record under way. */
struct record {
    struct mrt_reader *r;
    int64_t at_us;
    uint16_t subtype;
    struct cursor body;
};

void mrt_reader_init(struct mrt_reader *r, const struct mrt_ops *ops, void *arg)
{
    *r = (struct mrt_reader){ .ops = ops, .arg = arg };
}

void mrt_reader_free(struct mrt_reader *r)
{
    free(r->peers);
    r->peers = NULL;
    r->n_peers = 0;
}

static void take_addr(struct cursor *c, bool six, struct addr *a)
{
    const uint8_t *p = cursor_take(c, six ? 16 : 4);
    *a = (struct addr){ { 0 } };
    if (p && six)
        addr_set_v6(a, p);
    else if (p)
        addr_set_v4(a, p);
}

/* ---- TABLE_DUMP_V2 */

/* RFC 6396 §4.3.1 */
static bool read_peer(struct cursor *c, struct mrt_peer *p)
{
    enum { IPV6 = 1, AS4 = 2 };
    uint8_t type = cursor_u8(c);
    const uint8_t *id = cursor_take(c, 4);
    if (id)
        memcpy(p->id, id, 4);
    take_addr(c, type & IPV6, &p->addr);
    p->as = type & AS4 ? cursor_u32(c) : cursor_u16(c);
    return !c->bad;
}

static bool on_peers(struct record *rec)
{
    struct mrt_reader *r = rec->r;
    struct cursor *c = &rec->body;
    cursor_skip(c, 4);
    cursor_skip(c, cursor_u16(c));
    unsigned n = cursor_u16(c);
    mrt_reader_free(r);
    if (c->bad)
        return false;
    r->peers = calloc(n ? n : 1, sizeof(*r->peers));
    if (!r->peers)
        return false;
    while (r->n_peers < n && read_peer(c, &r->peers[r->n_peers]))
        r->n_peers++;
    if (r->ops->peers)
        r->ops->peers(r->arg, r->peers, r->n_peers, rec->at_us / 1000000);
    return r->n_peers == n;
}

/* A route and the set of attributes that is to follow, on their way to ops->route. */
struct entry {
    struct mrt_reader *r;
    struct rib_key key;
    struct rib_octets labels;
    uint8_t made[EVPN_NLRI_MAX], rest[256];
    unsigned peer;
    int64_t originated_s;
    bool fits;
};

static void take_attrs(void *arg, const struct rib_attrs *a)
{
    struct entry *en = arg;
    en->r->counts.routes++;
    if (en->r->ops->route)
        en->r->ops->route(en->r->arg, en->peer, &en->key, en->labels, a, en->originated_s);
}

static const struct bgp_update_ops entry_ops = { .attrs = take_attrs };

/* Entries are what the table's peers say of one prefix; AS numbers have 4 octets in all of them (RFC 6396
 * §4.3.4). */
static bool read_entries(struct record *rec, struct entry *en, enum bgp_family family, bool add_path)
{
    const struct bgp_session_caps caps = { .as4 = true, .families = BGP_ALL_FAMILIES };
    struct cursor *c = &rec->body;
    struct bgp_error e;
    unsigned n = cursor_u16(c);
    en->key.has_path_id = add_path;
    for (unsigned i = 0; i < n; i++) {
        en->peer = cursor_u16(c);
        en->originated_s = cursor_u32(c);
        if (add_path)
            en->key.path_id = cursor_u32(c);
        struct cursor attrs = cursor_sub(c, cursor_u16(c));
        if (c->bad)
            return false;
        int rc = en->peer < en->r->n_peers
                     ? bgp_attrs_parse(attrs.p, cursor_left(&attrs), family, &caps, &entry_ops, en, &e)
                     : -1;
        if (rc != 0 || e.action >= BGP_WITHDRAW)
            en->r->counts.refused++;
    }
    return cursor_left(c) == 0;
}

/* The route goes on living while its entries are read: what it points to is copied, but for the parts of the
 * record. */
static void take_route(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct entry *en = arg;
    en->key = *k;
    en->labels = (struct rib_octets){ en->rest, labels.len };
    en->fits = labels.len <= sizeof(en->rest) && (k->nlri.len <= sizeof(en->made) || k->safi != SAFI_EVPN);
    if (en->fits && labels.len)
        memcpy(en->rest, labels.p, labels.len);
    if (en->fits && k->safi == SAFI_EVPN) {
        memcpy(en->made, k->nlri.p, k->nlri.len);
        en->key.nlri.p = en->made;
    }
}

/* A stack of labels ends with the one at the bottom; where none is marked so, there is one. */
static bool read_nlri(struct record *rec, struct entry *en, enum bgp_family f)
{
    static const uint64_t multi[] = { BGP_ALL_FAMILIES, 0 };
    for (unsigned i = 0; i < 2; i++) {
        struct bgp_session_caps caps = { .multi_labels = multi[i] };
        struct cursor c = rec->body;
        if (bgp_nlri_first(&c, f, &caps, take_route, en)) {
            rec->body = c;
            return en->fits;
        }
    }
    return false;
}

static bool read_rib(struct record *rec, enum bgp_family family, bool add_path)
{
    struct entry en;
    en.r = rec->r;
    if (family == BGP_FAMILIES) {
        rec->r->counts.skipped++;
        return true;
    }
    return read_nlri(rec, &en, family) && read_entries(rec, &en, family, add_path);
}

/* RIB_IPV4_UNICAST and its kin: sequence number, prefix, entries. */
static bool on_rib(struct record *rec)
{
    static const struct {
        enum bgp_family family;
        bool add_path;
    } kinds[] = {
        [2] = { BGP_IPV4_UNICAST, false }, [3] = { BGP_IPV4_MULTICAST, false },
        [4] = { BGP_IPV6_UNICAST, false }, [5] = { BGP_IPV6_MULTICAST, false },
        [8] = { BGP_IPV4_UNICAST, true },  [9] = { BGP_IPV4_MULTICAST, true },
        [10] = { BGP_IPV6_UNICAST, true }, [11] = { BGP_IPV6_MULTICAST, true },
    };
    cursor_skip(&rec->body, 4);
    return read_rib(rec, kinds[rec->subtype].family, kinds[rec->subtype].add_path);
}

/* RIB_GENERIC: the family stands in front of the NLRI. */
static bool on_generic(struct record *rec)
{
    enum { GENERIC_ADDPATH = 12 };
    cursor_skip(&rec->body, 4);
    uint16_t afi = cursor_u16(&rec->body);
    uint8_t safi = cursor_u8(&rec->body);
    return read_rib(rec, bgp_family_of(afi, safi), rec->subtype == GENERIC_ADDPATH);
}

/* ---- BGP4MP: RFC 6396 §4.4, 8050 §3 */

/* What subtypes say of a message. */
static const struct {
    bool known, state, as4, by_local, add_path;
} messages[] = {
    [0] = { .known = true, .state = true },
    [1] = { .known = true },
    [4] = { .known = true, .as4 = true },
    [5] = { .known = true, .state = true, .as4 = true },
    [6] = { .known = true, .by_local = true },
    [7] = { .known = true, .as4 = true, .by_local = true },
    [8] = { .known = true, .add_path = true },
    [9] = { .known = true, .as4 = true, .add_path = true },
    [10] = { .known = true, .by_local = true, .add_path = true },
    [11] = { .known = true, .as4 = true, .by_local = true, .add_path = true },
};

static bool on_message(struct record *rec)
{
    struct mrt_reader *r = rec->r;
    struct cursor *c = &rec->body;
    unsigned kind = rec->subtype;
    struct mrt_message m = { .at_us = rec->at_us,
                             .as4 = messages[kind].as4,
                             .add_path = messages[kind].add_path,
                             .by_local = messages[kind].by_local };
    m.peer_as = m.as4 ? cursor_u32(c) : cursor_u16(c);
    m.local_as = m.as4 ? cursor_u32(c) : cursor_u16(c);
    m.if_index = cursor_u16(c);
    bool six = cursor_u16(c) == AFI_IPV6;
    take_addr(c, six, &m.peer);
    take_addr(c, six, &m.local);
    if (messages[kind].state) {
        uint16_t from = cursor_u16(c), to = cursor_u16(c);
        if (!c->bad && r->ops->state)
            r->ops->state(r->arg, &m, from, to);
        return !c->bad;
    }
    struct bgp_error e;
    size_t left = cursor_left(c);
    if (c->bad || bgp_frame(c->p, left, true, &e) != (int)left)
        return false;
    r->counts.messages++;
    if (r->ops->message)
        r->ops->message(r->arg, &m, c->p, left);
    return true;
}

/* ---- records */

typedef bool record_fn(struct record *rec);

static record_fn *reader_of(uint16_t type, uint16_t subtype)
{
    static record_fn *const tables[] = { NULL, on_peers, on_rib, on_rib, on_rib, on_rib,    on_generic,
                                         NULL, on_rib,   on_rib, on_rib, on_rib, on_generic };
    if (type == MRT_TABLE_DUMP_V2 && subtype < sizeof(tables) / sizeof(tables[0]))
        return tables[subtype];
    if ((type == MRT_BGP4MP || type == MRT_BGP4MP_ET) && subtype < sizeof(messages) / sizeof(messages[0]) &&
        messages[subtype].known)
        return on_message;
    return NULL;
}

static void read_record(struct mrt_reader *r, const uint8_t *p, size_t len)
{
    struct cursor c = cursor_of(p, len);
    struct record rec = { .r = r, .at_us = (int64_t)cursor_u32(&c) * 1000000 };
    uint16_t type = cursor_u16(&c);
    rec.subtype = cursor_u16(&c);
    cursor_skip(&c, 4);
    if (type == MRT_BGP4MP_ET)
        rec.at_us += cursor_u32(&c);
    rec.body = c;
    r->counts.records++;
    record_fn *read = reader_of(type, rec.subtype);
    if (!read)
        r->counts.skipped++;
    else if (!read(&rec))
        r->counts.malformed++;
}

int64_t mrt_read(struct mrt_reader *r, const uint8_t *p, size_t len, size_t *need, struct err *e)
{
    size_t at = 0, size = HEADER;
    while (len - at >= HEADER) {
        size = (size_t)load_be32(p + at + 8);
        if (size > MRT_RECORD_MAX)
            return err_set(e, ERR_FORMAT, "a record of %zu octets: this is no MRT file", size);
        size += HEADER;
        if (size > len - at)
            break;
        read_record(r, p + at, size);
        at += size;
        size = HEADER;
    }
    if (need)
        *need = size;
    return (int64_t)at;
}

/* What was read and not yet used: grows to the longest record. */
struct window {
    uint8_t *p;
    size_t len, cap;
};

static int refill(int fd, struct window *w, size_t used, size_t need, bool *eof, struct err *e)
{
    w->len -= used;
    memmove(w->p, w->p + used, w->len);
    if (need > w->cap) {
        uint8_t *p = realloc(w->p, need);
        if (!p)
            return err_set(e, ERR_LIMIT, "no memory for a record of %zu octets", need);
        w->p = p;
        w->cap = need;
    }
    ssize_t n;
    do
        n = read(fd, w->p + w->len, w->cap - w->len);
    while (n == -1 && errno == EINTR);
    if (n == -1)
        return err_sys(e, "reading");
    w->len += (size_t)n;
    *eof = n == 0;
    return 0;
}

static int read_fd(struct mrt_reader *r, int fd, bool (*go_on)(void *arg), struct err *e)
{
    enum { WINDOW = 1 << 20 };
    struct window w = { .p = malloc(WINDOW), .cap = WINDOW };
    int64_t used = 0;
    size_t need = 0;
    bool eof = false;
    int rc = 0;
    if (!w.p)
        return err_set(e, ERR_LIMIT, "no memory");
    while (rc == 0 && !eof && (!go_on || go_on(r->arg))) {
        rc = refill(fd, &w, (size_t)used, need, &eof, e);
        used = rc == 0 ? mrt_read(r, w.p, w.len, &need, e) : 0;
        rc = used < 0 ? -1 : rc;
    }
    if (rc == 0 && eof && (size_t)used != w.len)
        rc = err_set(e, ERR_FORMAT, "ends within a record");
    free(w.p);
    return rc;
}

int mrt_read_file(struct mrt_reader *r, const char *path, bool (*go_on)(void *arg), struct err *e)
{
    struct err why = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return err_sys(e, "%s", path);
    int rc = read_fd(r, fd, go_on, &why);
    close(fd);
    return rc == 0 ? 0 : err_set(e, why.code, "%s: %s", path, why.text);
}
