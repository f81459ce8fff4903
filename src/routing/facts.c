/* SPDX-License-Identifier: BSD-2-Clause */
/* AS numbers and texts of a set of attributes. */
#include "routing/facts.h"

#include <stdlib.h>
#include <string.h>
#include "bgp/text.h"
#include "config/mapfile.h"

enum { AS_SET = 1, AS_SEQUENCE, AS_CONFED_SEQUENCE, AS_CONFED_SET };

/* --- configuration */

static int read_patterns(struct patterns *p, const char *key, const char *list, struct err *e)
{
    const char *at = list;
    p->n = 0;
    while (at) {
        if (p->n == PATTERNS_MAX)
            return err_set(e, ERR_CONFIG, "%s: more than %d patterns", key, PATTERNS_MAX);
        if (!map_list_next(&at, p->text[p->n], PATTERN_LEN))
            return err_set(e, ERR_CONFIG, "%s: '%s': a pattern is empty or longer than %d characters", key,
                           list, PATTERN_LEN - 1);
        p->n++;
    }
    return 0;
}

int facts_conf(struct facts_conf *fc, const struct routing_keys *k, struct err *e)
{
    memset(fc, 0, sizeof(*fc));
    fc->radius = (uint32_t)k->aspath_radius;
    fc->skip_subas = k->skip_subas;
    fc->comms_num = k->comms_num;
    if (k->comm_to_asn && k->lrg_comm_to_asn)
        return err_set(e, ERR_CONFIG,
                       "bgp_stdcomm_pattern_to_asn and bgp_lrgcomm_pattern_to_asn are mutually exclusive");
    return read_patterns(&fc->keep[TEXT_COMMS], "bgp_stdcomm_pattern", k->comm_pattern, e) ||
                   read_patterns(&fc->keep[TEXT_EXT_COMMS], "bgp_extcomm_pattern", k->ext_comm_pattern, e) ||
                   read_patterns(&fc->keep[TEXT_LRG_COMMS], "bgp_lrgcomm_pattern", k->lrg_comm_pattern, e) ||
                   read_patterns(&fc->to_asn[TEXT_COMMS], "bgp_stdcomm_pattern_to_asn", k->comm_to_asn, e) ||
                   read_patterns(&fc->to_asn[TEXT_LRG_COMMS], "bgp_lrgcomm_pattern_to_asn",
                                 k->lrg_comm_to_asn, e)
               ? -1
               : 0;
}

/* The pattern fits the beginning; a dot is any character. */
static bool fits(const char *pattern, const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && pattern[i] && (pattern[i] == '.' || pattern[i] == text[i]))
        i++;
    return !pattern[i];
}

static bool fits_any(const struct patterns *p, const char *text, size_t len)
{
    for (unsigned i = 0; i < p->n; i++)
        if (fits(p->text[i], text, len))
            return true;
    return false;
}

/* --- the path */

static uint32_t number_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void numbers_of_path(const struct facts_conf *fc, struct rib_octets path, struct facts *x)
{
    const uint8_t *end = path.p + path.len;
    uint32_t inside = 0;
    for (const uint8_t *p = path.p; end - p >= 2 && end - p >= 2 + 4 * p[1]; p += 2 + 4 * p[1]) {
        const bool confed = p[0] == AS_CONFED_SEQUENCE || p[0] == AS_CONFED_SET;
        const bool set = p[0] == AS_SET || p[0] == AS_CONFED_SET;
        if (!p[1])
            continue;
        x->has_path = true;
        x->origin_is_set = set;
        x->origin_as = set && p[1] > 1 ? 0 : number_at(p + 2 + 4 * (p[1] - 1));
        if (confed && fc->skip_subas)
            inside = inside ? inside : number_at(p + 2);
        else if (!x->peer_as)
            x->peer_as = number_at(p + 2);
    }
    if (!x->peer_as)
        x->peer_as = inside;
}

static void put_path(const struct facts_conf *fc, struct rib_octets path, struct strbuf *s)
{
    if (!fc->radius) {
        bgp_text_as_path(s, path);
        return;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < fc->radius; i++) {
        const size_t before = s->len;
        if (i)
            strbuf_char(s, ' ');
        if (!bgp_text_as_path_part(s, path, &at)) {
            s->len = before;
            return;
        }
    }
}

/* --- communities */

/* The next word behind *at. */
static bool next_word(const struct strbuf *s, size_t *at, const char **word, size_t *len)
{
    while (*at < s->len && s->p[*at] == ' ')
        ++*at;
    if (*at >= s->len)
        return false;
    *word = s->p + *at;
    const char *blank = memchr(*word, ' ', s->len - *at);
    *len = blank ? (size_t)(blank - *word) : s->len - *at;
    *at += *len;
    return true;
}

/* Leaves only those that fit. */
static void keep_only(const struct patterns *p, struct strbuf *s, size_t from)
{
    const char *word;
    size_t to = from, len;
    for (size_t at = from; p->n && next_word(s, &at, &word, &len);)
        if (fits_any(p, word, len)) {
            if (to > from)
                s->p[to++] = ' ';
            memmove(s->p + to, word, len);
            to += len;
        }
    if (p->n)
        s->len = to;
}

/* A path that is empty: the first community that fits says peer and origin. */
static void numbers_of_communities(const struct patterns *p, const struct strbuf *s, size_t from,
                                   struct facts *x)
{
    const char *word;
    size_t len;
    for (size_t at = from; p->n && !x->origin_as && next_word(s, &at, &word, &len);) {
        if (!fits_any(p, word, len))
            continue;
        char *end;
        x->peer_as = (uint32_t)strtoul(word, &end, 10);
        x->origin_as = *end == ':' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
        return;
    }
}

typedef void text_fn(struct strbuf *s, struct rib_octets o);

static void put_communities(const struct facts_conf *fc, enum fact_text which, text_fn *put,
                            struct rib_octets o, struct strbuf *s, struct facts *x)
{
    const size_t from = s->len;
    put(s, o);
    if (fc->to_asn[which].n && !x->has_path) {
        strbuf_char(s, '\0'); /* numbers end */
        s->len--;
        numbers_of_communities(&fc->to_asn[which], s, from, x);
    }
    keep_only(&fc->keep[which], s, from);
}

/* Texts that nobody asks for are made where AS numbers come out of them, and not kept. */
static uint16_t put_text(const struct facts_conf *fc, enum fact_text which, const struct rib_attrs *a,
                         struct strbuf *s, struct facts *x)
{
    const size_t from = s->len;
    const bool asked = x->texts >> which & 1;
    if (which == TEXT_AS_PATH && asked)
        put_path(fc, a->as_path, s);
    else if (which == TEXT_COMMS && (asked || fc->to_asn[which].n))
        put_communities(fc, which, bgp_text_comms, a->comms, s, x);
    else if (which == TEXT_EXT_COMMS && asked)
        put_communities(fc, which, bgp_text_ext_comms, a->ext_comms, s, x);
    else if (which == TEXT_LRG_COMMS && (asked || fc->to_asn[which].n))
        put_communities(fc, which, bgp_text_lrg_comms, a->lrg_comms, s, x);
    if (!asked || s->len - from > UINT16_MAX)
        s->len = asked ? from + UINT16_MAX : from;
    return (uint16_t)(s->len - from);
}

/* What a set says: numbers into *x, texts into s. */
static void work_out(const struct facts_conf *fc, uint8_t texts, const struct rib_attrs *a, struct strbuf *s,
                     struct facts *x, struct facts_more *more)
{
    *x = (struct facts){ .texts = texts & ((1u << FACT_TEXTS) - 1) };
    *more = (struct facts_more){ .med = a->med, .local_pref = a->local_pref };
    strbuf_clear(s);
    numbers_of_path(fc, a->as_path, x);
    if (!texts && !fc->to_asn[TEXT_COMMS].n && !fc->to_asn[TEXT_LRG_COMMS].n)
        return;
    x->path_len = put_text(fc, TEXT_AS_PATH, a, s, x);
    for (unsigned i = TEXT_COMMS; i < FACT_TEXTS; i++)
        more->len[i] = put_text(fc, (enum fact_text)i, a, s, x);
}

static uint8_t *append(uint8_t *to, const void *from, size_t n)
{
    if (from && n)
        memcpy(to, from, n);
    return to + n;
}

const struct facts *facts_of(const struct facts_conf *fc, uint8_t texts, struct rib_pool *pool,
                             uint32_t attrs, struct strbuf *work)
{
    struct facts *known = rib_attrs_note(pool, attrs), x;
    struct facts_more more;
    struct rib_attrs a;
    if (known && (known->texts & texts) == texts)
        return known;
    rib_attrs_get(pool, attrs, &a);
    work_out(fc, known ? known->texts | texts : texts, &a, work, &x, &more);
    const bool v4 = addr_is_v4(&a.next_hop);
    x.hop_len = v4 ? 4 : 16;
    struct facts *made =
        rib_attrs_note_new(pool, sizeof(*made) + x.hop_len + sizeof(more) + work->len, known);
    if (!made)
        return NULL;
    *made = x;
    uint8_t *to = append(made->rest, a.next_hop.b + (v4 ? 12 : 0), x.hop_len);
    to = append(to, work->p, x.path_len);
    to = append(to, &more, sizeof(more));
    append(to, work->p ? work->p + x.path_len : NULL, work->len - x.path_len);
    return rib_attrs_set_note(pool, attrs, made);
}

struct as_numbers facts_numbers(const struct facts_conf *fc, struct rib_pool *pool, uint32_t attrs,
                                struct strbuf *work)
{
    struct facts_more more;
    struct rib_attrs a;
    struct facts x;
    rib_attrs_get(pool, attrs, &a);
    work_out(fc, 0, &a, work, &x, &more);
    const uint64_t word = ~((uint64_t)x.peer_as << 32 | x.origin_as);
    rib_attrs_set_word(pool, attrs, word);
    return facts_numbers_of(word);
}
