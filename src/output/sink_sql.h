/* SPDX-License-Identifier: BSD-2-Clause */
/* What sinks for database servers have in common: connecting to the first server or its backup, tables and
 * schemas, one transaction a batch, the id that makes a batch count once, rows that the table refuses. What a
 * database does its own way is a struct sql_server: one for PostgreSQL, one for MariaDB and MySQL. */
#ifndef OUTPUT_SINK_SQL_H
#define OUTPUT_SINK_SQL_H

#include "output/sqltext.h"

/* Rows of one table and one kind, as sql_server.load gets them. */
struct sql_load {
    struct sqltext *text;
    const struct plugin *pl;
    const char *table; /* as an identifier: quoted where it needs it */
    bool event;        /* rows without counters */
    bool update;       /* rows may be there: add to them; else insert */
    bool keyed;        /* the table has a unique index over just the columns that tell rows apart */
    struct agg_entry *const *entry;
    uint64_t n;
    struct sql_value *value;    /* room for the values of a row */
    uint64_t inserted, updated; /* out */
};

/* Errors: e->code is ERR_FORMAT when the server refuses the data and would again, else it may work later. */
struct sql_server {
    const char *name;    /* as the log says it: "mysql", "pgsql" */
    const char *product; /* "MySQL", "PostgreSQL" */
    const struct sql_dialect *dialect;
    size_t state_size;
    const char *begin;
    const char *make_ids; /* makes the table of batch ids if it is not there */
    const char *put_id;   /* printf format: writer, id */
    /* Connects. host NULL: the library's default. */
    int (*connect)(void *db, const struct plugin *pl, const char *host, struct err *e);
    void (*disconnect)(void *db);
    bool (*connected)(void *db);
    int (*exec)(void *db, const char *sql, struct err *e);
    /* The first value of the first row; 1: there is no row. */
    int (*ask)(void *db, const char *sql, char *out, size_t size, struct err *e);
    /* Write a question that has an answer if the table is there, and one that has if it has a unique index
     * over just these columns (their names in alphabetical order, with commas between them). The table's name
     * is to stand in single quotes. */
    void (*ask_table)(const char *table, struct strbuf *sql);
    void (*ask_index)(const char *table, const char *columns, struct strbuf *sql);
    /* What a purge locks, or nothing. */
    void (*lock)(const struct plugin *pl, const char *table, struct strbuf *sql);
    int (*load)(void *db, struct sql_load *l, struct err *e);
};

/* The bodies of sink_ops, on state of this size. */
enum { SINK_SQL_SIZE = 4096 + 1024 };
int sink_sql_open(void *state, const struct sql_server *server, struct plugin *pl, struct err *e);
int sink_sql_write(void *state, struct plugin *pl, struct batch *b, struct err *e);
void sink_sql_close(void *state);
void sink_sql_trigger_env(const void *state, const struct plugin *pl, const struct batch *b,
                          void (*add)(void *env, const char *name, const char *value), void *env);

/* Defines sink_<name>, the sink_ops of a server. */
#define SINK_SQL(name_, server_)                                                                             \
    static int name_##_sink_open(void *state, struct plugin *pl, struct err *e)                              \
    {                                                                                                        \
        return sink_sql_open(state, &(server_), pl, e);                                                      \
    }                                                                                                        \
    const struct sink_ops sink_##name_ = {                                                                   \
        .name = #name_,                                                                                      \
        .state_size = SINK_SQL_SIZE,                                                                         \
        .open = name_##_sink_open,                                                                           \
        .write = sink_sql_write,                                                                             \
        .close = sink_sql_close,                                                                             \
        .sql = true,                                                                                         \
        .spools = true,                                                                                      \
        .trigger_env = sink_sql_trigger_env,                                                                 \
    }

/* Statements over the temporary table pm_stage, which holds the rows of a load. In patterns @ stands for a
 * column; see sqltext_each. */
/* What follows CREATE ... pm_stage: columns like those of the table. */
void sql_stage_like(const struct sql_load *l, struct strbuf *sql);
/* The stage as a table; where two of its rows look the same, with those added up. */
void sql_stage_rows(const struct sql_load *l, bool collide, struct strbuf *sql);
/* INSERT of all of its rows, which are called s; a WHERE or the like may follow. alias: what follows the
 * table's name. */
void sql_insert_stage(const struct sql_load *l, const char *alias, bool collide, struct strbuf *sql);
/* What an UPDATE sets. left: how a column is named to be set; old, new: its values before, and in the new
 * row. Returns whether there is anything to set. */
bool sql_set_clause(const struct sql_load *l, const char *left, const char *old, const char *new,
                    struct strbuf *sql);

/* Do two of these rows have the same values in the columns that tell rows apart? (Two keys may look the same
 * in SQL: an address that is not known and 0.0.0.0.) To be asked for each row in turn. */
struct sql_keys;
struct sql_keys *sql_keys_new(uint64_t rows);
void sql_keys_free(struct sql_keys *k);
void sql_keys_add(struct sql_keys *k, const struct sql_value *v, const uint16_t *index, unsigned n);
bool sql_keys_collide(const struct sql_keys *k);

#endif
