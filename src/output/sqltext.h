/* SPDX-License-Identifier: BSD-2-Clause */
/* SQL out of the fields table: which columns a plugin writes, the statements that name them, and the values
 * of a row. What differs between databases is a struct sql_dialect; statements carry placeholders, so that
 * values are bound and never pasted. */
#ifndef OUTPUT_SQLTEXT_H
#define OUTPUT_SQLTEXT_H

#include <stdio.h>
#include "output/format.h"
#include "output/purge.h"

struct sql_dialect {
    const char *name;
    const char *placeholder; /* printf format of the n-th, "?%u" */
    const char *quote;       /* around identifiers that need it */
    bool port_names_new;     /* port_src in tables of all versions */
    bool proto_numbers;      /* ip_proto is always a number */
    bool host_numbers;       /* sql_num_hosts is possible */
    bool typed;     /* sql_data chooses, in tables before version 6, between the types below and text */
    bool bgp_flows; /* the BGP table has the column flows */
    const char *type[FK_MAX]; /* of a column, with its default, where it does not say more below */
    const char *type_proto_number, *type_host_number, *type_epoch, *type_stamp, *type_stamp_inserted,
        *type_packets, *type_bytes, *type_flows, *type_residual, *type_fwd_text;
    const char *type_mac_text, *type_addr_text, *type_as; /* where `typed` */
};
extern const struct sql_dialect sql_dialect_sqlite3, sql_dialect_pgsql, sql_dialect_mysql; /* sqldialect.c */

enum sql_type { SQL_INT, SQL_UNSIGNED, SQL_REAL, SQL_TEXT, SQL_BLOB };

struct sql_value {
    enum sql_type type; /* SQL_UNSIGNED: more than an int64_t holds */
    union {
        int64_t i;
        uint64_t u;
        double d;
        struct {
            const char *p; /* valid until the next row */
            uint32_t len;
        } text;
    };
};

enum { SQL_COLUMNS_MAX = FIELD_MAX * 2 + CUSTOM_MAX + 8 };

struct sqltext; /* opaque */

/* The rules over several keys, for plugin_ops.check: what the version of the table can hold. */
int sqltext_check(const struct config_set *set, const struct plugin_conf *pc,
                  const struct aggregate_spec *spec, const struct sql_dialect *d, struct err *e);

/* Columns for a plugin. NULL with e set. */
struct sqltext *sqltext_new(const struct plugin *pl, const struct sql_dialect *d, struct err *e);
void sqltext_free(struct sqltext *t);

/* How many columns a row has; the n-th placeholder stands for the n-th column, from 1, in each statement. */
unsigned sqltext_columns(const struct sqltext *t);
/* The values of a row, sqltext_columns of them. Returns false when out of memory. */
bool sqltext_values(struct sqltext *t, const struct row *r, struct sql_value *v);
/* Time of writing, for stamp_updated; to be called before the rows of a batch. */
void sqltext_set_now(struct sqltext *t, int64_t now_us);

/* Statements. Rows of events have no counters: their statements differ, and an update may have nothing to set
 * (false). */
void sqltext_insert(const struct sqltext *t, const char *table, bool event, struct strbuf *out);
bool sqltext_update(const struct sqltext *t, const char *table, bool event, struct strbuf *out);
/* Columns by what they are to a row. */
enum sql_which {
    SQL_KEYS = 1,     /* what tells rows apart */
    SQL_ORS = 2,      /* TCP flags: ORed */
    SQL_SUMS = 4,     /* counters: added; rows of events have none */
    SQL_BINS = 8,     /* stamp_inserted, with time bins: tells rows apart as well */
    SQL_UPDATED = 16, /* stamp_updated */
    SQL_WHERE = SQL_KEYS | SQL_BINS,
    SQL_ALL = 31,
};
/* Writes `pattern` once for each of these columns, its name in the place of each @, with `sep` between them.
 * Returns how many there were. */
unsigned sqltext_each(const struct sqltext *t, unsigned which, bool event, const char *pattern,
                      const char *sep, struct strbuf *out);
/* Their numbers, counted from 0: the places of their values in what sqltext_values fills. Returns how many.
 */
unsigned sqltext_pick(const struct sqltext *t, unsigned which, bool event, uint16_t index[SQL_COLUMNS_MAX]);
const char *sqltext_column(const struct sqltext *t, unsigned i);

/* A table that has what the statements need, and with `unique` a primary key of what identifies a row. */
void sqltext_create(const struct sqltext *t, const char *table, bool unique, struct strbuf *out);
void sqltext_identifier(const struct sqltext *t, const char *name, struct strbuf *out);

/* Prints the statements that make the default tables of a database (sqlite3, pgsql, mysql). False: it is not
 * known. */
bool sqltext_print_schemas(const char *database, FILE *f);

/* The table's name when sql_table is not given: acct, acct_v2, ..., acct_bgp. */
const char *sqltext_default_table(const struct sqltext *t);
/* The BGP primitives have made the table one of type bgp though nobody asked: worth a line in the log. */
bool sqltext_bgp_assumed(const struct sqltext *t);

/* What SQL trigger programs find in their environment; for sink_ops.trigger_env. */
void sql_trigger_env(const struct plugin *pl, const char *db, const char *table, const struct batch *b,
                     void (*add)(void *env, const char *name, const char *value), void *env);

#endif
