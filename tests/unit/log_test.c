/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines: their form, length, timestamps, limits, and the reopening of the file. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"

static char dir[64], path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/log_test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sub/log", dir);
    return 0;
}

static int teardown(void **state)
{
    char text[256];
    (void)state;
    unlink(path);
    snprintf(text, sizeof(text), "%s.1", path);
    unlink(text);
    snprintf(text, sizeof(text), "%s/sub", dir);
    rmdir(text);
    return rmdir(dir);
}

/* The text of a file; the caller frees it. */
static char *slurp(const char *name)
{
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    return text;
}

/* What log_at writes to stderr without a sink. */
static char *stderr_of(void (*say)(const struct log *l, void *arg), const struct log *l, void *arg)
{
    char name[] = "/tmp/log_test_err.XXXXXX";
    int fd = mkstemp(name), old = dup(STDERR_FILENO);
    assert_true(fd != -1 && old != -1);
    dup2(fd, STDERR_FILENO);
    say(l, arg);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fd);
    char *text = slurp(name);
    unlink(name);
    return text;
}

static void say_levels(const struct log *l, void *arg)
{
    (void)arg;
    log_debug(l, "d%d", 1);
    log_info(l, "i");
    log_notice(l, "n");
    log_warn(l, "w");
    log_error(l, "e");
    log_at(l, LOG_LV_ALERT, "a");
    log_at(l, LOG_LV_OK, "waiting for data on: '%s'", "/tmp/x");
}

static void test_form(void **state)
{
    struct log l;
    (void)state;
    log_init(&l, NULL, "foo", "print", false);
    char *text = stderr_of(say_levels, &l, NULL);
    assert_string_equal(text, "INFO ( foo/print ): i\nNOTICE ( foo/print ): n\nWARN ( foo/print ): w\n"
                              "ERROR ( foo/print ): e\nALERT ( foo/print ): a\n"
                              "OK ( foo/print ): waiting for data on: '/tmp/x'\n");
    free(text);
    log_init(&l, NULL, "default", "core/BGP", true);
    text = stderr_of(say_levels, &l, NULL);
    assert_non_null(strstr(text, "DEBUG ( default/core/BGP ): d1\n"));
    free(text);
    log_init(&l, NULL, "", "", false); /* before there is a name */
    text = stderr_of(say_levels, &l, NULL);
    assert_memory_equal(text, "INFO: i\n", 8);
    free(text);
}

static void say_text(const struct log *l, void *arg) { log_info(l, "%s", (const char *)arg); }

static void test_long_lines(void **state)
{
    static const size_t lens[] = { 0, 1, 900, 940, 950, 960, 962, 963, 964, 965, 1000, 1024, 5000, 60000 };
    struct log l;
    (void)state;
    log_init(&l, NULL, "default", "core", false);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        char *in = malloc(lens[i] + 1);
        assert_non_null(in);
        memset(in, 'x', lens[i]);
        in[lens[i]] = '\0';
        char *out = stderr_of(say_text, &l, in);
        assert_int_equal(strlen(out), strlen("INFO ( default/core ): ") + lens[i] + 1);
        assert_int_equal(out[strlen(out) - 1], '\n');
        free(in);
        free(out);
    }
    char forged[] = "one\nERROR ( default/core ): forged\r\x1b[0m";
    char *out = stderr_of(say_text, &l, forged);
    assert_string_equal(out, "INFO ( default/core ): one ERROR ( default/core ): forged  [0m\n");
    free(out);
}

static void say_often(const struct log *l, void *arg)
{
    struct log_limit *x = arg;
    for (int i = 0; i < 5; i++)
        log_limited(l, x, LOG_LV_WARN, "lost %d", i);
    x->next_us = 0; /* ten seconds later */
    log_limited(l, x, LOG_LV_WARN, "lost again");
    x->next_us = 0;
    log_limited(l, x, LOG_LV_WARN, "and again");
}

static void test_limit(void **state)
{
    struct log l;
    struct log_limit x = { 0 };
    (void)state;
    log_init(&l, NULL, "d", "core", false);
    char *text = stderr_of(say_often, &l, &x);
    assert_string_equal(
        text, "WARN ( d/core ): lost 0\nWARN ( d/core ): lost again (4 more like this were held back)\n"
              "WARN ( d/core ): and again\n");
    free(text);
}

static void test_file(void **state)
{
    struct err e;
    struct log l;
    char moved[160];
    (void)state;
    setenv("TZ", "IST-5:30", 1);
    tzset();
    struct log_sink *s = log_sink_open(&(struct log_sink_conf){ .file = path }, &e);
    assert_non_null(s);
    log_init(&l, s, "default", "core", false);
    log_info(&l, "one");
    snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    log_info(&l, "two");
    log_sink_reopen(s);
    log_info(&l, "three");
    log_sink_close(s);

    char *old = slurp(moved), *new = slurp(path);
    assert_non_null(strstr(old, "+05:30 INFO ( default/core ): one\n"));
    assert_non_null(strstr(old, "+05:30 INFO ( default/core ): two\n"));
    assert_non_null(strstr(new, "+05:30 INFO ( default/core ): three\n"));
    assert_int_equal(new[10], 'T');
    assert_int_equal(strlen(new), strlen("2026-11-21T21:07:10+05:30 INFO ( default/core ): three\n"));
    free(old);
    free(new);

    s = log_sink_open(&(struct log_sink_conf){ .file = path, .utc = true }, &e); /* appends */
    assert_non_null(s);
    log_init(&l, s, "default", "core", false);
    log_info(&l, "four");
    log_sink_close(s);
    new = slurp(path);
    assert_non_null(strstr(new, ": three\n"));
    assert_non_null(strstr(new, "Z INFO ( default/core ): four\n"));
    free(new);
}

static void test_file_refused(void **state)
{
    struct err e;
    (void)state;
    assert_null(log_sink_open(&(struct log_sink_conf){ .file = "/proc/nowhere/log" }, &e));
    assert_int_equal(e.code, ERR_SYS);
    assert_non_null(strstr(e.text, "/proc/nowhere"));
}

static void open_bad_facility(const struct log *l, void *arg)
{
    struct err e;
    struct log own;
    (void)l;
    (void)arg;
    struct log_sink *s = log_sink_open(&(struct log_sink_conf){ .syslog = "bogus" }, &e);
    assert_non_null(s);
    log_init(&own, s, "default", "core", false);
    log_info(&own, "here");
    log_sink_close(s);
}

static void test_facility(void **state)
{
    (void)state;
    char *text = stderr_of(open_bad_facility, NULL, NULL);
    assert_string_equal(
        text, "WARN ( default/core ): specified syslog facility is not supported. Logging to standard error "
              "(stderr).\nINFO ( default/core ): here\n");
    free(text);
}

static void say_stamped(const struct log *l, void *arg)
{
    struct err e;
    struct log own;
    (void)l;
    (void)arg;
    struct log_sink *s = log_sink_open(&(struct log_sink_conf){ .stamp_stderr = true, .utc = true }, &e);
    assert_non_null(s);
    log_init(&own, s, "default", "core", false);
    log_info(&own, "here");
    log_sink_close(s);
}

static void test_stamped_stderr(void **state)
{
    (void)state;
    char *text = stderr_of(say_stamped, NULL, NULL);
    assert_string_equal(text + strlen("2026-11-21T21:07:10"), "Z INFO ( default/core ): here\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),           cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_limit),          cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test(test_file_refused),   cmocka_unit_test(test_facility),
        cmocka_unit_test(test_stamped_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
