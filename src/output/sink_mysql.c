/* SPDX-License-Identifier: BSD-2-Clause */
/* MariaDB and MySQL: rows go in INSERT statements of many rows each, which add to the rows that are there
 * already. Where the table has no index that finds these, through a temporary table. Rows that are only to be
 * inserted go by LOAD DATA, which is half of the server's work, where the server allows it. */
#include "output/sink_mysql.h"

#include <errmsg.h>
#include <inttypes.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/sink_sql.h"

enum {
    CHUNK = 512 << 10,
    STATEMENT_MAX = 64 << 20,
    CONNECT_S = 10,
    TALK_S = 60,
    LOAD_LEAST = 100, /* rows for which LOAD DATA is worth it */
};

struct feed;

struct mysql {
    MYSQL *conn;
    bool lost, no_load; /* no LOAD DATA with this server */
    struct feed *feed;  /* what it may ask for now; NULL: nothing */
    struct log_limit cut_limit;
};

/* In strict mode a server refuses rows whose values are too long for their columns: cut, they count. */
#define MODE                                                                                                 \
    "SET SESSION sql_mode = REPLACE(REPLACE(@@sql_mode, 'STRICT_TRANS_TABLES', ''), 'STRICT_ALL_TABLES', "   \
    "'')"

/* ---- connection */

/* What is wrong with the row and will be tomorrow. */
static bool is_about_data(unsigned code)
{
    static const unsigned codes[] = {
        ER_DUP_ENTRY,
        ER_DATA_TOO_LONG,
        ER_WARN_DATA_OUT_OF_RANGE,
        ER_TRUNCATED_WRONG_VALUE,
        ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
        ER_BAD_NULL_ERROR,
        ER_DATA_OUT_OF_RANGE,
        ER_NO_REFERENCED_ROW_2,
#ifdef ER_CONSTRAINT_FAILED /* MariaDB's */
        ER_CONSTRAINT_FAILED,
#endif
    };
    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] == code)
            return true;
    return false;
}

static int fail(struct mysql *s, struct err *e)
{
    unsigned code = mysql_errno(s->conn);
    if (code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_COMMANDS_OUT_OF_SYNC ||
        code == ER_CONNECTION_KILLED || code == ER_SERVER_SHUTDOWN)
        s->lost = true;
    return err_set(e, is_about_data(code) ? ERR_FORMAT : ERR_SYS, "%s (%u)", mysql_error(s->conn), code);
}

static void my_disconnect(void *db)
{
    struct mysql *s = db;
    if (s->conn)
        mysql_close(s->conn);
    s->conn = NULL;
    s->lost = s->no_load = false;
}

static void let_load(struct mysql *s);

static void set_options(struct mysql *s, const struct config *c)
{
    MYSQL *conn = s->conn;
    unsigned connect_s = CONNECT_S, talk_s = TALK_S;
    mysql_options(conn, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(conn, MYSQL_OPT_READ_TIMEOUT, &talk_s);
    mysql_options(conn, MYSQL_OPT_WRITE_TIMEOUT, &talk_s);
    mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (c->sql_conn_ca_file) {
        my_bool verify = 1;
        mysql_ssl_set(conn, NULL, NULL, c->sql_conn_ca_file, NULL, NULL);
        mysql_options(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    }
    let_load(s);
}

static int my_connect(void *db, const struct plugin *pl, const char *host, struct err *e)
{
    struct mysql *s = db;
    const struct config *c = pl->c;
    const char *path = host && !strncmp(host, "unix:", 5) ? host + 5 : NULL;
    s->lost = false;
    s->conn = mysql_init(NULL);
    if (!s->conn)
        return err_set(e, ERR_SYS, "out of memory");
    set_options(s, c);
    if (mysql_real_connect(s->conn, path ? NULL : host, c->sql_user ? c->sql_user : "pmacct",
                           c->sql_passwd ? c->sql_passwd : "arealsmartpwd", c->sql_db ? c->sql_db : "pmacct",
                           (unsigned)c->sql_port, path, 0) &&
        mysql_query(s->conn, MODE) == 0 &&
        (!c->timestamps_utc || mysql_query(s->conn, "SET time_zone = '+00:00'") == 0))
        return 0;
    fail(s, e);
    my_disconnect(s);
    return -1;
}

static bool my_connected(void *db)
{
    struct mysql *s = db;
    return s->conn && !s->lost;
}

static int query(struct mysql *s, const char *sql, size_t len, struct err *e)
{
    if (mysql_real_query(s->conn, sql, len) != 0)
        return fail(s, e);
    MYSQL_RES *r = mysql_store_result(s->conn);
    if (r)
        mysql_free_result(r);
    return 0;
}

static int my_exec(void *db, const char *sql, struct err *e) { return query(db, sql, strlen(sql), e); }

static int my_ask(void *db, const char *sql, char *out, size_t size, struct err *e)
{
    struct mysql *s = db;
    if (mysql_query(s->conn, sql) != 0)
        return fail(s, e);
    MYSQL_RES *r = mysql_store_result(s->conn);
    MYSQL_ROW row = r ? mysql_fetch_row(r) : NULL;
    if (row)
        snprintf(out, size, "%s", row[0] ? row[0] : "");
    if (r)
        mysql_free_result(r);
    return row ? 0 : 1;
}

/* ---- what a table is */

static void literal(const char *text, struct strbuf *sql)
{
    strbuf_char(sql, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            strbuf_char(sql, '\\');
        strbuf_char(sql, *text);
    }
    strbuf_char(sql, '\'');
}

static void my_ask_table(const char *table, struct strbuf *sql)
{
    strbuf_lit(sql,
               "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ");
    literal(table, sql);
}

static void my_ask_index(const char *table, const char *columns, struct strbuf *sql)
{
    strbuf_lit(sql,
               "SELECT 1 FROM (SELECT GROUP_CONCAT(column_name ORDER BY BINARY column_name) AS columns FROM "
               "information_schema.statistics WHERE table_schema = DATABASE() AND non_unique = 0 AND "
               "sub_part IS NULL AND table_name = ");
    literal(table, sql);
    strbuf_lit(sql, " GROUP BY index_name) AS i WHERE columns = ");
    literal(columns, sql);
}

/* Rows are added to in one transaction, each in one statement: there is nothing that a lock of the whole
 * table would protect. */
static void my_lock(const struct plugin *pl, const char *table, struct strbuf *sql)
{
    (void)pl, (void)table, (void)sql;
}

/* ---- rows as statements have them */

static bool put_text(struct mysql *s, struct strbuf *out, const char *p, uint32_t len)
{
    if (!strbuf_room(out, 2 * (size_t)len + 3))
        return false;
    out->p[out->len++] = '\'';
    out->len += mysql_real_escape_string(s->conn, out->p + out->len, p, len);
    out->p[out->len++] = '\'';
    return true;
}

static void put_octets(struct strbuf *out, const char *p, uint32_t len)
{
    strbuf_lit(out, "x'");
    for (uint32_t i = 0; i < len; i++)
        strbuf_printf(out, "%02x", (uint8_t)p[i]);
    strbuf_char(out, '\'');
}

static void put_value(struct mysql *s, struct strbuf *out, const struct sql_value *v)
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
        put_text(s, out, v->text.p, v->text.len);
        break;
    case SQL_BLOB:
        put_octets(out, v->text.p, v->text.len);
        break;
    }
}

static int put_row(struct mysql *s, struct sql_load *l, const uint16_t *all, unsigned n, uint64_t i,
                   struct strbuf *sql, struct err *e)
{
    struct row r = agg_row(l->entry[i]);
    if (!sqltext_values(l->text, &r, l->value))
        return err_set(e, ERR_LIMIT, "out of memory for a row");
    for (unsigned k = 0; k < n; k++) {
        strbuf_char(sql, k ? ',' : '(');
        put_value(s, sql, &l->value[all[k]]);
    }
    strbuf_char(sql, ')');
    return 0;
}

/* Tells of values that did not fit into their columns. */
static void tell_cut(struct mysql *s, const struct sql_load *l)
{
    char text[256] = "";
    unsigned n = mysql_warning_count(s->conn);
    if (n == 0 || mysql_query(s->conn, "SHOW WARNINGS LIMIT 1") != 0)
        return;
    MYSQL_RES *r = mysql_store_result(s->conn);
    MYSQL_ROW row = r ? mysql_fetch_row(r) : NULL;
    if (row && mysql_num_fields(r) > 2 && row[2])
        snprintf(text, sizeof(text), "%s", row[2]);
    if (r)
        mysql_free_result(r);
    log_limited(&l->pl->log, &s->cut_limit, LOG_LV_WARN,
                "table %s takes values changed (%u in one statement): %s", l->table, n, text);
}

/* Sends all rows, as many to a statement as fit; `after` is what stands behind the last one of each. */
static int insert_rows(struct mysql *s, struct sql_load *l, const char *into, const char *after,
                       struct sql_keys *keys, struct err *e)
{
    uint16_t all[SQL_COLUMNS_MAX], where[SQL_COLUMNS_MAX];
    unsigned n = sqltext_pick(l->text, SQL_ALL, l->event, all),
             n_where = sqltext_pick(l->text, SQL_WHERE, l->event, where);
    struct strbuf sql;
    int rc = 0;
    strbuf_init(&sql, STATEMENT_MAX);
    for (uint64_t i = 0; i < l->n && rc == 0; i++) {
        if (sql.len == 0) {
            strbuf_printf(&sql, "INSERT INTO %s (", into);
            sqltext_each(l->text, SQL_ALL, l->event, "@", ",", &sql);
            strbuf_lit(&sql, ") VALUES ");
        } else {
            strbuf_char(&sql, ',');
        }
        rc = put_row(s, l, all, n, i, &sql, e);
        if (keys && rc == 0)
            sql_keys_add(keys, l->value, where, n_where);
        if (rc == 0 && (sql.len >= CHUNK || i + 1 == l->n)) {
            strbuf_str(&sql, after);
            rc = sql.failed ? err_set(e, ERR_LIMIT, "a statement is too long") : query(s, sql.p, sql.len, e);
            tell_cut(s, l);
            strbuf_clear(&sql);
        }
    }
    strbuf_free(&sql);
    return rc;
}

/* ---- LOAD DATA: the server asks for a file, and gets rows */

struct feed {
    struct sql_load *l;
    struct sql_keys *keys; /* NULL: nobody wants to know */
    uint16_t all[SQL_COLUMNS_MAX], where[SQL_COLUMNS_MAX];
    unsigned n, n_where;
    uint64_t i; /* the next row */
    struct strbuf text;
    size_t at; /* octets of it that were taken */
};

static void put_escaped(struct strbuf *out, const char *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        const char c = p[i];
        if (c == '\\' || c == '\t' || c == '\n' || c == '\0')
            strbuf_char(out, '\\');
        strbuf_char(out, c == '\0' ? '0' : c);
    }
}

static void put_field(struct strbuf *out, const struct sql_value *v)
{
    if (v->type == SQL_TEXT)
        put_escaped(out, v->text.p, v->text.len);
    else if (v->type == SQL_REAL)
        strbuf_printf(out, "%f", v->d);
    else if (v->type == SQL_INT && v->i < 0)
        strbuf_printf(out, "%" PRId64, v->i);
    else
        strbuf_u64(out, v->u);
}

/* The next rows. False: one cannot be written so. */
static bool feed_more(struct feed *f)
{
    struct sql_load *l = f->l;
    strbuf_clear(&f->text);
    f->at = 0;
    while (f->i < l->n && f->text.len < CHUNK) {
        struct row r = agg_row(l->entry[f->i++]);
        if (!sqltext_values(l->text, &r, l->value))
            return false;
        for (unsigned k = 0; k < f->n; k++) {
            const struct sql_value *v = &l->value[f->all[k]];
            if (v->type == SQL_BLOB)
                return false;
            if (k)
                strbuf_char(&f->text, '\t');
            put_field(&f->text, v);
        }
        strbuf_char(&f->text, '\n');
        if (f->keys)
            sql_keys_add(f->keys, l->value, f->where, f->n_where);
    }
    return !f->text.failed;
}

static int on_open(void **file, const char *name, void *arg)
{
    struct mysql *s = arg;
    (void)name;
    *file = s->feed;
    return s->feed ? 0 : 1;
}

static int on_read(void *file, char *to, unsigned size)
{
    struct feed *f = file;
    if (f->at == f->text.len && !feed_more(f))
        return -1;
    size_t n = f->text.len - f->at < size ? f->text.len - f->at : size;
    memcpy(to, f->text.p + f->at, n);
    f->at += n;
    return (int)n;
}

static void on_close(void *file) { (void)file; }

static int on_error(void *file, char *text, unsigned size)
{
    snprintf(text, size, "%s", file ? "a row that LOAD DATA cannot carry" : "the server asks for a file");
    return CR_UNKNOWN_ERROR;
}

/* No file of ours is ever opened, whatever the server asks for. */
static void let_load(struct mysql *s)
{
    unsigned on = 1;
    mysql_options(s->conn, MYSQL_OPT_LOCAL_INFILE, &on);
    mysql_set_local_infile_handler(s->conn, on_open, on_read, on_close, on_error, s);
}

/* The number behind a word of what the server says of a load; -1: there is none. */
static int64_t info_number(const char *info, const char *word)
{
    const char *p = strstr(info, word);
    return p ? strtoll(p + strlen(word), NULL, 10) : -1;
}

/* Were all of them taken? Rows that it does not like are left out without an error. */
static bool all_loaded(struct mysql *s, const struct sql_load *l)
{
    const char *info = mysql_info(s->conn);
    return info && info_number(info, "Records:") == (int64_t)l->n && info_number(info, "Deleted:") == 0 &&
           info_number(info, "Skipped:") == 0;
}

static int load_data(struct mysql *s, struct sql_load *l, const char *into, struct sql_keys *keys,
                     struct err *e)
{
    struct feed f = { .l = l, .keys = keys };
    struct strbuf sql;
    f.n = sqltext_pick(l->text, SQL_ALL, l->event, f.all);
    f.n_where = sqltext_pick(l->text, SQL_WHERE, l->event, f.where);
    strbuf_init(&f.text, STATEMENT_MAX);
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_printf(&sql, "LOAD DATA LOCAL INFILE 'rows' INTO TABLE %s CHARACTER SET utf8mb4 (", into);
    sqltext_each(l->text, SQL_ALL, l->event, "@", ",", &sql);
    strbuf_char(&sql, ')');
    s->feed = &f;
    int rc = my_exec(s, strbuf_cstr(&sql), e);
    s->feed = NULL;
    strbuf_free(&sql);
    strbuf_free(&f.text);
    if (rc == -1)
        return -1;
    if (!all_loaded(s, l))
        return err_set(e, ERR_FORMAT, "LOAD DATA left out rows");
    tell_cut(s, l);
    return 0;
}

/* Rows of which none is there yet, or may be there twice. What the server does not load, or not like this, it
 * gets as statements, which say what is wrong. */
static int add_rows(struct mysql *s, struct sql_load *l, const char *into, struct sql_keys *keys,
                    struct err *e)
{
    if (l->n < LOAD_LEAST || s->no_load)
        return insert_rows(s, l, into, "", keys, e);
    if (load_data(s, l, into, keys, e) == 0)
        return 0;
    s->no_load = e->code != ERR_FORMAT;
    if (s->lost || my_exec(s, "ROLLBACK TO SAVEPOINT pm_rows", e) == -1)
        return -1;
    return insert_rows(s, l, into, "", keys, e);
}

/* ---- adding to rows that are there */

static int upsert(struct mysql *s, struct sql_load *l, struct err *e)
{
    struct strbuf after;
    strbuf_init(&after, STATEMENT_MAX);
    strbuf_lit(&after, " ON DUPLICATE KEY UPDATE ");
    if (!sql_set_clause(l, "@", "@", "VALUES(@)", &after)) { /* a row of an event that is there: it stays */
        uint16_t first[SQL_COLUMNS_MAX];
        sqltext_pick(l->text, SQL_WHERE, l->event, first);
        const char *name = sqltext_column(l->text, first[0]);
        strbuf_printf(&after, "%s = %s", name, name);
    }
    l->inserted = l->n;
    int rc = insert_rows(s, l, l->table, strbuf_cstr(&after), NULL, e);
    strbuf_free(&after);
    return rc;
}

static int make_stage(struct mysql *s, const struct sql_load *l, struct err *e)
{
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_lit(&sql, "CREATE OR REPLACE TEMPORARY TABLE pm_stage");
    sql_stage_like(l, &sql);
    int rc = my_exec(s, strbuf_cstr(&sql), e);
    strbuf_free(&sql);
    return rc;
}

/* Runs a statement; *rows gets how many rows it concerned. */
static int run_counting(struct mysql *s, struct strbuf *sql, uint64_t *rows, struct err *e)
{
    int rc = my_exec(s, strbuf_cstr(sql), e);
    *rows = rc == 0 ? mysql_affected_rows(s->conn) : 0;
    strbuf_clear(sql);
    return rc;
}

static int update_then_insert(struct mysql *s, struct sql_load *l, bool collide, struct err *e)
{
    struct strbuf sql, match;
    int rc = 0;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_init(&match, STATEMENT_MAX);
    sqltext_each(l->text, SQL_WHERE, l->event, "t.@ = s.@", " AND ", &match);
    strbuf_printf(&sql, "UPDATE %s t, ", l->table);
    sql_stage_rows(l, collide, &sql);
    strbuf_lit(&sql, " s SET ");
    if (sql_set_clause(l, "t.@", "t.@", "s.@", &sql)) {
        strbuf_printf(&sql, " WHERE %s", strbuf_cstr(&match));
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

static int through_stage(struct mysql *s, struct sql_load *l, struct err *e)
{
    struct sql_keys *keys = sql_keys_new(l->n);
    if (!keys)
        return err_set(e, ERR_SYS, "out of memory");
    int rc = make_stage(s, l, e);
    if (rc == 0)
        rc = add_rows(s, l, "pm_stage", keys, e);
    if (rc == 0)
        rc = update_then_insert(s, l, sql_keys_collide(keys), e);
    sql_keys_free(keys);
    return rc;
}

static int my_load(void *db, struct sql_load *l, struct err *e)
{
    if (l->update)
        return l->keyed ? upsert(db, l, e) : through_stage(db, l, e);
    l->inserted = l->n;
    return add_rows(db, l, l->table, NULL, e);
}

static const struct sql_server server = {
    .name = "mysql",
    .product = "MySQL",
    .dialect = &sql_dialect_mysql,
    .state_size = sizeof(struct mysql),
    .begin = "START TRANSACTION",
    .make_ids =
        "CREATE TABLE IF NOT EXISTS pmacct_spool (writer VARCHAR(190) PRIMARY KEY, batch CHAR(32) NOT "
        "NULL, stamp TIMESTAMP NOT NULL) ENGINE=InnoDB",
    .put_id = "REPLACE INTO pmacct_spool VALUES ('%s', '%s', NOW())",
    .connect = my_connect,
    .disconnect = my_disconnect,
    .connected = my_connected,
    .exec = my_exec,
    .ask = my_ask,
    .ask_table = my_ask_table,
    .ask_index = my_ask_index,
    .lock = my_lock,
    .load = my_load,
};

SINK_SQL(mysql, server);
