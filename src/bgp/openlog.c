/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities in the log, in the words that operators grep for; those without such words in those of
 * bgp_cap_text. Called by session.c. */
#include "bgp/openlog.h"

#include "base/cursor.h"
#include "bgp/open.h"

struct openlog {
    const struct log *log;
    const char *name;
};

static void multiprotocol(const struct openlog *o, struct cursor *c)
{
    const uint16_t afi = cursor_u16(c);
    cursor_u8(c);
    log_info(o->log, "[%s] Capability: MultiProtocol [1] AFI [%u] SAFI [%u]", o->name, afi, cursor_u8(c));
}

static void refresh(const struct openlog *o, struct cursor *c)
{
    (void)c;
    log_info(o->log, "[%s] Capability: Route Refresh [2]", o->name);
}

static void next_hop(const struct openlog *o, struct cursor *c)
{
    while (cursor_left(c) >= 6) {
        const unsigned afi = cursor_u16(c), safi = cursor_u16(c), hop = cursor_u16(c);
        log_info(o->log,
                 "[%s] Capability: Extended Next Hop Encoding [5] AFI [%u] SAFI [%u] Next Hop AFI [%u]",
                 o->name, afi, safi, hop);
    }
}

static void as4(const struct openlog *o, struct cursor *c)
{
    log_info(o->log, "[%s] Capability: 4-bytes AS [65] ASN [%u]", o->name, cursor_u32(c));
}

static void add_path(const struct openlog *o, struct cursor *c)
{
    while (cursor_left(c) >= 4) {
        const unsigned afi = cursor_u16(c), safi = cursor_u8(c), mode = cursor_u8(c);
        log_info(o->log, "[%s] Capability: ADD-PATHs [69] AFI [%u] SAFI [%u] SEND_RECEIVE [%u]", o->name, afi,
                 safi, mode);
    }
}

static const struct {
    uint8_t code, least; /* octets that a value has */
    void (*line)(const struct openlog *o, struct cursor *c);
} rows[] = {
    { 1, 4, multiprotocol }, { 2, 0, refresh }, { 5, 0, next_hop }, { 65, 4, as4 }, { 69, 0, add_path },
};

static void other(const struct openlog *o, uint8_t code, const uint8_t *value, uint8_t len)
{
    struct strbuf text;
    strbuf_init(&text, 4096);
    bgp_cap_text(&text, code, value, len);
    log_info(o->log, "[%s] Capability: %s [%u]", o->name, strbuf_cstr(&text), code);
    strbuf_free(&text);
}

static void on_cap(void *arg, uint8_t code, const uint8_t *value, uint8_t len)
{
    struct cursor c = cursor_of(value, len);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code && len >= rows[i].least) {
            rows[i].line(arg, &c);
            return;
        }
    other(arg, code, value, len);
}

void bgp_openlog(const struct log *l, const char *name, const uint8_t *msg, size_t len)
{
    struct openlog o = { .log = l, .name = name };
    struct bgp_open open;
    struct bgp_error e = { 0 };
    (void)bgp_open_parse(msg, len, &open, on_cap, &o, &e);
}
