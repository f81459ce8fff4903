/* SPDX-License-Identifier: BSD-2-Clause */
/* The file sink: headers, append, markers, empty files, names by bin and tag, the link to the latest file,
 * files that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "output/sink_file.h"
#include "rows.h"

#define US(s) ((int64_t)(s)*US_PER_S)
#define BIN INT64_C(1699999800) /* 2023-11-14 22:10:00 UTC */

struct setup {
    struct made m;
    struct config c;
    struct plugin pl;
    void *sink;
    struct agg *t;
    char dir[64], file[128], latest[128];
};

static void setup(struct setup *s, const char *aggregate, const char *file, struct config c)
{
    struct err e;
    memset(s, 0, sizeof(*s));
    made_init(&s->m, aggregate, c.history.n != 0);
    snprintf(s->dir, sizeof(s->dir), "/tmp/sink_file_test.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->file, sizeof(s->file), "%s/%s", s->dir, file);
    snprintf(s->latest, sizeof(s->latest), "%s/latest", s->dir);
    s->c = c;
    s->c.print_output_file = s->file;
    s->c.timestamps_utc = true;
    s->c.files_umask = s->c.files_uid = s->c.files_gid = -1;
    s->c.refresh_time = 60;
    if (c.print_latest_file)
        s->c.print_latest_file = s->latest;
    s->pl = (struct plugin){ .c = &s->c, .layout = &s->m.layout, .name = "p" };
    log_init(&s->pl.log, NULL, "p", "print", false);
    s->sink = calloc(1, sink_file.state_size);
    s->t = agg_new();
    assert_int_equal(sink_file.open(s->sink, &s->pl, &e), 0);
}

static void end(struct setup *s)
{
    char command[128];
    sink_file.close(s->sink);
    free(s->sink);
    agg_free(s->t);
    snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
}

static void add(struct setup *s, int64_t bin_s, uint64_t tag, uint16_t port)
{
    struct {
        struct record r;
        uint8_t key[64];
    } rec;
    memset(&rec, 0, sizeof(rec));
    if (s->m.layout.bin_off != LAYOUT_NO_BIN)
        made_bin(&s->m, bin_s);
    if (layout_find(&s->m.layout, FIELD_tag))
        made_u64(&s->m, FIELD_tag, tag);
    made_u16(&s->m, FIELD_src_port, port);
    rec.r = (struct record){ .packets = 1, .bytes = 40, .flows = 1 };
    record_set_key_len(&rec.r, s->m.key_len);
    memcpy(rec.r.key, s->m.key, s->m.key_len);
    agg_add(s->t, (const uint8_t *)&rec, record_size(&rec.r));
}

static int purge(struct setup *s, uint64_t *written)
{
    struct err e = { 0 };
    struct batch b = { .layout = &s->m.layout, .table = s->t, .purge_us = US(BIN + 200), .writer = 77 };
    uint64_t at = 0;
    while (batch_next(&b, &at))
        b.rows++;
    int rc = sink_file.write(s->sink, &s->pl, &b, &e);
    if (written)
        *written = b.written;
    if (rc == 0)
        agg_clear(s->t);
    return rc;
}

static void expect(struct setup *s, const char *file, const char *want)
{
    char path[256], text[1024];
    snprintf(path, sizeof(path), "%s/%s", s->dir, file);
    FILE *f = fopen(path, "r");
    if (!want) {
        assert_null(f);
        return;
    }
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    fclose(f);
    assert_string_equal(text, want);
}

static void test_rewrite(void **state)
{
    (void)state;
    struct setup s;
    struct stat st;
    uint64_t written;
    setup(&s, "src_port", "new/dir/out.csv", (struct config){ .print_output = PRINT_CSV });
    add(&s, 0, 0, 80);
    assert_int_equal(purge(&s, &written), 0);
    assert_int_equal(written, 1);
    expect(&s, "new/dir/out.csv", "SRC_PORT,PACKETS,BYTES\n80,1,40\n");
    add(&s, 0, 0, 81);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "new/dir/out.csv", "SRC_PORT,PACKETS,BYTES\n81,1,40\n");
    assert_int_equal(stat(s.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(sink_file.wants_empty(s.sink, &s.pl));
    end(&s);
}

static void test_append(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", "out.csv",
          (struct config){ .print_output = PRINT_CSV,
                           .print_output_separator = "\\t",
                           .print_output_file_append = true,
                           .files_umask = 022 });
    add(&s, 0, 0, 80);
    assert_int_equal(purge(&s, NULL), 0);
    add(&s, 0, 0, 81);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "out.csv", "SRC_PORT\tPACKETS\tBYTES\n80\t1\t40\n81\t1\t40\n");
    end(&s);
}

static void test_markers(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", "out", (struct config){ .print_output = PRINT_CSV, .print_markers = true });
    add(&s, 0, 0, 80);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "out", "--START (77)--\nSRC_PORT,PACKETS,BYTES\n80,1,40\n--END (77)--\n");
    assert_true(sink_file.wants_empty(s.sink, &s.pl));
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "out", "--START (77)--\n--END (77)--\n");
    end(&s);
    setup(&s, "src_port", "out", (struct config){ .print_output = PRINT_JSON, .print_markers = true });
    add(&s, 0, 0, 80);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "out",
           "{\"event_type\": \"purge_init\", \"writer_id\": \"p/77\"}\n"
           "{\"event_type\": \"purge\", \"port_src\": 80, \"packets\": 1, \"bytes\": 40}\n"
           "{\"event_type\": \"purge_close\", \"writer_id\": \"p/77\", \"purged_entries\": 1, "
           "\"total_entries\": 1, \"duration\": 0}\n");
    end(&s);
}

static void test_empty_file(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", "out-%H%M",
          (struct config){ .print_output = PRINT_CSV, .print_write_empty_file = true });
    assert_true(sink_file.wants_empty(s.sink, &s.pl));
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "out-2213", "");
    end(&s);
}

static void test_many_files(void **state)
{
    (void)state;
    struct setup s;
    char target[256];
    setup(&s, "src_port, tag", "%H%M-$tag.csv",
          (struct config){
              .print_output = PRINT_EVENT_CSV, .history = { 5, 'm' }, .print_latest_file = "latest" });
    add(&s, BIN + 300, 1, 80);
    add(&s, BIN, 1, 80);
    add(&s, BIN, 2, 80);
    add(&s, BIN, 1, 81);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "2210-1.csv", "TAG,SRC_PORT\n1,80\n1,81\n");
    expect(&s, "2210-2.csv", "TAG,SRC_PORT\n2,80\n");
    expect(&s, "2215-1.csv", "TAG,SRC_PORT\n1,80\n");
    ssize_t n = readlink(s.latest, target, sizeof(target) - 1);
    assert_true(n > 0);
    target[n] = '\0';
    assert_string_equal(strrchr(target, '/'), "/2215-1.csv");
    end(&s);
}

/* Bins whose names are equal share a file within one purge. */
static void test_shared_name(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", "%H.csv", (struct config){ .print_output = PRINT_CSV, .history = { 5, 'm' } });
    add(&s, BIN, 0, 80);
    add(&s, BIN + 300, 0, 80);
    assert_int_equal(purge(&s, NULL), 0);
    expect(&s, "22.csv", "SRC_PORT,PACKETS,BYTES\n80,1,40\n80,1,40\n");
    end(&s);
}

/* A file that cannot be written keeps its rows for the next time; the others are not written twice. */
static void test_unwritable(void **state)
{
    (void)state;
    struct setup s;
    char path[256];
    uint64_t written;
    setup(&s, "src_port, tag", "$tag.csv",
          (struct config){ .print_output = PRINT_CSV, .print_output_file_append = true });
    snprintf(path, sizeof(path), "%s/1.csv", s.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    add(&s, 0, 1, 80);
    add(&s, 0, 2, 80);
    add(&s, 0, 3, 80);
    assert_int_equal(purge(&s, &written), -1);
    assert_int_equal(written, 2);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(purge(&s, &written), 0);
    assert_int_equal(written, 1);
    for (int tag = 1; tag <= 3; tag++) {
        char name[16], want[64];
        snprintf(name, sizeof(name), "%d.csv", tag);
        snprintf(want, sizeof(want), "TAG,SRC_PORT,PACKETS,BYTES\n%d,80,1,40\n", tag);
        expect(&s, name, want);
    }
    end(&s);
}

static void test_full_disk(void **state)
{
    (void)state;
    struct setup s;
    struct err e;
    setup(&s, "src_port", "out", (struct config){ .print_output = PRINT_CSV });
    sink_file.close(s.sink);
    memset(s.sink, 0, sink_file.state_size);
    s.c.print_output_file = "/dev/full";
    assert_int_equal(sink_file.open(s.sink, &s.pl, &e), 0);
    add(&s, 0, 0, 80);
    assert_int_equal(purge(&s, NULL), -1);
    end(&s);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewrite),    cmocka_unit_test(test_append),
        cmocka_unit_test(test_markers),    cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_many_files), cmocka_unit_test(test_shared_name),
        cmocka_unit_test(test_unwritable), cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
