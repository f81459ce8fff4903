/* SPDX-License-Identifier: BSD-2-Clause */
/* The print plugin: what it refuses before anything starts, and one run through its ops, from records to a
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "plugins/plugins.h"
#include "rows.h"

static void test_check(void **state)
{
    static const struct {
        const char *aggregate, *file;
        int output;
        bool daemonize;
        const char *wrong; /* part of the message, or NULL */
    } cases[] = {
        { "src_host", NULL, PRINT_FORMATTED, false, NULL },
        { "src_host", NULL, PRINT_CSV, true, "Output would be lost" },
        { "src_host", "x", PRINT_CSV, true, NULL },
        { "src_host, label", NULL, PRINT_FORMATTED, false, "'label' is of variable length" },
        { "src_host, as_path", NULL, PRINT_EVENT_FORMATTED, false, "'as_path' is of variable length" },
        { "src_host, label", NULL, PRINT_EVENT_CSV, false, NULL },
        { "src_host, label", NULL, PRINT_JSON, false, NULL },
        { "src_host, label", NULL, PRINT_AVRO, false, NULL },
        { "src_host", NULL, PRINT_CUSTOM, false, "not supported" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made m;
        struct err e;
        struct config_set set = { .core.daemonize = cases[i].daemonize };
        struct plugin_conf pc = {
            .name = "p", .c = { .print_output = cases[i].output, .print_output_file = cases[i].file }
        };
        made_init(&m, cases[i].aggregate, false);
        int rc = plugin_print.check(&set, &pc, &m.spec, &e);
        assert_int_equal(rc, cases[i].wrong ? -1 : 0);
        if (cases[i].wrong && !strstr(e.text, cases[i].wrong))
            fail_msg("'%s' lacks '%s'", e.text, cases[i].wrong);
    }
}

static void test_run(void **state)
{
    (void)state;
    struct made m;
    struct err e;
    char path[] = "/tmp/print_test.XXXXXX", text[256];
    int fd = mkstemp(path);
    struct config c = { .print_output = PRINT_CSV,
                        .print_output_file = path,
                        .refresh_time = 3600,
                        .files_umask = -1,
                        .files_uid = -1,
                        .files_gid = -1 };
    made_init(&m, "src_port", false);
    struct plugin pl = { .ops = &plugin_print, .name = "p", .c = &c, .spec = &m.spec, .layout = &m.layout };
    log_init(&pl.log, NULL, "p", "print", false);
    pl.ring = ring_new(65536, &e);
    pl.state = calloc(1, plugin_print.state_size);
    assert_int_equal(plugin_print.open(&pl, &e), 0);

    struct {
        struct record r;
        uint8_t key[64];
    } rec;
    memset(&rec, 0, sizeof(rec));
    rec.r = (struct record){ .packets = 2, .bytes = 80, .flows = 1 };
    record_set_key_len(&rec.r, m.key_len);
    made_u16(&m, FIELD_src_port, 443);
    memcpy(rec.r.key, m.key, m.key_len);
    for (int i = 0; i < 3; i++)
        assert_int_equal(plugin_print.take(&pl, (uint8_t *)&rec, record_size(&rec.r)).packets, 2);
    plugin_print.tick(&pl, clock_wall_us());
    plugin_print.finish(&pl);
    plugin_print.close(&pl);

    ssize_t n = read(fd, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "SRC_PORT,PACKETS,BYTES\n443,6,240\n");
    struct ring_ledger ledger;
    ring_ledger(pl.ring, &ledger);
    assert_int_equal(ledger.confirmed.records, 3);
    assert_int_equal(ledger.confirmed.bytes, 240);
    ring_free(pl.ring);
    free(pl.state);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_check), cmocka_unit_test(test_run) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
