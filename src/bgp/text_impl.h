/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of text that the writers of attributes and of NLRI share. Room in s is theirs to make. */
#ifndef BGP_TEXT_IMPL_H
#define BGP_TEXT_IMPL_H

#include "base/addr.h"
#include "base/cursor.h"
#include "base/strbuf.h"

static inline void text_v4(struct strbuf *s, const uint8_t *octets)
{
    struct addr a;
    addr_set_v4(&a, octets);
    if (strbuf_room(s, ADDR_TEXT))
        s->len += addr_text(&a, s->p + s->len);
}

static inline void text_v6(struct strbuf *s, const uint8_t *octets)
{
    struct addr a;
    addr_set_v6(&a, octets);
    if (strbuf_room(s, ADDR_TEXT))
        s->len += addr_text(&a, s->p + s->len);
}

static inline void text_addr(struct strbuf *s, const struct addr *a)
{
    if (strbuf_room(s, ADDR_TEXT))
        s->len += addr_text(a, s->p + s->len);
}

static inline void text_hex(struct strbuf *s, const uint8_t *p, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    if (!strbuf_room(s, 2 * n))
        return;
    for (size_t i = 0; i < n; i++) {
        s->p[s->len++] = digit[p[i] >> 4];
        s->p[s->len++] = digit[p[i] & 15];
    }
}

static inline void text_mac(struct strbuf *s, const uint8_t *mac)
{
    if (strbuf_room(s, MAC_TEXT)) {
        mac_text(mac, s->p + s->len);
        s->len += MAC_TEXT;
    }
}

/* "a:b" */
static inline void text_pair(struct strbuf *s, uint64_t a, uint64_t b)
{
    if (!strbuf_room(s, 48))
        return;
    s->len += u64_text(a, s->p + s->len);
    s->p[s->len++] = ':';
    s->len += u64_text(b, s->p + s->len);
}

#endif
