/* SPDX-License-Identifier: BSD-2-Clause */
/* OPEN: its parameters and capabilities are read into a struct bgp_open and written from one. Capabilities
 * are rows of caps.def; those that name families add to these families' entries. */
#include "bgp/open.h"

#include "base/cursor.h"

enum { PARAM_CAPABILITIES = 2, PARAM_EXTENDED = 255 };
enum { RESTARTING = 0x8000, RESTART_NOTIFICATION = 0x4000, FORWARDS = 0x80 };

static int fault(struct bgp_error *e, uint8_t subcode, const char *what)
{
    return bgp_fault(e, BGP_RESET, BGP_ERR_OPEN, subcode, what);
}

/* The entry of a family, made if need be. Beyond the room for them: one that nobody looks at. */
static struct bgp_open_family *family_of(struct bgp_open *o, uint16_t afi, uint8_t safi)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (o->family[i].afi == afi && o->family[i].safi == safi)
            return &o->family[i];
    }
    if (o->n == BGP_OPEN_FAMILIES) {
        o->more_families = true;
        return NULL;
    }
    struct bgp_open_family *f = &o->family[o->n++];
    *f = (struct bgp_open_family){ .afi = afi, .safi = safi };
    return f;
}

/* AFI and SAFI, as most lists have them. */
static struct bgp_open_family *read_family(struct bgp_open *o, struct cursor *c)
{
    uint16_t afi = cursor_u16(c);
    uint8_t safi = cursor_u8(c);
    return c->bad ? NULL : family_of(o, afi, safi);
}

/* ---- readers, a row of caps.def each. A value that is shorter than it must be is as good as none: RFC 5492
 * §5. */

static void read_ignored(struct bgp_open *o, struct cursor c)
{
    (void)o;
    (void)c;
}

static void read_multiprotocol(struct bgp_open *o, struct cursor c)
{
    uint16_t afi = cursor_u16(&c);
    cursor_skip(&c, 1);
    uint8_t safi = cursor_u8(&c);
    struct bgp_open_family *f = c.bad ? NULL : family_of(o, afi, safi);
    if (f)
        f->offered = true;
}

static void read_refresh(struct bgp_open *o, struct cursor c)
{
    (void)c;
    o->refresh = true;
}

static void read_enhanced(struct bgp_open *o, struct cursor c)
{
    (void)c;
    o->enhanced_refresh = true;
}

static void read_ext_message(struct bgp_open *o, struct cursor c)
{
    (void)c;
    o->ext_message = true;
}

static void read_ext_next_hop(struct bgp_open *o, struct cursor c)
{
    while (cursor_left(&c) >= 6) {
        uint16_t afi = cursor_u16(&c), safi = cursor_u16(&c), hop = cursor_u16(&c);
        struct bgp_open_family *f = hop == AFI_IPV6 && safi < 256 ? family_of(o, afi, (uint8_t)safi) : NULL;
        if (f)
            f->ext_next_hop = true;
    }
}

static void read_labels(struct bgp_open *o, struct cursor c)
{
    while (cursor_left(&c) >= 4) {
        struct bgp_open_family *f = read_family(o, &c);
        uint8_t count = cursor_u8(&c);
        if (f)
            f->labels = count;
    }
}

static void read_role(struct bgp_open *o, struct cursor c)
{
    uint8_t role = cursor_u8(&c);
    if (!c.bad && role <= INT8_MAX)
        o->role = (int8_t)role;
}

static void read_restart(struct bgp_open *o, struct cursor c)
{
    uint16_t word = cursor_u16(&c);
    if (c.bad)
        return;
    o->restart = true;
    o->restarting = word & RESTARTING;
    o->restart_notif = word & RESTART_NOTIFICATION;
    o->restart_s = word & 0xfff;
    while (cursor_left(&c) >= 4) {
        struct bgp_open_family *f = read_family(o, &c);
        uint8_t flags = cursor_u8(&c);
        if (f) {
            f->restart = true;
            f->forwards = flags & FORWARDS;
        }
    }
}

static void read_long_lived(struct bgp_open *o, struct cursor c)
{
    while (cursor_left(&c) >= 7) {
        struct bgp_open_family *f = read_family(o, &c);
        cursor_skip(&c, 1);
        uint32_t high = cursor_u8(&c), low = cursor_u16(&c);
        if (f)
            f->stale_s = high << 16 | low;
    }
}

static void read_as4(struct bgp_open *o, struct cursor c)
{
    uint32_t as = cursor_u32(&c);
    if (c.bad)
        return;
    o->as4 = true;
    o->as = as;
}

static void read_add_path(struct bgp_open *o, struct cursor c)
{
    while (cursor_left(&c) >= 4) {
        struct bgp_open_family *f = read_family(o, &c);
        uint8_t mode = cursor_u8(&c);
        if (f && mode >= 1 && mode <= 3) /* RFC 7911 §4: any other value: as if it was not there */
            f->add_path = mode;
    }
}

static void read_fqdn(struct bgp_open *o, struct cursor c)
{
    struct cursor host = cursor_sub(&c, cursor_u8(&c)), domain = cursor_sub(&c, cursor_u8(&c));
    if (c.bad)
        return;
    o->host = host.p;
    o->host_len = (uint8_t)cursor_left(&host);
    o->domain = domain.p;
    o->domain_len = (uint8_t)cursor_left(&domain);
}

static void read_software(struct bgp_open *o, struct cursor c)
{
    struct cursor text = cursor_sub(&c, cursor_u8(&c));
    o->software = text.p;
    o->software_len = (uint8_t)cursor_left(&text);
}

static const struct {
    void (*read)(struct bgp_open *o, struct cursor c);
    const char *text;
} caps[256] = {
#define CAP(number, name, reader, text) [number] = { read_##reader, text },
#include "bgp/caps.def"
#undef CAP
};

static void read_capabilities(struct bgp_open *o, struct cursor c, bgp_cap_fn *each, void *arg,
                              struct bgp_error *e)
{
    while (cursor_left(&c)) {
        uint8_t code = cursor_u8(&c), n = cursor_u8(&c);
        struct cursor value = cursor_sub(&c, n);
        if (c.bad) {
            fault(e, 0, "a capability ends behind its parameter");
            return;
        }
        if (each)
            each(arg, code, value.p, n);
        if (caps[code].read)
            caps[code].read(o, value);
    }
}

/* RFC 4271 §4.2; RFC 9072: a first parameter of type 255 where the length is 255 begins the long form. */
static void read_parameters(struct bgp_open *o, struct cursor c, bgp_cap_fn *each, void *arg,
                            struct bgp_error *e)
{
    size_t n = cursor_u8(&c);
    bool extended = cursor_left(&c) >= 3 && n != 0 && c.p[0] == PARAM_EXTENDED;
    if (extended) {
        cursor_skip(&c, 1);
        n = cursor_u16(&c);
    }
    if (n != cursor_left(&c)) {
        fault(e, 0, "length of the optional parameters does not fit the message");
        return;
    }
    while (cursor_left(&c) && !e->action) {
        uint8_t type = cursor_u8(&c);
        size_t len = extended ? cursor_u16(&c) : cursor_u8(&c);
        struct cursor value = cursor_sub(&c, len);
        if (c.bad)
            fault(e, 0, "an optional parameter ends behind the message");
        else if (type != PARAM_CAPABILITIES)
            fault(e, 4, "unknown optional parameter");
        else
            read_capabilities(o, value, each, arg, e);
    }
}

/* RFC 4271 §6.2 */
static int check_open(const struct bgp_open *o, struct bgp_error *e)
{
    static const uint8_t version4[2] = { 0, 4 };
    if (o->version != 4) {
        fault(e, 1, "version is not 4");
        e->data = version4;
        e->data_len = sizeof(version4);
    } else if (o->as == 0) {
        fault(e, 2, "AS number is 0");
    } else if (load_be32(o->id) == 0) {
        fault(e, 3, "BGP identifier is 0");
    } else if (o->hold_s == 1 || o->hold_s == 2) {
        fault(e, 6, "hold time is 1 or 2 seconds");
    }
    return e->action ? -1 : 0;
}

int bgp_open_parse(const uint8_t *msg, size_t len, struct bgp_open *o, bgp_cap_fn *each, void *arg,
                   struct bgp_error *e)
{
    struct cursor c = cursor_of(msg, len);
    *e = (struct bgp_error){ 0 };
    memset(o, 0, offsetof(struct bgp_open, family));
    o->host = o->domain = o->software = NULL;
    o->host_len = o->domain_len = o->software_len = 0;
    o->role = -1;
    cursor_skip(&c, BGP_HEADER);
    o->version = cursor_u8(&c);
    o->my_as = cursor_u16(&c);
    o->as = o->my_as;
    o->hold_s = cursor_u16(&c);
    const uint8_t *id = cursor_take(&c, 4);
    if (!id || !cursor_left(&c))
        return bgp_fault(e, BGP_RESET, BGP_ERR_HEADER, 2, "OPEN ends early");
    memcpy(o->id, id, 4);
    if (o->version == 4) /* what stands behind another version's head is not ours to read */
        read_parameters(o, c, each, arg, e);
    bool offers = false;
    for (unsigned i = 0; i < o->n; i++)
        offers |= o->family[i].offered;
    struct bgp_open_family *f = offers ? NULL : family_of(o, AFI_IPV4, SAFI_UNICAST);
    if (f)
        f->offered = true;
    return e->action ? -1 : check_open(o, e);
}

/* ---- the other way */

/* Capabilities are written one behind the other; what has no room sets `full`. */
struct writer {
    uint8_t *p, *end;
    bool full;
};

static uint8_t *take(struct writer *w, size_t n)
{
    if (w->full || (size_t)(w->end - w->p) < n) {
        w->full = true;
        return NULL;
    }
    uint8_t *p = w->p;
    w->p += n;
    return p;
}

/* A capability's code and length: the place of its value, NULL when there is no room. */
static uint8_t *begin_cap(struct writer *w, uint8_t code, size_t n)
{
    uint8_t *p = take(w, 2 + n);
    if (!p)
        return NULL;
    p[0] = code;
    p[1] = (uint8_t)n;
    return p + 2;
}

static void write_flag(struct writer *w, bool have, uint8_t code)
{
    if (have)
        begin_cap(w, code, 0);
}

/* A list over families is split where one capability cannot hold it; each kind has its entries' size, and
 * says whether a family has one. */
struct list {
    uint8_t code, size;
    bool (*has)(const struct bgp_open_family *f);
    void (*put)(uint8_t *p, const struct bgp_open_family *f);
};

static uint8_t *put_family(uint8_t *p, const struct bgp_open_family *f)
{
    p = put_be16(p, f->afi);
    *p++ = f->safi;
    return p;
}

static bool has_add_path(const struct bgp_open_family *f) { return f->add_path != 0; }
static void put_add_path(uint8_t *p, const struct bgp_open_family *f) { *put_family(p, f) = f->add_path; }
static bool has_labels(const struct bgp_open_family *f) { return f->labels != 0; }
static void put_labels(uint8_t *p, const struct bgp_open_family *f) { *put_family(p, f) = f->labels; }
static bool has_next_hop(const struct bgp_open_family *f) { return f->ext_next_hop; }
static void put_next_hop(uint8_t *p, const struct bgp_open_family *f)
{
    put_be16(put_be16(put_be16(p, f->afi), f->safi), AFI_IPV6);
}
static bool has_stale(const struct bgp_open_family *f) { return f->stale_s != 0; }
static void put_stale(uint8_t *p, const struct bgp_open_family *f)
{
    put_be32(put_family(p, f), f->stale_s & 0xffffff); /* flags (none), then 24 bits of seconds */
}

static const struct list lists[] = {
    { BGP_CAP_EXT_NEXT_HOP, 6, has_next_hop, put_next_hop },
    { BGP_CAP_MULTIPLE_LABELS, 4, has_labels, put_labels },
    { BGP_CAP_ADD_PATH, 4, has_add_path, put_add_path },
    { BGP_CAP_LONG_LIVED, 7, has_stale, put_stale },
};

static void write_list(struct writer *w, const struct list *l, const struct bgp_open *o)
{
    uint8_t *count = NULL; /* where the capability under way has its length */
    for (unsigned i = 0; i < o->n; i++) {
        if (!l->has(&o->family[i]))
            continue;
        if (!count || *count + l->size > 255) {
            uint8_t *value = begin_cap(w, l->code, 0);
            if (!value)
                return;
            count = value - 1;
        }
        uint8_t *p = take(w, l->size);
        if (!p)
            return;
        l->put(p, &o->family[i]);
        *count = (uint8_t)(*count + l->size);
    }
}

static void write_restart(struct writer *w, const struct bgp_open *o)
{
    unsigned n = 0;
    for (unsigned i = 0; i < o->n; i++)
        n += o->family[i].restart;
    n = n > 63 ? 63 : n; /* 2 + 63 * 4 octets is what a capability holds */
    uint8_t *p = o->restart ? begin_cap(w, BGP_CAP_GRACEFUL_RESTART, 2 + 4 * (size_t)n) : NULL;
    if (!p)
        return;
    unsigned flags = (o->restarting ? RESTARTING : 0u) | (o->restart_notif ? RESTART_NOTIFICATION : 0u);
    p = put_be16(p, (uint16_t)(flags | (o->restart_s & 0xfffu)));
    for (unsigned i = 0; i < o->n && n; i++) {
        if (!o->family[i].restart)
            continue;
        p = put_family(p, &o->family[i]);
        *p++ = o->family[i].forwards ? FORWARDS : 0;
        n--;
    }
}

static uint8_t *put_short_text(uint8_t *p, const uint8_t *text, uint8_t n)
{
    *p++ = n;
    if (n)
        memcpy(p, text, n);
    return p + n;
}

static void write_texts(struct writer *w, const struct bgp_open *o)
{
    size_t fqdn = 2u + o->host_len + o->domain_len, software = 1u + o->software_len;
    if (o->host_len && fqdn < 256) {
        uint8_t *p = begin_cap(w, BGP_CAP_FQDN, fqdn);
        if (p)
            put_short_text(put_short_text(p, o->host, o->host_len), o->domain, o->domain_len);
    }
    if (o->software_len && software < 256) {
        uint8_t *p = begin_cap(w, BGP_CAP_SOFTWARE, software);
        if (p)
            put_short_text(p, o->software, o->software_len);
    }
}

static void write_capabilities(struct writer *w, const struct bgp_open *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        uint8_t *p = o->family[i].offered ? begin_cap(w, BGP_CAP_MULTIPROTOCOL, 4) : NULL;
        if (p) {
            p = put_be16(p, o->family[i].afi);
            *p++ = 0;
            *p = o->family[i].safi;
        }
    }
    write_flag(w, o->refresh, BGP_CAP_ROUTE_REFRESH);
    write_flag(w, o->ext_message, BGP_CAP_EXT_MESSAGE);
    write_flag(w, o->enhanced_refresh, BGP_CAP_ENHANCED_REFRESH);
    uint8_t *p = o->as4 ? begin_cap(w, BGP_CAP_AS4, 4) : NULL;
    if (p)
        put_be32(p, o->as);
    p = o->role >= 0 ? begin_cap(w, BGP_CAP_ROLE, 1) : NULL;
    if (p)
        *p = (uint8_t)o->role;
    write_restart(w, o);
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        write_list(w, &lists[i], o);
    write_texts(w, o);
}

size_t bgp_open_write(uint8_t *p, size_t room, const struct bgp_open *o)
{
    uint8_t value[BGP_MAX];
    struct writer w = { value, value + sizeof(value), false };
    write_capabilities(&w, o);
    size_t n = (size_t)(w.p - value);
    bool extended = n + 2 > 255;
    size_t params = n ? n + (extended ? 3 : 2) : 0;
    size_t len = BGP_HEADER + 10 + params + (extended ? 3 : 0);
    if (w.full || len > room || len > BGP_MAX)
        return 0;
    p = bgp_header_write(p, len, BGP_OPEN);
    *p++ = o->version;
    p = put_be16(p, o->as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)o->as);
    p = put_be16(p, o->hold_s);
    memcpy(p, o->id, 4);
    p += 4;
    if (extended) { /* RFC 9072 §2 */
        *p++ = 255;
        *p++ = PARAM_EXTENDED;
        p = put_be16(p, (uint16_t)params);
        *p++ = PARAM_CAPABILITIES;
        p = put_be16(p, (uint16_t)n);
    } else {
        *p++ = (uint8_t)params;
        if (n) {
            *p++ = PARAM_CAPABILITIES;
            *p++ = (uint8_t)n;
        }
    }
    memcpy(p, value, n);
    return len;
}

/* Who negotiates route target constraint (RFC 4684) gets only VPN routes of targets that he has asked for,
 * and a passive collector asks for none: without it he gets all. */
static bool wants_family(const struct bgp_open_family *f)
{
    enum bgp_family family = bgp_family_of(f->afi, f->safi);
    return f->offered && family != BGP_FAMILIES && family != BGP_IPV4_RT && family != BGP_IPV6_RT;
}

void bgp_open_answer(const struct bgp_open *peer, struct bgp_open *answer)
{
    *answer = (struct bgp_open){ .version = 4,
                                 .hold_s = peer->hold_s,
                                 .as4 = peer->as4,
                                 .refresh = peer->refresh,
                                 .enhanced_refresh = peer->enhanced_refresh,
                                 .ext_message = peer->ext_message,
                                 .role = -1 };
    for (unsigned i = 0; i < peer->n; i++) {
        const struct bgp_open_family *f = &peer->family[i];
        if (!wants_family(f))
            continue;
        answer->family[answer->n++] = (struct bgp_open_family){
            .afi = f->afi,
            .safi = f->safi,
            .offered = true,
            .add_path = f->add_path & 2 ? 1 : 0,
            .labels = f->labels,
            .ext_next_hop = f->ext_next_hop,
        };
    }
}

static const struct bgp_open_family *find_family(const struct bgp_open *o, const struct bgp_open_family *like)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (o->family[i].afi == like->afi && o->family[i].safi == like->safi)
            return &o->family[i];
    }
    return NULL;
}

void bgp_negotiate(const struct bgp_open *ours, const struct bgp_open *theirs, struct bgp_session_caps *c)
{
    *c = (struct bgp_session_caps){
        .as4 = ours->as4 && theirs->as4,
        .ext_message = ours->ext_message && theirs->ext_message,
        .refresh = ours->refresh && theirs->refresh,
        .enhanced_refresh = ours->enhanced_refresh && theirs->enhanced_refresh,
    };
    for (unsigned i = 0; i < theirs->n; i++) {
        const struct bgp_open_family *them = &theirs->family[i], *us = find_family(ours, them);
        enum bgp_family f = bgp_family_of(them->afi, them->safi);
        if (!us || f == BGP_FAMILIES)
            continue;
        uint64_t bit = BGP_FAMILY_BIT(f);
        c->families |= us->offered && them->offered ? bit : 0;
        c->add_path |= us->add_path & 1 && them->add_path & 2 ? bit : 0;
        c->ext_next_hop |= us->ext_next_hop && them->ext_next_hop ? bit : 0;
        c->multi_labels |= us->labels > 1 && them->labels > 1 ? bit : 0;
    }
}

/* ---- for the log */

static void put_family_text(struct strbuf *s, uint16_t afi, uint8_t safi)
{
    enum bgp_family f = bgp_family_of(afi, safi);
    if (f != BGP_FAMILIES) {
        strbuf_str(s, bgp_family_name(f));
        return;
    }
    strbuf_lit(s, "AFI ");
    strbuf_u64(s, afi);
    strbuf_lit(s, " SAFI ");
    strbuf_u64(s, safi);
}

static void add_path_text(struct strbuf *s, struct cursor c)
{
    static const char *const modes[] = { "none", "receive", "send", "both" };
    for (const char *between = ": "; cursor_left(&c) >= 4; between = ", ") {
        uint16_t afi = cursor_u16(&c);
        uint8_t safi = cursor_u8(&c), mode = cursor_u8(&c);
        strbuf_str(s, between);
        put_family_text(s, afi, safi);
        strbuf_char(s, ' ');
        strbuf_str(s, modes[mode & 3]);
    }
}

void bgp_cap_text(struct strbuf *s, uint8_t code, const uint8_t *value, uint8_t len)
{
    struct cursor c = cursor_of(value, len);
    if (!caps[code].text) {
        strbuf_lit(s, "capability ");
        strbuf_u64(s, code);
        strbuf_lit(s, " (");
        strbuf_u64(s, len);
        strbuf_lit(s, " octets)");
        return;
    }
    strbuf_str(s, caps[code].text);
    if (code == BGP_CAP_MULTIPROTOCOL && len >= 4) {
        strbuf_char(s, ' ');
        put_family_text(s, load_be16(value), value[3]);
    } else if (code == BGP_CAP_AS4 && len >= 4) {
        strbuf_char(s, ' ');
        strbuf_u64(s, load_be32(value));
    } else if (code == BGP_CAP_ADD_PATH) {
        add_path_text(s, c);
    }
}
