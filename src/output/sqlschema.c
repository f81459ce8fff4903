/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads sql_table_schema and expands it for a table. */
#include "output/sqlschema.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA_MAX = 65535, EXPANDED_MAX = SCHEMA_MAX * 8 };

struct sqlschema {
    struct names *text;
};

static int read_file(const char *path, char *text, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_sys(e, "sql_table_schema: cannot open '%s'", path);
    size_t n = fread(text, 1, SCHEMA_MAX + 1, f);
    fclose(f);
    text[n] = '\0';
    return n <= SCHEMA_MAX
               ? 0
               : err_set(e, ERR_LIMIT, "sql_table_schema: '%s' has more than %d octets", path, SCHEMA_MAX);
}

struct sqlschema *sqlschema_read(const struct plugin *pl, struct err *e)
{
    struct sqlschema *s = calloc(1, sizeof(*s));
    char *text = calloc(1, SCHEMA_MAX + 2);
    if (!s || !text)
        err_sys(e, "no memory for sql_table_schema");
    else if (read_file(pl->c->sql_table_schema, text, e) == 0)
        s->text = names_compile(text, pl, e);
    free(text);
    if (s && s->text)
        return s;
    free(s);
    return NULL;
}

void sqlschema_free(struct sqlschema *s)
{
    if (!s)
        return;
    names_free(s->text);
    free(s);
}

char *sqlschema_text(const struct sqlschema *s, const struct group *g, struct err *e)
{
    char *sql = malloc(EXPANDED_MAX);
    if (sql && names_expand(s->text, &g->row, g->at_us, sql, EXPANDED_MAX) != -1)
        return sql;
    free(sql);
    err_set(e, ERR_LIMIT, "the statements do not fit");
    return NULL;
}
