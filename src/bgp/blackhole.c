/* SPDX-License-Identifier: BSD-2-Clause */
/* Blackholes. Called by service.c and neighbours.c. */
#include "bgp/blackhole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "bgp/dump.h"

enum { COMMUNITIES_MAX = 64 };

struct bgp_blackholes {
    struct bgp_service *b;
    uint32_t community[COMMUNITIES_MAX];
    unsigned n;
    struct msglog *m; /* NULL: dumps alone are asked for */
    struct bgp_lines lines;
    uint64_t told;
    uint32_t asked; /* the set that bgp_blackholes_has looked at last, and what it found */
    bool found;
};

/* ---- configuration */

/* What is not its own is that of the message log. */
static struct msglog_conf conf_of(const struct config *c)
{
    struct msglog_conf mc = { .name = "bgp_blackhole_msglog",
                              .file = { .path = c->bgp_blackhole_file,
                                        .utc = c->timestamps_utc,
                                        .modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid) },
                              .amqp = c->bgp_msglog_amqp,
                              .kafka = c->bgp_msglog_kafka };
    mc.amqp.routing_key = c->bgp_blackhole_routing_key;
    mc.kafka.topic = c->bgp_blackhole_topic;
    return mc;
}

/* A number up to 65535, blanks before it passed over. */
static bool read_half(const char **text, uint32_t *v)
{
    char *end;
    *text += strspn(*text, " ");
    if (**text < '0' || **text > '9')
        return false;
    const unsigned long n = strtoul(*text, &end, 10);
    *text = end;
    *v = (uint32_t)n;
    return n <= UINT16_MAX;
}

/* "65535:666, 64500:1": how many, or -1. */
static int read_list(const char *text, uint32_t *out)
{
    int n = 0;
    while (*text) {
        uint32_t half[2];
        if (n == COMMUNITIES_MAX || !read_half(&text, &half[0]) || *text++ != ':' ||
            !read_half(&text, &half[1]))
            return -1;
        out[n++] = half[0] << 16 | half[1];
        text += strspn(text, " ");
        if (*text && *text++ != ',')
            return -1;
    }
    return n;
}

static bool told_or_dumped(const struct config *c)
{
    const struct msglog_conf mc = conf_of(c);
    return msglog_wanted(&mc) || bgp_dump_wanted(c, BGP_DUMP_BLACKHOLES);
}

int bgp_blackholes_check(const struct service *s, struct err *e)
{
    uint32_t list[COMMUNITIES_MAX];
    char where[256];
    const struct msglog_conf mc = conf_of(s->c);
    if (s->c->bgp_blackhole_list && read_list(s->c->bgp_blackhole_list, list) < 1)
        return err_set(
            e, ERR_CONFIG,
            "%s: bgp_blackhole_stdcomm_list: communities such as 65535:666, separated by commas, are "
            "expected, %d at most",
            config_where(s->set, "bgp_blackhole_stdcomm_list", NULL, where, sizeof(where)), COMMUNITIES_MAX);
    if (told_or_dumped(s->c) && !s->c->bgp_blackhole_list)
        return err_set(
            e, ERR_CONFIG,
            "bgp_blackhole_msglog_*, bgp_blackhole_dump_*: bgp_blackhole_stdcomm_list has to say what "
            "a blackhole is");
    return bgp_check_stream(s, &mc, e);
}

int bgp_blackholes_start(struct bgp_service *b, struct bgp_blackholes **out, struct err *e)
{
    const struct msglog_conf mc = conf_of(b->c);
    if (!b->c->bgp_blackhole_list || !told_or_dumped(b->c))
        return 0;
    struct bgp_blackholes *h = *out = calloc(1, sizeof(*h));
    if (!h)
        return err_sys(e, "no memory for blackholes");
    h->b = b;
    h->n = (unsigned)read_list(b->c->bgp_blackhole_list, h->community);
    if (bgp_lines_init(&h->lines, b->c, rib_pool(b->rib), b->tags, mc.kafka.topic || mc.amqp.routing_key,
                       e) == -1)
        return -1;
    bgp_lines_roas(&h->lines, bgp_service_roas(b), b->rib);
    if (!msglog_wanted(&mc))
        return 0;
    h->m = msglog_open(&mc, b->log, e);
    return h->m ? 0 : -1;
}

/* ---- routes */

static bool is_black(const struct bgp_blackholes *h, uint32_t attrs)
{
    struct rib_attrs a;
    if (!attrs)
        return false;
    rib_attrs_get(rib_pool(h->b->rib), attrs, &a);
    for (uint32_t at = 0; at + 4 <= a.comms.len; at += 4) {
        const uint32_t community = load_be32(a.comms.p + at);
        for (unsigned i = 0; i < h->n; i++)
            if (h->community[i] == community)
                return true;
    }
    return false;
}

bool bgp_blackholes_has(struct bgp_blackholes *h, uint32_t attrs)
{
    if (h && h->asked != attrs) {
        h->found = is_black(h, attrs);
        h->asked = attrs;
    }
    return h && h->found;
}

void bgp_blackholes_begin(struct bgp_blackholes *h)
{
    if (h)
        h->asked = 0;
}

void bgp_blackholes_route(struct bgp_blackholes *h, struct bgp_peer *p, const struct rib_key *k,
                          struct rib_octets labels, uint32_t attrs, uint32_t was, bool deleted)
{
    const struct msglog_topic topic = { .peer_src_ip = &p->s.addr,
                                        .peer_src_port = p->s.port,
                                        .peer_as = p->s.as };
    const bool now = h && h->m && is_black(h, attrs);
    if (!h || !h->m || (!now && !is_black(h, was)))
        return;
    if (!p->head.len)
        bgp_lines_head(&h->lines, p);
    bgp_lines_time(&h->lines, clock_wall_us(), true);
    bgp_lines_route(&h->lines, p,
                    now       ? "update"
                    : deleted ? "delete"
                              : "withdraw",
                    k, labels, now ? attrs : was);
    if (!h->lines.line.failed)
        (void)msglog_write(h->m, &topic, h->lines.line.p, h->lines.line.len); /* it counts what it loses */
    h->told++;
}

void bgp_blackholes_flush(struct bgp_blackholes *h)
{
    if (h && h->m)
        msglog_flush(h->m);
}

void bgp_blackholes_tick(struct bgp_blackholes *h)
{
    if (h && h->m)
        msglog_tick(h->m, clock_mono_us());
}

void bgp_blackholes_reopen(struct bgp_blackholes *h)
{
    if (h && h->m)
        msglog_reopen(h->m);
}

void bgp_blackholes_stats(struct bgp_blackholes *h)
{
    if (!h || !h->m)
        return;
    log_notice(h->b->log, "stats [BGP] blackholes told=%" PRIu64, h->told);
    msglog_stats(h->m, "BGP");
}

void bgp_blackholes_figures(struct bgp_blackholes *h, struct figures *f)
{
    if (!h || !h->m)
        return;
    figures_put(f, FIG_BGP_BLACKHOLES, h->told);
    msglog_figures(h->m, f);
}

void bgp_blackholes_free(struct bgp_blackholes *h)
{
    if (!h)
        return;
    if (h->m)
        msglog_close(h->m);
    bgp_lines_free(&h->lines);
    free(h);
}
