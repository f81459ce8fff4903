/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of map files and lists: grammar, messages, values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "config/mapfile.h"

enum { K_ID, K_IP, K_FILTER, K_PTR };
static const struct mapfile_key keys[] = {
    { "id", K_ID, false },         { "set_tag", K_ID, false },    { "ip", K_IP, false },
    { "filter", K_FILTER, false }, { "packet_ptr", K_PTR, true }, { NULL, 0, false },
};

/* What the rows were, as text: "line:key=value;..." */
static char seen[4096];

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    size_t at = strlen(seen);
    (void)ctx;
    at += (size_t)snprintf(seen + at, sizeof(seen) - at, "%u", row->line);
    for (unsigned i = 0; i < row->n; i++)
        at +=
            (size_t)snprintf(seen + at, sizeof(seen) - at, " %s=<%s>", row->pair[i].key, row->pair[i].value);
    snprintf(seen + at, sizeof(seen) - at, ";");
    return mapfile_value(row, K_ID) ? 0 : err_set(e, ERR_CONFIG, "required key missing");
}

static const struct mapfile_spec spec = { keys, on_row };

static int parse(const char *text, struct err *e)
{
    char *copy = strdup(text);
    seen[0] = '\0';
    int status = mapfile_parse("f.map", copy, strlen(copy), &spec, NULL, e);
    free(copy);
    return status;
}

static void grammar(void **state)
{
    static const struct {
        const char *text, *rows;
    } cases[] = {
        { "", "" },
        { "\n\n  \t\n", "" },
        { "! a comment | with a pipe\n  # and another = one\n", "" },
        { "id=1", "1 id=<1>;" },
        { "id=1\nid=2\n", "1 id=<1>;2 id=<2>;" },
        { " \tip=10.0.0.0/8 \t id=1 \r\n", "1 ip=<10.0.0.0/8> id=<1>;" },
        { "id=1 filter='vlan 210 and tcp[13]|2'", "1 id=<1> filter=<vlan 210 and tcp[13]|2>;" },
        { "id=1 filter='' ip=::1", "1 id=<1> filter=<> ip=<::1>;" },
        { "id=a=b", "1 id=<a=b>;" },
        { "packet_ptr=a id=1 packet_ptr=b", "1 packet_ptr=<a> id=<1> packet_ptr=<b>;" },
        { "!\n\nid=1 ip=it's", "3 id=<1> ip=<it's>;" },
        { "id=1!", "1 id=<1!>;" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        assert_int_equal(parse(cases[i].text, &e), 0);
        assert_string_equal(seen, cases[i].rows);
    }
}

static void faults(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "id", "[f.map:1] malformed line" },
        { "id = 1", "[f.map:1] malformed line" },
        { "id= 1", "[f.map:1] malformed line: 'id' has no value" },
        { "=1", "[f.map:1] malformed line" },
        { "id=1 stray", "at 'stray'" },
        { "\nid=1|2", "[f.map:2] malformed line: invalid symbol '|'" },
        { "id=1 filter='no end", "the quote of 'filter' does not end" },
        { "id=1 filter='a'b", "the quote of 'filter' does not end" },
        { "id=1 foobarbaz=2", "unknown key 'foobarbaz'" },
        { "id=1 fliter=2", "unknown key 'fliter': was 'filter' meant?" },
        { "id=1 ID=2", "unknown key 'ID'" },
        { "id=1 id=2", "Multiple 'id' clauses part of the same statement" },
        { "id=1 set_tag=2", "Multiple 'set_tag' clauses part of the same statement" },
        { "id=1\nip=1", "[f.map:2] required key missing" },
        { "a\nb\nc\nd\ne", "[f.map:1] malformed" },
        { "a\nb\nc\nd\ne", "[f.map:3] malformed" },
        { "a\nb\nc\nd\ne", "; and 2 more" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = { 0 };
        assert_int_equal(parse(cases[i].text, &e), -1);
        if (!strstr(e.text, cases[i].said))
            fail_msg("'%s' says: %s", cases[i].text, e.text);
    }
}

/* A row behind a faulty one is read all the same, so that one run tells of all faults. */
static void goes_on(void **state)
{
    struct err e;
    (void)state;
    assert_int_equal(parse("id=1\nwrong\nid=3", &e), -1);
    assert_string_equal(seen, "1 id=<1>;3 id=<3>;");
}

static void nul_octets(void **state)
{
    struct err e;
    char text[] = "id=1\nid=2\0 ip=3\nid=4\n";
    (void)state;
    seen[0] = '\0';
    assert_int_equal(mapfile_parse("f", text, sizeof(text) - 1, &spec, NULL, &e), -1);
    assert_non_null(strstr(e.text, "[f:2] malformed line: a NUL octet"));
    assert_string_equal(seen, "1 id=<1>;3 id=<4>;");
}

static int on_long_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    (void)e;
    *(size_t *)ctx += strlen(row->pair[0].value);
    return 0;
}

static void long_rows(void **state)
{
    static const struct mapfile_spec longs = { keys, on_long_row };
    size_t octets = 0;
    enum { LEN = 100000 };
    char *text = malloc(LEN + 16);
    struct err e;
    (void)state;
    assert_non_null(text);
    memcpy(text, "id=", 3);
    memset(text + 3, '7', LEN);
    memcpy(text + 3 + LEN, "\nid=8", 6);
    assert_int_equal(mapfile_parse("f", text, 3 + LEN + 5, &longs, &octets, &e), 0);
    assert_int_equal(octets, LEN + 1);
    free(text);
}

static void files(void **state)
{
    char path[] = "/tmp/mapfile_test.XXXXXX";
    struct err e;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "id=5\n", 5), 5);
    close(fd);
    seen[0] = '\0';
    assert_int_equal(mapfile_read(path, &spec, NULL, &e), 0);
    assert_string_equal(seen, "1 id=<5>;");
    unlink(path);
    assert_int_equal(mapfile_read(path, &spec, NULL, &e), -1);
    assert_non_null(strstr(e.text, "file not found"));
    assert_int_equal(mapfile_read("/", &spec, NULL, &e), -1);
}

static int on_item(void *ctx, unsigned line, char *text, struct err *e)
{
    size_t at = strlen(seen);
    (void)ctx;
    snprintf(seen + at, sizeof(seen) - at, "%u<%s>", line, text);
    return strcmp(text, "bad") != 0 ? 0 : err_set(e, ERR_CONFIG, "no good");
}

static void lists(void **state)
{
    struct err e;
    char text[] = "! c\n80\n  443 # https\r\n\n a b \nbad\n22", end[] = "1";
    (void)state;
    seen[0] = '\0';
    assert_int_equal(listfile_parse("l", text, strlen(text), on_item, NULL, &e), -1);
    assert_string_equal(e.text, "[l:6] no good");
    assert_string_equal(seen, "2<80>3<443>5<a b>6<bad>7<22>");
    seen[0] = '\0';
    assert_int_equal(listfile_parse("l", end, 1, on_item, NULL, &e), 0);
    assert_string_equal(seen, "1<1>");
}

/* ---- values */

static void numbers(void **state)
{
    struct err e;
    uint64_t v;
    (void)state;
    assert_int_equal(map_number("in", "18446744073709551615", 0, UINT64_MAX, &v, &e), 0);
    assert_true(v == UINT64_MAX);
    static const char *const bad[] = { "",   "-1",         "+1",
                                       " 1", "1 ",         "0x1",
                                       "x",  "4294967296", "18446744073709551616" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(map_number("in", bad[i], 0, UINT32_MAX, &v, &e), -1);
    assert_string_equal(e.text, "bad 'in' value: '18446744073709551616': a whole number from 0 to 4294967295 "
                                "is expected");
    assert_int_equal(map_hex("f", "1b", 255, &v, &e), 0);
    assert_int_equal(v, 27);
    assert_int_equal(map_hex("f", "0x1B", 255, &v, &e), 0);
    assert_int_equal(v, 27);
    assert_int_equal(map_hex("f", "100", 255, &v, &e), -1);
    assert_int_equal(map_hex("f", "g", 255, &v, &e), -1);
    bool b;
    assert_int_equal(map_bool("x", "TRUE", &b, &e), 0);
    assert_true(b);
    assert_int_equal(map_bool("x", "false", &b, &e), 0);
    assert_false(b);
    assert_int_equal(map_bool("x", "1", &b, &e), -1);
    assert_string_equal(map_negation("-5", &b), "5");
    assert_true(b);
    assert_string_equal(map_negation("5", &b), "5");
    assert_false(b);
}

static void prefixes(void **state)
{
    static const struct {
        const char *net, *in, *out;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", "11.0.0.0" },
        { "10.1.2.3/8", "10.255.0.1", "9.255.255.255" },
        { "192.0.2.1", "192.0.2.1", "192.0.2.0" },
        { "0.0.0.0/0", "1.2.3.4", "2001:db8::1" },
        { "::/0", "2001:db8::1", "1.2.3.4" },
        { "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
        { "2001:db8::5", "2001:db8::5", "2001:db8::4" },
        { "10.0.0.0/31", "10.0.0.1", "10.0.0.2" },
        { "::/0", "::", "0.0.0.0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr net, a;
        struct err e;
        uint8_t bits;
        assert_int_equal(map_prefix("ip", cases[i].net, &net, &bits, &e), 0);
        assert_int_equal(addr_parse(cases[i].in, &a), 0);
        if (!map_in_prefix(&a, &net, bits))
            fail_msg("%s is not in %s", cases[i].in, cases[i].net);
        assert_int_equal(addr_parse(cases[i].out, &a), 0);
        if (map_in_prefix(&a, &net, bits))
            fail_msg("%s is in %s", cases[i].out, cases[i].net);
        assert_false(map_in_prefix(&(struct addr){ 0 }, &net, bits));
    }
    static const char *const bad[] = { "",          "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x",
                                       "999.1.1.1", "::/129",      "a",         "10/8" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct addr net;
        struct err e;
        uint8_t bits;
        assert_int_equal(map_prefix("ip", bad[i], &net, &bits, &e), -1);
    }
}

static void macs_and_rds(void **state)
{
    static const struct {
        const char *text;
        uint8_t rd[8];
    } rds[] = {
        { "0:64512:10", { 0, 0, 0xfc, 0, 0, 0, 0, 10 } },
        { "1:192.0.2.1:10", { 0, 1, 192, 0, 2, 1, 0, 10 } },
        { "2:4200000000:10", { 0, 2, 0xfa, 0x56, 0xea, 0, 0, 10 } },
        { "64512:10", { 0, 0, 0xfc, 0, 0, 0, 0, 10 } },
        { "192.0.2.1:10", { 0, 1, 192, 0, 2, 1, 0, 10 } },
        { "70000:10", { 0, 2, 0, 1, 0x11, 0x70, 0, 10 } },
    };
    static const char *const bad[] = { "",        "1",     "0:70000:1", "3:1:1",
                                       "0:1:1:1", "1:1:1", "0:64512:",  "2:1:70000" };
    static const char *const bad_macs[] = { "",
                                            "02:00:00:aa:bb",
                                            "02:00:00:aa:bb:cc:dd",
                                            "02-00-00-aa-bb-cc",
                                            "0g:00:00:aa:bb:cc",
                                            "002:0:0:aa:bb:cc" };
    struct err e;
    uint8_t rd[8], mac[6];
    (void)state;
    for (size_t i = 0; i < sizeof(rds) / sizeof(rds[0]); i++) {
        assert_int_equal(map_rd("rd", rds[i].text, rd, &e), 0);
        assert_memory_equal(rd, rds[i].rd, 8);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(map_rd("rd", bad[i], rd, &e), -1);
    assert_int_equal(map_mac("m", "02:0:fF:aa:bb:cc", mac, &e), 0);
    assert_memory_equal(mac, ((const uint8_t[]){ 2, 0, 0xff, 0xaa, 0xbb, 0xcc }), 6);
    for (size_t i = 0; i < sizeof(bad_macs) / sizeof(bad_macs[0]); i++)
        assert_int_equal(map_mac("m", bad_macs[i], mac, &e), -1);
}

static void comma_lists(void **state)
{
    char buf[4];
    const char *at = "a,,toolong,bcd";
    (void)state;
    assert_true(map_list_next(&at, buf, sizeof(buf)));
    assert_string_equal(buf, "a");
    assert_false(map_list_next(&at, buf, sizeof(buf)));
    assert_false(map_list_next(&at, buf, sizeof(buf)));
    assert_true(map_list_next(&at, buf, sizeof(buf)));
    assert_string_equal(buf, "bcd");
    assert_null(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),      cmocka_unit_test(faults),      cmocka_unit_test(goes_on),
        cmocka_unit_test(nul_octets),   cmocka_unit_test(long_rows),   cmocka_unit_test(files),
        cmocka_unit_test(lists),        cmocka_unit_test(numbers),     cmocka_unit_test(prefixes),
        cmocka_unit_test(macs_and_rds), cmocka_unit_test(comma_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
