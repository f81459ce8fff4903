/* SPDX-License-Identifier: BSD-2-Clause */
/* SQL out of the fields table: which columns a plugin writes, the statements that name them, and the values
 * of a row. What differs between databases is a struct sql_dialect; statements carry placeholders, so that
 * values are bound and never pasted. */
#ifndef OUTPUT_SQLTEXT_H
#define OUTPUT_SQLTEXT_H

#include "output/format.h"
#include "output/purge.h"

struct sql_dialect {
    const char *name;
    const char *placeholder;  /* printf format of the n-th, "?%u" */
    const char *quote;        /* around identifiers that need it */
    bool port_names_new;      /* port_src in tables of all versions */
    bool proto_numbers;       /* ip_proto is always a number */
    bool host_numbers;        /* sql_num_hosts is possible */
    const char *type[FK_MAX]; /* of a column, with its default, where it does not say more below */
    const char *type_proto_number, *type_host_number, *type_epoch, *type_stamp, *type_stamp_inserted,
        *type_packets, *type_bytes, *type_flows, *type_residual, *type_fwd_text;
};
extern const struct sql_dialect sql_dialect_sqlite3;

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

enum { SQL_COLUMNS_MAX = FIELD_MAX * 2 + 8 };

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
/* A table that has what the statements need, and with `unique` a primary key of what identifies a row. */
void sqltext_create(const struct sqltext *t, const char *table, bool unique, struct strbuf *out);
void sqltext_identifier(const struct sqltext *t, const char *name, struct strbuf *out);

/* The table's name when sql_table is not given: acct, acct_v2, ..., acct_bgp. */
const char *sqltext_default_table(const struct sqltext *t);
/* The BGP primitives have made the table one of type bgp though nobody asked: worth a line in the log. */
bool sqltext_bgp_assumed(const struct sqltext *t);

/* What SQL trigger programs find in their environment; for sink_ops.trigger_env. */
void sql_trigger_env(const struct plugin *pl, const char *db, const char *table, const struct batch *b,
                     void (*add)(void *env, const char *name, const char *value), void *env);

#endif
