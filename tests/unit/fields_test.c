/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields table, words of aggregate, the list of -a, protocol names. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/fields.h"

/* What nothing but the eye would find in a row: repeated names and ranks, texts too long for -a. */
static void test_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIELD_MAX; i++) {
        const struct field *f = &fields[i];
        assert_true(*f->text && strlen(f->text) <= 64);
        assert_true(strlen(f->name) <= 33);
        assert_true(*f->json && strlen(f->title) < 32);
        assert_true(strspn(f->daemons, "PUNSpuns") == strlen(f->daemons));
        assert_true(f->json_rank && f->client_rank && f->list_rank);
        assert_true(f->sql_rank ? *f->sql : !*f->sql);
        assert_true(f->width == 0 || f->width > strlen(f->title));
        assert_true(f->off + f->size <= sizeof(struct flow));
        assert_int_equal(field_is_var(f), f->size == sizeof(struct var) && f->kind >= FK_TEXT);
        for (unsigned k = 0; k < i; k++) {
            const struct field *g = &fields[k];
            assert_string_not_equal(f->name, g->name);
            assert_string_not_equal(f->json, g->json);
            assert_true(!*f->title || strcmp(f->title, g->title));
            assert_int_not_equal(f->json_rank, g->json_rank);
            assert_true(!f->sql_rank || f->sql_rank != g->sql_rank);
            assert_true(f->group != g->group || f->list_rank != g->list_rank);
        }
    }
}

static void test_find(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIELD_MAX; i++)
        assert_ptr_equal(field_find(fields[i].name, strlen(fields[i].name)), &fields[i]);
    assert_ptr_equal(field_find("SRC_Host,dst_host", 8), &fields[FIELD_src_host]);
    assert_ptr_equal(field_find("class_frame", 11), &fields[FIELD_class]);
    assert_ptr_equal(field_find("export_proto_time", 17), &fields[FIELD_timestamp_export]);
    assert_null(field_find("src_hos", 7));
    assert_null(field_find("src_hosts", 9));
    assert_null(field_find("sum_host", 8));
    assert_null(field_find("", 0));
}

/* The words of a set, in the order of the table. */
static const char *set_text(const struct fieldset *s, char *buf, size_t size)
{
    *buf = '\0';
    for (unsigned i = 0; i < FIELD_MAX; i++)
        if (fieldset_has(s, (enum field_id)i))
            snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", *buf ? "," : "", fields[i].name);
    return buf;
}

static void test_aggregate(void **state)
{
    static const struct {
        const char *list, *set;
        bool flows, none, dropped;
        enum sum_kind sum;
    } rows[] = {
        { .list = "src_host,dst_host", .set = "src_host,dst_host" },
        { .list = " Src_Host , DST_HOST,,proto,", .set = "src_host,dst_host,proto" },
        { .list = "src _ho st", .set = "src_host" },
        { .list = "src_host,src_host", .set = "src_host" },
        { .list = "tcpflags", .set = "tcpflags" },
        { .list = "src_host,flows", .set = "src_host", .flows = true },
        { .list = "", .set = "", .none = true },
        { .list = " , ", .set = "", .none = true },
        { .list = "none", .set = "", .none = true },
        { .list = "none,flows", .set = "", .none = true, .flows = true },
        { .list = "none,src_as", .set = "src_as" },
        { .list = "class_frame", .set = "class" },
        { .list = "export_proto_time,timestamp_export", .set = "timestamp_export" },
        { .list = "sum", .set = "src_host", .sum = SUM_HOST },
        { .list = "sum_host", .set = "src_host", .sum = SUM_HOST },
        { .list = "sum_mac", .set = "src_mac", .sum = SUM_MAC },
        { .list = "sum_net", .set = "src_net", .sum = SUM_NET },
        { .list = "sum_as", .set = "src_as", .sum = SUM_AS },
        { .list = "sum_port", .set = "src_port", .sum = SUM_PORT },
        { .list = "tag,tag2,class,flows,sum_as",
          .set = "tag,tag2,class,src_as",
          .flows = true,
          .sum = SUM_AS },
        { .list = "sum_as,src_host,tag", .set = "tag,src_as", .sum = SUM_AS, .dropped = true },
        { .list = "label,sum_host", .set = "src_host", .sum = SUM_HOST, .dropped = true },
        { .list = "sum_port,sum_net,sum_as", .set = "src_net", .sum = SUM_NET, .dropped = true },
        { .list = "sum_host,sum_mac", .set = "src_mac", .sum = SUM_MAC, .dropped = true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aggregate_spec spec;
        struct err e;
        bool dropped;
        char text[512];
        for (const char *daemon = "PUNS"; *daemon; daemon++) {
            assert_int_equal(aggregate_parse(rows[i].list, *daemon, &spec, &dropped, &e), 0);
            assert_string_equal(set_text(&spec.set, text, sizeof(text)), rows[i].set);
            assert_int_equal(spec.flows, rows[i].flows);
            assert_int_equal(spec.none, rows[i].none);
            assert_int_equal(spec.sum, rows[i].sum);
            assert_int_equal(dropped, rows[i].dropped);
        }
    }
}

static void test_unknown(void **state)
{
    static const struct {
        const char *list, *text;
    } rows[] = {
        { "foo", "Unknown primitive 'foo', did you mean '" },
        { "src_host,dst_hots", "Unknown primitive 'dst_hots', did you mean 'dst_host'?" },
        { "tcp_flags", "Unknown primitive 'tcp_flags', did you mean 'tcpflags'?" },
        { "sumhost", "Unknown primitive 'sumhost', did you mean 'sum_host'?" },
        { "timestamps_start", "Unknown primitive 'timestamps_start', did you mean 'timestamp_start'?" },
        { "src_host,packets", "Unknown primitive 'packets': packets and bytes are always counted" },
        { "Bytes", "Unknown primitive 'Bytes': packets and bytes are always counted" },
        { "timestamp_min", "Unknown primitive 'timestamp_min'" }, /* stitching writes it */
        { "src_host dst_host", "Unknown primitive 'src_hostdst_host'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aggregate_spec spec;
        struct err e;
        assert_int_equal(aggregate_parse(rows[i].list, 'N', &spec, NULL, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_memory_equal(e.text, rows[i].text, strlen(rows[i].text));
    }
    char big[5000];
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    struct aggregate_spec spec;
    struct err e;
    assert_int_equal(aggregate_parse(big, 'N', &spec, NULL, &e), -1);
}

static char *list_of(char daemon)
{
    char name[] = "/tmp/fields_test.XXXXXX", *text = calloc(1, 65536);
    int fd = mkstemp(name), old = dup(STDOUT_FILENO);
    assert_true(fd != -1 && old != -1 && text);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    fields_print(daemon);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    assert_true(pread(fd, text, 65535, 0) > 0);
    close(old);
    close(fd);
    unlink(name);
    return text;
}

/* Counts the rows of a list; each must have its form. */
static unsigned count_rows(const char *text)
{
    unsigned n = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n");
        if (!memchr(line, ':', len))
            continue;
        assert_int_equal(len, 33 + 2 + 64);
        assert_memory_equal(line + 33, ": ", 2);
        n++;
    }
    return n;
}

static void test_list(void **state)
{
    static const struct {
        char daemon;
        unsigned n;
        const char *has, *has_not;
    } rows[] = {
        { 'P', 64, "\nsrc_host ", "\nnat_event " },
        { 'U', 66, "\nin_iface ", "\npeer_src_ip " },
        { 'N', 94, "\nflows ", "\ntunnel_src_mac " },
        { 'S', 72, "\npeer_src_ip ", "\nflows " },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = list_of(rows[i].daemon);
        assert_int_equal(count_rows(text), rows[i].n);
        assert_non_null(strstr(text, rows[i].has));
        assert_null(strstr(text, rows[i].has_not));
        assert_null(strstr(text, "\ntimestamp_min"));
        assert_memory_equal(text, "L2\ncos  ", 8);
        const char *at = text;
        static const char *const groups[] = { "L2\n",       "\n\nL3\n",   "\n\nL4\n",
                                              "\n\nBGP\n",  "\n\nNAT\n",  "\nTUNNEL\n",
                                              "\n\nMPLS\n", "\n\nMISC\n", "\n\nTIME\n" };
        for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
            assert_non_null(at = strstr(at, groups[g]));
        free(text);
    }
}

static void test_protocols(void **state)
{
    (void)state;
    assert_string_equal(proto_name(6), "tcp");
    assert_string_equal(proto_name(58), "ipv6-icmp");
    assert_null(proto_name(0));
    assert_null(proto_name(254));
    for (int i = 0; i < 256; i++)
        if (proto_name((uint8_t)i))
            assert_int_equal(proto_number(proto_name((uint8_t)i)), i);
    assert_int_equal(proto_number("UDP"), 17);
    assert_int_equal(proto_number("0"), 0);
    assert_int_equal(proto_number("255"), 255);
    assert_int_equal(proto_number("256"), -1);
    assert_int_equal(proto_number("4294967302"), -1);
    assert_int_equal(proto_number("-1"), -1);
    assert_int_equal(proto_number("6x"), -1);
    assert_int_equal(proto_number(""), -1);
    assert_int_equal(proto_number("frob"), -1);
}

static void test_sets(void **state)
{
    struct fieldset a = { { 0 } }, b = { { 0 } };
    (void)state;
    assert_true(fieldset_empty(&a));
    fieldset_add(&a, FIELD_tag);
    fieldset_add(&b, FIELD_path_delay_max_usec);
    fieldset_or(&a, &b);
    assert_true(fieldset_has(&a, FIELD_tag) && fieldset_has(&a, FIELD_path_delay_max_usec));
    fieldset_del(&a, FIELD_tag);
    assert_false(fieldset_empty(&a));
    fieldset_del(&a, FIELD_path_delay_max_usec);
    assert_true(fieldset_empty(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_find), cmocka_unit_test(test_aggregate),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_list), cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
