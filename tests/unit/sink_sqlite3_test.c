/* SPDX-License-Identifier: BSD-2-Clause */
/* SQL text, and the SQLite sink on databases in a temporary directory: columns by version, fillers, updates,
 * times, events, schema files, rows that a table refuses, and batches that come again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "output/sink_sqlite3.h"
#include "output/sqltext.h"
#include "rows.h"

#define US(s) ((int64_t)(s)*US_PER_S)
#define BIN INT64_C(1699999800) /* 2023-11-14 22:10:00 UTC */

struct setup {
    struct made m;
    struct config c;
    struct plugin pl;
    void *sink;
    struct agg *t;
    char dir[64], file[128], schema[128];
    uint64_t written, refused;
    struct err e;
};

static void setup(struct setup *s, const char *aggregate, struct config c)
{
    memset(s, 0, sizeof(*s));
    made_init(&s->m, aggregate, c.history.n != 0);
    snprintf(s->dir, sizeof(s->dir), "/tmp/sink_sqlite3_test.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->file, sizeof(s->file), "%s/x.db", s->dir);
    snprintf(s->schema, sizeof(s->schema), "%s/schema", s->dir);
    s->c = c;
    s->c.sql_db = s->file;
    s->c.timestamps_utc = true;
    s->c.files_umask = s->c.files_uid = s->c.files_gid = -1;
    s->c.refresh_time = 60;
    s->pl = (struct plugin){ .c = &s->c, .spec = &s->m.spec, .layout = &s->m.layout, .name = "p" };
    log_init(&s->pl.log, NULL, "p", "sqlite3", false);
    s->sink = calloc(1, sink_sqlite3.state_size);
    s->t = agg_new();
}

static void open_sink(struct setup *s) { assert_int_equal(sink_sqlite3.open(s->sink, &s->pl, &s->e), 0); }

static void end(struct setup *s)
{
    char command[128];
    sink_sqlite3.close(s->sink);
    free(s->sink);
    agg_free(s->t);
    snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
}

static void add(struct setup *s, uint64_t packets, uint8_t tcpflags, uint8_t kind)
{
    struct {
        struct record r;
        uint8_t key[512];
    } rec;
    memset(&rec, 0, sizeof(rec));
    rec.r = (struct record){
        .packets = packets, .bytes = packets * 100, .flows = 1, .tcpflags = tcpflags, .kind = kind & 3
    };
    record_set_key_len(&rec.r, s->m.key_len);
    memcpy(rec.r.key, s->m.key, s->m.key_len);
    agg_add(s->t, (const uint8_t *)&rec, record_size(&rec.r));
}

static int purge(struct setup *s)
{
    struct batch b = {
        .layout = &s->m.layout, .table = s->t, .rows = agg_count(s->t), .purge_us = US(BIN + 200)
    };
    int rc = sink_sqlite3.write(s->sink, &s->pl, &b, &s->e);
    s->written = b.written;
    s->refused = b.refused;
    if (rc == 0)
        agg_clear(s->t);
    return rc;
}

static int one_line(void *text, int n, char **value, char **name)
{
    struct strbuf *out = text;
    (void)name;
    for (int i = 0; i < n; i++)
        strbuf_printf(out, "%s%s", i ? "|" : "", value[i] ? value[i] : "NULL");
    strbuf_char(out, '\n');
    return 0;
}

static void sql(struct setup *s, const char *text, const char *want)
{
    sqlite3 *db;
    struct strbuf out;
    char *message = NULL;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(sqlite3_open(s->file, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, one_line, &out, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    assert_string_equal(strbuf_cstr(&out), want);
    sqlite3_close(db);
    strbuf_free(&out);
}

/* ---- text */

static void expect_text(const char *aggregate, struct config c, const char *insert, const char *update)
{
    struct setup s;
    struct strbuf out;
    setup(&s, aggregate, c);
    struct sqltext *t = sqltext_new(&s.pl, &sql_dialect_sqlite3, &s.e);
    assert_non_null(t);
    strbuf_init(&out, 65536);
    sqltext_insert(t, "t", false, &out);
    assert_string_equal(strbuf_cstr(&out), insert);
    strbuf_clear(&out);
    if (update) {
        assert_true(sqltext_update(t, "t", false, &out));
        assert_string_equal(strbuf_cstr(&out), update);
    }
    strbuf_free(&out);
    sqltext_free(t);
    end(&s);
}

static void test_text(void **state)
{
    (void)state;
    struct config opt = { .sql_optimize_clauses = true, .sql_table_version = 9, .history = { 10, 'm' } };
    expect_text(
        "src_host, src_port, proto, tcpflags, flows", opt,
        "INSERT INTO t (stamp_updated, stamp_inserted, ip_src, port_src, tcp_flags, ip_proto, packets, "
        "bytes, flows) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        "UPDATE t SET stamp_updated = ?1, tcp_flags = tcp_flags | ?5, packets = packets + ?7, bytes = bytes "
        "+ ?8, "
        "flows = flows + ?9 WHERE stamp_inserted = ?2 AND ip_src = ?3 AND port_src = ?4 AND ip_proto = ?6");
    /* names by version, also where only the columns in use are named */
    opt.sql_table_version = 7;
    opt.history.n = 0;
    expect_text("tag, src_port, timestamp_start", opt,
                "INSERT INTO t (src_port, timestamp_start, timestamp_start_residual, agent_id, packets, "
                "bytes) VALUES "
                "(?1, ?2, ?3, ?4, ?5, ?6)",
                NULL);
    opt.timestamps_secs = true;
    expect_text(
        "timestamp_start, src_host_coords", opt,
        "INSERT INTO t (lat_ip_src, lon_ip_src, timestamp_start, packets, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        NULL);
    /* all columns of a version */
    expect_text("src_host", (struct config){ .sql_table_version = 1 },
                "INSERT INTO t (mac_src, mac_dst, ip_src, ip_dst, src_port, dst_port, ip_proto, packets, "
                "bytes) VALUES "
                "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                NULL);
    expect_text("src_as, cos", (struct config){ .sql_table_version = 4 },
                "INSERT INTO t (mac_src, mac_dst, vlan, cos, ip_dst, ip_src, src_port, dst_port, tos, "
                "ip_proto, agent_id, packets, bytes, "
                "flows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                NULL);
    expect_text("as_path", (struct config){ .sql_table_version = 1 },
                "INSERT INTO t (as_src, as_dst, comms, as_path, local_pref, med, peer_as_src, peer_as_dst, "
                "peer_ip_src, peer_ip_dst, "
                "agent_id, packets, bytes, flows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
                "?13, ?14)",
                NULL);
}

static void test_check(void **state)
{
    static const struct {
        const char *aggregate;
        int version;
        const char *type;
        bool optimize, ok;
    } cases[] = {
        { "src_host, dst_port, proto", 1, NULL, false, true },
        { "src_host, vlan", 1, NULL, false, false },
        { "src_host, vlan", 1, NULL, true, true },
        { "src_host, vlan", 2, NULL, false, true },
        { "src_host, tos", 2, NULL, false, false },
        { "src_host, tcpflags", 6, NULL, false, false },
        { "src_host, tcpflags", 7, NULL, false, true },
        { "src_host, flows", 3, NULL, false, false },
        { "src_host, flows", 4, NULL, false, true },
        { "src_host, src_as", 5, NULL, true, false }, /* one column for both */
        { "src_host, src_as", 6, NULL, false, true },
        { "src_as", 1, NULL, false, true },
        { "src_host, as_path", 1, NULL, false, false }, /* of type bgp by itself, which has no hosts */
        { "src_as, as_path", 1, NULL, false, true },
        { "as_path", 1, "original", false, false },
        { "src_host, in_iface, tag2, label", 1, NULL, false, true }, /* in no default table: added */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made m;
        struct err e;
        struct config_set set = { .strict = false };
        struct plugin_conf pc = { .name = "p",
                                  .c = { .sql_table_version = cases[i].version,
                                         .sql_table_type = cases[i].type,
                                         .sql_optimize_clauses = cases[i].optimize } };
        made_init(&m, cases[i].aggregate, false);
        int rc = sqltext_check(&set, &pc, &m.spec, &sql_dialect_sqlite3, &e);
        if (rc != (cases[i].ok ? 0 : -1))
            fail_msg("%s, version %d: %d", cases[i].aggregate, cases[i].version, rc);
    }
}

/* ---- databases */

static void test_update(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, dst_port, proto, tcpflags",
          (struct config){ .sql_optimize_clauses = true,
                           .sql_table = "own",
                           .sql_table_version = 9,
                           .history = { 10, 'm' },
                           .num_protos = true });
    sql(&s,
        "CREATE TABLE own (ip_src TEXT, port_dst INTEGER, ip_proto INTEGER, tcp_flags INTEGER, packets "
        "INTEGER, bytes INTEGER, "
        "stamp_inserted DATETIME, stamp_updated DATETIME);"
        "INSERT INTO own VALUES ('10.0.0.1', 80, 6, 2, 1000, 100000, '2023-11-14 22:10:00', '2023-11-14 "
        "22:12:00')",
        "");
    open_sink(&s);
    made_addr(&s.m, FIELD_src_host, "10.0.0.1");
    made_u16(&s.m, FIELD_dst_port, 80);
    made_u8(&s.m, FIELD_proto, 6);
    made_bin(&s.m, BIN);
    add(&s, 10, 16, FLOW_TRAFFIC);
    made_bin(&s.m, BIN - 600);
    add(&s, 1, 1, FLOW_TRAFFIC);
    made_addr(&s.m, FIELD_src_host, "2001:db8::1");
    add(&s, UINT64_C(50000000), 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    assert_int_equal(s.written, 3);
    sql(&s,
        "SELECT ip_src, port_dst, ip_proto, tcp_flags, packets, bytes, stamp_inserted FROM own ORDER BY "
        "packets",
        "10.0.0.1|80|6|1|1|100|2023-11-14 22:00:00\n"
        "10.0.0.1|80|6|18|1010|101000|2023-11-14 22:10:00\n"
        "2001:db8::1|80|6|0|50000000|5000000000|2023-11-14 22:00:00\n");
    sql(&s, "SELECT typeof(ip_proto), count(*) FROM own WHERE stamp_updated > '2024' GROUP BY 1",
        "integer|3\n");
    end(&s);
}

static void test_default_table(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, proto", (struct config){ .sql_table_version = 9, .history = { 10, 'm' } });
    open_sink(&s);
    made_addr(&s.m, FIELD_src_host, "10.0.0.1");
    made_u8(&s.m, FIELD_proto, 17);
    made_bin(&s.m, BIN);
    for (int i = 0; i < 2; i++) {
        add(&s, 3, 0, FLOW_TRAFFIC);
        assert_int_equal(purge(&s), 0); /* the first one makes the table, the second updates */
    }
    sql(&s,
        "SELECT tag, class_id, mac_src, vlan, as_src, ip_src, ip_dst, port_src, tcp_flags, ip_proto, tos, "
        "packets, flows FROM acct_v9",
        "0|unknown|0:0:0:0:0:0|0|0|10.0.0.1|0.0.0.0|0|0|udp|0|6|0\n");
    end(&s);
}

static void test_every_version(void **state)
{
    (void)state;
    for (int version = 1; version <= 9; version++) {
        struct setup s;
        char want[64], table[64];
        setup(&s, "src_host, dst_host, src_port, dst_port, proto",
              (struct config){ .sql_table_version = version });
        open_sink(&s);
        add(&s, 1, 0, FLOW_TRAFFIC);
        assert_int_equal(purge(&s), 0);
        snprintf(want, sizeof(want), "acct%s%.0d\n", version > 1 ? "_v" : "", version > 1 ? version : 0);
        snprintf(table, sizeof(table), "SELECT name FROM sqlite_master WHERE type = 'table'");
        sql(&s, table, want);
        end(&s);
    }
}

static void test_since_epoch(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, timestamp_start",
          (struct config){ .sql_optimize_clauses = true,
                           .timestamps_since_epoch = true,
                           .history = { 10, 'm' },
                           .sql_dont_try_update = true });
    open_sink(&s);
    int64_t at = US(BIN) + 250;
    made_set(&s.m, FIELD_timestamp_start, &at, sizeof(at));
    made_bin(&s.m, BIN);
    add(&s, 1, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s,
        "SELECT timestamp_start, timestamp_start_residual, stamp_inserted, typeof(stamp_updated), ip_src "
        "FROM acct",
        "1699999800|250|1699999800|integer|0.0.0.0\n");
    end(&s);
    setup(&s, "src_host, timestamp_start", (struct config){ .sql_optimize_clauses = true });
    open_sink(&s);
    add(&s, 1, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT timestamp_start, timestamp_start_residual FROM acct", "1970-01-01 00:00:00|0\n");
    end(&s);
}

/* The column has 16 characters. */
static void test_long_class(void **state)
{
    (void)state;
    struct setup s;
    struct class_name name = { "Unknown/GoogleHangoutDuo" };
    setup(&s, "class", (struct config){ .sql_optimize_clauses = true });
    open_sink(&s);
    made_set(&s.m, FIELD_class, &name, sizeof(name));
    add(&s, 1, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT class_id FROM acct", "Unknown/GoogleHa\n");
    end(&s);
}

static void test_num_hosts(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, dst_host", (struct config){ .sql_optimize_clauses = true, .sql_num_hosts = true });
    open_sink(&s);
    made_addr(&s.m, FIELD_src_host, "10.0.0.1");
    made_addr(&s.m, FIELD_dst_host, "2001:db8::1");
    add(&s, 1, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT ip_src, hex(ip_dst) FROM acct", "167772161|20010DB8000000000000000000000001\n");
    end(&s);
}

/* Values are bound: text that looks like SQL is text. Tags use all of 64 bits. */
static void test_bound(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "label, tag, mpls_label_stack",
          (struct config){ .sql_optimize_clauses = true, .sql_table_version = 9 });
    open_sink(&s);
    static const uint32_t stack[] = { 16, 1048575 };
    made_u64(&s.m, FIELD_tag, UINT64_MAX);
    made_var(&s.m, FIELD_label, "x'; DROP TABLE acct_v9; --", 26);
    made_var(&s.m, FIELD_mpls_label_stack, stack, sizeof(stack));
    add(&s, 1, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT label, mpls_label_stack FROM acct_v9", "x'; DROP TABLE acct_v9; --|16_1048575\n");
    end(&s);
}

/* Events have no counters; an update of theirs would change nothing but the stamp. */
static void test_events(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, nat_event", (struct config){ .sql_optimize_clauses = true, .sql_table = "ev" });
    sql(&s, "CREATE TABLE ev (ip_src TEXT, nat_event INTEGER, packets INTEGER DEFAULT -1, bytes INTEGER)",
        "");
    open_sink(&s);
    made_addr(&s.m, FIELD_src_host, "10.0.0.1");
    made_u8(&s.m, FIELD_nat_event, 1);
    add(&s, 0, 0, FLOW_EVENT);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT ip_src, nat_event, packets, bytes FROM ev", "10.0.0.1|1|-1|NULL\n");
    end(&s);
}

static void test_schema(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_host, flows",
          (struct config){
              .sql_optimize_clauses = true, .sql_table = "acct_%Y%m%d_%H", .history = { 1, 'h' } });
    FILE *f = fopen(s.schema, "w");
    fputs("CREATE TABLE acct_%Y%m%d_%H (ip_src TEXT, packets INTEGER, bytes INTEGER, flows INTEGER,\n"
          "  stamp_inserted DATETIME, stamp_updated DATETIME);\n",
          f);
    fclose(f);
    s.c.sql_table_schema = s.schema;
    open_sink(&s);
    made_addr(&s.m, FIELD_src_host, "10.0.0.1");
    for (int i = 0; i < 2; i++) {
        made_bin(&s.m, BIN - 600);
        add(&s, 1, 0, FLOW_TRAFFIC);
        made_bin(&s.m, BIN - 4200);
        add(&s, 2, 0, FLOW_TRAFFIC);
        assert_int_equal(purge(&s), 0);
    }
    sql(&s, "SELECT packets, flows FROM acct_20231114_21; SELECT packets, flows FROM acct_20231114_22",
        "4|2\n2|2\n");
    end(&s);
}

/* One row that breaks a rule of the table does not hold up the others. */
static void test_refused(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port",
          (struct config){ .sql_optimize_clauses = true, .sql_table = "own", .sql_dont_try_update = true });
    sql(&s, "CREATE TABLE own (src_port INTEGER PRIMARY KEY, packets INTEGER, bytes INTEGER)", "");
    open_sink(&s);
    for (uint16_t port = 1; port <= 3; port++) {
        made_u16(&s.m, FIELD_src_port, port);
        add(&s, 1, 0, FLOW_TRAFFIC);
    }
    sql(&s, "INSERT INTO own VALUES (2, 7, 7)", "");
    assert_int_equal(purge(&s), 0);
    assert_int_equal(s.written, 2);
    assert_int_equal(s.refused, 1);
    sql(&s, "SELECT src_port, packets FROM own", "1|1\n2|7\n3|1\n");
    end(&s);
}

/* No table, then there is one: the same batch comes again, whole and once. */
static void test_again(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", (struct config){ .sql_optimize_clauses = true, .sql_table = "later" });
    open_sink(&s);
    add(&s, 5, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), -1);
    assert_non_null(strstr(s.e.text, "no such table"));
    sql(&s, "CREATE TABLE later (src_port INTEGER, packets INTEGER, bytes INTEGER)", "");
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT src_port, packets FROM later", "0|5\n");
    end(&s);
}

static void test_quoted(void **state)
{
    (void)state;
    struct setup s;
    setup(&s, "src_port", (struct config){ .sql_optimize_clauses = true, .sql_table = "a-\"b\"" });
    sql(&s, "CREATE TABLE \"a-\"\"b\"\"\" (src_port INTEGER, packets INTEGER, bytes INTEGER)", "");
    open_sink(&s);
    add(&s, 5, 0, FLOW_TRAFFIC);
    assert_int_equal(purge(&s), 0);
    sql(&s, "SELECT packets FROM \"a-\"\"b\"\"\"", "5\n");
    end(&s);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_check),
        cmocka_unit_test(test_update),        cmocka_unit_test(test_default_table),
        cmocka_unit_test(test_every_version), cmocka_unit_test(test_since_epoch),
        cmocka_unit_test(test_num_hosts),     cmocka_unit_test(test_bound),
        cmocka_unit_test(test_events),        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_again),
        cmocka_unit_test(test_quoted),        cmocka_unit_test(test_long_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
