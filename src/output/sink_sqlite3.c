/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes batches into an SQLite database: one transaction a batch, prepared statements, bound values. A batch
 * that fails is rolled back and comes again with the next purge; only rows that the table refuses (a unique
 * index, a check) are left out, counted. */
#include "output/sink_sqlite3.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "output/sqlschema.h"
#include "output/sqltext.h"

enum { BUSY_MS = 10000, STATEMENT_MAX = 1 << 20 };
#define DB_DEFAULT "/tmp/pmacct.db"

enum flavour { TRAFFIC, EVENT, FLAVOURS };

struct sink_sqlite3 {
    struct sqltext *text;
    struct names *table;
    struct sqlschema *schema; /* statements to run before the first one of a table, or NULL */
    const char *path;
    bool update_first;
    bool may_create; /* the table is one of the default ones and no schema is given */

    /* from the first write on: of the writer's thread */
    sqlite3 *db;
    char *current; /* table that the statements are for, or NULL */
    sqlite3_stmt *insert[FLAVOURS], *update[FLAVOURS], *begin, *commit;
    struct sql_value *value;
    struct log_limit refused_limit;
    bool hinted; /* that an index is missing */
};

static int db_error(const struct sink_sqlite3 *s, const char *what, struct err *e)
{
    return err_set(e, ERR_SYS, "'%s': cannot %s: %s", s->path, what,
                   s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

/* ---- connection */

static void drop_statements(struct sink_sqlite3 *s)
{
    for (int i = 0; i < FLAVOURS; i++) {
        sqlite3_finalize(s->insert[i]);
        sqlite3_finalize(s->update[i]);
        s->insert[i] = s->update[i] = NULL;
    }
    free(s->current);
    s->current = NULL;
}

static void disconnect(struct sink_sqlite3 *s)
{
    drop_statements(s);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    s->begin = s->commit = NULL;
    sqlite3_close(s->db);
    s->db = NULL;
}

static int prepare(struct sink_sqlite3 *s, const char *sql, sqlite3_stmt **out, struct err *e)
{
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
        return 0;
    return db_error(s, "prepare a statement", e);
}

/* Makes a new database's file, so that it has the owner and mode of all output. SQLite gives its journals the
 * same. */
static int make_file(const struct sink_sqlite3 *s, const struct plugin *pl, struct err *e)
{
    struct file_modes modes = file_modes_of(pl->c->files_umask, pl->c->files_uid, pl->c->files_gid);
    if (s->path[0] == ':' || !access(s->path, F_OK)) /* ":memory:" */
        return 0;
    int fd = file_open_output(s->path, true, &modes, NULL, e);
    if (fd == -1)
        return -1;
    close(fd);
    return 0;
}

static int connect_db(struct sink_sqlite3 *s, const struct plugin *pl, struct err *e)
{
    if (s->db)
        return 0;
    if (make_file(s, pl, e) == -1)
        return -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        goto fail;
    sqlite3_busy_timeout(s->db, BUSY_MS);
    /* Readers and the writer do not wait for each other. A file system that cannot do it keeps its journal.
     */
    sqlite3_exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    if (prepare(s, "BEGIN IMMEDIATE", &s->begin, e) == 0 && prepare(s, "COMMIT", &s->commit, e) == 0)
        return 0;
    disconnect(s);
    return -1;
fail:
    db_error(s, "open the database", e);
    disconnect(s);
    return -1;
}

static int run(struct sink_sqlite3 *s, sqlite3_stmt *st, const char *what, struct err *e)
{
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : db_error(s, what, e);
}

/* ---- tables */

static bool table_exists(struct sink_sqlite3 *s, const char *table)
{
    sqlite3_stmt *st = NULL;
    bool there = false;
    if (sqlite3_prepare_v2(s->db, "SELECT 1 FROM pragma_table_info(?1)", -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
        there = sqlite3_step(st) == SQLITE_ROW;
    }
    sqlite3_finalize(st);
    return there;
}

/* A table that is there already is what a schema without IF NOT EXISTS meets at each start: no news. */
static void run_schema(struct sink_sqlite3 *s, const struct plugin *pl, const struct group *g)
{
    struct err e = { 0 };
    char *sql = sqlschema_text(s->schema, g, &e), *message = NULL;
    if (!sql)
        log_warn(&pl->log, "sql_table_schema: '%s': %s", pl->c->sql_table_schema, e.text);
    else if (sqlite3_exec(s->db, sql, NULL, NULL, &message) != SQLITE_OK && message &&
             !strstr(message, "already exists"))
        log_warn(&pl->log, "sql_table_schema: '%s', table %s: %s", pl->c->sql_table_schema, g->name, message);
    sqlite3_free(message);
    free(sql);
}

static int create_table(struct sink_sqlite3 *s, const struct plugin *pl, const char *table, struct err *e)
{
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    sqltext_create(s->text, table, s->update_first, &sql);
    int rc = sqlite3_exec(s->db, strbuf_cstr(&sql), NULL, NULL, NULL) == SQLITE_OK
                 ? 0
                 : db_error(s, "create the table", e);
    strbuf_free(&sql);
    if (rc == 0)
        log_info(&pl->log, "'%s' had no table %s: created it (sql_table_schema: <file> makes it your way)",
                 s->path, table);
    return rc;
}

static int prepare_table(struct sink_sqlite3 *s, const char *table, struct err *e)
{
    struct strbuf sql;
    int rc = 0;
    strbuf_init(&sql, STATEMENT_MAX);
    for (int i = 0; i < FLAVOURS && rc == 0; i++) {
        strbuf_clear(&sql);
        sqltext_insert(s->text, table, i == EVENT, &sql);
        rc = prepare(s, strbuf_cstr(&sql), &s->insert[i], e);
        strbuf_clear(&sql);
        if (rc == 0 && s->update_first && sqltext_update(s->text, table, i == EVENT, &sql))
            rc = prepare(s, strbuf_cstr(&sql), &s->update[i], e);
    }
    strbuf_free(&sql);
    return rc;
}

/* Without an index each update reads the whole table: worth a word before somebody wonders. */
static void hint_index(struct sink_sqlite3 *s, const struct plugin *pl, const char *table)
{
    sqlite3_stmt *plan = NULL;
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    strbuf_lit(&sql, "EXPLAIN QUERY PLAN ");
    if (!s->hinted && s->update[TRAFFIC] && sqltext_update(s->text, table, false, &sql) &&
        sqlite3_prepare_v2(s->db, strbuf_cstr(&sql), -1, &plan, NULL) == SQLITE_OK &&
        sqlite3_step(plan) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(plan, 3);
        s->hinted = text && !strncmp(text, "SCAN", 4);
        if (s->hinted)
            log_info(
                &pl->log,
                "table %s has no index that finds the rows to update: with many rows, create one, or set "
                "sql_dont_try_update: true",
                table);
    }
    sqlite3_finalize(plan);
    strbuf_free(&sql);
}

static int use_table(struct sink_sqlite3 *s, const struct plugin *pl, const struct group *g, struct err *e)
{
    if (s->current && !strcmp(s->current, g->name))
        return 0;
    drop_statements(s);
    if (s->schema)
        run_schema(s, pl, g);
    else if (s->may_create && !table_exists(s, g->name) && create_table(s, pl, g->name, e) == -1)
        return -1;
    if (prepare_table(s, g->name, e) == -1 || !(s->current = strdup(g->name))) {
        drop_statements(s);
        return -1;
    }
    hint_index(s, pl, g->name);
    return 0;
}

/* ---- batch ids: the last batch of each writer, so that one which is in doubt after a crash counts once */

static int ids_make(struct sink_sqlite3 *s, struct err *e)
{
    static const char sql[] =
        "CREATE TABLE IF NOT EXISTS pmacct_spool (writer TEXT PRIMARY KEY, batch BLOB NOT "
        "NULL, stamp INTEGER NOT NULL)";
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(s, "make the table pmacct_spool", e);
    return 0;
}

/* Binds what both statements have first and runs them. */
static int ids_run(struct sink_sqlite3 *s, const struct plugin *pl, const struct batch *b, const char *sql,
                   int expect, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(st, 1, pl->name, -1, SQLITE_STATIC);
        sqlite3_bind_blob(st, 2, b->id, sizeof(b->id), SQLITE_STATIC);
        sqlite3_bind_int64(st, 3, b->purge_us / US_PER_S);
        rc = sqlite3_step(st);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        db_error(s, "use the table pmacct_spool", e);
    sqlite3_finalize(st);
    return rc == expect ? 1 : rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static int had_before(struct sink_sqlite3 *s, const struct plugin *pl, const struct batch *b, struct err *e)
{
    if (!b->spool_seq)
        return 0;
    return ids_run(s, pl, b, "SELECT 1 FROM pmacct_spool WHERE writer = ?1 AND batch = ?2", SQLITE_ROW, e);
}

static int note_id(struct sink_sqlite3 *s, const struct plugin *pl, const struct batch *b, struct err *e)
{
    if (!b->spool_seq)
        return 0;
    return ids_run(s, pl, b, "REPLACE INTO pmacct_spool VALUES (?1, ?2, ?3)", SQLITE_DONE, e) == 1 ? 0 : -1;
}

/* ---- rows */

static int bind_values(sqlite3_stmt *st, const struct sql_value *v, unsigned n)
{
    int rc = SQLITE_OK;
    char digits[24];
    for (unsigned i = 0; i < n && (rc == SQLITE_OK || rc == SQLITE_RANGE); i++, v++) {
        int at = (int)i + 1;
        switch (v->type) {
        case SQL_INT:
            rc = sqlite3_bind_int64(st, at, v->i);
            break;
        case SQL_UNSIGNED: /* SQLite has no such number */
            rc = sqlite3_bind_text(st, at, digits, (int)u64_text(v->u, digits), SQLITE_TRANSIENT);
            break;
        case SQL_REAL:
            rc = sqlite3_bind_double(st, at, v->d);
            break;
        case SQL_TEXT:
            rc = sqlite3_bind_text(st, at, v->text.p, (int)v->text.len, SQLITE_STATIC);
            break;
        case SQL_BLOB:
            rc = sqlite3_bind_blob(st, at, v->text.p, (int)v->text.len, SQLITE_STATIC);
            break;
        }
    }
    return rc == SQLITE_RANGE ? SQLITE_OK : rc; /* a statement that does not use the last columns */
}

/* SQLITE_DONE, or what is wrong. */
static int execute(struct sink_sqlite3 *s, sqlite3_stmt *st)
{
    int rc = bind_values(st, s->value, sqltext_columns(s->text));
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc;
}

/* What is wrong with this row and will be tomorrow. */
static bool row_is_refused(int rc)
{
    rc &= 0xff;
    return rc == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH || rc == SQLITE_TOOBIG;
}

static int put_row(struct sink_sqlite3 *s, const struct plugin *pl, struct batch *b,
                   const struct agg_entry *entry, struct err *e)
{
    struct row r = agg_row(entry);
    enum flavour kind = r.kind == FLOW_TRAFFIC ? TRAFFIC : EVENT;
    if (!sqltext_values(s->text, &r, s->value))
        return err_set(e, ERR_LIMIT, "out of memory for a row");
    int rc = SQLITE_DONE;
    if (s->update[kind]) {
        rc = execute(s, s->update[kind]);
        if (rc == SQLITE_DONE && sqlite3_changes(s->db)) {
            b->updated++;
            return 0;
        }
    }
    if (rc == SQLITE_DONE)
        rc = execute(s, s->insert[kind]);
    if (rc == SQLITE_DONE) {
        b->inserted++;
        return 0;
    }
    if (!row_is_refused(rc))
        return db_error(s, "write a row", e);
    b->refused++;
    log_limited(&pl->log, &s->refused_limit, LOG_LV_ERROR, "'%s', table %s refuses a row: %s", s->path,
                s->current, sqlite3_errmsg(s->db));
    return 0;
}

static int put_groups(struct sink_sqlite3 *s, const struct plugin *pl, struct batch *b,
                      const struct groups *gs, struct err *e)
{
    for (size_t i = 0; i < gs->n; i++) {
        const struct group *g = &gs->group[i];
        if (use_table(s, pl, g, e) == -1)
            return -1;
        for (uint64_t k = 0; k < g->n; k++) {
            if (put_row(s, pl, b, g->entry[k], e) == -1)
                return -1;
        }
    }
    return 0;
}

static int put_once(struct sink_sqlite3 *s, const struct plugin *pl, struct batch *b, const struct groups *gs,
                    struct err *e)
{
    int had = had_before(s, pl, b, e);
    if (had == 1) {
        b->inserted = b->rows;
        log_info(&pl->log, "the database has this purge already, from before a crash");
    }
    if (had)
        return had == 1 ? 0 : -1;
    return put_groups(s, pl, b, gs, e) == 0 && note_id(s, pl, b, e) == 0 ? 0 : -1;
}

static int put_batch(struct sink_sqlite3 *s, const struct plugin *pl, struct batch *b,
                     const struct groups *gs, struct err *e)
{
    if ((b->spool_seq && ids_make(s, e) == -1) || run(s, s->begin, "begin", e) == -1)
        return -1;
    if (put_once(s, pl, b, gs, e) == 0 && run(s, s->commit, "commit", e) == 0)
        return 0;
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    drop_statements(s); /* the tables they are for may have been rolled back */
    b->inserted = b->updated = b->refused = 0;
    return -1;
}

/* ---- the sink */

static void sink_sqlite3_close(void *state)
{
    struct sink_sqlite3 *s = state;
    disconnect(s);
    sqltext_free(s->text);
    names_free(s->table);
    sqlschema_free(s->schema);
    free(s->value);
}

static int set_up(struct sink_sqlite3 *s, const struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    s->path = c->sql_db ? c->sql_db : DB_DEFAULT;
    s->update_first = !c->sql_dont_try_update && !c->sql_multi_values;
    s->text = sqltext_new(pl, &sql_dialect_sqlite3, e);
    if (!s->text)
        return -1;
    const char *own = sqltext_default_table(s->text);
    s->may_create = !c->sql_table_schema && (!c->sql_table || !strcmp(c->sql_table, own));
    s->table = names_compile(c->sql_table ? c->sql_table : own, pl, e);
    s->value = calloc(sqltext_columns(s->text), sizeof(*s->value));
    if (!s->table || (c->sql_table_schema && !(s->schema = sqlschema_read(pl, e))))
        return -1;
    return s->value ? 0 : err_set(e, ERR_SYS, "out of memory");
}

/* The database is opened by the writer, when there is something to write: one that cannot be opened now may
 * be there later. */
static int sink_sqlite3_open(void *state, struct plugin *pl, struct err *e)
{
    struct sink_sqlite3 *s = state;
    if (set_up(s, pl, e) == -1) {
        sink_sqlite3_close(s);
        return -1;
    }
    if (sqltext_bgp_assumed(s->text))
        log_info(&pl->log, "sql_table_type set to 'bgp' (aggregate includes one or more BGP primitives).");
    if (pl->c->sql_locking_style != SQL_LOCK_DEFAULT)
        log_warn(&pl->log, "sql_locking_style is not supported. Ignored.");
    return 0;
}

static int sink_sqlite3_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    struct sink_sqlite3 *s = state;
    struct groups gs;
    if (connect_db(s, pl, e) == -1 || groups_make(&gs, s->table, b, e) == -1)
        return -1;
    sqltext_set_now(s->text, clock_wall_us());
    int rc = put_batch(s, pl, b, &gs, e);
    groups_free(&gs);
    if (rc == -1)
        return -1;
    b->written = b->inserted + b->updated;
    if (b->refused)
        log_error(&pl->log, "'%s' refused %" PRIu64 " rows; they are lost", s->path, b->refused);
    return 0;
}

static void sink_sqlite3_trigger_env(const void *state, const struct plugin *pl, const struct batch *b,
                                     void (*add)(void *env, const char *name, const char *value), void *env)
{
    const struct sink_sqlite3 *s = state;
    sql_trigger_env(pl, s->path, s->current ? s->current : sqltext_default_table(s->text), b, add, env);
}

const struct sink_ops sink_sqlite3 = {
    .name = "sqlite3",
    .state_size = sizeof(struct sink_sqlite3),
    .open = sink_sqlite3_open,
    .write = sink_sqlite3_write,
    .close = sink_sqlite3_close,
    .sql = true,
    .spools = true,
    .trigger_env = sink_sqlite3_trigger_env,
};
