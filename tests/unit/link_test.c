/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames to fields: link types, tags, IP and transports; and every frame cut short at every octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "hex.h"
#include "packet/link.h"

enum { EN10MB = 1, RAW = 12, PPP = 9, NULL_BSD = 0, LOOP = 108, SLL = 113, SLL2 = 276 };

#define ALL "src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_mac,vlan,cos,etype,in_cvlan"
#define MACS "020000000002 020000000001 "
#define IP4(len, proto) "4510" len "0001 4000 40 " proto " 0000 0a000001 0a000002 "
#define IP6(len, next)                                                                                       \
    "6b812345 " len next "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define TCP "03e8 0050 00000001 00000002 5012 ffff 0000 0000 "
#define UDP "03e8 0035 0008 0000 "

struct want {
    const char *src, *dst;
    unsigned sport, dport, proto, tos, flags, bytes;
    unsigned vlan, cos, cvlan, etype, icmp, labels, top, bottom;
};

struct row {
    const char *name;
    int dlt;
    const char *aggregate;
    const char *frame;
    unsigned wire; /* 0: what is there */
    enum packet_drop result;
    struct want want;
};

static const struct row rows[] = {
    { "tcp",
      EN10MB,
      ALL,
      MACS "0800" IP4("0028", "06") TCP "000000000000",
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 80, 6, 16, 0x12, 40, .etype = 0x800 } },
    { "tcp, no ports asked for",
      EN10MB,
      "src_host",
      MACS "0800" IP4("0028", "06") TCP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 0, 0, 6, 16, 0, 40, .etype = 0x800 } },
    { "cut by the snapshot length: bytes are those of the IP header",
      EN10MB,
      ALL,
      MACS "0800" IP4("05dc", "11") UDP,
      1514,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 1500, .etype = 0x800 } },
    { "total length 0: the wire's",
      EN10MB,
      ALL,
      MACS "0800" IP4("0000", "06") TCP,
      4014,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 80, 6, 16, 0x12, 4000, .etype = 0x800 } },
    { "options",
      EN10MB,
      ALL,
      MACS "0800 4610001c 00010000 40110000 0a000001 0a000002 94040000" UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "icmp",
      EN10MB,
      ALL,
      MACS "0800" IP4("001c", "01") "0304 0000 00000000",
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 0, 0, 1, 16, 0, 28, .etype = 0x800, .icmp = 0x304 } },
    { "sctp has no ports here",
      EN10MB,
      ALL,
      MACS "0800" IP4("001c", "84") "0b59 0b5a 00000000",
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 0, 0, 132, 16, 0, 28, .etype = 0x800 } },
    { "padding is no transport header",
      EN10MB,
      ALL,
      MACS "0800" IP4("0014", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 0, 0, 17, 16, 0, 20, .etype = 0x800 } },
    { "first fragment",
      EN10MB,
      ALL,
      MACS "0800 4510001c 00012000 40110000 0a000001 0a000002" UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "later fragment",
      EN10MB,
      ALL,
      MACS "0800 4510001c 00010003 40110000 0a000001 0a000002" UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 0, 0, 17, 16, 0, 28, .etype = 0x800 } },
    { "header length impossible",
      EN10MB,
      ALL,
      MACS "0800 4410001c 00010000 40110000 0a000001 0a000002" UDP,
      0,
      PACKET_BAD_IP4,
      { 0 } },
    { "version impossible",
      EN10MB,
      ALL,
      MACS "86dd" IP4("0028", "06") TCP "00000000",
      0,
      PACKET_BAD_IP6,
      { 0 } },

    { "ipv6",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0014", "06") TCP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 80, 6, 0xb8, 0x12, 60, .etype = 0x86dd } },
    { "ipv6, four extension headers",
      EN10MB,
      ALL,
      MACS "86dd" IP6(
          "0030",
          "00") "3c00010400000000 2b01050c000000000000000000000000 2c00000000000000 1100000000000001" UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 53, 17, 0xb8, 0, 88, .etype = 0x86dd } },
    { "ipv6, authentication header",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0020", "33") "1104000000000001 0000000100000000 0000000000000000" UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 53, 17, 0xb8, 0, 72, .etype = 0x86dd } },
    { "ipv6, later fragment",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0010", "2c") "1100000900000001" UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 0, 0, 17, 0xb8, 0, 56, .etype = 0x86dd } },
    { "ipv6, nothing follows",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0000", "3b") "000000000000",
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 0, 0, 59, 0xb8, 0, 40, .etype = 0x86dd } },
    { "ipv6, payload length 0",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0000", "06") TCP,
      9014,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 80, 6, 0xb8, 0x12, 9000, .etype = 0x86dd } },
    { "icmpv6",
      EN10MB,
      ALL,
      MACS "86dd" IP6("0004", "3a") "80000000",
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 0, 0, 58, 0xb8, 0, 44, .etype = 0x86dd, .icmp = 0x8000 } },

    { "802.1Q",
      EN10MB,
      ALL,
      MACS "8100 a064 0800" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, 100, 5, .etype = 0x800 } },
    { "QinQ",
      EN10MB,
      ALL,
      MACS "88a8 0064 8100 60c8 0800" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, 100, 0, 200, .etype = 0x800 } },
    { "0x9100",
      EN10MB,
      ALL,
      MACS "9100 0064 9100 00c8 0800" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, 100, 0, 200, .etype = 0x800 } },
    { "one label",
      EN10MB,
      ALL,
      MACS "8847 03e817ff" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800, .labels = 1, .top = 16001,
        .bottom = 16001 } },
    { "three labels",
      EN10MB,
      ALL,
      MACS "8847 03e810ff 03e820ff 03e831ff" IP6("0008", "11") UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 53, 17, 0xb8, 0, 48, .etype = 0x86dd, .labels = 3, .top = 16001,
        .bottom = 16003 } },
    { "pppoe",
      EN10MB,
      ALL,
      MACS "8864 11000007001e 0021" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "snap",
      EN10MB,
      ALL,
      MACS "0024 aaaa03 000000 0800" IP4("001c", "11") UDP "00000000",
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "spanning tree", EN10MB, ALL, MACS "0026 424203 0000", 0, PACKET_NOT_IP, { 0 } },
    { "arp", EN10MB, ALL, MACS "0806 0001", 0, PACKET_NOT_IP, { 0 } },
    { "arp, link layer only",
      EN10MB,
      "src_mac,etype",
      MACS "0806 0001",
      60,
      PACKET_OK,
      { .bytes = 60, .etype = 0x806 } },
    { "ip, link layer only",
      EN10MB,
      "src_mac,vlan",
      MACS "8100 a064 0800" IP4("001c", "11") UDP,
      60,
      PACKET_OK,
      { .bytes = 60, .vlan = 100, .cos = 5, .etype = 0x800 } },
    { "pppoe, link layer only",
      EN10MB,
      "vlan",
      MACS "8864 11000007001e 0021" IP4("001c", "11") UDP,
      60,
      PACKET_OK,
      { .bytes = 60, .etype = 0x800 } },

    { "raw ipv4",
      RAW,
      ALL,
      IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "raw ipv6",
      RAW,
      ALL,
      IP6("0008", "11") UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 53, 17, 0xb8, 0, 48, .etype = 0x86dd } },
    { "raw, neither", RAW, ALL, "00", 0, PACKET_NOT_IP, { 0 } },
    { "cooked",
      SLL,
      ALL,
      "0004 0001 0006 0200000000010000 0800" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "cooked 2 with a tag",
      SLL2,
      ALL,
      "8100 0000 00000002 0001 00 06 0200000000010000 0064 0800" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, 100, .etype = 0x800 } },
    { "null, little-endian",
      NULL_BSD,
      ALL,
      "02000000" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
    { "loop",
      LOOP,
      ALL,
      "00000018" IP6("0008", "11") UDP,
      0,
      PACKET_OK,
      { "2001:db8::1", "2001:db8::2", 1000, 53, 17, 0xb8, 0, 48, .etype = 0x86dd } },
    { "ppp",
      PPP,
      ALL,
      "ff03 0021" IP4("001c", "11") UDP,
      0,
      PACKET_OK,
      { "10.0.0.1", "10.0.0.2", 1000, 53, 17, 16, 0, 28, .etype = 0x800 } },
};

static void open_decoder(struct packet_decoder *d, const struct row *r)
{
    struct aggregate_spec spec = { 0 };
    struct err e;
    bool dropped;
    assert_int_equal(aggregate_parse(r->aggregate, 'P', &spec, &dropped, &e), 0);
    assert_int_equal(packet_decoder_open(d, r->dlt, &(struct packet_options){ .needs = &spec.set }, &e), 0);
}

static void same_addr(const char *text, const struct addr *a)
{
    struct addr want = { { 0 } };
    if (text)
        assert_int_equal(addr_parse(text, &want), 0);
    assert_memory_equal(a->b, want.b, sizeof(want.b));
}

static void check_row(const struct row *r, const struct packet_decoder *d, const struct flow *f)
{
    const struct want *w = &r->want;
    same_addr(w->src, &f->src_host);
    same_addr(w->dst, &f->dst_host);
    const unsigned pairs[][2] = { { f->src_port, w->sport },
                                  { f->dst_port, w->dport },
                                  { f->proto, w->proto },
                                  { f->tos, w->tos },
                                  { f->tcpflags, w->flags },
                                  { (unsigned)f->bytes, w->bytes },
                                  { f->vlan, w->vlan },
                                  { f->cos, w->cos },
                                  { f->in_cvlan, w->cvlan },
                                  { f->etype, w->etype },
                                  { f->icmp_type, w->icmp },
                                  { f->mpls_stack_depth, w->labels },
                                  { f->mpls_label_top, w->top },
                                  { f->mpls_label_bottom, w->bottom },
                                  { f->mpls_label_stack.len, w->labels * 4 } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i][0] != pairs[i][1])
            fail_msg("%s: value %zu is %u, not %u", r->name, i, pairs[i][0], pairs[i][1]);
    assert_int_equal(f->packets, 1);
    assert_int_equal(d->count[PACKET_OK], 1);
}

static void frames_give_their_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct packet_decoder d;
        uint8_t frame[512];
        struct flow f;
        memset(&f, 0xff, sizeof(f)); /* what a frame before it may have left */
        uint32_t n = (uint32_t)unhex(r->frame, frame, sizeof(frame));
        open_decoder(&d, r);
        enum packet_drop got = packet_decode(&d, frame, n, r->wire ? r->wire : n, &f);
        if (got != r->result)
            fail_msg("%s: %s", r->name, packet_drop_names[got]);
        if (got == PACKET_OK)
            check_row(r, &d, &f);
    }
}

/* Each prefix of each frame, in memory of just its size: nothing is read beyond it, whatever the link type
 * takes it for. */
static void no_frame_is_read_past_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t frame[512];
        uint32_t n = (uint32_t)unhex(rows[i].frame, frame, sizeof(frame));
        struct packet_decoder d;
        struct flow f = { 0 };
        open_decoder(&d, &rows[i]);
        for (uint32_t len = 0; len <= n; len++) {
            uint8_t *copy = malloc(len ? len : 1);
            assert_non_null(copy);
            memcpy(copy, frame, len);
            packet_decode(&d, copy, len, rows[i].wire ? rows[i].wire : n, &f);
            free(copy);
        }
        uint64_t sum = 0;
        for (unsigned k = 0; k < PACKET_DROP_MAX; k++)
            sum += d.count[k];
        assert_int_equal(sum, n + 1);
    }
}

static void cut_headers_keep_what_was_there(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f = { 0 };
    uint8_t frame[512];
    open_decoder(&d, &rows[0]);
    unhex(rows[0].frame, frame, sizeof(frame));
    assert_int_equal(packet_decode(&d, frame, 13, 60, &f), PACKET_SHORT_LINK);
    assert_int_equal(packet_decode(&d, frame, 14 + 19, 60, &f), PACKET_SHORT_IP4);
    assert_int_equal(packet_decode(&d, frame, 14 + 20, 60, &f), PACKET_OK); /* addresses, no ports */
    assert_int_equal(f.proto, 6);
    assert_int_equal(f.dst_port, 0);
    assert_int_equal(packet_decode(&d, frame, 14 + 24, 60, &f), PACKET_OK); /* ports, no flags */
    assert_int_equal(f.dst_port, 80);
    assert_int_equal(f.tcpflags, 0);
    assert_int_equal(d.cut, 2);
}

static void endless_headers_end(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f = { 0 };
    uint8_t frame[512];
    open_decoder(&d, &rows[0]);
    unhex(rows[0].frame, frame, sizeof(frame));
    for (size_t at = 12; at + 4 <= sizeof(frame); at += 4)
        memcpy(frame + at, "\x81\x00\x00\x01", 4);
    assert_int_equal(packet_decode(&d, frame, sizeof(frame), sizeof(frame), &f), PACKET_TOO_DEEP);
    for (size_t at = 14; at < sizeof(frame); at++)
        frame[at] = 0;
    frame[12] = 0x88;
    frame[13] = 0x47; /* labels without an end */
    assert_int_equal(packet_decode(&d, frame, sizeof(frame), sizeof(frame), &f), PACKET_TOO_DEEP);
}

static void directions_of_cooked_captures(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f = { 0 };
    uint8_t frame[512];
    struct row r = { .dlt = SLL, .aggregate = ALL };
    uint32_t n =
        (uint32_t)unhex("0004 0001 0006 0200000000010000 0800" IP4("001c", "11") UDP, frame, sizeof(frame));
    open_decoder(&d, &r);
    assert_int_equal(packet_decode(&d, frame, n, n, &f), PACKET_OK);
    assert_int_equal(f.sampling_direction, DIRECTION_OUT);
    frame[1] = 0;
    assert_int_equal(packet_decode(&d, frame, n, n, &f), PACKET_OK);
    assert_int_equal(f.sampling_direction, DIRECTION_IN);
}

static void unknown_link_types_are_refused(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct fieldset needs = { { 0 } };
    struct err e;
    assert_int_equal(packet_decoder_open(&d, 147, &(struct packet_options){ .needs = &needs }, &e), -1);
    assert_string_equal(e.text, "data link not supported: 147");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_give_their_fields),        cmocka_unit_test(no_frame_is_read_past_its_end),
        cmocka_unit_test(cut_headers_keep_what_was_there), cmocka_unit_test(endless_headers_end),
        cmocka_unit_test(directions_of_cooked_captures),   cmocka_unit_test(unknown_link_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
