/* SPDX-License-Identifier: BSD-2-Clause */
/* The sqlite3 plugin: the purge engine with an SQLite database as its sink. */
#include "output/purge.h"
#include "output/sink_sqlite3.h"
#include "output/sqltext.h"
#include "plugins/plugins.h"

struct sqlite3_plugin {
    struct purger *purger;
};

static struct purger *purger_of(struct plugin *pl) { return ((struct sqlite3_plugin *)pl->state)->purger; }

static int sqlite3_check(const struct config_set *set, const struct plugin_conf *pc,
                         struct aggregate_spec *spec, struct err *e)
{
    if (sqltext_check(set, pc, spec, &sql_dialect_sqlite3, e) == -1)
        return -1;
    return purger_check(set, pc, "sql", e);
}

static int sqlite3_open_plugin(struct plugin *pl, struct err *e)
{
    return purger_open(&((struct sqlite3_plugin *)pl->state)->purger, pl, &sink_sqlite3, e);
}

static struct sums sqlite3_take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    return purger_take(purger_of(pl), recs, bytes);
}

static void sqlite3_tick(struct plugin *pl, int64_t now_us) { purger_tick(purger_of(pl), now_us); }

static void sqlite3_finish(struct plugin *pl) { purger_finish(purger_of(pl)); }

static void sqlite3_close_plugin(struct plugin *pl) { purger_close(purger_of(pl)); }

const struct plugin_ops plugin_sqlite3 = {
    .name = "sqlite3",
    .title = "SQLite3 Plugin",
    .state_size = sizeof(struct sqlite3_plugin),
    .check = sqlite3_check,
    .open = sqlite3_open_plugin,
    .take = sqlite3_take,
    .tick = sqlite3_tick,
    .finish = sqlite3_finish,
    .close = sqlite3_close_plugin,
};
