/* SPDX-License-Identifier: BSD-2-Clause */
/* MRT files: what is written is read again, records of other writers are read, each cut at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>
#include "bgp/mrt.h"
#include "bgp_rows.h"

static void on_peers(void *arg, const struct mrt_peer *p, unsigned n, int64_t at_s)
{
    char text[ADDR_TEXT];
    record_begin(arg, "peers");
    strbuf_printf(arg, " at %lld:", (long long)at_s);
    for (unsigned i = 0; i < n; i++)
        strbuf_printf(arg, " %s AS %u id %08x", addr_str(&p[i].addr, text), p[i].as, load_be32(p[i].id));
}

static void on_route(void *arg, unsigned peer, const struct rib_key *k, struct rib_octets labels,
                     const struct rib_attrs *a, int64_t originated_s)
{
    record_route(arg, "+", k, labels);
    strbuf_printf(arg, " of %u since %lld", peer, (long long)originated_s);
    record_attrs(arg, a);
}

static void put_who(struct strbuf *s, const char *what, const struct mrt_message *m)
{
    char peer[ADDR_TEXT], local[ADDR_TEXT];
    record_begin(s, what);
    strbuf_printf(s, " at %lld %s AS %u, %s AS %u if %u%s%s%s", (long long)m->at_us, addr_str(&m->peer, peer),
                  m->peer_as, addr_str(&m->local, local), m->local_as, m->if_index, m->as4 ? " as4" : "",
                  m->add_path ? " paths" : "", m->by_local ? " local" : "");
}

static void on_message(void *arg, const struct mrt_message *m, const uint8_t *msg, size_t len)
{
    put_who(arg, "message", m);
    strbuf_printf(arg, " type %d, %zu octets", bgp_type(msg), len);
}

static void on_state(void *arg, const struct mrt_message *m, uint16_t from, uint16_t to)
{
    put_who(arg, "state", m);
    strbuf_printf(arg, " %u to %u", from, to);
}

static const struct mrt_ops ops = { on_peers, on_route, on_message, on_state };

/* What the octets say, and that no front of them is read behind its end. */
static void check(const char *what, const uint8_t *p, size_t len, const char *expect,
                  struct mrt_counts counts)
{
    struct strbuf s;
    struct mrt_reader r;
    struct err e = { 0 };
    strbuf_init(&s, 1 << 20);
    mrt_reader_init(&r, &ops, &s);
    assert_int_equal(mrt_read(&r, p, len, NULL, &e), len);
    if (strcmp(strbuf_cstr(&s), expect) != 0)
        fail_msg("%s: got\n  %s\nnot\n  %s", what, strbuf_cstr(&s), expect);
    if (memcmp(&r.counts, &counts, sizeof(counts)) != 0)
        fail_msg("%s: %lu records, %lu skipped, %lu malformed, %lu routes, %lu refused, %lu messages", what,
                 r.counts.records, r.counts.skipped, r.counts.malformed, r.counts.routes, r.counts.refused,
                 r.counts.messages);
    mrt_reader_free(&r);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, p, cut);
        strbuf_clear(&s);
        mrt_reader_init(&r, &ops, &s);
        assert_true(mrt_read(&r, exact, cut, NULL, &e) <= (int64_t)cut);
        mrt_reader_free(&r);
        free(exact);
    }
    strbuf_free(&s);
}

static const struct mrt_peer two[] = { { .id = { 192, 0, 2, 1 }, .as = 65001 },
                                       { .id = { 192, 0, 2, 2 }, .as = 4200000000 } };

static void make_peers(struct mrt_peer *p)
{
    memcpy(p, two, sizeof(two));
    assert_int_equal(addr_parse("192.0.2.1", &p[0].addr), 0);
    assert_int_equal(addr_parse("2001:db8::2", &p[1].addr), 0);
}

static const uint8_t path[] = { 2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0, 0 }, comm[] = { 0xfd, 0xe8, 0, 1 };
#define TEXT_ATTRS "attrs origin=0 path=65001 65536 hop=%s med=5 comms=65000:1"

static void tables(void **state)
{
    (void)state;
    static const uint8_t label[] = { 0, 1, 0x81 }, stack[] = { 0, 1, 0x80, 0, 1, 0x91 };
    static const uint8_t id[] = { 198, 51, 100, 1 };
    static const struct {
        struct rib_key key;
        const char *nlri, *hop;
        struct rib_octets labels;
        const char *expect;
    } rows[] = {
        { { .afi = 1, .safi = 1, .bits = 24, .addr = { 192, 0, 2 } },
          "",
          "192.0.2.9",
          { 0 },
          "1/1 192.0.2.0/24" },
        { { .afi = 1, .safi = 1 }, "", "192.0.2.9", { 0 }, "1/1 0.0.0.0/0" },
        { { .afi = 1, .safi = 1, .bits = 24, .addr = { 192, 0, 2 } },
          "",
          "2001:db8::9",
          { 0 },
          "1/1 192.0.2.0/24" },
        { { .afi = 2, .safi = 1, .bits = 32, .addr = { 0x20, 1, 0xd, 0xb8 } },
          "",
          "2001:db8::9",
          { 0 },
          "2/1 2001:db8::/32" },
        { { .afi = 1, .safi = 2, .bits = 8, .addr = { 10 } }, "", "192.0.2.9", { 0 }, "1/2 10.0.0.0/8" },
        { { .afi = 1, .safi = 1, .bits = 8, .addr = { 10 }, .has_path_id = true, .path_id = 7 },
          "",
          "192.0.2.9",
          { 0 },
          "1/1 10.0.0.0/8 id=7" },
        { { .afi = 1, .safi = 4, .bits = 8, .addr = { 10 } },
          "",
          "192.0.2.9",
          { label, 3 },
          "1/4 10.0.0.0/8 labels=24" },
        { { .afi = 1, .safi = 4, .bits = 8, .addr = { 10 } },
          "",
          "192.0.2.9",
          { stack, 6 },
          "1/4 10.0.0.0/8 labels=24 25" },
        { { .afi = 1,
            .safi = 128,
            .bits = 8,
            .addr = { 10 },
            .has_rd = true,
            .rd = { 0, 0, 0xfd, 0xe9, 0, 0, 0, 1 },
            .has_path_id = true,
            .path_id = 9 },
          "",
          "192.0.2.9",
          { label, 3 },
          "1/128 10.0.0.0/8 id=9 rd=0:65001:1 labels=24" },
        { { .afi = 2,
            .safi = 128,
            .bits = 8,
            .addr = { 0x20 },
            .has_rd = true,
            .rd = { 0, 0, 0xfd, 0xe9, 0, 0, 0, 1 } },
          "",
          "2001:db8::9",
          { label, 3 },
          "2/128 2000::/8 rd=0:65001:1 labels=24" },
        { { .afi = 25, .safi = 70 },
          "03 11 0000fde900000001 00000064 20 c0000201",
          "192.0.2.9",
          { 0 },
          "25/70 [3]:[100]:[32]:[192.0.2.1]" },
        { { .afi = 25, .safi = 70 },
          "02 14 0000fde900000001 00000000 30 020000000001 00",
          "192.0.2.9",
          { (const uint8_t *)"\0\6\x40"
                             "0123456789",
            13 },
          "25/70 [2]:[0]:[48]:[02:00:00:00:00:01] rest=00064030313233343536373839" },
        { { .afi = 1, .safi = 133 },
          "01 18 c00002 03 81 06",
          "none",
          { 0 },
          "1/133 dst 192.0.2.0/24; proto =6" },
        { { .afi = 16388, .safi = 71 },
          "0001 0004 01020304",
          "192.0.2.9",
          { 0 },
          "16388/71 0001000401020304" },
    };
    struct mrt_peer peers[2];
    struct strbuf s;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rib_attrs a = { .has = RIB_ORIGIN | RIB_AS_PATH | RIB_MED | RIB_COMMS,
                               .med = 5,
                               .as_path = { path, sizeof(path) },
                               .comms = { comm, sizeof(comm) } };
        char expect[1024], attrs[256];
        uint8_t nlri[64];
        struct rib_key k = rows[i].key;
        strbuf_init(&s, 1 << 20);
        make_peers(peers);
        if (addr_parse(rows[i].hop, &a.next_hop) == 0)
            a.has |= RIB_NEXT_HOP;
        size_t n = unhex(rows[i].nlri, nlri, sizeof(nlri));
        k.nlri = n ? (struct rib_octets){ nlri, (uint32_t)n } : k.nlri;
        mrt_write_peers(&s, 1700000000, id, "view", peers, 2);
        assert_true(mrt_write_route(&s, 1700000000, 5, 1, 1600000000, &k, rows[i].labels, &a));
        if (a.has & RIB_NEXT_HOP)
            snprintf(attrs, sizeof(attrs), TEXT_ATTRS, rows[i].hop);
        else
            snprintf(attrs, sizeof(attrs), "attrs origin=0 path=65001 65536 med=5 comms=65000:1");
        snprintf(expect, sizeof(expect),
                 "peers at 1700000000: 192.0.2.1 AS 65001 id c0000201 2001:db8::2 AS 4200000000 id c0000202 "
                 "/ + %s of 1 since "
                 "1600000000 / %s",
                 rows[i].expect, attrs);
        assert_false(s.failed);
        check(rows[i].expect, (const uint8_t *)s.p, s.len, expect,
              (struct mrt_counts){ .records = 2, .routes = 1 });
        strbuf_free(&s);
    }
}

static void messages(void **state)
{
    (void)state;
    struct mrt_message m = {
        .at_us = 1700000000123456, .peer_as = 65001, .local_as = 4200000000, .if_index = 3, .as4 = true
    };
    uint8_t msg[BGP_HEADER];
    struct strbuf s;
    strbuf_init(&s, 4096);
    bgp_keepalive_write(msg);
    assert_int_equal(addr_parse("192.0.2.1", &m.peer), 0);
    assert_int_equal(addr_parse("192.0.2.2", &m.local), 0);
    mrt_write_state(&s, &m, 5, 6);
    mrt_write_message(&s, &m, msg, sizeof(msg));
    m.as4 = false;
    m.add_path = m.by_local = true;
    assert_int_equal(addr_parse("2001:db8::1", &m.peer), 0);
    assert_int_equal(addr_parse("2001:db8::2", &m.local), 0);
    mrt_write_message(&s, &m, msg, sizeof(msg));
    check("messages", (const uint8_t *)s.p, s.len,
          "state at 1700000000123456 192.0.2.1 AS 65001, 192.0.2.2 AS 4200000000 if 3 as4 5 to 6 / "
          "message at 1700000000123456 192.0.2.1 AS 65001, 192.0.2.2 AS 4200000000 if 3 as4 type 4, 19 "
          "octets / "
          "message at 1700000000123456 2001:db8::1 AS 65001, 2001:db8::2 AS 23456 if 3 paths local type 4, "
          "19 octets",
          (struct mrt_counts){ .records = 3, .messages = 2 });
    strbuf_free(&s);
}

/* Records as they are found in archives, and as nobody should write them: type, subtype, body; a semicolon
 * between two. */
#define PEERS "000d 0001 c6336401 0000 0001 02 c0000201 c0000201 0000fde9;"
#define TP "peers at 1700000000: 192.0.2.1 AS 65001 id c0000201"
#define ENTRY "0000 6553f100 0014 " ORIGIN PATH HOP

static size_t make_records(const char *text, uint8_t *p, size_t size)
{
    uint8_t *q = p;
    for (const char *end; *text; text = *end ? end + 1 : end) {
        char one[1024];
        end = strchrnul(text, ';');
        snprintf(one, sizeof(one), "%.*s", (int)(end - text), text);
        q = put_be32(q, 1700000000);
        size_t n = unhex(one, q, size - (size_t)(q - p) - 8);
        memmove(q + 8, q + 4, n - 4);
        put_be32(q + 4, (uint32_t)n - 4);
        q += n + 4;
    }
    return (size_t)(q - p);
}

static void records(void **state)
{
    (void)state;
    static const struct {
        const char *what, *hex, *expect;
        struct mrt_counts counts;
    } rows[] = {
        { "2-octet AS numbers, whole seconds",
          "0010 0001 fde9 fdea 0000 0001 c0000201 c0000202 ffffffffffffffffffffffffffffffff 0013 04",
          "message at 1700000000000000 192.0.2.1 AS 65001, 192.0.2.2 AS 65002 if 0 type 4, 19 octets",
          { .records = 1, .messages = 1 } },
        { "a message that is none",
          "0010 0001 fde9 fdea 0000 0001 c0000201 c0000202 fffffffffffffffffffffffffffffffe 0013 04",
          "",
          { .records = 1, .malformed = 1 } },
        { "an unknown type", "0063 0001 0102", "", { .records = 1, .skipped = 1 } },
        { "an unknown subtype", "0010 0063 0102", "", { .records = 1, .skipped = 1 } },
        { "two entries",
          PEERS "000d 0002 00000001 18 c00002 0002 " ENTRY ENTRY,
          TP " / + 1/1 192.0.2.0/24 of 0 since 1700000000 / " ATTRS
             " / + 1/1 192.0.2.0/24 of 0 since 1700000000 / " ATTRS,
          { .records = 2, .routes = 2 } },
        { "MP_REACH_NLRI whole in IPv6's table",
          PEERS "000d 0004 00000001 20 20010db8 0001 0000 6553f100 002f " ORIGIN PATH
                "800e1f 0002 01 10 20010db8000000000000000000000001 00 48 20010db80000000000",
          TP " / + 2/1 2001:db8::/32 of 0 since 1700000000 / attrs origin=0 path=65001 hop=2001:db8::1",
          { .records = 2, .routes = 1 } },
        { "flags as BIRD 2 writes them",
          PEERS "000d 0002 00000001 18 c00002 0001 0000 6553f100 0014 " ORIGIN PATH "000304 c0000201",
          TP " / + 1/1 192.0.2.0/24 of 0 since 1700000000 / " ATTRS,
          { .records = 2, .routes = 1 } },
        { "a peer that is not there",
          PEERS "000d 0002 00000001 18 c00002 0001 0001 6553f100 0014 " ORIGIN PATH HOP,
          TP,
          { .records = 2, .refused = 1 } },
        { "malformed attributes",
          PEERS "000d 0002 00000001 18 c00002 0001 0000 6553f100 0014 "
                "400101 09" PATH HOP,
          TP,
          { .records = 2, .refused = 1 } },
        { "a prefix of 33 bits",
          PEERS "000d 0002 00000001 21 c000020101 0001 " ENTRY,
          TP,
          { .records = 2, .malformed = 1 } },
        { "fewer entries than said",
          PEERS "000d 0002 00000001 18 c00002 0002 " ENTRY,
          TP " / + 1/1 192.0.2.0/24 of 0 since 1700000000 / " ATTRS,
          { .records = 2, .malformed = 1, .routes = 1 } },
        { "more behind the entries",
          PEERS "000d 0002 00000001 18 c00002 0001 " ENTRY "00",
          TP " / + 1/1 192.0.2.0/24 of 0 since 1700000000 / " ATTRS,
          { .records = 2, .malformed = 1, .routes = 1 } },
        { "a family that nobody knows",
          PEERS "000d 0006 00000001 0063 01 00 00 0000 00",
          TP,
          { .records = 2, .skipped = 1 } },
        { "fewer peers than said",
          "000d 0001 c6336401 0000 0002 02 c0000201 c0000201 0000fde9",
          TP,
          { .records = 1, .malformed = 1 } },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t p[1024];
        check(rows[i].what, p, make_records(rows[i].hex, p, sizeof(p)), rows[i].expect, rows[i].counts);
    }
}

static void files(void **state)
{
    (void)state;
    char name[] = "/tmp/mrt_test.XXXXXX";
    int fd = mkstemp(name);
    FILE *f = fdopen(fd, "wb");
    assert_non_null(f);
    struct strbuf s, out;
    struct mrt_reader r;
    struct err e = { 0 };
    struct mrt_message m = { .at_us = 1700000000000000, .peer_as = 65001, .local_as = 65002, .as4 = true };
    uint8_t msg[5000];
    memset(msg, 0, sizeof(msg));
    bgp_header_write(msg, 4000, BGP_UPDATE);
    strbuf_init(&s, 4 << 20);
    strbuf_init(&out, 4 << 20);
    for (unsigned i = 0; i < 700; i++) /* more than a window holds */
        mrt_write_message(&s, &m, msg, 4000);
    assert_int_equal(fwrite(s.p, 1, s.len, f), s.len);
    fflush(f);
    mrt_reader_init(&r, &ops, &out);
    assert_int_equal(mrt_read_file(&r, name, NULL, &e), 0);
    assert_int_equal(r.counts.messages, 700);
    mrt_reader_free(&r);
    assert_int_equal(truncate(name, (off_t)s.len - 1), 0);
    mrt_reader_init(&r, &ops, &out);
    assert_int_equal(mrt_read_file(&r, name, NULL, &e), -1);
    assert_non_null(strstr(e.text, "ends within a record"));
    assert_int_equal(r.counts.messages, 699);
    mrt_reader_free(&r);
    rewind(f);
    assert_int_equal(fwrite("this is no MRT", 1, 14, f), 14);
    fflush(f);
    mrt_reader_init(&r, &ops, &out);
    assert_int_equal(mrt_read_file(&r, name, NULL, &e), -1);
    assert_non_null(strstr(e.text, "no MRT"));
    unlink(name);
    assert_int_equal(mrt_read_file(&r, name, NULL, &e), -1);
    mrt_reader_free(&r);
    fclose(f);
    strbuf_free(&s);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(messages),
        cmocka_unit_test(records),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests_name("bgp_mrt", tests, NULL, NULL);
}
