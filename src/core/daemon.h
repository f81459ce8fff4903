/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemons have in common: start, privileges, plugins, services, signals, end. A daemon's main() is a
 * struct daemon_spec and a call of daemon_main. */
#ifndef CORE_DAEMON_H
#define CORE_DAEMON_H

#include "core/input.h"
#include "core/plugin.h"
#include "core/routes.h"
#include "core/service.h"

struct daemon_spec {
    const char *name;                        /* "nfacctd" */
    const char *description;                 /* "NetFlow Accounting Daemon" */
    char letter;                             /* P N S U B M T */
    const struct plugin_ops *const *plugins; /* NULL-terminated: what is built in. NULL: none */
    const struct input_ops *const *inputs;   /* NULL-terminated, in order of precedence. NULL: no flows; the
                                                services are all that the daemon does */
    /* NULL-terminated: inputs of datagrams that run beside the chosen one, in the daemon's loop, where the
     * configuration asks for them. May be NULL. */
    const struct input_ops *const *beside;
    const struct service_ops *const
        *services; /* NULL-terminated: what runs beside (core/service.h). May be NULL */
    const struct service_ops *const
        *plugin_services; /* the same for the process of each plugin; they have no maps. May be NULL */
    const struct routes_ops *routes;   /* what services know of flows. May be NULL */
    const struct decoder_ops *decoder; /* NULL for packet daemons */
    /* How many workers, each with rings of its own to all plugins, the inputs can use. NULL: one. */
    unsigned (*workers)(const struct config_set *set);
    /* What --print-schema prints: see struct config_spec. May be NULL. */
    bool (*schema)(const char *database, FILE *f);
    /* Rules over several keys that are this daemon's alone. May be NULL. */
    int (*check)(const struct config_set *set, struct err *e);
};

/* Runs the daemon to its end; returns the exit status for main. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv);

#endif
