/* SPDX-License-Identifier: BSD-2-Clause */
/* Files and flags: grammar, scopes, precedence, plugins, and what ends a start. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "config/doc.h"
#include "config/lex.h"
#include "config_run.h"

static void test_lines(void **state)
{
    static const struct {
        const char *line, *key, *name, *value; /* no key: nothing, or the error in `value` */
    } rows[] = {
        { "debug: true", "debug", NULL, "true" },
        { "  DeBug :true  ", "debug", NULL, "true" },
        { "debug:true\r", "debug", NULL, "true" },
        { "nf acctd_ port : 2100", "nfacctd_port", NULL, "2100" },
        { "aggregate[in]: src_host, dst_host", "aggregate", "in", "src_host, dst_host" },
        { "aggregate [My Name] : x", "aggregate", "My Name", "x" },
        { "nfacctd_ip: 2001:db8::1", "nfacctd_ip", NULL, "2001:db8::1" },
        { "nfprobe_receiver: [::1]:2100", "nfprobe_receiver", NULL, "[::1]:2100" },
        { "a: b ! no comment # here", "a", NULL, "b ! no comment # here" },
        { "a:", "a", NULL, "" },
        { "", NULL, NULL, NULL },
        { " \t\r", NULL, NULL, NULL },
        { "! debug: true", NULL, NULL, NULL },
        { "   # debug: true", NULL, NULL, NULL },
        { "utter nonsense", NULL, NULL, "missing ':'" },
        { "print_output", NULL, NULL, "missing ':'" },
        { ": x", NULL, NULL, "missing key" },
        { "[in]: x", NULL, NULL, "symbol not referring to any key" },
        { "a[]: x", NULL, NULL, "nothing between the brackets" },
        { "a[b: x", NULL, NULL, "illegal brackets" },
        { "a]b: x", NULL, NULL, "illegal brackets" },
        { "a]b[: x", NULL, NULL, "illegal brackets" },
        { "a[b]]: x", NULL, NULL, "illegal brackets" },
        { "a[[b]]: x", NULL, NULL, "illegal brackets" },
        { "a[b][c]: x", NULL, NULL, "illegal brackets" },
        { "a[b]c: x", NULL, NULL, "illegal brackets: ':' has to follow ']'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[200];
        struct lexed x = { 0 };
        const char *why = NULL;
        snprintf(line, sizeof(line), "%s", rows[i].line);
        enum lex got = lex_line(line, &x, &why);
        assert_int_equal(got, rows[i].key ? LEX_ITEM : rows[i].value ? LEX_BAD : LEX_NOTHING);
        if (got == LEX_BAD)
            assert_string_equal(why, rows[i].value);
        if (got != LEX_ITEM)
            continue;
        assert_string_equal(x.key, rows[i].key);
        assert_string_equal(x.value, rows[i].value);
        assert_int_equal(!x.name, !rows[i].name);
        if (x.name)
            assert_string_equal(x.name, rows[i].name);
    }
}

/* One file, some flags, what is said (NULL: nothing at all), how it ends. */
static const struct {
    const char *text, *flags, *said;
    enum config_verdict plain, check, strict;
} verdicts[] = {
#define GOES CONFIG_RUN, CONFIG_RUN, CONFIG_RUN
#define DOUBT CONFIG_RUN, CONFIG_EXIT_ERROR, CONFIG_EXIT_ERROR
#define LACKS CONFIG_RUN, CONFIG_RUN, CONFIG_EXIT_ERROR
#define ENDS CONFIG_EXIT_ERROR, CONFIG_EXIT_ERROR, CONFIG_EXIT_ERROR
    { "plugins: print[a]\n", "", NULL, GOES },
    { "\xef\xbb\xbfplugins: print[a]\r\n\r\n! c\r\n#c", "", NULL, GOES },
    { "! none\n", "", "No plugin is asked for", GOES },
    { NULL, "", "WARN: [cmdline] No plugin is asked for", GOES },
    { "plugins: print\ndeamonize: false\n", "",
      ":2] Unknown key: deamonize. Ignored. Did you mean 'daemonize'?", DOUBT },
    { "plugins: print\nplugin: print\n", "", ":2] Unknown key: plugin. Ignored. Did you mean 'plugins'?",
      DOUBT },
    { "plugins: print[one]\n\nprint_outputs[one]: json\n", "",
      ":3] Unknown key: print_outputs. Ignored. Did you mean 'print_output'?", DOUBT },
    { "plugins: print\nfoo_bar: 1\n", "", ":2] Unknown key: foo_bar. Ignored.", DOUBT },
    { "utter nonsense\n", "", ":1] Syntax error: missing ':'", ENDS },
    { "plugins: print\nprint_output\n", "", ":2] Syntax error: missing ':'", ENDS },
    { "plugins: print\nprint_refresh_time: 10m\n", "",
      ":2] print_refresh_time: bad value '10m': allowed: whole seconds", ENDS },
    { "plugins: print\nprint_output: xml\n", "",
      ":2] print_output: bad value 'xml': allowed: formatted, csv, json, event_formatted, event_csv, "
      "avro, avro_bin or avro_json",
      ENDS },
    { "plugins: print\nprint_output: custom\n", "",
      "known, but not supported by this build (libraries of others are not loaded)", ENDS },
    { "plugins: print\ndebug:\n", "", ":2] debug: no value is given", ENDS },
    { "plugins: print\ndebug: true ! really\n", "", "comments stand on lines of their own", ENDS },
    { "plugins: print\nprint_output[x]: xml\n", "", "bad value 'xml'", ENDS },
    { "plugins: print\nports_file: /no/such-file\n", "",
      ":2] ports_file: bad value '/no/such-file': No such file or directory", ENDS },
    { "plugins: print\nnetworks_file[default_print]: /no/such-file\n", "", "/no/such-file", ENDS },
    { "plugins: print\npre_tag_map: /no/such-file\n", "", "/no/such-file", ENDS },
    { "plugins: print\naggregate_primitives: /no/such-file\n", "", "/no/such-file", ENDS },
    { "plugins: print\nnfacctd_allow_file: /no/such-file\n", "", "/no/such-file", ENDS },
    { "plugins: print\nnfacctd_allow_file: /etc/passwd\n", "", NULL, GOES },
    { "plugins: print\nbgp_daemon_rp_ebpf_prog: /etc/passwd\n", "",
      ":2] bgp_daemon_rp_ebpf_prog: known key, not supported by this build (bgp). Ignored.", LACKS },
    { "plugins: print\nnfacctd_rp_ebpf_prog: /etc/passwd\n", "", "WARN: [", LACKS },
    { "plugins: print\nbgp_daemon: true\n", "", NULL, GOES },
    { "plugins: print\nbgp_daemon: false\nmaps_refresh: true\n", "", NULL, GOES },
    { "plugins: print\nbgp_daemon: perhaps\n", "", "bad value 'perhaps'", ENDS },
    { "plugins: print\ndtls_path: /etc/ssl\n", "", NULL, GOES },
    { "plugins: print\nnfprobe_dtls: true\n", "", "not supported by this build (security)", ENDS },
    { "plugins: print\nnfacctd_dtls_port: 0\n", "", ":2] nfacctd_dtls_port: bad value '0'", ENDS },
    { "plugins: print\nnfacctd_net: igp\n", "", "known value 'igp', not supported by this build (bgp)",
      LACKS },
    { "plugins: print\nnfacctd_as: longest\n", "", NULL, GOES },
    { "plugins: print[a]\naggregate[b]: src_host\n", "",
      ":2] aggregate: Unknown symbol 'b', neither a plugin nor the core. Ignored.", DOUBT },
    { "plugins: print[billing]\naggregate[biling]: src_host\n", "", "Did you mean 'billing'?", DOUBT },
    { "plugins: print\naggregate[print]: src_host\n", "", "Did you mean 'default_print'?", DOUBT },
    { "plugins: print[a]\nnfacctd_port[a]: 99\n", "", "WARN: [", GOES },
    { "plugins: print[a]\naggregate_filter: ip\n", "", "ERROR: [", DOUBT },
    { "plugins: print[a]\npre_tag_filter[default]: 1\n", "", "pre_tag_filter: cannot be global", DOUBT },
    { "plugins: print\nplugins: memory\n", "", ":1] plugins: 'print' is replaced by line 2", DOUBT },
    { "plugins: prnit\n", "",
      "plugins: bad value 'prnit': did you mean 'print'? allowed: memory print sqlite3", ENDS },
    { "plugins: print, kafka\n", "",
      "plugins: bad value 'kafka': known plugin, not supported by this build (brokers)", ENDS },
    { "plugins: nfprobe\n", "", "plugins: bad value 'nfprobe': not supported in nfacctd", ENDS },
    { "plugins: core[x]\n", "", "plugins of type 'core' are not allowed", ENDS },
    { "plugins: print[a], memory[a]\n", "", "another plugin has that name", ENDS },
    { "plugins: print, print\n", "", "another plugin has that name", ENDS },
    { "plugins: print[default]\n", "", "the name of the core", ENDS },
    { "core_proc_name: x\nplugins: print[x]\n", "", "the name of the core", ENDS },
    { "plugins: print[a/b]\n", "", "no '/'", ENDS },
    { "plugins: print[a\n", "", "plugins: bad value 'print[a'", ENDS },
    { "plugins: print[]\n", "", "plugins: bad value 'print[]'", ENDS },
    { "plugins: print[a]b\n", "", "plugins: bad value 'print[a]b'", ENDS },
    { "plugins: print[0123456789012345678901234567890123456789012345678901234567890123]\n", "",
      "64 octets or more", ENDS },
    { "core_proc_name: a/b\nplugins: print\n", "", "core_proc_name: bad value 'a/b'", ENDS },
    { "plugins: memory\n", "-P print",
      "INFO: [cmdline] -P: plugins: 'print' overrides 'memory' of /tmp/config-test-", GOES },
    { "plugins: print\n", "-r x", "ERROR: [cmdline] -r: print_refresh_time: bad value 'x'", ENDS },
    { "plugins: print\n", "port 53", "'port 53' is no flag. Ignored.", DOUBT },
};

static void test_verdicts(void **state)
{
    static const char *const how[] = { "", " --check-config", " --strict" };
    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        for (int h = 0; h < 3; h++) {
            char flags[200];
            enum config_verdict want = h == 0   ? verdicts[i].plain
                                       : h == 1 ? verdicts[i].check
                                                : verdicts[i].strict;
            snprintf(flags, sizeof(flags), "%s%s", verdicts[i].flags, how[h]);
            struct run *r = run_config(&spec_nfacctd, verdicts[i].text, flags);
            const char *said = r->p.st->n_lines ? r->p.st->lines[0] : "nothing";
            bool spoke = verdicts[i].said ? run_said(r, verdicts[i].said) != NULL : r->p.st->n_lines == 0;
            if (r->flags != FLAGS_RUN || r->verdict != want || !spoke)
                fail_msg("%s %s: ends with %d, said: %s", verdicts[i].text, flags, r->verdict, said);
            assert_int_equal(r->set.check_only, h == 1);
            assert_int_equal(r->set.strict, h == 2);
            run_free(r);
        }
}

static void test_scopes(void **state)
{
    static const char text[] = "core_proc_name: mine\n"
                               "plugins: print[a], memory , Print[ b c ]\n"
                               "print_refresh_time: 300\n"
                               "print_refresh_time[a]: 5\n"
                               "sql_refresh_time[ b c ]: 7\n"
                               "debug[mine]: true\n"
                               "nfacctd_port[a]: 9999\n"
                               "aggregate[a]: src_host\n"
                               "aggregate[a]: dst_host\n"
                               "aggregate_filter[a]: tcp\n"
                               "imt_path: /x\n"
                               "timestamps_utc[default_memory]: true\n"
                               "timestamps_utc: false\n";
    char where[100], expect[100];
    (void)state;
    struct run *r = run_config(&spec_nfacctd, text, NULL);
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(r->set.n_plugins, 3);
    assert_string_equal(r->set.plugins[0].type, "print");
    assert_string_equal(r->set.plugins[1].name, "default_memory");
    assert_string_equal(r->set.plugins[2].type, "print");
    const struct config *a = run_plugin(r, "a"), *m = run_plugin(r, "default_memory"),
                        *b = run_plugin(r, " b c ");
    assert_true(a && m && b);
    assert_int_equal(a->refresh_time, 5);
    assert_int_equal(m->refresh_time, 300);
    assert_int_equal(b->refresh_time, 7);
    assert_int_equal(r->set.core.refresh_time, 300);
    assert_true(r->set.core.debug);
    assert_false(a->debug);
    assert_int_equal(r->set.core.collector_port, 9999);
    assert_string_equal(a->aggregate, "dst_host");
    assert_null(m->aggregate);
    assert_string_equal(a->aggregate_filter, "tcp");
    assert_string_equal(m->imt_path, "/x");
    assert_false(m->timestamps_utc); /* the global line comes later */
    assert_string_equal(r->set.core.core_proc_name, "mine");

    snprintf(expect, sizeof(expect), "%s:4", r->file);
    assert_string_equal(config_where(&r->set, "sql_refresh_time", "a", where, sizeof(where)), expect);
    snprintf(expect, sizeof(expect), "%s:3", r->file);
    assert_string_equal(config_where(&r->set, "print_refresh_time", "default_memory", where, sizeof(where)),
                        expect);
    assert_string_equal(config_where(&r->set, "print_history", "a", where, sizeof(where)), "default");
    assert_true(config_is_set(&r->set, "aggregate", "a"));
    assert_false(config_is_set(&r->set, "aggregate", "default_memory"));
    assert_true(config_is_set(&r->set, "aggregate", NULL));
    assert_true(config_is_set(&r->set, "sfacctd_port", NULL));
    assert_false(config_is_set(&r->set, "no_such_key", NULL));
    run_free(r);
}

static void test_precedence(void **state)
{
    char where[100];
    (void)state;
    struct run *r = run_config(
        &spec_nfacctd, "plugins: memory[m]\nprint_refresh_time[p]: 9\nnfacctd_port: 1\nnfacctd_port: 2\n",
        "-P print[p] -r 5 -l 3 -l 4 -R -D -dM");
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(r->set.n_plugins, 1);
    const struct config *p = run_plugin(r, "p");
    assert_non_null(p);
    assert_int_equal(p->refresh_time, 5); /* flags go before key[name] too */
    assert_int_equal(r->set.core.collector_port, 4);
    assert_true(r->set.core.renormalize && r->set.core.daemonize && r->set.core.debug && p->print_markers);
    assert_string_equal(config_where(&r->set, "print_refresh_time", "p", where, sizeof(where)), "cmdline");
    run_free(r);

    r = run_config(&spec_nfacctd, "nfacctd_port: 1\nplugins: print\n", "");
    assert_int_equal(r->set.core.collector_port, 1);
    run_free(r);
    r = run_config(&spec_sfacctd, NULL, "-P print");
    assert_int_equal(r->set.core.collector_port, 6343);
    run_free(r);
}

static void test_command_line(void **state)
{
    (void)state;
    struct run *r =
        run_config(&spec_pmacctd, NULL,
                   "-N -i lo -P memory,print[x] -c src_host,dst_host -E \\t -S LOCAL1 src net 10.0.0.0/8");
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(r->p.st->n_lines, 0);
    assert_string_equal(r->set.core.pcap_filter, "src net 10.0.0.0/8");
    assert_string_equal(r->set.core.pcap_interface, "lo");
    assert_false(r->set.core.promisc);
    assert_string_equal(run_plugin(r, "x")->aggregate, "src_host,dst_host");
    assert_string_equal(run_plugin(r, "default_memory")->print_output_separator, "\t");
    assert_string_equal(r->set.core.syslog, "local1");
    assert_null(r->set.path);
    run_free(r);

    r = run_config(&spec_pmacctd, "pcap_filter: tcp\nplugins: print\n", "udp");
    assert_non_null(run_said(r, "'udp' is ignored since there is -f"));
    assert_string_equal(r->set.core.pcap_filter, "tcp");
    run_free(r);
}

/* A guard that is switched off asks for nothing. */
static void test_guard_off(void **state)
{
    (void)state;
    struct run *r = run_config(&spec_pmacctd, "plugins: nfprobe\nnfprobe_dtls: FALSE\n", "--strict");
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(r->p.st->n_lines, 0);
    run_free(r);
}

static void test_old_filter_flag(void **state)
{
    (void)state;
    struct run *r = run_config(&spec_pmbmpd, NULL, "-T config");
    assert_int_equal(r->set.core.dry_run, DRY_RUN_CONFIG);
    assert_null(r->set.core.pcap_filter);
    run_free(r);
    r = run_config(&spec_pmbmpd, NULL, "-T tcp");
    assert_int_equal(r->set.core.dry_run, DRY_RUN_NONE);
    assert_string_equal(r->set.core.pcap_filter, "tcp");
    run_free(r);
}

static void test_flag_verdicts(void **state)
{
    static const struct {
        const char *flags;
        enum flags_verdict want;
    } rows[] = {
        { "-h", FLAGS_HELP },      { "--help", FLAGS_HELP },
        { "-V", FLAGS_VERSION },   { "--version", FLAGS_VERSION },
        { "-a", FLAGS_LIST },      { "-dah", FLAGS_LIST },
        { "-j", FLAGS_WRONG },     { "-r", FLAGS_WRONG },
        { "--nope", FLAGS_WRONG }, { "-g 1", FLAGS_WRONG },
        { "--strict", FLAGS_RUN }, { "--explain nfacctd_port", FLAGS_EXPLAIN },
    };
    (void)state;
    int keep = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY); /* getopt speaks for itself */
    dup2(null, STDERR_FILENO);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run *r = run_config(&spec_nfacctd, NULL, rows[i].flags);
        assert_int_equal(r->flags, rows[i].want);
        run_free(r);
    }
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(null);
}

static void test_hints(void **state)
{
    (void)state;
    static const char text[] = "plugins: print\nplugin_pipe_size: 4096\nimt_buckets: 7\nkafka_cache_entries: "
                               "9\npcap_interface: eth0\n";
    struct run *r = run_config(&spec_nfacctd, text, "--strict");
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(r->p.st->n_lines, 0);
    assert_int_equal(run_plugin(r, "default_print")->plugin_pipe_size, 4096);
    assert_int_equal(run_plugin(r, "default_print")->cache_entries, 9);
    run_free(r);
    r = run_config(&spec_nfacctd, text, "--check-config");
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_non_null(run_said(r, ":2] plugin_pipe_size: accepted, but nobody has to set it"));
    assert_non_null(run_said(r, ":4] kafka_cache_entries: accepted, but nobody has to set it"));
    assert_non_null(run_said(r, ":5] pcap_interface: has no effect in nfacctd"));
    run_free(r);
}

static void test_limits(void **state)
{
    (void)state;
    char *text = malloc(40000);
    /* A line of 8 KiB is taken whole, a longer one refused, never cut. */
    int n = sprintf(text, "plugins: print\npcap_filter: ");
    memset(text + n, 'x', 8192);
    strcpy(text + n + 8192 - 13, "\n");
    struct run *r = run_config(&spec_nfacctd, text, NULL);
    assert_int_equal(r->verdict, CONFIG_RUN);
    assert_int_equal(strlen(r->set.core.pcap_filter), 8192 - 13);
    run_free(r);
    strcpy(text + n + 8192 - 13, "x\n");
    r = run_config(&spec_nfacctd, text, NULL);
    assert_int_equal(r->verdict, CONFIG_EXIT_ERROR);
    assert_non_null(run_said(r, ":2] a line of 8193 octets; the limit is 8192"));
    run_free(r);

    char *argv[] = { (char *)(uintptr_t) "nfacctd", (char *)(uintptr_t) "-c", text, NULL };
    memset(text, 'x', 8193);
    text[8193] = '\0';
    struct store *st = store_new();
    struct flags f;
    st->quiet = true;
    assert_int_equal(flags_read(st, 'N', 3, argv, &f), FLAGS_WRONG);
    assert_int_equal(st->said[SAY_ERROR], 1);
    store_free(st);
    free(text);
}

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/config-dir-XXXXXX", path[100];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    const struct {
        const char *path, *said;
    } rows[] = {
        { "/no/such.conf", "ERROR: [/no/such.conf] file not found" },
        { dir, "path is not a regular file" },
        { path, "path is not a regular file" },
        { "/dev/null", "path is not a regular file" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char flags[150];
        snprintf(flags, sizeof(flags), "-f %s", rows[i].path);
        struct run *r = run_config(&spec_nfacctd, NULL, flags);
        assert_int_equal(r->verdict, CONFIG_EXIT_ERROR);
        assert_non_null(run_said(r, rows[i].said));
        run_free(r);
    }
    unlink(path);
    rmdir(dir);
}

static void test_octets(void **state)
{
    static const char nul[] = "plugins: print\ndebug: tr\0ue\n";
    static const char escape[] = "plugins: print\nprint_output: a\x1b[31m\n";
    (void)state;
    struct run r = { 0 };
    r.p = (struct parse){ .spec = &spec_nfacctd, .set = &r.set, .st = store_new() };
    r.p.st->quiet = true;
    r.set.memory = r.p.st;
    parse_text(&r.p, "x.conf", nul, sizeof(nul) - 1);
    assert_non_null(run_said(&r, "ERROR: [x.conf:2] Syntax error: a NUL octet"));
    parse_text(&r.p, "y.conf", escape, sizeof(escape) - 1);
    plugins_choose(&r.p);
    parse_apply(&r.p);
    const char *line = run_said(&r, "[y.conf:2]");
    assert_non_null(line);
    assert_null(strchr(line, '\x1b'));
    config_free(&r.set);
}

static unsigned printed;
static void say_version(void) { printed |= 1; }
static void say_list(char daemon) { printed |= daemon == 'N' ? 2 : 0; }

/* The whole of it, as main calls it. */
static void test_load(void **state)
{
    static const struct {
        const char *flag;
        unsigned printed;
        enum config_verdict want;
    } rows[] = {
        { "-V", 1, CONFIG_EXIT_OK },    { "-a", 2, CONFIG_EXIT_OK },       { "-h", 0, CONFIG_EXIT_OK },
        { "-j", 0, CONFIG_EXIT_ERROR }, { "-Pfoo", 0, CONFIG_EXIT_ERROR }, { "-Pprint", 0, CONFIG_RUN },
        { "-d", 0, CONFIG_RUN }
    };
    struct config_spec spec = spec_nfacctd;
    (void)state;
    spec.version = say_version;
    spec.list = say_list;
    int keep[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, null = open("/dev/null", O_WRONLY);
    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    bool ok[sizeof(rows) / sizeof(rows[0])];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[] = { (char *)(uintptr_t) "nfacctd", (char *)(uintptr_t)rows[i].flag, NULL };
        struct config_set set;
        const char *const *early = NULL;
        printed = 0;
        enum config_verdict v = config_load(&spec, 2, argv, &set, &early);
        ok[i] = v == rows[i].want && printed == rows[i].printed && early;
        if (v == CONFIG_RUN) {
            ok[i] = ok[i] && set.n_plugins == 1 && !*early == !strcmp(rows[i].flag, "-Pprint");
            config_free(&set);
        }
        ok[i] = ok[i] && !set.memory;
    }
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(keep[i], STDOUT_FILENO + i);
        close(keep[i]);
    }
    close(null);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!ok[i])
            fail_msg("nfacctd %s", rows[i].flag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_scopes),       cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_command_line), cmocka_unit_test(test_old_filter_flag),
        cmocka_unit_test(test_guard_off),    cmocka_unit_test(test_flag_verdicts),
        cmocka_unit_test(test_hints),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_files),        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
