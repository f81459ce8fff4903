/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugins kafka and amqp: the purge engine with a broker as its sink. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "output/purge.h"
#include "output/sink_amqp.h"
#include "output/sink_kafka.h"
#include "plugins/plugins.h"

struct broker_plugin {
    struct purger *purger;
};

static struct purger *purger_of(const struct plugin *pl)
{
    return ((struct broker_plugin *)pl->state)->purger;
}

static struct sums broker_take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    return purger_take(purger_of(pl), recs, bytes);
}

static struct sums broker_take_shard(struct plugin *pl, unsigned shard, uint8_t *recs, size_t bytes)
{
    return purger_take_shard(purger_of(pl), shard, recs, bytes);
}

static void broker_tick(struct plugin *pl, int64_t now_us) { purger_tick(purger_of(pl), now_us); }

static void broker_figures(struct plugin *pl, struct figures *f) { purger_figures(purger_of(pl), f); }

static void broker_finish(struct plugin *pl) { purger_finish(purger_of(pl)); }

static void broker_stats(struct plugin *pl) { purger_stats(purger_of(pl)); }

static void broker_close(struct plugin *pl) { purger_close(purger_of(pl)); }

/* A plugin for a broker: sink_<name_> and sink_<name_>_check are its parts. */
#define BROKER_PLUGIN(name_, title_)                                                                         \
    static int name_##_check(const struct config_set *set, const struct plugin_conf *pc,                     \
                             struct aggregate_spec *spec, struct err *e)                                     \
    {                                                                                                        \
        (void)spec;                                                                                          \
        if (sink_##name_##_check(set, pc, e) == -1)                                                          \
            return -1;                                                                                       \
        return purger_check(set, pc, #name_, e);                                                             \
    }                                                                                                        \
    static int name_##_open(struct plugin *pl, struct err *e)                                                \
    {                                                                                                        \
        return purger_open(&((struct broker_plugin *)pl->state)->purger, pl, &sink_##name_, e);              \
    }                                                                                                        \
    const struct plugin_ops plugin_##name_ = {                                                               \
        .name = #name_,                                                                                      \
        .title = title_,                                                                                     \
        .state_size = sizeof(struct broker_plugin),                                                          \
        .stitches = true,                                                                                    \
        .check = name_##_check,                                                                              \
        .open = name_##_open,                                                                                \
        .take = broker_take,                                                                                 \
        .take_shard = broker_take_shard,                                                                     \
        .tick = broker_tick,                                                                                 \
        .finish = broker_finish,                                                                             \
        .figures = broker_figures,                                                                           \
        .stats = broker_stats,                                                                               \
        .close = broker_close,                                                                               \
    }

#ifdef WITH_KAFKA
BROKER_PLUGIN(kafka, "Kafka Plugin");
#endif
#ifdef WITH_RABBITMQ
BROKER_PLUGIN(amqp, "RabbitMQ/AMQP Plugin");
#endif
