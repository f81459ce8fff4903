/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches into a database server: connection, tables, one transaction a batch. Called by the purge engine's
 * writer thread through sink_pgsql.c and sink_mysql.c. */
#include "output/sink_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "output/sqlschema.h"

enum { STATEMENT_MAX = 1 << 20, TABLES_MAX = 256, WRITER_MAX = 190 };

/* A table that was met since the connection was made. */
struct sql_table {
    char *name;
    bool keyed;
};

struct sink_sql {
    const struct sql_server *server;
    void *db;
    struct sqltext *text;
    struct names *table;
    struct sqlschema *schema;
    bool may_create; /* the table is one of the default ones and no schema is given */
    bool update;
    struct sql_value *value;
    uint8_t part;            /* which rows of a batch are at their turn: MARK_WRITE, MARK_ASIDE */
    char writer[WRITER_MAX]; /* this plugin, to the table of ids */
    char aside[WRITER_MAX];  /* the same, for the rows that are the backup host's */
    bool no_ids;             /* that table cannot be made */
    struct sql_table known[TABLES_MAX];
    unsigned n_known;
    struct log_limit refused_limit;
};

_Static_assert(sizeof(struct sink_sql) <= SINK_SQL_SIZE, "state fits");

/* ---- keys that look the same */

struct sql_keys {
    uint64_t mask;
    bool collide;
    uint64_t hash[]; /* 0: free */
};

struct sql_keys *sql_keys_new(uint64_t rows)
{
    uint64_t n = 64;
    while (n < rows * 2)
        n *= 2;
    struct sql_keys *k = calloc(1, sizeof(*k) + n * sizeof(k->hash[0]));
    if (k)
        k->mask = n - 1;
    return k;
}

void sql_keys_free(struct sql_keys *k) { free(k); }

static uint64_t hash_value(uint64_t h, const struct sql_value *v)
{
    bool text = v->type == SQL_TEXT || v->type == SQL_BLOB;
    uint64_t part = text ? hash_bytes(v->text.p, v->text.len) : hash_bytes(&v->u, sizeof(v->u));
    uint64_t both[2] = { h, part };
    return hash_bytes(both, sizeof(both));
}

/* Two different keys with one hash of 64 bits would only cost a detour. */
void sql_keys_add(struct sql_keys *k, const struct sql_value *v, const uint16_t *index, unsigned n)
{
    uint64_t h = 1;
    for (unsigned i = 0; i < n; i++)
        h = hash_value(h, &v[index[i]]);
    h |= 1;
    for (uint64_t at = h >> 1;; at++) {
        uint64_t *slot = &k->hash[at & k->mask];
        if (*slot == h)
            k->collide = true;
        if (*slot == 0)
            *slot = h;
        if (*slot == h)
            return;
    }
}

bool sql_keys_collide(const struct sql_keys *k) { return k->collide; }

/* ---- statements that add the rows of a temporary table, the stage, to those that are there */

void sql_stage_like(const struct sql_load *l, struct strbuf *sql)
{
    strbuf_lit(sql, " AS SELECT ");
    sqltext_each(l->text, SQL_ALL, l->event, "@", ", ", sql);
    strbuf_printf(sql, " FROM %s LIMIT 0", l->table);
}

void sql_stage_rows(const struct sql_load *l, bool collide, struct strbuf *sql)
{
    if (!collide) {
        strbuf_lit(sql, "pm_stage");
        return;
    }
    strbuf_lit(sql, "(SELECT ");
    sqltext_each(l->text, SQL_WHERE, l->event, "@", ", ", sql);
    sqltext_each(l->text, SQL_ORS, l->event, ", BIT_OR(@) AS @", "", sql);
    sqltext_each(l->text, SQL_SUMS, l->event, ", SUM(@) AS @", "", sql);
    sqltext_each(l->text, SQL_UPDATED, l->event, ", MAX(@) AS @", "", sql);
    strbuf_lit(sql, " FROM pm_stage GROUP BY ");
    sqltext_each(l->text, SQL_WHERE, l->event, "@", ", ", sql);
    strbuf_char(sql, ')');
}

void sql_insert_stage(const struct sql_load *l, const char *alias, bool collide, struct strbuf *sql)
{
    strbuf_printf(sql, "INSERT INTO %s%s (", l->table, alias);
    sqltext_each(l->text, SQL_ALL, l->event, "@", ", ", sql);
    strbuf_lit(sql, ") SELECT ");
    sqltext_each(l->text, SQL_ALL, l->event, "s.@", ", ", sql);
    strbuf_lit(sql, " FROM ");
    sql_stage_rows(l, collide, sql);
    strbuf_lit(sql, " s");
}

bool sql_set_clause(const struct sql_load *l, const char *left, const char *old, const char *new,
                    struct strbuf *sql)
{
    static const struct {
        unsigned which;
        const char *operator;
    } parts[] = { { SQL_SUMS, "+" }, { SQL_ORS, "|" } };
    char pattern[96];
    const char *sep = "";
    for (unsigned i = 0; i < 2; i++) {
        struct strbuf part;
        strbuf_init(&part, STATEMENT_MAX);
        snprintf(pattern, sizeof(pattern), "%s = %s %s %s", left, old, parts[i].operator, new);
        if (sqltext_each(l->text, parts[i].which, l->event, pattern, ", ", &part)) {
            strbuf_printf(sql, "%s%s", sep, strbuf_cstr(&part));
            sep = ", ";
        }
        strbuf_free(&part);
    }
    snprintf(pattern, sizeof(pattern), "%s%s = %s", sep, left, new);
    return sqltext_each(l->text, SQL_UPDATED, l->event, pattern, "", sql) || *sep;
}

/* ---- connection */

static void forget_tables(struct sink_sql *s)
{
    while (s->n_known)
        free(s->known[--s->n_known].name);
}

static void disconnect(struct sink_sql *s)
{
    forget_tables(s);
    s->server->disconnect(s->db);
}

static int exec(struct sink_sql *s, struct strbuf *sql, struct err *e)
{
    return s->server->exec(s->db, strbuf_cstr(sql), e);
}

static int connect_to(struct sink_sql *s, const struct plugin *pl, const char *host, struct err *e)
{
    if (s->server->connected(s->db))
        return 0;
    disconnect(s);
    return s->server->connect(s->db, pl, host, e);
}

/* ---- tables */

static bool table_exists(struct sink_sql *s, const char *table, struct err *e)
{
    struct strbuf sql;
    char answer[64];
    strbuf_init(&sql, STATEMENT_MAX);
    s->server->ask_table(table, &sql);
    int rc = s->server->ask(s->db, strbuf_cstr(&sql), answer, sizeof(answer), e);
    strbuf_free(&sql);
    return rc == 0;
}

static int create_table(struct sink_sql *s, const struct plugin *pl, const char *table, struct err *e)
{
    struct strbuf sql;
    strbuf_init(&sql, STATEMENT_MAX);
    sqltext_create(s->text, table, s->update, &sql);
    int rc = exec(s, &sql, e);
    strbuf_free(&sql);
    if (rc == 0)
        log_info(&pl->log, "there was no table %s: created it (sql_table_schema: <file> makes it your way)",
                 table);
    return rc;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool has_index(struct sink_sql *s, const char *table)
{
    uint16_t index[SQL_COLUMNS_MAX];
    const char *name[SQL_COLUMNS_MAX] = { NULL };
    char answer[64];
    struct err e;
    struct strbuf columns, sql;
    unsigned n = sqltext_pick(s->text, SQL_WHERE, false, index);
    for (unsigned i = 0; i < n; i++)
        name[i] = sqltext_column(s->text, index[i]);
    qsort(name, n, sizeof(name[0]), by_name);
    strbuf_init(&columns, STATEMENT_MAX);
    strbuf_init(&sql, STATEMENT_MAX);
    for (unsigned i = 0; i < n; i++)
        strbuf_printf(&columns, "%s%s", i ? "," : "", name[i]);
    s->server->ask_index(table, strbuf_cstr(&columns), &sql);
    bool has = s->server->ask(s->db, strbuf_cstr(&sql), answer, sizeof(answer), &e) == 0;
    strbuf_free(&columns);
    strbuf_free(&sql);
    return has;
}

static const struct sql_table *find_table(const struct sink_sql *s, const char *name)
{
    for (unsigned i = 0; i < s->n_known; i++)
        if (!strcmp(s->known[i].name, name))
            return &s->known[i];
    return NULL;
}

/* A schema without IF NOT EXISTS meets its own table at each start: that is no news. */
static void run_schema(struct sink_sql *s, const struct plugin *pl, const struct group *g)
{
    struct err e = { 0 };
    char *sql = sqlschema_text(s->schema, g, &e);
    if (!sql || (s->server->exec(s->db, sql, &e) == -1 && !strstr(e.text, "already exists")))
        log_warn(&pl->log, "sql_table_schema: '%s', table %s: %s", pl->c->sql_table_schema, g->name, e.text);
    free(sql);
}

/* Before the transaction begins: a statement that fails would end it. */
static int meet_table(struct sink_sql *s, const struct plugin *pl, const struct group *g, struct err *e)
{
    if (find_table(s, g->name))
        return 0;
    if (s->n_known == TABLES_MAX)
        forget_tables(s);
    if (s->schema)
        run_schema(s, pl, g);
    else if (s->may_create && !table_exists(s, g->name, e) && create_table(s, pl, g->name, e) == -1)
        return -1;
    struct sql_table *t = &s->known[s->n_known];
    t->name = strdup(g->name);
    if (!t->name)
        return err_set(e, ERR_SYS, "out of memory");
    s->n_known++;
    t->keyed = s->update && has_index(s, g->name);
    return 0;
}

/* ---- batch ids */

static void make_ids(struct sink_sql *s, const struct plugin *pl)
{
    struct err e = { 0 };
    if (s->server->exec(s->db, s->server->make_ids, &e) == 0)
        return;
    s->no_ids = true;
    log_warn(&pl->log,
             "cannot make the table pmacct_spool, in which the last purge is noted: one that is in doubt "
             "after a crash may count twice: %s",
             e.text);
}

static void id_text(const struct batch *b, char text[BATCH_ID * 2 + 1])
{
    for (unsigned i = 0; i < BATCH_ID; i++)
        snprintf(text + 2 * i, 3, "%02x", b->id[i]);
}

static const char *writer_of(const struct sink_sql *s)
{
    return s->part == MARK_ASIDE ? s->aside : s->writer;
}

/* 1: the database has this batch already, from a try whose end we did not see. */
static int had_before(struct sink_sql *s, const struct batch *b, struct err *e)
{
    char sql[512], last[64] = "", id[BATCH_ID * 2 + 1];
    if (!b->spool_seq || s->no_ids)
        return 0;
    id_text(b, id);
    snprintf(sql, sizeof(sql), "SELECT batch FROM pmacct_spool WHERE writer = '%s'", writer_of(s));
    if (s->server->ask(s->db, sql, last, sizeof(last), e) == -1)
        return -1;
    return !strcmp(last, id);
}

static int note_id(struct sink_sql *s, const struct batch *b, struct err *e)
{
    char sql[1024], id[BATCH_ID * 2 + 1];
    if (!b->spool_seq || s->no_ids)
        return 0;
    id_text(b, id);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof(sql), s->server->put_id, writer_of(s), id);
#pragma GCC diagnostic pop
    return s->server->exec(s->db, sql, e);
}

/* ---- rows */

static void refuse(struct sink_sql *s, const struct plugin *pl, struct batch *b, const char *table,
                   const struct err *e)
{
    b->refused++;
    log_limited(&pl->log, &s->refused_limit, LOG_LV_ERROR, "table %s refuses a row: %s", table, e->text);
}

/* Loads rows. Where the server refuses some of them, halves find out which. */
static int put_rows(struct sink_sql *s, struct batch *b, struct sql_load *l, struct agg_entry *const *entry,
                    uint64_t n, struct err *e)
{
    l->entry = entry;
    l->n = n;
    l->inserted = l->updated = 0;
    if (s->server->exec(s->db, "SAVEPOINT pm_rows", e) == -1)
        return -1;
    if (s->server->load(s->db, l, e) == 0) {
        b->inserted += l->inserted;
        b->updated += l->updated;
        b->written += n;
        return s->server->exec(s->db, "RELEASE SAVEPOINT pm_rows", e);
    }
    struct err again;
    if (e->code != ERR_FORMAT || s->server->exec(s->db, "ROLLBACK TO SAVEPOINT pm_rows", &again) == -1)
        return -1;
    if (n == 1) {
        refuse(s, l->pl, b, l->table, e);
        return 0;
    }
    if (put_rows(s, b, l, entry, n / 2, e) == -1)
        return -1;
    return put_rows(s, b, l, entry + n / 2, n - n / 2, e);
}

static bool is_of(const struct sink_sql *s, const struct agg_entry *x, bool event)
{
    return x->mark == s->part && (x->kind != FLOW_TRAFFIC) == event;
}

/* Rows of events have other columns: apart. Mostly there are none. */
static int put_kind(struct sink_sql *s, struct batch *b, struct sql_load *l, const struct group *g,
                    struct err *e)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < g->n; i++)
        n += is_of(s, g->entry[i], l->event);
    if (n == 0)
        return 0;
    if (n == g->n)
        return put_rows(s, b, l, g->entry, n, e);
    struct agg_entry **some = malloc(n * sizeof(struct agg_entry *));
    if (!some)
        return err_set(e, ERR_SYS, "out of memory");
    uint64_t k = 0;
    for (uint64_t i = 0; i < g->n; i++)
        if (is_of(s, g->entry[i], l->event))
            some[k++] = g->entry[i];
    int rc = put_rows(s, b, l, some, n, e);
    free(some);
    return rc;
}

static int put_group(struct sink_sql *s, const struct plugin *pl, struct batch *b, const struct group *g,
                     struct err *e)
{
    const struct sql_table *t = find_table(s, g->name);
    struct strbuf ident, lock;
    strbuf_init(&ident, STATEMENT_MAX);
    strbuf_init(&lock, STATEMENT_MAX);
    sqltext_identifier(s->text, g->name, &ident);
    struct sql_load l = { .text = s->text,
                          .pl = pl,
                          .table = strbuf_cstr(&ident),
                          .update = s->update,
                          .keyed = t && t->keyed,
                          .value = s->value };
    int rc = 0;
    s->server->lock(pl, l.table, &lock);
    if (lock.len)
        rc = exec(s, &lock, e);
    for (int event = 0; event < 2 && rc == 0; event++) {
        l.event = event;
        rc = put_kind(s, b, &l, g, e);
    }
    strbuf_free(&lock);
    strbuf_free(&ident);
    return rc;
}

/* ---- batches */

static uint64_t rows_aside(const struct batch *b)
{
    const struct agg_entry *x;
    uint64_t at = 0, n = 0;
    while ((x = batch_next(b, &at)))
        n += x->mark == MARK_ASIDE;
    return n;
}

static int transaction(struct sink_sql *s, const struct plugin *pl, struct batch *b, const struct groups *gs,
                       struct err *e)
{
    int had = had_before(s, b, e);
    if (had == -1)
        return -1;
    if (had) {
        b->written = b->rows - (s->part == MARK_WRITE ? rows_aside(b) : 0);
        log_info(&pl->log, "the database has this purge already, from before the connection was lost");
        return 0;
    }
    for (size_t i = 0; i < gs->n; i++)
        if (put_group(s, pl, b, &gs->group[i], e) == -1)
            return -1;
    return note_id(s, b, e);
}

static int put_batch(struct sink_sql *s, const struct plugin *pl, struct batch *b, const struct groups *gs,
                     struct err *e)
{
    struct err ignored;
    b->written = b->inserted = b->updated = b->refused = 0;
    for (size_t i = 0; i < gs->n; i++)
        if (meet_table(s, pl, &gs->group[i], e) == -1)
            return -1;
    if (s->server->exec(s->db, s->server->begin, e) == 0 && transaction(s, pl, b, gs, e) == 0 &&
        s->server->exec(s->db, "COMMIT", e) == 0)
        return 0;
    if (s->server->connected(s->db))
        s->server->exec(s->db, "ROLLBACK", &ignored);
    forget_tables(s); /* they may be made anew meanwhile */
    b->written = b->inserted = b->updated = b->refused = 0;
    return -1;
}

static int write_to(struct sink_sql *s, const struct plugin *pl, const char *host, struct batch *b,
                    const struct groups *gs, struct err *e)
{
    bool fresh = !s->server->connected(s->db);
    if (connect_to(s, pl, host, e) == -1)
        return -1;
    if (fresh && b->spool_seq && !s->no_ids)
        make_ids(s, pl);
    return put_batch(s, pl, b, gs, e);
}

/* The first server is asked again at each purge; what went to the backup stays there. */
static int write_to_some(struct sink_sql *s, const struct plugin *pl, struct batch *b,
                         const struct groups *gs, struct err *e)
{
    const struct config *c = pl->c;
    if (write_to(s, pl, c->sql_host, b, gs, e) == 0)
        return 0;
    log_error(&pl->log, "PRIMARY '%s' backend trouble.", s->server->name);
    log_error(&pl->log, "The SQL server says: %s", e->text);
    if (!c->sql_backup_host)
        return -1;
    disconnect(s);
    int rc = write_to(s, pl, c->sql_backup_host, b, gs, e);
    disconnect(s);
    if (rc == -1)
        log_at(&pl->log, LOG_LV_ALERT, "recovery for %s daemon failed.", s->server->product);
    return rc;
}

/* The others are written: should these fail, only they come again. */
static void mark_others_done(const struct batch *b)
{
    struct agg_entry *x;
    uint64_t at = 0;
    while ((x = batch_next(b, &at)))
        if (x->mark == MARK_WRITE)
            x->mark = MARK_DONE;
}

/* Rows that preprocess has set aside. */
static int write_aside(struct sink_sql *s, const struct plugin *pl, struct batch *b, const struct groups *gs,
                       struct err *e)
{
    const struct batch before = *b;
    mark_others_done(b);
    b->written = b->inserted = b->updated = b->refused = 0;
    disconnect(s);
    s->part = MARK_ASIDE;
    int rc = write_to(s, pl, pl->c->sql_backup_host, b, gs, e);
    s->part = MARK_WRITE;
    disconnect(s);
    b->written += before.written;
    b->inserted += before.inserted;
    b->updated += before.updated;
    b->refused += before.refused;
    if (rc == -1)
        log_error(&pl->log, "the backup host does not take rows: %s", e->text);
    return rc;
}

int sink_sql_write(void *state, struct plugin *pl, struct batch *b, struct err *e)
{
    struct sink_sql *s = state;
    struct groups gs;
    if (groups_make(&gs, s->table, b, e) == -1)
        return -1;
    sqltext_set_now(s->text, clock_wall_us());
    s->part = MARK_WRITE;
    int rc = write_to_some(s, pl, b, &gs, e);
    if (rc == 0 && pl->c->preprocess && pl->c->sql_backup_host && rows_aside(b))
        rc = write_aside(s, pl, b, &gs, e);
    groups_free(&gs);
    if (rc == 0 && b->refused)
        log_error(&pl->log, "%s refused %" PRIu64 " rows; they are lost", s->server->product, b->refused);
    return rc;
}

/* ---- life */

/* Who writes: host, daemon and plugin. Only what needs no quoting. */
static void name_writer(struct sink_sql *s, const struct plugin *pl)
{
    char host[64] = "";
    gethostname(host, sizeof(host) - 1);
    snprintf(s->writer, sizeof(s->writer), "%s:%s:%s:%s:%s", host, pl->c->spool_dir ? pl->c->spool_dir : "",
             pl->progname, pl->ops->name, pl->name);
    for (char *p = s->writer; *p; p++)
        if (*p == '\'' || *p == '\\' || *p == '%' || *p < ' ')
            *p = '_';
    snprintf(s->aside, sizeof(s->aside), "aside:%.*s", (int)sizeof(s->aside) - 7, s->writer);
}

static int set_up(struct sink_sql *s, const struct sql_server *server, struct plugin *pl, struct err *e)
{
    const struct config *c = pl->c;
    s->server = server;
    s->update = !c->sql_dont_try_update;
    s->db = calloc(1, server->state_size);
    s->text = sqltext_new(pl, server->dialect, e);
    if (!s->text)
        return -1;
    const char *own = sqltext_default_table(s->text);
    s->may_create = !c->sql_table_schema && (!c->sql_table || !strcmp(c->sql_table, own));
    s->table = names_compile(c->sql_table ? c->sql_table : own, pl, e);
    if (!s->table || (c->sql_table_schema && !(s->schema = sqlschema_read(pl, e))))
        return -1;
    s->value = calloc(sqltext_columns(s->text), sizeof(*s->value));
    name_writer(s, pl);
    return s->value && s->db ? 0 : err_set(e, ERR_SYS, "out of memory");
}

/* Connecting is left to the writer: a server that is away now may be there later. */
int sink_sql_open(void *state, const struct sql_server *server, struct plugin *pl, struct err *e)
{
    struct sink_sql *s = state;
    if (set_up(s, server, pl, e) == -1) {
        sink_sql_close(s);
        return -1;
    }
    if (sqltext_bgp_assumed(s->text))
        log_info(&pl->log, "sql_table_type set to 'bgp' (aggregate includes one or more BGP primitives).");
    return 0;
}

void sink_sql_close(void *state)
{
    struct sink_sql *s = state;
    if (s->db)
        disconnect(s);
    free(s->db);
    sqltext_free(s->text);
    names_free(s->table);
    sqlschema_free(s->schema);
    free(s->value);
}

void sink_sql_trigger_env(const void *state, const struct plugin *pl, const struct batch *b,
                          void (*add)(void *env, const char *name, const char *value), void *env)
{
    const struct sink_sql *s = state;
    const char *table = s->n_known ? s->known[s->n_known - 1].name : sqltext_default_table(s->text);
    sql_trigger_env(pl, pl->c->sql_db ? pl->c->sql_db : "pmacct", table, b, add, env);
}
