/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of NFLOG: what the kernel sends, what it never would, and both cut short at every octet. Octets
 * are written down as a little-endian host has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>
#include "packet/link.h"
#include "packet/nflog.h"

enum { LINK_NFLOG = 239 };

#define IP4(len) "45000" len "0001 4000 40 11 0000 0a000001 0a000002 "
#define UDP "03e8 0035 0008 0000 "
#define HEAD "02 00 0005 "
#define META(protocol, hook) "0800 0100 " protocol hook "00 "
#define IN(n) "0800 0400 000000" n " "
#define OUT(n) "0800 0500 000000" n " "
#define PHYS_IN(n) "0800 0600 000000" n " "
#define PHYS_OUT(n) "0800 0700 000000" n " "
#define STAMP "1400 0300 000000005f000000 0000000000000007 "
#define HWADDR "1000 0800 0006 0000 0200000000aa 0000 "
#define HWTYPE(n) "0600 0f00 " n " 0000 "
#define HWHEADER "1200 1000 020000000002 020000000001 0800 0000 "
#define SEQ(n) "0800 0c00 000000" n " "
#define MARK "0800 0200 00000063 "
#define CT_INFO(n) "0800 1300 0000000" n " "
#define VLAN "1400 1480 0600 0100 8100 0000 0600 0200 a07b 0000 "
#define L2HDR "1200 1500 020000000004 020000000003 0800 0000 "
#define PAYLOAD "2000 0900 " IP4("01c ") UDP

struct want {
    unsigned group, hook, in, out, direction, seq, vlan, cos, ct, bytes;
    int64_t at_us;
    const char *src_mac, *dst_mac; /* 12 hexadecimal digits, NULL: zeros */
};

struct row {
    const char *name;
    const char *message;
    enum nflog_fault fault;
    struct want want;
};

static const struct row rows[] = {
    { "incoming",
      HEAD META("0800", "01") "0700 0a00 706d 00 00 " IN("03") MARK HWADDR HWTYPE("0001")
          HWHEADER STAMP SEQ("09") PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, 9, 0, 0, 0, 28, INT64_C(0x5f000000) * 1000000 + 7, "020000000001",
        "020000000002" } },
    { "outgoing",
      HEAD META("0800", "03") OUT("02") PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_OUTPUT, 0, 2, DIRECTION_OUT, .bytes = 28 } },
    { "forwarded, by conntrack's reply direction",
      HEAD META("0800", "02") IN("03") OUT("02") CT_INFO("3") PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_FORWARD, 3, 2, DIRECTION_UNKNOWN, .ct = 3, .bytes = 28 } },
    { "through a bridge: its ports come first",
      HEAD META("0800", "02") PHYS_IN("11") PHYS_OUT("12") IN("03") OUT("03") PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_FORWARD, 0x11, 0x12, DIRECTION_UNKNOWN, .bytes = 28 } },
    { "VLAN tag that the card took off, and the bridge's link header",
      HEAD META("0800", "02") IN("03") VLAN L2HDR PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_FORWARD, 3, 0, DIRECTION_IN, .vlan = 123, .cos = 5, .bytes = 28, .src_mac = "020000000003",
        .dst_mac = "020000000004" } },
    { "sender's address alone",
      HEAD META("0800", "01") IN("03") HWADDR PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .bytes = 28, .src_mac = "0200000000aa" } },
    { "a link header that is no Ethernet has no addresses",
      HEAD META("0800", "01") IN("03") HWTYPE("0200") HWHEADER PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .bytes = 28 } },
    { "loopback has an Ethernet header",
      HEAD META("0800", "01") IN("01") HWTYPE("0304") HWHEADER PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 1, 0, DIRECTION_IN, .bytes = 28, .src_mac = "020000000001",
        .dst_mac = "020000000002" } },
    { "no Ethertype: IP shows itself",
      HEAD IN("03") PAYLOAD,
      NFLOG_OK,
      { 5, 0, 3, 0, DIRECTION_IN, .bytes = 28 } },
    { "unknown attributes are passed over",
      HEAD META("0800", "01") "0500 ff3f 99000000 "
                              "0400 1600 " IN("03") PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .bytes = 28 } },
    { "a time that is none",
      HEAD META("0800", "01") IN("03") "1400 0300 ffffffffffffffff 00000000000f4240 " PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .bytes = 28 } },
    { "an address longer than its attribute",
      HEAD META("0800", "01") IN("03") "1000 0800 ffff 0000 0200000000aa 0000 " PAYLOAD,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .bytes = 28 } },
    { "a capture of a big-endian host",
      HEAD "0008 0001 0800 0100 "
           "0008 0004 00000003 "
           "0014 8014 0006 0001 8100 0000 0006 0002 a07b 0000 "
           "0020 0009 " IP4("01c ") UDP,
      NFLOG_OK,
      { 5, NFLOG_INPUT, 3, 0, DIRECTION_IN, .vlan = 123, .cos = 5, .bytes = 28 } },
    { "nothing", "", NFLOG_SHORT, { 0 } },
    { "header cut", "02 00 00", NFLOG_SHORT, { 0 } },
    { "version", "02 01 0005 " PAYLOAD, NFLOG_VERSION, { 0 } },
    { "no attributes", HEAD, NFLOG_NO_PAYLOAD, { 0 } },
    { "no payload", HEAD META("0800", "01") IN("03"), NFLOG_NO_PAYLOAD, { 0 } },
    { "attribute header cut", HEAD META("0800", "01") "2000", NFLOG_ATTR_LEN, { 0 } },
    { "attribute of length 0", HEAD META("0800", "01") "0000 0900 " PAYLOAD, NFLOG_ATTR_LEN, { 0 } },
    { "attribute of length 3", HEAD META("0800", "01") "0300 0900 " PAYLOAD, NFLOG_ATTR_LEN, { 0 } },
    { "attribute longer than the message",
      HEAD META("0800", "01") "ffff 0900 " IP4("01c "),
      NFLOG_ATTR_LEN,
      { 0 } },
    { "interface of two octets",
      HEAD META("0800", "01") "0600 0400 0003 0000 " PAYLOAD,
      NFLOG_ATTR_SHORT,
      { 0 } },
    { "time of eight octets",
      HEAD META("0800", "01") "0c00 0300 000000005f000000 " PAYLOAD,
      NFLOG_ATTR_SHORT,
      { 0 } },
    { "VLAN cut within its nest",
      HEAD META("0800", "01") "0c00 1480 0900 0200 a07b 0000 " PAYLOAD,
      NFLOG_ATTR_LEN,
      { 0 } },
    { "VLAN tag of one octet",
      HEAD META("0800", "01") "0c00 1480 0500 0200 a000 0000 " PAYLOAD,
      NFLOG_ATTR_SHORT,
      { 0 } },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    unsigned digits = 0, octet = 0;
    for (; *text; text++) {
        if (!isxdigit((unsigned char)*text))
            continue;
        char c = (char)tolower((unsigned char)*text);
        octet = octet << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        if (++digits % 2 == 0)
            out[n++] = (uint8_t)octet;
    }
    assert_int_equal(digits % 2, 0);
    return n;
}

static void open_decoder(struct packet_decoder *d)
{
    struct fieldset needs = { { 0 } };
    struct err e;
    fieldset_add(&needs, FIELD_src_host);
    fieldset_add(&needs, FIELD_src_mac);
    fieldset_add(&needs, FIELD_dst_port);
    assert_int_equal(packet_decoder_open(d, LINK_NFLOG, &(struct packet_options){ .needs = &needs }, &e), 0);
}

static void same_mac(const char *name, const char *want, const struct mac *m)
{
    uint8_t octets[16] = { 0 };
    unhex(want ? want : "", octets);
    if (memcmp(octets, m->b, sizeof(m->b)) != 0)
        fail_msg("%s: MAC address", name);
}

static void check(const struct row *r, const struct nflog_packet *p, const struct flow *f)
{
    const struct want *w = &r->want;
    const unsigned pairs[][2] = { { p->group, w->group },
                                  { p->hook, w->hook },
                                  { f->in_iface, w->in },
                                  { f->out_iface, w->out },
                                  { f->sampling_direction, w->direction },
                                  { p->seq, w->seq },
                                  { f->vlan, w->vlan },
                                  { f->cos, w->cos },
                                  { p->ct_info, w->ct },
                                  { (unsigned)f->bytes, w->bytes },
                                  { f->proto, 17 },
                                  { f->dst_port, 53 },
                                  { f->etype, 0x800 } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i][0] != pairs[i][1])
            fail_msg("%s: value %zu is %u, not %u", r->name, i, pairs[i][0], pairs[i][1]);
    assert_int_equal(p->at_us, w->at_us);
    same_mac(r->name, w->src_mac, &f->src_mac);
    same_mac(r->name, w->dst_mac, &f->dst_mac);
}

static void messages_give_their_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct row *r = &rows[i];
        uint8_t message[512];
        uint32_t n = (uint32_t)unhex(r->message, message);
        struct packet_decoder d;
        struct nflog_packet p;
        struct flow f;
        memset(&f, 0xff, sizeof(f)); /* what a packet before it may have left */
        enum nflog_fault got = nflog_parse(cursor_of(message, n), &p);
        if (got != r->fault)
            fail_msg("%s: %s", r->name, nflog_fault_names[got]);
        if (got != NFLOG_OK)
            continue;
        open_decoder(&d);
        assert_int_equal(packet_decode_nflog(&d, &p, &f), PACKET_OK);
        check(r, &p, &f);
        /* The same as a packet of a capture. */
        memset(&f, 0xff, sizeof(f));
        assert_int_equal(packet_decode(&d, message, n, n, &f), PACKET_OK);
        check(r, &p, &f);
        assert_int_equal(d.count[PACKET_OK], 2);
        packet_decoder_close(&d);
    }
}

/* Each prefix of each message, in memory of just its size. */
static void no_message_is_read_past_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        uint8_t message[512];
        uint32_t n = (uint32_t)unhex(rows[i].message, message);
        struct packet_decoder d;
        struct flow f = { 0 };
        open_decoder(&d);
        for (uint32_t len = 0; len <= n; len++) {
            uint8_t *copy = malloc(len ? len : 1);
            assert_non_null(copy);
            memcpy(copy, message, len);
            packet_decode(&d, copy, len, len, &f);
            free(copy);
        }
        uint64_t sum = 0;
        for (unsigned k = 0; k < PACKET_DROP_MAX; k++)
            sum += d.count[k];
        assert_int_equal(sum, n + 1);
        packet_decoder_close(&d);
    }
}

static uint32_t wire_len(uint16_t protocol, const char *payload)
{
    uint8_t octets[128];
    struct nflog_packet p = { .protocol = protocol,
                              .payload = octets,
                              .payload_len = (uint32_t)unhex(payload, octets) };
    return nflog_wire_len(&p);
}

static void clipped_packets_have_the_length_of_their_header(void **state)
{
    (void)state;
    assert_int_equal(wire_len(0, "450005dc 00010000"), 1500);
    assert_int_equal(wire_len(0, "45000000 00010000"), 8); /* 0: as much as there is */
    assert_int_equal(wire_len(0, "4500"), 2);
    assert_int_equal(wire_len(0, "60000000 0100 1140"), 296);
    assert_int_equal(wire_len(0, "60000000"), 4);
    assert_int_equal(wire_len(0, "0001 0800 0604 0001"), 8);
    assert_int_equal(wire_len(0, ""), 0);
    assert_int_equal(wire_len(0x0800, "450005dc"), 1500);
    assert_int_equal(wire_len(0x0806, "450005dc"), 4); /* no IP, whatever it looks like */
    assert_int_equal(wire_len(0x8100, "4005 0800 450005dc"), 1504);
    assert_int_equal(wire_len(0x8100, "4005 8100 4006 86dd 60000000 0100 1140"), 304);
    assert_int_equal(wire_len(0x8100, "4005 0806 450005dc"), 8);
    assert_int_equal(wire_len(0x8100, "4005 08"), 3);
}

/* The frame as it was on the wire, and every part of it as room for it shrinks. */
static void frames_are_put_together(void **state)
{
    (void)state;
    uint8_t message[512], want[512], frame[512];
    struct nflog_packet p;
    size_t n = unhex(HEAD META("0800", "02") IN("03") VLAN L2HDR PAYLOAD, message);
    size_t all = unhex("020000000004 020000000003 8100 a07b 0800 " IP4("01c ") UDP, want);
    assert_int_equal(nflog_parse(cursor_of(message, n), &p), NFLOG_OK);
    assert_int_equal(nflog_link_len(&p), 18);
    for (uint32_t size = 0; size <= all + 1; size++) {
        memset(frame, 0xee, sizeof(frame));
        uint32_t got = nflog_frame(&p, frame, size);
        assert_int_equal(got, size < all ? size : all);
        assert_memory_equal(frame, want, got);
        assert_int_equal(frame[got], 0xee);
    }
    struct packet_decoder d;
    struct flow f = { 0 };
    p.frame = frame;
    p.frame_len = nflog_frame(&p, frame, sizeof(frame));
    open_decoder(&d);
    assert_int_equal(packet_decode_nflog(&d, &p, &f), PACKET_OK);
    assert_ptr_equal(f.packet, frame);
    assert_int_equal(f.packet_len, all);
    assert_int_equal(f.packet_caplen, all);
    assert_int_equal(f.packet_dlt, 1);
    packet_decoder_close(&d);
    n = unhex(HEAD META("0800", "03") OUT("02") PAYLOAD, message);
    assert_int_equal(nflog_parse(cursor_of(message, n), &p), NFLOG_OK);
    assert_int_equal(nflog_frame(&p, frame, sizeof(frame)), 0);
}

/* Connection tracking's two tuples: 10.0.0.2 port 40000 asks 8.8.8.8 port 53, masked as 203.0.113.1 port
 * 50000. */
#define PORTS(from, to) "1c00 0280 0500 0100 11000000 0600 0200 " from "0000 0600 0300 " to "0000 "
#define TUPLE4(type, src, dst, ports) "3400 " type " 1400 0180 0800 0100 " src " 0800 0200 " dst " " ports
#define CT                                                                                                   \
    "7400 1280 " TUPLE4("0180", "0a000002", "08080808", PORTS("9c40 ", "0035 "))                             \
        TUPLE4("0280", "08080808", "cb007101", PORTS("0035 ", "c350 ")) "0800 0c00 00000001 "
#define CT_HEAD HEAD META("0800", "02") IN("03") OUT("02")

struct nat_row {
    const char *name, *message;
    enum nflog_way way;
    const char *src, *dst; /* NULL: zeros */
    unsigned sport, dport;
};

static const struct nat_row nat_rows[] = {
    { "asked", CT_HEAD CT CT_INFO("2") PAYLOAD, NFLOG_WAY_ORIGINAL, "203.0.113.1", "8.8.8.8", 50000, 53 },
    { "asked again", CT_HEAD CT CT_INFO("0") PAYLOAD, NFLOG_WAY_ORIGINAL, "203.0.113.1", "8.8.8.8", 50000,
      53 },
    { "answered", CT_HEAD CT CT_INFO("3") PAYLOAD, NFLOG_WAY_REPLY, "8.8.8.8", "10.0.0.2", 53, 40000 },
    { "not tracked", CT_HEAD CT CT_INFO("7") PAYLOAD, NFLOG_WAY_UNKNOWN, NULL, NULL, 0, 0 },
    { "no way", CT_HEAD CT PAYLOAD, NFLOG_WAY_UNKNOWN, NULL, NULL, 0, 0 },
    { "no connection", CT_HEAD CT_INFO("3") PAYLOAD, NFLOG_WAY_REPLY, NULL, NULL, 0, 0 },
    { "IPv6, without ports",
      CT_HEAD "3400 1280 3000 0280 2c00 0180 1400 0300 20010db8000000000000000000000001 "
              "1400 0400 20010db8000000000000000000000002 " CT_INFO("0") PAYLOAD,
      NFLOG_WAY_ORIGINAL, "2001:db8::2", "2001:db8::1", 0, 0 },
    { "an address of three octets",
      CT_HEAD "1800 1280 1400 0280 1000 0180 0700 0100 0a000000 0400 0200 " CT_INFO("0") PAYLOAD,
      NFLOG_WAY_ORIGINAL, NULL, NULL, 0, 0 },
    { "a nest longer than its parent", CT_HEAD "0c00 1280 3400 0280 1400 0180 " CT_INFO("0") PAYLOAD,
      NFLOG_WAY_ORIGINAL, NULL, NULL, 0, 0 },
    { "an attribute of length 0 within",
      CT_HEAD "1000 1280 0c00 0280 0800 0180 0000 0100 " CT_INFO("0") PAYLOAD, NFLOG_WAY_ORIGINAL, NULL, NULL,
      0, 0 },
};

static void same_address(const char *name, const char *want, const struct addr *a)
{
    struct addr w = { { 0 } };
    if (want)
        assert_int_equal(addr_parse(want, &w), 0);
    if (memcmp(&w, a, sizeof(w)) != 0)
        fail_msg("%s: address", name);
}

static void connections_tell_addresses_after_nat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nat_rows) / sizeof(nat_rows[0]); i++) {
        const struct nat_row *r = &nat_rows[i];
        uint8_t message[512];
        struct nflog_packet p;
        struct flow f;
        memset(&f, 0xff, sizeof(f));
        if (nflog_parse(cursor_of(message, unhex(r->message, message)), &p) != NFLOG_OK)
            fail_msg("%s: not parsed", r->name);
        if (nflog_way(&p) != r->way)
            fail_msg("%s: way %d", r->name, nflog_way(&p));
        nflog_nat(&p, &f);
        same_address(r->name, r->src, &f.post_nat_src_host);
        same_address(r->name, r->dst, &f.post_nat_dst_host);
        if (f.post_nat_src_port != r->sport || f.post_nat_dst_port != r->dport)
            fail_msg("%s: ports %u %u", r->name, f.post_nat_src_port, f.post_nat_dst_port);
    }
}

#define NL(len, type) len "000000 " type " 0000 00000000 00000000 "

static void datagrams_are_walked(void **state)
{
    (void)state;
    static const struct {
        const char *datagram;
        enum nflog_step steps[4];
    } cases[] = {
        { "", { NFLOG_STEP_END } },
        { NL("14", "0004") "02000005", { NFLOG_STEP_PACKET, NFLOG_STEP_END } },
        { NL("15", "0004") "0200000500 000000" NL("14", "0004") "02000005" NL("14", "0300") "00000000",
          { NFLOG_STEP_PACKET, NFLOG_STEP_PACKET, NFLOG_STEP_END } },
        { NL("15", "0004") "0200000500", { NFLOG_STEP_PACKET, NFLOG_STEP_END } }, /* the last one's padding */
        { NL("10", "0200") NL("14", "0004") "02000005",
          { NFLOG_STEP_OTHER, NFLOG_STEP_PACKET, NFLOG_STEP_END } },
        { NL("10", "0104"), { NFLOG_STEP_OTHER, NFLOG_STEP_END } },
        { "14000000", { NFLOG_STEP_BAD } },
        { NL("0f", "0004"), { NFLOG_STEP_BAD } },
        { NL("00", "0004"), { NFLOG_STEP_BAD } },
        { NL("14", "0004") "020000", { NFLOG_STEP_BAD } },
        { "ffffffff 0004 0000 00000000 00000000 02000005", { NFLOG_STEP_BAD } },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t octets[128];
        struct cursor c = cursor_of(octets, unhex(cases[i].datagram, octets)), body;
        for (unsigned k = 0;; k++) {
            enum nflog_step step = nflog_next(&c, &body);
            if (step != cases[i].steps[k])
                fail_msg("case %zu, step %u: %d", i, k, step);
            if (step == NFLOG_STEP_END || step == NFLOG_STEP_BAD)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_give_their_fields),
        cmocka_unit_test(no_message_is_read_past_its_end),
        cmocka_unit_test(clipped_packets_have_the_length_of_their_header),
        cmocka_unit_test(frames_are_put_together),
        cmocka_unit_test(connections_tell_addresses_after_nat),
        cmocka_unit_test(datagrams_are_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
