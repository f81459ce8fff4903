/* SPDX-License-Identifier: BSD-2-Clause */
/* A station: what a router's stream makes of RIB and events, in every order that routers come up with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/cursor.h"
#include "bmp/event.h"
#include "bmp/station.h"
#include "hex.h"

#define MARKER "ffffffffffffffffffffffffffffffff"
#define OPEN_AS4 MARKER "002501 04 fde9 005a 01010101 08 0206 4104 0000fde9"
#define OPEN_PATHS MARKER "002d01 04 fde9 005a 01010101 10 020e 4104 0000fde9 4504 00010103 0200"
#define PEER_TAIL "0000000000000000 000000000000000000000000c0000201 0000fde9 01010101 6553f100 00000005"
#define PEER "0000" PEER_TAIL
/* 203.0.113.0/24 from AS 65001, next hop 192.0.2.1; the same withdrawn; End-of-RIB */
#define ANNOUNCE MARKER "002f02 0000 0014 400101 00 400206 0201 0000fde9 400304 c0000201 18 cb0071"
#define WITHDRAW MARKER "001b02 0004 18 cb0071 0000"
#define END MARKER "001702 0000 0000"
#define UP(open) "03 03 " PEER "000000000000000000000000c00002fe 00b3 9c40" open open
#define ROUTE(update) "03 00 " PEER update

struct told {
    char text[8192];
};

struct bench {
    struct rib *rib;
    struct bmp_station *st;
    struct bmp_router *r;
    struct told told;
};

static void say(struct told *t, const char *fmt, ...)
{
    const size_t len = strlen(t->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->text + len, sizeof(t->text) - len, fmt, ap);
    va_end(ap);
}

static void on_message(void *arg, struct bmp_router *r, const struct bmp_msg *m, int64_t at_us)
{
    struct bench *b = arg;
    (void)r, (void)at_us;
    say(&b->told, "%s;", bmp_type_name(m->type));
}

static void on_route(void *arg, struct bmp_router *r, const struct bmp_told *t)
{
    static const char *const words[] = { "update", "withdraw", "delete", "eor", "dump" };
    struct bench *b = arg;
    (void)r;
    say(&b->told, "%s", words[t->type]);
    if (t->type != BMP_LOG_END_OF_RIB)
        say(&b->told, " %u.%u.%u/%u", t->key->addr[0], t->key->addr[1], t->key->addr[2], t->key->bits);
    if (t->key->has_path_id)
        say(&b->told, " id %u", t->key->path_id);
    if (t->attrs)
        say(&b->told, " path %u", t->attrs->as_path.len);
    if (t->n_marks)
        say(&b->told, " marks %u", t->n_marks);
    say(&b->told, ";");
}

static void on_gone(void *arg, struct bmp_router *r)
{
    struct bench *b = arg;
    (void)r;
    say(&b->told, "gone;");
}

static const struct bmp_station_ops ops = { .message = on_message, .route = on_route, .gone = on_gone };

static struct log quiet(void)
{
    static struct log_sink *sink;
    struct err e;
    struct log l;
    if (!sink)
        sink = log_sink_open(&(struct log_sink_conf){ .file = "/dev/null" }, &e);
    log_init(&l, sink, "default", "core", false);
    return l;
}

static struct log log_of_tests;

static void bench_open(struct bench *b)
{
    struct addr a;
    memset(b, 0, sizeof(*b));
    log_of_tests = quiet();
    b->rib = rib_new();
    assert_non_null(b->rib);
    b->st = bmp_station_new(&(struct bmp_station_conf){
        .log = &log_of_tests, .rib = b->rib, .ops = &ops, .arg = b, .tell_deleted = true });
    addr_parse("198.51.100.1", &a);
    b->r = bmp_router_new(b->st, &a, 4000, NULL);
    assert_non_null(b->r);
}

static void bench_close(struct bench *b)
{
    struct rib_counts c;
    if (b->r)
        bmp_router_close(b->r, 0, 1);
    while (rib_tend(b->rib, 1))
        ;
    rib_counts(b->rib, &c);
    assert_int_equal(c.routes, 0);
    assert_int_equal(c.peers, 0);
    bmp_station_free(b->st);
    rib_free(b->rib);
}

/* Messages "VV TT body", fed as one stream. */
static long feed(struct bench *b, const char *const *messages, bool *ended)
{
    uint8_t stream[4096];
    size_t n = 0;
    for (; *messages; messages++) {
        uint8_t body[1024], *p = stream + n;
        const size_t len = unhex(*messages, body, sizeof(body));
        p[0] = body[0];
        put_be32(p + 1, (uint32_t)len + 4);
        memcpy(p + 5, body + 1, len - 1);
        n += len + 4;
    }
    const long used = bmp_router_feed(b->r, stream, n, 1000, 1, ended);
    if (used >= 0)
        assert_int_equal(used, n);
    return used;
}

static void streams(void **state)
{
    static const struct {
        const char *message[8];
        const char *want;
        uint64_t routes;
    } row[] = {
        { { "03 04 00020002 7231", UP(OPEN_AS4), ROUTE(ANNOUNCE), ROUTE(END) },
          "init;peer_up;update 203.0.113/24 path 6;eor;",
          1 },
        { { UP(OPEN_AS4), ROUTE(ANNOUNCE), ROUTE(WITHDRAW), ROUTE(WITHDRAW) },
          "peer_up;update 203.0.113/24 path 6;withdraw 203.0.113/24 path 6;",
          0 },
        /* routes without a Peer Up; Peer Down before it */
        { { "03 02 " PEER "02 0000", ROUTE(ANNOUNCE) }, "peer_down;update 203.0.113/24 path 6;", 1 },
        /* every view by itself */
        { { UP(OPEN_AS4), ROUTE(ANNOUNCE), "03 00 0040" PEER_TAIL ANNOUNCE, "03 00 0010" PEER_TAIL ANNOUNCE,
            "03 00 0050" PEER_TAIL ANNOUNCE, "03 00 0300" PEER_TAIL ANNOUNCE },
          "peer_up;update 203.0.113/24 path 6;update 203.0.113/24 path 6;update 203.0.113/24 path 6;"
          "update 203.0.113/24 path 6;update 203.0.113/24 path 6;",
          5 },
        /* ADD-PATH of both OPENs: in Adj-RIB-In there are path ids */
        { { UP(OPEN_PATHS),
            ROUTE(MARKER
                  "003302 0000 0014 400101 00 400206 0201 0000fde9 400304 c0000201 00000007 18 cb0071") },
          "peer_up;update 203.0.113/24 id 7 path 6;",
          1 },
        /* AS numbers of two octets, by flag */
        { { UP(OPEN_AS4), "03 00 0020" PEER_TAIL MARKER
                          "002d02 0000 0012 400101 00 400204 0201 fde9 400304 c0000201 18 cb0071" },
          "peer_up;update 203.0.113/24 path 6;",
          1 },
        /* version 4 with a path status, and with ADD-PATH told by the message itself */
        { { UP(OPEN_AS4), "04 00 " PEER "0005 0006 0000 00000002 0003  0004 002f 0000" ANNOUNCE },
          "peer_up;update 203.0.113/24 path 6 marks 1;",
          1 },
        { { UP(OPEN_AS4),
            "04 00 " PEER "0001 0006 0000 4504 00010102 0004 0033 0000" MARKER
            "003302 0000 0014 400101 00 400206 0201 0000fde9 400304 c0000201 00000007 18 cb0071" },
          "peer_up;update 203.0.113/24 id 7 path 6;",
          1 },
        /* routes of several messages, tables and kinds keep their order */
        { { UP(OPEN_AS4), ROUTE(ANNOUNCE), "03 00 0040" PEER_TAIL ANNOUNCE, ROUTE(ANNOUNCE), ROUTE(WITHDRAW),
            ROUTE(ANNOUNCE), "03 02 " PEER "02 0000" },
          "peer_up;update 203.0.113/24 path 6;update 203.0.113/24 path 6;update 203.0.113/24 path 6;"
          "withdraw 203.0.113/24 path 6;update 203.0.113/24 path 6;peer_down;",
          0 },
        /* what cannot be read costs itself alone */
        { { ROUTE(MARKER "0020"), UP(OPEN_AS4), ROUTE(ANNOUNCE) }, "peer_up;update 203.0.113/24 path 6;", 1 },
        { { "03 c8 0102", UP(MARKER "001d01 03 fde9 005a 01010101 00"), ROUTE(ANNOUNCE) },
          "peer_up;update 203.0.113/24 path 6;",
          1 },
        { { "03 06 " PEER "0001 0002 0001", "03 01 " PEER "00000000" }, "route_mirror;stats;", 0 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct bench b;
        bool ended;
        bench_open(&b);
        assert_true(feed(&b, row[i].message, &ended) > 0);
        if (strcmp(b.told.text, row[i].want) != 0)
            fail_msg("row %u: %s", i, b.told.text);
        assert_int_equal(bmp_router_routes(b.r), row[i].routes);
        bench_close(&b);
    }
}

static void flushes(void **state)
{
    static const char *const messages[] = { UP(OPEN_AS4), ROUTE(ANNOUNCE), NULL };
    static const char *const up[] = { UP(OPEN_AS4), NULL };
    static const char *const down[] = { "03 02 " PEER "04", NULL };
    static const char *const term[] = { "03 05 0001 0002 0000", NULL };
    struct bench b;
    bool ended;
    (void)state;
    bench_open(&b);
    /* a second Peer Up, a Peer Down: routes of before go, told one by one */
    feed(&b, messages, &ended);
    feed(&b, up, &ended);
    assert_int_equal(bmp_router_routes(b.r), 0);
    while (rib_tend(b.rib, 1))
        ;
    feed(&b, messages + 1, &ended);
    feed(&b, down, &ended);
    while (rib_tend(b.rib, 1))
        ;
    assert_string_equal(b.told.text, "peer_up;update 203.0.113/24 path 6;peer_up;delete 203.0.113/24 path 6;"
                                     "update 203.0.113/24 path 6;peer_down;delete 203.0.113/24 path 6;");
    /* the end of the session */
    b.told.text[0] = '\0';
    feed(&b, messages, &ended);
    assert_false(ended);
    feed(&b, term, &ended);
    assert_true(ended);
    bmp_router_close(b.r, 3, 1);
    b.r = NULL;
    while (rib_tend(b.rib, 1))
        ;
    assert_string_equal(b.told.text,
                        "peer_up;update 203.0.113/24 path 6;term;delete 203.0.113/24 path 6;gone;");
    bench_close(&b);
}

static void many_peers(void **state)
{
    struct bench b;
    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < 300; i++) {
        char text[512];
        bool ended;
        snprintf(text, sizeof(text),
                 "03 00 0000 0000000000000000 000000000000000000000000c000%04x 0000fde9 01010101 "
                 "6553f100 00000005" ANNOUNCE,
                 i);
        const char *const one[] = { text, NULL };
        feed(&b, one, &ended);
    }
    assert_int_equal(bmp_router_peers(b.r), 300);
    assert_int_equal(bmp_router_routes(b.r), 300);
    bench_close(&b);
}

static void out_of_step(void **state)
{
    static const uint8_t bad[] = { 3, 0, 0, 0, 7, 4, 0, 9, 0 };
    struct bench b;
    bool ended;
    (void)state;
    bench_open(&b);
    assert_int_equal(bmp_router_feed(b.r, bad, sizeof(bad), 10, 1, &ended), -1);
    assert_int_equal(bmp_router_counts(b.r)->faults[BMP_FAULT_VERSION], 1);
    bench_close(&b);
}

/* ---- events as JSON */

struct event_bench {
    struct bmp_origin o;
    struct bmp_telling t;
    struct time_style style;
    struct time_cache times;
    struct members ms;
    struct strbuf out;
};

static const char *event_of(struct event_bench *x, const char *hex)
{
    uint8_t body[1024], message[1024];
    struct bmp_msg m;
    struct bmp_counter n;
    const size_t len = unhex(hex, body, sizeof(body));
    message[0] = body[0];
    put_be32(message + 1, (uint32_t)len + 4);
    memcpy(message + 5, body + 1, len - 1);
    assert_int_equal(bmp_parse(message, len + 4, &m), BMP_FAULT_NONE);
    strbuf_clear(&x->out);
    if (m.type == BMP_STATS) {
        assert_true(bmp_counter_next(&m.stats.counters, &n));
        bmp_event_counter(&x->ms, &x->o, &x->t, &m, &n);
    } else {
        assert_int_equal(bmp_event_message(&x->ms, &x->o, &x->t, &m), BMP_FAULT_NONE);
    }
    members_json(&x->ms, false, &x->out);
    return strbuf_cstr(&x->out);
}

#define HEAD(type, at)                                                                                       \
    "{\"event_type\": \"log\", \"seq\": 5, \"timestamp\": \"" at                                             \
    "\", \"timestamp_arrival\": \"2023-11-14 22:13:21.000000\", \"bmp_router\": \"198.51.100.1\", "          \
    "\"bmp_router_port\": 4000, \"bmp_msg_type\": \"" type "\""
#define AT "2023-11-14 22:13:20.000005"
#define NEVER "0000-00-00 00:00:00.000000"
#define WHO ", \"peer_ip\": \"192.0.2.1\", \"peer_asn\": 65001"
#define ID ", \"bgp_id\": \"1.1.1.1\", \"peer_type\": 0"
#define GLOBAL ", \"peer_type_str\": \"Global Instance Peer\""
#define IN ", \"bmp_rib_type\": \"Adj-Rib-In Pre-Policy\", \"is_filtered\": 0, \"is_post\": 0, \"is_in\": 1"

static void events(void **state)
{
    static const struct {
        const char *message, *want;
    } row[] = {
        { "03 04 00010002 4f53 00020002 7231 00000001 78 00030002 0aff 00000001 79 00630000 8001 0006 "
          "00000007 6162",
          HEAD("init", NEVER) ", \"bmp_init_info_sysdescr\": \"OS\", \"bmp_init_info_sysname\": \"r1\", "
                              "\"bmp_init_info_string\": \"y\", \"bmp_init_info_reserved\": \"0A-FF\", "
                              "\"bmp_init_info_99\": null, \"bmp_init_info_32769\": \"00-00-00-07-61-62\"}" },
        { "04 04 8001 0006 00000007 6162", HEAD("init", NEVER) ", \"bmp_init_info_7_1\": \"61-62\"}" },
        { "03 05 0000 0003 627965 0001 0002 0000",
          HEAD("term", NEVER) ", \"bmp_term_info_string\": \"bye\", "
                              "\"bmp_term_info_reason\": \"Session administratively closed\"}" },
        { "03 05 0001 0002 00ff", HEAD("term", NEVER) ", \"bmp_term_info_reason\": \"00-FF\"}" },
        { UP(OPEN_AS4) "0003 0006 676c6f62616c", HEAD("peer_up", AT) WHO
          ", \"local_as\": 65001" ID GLOBAL IN
          ", \"local_port\": 179, \"remote_port\": 40000, \"local_ip\": \"192.0.2.254\", "
          "\"bmp_peer_up_info_vrf_table_name\": \"global\"}" },
        { "03 02 " PEER "02 0006", HEAD("peer_down", AT) WHO ID GLOBAL IN
          ", \"reason_type\": 2, \"reason_str\": \"The local system closed the session without a "
          "notification message\", \"reason_loc_code\": 6}" },
        { "03 01 " PEER "00000001 0009000b 000101 0000000000000003", HEAD("stats", AT) WHO ID IN
          ", \"counter_type\": 9, \"counter_type_str\": \"Number of routes in per-AFI/SAFI "
          "Abj-RIB-In\", \"afi\": 1, \"safi\": 1, \"counter_value\": 3}" },
        { "03 01 " PEER "00000001 03e70003 0102ff", HEAD("stats", AT) WHO ID IN
          ", \"counter_type\": 999, \"counter_type_str\": \"Unknown\", \"counter_value\": \"01-02-FF\"}" },
        { "03 02 0180 0000fbf30000005e 20010db8000000000000000000000001 0000fde9 01010101 6553f100 00000005 "
          "05",
          HEAD("peer_down",
               AT) ", \"peer_ip\": \"2001:db8::1\", \"peer_asn\": 65001, \"bgp_id\": \"1.1.1.1\", "
                   "\"peer_type\": 1, \"peer_type_str\": \"RD Instance Peer\"" IN
                   ", \"rd\": \"0:64499:94\", \"rd_origin\": \"bmp\", \"reason_type\": 5, \"reason_str\": "
                   "\"Info for this peer will no longer be sent for configuration reasons\"}" },
        { "03 02 0380 0000000000000000 00000000000000000000000000000000 0000fde9 01010101 6553f100 00000005 "
          "06",
          HEAD("peer_down",
               AT) ", \"peer_ip\": \"0.0.0.0\", \"peer_asn\": 65001, \"bgp_id\": \"1.1.1.1\", "
                   "\"peer_type\": 3, \"peer_type_str\": \"Loc-RIB Instance Peer\", \"bmp_rib_type\": "
                   "\"Loc-Rib\", \"is_filtered\": 1, \"is_loc\": 1, \"reason_type\": 6, \"reason_str\": "
                   "\"The local system closed the session, TLV data follows\"}" },
    };
    struct event_bench x = { .style = { .utc = true }, .t = { .seq = 5, .at_us = 1700000001000000 } };
    (void)state;
    addr_parse("198.51.100.1", &x.o.router);
    x.o.port = 4000;
    x.o.style = &x.style;
    x.o.times = &x.times;
    members_init(&x.ms);
    strbuf_init(&x.out, 65536);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        assert_string_equal(event_of(&x, row[i].message), row[i].want);
    /* in a dump, with a label */
    x.t.dump = true;
    x.o.label = "a%b";
    x.o.label_len = 3;
    assert_string_equal(
        event_of(&x, "03 05 0001 0002 0000"),
        "{\"event_type\": \"dump\", \"seq\": 5, \"timestamp\": \"2023-11-14 22:13:21\", "
        "\"timestamp_event\": \"0000-00-00 00:00:00.000000\", \"bmp_router\": \"198.51.100.1\", "
        "\"bmp_router_port\": 4000, \"label\": \"a%b\", \"bmp_msg_type\": \"term\", "
        "\"bmp_term_info_reason\": \"Session administratively closed\"}");
    strbuf_clear(&x.out);
    members_json(&x.ms, true, &x.out);
    assert_non_null(strstr(strbuf_cstr(&x.out), "\"label\": {\"a\": \"b\"}, "));
    bmp_event_session(&x.ms, &x.o, &x.t, "dump_init", 60);
    strbuf_clear(&x.out);
    members_json(&x.ms, false, &x.out);
    assert_string_equal(strbuf_cstr(&x.out),
                        "{\"timestamp\": \"2023-11-14 22:13:21\", \"bmp_router\": \"198.51.100.1\", "
                        "\"bmp_router_port\": 4000, \"label\": \"a%b\", \"event_type\": \"dump_init\", "
                        "\"dump_period\": 60, \"seq\": 5}");
    x.t.dump = false;
    bmp_event_session(&x.ms, &x.o, &x.t, "log_init", 0);
    strbuf_clear(&x.out);
    members_json(&x.ms, false, &x.out);
    assert_string_equal(
        strbuf_cstr(&x.out),
        "{\"seq\": 5, \"timestamp\": \"2023-11-14 22:13:21.000000\", \"bmp_router\": "
        "\"198.51.100.1\", \"label\": \"a%b\", \"bmp_router_port\": 4000, \"event_type\": \"log_init\"}");
    members_free(&x.ms);
    strbuf_free(&x.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),     cmocka_unit_test(flushes), cmocka_unit_test(many_peers),
        cmocka_unit_test(out_of_step), cmocka_unit_test(events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
