/* SPDX-License-Identifier: BSD-2-Clause */
/* The print plugin: the purge engine with files as its sink. */
#include "core/custom.h"
#include "output/purge.h"
#include "output/sink_file.h"
#include "plugins/plugins.h"

struct print {
    struct purger *purger;
};

static bool formatted(const struct config *c)
{
    return c->print_output == PRINT_FORMATTED || c->print_output == PRINT_EVENT_FORMATTED;
}

/* The first field of variable length, or NULL. */
static const struct field *first_variable(const struct aggregate_spec *spec)
{
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        if (fieldset_has(&spec->set, (enum field_id)id) && field_is_var(&fields[id]))
            return &fields[id];
    }
    for (unsigned i = 0; spec->custom >> i; i++)
        if (spec->custom >> i & 1 && !spec->customs->c[i].len)
            return &spec->customs->c[i].field;
    return NULL;
}

static int print_check(const struct config_set *set, const struct plugin_conf *pc,
                       struct aggregate_spec *spec, struct err *e)
{
    const struct config *c = &pc->c;
    char at[256];
    if (c->print_output == PRINT_CUSTOM)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s: print_output: not supported by this build: use formatted, csv, json or avro",
                       config_where(set, "print_output", pc->name, at, sizeof(at)));
    const struct field *var = formatted(c) ? first_variable(spec) : NULL;
    if (var)
        return err_set(e, ERR_CONFIG,
                       "%s: '%s' is of variable length and has no column in 'formatted' output: use "
                       "print_output: csv or json",
                       config_where(set, "aggregate", pc->name, at, sizeof(at)), var->name);
    if (set->core.daemonize && !c->print_output_file)
        return err_set(e, ERR_CONFIG,
                       "no print_output_file defined and 'daemonize: true'. Output would be lost. Set "
                       "print_output_file[%s]",
                       pc->name);
    return purger_check(set, pc, "print", e);
}

static int print_open(struct plugin *pl, struct err *e)
{
    struct print *p = pl->state;
    if (!pl->c->print_output_file && !pl->c->print_output_lock_file)
        log_warn(&pl->log,
                 "no print_output_file and no print_output_lock_file defined: rows go to standard output");
    return purger_open(&p->purger, pl, &sink_file, e);
}

static struct sums print_take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    return purger_take(((struct print *)pl->state)->purger, recs, bytes);
}

static struct sums print_take_shard(struct plugin *pl, unsigned shard, uint8_t *recs, size_t bytes)
{
    return purger_take_shard(((struct print *)pl->state)->purger, shard, recs, bytes);
}

static void print_tick(struct plugin *pl, int64_t now_us)
{
    purger_tick(((struct print *)pl->state)->purger, now_us);
}

static void print_figures(struct plugin *pl, struct figures *f)
{
    purger_figures(((struct print *)pl->state)->purger, f);
}

static void print_finish(struct plugin *pl) { purger_finish(((struct print *)pl->state)->purger); }

static void print_close(struct plugin *pl) { purger_close(((struct print *)pl->state)->purger); }

const struct plugin_ops plugin_print = {
    .name = "print",
    .title = "Print Plugin",
    .state_size = sizeof(struct print),
    .stitches = true,
    .check = print_check,
    .open = print_open,
    .take = print_take,
    .take_shard = print_take_shard,
    .tick = print_tick,
    .finish = print_finish,
    .figures = print_figures,
    .close = print_close,
};
