/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the reader of UPDATEs takes for a route: messages such as routers send them (runs of prefixes that
 * share attributes, one or a few a message), into a sink that only adds up; then the text of attributes and
 * prefixes.
 *
 *   micro_bgp [ROUTES]        default: 1 million */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/cursor.h"
#include "bgp/text.h"
#include "bgp/update.h"

struct sink {
    uint64_t routes, sets, octets, sum;
    struct strbuf text;
};

static void count_attrs(void *arg, const struct rib_attrs *a)
{
    struct sink *k = arg;
    k->sets++;
    k->sum += a->has + a->as_path.len;
}

static void count_route(void *arg, const struct rib_key *key, struct rib_octets labels)
{
    struct sink *k = arg;
    (void)labels;
    k->routes++;
    k->sum += key->bits + key->addr[0];
}

static void end_of_rib(void *arg, uint16_t afi, uint8_t safi)
{
    (void)arg;
    (void)afi;
    (void)safi;
}

static void text_attrs(void *arg, const struct rib_attrs *a)
{
    struct sink *k = arg;
    strbuf_clear(&k->text);
    bgp_text_as_path(&k->text, a->as_path);
    bgp_text_comms(&k->text, a->comms);
    bgp_text_lrg_comms(&k->text, a->lrg_comms);
    k->octets += k->text.len;
    k->sets++;
}

static void text_route(void *arg, const struct rib_key *key, struct rib_octets labels)
{
    struct sink *k = arg;
    (void)labels;
    strbuf_clear(&k->text);
    bgp_text_nlri(&k->text, key);
    k->octets += k->text.len;
    k->routes++;
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint8_t *put_attrs(uint8_t *p, uint64_t *rng)
{
    unsigned hops = 2 + random_next(rng) % 5, comms = random_next(rng) % 6, large = random_next(rng) % 8 == 0;
    memcpy(p, "\x40\x01\x01\x00\x40\x02", 6);
    p[6] = (uint8_t)(2 + 4 * hops);
    p[7] = 2;
    p[8] = (uint8_t)hops;
    p += 9;
    for (unsigned i = 0; i < hops; i++)
        p = put_be32(p, 1000 + (uint32_t)(random_next(rng) % 200000));
    memcpy(p, "\x40\x03\x04\xc0\x00\x02\x01", 7);
    p += 7;
    if (comms) {
        memcpy(p, "\xc0\x08", 2);
        p[2] = (uint8_t)(4 * comms);
        p += 3;
    }
    for (unsigned i = 0; i < comms; i++)
        p = put_be32(p, (uint32_t)random_next(rng));
    if (large) {
        memcpy(p, "\xc0\x20\x0c", 3);
        p += 3;
        for (unsigned i = 0; i < 3; i++)
            p = put_be32(p, (uint32_t)random_next(rng));
    }
    return p;
}

/* One message of `n` routes; half of all runs have one route, the others some ten. */
static uint8_t *put_message(uint8_t *p, uint32_t at, unsigned n, uint64_t *rng)
{
    uint8_t *start = p;
    p = put_be16(p + BGP_HEADER, 0) + 2;
    uint8_t *attrs = p;
    p = put_attrs(p, rng);
    put_be16(attrs - 2, (uint16_t)(p - attrs));
    for (unsigned i = 0; i < n; i++) {
        *p++ = 24;
        p = put_be32(p, 0x01000000 + ((at + i) << 8)) - 1;
    }
    bgp_header_write(start, (size_t)(p - start), BGP_UPDATE);
    return p;
}

/* This process's own time: others may be running. */
static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void run(const char *what, const uint8_t *p, const uint8_t *end, bool as4,
                const struct bgp_update_ops *ops)
{
    struct bgp_session_caps caps = { .as4 = as4, .families = BGP_ALL_FAMILIES };
    struct sink k = { 0 };
    struct bgp_error e;
    uint64_t messages = 0;
    strbuf_init(&k.text, 1 << 20);
    double start = cpu_ns();
    for (int n; p < end; p += n, messages++) {
        n = bgp_frame(p, (size_t)(end - p), false, &e);
        if (n <= 0 || bgp_update_parse(p, (size_t)n, &caps, ops, &k, &e) != 0 || e.action != BGP_NO_FAULT) {
            fprintf(stderr, "%s\n", e.what);
            exit(1);
        }
    }
    double ns = cpu_ns() - start;
    printf("%-28s %6.1f ns a route, %6.1f ns a message; %llu routes, %llu messages, %llu octets of text\n",
           what, ns / (double)k.routes, ns / (double)messages, (unsigned long long)k.routes,
           (unsigned long long)messages, (unsigned long long)k.octets);
    strbuf_free(&k.text);
}

int main(int argc, char **argv)
{
    static const struct bgp_update_ops count = { count_attrs, count_route, count_route, end_of_rib };
    static const struct bgp_update_ops text = { text_attrs, text_route, text_route, end_of_rib };
    uint32_t routes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    uint64_t rng = 1;
    uint8_t *buf = malloc((size_t)routes * 160 + 8192), *p = buf;
    if (!buf)
        return 1;
    for (uint32_t at = 0; at < routes;) {
        unsigned n = random_next(&rng) & 1 ? 1 : 2 + (unsigned)(random_next(&rng) % 20);
        n = n > routes - at ? routes - at : n;
        p = put_message(p, at, n, &rng);
        at += n;
    }
    run("read", buf, p, true, &count);
    run("read again", buf, p, true, &count);
    run("read, and text", buf, p, true, &text);
    free(buf);
    return 0;
}
