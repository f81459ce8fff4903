/* SPDX-License-Identifier: BSD-2-Clause */
/* PostgreSQL: rows go by COPY, into the table itself or, where they may be there already, into a temporary
 * one from which one or two statements add them. */
#include "output/sink_pgsql.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/sink_sql.h"

enum { CHUNK = 64 << 10, STATEMENT_MAX = 1 << 20, ROW_MAX = 64 << 20 };

struct pgsql {
    PGconn *conn;
};

/* ---- connection */

/* SQLSTATE classes of what is wrong with the data: 21 cardinality, 22 data, 23 integrity. */
static bool is_about_data(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state && state[0] == '2' && state[1] >= '1' && state[1] <= '3';
}

/* The library's messages end in a newline and may have several lines. e may be NULL. */
static int fail(const char *text, enum err_code code, struct err *e)
{
    if (!e)
        return -1;
    err_set(e, code, "%.700s", text && *text ? text : "no reason given");
    for (char *p = e->text; *p; p++)
        if (*p == '\n')
            *p = p[1] ? ' ' : '\0';
    return -1;
}

static void be_silent(void *arg, const PGresult *r) { (void)arg, (void)r; }

static int pg_connect(void *db, const struct plugin *pl, const char *host, struct err *e)
{
    struct pgsql *s = db;
    const struct config *c = pl->c;
    char port[16] = "";
    if (c->sql_port)
        snprintf(port, sizeof(port), "%d", c->sql_port);
    const char *keys[] = { "host",
                           "port",
                           "dbname",
                           "user",
                           "password",
                           "sslrootcert",
                           "sslmode",
                           "connect_timeout",
                           "keepalives_idle",
                           "tcp_user_timeout",
                           "application_name",
                           NULL };
    const char *values[] = { host,
                             *port ? port : NULL,
                             c->sql_db ? c->sql_db : "pmacct",
                             c->sql_user ? c->sql_user : "pmacct",
                             c->sql_passwd ? c->sql_passwd : "arealsmartpwd",
                             c->sql_conn_ca_file,
                             c->sql_conn_ca_file ? "verify-full" : NULL,
                             "10",
                             "30",
                             "60000",
                             pl->progname,
                             NULL };
    s->conn = PQconnectdbParams(keys, values, 0);
    if (!s->conn)
        return err_set(e, ERR_SYS, "out of memory");
    PQsetNoticeProcessor(s->conn, NULL, NULL);
    PQsetNoticeReceiver(s->conn, be_silent, NULL);
    if (PQstatus(s->conn) == CONNECTION_OK)
        return 0;
    fail(PQerrorMessage(s->conn), ERR_SYS, e);
    PQfinish(s->conn);
    s->conn = NULL;
    return -1;
}

static void pg_disconnect(void *db)
{
    struct pgsql *s = db;
    if (s->conn)
        PQfinish(s->conn);
    s->conn = NULL;
}

static bool pg_connected(void *db)
{
    struct pgsql *s = db;
    return s->conn && PQstatus(s->conn) == CONNECTION_OK;
}

/* Takes the result. */
static int judge(struct pgsql *s, PGresult *r, struct err *e)
{
    ExecStatusType st = PQresultStatus(r);
    int rc = 0;
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK && st != PGRES_COPY_IN)
        rc = fail(r ? PQresultErrorMessage(r) : PQerrorMessage(s->conn),
                  is_about_data(r) ? ERR_FORMAT : ERR_SYS, e);
    PQclear(r);
    return rc;
}

static int pg_exec(void *db, const char *sql, struct err *e)
{
    struct pgsql *s = db;
    return judge(s, PQexec(s->conn, sql), e);
}

static int pg_ask(void *db, const char *sql, char *out, size_t size, struct err *e)
{
    struct pgsql *s = db;
    PGresult *r = PQexec(s->conn, sql);
    bool row = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0;
    if (row)
        snprintf(out, size, "%s", PQgetvalue(r, 0, 0));
    return judge(s, r, e) == -1 ? -1 : !row;
}

/* ---- what a table is */

static void literal(const char *text, struct strbuf *sql)
{
    strbuf_char(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_char(sql, '\'');
        strbuf_char(sql, *text);
    }
    strbuf_char(sql, '\'');
}

static void pg_ask_table(const char *table, struct strbuf *sql)
{
    strbuf_lit(sql, "SELECT 1 FROM pg_class WHERE pg_table_is_visible(oid) AND relname = ");
    literal(table, sql);
}

static void pg_ask_index(const char *table, const char *columns, struct strbuf *sql)
{
    strbuf_lit(sql,
               "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND "
               "i.indpred IS NULL AND i.indexprs IS NULL AND pg_table_is_visible(c.oid) AND c.relname = ");
    literal(table, sql);
    strbuf_lit(sql, " AND (SELECT string_agg(a.attname, ',' ORDER BY a.attname COLLATE \"C\") FROM "
                    "pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)) = ");
    literal(columns, sql);
}

static void pg_lock(const struct plugin *pl, const char *table, struct strbuf *sql)
{
    const struct config *c = pl->c;
    if (c->sql_dont_try_update || c->sql_locking_style == SQL_LOCK_NONE)
        return;
    strbuf_printf(sql, "LOCK TABLE %s IN %s MODE", table,
                  c->sql_locking_style == SQL_LOCK_ROW ? "ROW EXCLUSIVE" : "EXCLUSIVE");
}

/* ---- rows as COPY has them: tabs between values, backslashes before what would end them */

static void put_text(struct strbuf *out, const char *p, uint32_t len)
{
    static const char escapes[256] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v', ['\\'] = '\\'
    };
    for (uint32_t i = 0; i < len; i++) {
        char escape = escapes[(uint8_t)p[i]];
        if (escape)
            strbuf_char(out, '\\');
        strbuf_char(out, escape ? escape : p[i]);
    }
}

static void put_octets(struct strbuf *out, const char *p, uint32_t len)
{
    strbuf_lit(out, "\\\\x");
    for (uint32_t i = 0; i < len; i++)
        strbuf_printf(out, "%02x", (uint8_t)p[i]);
}

static void put_value(struct strbuf *out, const struct sql_value *v)
{
    switch (v->type) {
    case SQL_INT:
        if (v->i < 0)
            strbuf_printf(out, "%" PRId64, v->i);
        else
            strbuf_u64(out, v->u);
        break;
    case SQL_UNSIGNED:
        strbuf_u64(out, v->u);
        break;
    case SQL_REAL:
        strbuf_printf(out, "%f", v->d);
        break;
    case SQL_TEXT:
        put_text(out, v->text.p, v->text.len);
        break;
    case SQL_BLOB:
        put_octets(out, v->text.p, v->text.len);
        break;
    }
}

static int send_rows(struct pgsql *s, struct sql_load *l, struct sql_keys *keys, struct err *e)
{
    uint16_t all[SQL_COLUMNS_MAX], where[SQL_COLUMNS_MAX];
    unsigned n = sqltext_pick(l->text, SQL_ALL, l->event, all),
             n_where = sqltext_pick(l->text, SQL_WHERE, l->event, where);
    struct strbuf out;
    int rc = 0;
    strbuf_init(&out, ROW_MAX);
    for (uint64_t i = 0; i < l->n && rc == 0; i++) {
        struct row r = agg_row(l->entry[i]);
        if (!sqltext_values(l->text, &r, l->value))
            rc = err_set(e, ERR_LIMIT, "out of memory for a row");
        for (unsigned k = 0; k < n && rc == 0; k++) {
            put_value(&out, &l->value[all[k]]);
            strbuf_char(&out, k + 1 < n ? '\t' : '\n');
        }
        if (keys && rc == 0)
            sql_keys_add(keys, l->value, where, n_where);
        if (rc == 0 && (out.len >= CHUNK || i + 1 == l->n)) {
            if (out.failed || PQputCopyData(s->conn, out.p, (int)out.len) != 1)
                rc = fail(PQerrorMessage(s->conn), ERR_SYS, e);
            strbuf_clear(&out);
        }
    }
    strbuf_free(&out);
    return rc;
}

static int copy_rows(struct pgsql *s, struct sql_load *l, const char *into, struct sql_keys *keys,
                     struct err *e)
{
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_printf(&sql, "COPY %s (", into);
    sqltext_each(l->text, SQL_ALL, l->event, "@", ", ", &sql);
    strbuf_lit(&sql, ") FROM STDIN");
    int rc = pg_exec(s, strbuf_cstr(&sql), e);
    strbuf_free(&sql);
    if (rc == -1)
        return -1;
    rc = send_rows(s, l, keys, e);
    if (PQputCopyEnd(s->conn, rc == -1 ? "the rows could not be made" : NULL) != 1 && rc == 0)
        rc = fail(PQerrorMessage(s->conn), ERR_SYS, e);
    for (PGresult *r; (r = PQgetResult(s->conn));)
        if (judge(s, r, rc == 0 ? e : NULL) == -1)
            rc = -1;
    return rc;
}

/* ---- adding to rows that are there */

static int make_stage(struct pgsql *s, const struct sql_load *l, struct err *e)
{
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_lit(&sql, "DROP TABLE IF EXISTS pg_temp.pm_stage; CREATE TEMP TABLE pm_stage ON COMMIT DROP");
    sql_stage_like(l, &sql);
    int rc = pg_exec(s, strbuf_cstr(&sql), e);
    strbuf_free(&sql);
    return rc;
}

/* Runs a statement; *rows gets how many rows it concerned. */
static int run_counting(struct pgsql *s, struct strbuf *sql, uint64_t *rows, struct err *e)
{
    PGresult *r = PQexec(s->conn, strbuf_cstr(sql));
    *rows = strtoull(PQcmdTuples(r), NULL, 10);
    strbuf_clear(sql);
    return judge(s, r, e);
}

/* With a unique index over just these columns one statement does it. */
static int upsert(struct pgsql *s, struct sql_load *l, bool collide, struct err *e)
{
    struct strbuf sql, set;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_init(&set, STATEMENT_MAX);
    sql_insert_stage(l, " AS t", collide, &sql);
    strbuf_lit(&sql, " ON CONFLICT (");
    sqltext_each(l->text, SQL_WHERE, l->event, "@", ", ", &sql);
    strbuf_lit(&sql, ") DO ");
    if (sql_set_clause(l, "@", "t.@", "EXCLUDED.@", &set))
        strbuf_printf(&sql, "UPDATE SET %s", strbuf_cstr(&set));
    else
        strbuf_lit(&sql, "NOTHING");
    int rc = run_counting(s, &sql, &l->inserted, e);
    strbuf_free(&set);
    strbuf_free(&sql);
    return rc;
}

static int update_then_insert(struct pgsql *s, struct sql_load *l, bool collide, struct err *e)
{
    struct strbuf sql, match;
    int rc = pg_exec(s, "ANALYZE pm_stage", e);
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_init(&match, STATEMENT_MAX);
    sqltext_each(l->text, SQL_WHERE, l->event, "t.@ = s.@", " AND ", &match);
    strbuf_printf(&sql, "UPDATE %s AS t SET ", l->table);
    if (rc == 0 && sql_set_clause(l, "@", "t.@", "s.@", &sql)) {
        strbuf_lit(&sql, " FROM ");
        sql_stage_rows(l, collide, &sql);
        strbuf_printf(&sql, " s WHERE %s", strbuf_cstr(&match));
        rc = run_counting(s, &sql, &l->updated, e);
    }
    strbuf_clear(&sql);
    sql_insert_stage(l, "", collide, &sql);
    strbuf_printf(&sql, " WHERE NOT EXISTS (SELECT 1 FROM %s t WHERE %s)", l->table, strbuf_cstr(&match));
    if (rc == 0)
        rc = run_counting(s, &sql, &l->inserted, e);
    strbuf_free(&match);
    strbuf_free(&sql);
    return rc;
}

static int pg_load(void *db, struct sql_load *l, struct err *e)
{
    struct pgsql *s = db;
    if (!l->update) {
        l->inserted = l->n;
        return copy_rows(s, l, l->table, NULL, e);
    }
    struct sql_keys *keys = sql_keys_new(l->n);
    if (!keys)
        return err_set(e, ERR_SYS, "out of memory");
    int rc = make_stage(s, l, e);
    if (rc == 0)
        rc = copy_rows(s, l, "pm_stage", keys, e);
    if (rc == 0)
        rc = l->keyed ? upsert(s, l, sql_keys_collide(keys), e)
                      : update_then_insert(s, l, sql_keys_collide(keys), e);
    sql_keys_free(keys);
    return rc;
}

static const struct sql_server server = {
    .name = "pgsql",
    .product = "PostgreSQL",
    .dialect = &sql_dialect_pgsql,
    .state_size = sizeof(struct pgsql),
    .begin = "BEGIN",
    .make_ids =
        "CREATE TABLE IF NOT EXISTS pmacct_spool (writer VARCHAR(190) PRIMARY KEY, batch CHAR(32) NOT "
        "NULL, stamp TIMESTAMP NOT NULL)",
    .put_id =
        "INSERT INTO pmacct_spool VALUES ('%s', '%s', now()) ON CONFLICT (writer) DO UPDATE SET batch = "
        "EXCLUDED.batch, stamp = EXCLUDED.stamp",
    .connect = pg_connect,
    .disconnect = pg_disconnect,
    .connected = pg_connected,
    .exec = pg_exec,
    .ask = pg_ask,
    .ask_table = pg_ask_table,
    .ask_index = pg_ask_index,
    .lock = pg_lock,
    .load = pg_load,
};

SINK_SQL(pgsql, server);
