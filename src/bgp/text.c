/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes as text: paths, communities, RDs, prefixes, labels. Runs for each route of a dump: digits are
 * written where they belong, without printf. */
#include "bgp/text.h"

#include "bgp/families.h"
#include "bgp/text_impl.h"

enum { AS_SET = 1, AS_SEQUENCE, AS_CONFED_SEQUENCE, AS_CONFED_SET };
enum { NUMBER = 24 }; /* room that u64_text may need, with what stands around it */

/* How each type of segment looks (by its type). */
static const struct {
    char open, close, between;
} looks[] = {
    [AS_SET] = { '{', '}', ',' },
    [AS_SEQUENCE] = { 0, 0, ' ' },
    [AS_CONFED_SEQUENCE] = { '(', ')', ' ' },
    [AS_CONFED_SET] = { '[', ']', ',' },
};

/* One segment; false: it is none. */
static bool put_segment(struct strbuf *s, const uint8_t *p)
{
    unsigned type = p[0], n = p[1];
    if (!strbuf_room(s, (size_t)n * 11 + NUMBER))
        return false;
    char *t = s->p + s->len;
    if (looks[type].open)
        *t++ = looks[type].open;
    p += 2;
    for (unsigned i = 0; i < n; i++, p += 4) {
        if (i)
            *t++ = looks[type].between;
        t += u64_text(load_be32(p), t);
    }
    if (looks[type].close)
        *t++ = looks[type].close;
    s->len = (size_t)(t - s->p);
    return true;
}

/* Octets of the segment at `at`, 0: there is none that makes sense. */
static uint32_t segment_len(struct rib_octets path, uint32_t at)
{
    if (path.len - at < 2 || path.p[at] < AS_SET || path.p[at] > AS_CONFED_SET)
        return 0;
    uint32_t n = 2 + 4 * (uint32_t)path.p[at + 1];
    return n <= path.len - at ? n : 0;
}

void bgp_text_as_path(struct strbuf *s, struct rib_octets path)
{
    for (uint32_t at = 0, n; at < path.len && (n = segment_len(path, at)) != 0; at += n) {
        if (at)
            strbuf_char(s, ' ');
        if (!put_segment(s, path.p + at))
            return;
    }
}

/* `at` counts octets and, in its upper bits, numbers of the sequence that are done. */
bool bgp_text_as_path_part(struct strbuf *s, struct rib_octets path, uint32_t *at)
{
    enum { DONE_SHIFT = 20, OFFSET = (1 << DONE_SHIFT) - 1 };
    uint32_t offset = *at & OFFSET, done = *at >> DONE_SHIFT;
    uint32_t n = offset < path.len ? segment_len(path, offset) : 0;
    if (!n)
        return false;
    const uint8_t *p = path.p + offset;
    if (p[0] != AS_SEQUENCE) {
        put_segment(s, p);
        *at = offset + n;
        return true;
    }
    if (strbuf_room(s, NUMBER))
        s->len += u64_text(load_be32(p + 2 + 4 * (size_t)done), s->p + s->len);
    done++;
    *at = done < p[1] ? done << DONE_SHIFT | offset : offset + n;
    return true;
}

/* RFC 1997's have names, and these are what consumers know them by. */
static const char *comm_name(uint32_t v)
{
    return v == 0            ? "internet"
           : v == 0xffffff01 ? "no-export"
           : v == 0xffffff02 ? "no-advertise"
           : v == 0xffffff03 ? "local-AS"
                             : NULL;
}

void bgp_text_comm(struct strbuf *s, const uint8_t *p)
{
    uint32_t v = load_be32(p);
    if (__builtin_expect(v - 1 < 0xffffff00, 1) || !comm_name(v))
        text_pair(s, v >> 16, v & 0xffff);
    else
        strbuf_str(s, comm_name(v));
}

void bgp_text_comm_num(struct strbuf *s, const uint8_t *p) { text_pair(s, load_be16(p), load_be16(p + 2)); }

void bgp_text_lrg_comm(struct strbuf *s, const uint8_t *p)
{
    text_pair(s, load_be32(p), load_be32(p + 4));
    strbuf_char(s, ':');
    strbuf_u64(s, load_be32(p + 8));
}

/* A list of things of `size` octets, separated by blanks. */
static inline void put_list(struct strbuf *s, struct rib_octets list, uint32_t size,
                            void (*put)(struct strbuf *s, const uint8_t *p))
{
    for (uint32_t at = 0; list.len - at >= size; at += size) {
        if (at)
            strbuf_char(s, ' ');
        put(s, list.p + at);
    }
}

void bgp_text_comms(struct strbuf *s, struct rib_octets comms) { put_list(s, comms, 4, bgp_text_comm); }
void bgp_text_comms_num(struct strbuf *s, struct rib_octets comms)
{
    put_list(s, comms, 4, bgp_text_comm_num);
}
void bgp_text_ext_comms_num(struct strbuf *s, struct rib_octets list)
{
    put_list(s, list, 8, bgp_text_ext_comm_num);
}
void bgp_text_ext_comms(struct strbuf *s, struct rib_octets list) { put_list(s, list, 8, bgp_text_ext_comm); }
void bgp_text_lrg_comms(struct strbuf *s, struct rib_octets list)
{
    put_list(s, list, 12, bgp_text_lrg_comm);
}

void bgp_text_rd(struct strbuf *s, const uint8_t rd[8])
{
    enum { AS2, IP, AS4 };
    unsigned type = load_be16(rd);
    strbuf_u64(s, type);
    strbuf_char(s, ':');
    if (type == AS2) {
        text_pair(s, load_be16(rd + 2), load_be32(rd + 4));
    } else if (type == AS4) {
        text_pair(s, load_be32(rd + 2), load_be16(rd + 6));
    } else if (type == IP) {
        text_v4(s, rd + 2);
        strbuf_char(s, ':');
        strbuf_u64(s, load_be16(rd + 6));
    } else {
        text_hex(s, rd + 2, 6);
    }
}

void bgp_text_prefix(struct strbuf *s, const struct rib_key *k)
{
    if (k->afi == AFI_IPV4)
        text_v4(s, k->addr);
    else
        text_v6(s, k->addr);
    strbuf_char(s, '/');
    strbuf_u64(s, k->bits);
}

void bgp_text_labels(struct strbuf *s, struct rib_octets labels)
{
    for (uint32_t at = 0; labels.len - at >= 3; at += 3) {
        if (at)
            strbuf_char(s, ' ');
        strbuf_u64(s, load_be(labels.p + at, 3) >> 4);
    }
}
