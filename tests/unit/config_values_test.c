/* SPDX-License-Identifier: BSD-2-Clause */
/* Kinds of values: what each takes and refuses, and what it makes of it; and "did you mean". */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "config/suggest.h"
#include "config/values.h"

static const struct {
    const char *key, *good, *bad; /* values, separated by | */
} rows[] = {
    { "debug", "true|false|TRUE|False", "yes|no|1|on|truely|tru" },
    { "nfacctd_port", "1|65535|02100", "0|65536|-1|2100x|x|0x10|99999999999999999999|2100 ! port" },
    { "proc_priority", "-20|19|+5|0", "-21|20|--1|-" },
    { "cluster_id", "0|2147483647", "2147483648|-1" },
    { "pcap_protocol", "0|0x800|2048|0XFFFF", "0x|0x10000|800g|-1|x" },
    { "plugin_pipe_size", "1|10240000|4k|10M|1G|2T|9223372036854775807",
      "0|-1|k|4kb|9223372036854775808|9T9|8589934592G|18446744073709551617" },
    { "post_tag", "1|18446744073709551615", "0|-1|18446744073709551616|x|1.5" },
    { "bgp_daemon_as", "0|4294967295", "4294967296|65000.1" },
    { "print_refresh_time", "1|60|86400", "0|10m|-60|+60|1e3|31622401" },
    { "print_history_offset", "0|300", "-1|5m|300s" },
    { "print_history", "1|59|60|300|5m|1h|1d|2w|1M|30s|3660d",
      "0|61|x|5x|m|5mm|5 m|-5m|3661d|99999999999m|0m" },
    { "print_output", "formatted|CSV|json|event_csv|avro", "xml|js|formatted2" },
    { "dry_run", "config|setup|Setup", "configuration|conf|run" },
    { "syslog", "daemon|local0|LOCAL7", "local8|syslog" },
    { "nfprobe_ifindex", "tag|tag2|1|4294967295", "0|4294967296|tag3|-1" },
    { "print_output_separator", ",|;|\\t|\\s|!|\t", ",,|\\n|\xc3\xa4" },
    { "print_history_roundoff", "m|mh|mhdM|w|hw", "x|wd|Mw|m h|5m" },
    { "nfacctd_ip", "0.0.0.0|::|2001:db8::1|::ffff:192.0.2.1",
      "localhost|1.2.3|1.2.3.4.5|2001::db8::1|1.2.3.4:99" },
    { "bgp_daemon_id", "192.0.2.1", "::1|192.0.2|1" },
    { "nfprobe_receiver", "127.0.0.1:2100|host.example:1|[2001:db8::1]:65535|[::]:1",
      "127.0.0.1|host|:2100|host:|host:0|host:65536|2001:db8::1:2100|[::1]|[host]:1|[:80|[]:80|]:80|[::1:"
      "80" },
    { "files_umask", "002|077|27|777", "0|1|008|1000|rwx|-2" },
    { "files_uid", "root|0|65534", "no-such-user-here|-1|99999999999" },
    { "files_gid", "root|0|65534", "no-such-group-here|-1" },
    { "nfacctd_allow_file", "/etc/passwd|/dev/null", "/no/such-file|/etc|." },
    { "pcap_filter", "src net 10.0.0.0/8 and tcp[13] & 2 != 0|x", "" },
    { "logfile", "/no/such/yet", "" },
};

static void try_values(const char *name, const char *list, bool good)
{
    const struct key *root = key_root(key_find(name));
    char text[600];
    assert_true(strlen(list) < sizeof(text));
    strcpy(text, list);
    char *save = NULL;
    for (char *w = strtok_r(text, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
        struct value v;
        struct err e = { 0 };
        bool taken = value_parse(root, w, &v, &e) == 0;
        if (taken != good)
            fail_msg("%s: '%s' was %s", name, w, taken ? "taken" : e.text);
        assert_int_equal(taken, !*e.text);
    }
}

static void test_values(void **state)
{
    bool kinds[KT_MAX] = { false };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kinds[key_root(key_find(rows[i].key))->kind] = true;
        try_values(rows[i].key, rows[i].good, true);
        try_values(rows[i].key, rows[i].bad, false);
    }
    for (int k = 0; k < KT_HEADING; k++)
        if (!kinds[k] && k != KT_WORD)
            fail_msg("no row for the kind %s", key_kind_text(k));
}

static struct value value_of(const char *key, const char *text)
{
    struct value v;
    assert_int_equal(value_parse(key_root(key_find(key)), text, &v, NULL), 0);
    return v;
}

static void test_meaning(void **state)
{
    (void)state;
    assert_int_equal(value_of("nfacctd_port", "02100").i, 2100);
    assert_int_equal(value_of("files_umask", "077").i, 077);
    assert_int_equal(value_of("pcap_protocol", "0x800").i, 0x800);
    assert_int_equal(value_of("plugin_pipe_size", "10M").l, 10 << 20);
    assert_true(value_of("post_tag", "18446744073709551615").u == UINT64_MAX);
    assert_string_equal(value_of("print_output_separator", "\\t").s, "\t");
    assert_string_equal(value_of("print_output_separator", "\\s").s, " ");
    assert_string_equal(value_of("syslog", "LOCAL7").s, "local7");
    assert_int_equal(value_of("print_output", "CSV").i, PRINT_CSV);
    assert_string_equal(value_of("print_output", "custom").area, "libraries of others are not loaded");
    assert_int_equal(value_of("nfacctd_as", "sflow").i, SOURCE_FLOW);
    assert_int_equal(value_of("nfprobe_version", "9").i, 9);
    assert_int_equal(value_of("files_uid", "root").i, 0);
}

static void test_spans(void **state)
{
    static const struct {
        const char *text;
        int n;
        char unit;
    } spans[] = {
        { "30", 30, 's' }, { "30s", 30, 's' }, { "60", 1, 'm' }, { "300s", 5, 'm' }, { "3600", 60, 'm' },
        { "5m", 5, 'm' },  { "2h", 2, 'h' },   { "1d", 1, 'd' }, { "1w", 1, 'w' },   { "1M", 1, 'M' },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        struct span sp = value_of("print_history", spans[i].text).span;
        assert_int_equal(sp.n, spans[i].n);
        assert_int_equal(sp.unit, spans[i].unit);
    }
}

static void test_defaults(void **state)
{
    struct config c;
    (void)state;
    value_defaults(&c, 'N');
    assert_int_equal(c.collector_port, 2100);
    assert_int_equal(c.refresh_time, 60);
    assert_int_equal(c.files_umask, -1);
    assert_int_equal(c.files_uid, -1);
    assert_int_equal(c.files_gid, -1);
    assert_int_equal(c.sql_table_version, 1);
    assert_string_equal(c.imt_path, "/tmp/collect.pipe");
    assert_string_equal(c.print_output_separator, ",");
    assert_null(c.aggregate);
    assert_null(c.print_output_file);
    value_defaults(&c, 'S');
    assert_int_equal(c.collector_port, 6343);
    value_defaults(&c, 'P');
    assert_int_equal(c.collector_port, 0);
    assert_int_equal(c.snaplen, 128);
    assert_true(c.promisc);
    assert_int_equal(c.nfprobe_version, 10);
    assert_string_equal(c.nfprobe_receiver, "127.0.0.1:2100");
}

static void test_suggestions(void **state)
{
    static const struct {
        const char *word;
        char daemon;
        const char *key;
    } words[] = {
        { "deamonize", 'P', "daemonize" },
        { "demonize", 'N', "daemonize" },
        { "plugin", 'P', "plugins" },
        { "pluggins", 'N', "plugins" },
        { "print_outputs", 'P', "print_output" },
        { "print-output", 'P', "print_output" },
        { "print_ouput_file", 'P', "print_output_file" },
        { "interface", 'P', "pcap_interface" },
        { "interface", 'N', "nfacctd_interface" },
        { "interface", 'S', "sfacctd_interface" },
        { "port", 'N', "nfacctd_port" },
        { "port", 'S', "sfacctd_port" },
        { "nfacctdport", 'N', "nfacctd_port" },
        { "listen", 'N', "nfacctd_ip" },
        { "refresh_time", 'N', "print_refresh_time" },
        { "agregate", 'N', "aggregate" },
        { "agregate_filter", 'N', "aggregate_filter" },
        { "log", 'N', "logfile" },
        { "pidfiles", 'N', "pidfile" },
        { "sql_password", 'N', "sql_passwd" },
        { "allow_file", 'S', "sfacctd_allow_file" },
        { "renormalise", 'N', "nfacctd_renormalize" },
        { "promiscuous", 'P', "promisc" },
        { "savefile_delay", 'N', "pcap_savefile_delay" },
        { "opt_scope_check", 'N', "nfacctd_disable_opt_scope_check" },
        { "kafka_tpoic", 'N', "kafka_topic" },
        { "foo_bar", 'N', NULL },
        { "zz", 'N', NULL },
        { "xylophone_tuning_fork", 'N', NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct key *k = suggest_key(words[i].word, words[i].daemon);
        const char *got = k ? k->name : "nothing", *want = words[i].key ? words[i].key : "nothing";
        if (strcmp(got, want))
            fail_msg("%s in %c: %s instead of %s", words[i].word, words[i].daemon, got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_meaning),     cmocka_unit_test(test_spans),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
