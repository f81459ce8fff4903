/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugins sqlite3, pgsql and mysql: the purge engine with a database as its sink. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/purge.h"
#include "output/sink_mysql.h"
#include "output/sink_pgsql.h"
#include "output/sink_sqlite3.h"
#include "output/sqltext.h"
#include "plugins/plugins.h"

struct sql_plugin {
    struct purger *purger;
};

static struct purger *purger_of(struct plugin *pl) { return ((struct sql_plugin *)pl->state)->purger; }

static struct sums sql_take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    return purger_take(purger_of(pl), recs, bytes);
}

static struct sums sql_take_shard(struct plugin *pl, unsigned shard, uint8_t *recs, size_t bytes)
{
    return purger_take_shard(purger_of(pl), shard, recs, bytes);
}

static void sql_tick(struct plugin *pl, int64_t now_us) { purger_tick(purger_of(pl), now_us); }

static void sql_figures(struct plugin *pl, struct figures *f) { purger_figures(purger_of(pl), f); }

static void sql_finish(struct plugin *pl) { purger_finish(purger_of(pl)); }

static void sql_close(struct plugin *pl) { purger_close(purger_of(pl)); }

/* A plugin for a database: sql_dialect_<name> and sink_<name> are its parts. */
#define SQL_PLUGIN(name_, title_)                                                                            \
    static int name_##_check(const struct config_set *set, const struct plugin_conf *pc,                     \
                             struct aggregate_spec *spec, struct err *e)                                     \
    {                                                                                                        \
        if (sqltext_check(set, pc, spec, &sql_dialect_##name_, e) == -1)                                     \
            return -1;                                                                                       \
        return purger_check(set, pc, "sql", e);                                                              \
    }                                                                                                        \
    static int name_##_open(struct plugin *pl, struct err *e)                                                \
    {                                                                                                        \
        return purger_open(&((struct sql_plugin *)pl->state)->purger, pl, &sink_##name_, e);                 \
    }                                                                                                        \
    const struct plugin_ops plugin_##name_ = {                                                               \
        .name = #name_,                                                                                      \
        .title = title_,                                                                                     \
        .state_size = sizeof(struct sql_plugin),                                                             \
        .stitches = true,                                                                                    \
        .check = name_##_check,                                                                              \
        .open = name_##_open,                                                                                \
        .take = sql_take,                                                                                    \
        .take_shard = sql_take_shard,                                                                        \
        .tick = sql_tick,                                                                                    \
        .finish = sql_finish,                                                                                \
        .figures = sql_figures,                                                                              \
        .close = sql_close,                                                                                  \
    }

#ifdef WITH_SQLITE3
SQL_PLUGIN(sqlite3, "SQLite3 Plugin");
#endif
#ifdef WITH_PGSQL
SQL_PLUGIN(pgsql, "PostgreSQL Plugin");
#endif
#ifdef WITH_MYSQL
SQL_PLUGIN(mysql, "MySQL Plugin");
#endif
