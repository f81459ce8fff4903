/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugins that daemons can list. */
#ifndef PLUGINS_PLUGINS_H
#define PLUGINS_PLUGINS_H

#include "core/plugin.h"

extern const struct plugin_ops plugin_memory;
extern const struct plugin_ops plugin_nfprobe;
extern const struct plugin_ops plugin_sfprobe;
extern const struct plugin_ops plugin_tee;   /* copies of what collectors receive, to other collectors */
extern const struct plugin_ops plugin_print; /* what was counted, as text, at each refresh time */
/* The same into a database; only WITH_SQLITE3, WITH_PGSQL, WITH_MYSQL. */
extern const struct plugin_ops plugin_sqlite3, plugin_pgsql, plugin_mysql;
/* The same as messages to a broker; only WITH_KAFKA, WITH_RABBITMQ. */
extern const struct plugin_ops plugin_kafka, plugin_amqp;

#ifdef WITH_SQLITE3
#define PLUGINS_SQLITE3 &plugin_sqlite3,
#else
#define PLUGINS_SQLITE3
#endif
#ifdef WITH_PGSQL
#define PLUGINS_PGSQL &plugin_pgsql,
#else
#define PLUGINS_PGSQL
#endif
#ifdef WITH_MYSQL
#define PLUGINS_MYSQL &plugin_mysql,
#else
#define PLUGINS_MYSQL
#endif
#ifdef WITH_KAFKA
#define PLUGINS_KAFKA &plugin_kafka,
#else
#define PLUGINS_KAFKA
#endif
#ifdef WITH_RABBITMQ
#define PLUGINS_AMQP &plugin_amqp,
#else
#define PLUGINS_AMQP
#endif
/* What every flow daemon can run, for its list; config.h has to be included before. */
#define PLUGINS_COMMON                                                                                       \
    &plugin_memory, &plugin_print, PLUGINS_SQLITE3 PLUGINS_PGSQL PLUGINS_MYSQL PLUGINS_KAFKA PLUGINS_AMQP
/* What those that receive datagrams can run instead. */
#define PLUGINS_REPLICATOR &plugin_tee,
/* What those that see packets can run besides. */
#define PLUGINS_PROBES &plugin_nfprobe, &plugin_sfprobe,

#endif
