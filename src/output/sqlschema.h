/* SPDX-License-Identifier: BSD-2-Clause */
/* sql_table_schema: the statements that make a table, with the variables of its name. For all SQL sinks. */
#ifndef OUTPUT_SQLSCHEMA_H
#define OUTPUT_SQLSCHEMA_H

#include "output/purge.h"

struct sqlschema;

/* Reads the file that the plugin's configuration names. NULL: e. */
struct sqlschema *sqlschema_read(const struct plugin *pl, struct err *e);
void sqlschema_free(struct sqlschema *s);

/* The statements for the rows of a group; the caller frees them. NULL: e. */
char *sqlschema_text(const struct sqlschema *s, const struct group *g, struct err *e);

#endif
