/* SPDX-License-Identifier: BSD-2-Clause */
/* BMP messages: framing, headers, bodies, TLVs, each cut at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bmp/msg.h"
#include "hex.h"

/* An UPDATE that withdraws 198.51.0.0/16, an OPEN of AS 65001. */
#define MARKER "ffffffffffffffffffffffffffffffff"
#define UPDATE MARKER "001a02 0003 10c633 0000"
#define OPEN MARKER "001d01 04 fde9 005a 01010101 00"
#define NOTIFY MARKER "0015 03 0602"

/* type, flags, distinguisher, address (12 zeros and 192.0.2.1), AS 65001, id, 1700000000.000005 */
#define PEER_AS_ID_TIME "0000fde9 01010101 6553f100 00000005"
#define PEER_OF(type_flags, rd) type_flags rd "000000000000000000000000c0000201" PEER_AS_ID_TIME
#define PEER PEER_OF("0000", "0000000000000000")

struct built {
    uint8_t p[512];
    size_t n;
};

static struct built message(const char *version_type, const char *body)
{
    struct built b = { .n = 6 };
    b.n += unhex(body, b.p + 6, sizeof(b.p) - 6);
    uint8_t head[2];
    unhex(version_type, head, sizeof(head));
    b.p[0] = head[0];
    put_be32(b.p + 1, (uint32_t)b.n);
    b.p[5] = head[1];
    return b;
}

static enum bmp_fault parse(const struct built *b, struct bmp_msg *m)
{
    enum bmp_fault f;
    assert_int_equal(bmp_frame(b->p, b->n, &f), b->n);
    return bmp_parse(b->p, b->n, m);
}

static void frames(void **state)
{
    struct built b = message("0304", "00020003 6d7468");
    enum bmp_fault f;
    (void)state;
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(bmp_frame(b.p, n, &f), 0);
    assert_int_equal(bmp_frame(b.p, b.n + 7, &f), b.n);
    assert_int_equal(f, BMP_FAULT_NONE);
    b.p[0] = 2;
    assert_int_equal(bmp_frame(b.p, 1, &f), -1);
    assert_int_equal(f, BMP_FAULT_VERSION);
    b.p[0] = 3;
    put_be32(b.p + 1, 5);
    assert_int_equal(bmp_frame(b.p, b.n, &f), -1);
    assert_int_equal(f, BMP_FAULT_LENGTH);
    put_be32(b.p + 1, BMP_MAX + 1);
    assert_int_equal(bmp_frame(b.p, b.n, &f), -1);
}

static void peers(void **state)
{
    static const struct {
        const char *header;
        enum bmp_rib rib;
        bool filtered, as2, v6;
    } row[] = {
        { PEER_OF("0000", "0000000000000000"), BMP_RIB_IN_PRE, false, false, false },
        { PEER_OF("0040", "0000000000000000"), BMP_RIB_IN_POST, false, false, false },
        { PEER_OF("0110", "0000fbf30000005e"), BMP_RIB_OUT_PRE, false, false, false },
        { PEER_OF("0250", "0000fbf30000005e"), BMP_RIB_OUT_POST, false, false, false },
        { PEER_OF("00a0", "0000000000000000"), BMP_RIB_IN_PRE, false, true, true },
        { PEER_OF("0380", "0000000000000000"), BMP_RIB_LOC, true, false, false },
        { PEER_OF("0330", "0000000000000000"), BMP_RIB_LOC, false, false, false },
        { PEER_OF("fb00", "0000000000000000"), BMP_RIB_UNKNOWN, false, false, false },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        char body[256];
        struct bmp_msg m;
        snprintf(body, sizeof(body), "%s 00000000", row[i].header);
        const struct built b = message("0301", body);
        assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
        if (m.peer.rib != row[i].rib || m.peer.filtered != row[i].filtered || m.peer.as2 != row[i].as2 ||
            m.peer.v6 != row[i].v6)
            fail_msg("row %u", i);
        assert_int_equal(m.peer.as, 65001);
        assert_int_equal(m.peer.at_us, 1700000000000005);
        assert_int_equal(m.peer.bgp_id[3], 1);
    }
}

static void route(void **state)
{
    const struct built b = message("0300", PEER UPDATE);
    struct bmp_msg m;
    char text[ADDR_TEXT];
    (void)state;
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    assert_int_equal(m.update.len, 26);
    assert_int_equal(m.update.p[18], 2);
    assert_string_equal(addr_str(&m.peer.addr, text), "192.0.2.1");
    const struct built wrong = message("0300", PEER MARKER "002002");
    assert_int_equal(parse(&wrong, &m), BMP_FAULT_NO_UPDATE);
}

static void up(void **state)
{
    const struct built b =
        message("0303", PEER "000000000000000000000000c00002fe 00b3 9c40" OPEN OPEN "00030006 676c6f62616c");
    struct bmp_msg m;
    struct bmp_tlv t;
    (void)state;
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    assert_int_equal(m.up.local_port, 179);
    assert_int_equal(m.up.remote_port, 40000);
    assert_int_equal(m.up.sent.len, 29);
    assert_ptr_equal(m.up.received.p, m.up.sent.p + 29);
    assert_true(bmp_tlv_next(&m.tlvs, false, false, &t));
    assert_string_equal(bmp_info_name(m.type, t.type), "vrf_table_name");
    assert_memory_equal(t.value.p, "global", 6);
    assert_false(bmp_tlv_next(&m.tlvs, false, false, &t));
    assert_false(m.tlvs.bad);
}

static void down(void **state)
{
    struct bmp_msg m;
    (void)state;
    struct built b = message("0302", PEER "01" NOTIFY);
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    assert_int_equal(m.down.notification.len, 21);
    b = message("0302", PEER "02 0006");
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    assert_int_equal(m.down.fsm, 6);
    b = message("0302", PEER "04");
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    b = message("0302", PEER);
    assert_int_equal(parse(&b, &m), BMP_FAULT_SHORT);
}

static void counters(void **state)
{
    const struct built b = message("0301", PEER "00000004 00020004 00000009 0007 0008 0000000100000000"
                                                "0009000b 000101 0000000000000003 03e7 0003 010203");
    static const struct {
        uint16_t type, afi;
        bool has_value;
        uint64_t value;
    } want[] = {
        { 2, 0, true, 9 }, { 7, 0, true, (uint64_t)1 << 32 }, { 9, 1, true, 3 }, { 999, 0, false, 0 }
    };
    struct bmp_msg m;
    struct bmp_counter n;
    (void)state;
    assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
    assert_int_equal(m.stats.n, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(bmp_counter_next(&m.stats.counters, &n));
        if (n.type != want[i].type || n.afi != want[i].afi || n.has_value != want[i].has_value ||
            n.value != want[i].value)
            fail_msg("counter %u", i);
    }
    assert_false(bmp_counter_next(&m.stats.counters, &n));
    assert_false(m.stats.counters.bad);
}

static void version4(void **state)
{
    static const struct {
        const char *tlvs;
        enum bmp_rm_numbers want;
    } row[] = {
        { "0005 0006 0000 00000002 0003  0004 001a 0000" UPDATE, BMP_NUMBERS_DEPLOYED },
        { "0001 0006 0000 410400000001   0004 001a 0000" UPDATE, BMP_NUMBERS_DEPLOYED },
        { "0001 0004 8001 00010002       0004 001a 0000" UPDATE, BMP_NUMBERS_REV21 },
        { "0001 0004 0000 00000001       0007 001a 0000" UPDATE, BMP_NUMBERS_REV20 },
        { "8004 0008 00000007 0000 01020304", BMP_NUMBERS_UNKNOWN },
        { "0004 0003 0000 010203", BMP_NUMBERS_UNKNOWN },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        char body[512];
        struct bmp_msg m;
        struct bmp_octets update = { 0 };
        snprintf(body, sizeof(body), PEER "%s", row[i].tlvs);
        const struct built b = message("0400", body);
        assert_int_equal(parse(&b, &m), BMP_FAULT_NONE);
        const enum bmp_rm_numbers got = bmp_rm_numbers(m.tlvs, &update);
        if (got != row[i].want || (got && update.len != 26))
            fail_msg("row %u: numbers %d", i, got);
    }
    assert_int_equal(bmp_rm_tlv(BMP_NUMBERS_DEPLOYED, 5), BMP_RM_PATH_STATUS);
    assert_int_equal(bmp_rm_tlv(BMP_NUMBERS_REV21, 3), BMP_RM_STATELESS);
    assert_int_equal(bmp_rm_tlv(BMP_NUMBERS_REV20, 9), BMP_RM_OTHER);
}

static void unknown(void **state)
{
    const struct built b = message("03fb", "0102");
    struct bmp_msg m;
    (void)state;
    assert_int_equal(parse(&b, &m), BMP_FAULT_UNKNOWN_TYPE);
}

/* Whatever is cut off is found, and nothing behind the end is read (the sanitizer looks). */
static void cut(void **state)
{
    static const char *const row[][2] = {
        { "0300", PEER UPDATE },
        { "0301", PEER "00000001 0009000b 000101 0000000000000003" },
        { "0302", PEER "03" NOTIFY },
        { "0303", PEER "000000000000000000000000c00002fe 00b3 9c40" OPEN OPEN "00030002 6162" },
        { "0304", "00010002 6162 00020001 63" },
        { "0305", "00010002 0001" },
        { "0306", PEER "00010002 0001" },
        { "0400", PEER "0004 001a 0000" UPDATE },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const struct built b = message(row[i][0], row[i][1]);
        for (size_t n = 6; n < b.n; n++) {
            uint8_t *exact = malloc(n);
            struct bmp_msg m;
            struct bmp_tlv t;
            struct bmp_counter k;
            struct bmp_octets update;
            assert_non_null(exact);
            memcpy(exact, b.p, n);
            put_be32(exact + 1, (uint32_t)n);
            if (bmp_parse(exact, n, &m) == BMP_FAULT_NONE && m.type == BMP_STATS)
                while (bmp_counter_next(&m.stats.counters, &k))
                    ;
            else
                (void)bmp_rm_numbers(m.tlvs, &update);
            while (bmp_tlv_next(&m.tlvs, m.version == 4 && m.type == 0, m.version == 4, &t))
                ;
            free(exact);
        }
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(bmp_counter_name(9), "Number of routes in per-AFI/SAFI Abj-RIB-In");
    assert_string_equal(bmp_counter_name(24), "Unknown");
    assert_string_equal(bmp_counter_name(65535), "Unknown");
    assert_string_equal(bmp_down_reason(77), "Unknown");
    assert_string_equal(bmp_term_reason(4), "Session permanently administratively closed");
    assert_null(bmp_term_reason(5));
    assert_string_equal(bmp_path_status_name(1), "Best");
    assert_null(bmp_path_status_name(12));
    assert_null(bmp_info_name(BMP_STATS, 0));
    assert_string_equal(bmp_fault_word(BMP_FAULT_TLV), "tlv");
    assert_string_equal(bmp_type_name(99), "unknown");
    assert_string_equal(bmp_peer_type_name(BMP_PEER_LOC_RIB), "Loc-RIB Instance Peer");
    assert_string_equal(bmp_rib_name(BMP_RIB_LOC), "Loc-Rib");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),   cmocka_unit_test(peers),   cmocka_unit_test(route),
        cmocka_unit_test(up),       cmocka_unit_test(down),    cmocka_unit_test(counters),
        cmocka_unit_test(version4), cmocka_unit_test(unknown), cmocka_unit_test(cut),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
