/* SPDX-License-Identifier: BSD-2-Clause */
/* Framing, OPEN both ways, what two OPENs make of a session, NOTIFICATION as text; each message cut at every
 * octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "base/cursor.h"
#include "bgp/open.h"
#include "hex.h"

#define MARKER "ffffffffffffffffffffffffffffffff"

static void frames(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool extended;
        int expect; /* -1: subcode and data follow */
        unsigned subcode;
        const char *data;
    } rows[] = {
        { MARKER "0013 04", false, 19, 0, "" },
        { MARKER "0013 0", false, 0, 0, "" },
        { "ffff", false, 0, 0, "" },
        { "fffe", false, -1, 1, "" },
        { MARKER "0014 04", false, -1, 2, "0014" },
        { MARKER "0012 02", false, -1, 2, "0012" },
        { MARKER "0016 02", false, -1, 2, "0016" },
        { MARKER "0017 02", false, 23, 0, "" },
        { MARKER "1000 02", false, 4096, 0, "" },
        { MARKER "1001 02", false, -1, 2, "1001" },
        { MARKER "ffff 02", true, 65535, 0, "" },
        { MARKER "1001 01", true, -1, 2, "1001" },
        { MARKER "001c 01", false, -1, 2, "001c" },
        { MARKER "0015 03", false, 21, 0, "" },
        { MARKER "0014 03", false, -1, 2, "0014" },
        { MARKER "0017 05", false, 23, 0, "" },
        { MARKER "0013 00", false, -1, 3, "00" },
        { MARKER "0013 07", false, -1, 3, "07" },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t p[64], data[8];
        struct bgp_error e;
        size_t n = unhex(rows[i].hex, p, sizeof(p)), n_data = unhex(rows[i].data, data, sizeof(data));
        int got = bgp_frame(p, n, rows[i].extended, &e);
        if (got != rows[i].expect)
            fail_msg("%s: %d", rows[i].hex, got);
        if (got >= 0)
            continue;
        assert_int_equal(e.code, BGP_ERR_HEADER);
        assert_int_equal(e.subcode, rows[i].subcode);
        assert_int_equal(e.data_len, n_data);
        assert_true(n_data == 0 || memcmp(e.data, data, n_data) == 0);
    }
}

/* An OPEN with this body behind the identifier. */
static size_t open_message(const char *fixed, const char *params, uint8_t *p)
{
    uint8_t *q = p + BGP_HEADER;
    q += unhex(fixed, q, 64);
    q += unhex(params, q, 1024);
    bgp_header_write(p, (size_t)(q - p), BGP_OPEN);
    return (size_t)(q - p);
}

#define HEAD "04 fde9 00b4 c0000201"

static void note_cap(void *arg, uint8_t code, const uint8_t *value, uint8_t len)
{
    struct strbuf *s = arg;
    if (s->len)
        strbuf_lit(s, "; ");
    bgp_cap_text(s, code, value, len);
}

static void all_capabilities(void **state)
{
    (void)state;
    uint8_t msg[2048];
    struct bgp_open o;
    struct bgp_error e;
    struct strbuf s;
    strbuf_init(&s, 4096);
    size_t n = open_message(HEAD,
                            "70"
                            "0206 0104 0001 0001"
                            "0206 0104 0002 0001"
                            "0202 0200"
                            "0202 0600"
                            "0208 0506 0001 0001 0002"
                            "0208 4106 0001 0000 0000" /* 6 octets: what is behind the number is ignored */
                            "020a 4508 0001 01 03 0002 01 02"
                            "0208 4006 c078 0001 01 80"
                            "0206 0804 0001 04 05"
                            "0203 0901 03"
                            "0209 4707 0001 01 00 000e10"
                            "0209 4907 02 7231 03 6c6162"
                            "0206 4b04 03 782e79"
                            "0205 6303 010203"
                            "",
                            msg);
    msg[28] = (uint8_t)(n - 29);
    assert_int_equal(bgp_frame(msg, n, false, &e), n);
    assert_int_equal(bgp_open_parse(msg, n, &o, note_cap, &s, &e), 0);
    assert_int_equal(e.action, BGP_NO_FAULT);
    assert_int_equal(o.version, 4);
    assert_int_equal(o.my_as, 65001);
    assert_int_equal(o.as, 65536);
    assert_int_equal(o.hold_s, 180);
    assert_int_equal(load_be32(o.id), 0xc0000201);
    assert_true(o.as4 && o.refresh && o.ext_message && o.restart && o.restarting && o.restart_notif);
    assert_false(o.enhanced_refresh);
    assert_int_equal(o.restart_s, 120);
    assert_int_equal(o.role, 3);
    assert_int_equal(o.n, 3);
    const struct bgp_open_family *v4 = &o.family[0], *v6 = &o.family[1], *labelled = &o.family[2];
    assert_true(v4->afi == 1 && v4->safi == 1 && v4->offered && v4->ext_next_hop && v4->restart &&
                v4->forwards);
    assert_int_equal(v4->add_path, 3);
    assert_int_equal(v4->stale_s, 3600);
    assert_true(v6->afi == 2 && v6->offered && !v6->restart);
    assert_int_equal(v6->add_path, 2);
    assert_true(labelled->safi == 4 && !labelled->offered);
    assert_int_equal(labelled->labels, 5);
    assert_int_equal(o.host_len, 2);
    assert_memory_equal(o.host, "r1", 2);
    assert_memory_equal(o.domain, "lab", 3);
    assert_memory_equal(o.software, "x.y", 3);
    assert_string_equal(
        strbuf_cstr(&s),
        "multiprotocol ipv4 unicast; multiprotocol ipv6 unicast; route refresh; extended message; "
        "extended next hop; 4-octet AS 65536; ADD-PATH: ipv4 unicast both, ipv6 unicast send; "
        "graceful restart; multiple labels; role; long-lived graceful restart; FQDN; software version; "
        "capability 99 (3 octets)");
    strbuf_free(&s);

    /* What was read is written, and read again the same. */
    uint8_t again[BGP_MAX];
    struct bgp_open o2;
    size_t n2 = bgp_open_write(again, sizeof(again), &o);
    assert_true(n2 > 0);
    assert_int_equal(bgp_frame(again, n2, false, &e), n2);
    assert_int_equal(bgp_open_parse(again, n2, &o2, NULL, NULL, &e), 0);
    assert_int_equal(o2.as, o.as);
    assert_int_equal(o2.my_as, BGP_AS_TRANS);
    assert_int_equal(o2.n, o.n);
    assert_memory_equal(&o2.family[0], v4, sizeof(*v4));
    assert_int_equal(o2.restart_s, 120);
    assert_memory_equal(o2.domain, "lab", 3);
    assert_int_equal(bgp_open_write(again, n2 - 1, &o), 0);
}

static void faulty_opens(void **state)
{
    (void)state;
    static const struct {
        const char *what, *fixed, *params;
        int code, subcode; /* 0: accepted */
    } rows[] = {
        { "no parameters", HEAD, "00", 0, 0 },
        { "version 3", "03 fde9 00b4 c0000201", "00", 2, 1 },
        { "AS 0", "04 0000 00b4 c0000201", "00", 2, 2 },
        { "identifier 0", "04 fde9 00b4 00000000", "00", 2, 3 },
        { "hold time 1", "04 fde9 0001 c0000201", "00", 2, 6 },
        { "hold time 2", "04 fde9 0002 c0000201", "00", 2, 6 },
        { "hold time 0", "04 fde9 0000 c0000201", "00", 0, 0 },
        { "hold time 3", "04 fde9 0003 c0000201", "00", 0, 0 },
        { "authentication parameter", HEAD, "03 0101 00", 2, 4 },
        { "parameters shorter than said", HEAD, "05 0202 0200", 2, 0 },
        { "parameters longer than said", HEAD, "02 0202 0200", 2, 0 },
        { "parameter behind the message", HEAD, "04 0203 0200", 2, 0 },
        { "capability behind the parameter", HEAD, "04 0202 0201", 2, 0 },
        { "capability without length", HEAD, "03 0201 02", 2, 0 },
        { "multiprotocol of 3 octets", HEAD, "07 0205 0103 000100", 0, 0 },
        { "4-octet AS of 0", HEAD, "08 0206 4104 00000000", 2, 2 },
        { "extended, empty", HEAD, "ff ff 0000", 0, 0 },
        { "extended", HEAD, "ff ff 0005 02 0002 0200", 0, 0 },
        { "extended, 255 is not needed", HEAD, "07 ff 0005 02 0002 0200", 0, 0 },
        { "extended, too short", HEAD, "ff ff 0006 02 0002 0200", 2, 0 },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t msg[2048];
        struct bgp_open o;
        struct bgp_error e;
        size_t n = open_message(rows[i].fixed, rows[i].params, msg);
        int rc = bgp_open_parse(msg, n, &o, NULL, NULL, &e);
        if (rc != (rows[i].code ? -1 : 0) || e.code != rows[i].code || e.subcode != rows[i].subcode)
            fail_msg("%s: %d, %u/%u %s", rows[i].what, rc, e.code, e.subcode, e.what ? e.what : "");
    }
}

static void cut_everywhere(void **state)
{
    (void)state;
    uint8_t msg[2048];
    struct bgp_open o;
    struct bgp_error e;
    size_t n = open_message(HEAD, "1a 0206 0104 00010001 0206 4104 00010000 0206 4504 00010103 ", msg);
    msg[28] = (uint8_t)(n - 29);
    assert_int_equal(bgp_open_parse(msg, n, &o, NULL, NULL, &e), 0);
    for (size_t cut = BGP_HEADER; cut < n; cut++) {
        uint8_t *exact = malloc(cut); /* so that a sanitizer sees an octet too far */
        memcpy(exact, msg, cut);
        assert_int_equal(bgp_open_parse(exact, cut, &o, NULL, NULL, &e), -1);
        assert_int_equal(e.action, BGP_RESET);
        free(exact);
    }
}

static void more_than_255_octets(void **state)
{
    (void)state;
    struct bgp_open o = { .version = 4,
                          .as = 65001,
                          .hold_s = 90,
                          .id = { 1, 2, 3, 4 },
                          .as4 = true,
                          .role = -1,
                          .restart = true };
    for (o.n = 0; o.n < BGP_OPEN_FAMILIES; o.n++)
        o.family[o.n] = (struct bgp_open_family){ .afi = 1,
                                                  .safi = (uint8_t)(o.n + 1),
                                                  .offered = true,
                                                  .add_path = 1,
                                                  .restart = true,
                                                  .ext_next_hop = true,
                                                  .labels = 3,
                                                  .stale_s = 5 };
    uint8_t msg[BGP_MAX];
    struct bgp_open back;
    struct bgp_error e;
    size_t n = bgp_open_write(msg, sizeof(msg), &o);
    assert_true(n > 500);
    assert_int_equal(bgp_frame(msg, n, false, &e), n);
    assert_int_equal(bgp_open_parse(msg, n, &back, NULL, NULL, &e), 0);
    assert_int_equal(back.n, BGP_OPEN_FAMILIES);
    assert_false(back.more_families);
    for (unsigned i = 0; i < back.n; i++) {
        assert_true(back.family[i].offered && back.family[i].ext_next_hop);
        assert_int_equal(back.family[i].add_path, 1);
        assert_int_equal(back.family[i].stale_s, 5);
        assert_int_equal(back.family[i].restart, i < 63); /* as many as a capability holds */
    }
}

static void no_multiprotocol_is_ipv4(void **state)
{
    (void)state;
    uint8_t msg[256];
    struct bgp_open o, answer;
    struct bgp_error e;
    struct bgp_session_caps c;
    size_t n = open_message(HEAD, "02 0200", msg);
    assert_int_equal(bgp_open_parse(msg, n, &o, NULL, NULL, &e), 0);
    bgp_open_answer(&o, &answer);
    bgp_negotiate(&answer, &o, &c);
    assert_true(c.families == BGP_FAMILY_BIT(BGP_IPV4_UNICAST));
    assert_false(c.as4);
}

static void negotiation(void **state)
{
    (void)state;
    uint8_t msg[512];
    struct bgp_open peer, ours;
    struct bgp_error e;
    struct bgp_session_caps c;
    size_t n = open_message(
        HEAD,
        "00 0206 0104 00010001 0206 0104 00020001 0206 0104 0019 0046 0206 0104 0001 00f0 0206 0104 0001 0084"
        "0206 4104 0000fde9 0202 0600 0202 0200 020a 4508 00010101 00020103 0208 0506 0001 0001 0002"
        "0206 0804 0001 04 05",
        msg);
    msg[28] = (uint8_t)(n - 29);
    assert_int_equal(bgp_open_parse(msg, n, &peer, NULL, NULL, &e), 0);
    bgp_open_answer(&peer, &ours);
    assert_int_equal(ours.n, 3); /* not 1/240, which nobody knows, not 1/4, which was not offered, not 1/132,
                                    which would keep VPN routes away */
    assert_int_equal(ours.family[0].add_path, 0); /* the peer only receives */
    assert_int_equal(ours.family[1].add_path, 1);
    bgp_negotiate(&ours, &peer, &c);
    assert_true(c.as4 && c.ext_message && c.refresh && !c.enhanced_refresh && !c.external);
    assert_true(c.families == (BGP_FAMILY_BIT(BGP_IPV4_UNICAST) | BGP_FAMILY_BIT(BGP_IPV6_UNICAST) |
                               BGP_FAMILY_BIT(BGP_EVPN)));
    assert_true(c.add_path == BGP_FAMILY_BIT(BGP_IPV6_UNICAST));
    assert_true(c.ext_next_hop == BGP_FAMILY_BIT(BGP_IPV4_UNICAST));
    assert_true(c.multi_labels == 0);
    ours.as4 = false;
    bgp_negotiate(&ours, &peer, &c);
    assert_false(c.as4);
}

static void notifications(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *expect;
    } rows[] = {
        { "0602", "cease, administrative shutdown" },
        { "0602 07 7570677261 6465", "cease, administrative shutdown: upgrade" },
        { "0604 00", "cease, administrative reset" },
        { "0602 05 61 0a c3a9 ff", "cease, administrative shutdown: a?\xc3\xa9?" },
        { "0602 02 c0 80", "cease, administrative shutdown: ??" },   /* overlong */
        { "0602 03 eda080", "cease, administrative shutdown: ???" }, /* a surrogate */
        { "0602 04 f0908080", "cease, administrative shutdown: \xf0\x90\x80\x80" },
        { "0602 09 6161", "cease, administrative shutdown" }, /* longer than there are octets */
        { "0609 0602 02 6869", "cease, hard reset: cease, administrative shutdown: hi" },
        { "0609 0609 0602", "cease, hard reset: cease, hard reset, data 0602" },
        { "0400", "hold timer expired" },
        { "0206 ", "OPEN message error, unacceptable hold time" },
        { "0201 0004", "OPEN message error, unsupported version number, data 0004" },
        { "0505", "finite state machine error, unknown subcode" },
        { "6301", "unknown error, unknown subcode" },
        { "6300", "unknown error, unspecific" },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t msg[256];
        struct bgp_notification nt;
        struct bgp_error e;
        struct strbuf s;
        strbuf_init(&s, 1024);
        size_t n = BGP_HEADER + unhex(rows[i].hex, msg + BGP_HEADER, 200);
        bgp_header_write(msg, n, BGP_NOTIFICATION);
        assert_int_equal(bgp_notification_parse(msg, n, &nt, &e), 0);
        bgp_notification_text(&s, &nt);
        assert_string_equal(strbuf_cstr(&s), rows[i].expect);
        strbuf_free(&s);
    }
}

static void written(void **state)
{
    (void)state;
    uint8_t msg[BGP_MAX], expect[64];
    static const uint8_t data[BGP_MAX];
    struct bgp_error e;
    struct bgp_refresh r;
    assert_int_equal(bgp_keepalive_write(msg), 19);
    unhex(MARKER "0013 04", expect, sizeof(expect));
    assert_memory_equal(msg, expect, 19);
    struct bgp_error out = { .code = 2, .subcode = 1, .data = (const uint8_t *)"\0\4", .data_len = 2 };
    assert_int_equal(bgp_notification_write(msg, sizeof(msg), &out), 23);
    unhex(MARKER "0017 03 02 01 0004", expect, sizeof(expect));
    assert_memory_equal(msg, expect, 23);
    out.data = data;
    out.data_len = BGP_MAX; /* what has no room is left away */
    assert_int_equal(bgp_notification_write(msg, sizeof(msg), &out), BGP_MAX);
    assert_int_equal(bgp_notification_write(msg, 20, &out), 0);
    assert_int_equal(bgp_refresh_write(msg, 25, 70, 1), 23);
    assert_int_equal(bgp_refresh_parse(msg, 23, &r, &e), 0);
    assert_true(r.afi == 25 && r.safi == 70 && r.subtype == 1);
    assert_int_equal(bgp_refresh_parse(msg, 22, &r, &e), -1);
    assert_int_equal(e.code, BGP_ERR_REFRESH);
    assert_int_equal(bgp_refresh_parse(msg, 24, &r, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),        cmocka_unit_test(all_capabilities),
        cmocka_unit_test(faulty_opens),  cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(negotiation),   cmocka_unit_test(no_multiprotocol_is_ipv4),
        cmocka_unit_test(notifications), cmocka_unit_test(more_than_255_octets),
        cmocka_unit_test(written),
    };
    return cmocka_run_group_tests_name("bgp_open", tests, NULL, NULL);
}
