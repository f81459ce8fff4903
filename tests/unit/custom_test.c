/* SPDX-License-Identifier: BSD-2-Clause */
/* aggregate_primitives: the file, its faults, and how values come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/custom.h"
#include "core/imt_proto.h"
#include "core/project.h"
#include "output/format.h"

static struct customs *parse(const char *text, struct err *e)
{
    char *copy = strdup(text);
    struct customs *c = customs_parse("p.lst", copy, strlen(copy), e);
    free(copy);
    return c;
}

static const char file[] =
    "! comment\n"
    "name=vrf_in semantics=u_int len=4 field_type=234\n"
    "name=opaque field_type=9:12235 semantics=raw len=vlen\n"
    "name=Hop_Limit len=1 semantics=u_int packet_ptr=l3:0x0800+8 packet_ptr=l3:0x86dd+7\n"
    "name=sum semantics=hex len=2 packet_ptr=l4:17+6 field_type=5:1\n"
    "name=gw semantics=ip len=4 field_type=15\nname=gw2 semantics=ip len=4 field_type=15\n"
    "name=mac semantics=mac len=6 field_type=56\nname=if semantics=str len=8 field_type=82\n"
    "name=gw6 semantics=ip len=16 field_type=62\n";

static void reading(void **state)
{
    struct err e = { 0 };
    struct customs *c = parse(file, &e);
    (void)state;
    if (!c)
        fail_msg("%s", e.text);
    assert_int_equal(c->n, 9);
    assert_int_equal(c->c[0].id, 234);
    assert_int_equal(c->c[0].len, 4);
    assert_int_equal(c->c[1].pen, 9);
    assert_int_equal(c->c[1].id, 12235);
    assert_int_equal(c->c[1].len, 0);
    assert_string_equal(c->c[2].name, "hop_limit");
    assert_false(c->c[2].from_element);
    assert_int_equal(c->c[2].n_places, 2);
    assert_int_equal(c->c[2].place[0].layer, LAYER_L3);
    assert_int_equal(c->c[2].place[0].proto, 0x0800);
    assert_int_equal(c->c[2].place[0].offset, 8);
    assert_int_equal(c->c[2].place[1].proto, 0x86dd);
    assert_int_equal(c->c[3].place[0].proto, 17);
    assert_true(c->c[3].from_element);
    assert_int_equal(c->c[4].occurrence, 0);
    assert_int_equal(c->c[5].occurrence, 1);
    assert_int_equal(customs_find(c, "HOP_limit", 9), 2);
    assert_int_equal(customs_find(c, "hop", 3), -1);
    free(c);
}

static void faults(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "name=bad", "[p.lst:1] Invalid entry: name=bad" },
        { "!\nname=bad len=4 semantics=u_int", "[p.lst:2] Invalid entry: name=bad" },
        { "len=4 semantics=u_int field_type=1", "Invalid entry: name=" },
        { "name=a len=3 semantics=u_int field_type=1", "u_int and hex have a len of 1, 2, 4 or 8" },
        { "name=a len=vlen semantics=hex field_type=1", "u_int and hex have a len of" },
        { "name=a len=5 semantics=ip field_type=1", "ip has a len of 4 or 16" },
        { "name=a len=5 semantics=mac field_type=1", "mac has a len of 6" },
        { "name=a len=0 semantics=raw field_type=1", "bad 'len' value: '0'" },
        { "name=a len=65535 semantics=raw field_type=1", "bad 'len' value: '65535'" },
        { "name=a len=4 semantics=int field_type=1", "bad 'semantics' value: 'int'" },
        { "name=a len=4 semantics=u_int field_type=x", "bad 'field_type' value: 'x'" },
        { "name=a len=4 semantics=u_int field_type=9:40000", "bad 'field_type' value: '40000'" },
        { "name=a len=4 semantics=u_int packet_ptr=l5+1", "bad 'packet_ptr' value: 'l5+1'" },
        { "name=a len=4 semantics=u_int packet_ptr=mac:1+1", "bad 'packet_ptr' value: 'mac:1+1'" },
        { "name=a len=4 semantics=u_int packet_ptr=l3:x", "bad 'packet_ptr' value: 'l3:x'" },
        { "name=a len=4 semantics=u_int packet_ptr=l3+", "bad 'packet_ptr' value: 'l3+'" },
        { "name=a len=4 semantics=u_int packet_ptr=l3+1x", "bad 'packet_ptr' value: 'l3+1x'" },
        { "name=src_host len=4 semantics=u_int field_type=1", "'src_host' is a primitive already" },
        { "name=a|b len=4 semantics=u_int field_type=1", "invalid symbol '|'" },
        { "name=a.b len=4 semantics=u_int field_type=1", "letters, digits, _ and - are expected" },
        { "name=a len=4 semantics=u_int field_type=1\nname=A len=4 semantics=u_int field_type=2",
          "[p.lst:2] Duplicate custom aggregate primitive name specified: a" },
        { "name=a len=4 semantics=u_int field_type=1 field_type=2", "Multiple 'field_type' clauses" },
        { "name=a len=4 semantics=u_int fieldtype=1", "unknown key 'fieldtype': was 'field_type' meant?" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        struct customs *c = parse(cases[i].text, &e);
        if (c || !strstr(e.text, cases[i].said))
            fail_msg("'%s' says: %s", cases[i].text, c ? "nothing" : e.text);
    }
}

/* Through a key and out of it again, in each form; and over the memory plugin's socket. */
static void values(void **state)
{
    struct err e = { 0 };
    struct customs *c = parse(file, &e);
    struct aggregate_spec spec;
    struct layout l, far;
    struct projection p;
    const struct config conf = { 0 };
    static uint64_t memory[512];
    struct record *rec = (struct record *)memory;
    struct flow f;
    struct strbuf s, hello;
    (void)state;
    assert_int_equal(aggregate_parse_custom("src_port, vrf_in, opaque, sum, gw, gw2, mac, if, gw6", 'N', c,
                                            &spec, NULL, &e),
                     0);
    assert_int_equal(aggregate_parse_custom("src_port, nonsense", 'N', c, &spec, NULL, &e), -1);
    assert_int_equal(
        aggregate_parse_custom("VRF_IN, opaque, sum, gw, gw2, mac, if, gw6", 'N', c, &spec, NULL, &e), 0);
    assert_false(spec.none);
    memset(&f, 0, sizeof(f));
    customs_clear(c, spec.custom, &f);
    f.custom[0] = (struct var){ "\0\1\0\2", 4 };
    f.custom[1] = (struct var){ "\1\xfe", 2 };
    f.custom[4] = (struct var){ "\xc0\0\2\1", 4 };
    f.custom[7] = (struct var){ "eth\"0\0x", 8 };
    layout_make(&l, &spec, false);
    projection_make(&p, &l, &spec, &conf);
    assert_true(projection_size(&p, &f) <= sizeof(memory));
    projection_run(&p, &f, rec);
    struct row row = { .key = (const uint8_t *)rec + sizeof(*rec), .packets = 1, .bytes = 2 };
    static const struct {
        enum format_kind kind;
        const char *want;
    } forms[] = {
        { FORMAT_CSV, "65538,01-FE,0,192.0.2.1,0.0.0.0,00:00:00:00:00:00,\"eth\"\"0\",::,1,2\n" },
        { FORMAT_JSON,
          "{\"event_type\": \"purge\", \"vrf_in\": \"65538\", \"opaque\": \"01-FE\", \"sum\": \"0\", "
          "\"gw\": \"192.0.2.1\", \"gw2\": \"0.0.0.0\", \"mac\": \"00:00:00:00:00:00\", \"if\": "
          "\"eth\\\"0\", \"gw6\": \"::\", \"packets\": 1, \"bytes\": 2}\n" },
    };
    strbuf_init(&hello, 65536);
    imt_hello_put(&hello, &l);
    struct cursor body = cursor_of(hello.p + IMT_HEADER, hello.len - IMT_HEADER);
    if (imt_hello_get(body, &far, &e) == -1)
        fail_msg("%s", e.text);
    strbuf_init(&s, 65536);
    for (unsigned i = 0; i < 4; i++) {
        const struct format_style style = { .kind = forms[i % 2].kind,
                                            .separator = ',',
                                            .event_type = "purge" };
        struct format *format = format_new(i < 2 ? &l : &far, &style);
        strbuf_clear(&s);
        format_row(format, &row, &s);
        assert_string_equal(strbuf_cstr(&s), forms[i % 2].want);
        format_free(format);
    }
    strbuf_free(&s);
    strbuf_free(&hello);
    layout_free(&far);
    free(c);
}

/* ---- out of packets */

static const uint8_t udp4[] = {
    2,    0, 0, 0,  0, 1,  2,    0,    0,   0,   0,   2,   0x81, 0, 0,   210, 0x88, 0x47, /* Ethernet, VLAN
                                                                                             210, MPLS */
    0,    1, 0, 64, 0, 2,  1,    64,                                                      /* two labels */
    0x45, 0, 0, 36, 0, 1,  0,    0,    63,  17,  0,   0,   10,   0, 0,   1,   10,   0,    0,
    2,                                                                        /* IPv4, TTL 63 */
    0x10, 1, 0, 53, 0, 16, 0xbe, 0xef, 'h', 'e', 'l', 'l', 'o',  0, 'x', 'y', /* UDP, its checksum 0xbeef */
};
static const uint8_t tcp6[] = {
    0x60, 0,  0,   0,    0, 28, 60, 62, 0x20, 1, 0xd, 0xb8, 0,    0, 0, 0,  0,    0,    0, 0, 0,   0,   0, 1,
    0x20, 1,  0xd, 0xb8, 0, 0,  0,  0,  0,    0, 0,   0,    0,    0, 0, 2,  6,    0,    1, 4, 0,   0,   0, 0,
    0,    80, 4,   0,    0, 0,  0,  1,  0,    0, 0,   2,    0x50, 2, 0, 16, 0xca, 0xfe, 0, 0, 'p', 'q',
};

static const struct customs *own;

static const char *in_packet(unsigned i, const uint8_t *p, uint32_t caplen, int dlt)
{
    static char text[256];
    struct flow f;
    size_t n = 0;
    uint8_t *exact = malloc(caplen); /* so that a checker sees reads behind the end */
    assert_non_null(exact);
    memcpy(exact, p, caplen);
    memset(&f, 0, sizeof(f));
    f.packet = exact;
    f.packet_caplen = f.packet_len = caplen;
    f.packet_dlt = dlt;
    customs_from_packet(own, UINT64_C(1) << i, &f);
    text[0] = '\0';
    for (uint32_t k = 0; k < f.custom[i].len && n + 3 < sizeof(text); k++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x", ((const uint8_t *)f.custom[i].p)[k]);
    free(exact);
    return text;
}

static void packets(void **state)
{
    struct err e = { 0 };
    enum { TTL, SUM, VLAN, LABEL, TEXT, REST, MAC, FAR, TCP, N };
    struct customs *c = parse("name=hl len=1 semantics=u_int packet_ptr=l3:0x0800+8 packet_ptr=l3:34525+7\n"
                              "name=sum len=2 semantics=hex packet_ptr=l4:17+6 packet_ptr=l4:6+16\n"
                              "name=tci len=2 semantics=u_int packet_ptr=vlan\n"
                              "name=lab len=4 semantics=hex packet_ptr=mpls+4\n"
                              "name=txt len=vlen semantics=str packet_ptr=payload\n"
                              "name=rest len=vlen semantics=raw packet_ptr=payload+5\n"
                              "name=dst len=6 semantics=mac packet_ptr=mac\n"
                              "name=far len=4 semantics=raw packet_ptr=packet+60\n"
                              "name=ports len=2 semantics=u_int packet_ptr=l4:6\n",
                              &e);
    (void)state;
    if (!c)
        fail_msg("%s", e.text);
    own = c;
    static const char *const of_udp[N] = { "3f",     "beef",         "00d2",     "00020140", "68656c6c6f",
                                           "007879", "020000000001", "00000000", "0000" };
    static const char *const of_tcp[N] = { "3e", "cafe",         "0000",     "00000000", "7071",
                                           "",   "000000000000", "1002000a", "0050" };
    for (unsigned i = 0; i < N; i++) {
        assert_string_equal(in_packet(i, udp4, sizeof(udp4), 1), of_udp[i]);
        if (i != FAR)
            assert_string_equal(in_packet(i, tcp6, sizeof(tcp6), 101), of_tcp[i]);
    }
    /* wherever the capture was cut: fixed ones are there whole or zero, and nothing is read behind it */
    for (unsigned i = 0; i < N; i++)
        for (uint32_t n = 0; n < sizeof(udp4); n++) {
            const char *text = in_packet(i, udp4, n, 1);
            if (c->c[i].len)
                assert_true(!strcmp(text, of_udp[i]) || strspn(text, "0") == 2u * c->c[i].len);
        }
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(faults),
        cmocka_unit_test(values),
        cmocka_unit_test(packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
