/* SPDX-License-Identifier: BSD-2-Clause */
/* The plugin host. Three kinds of processes:
 *   core     forks the spawner before it opens inputs, then works; owns struct host
 *   spawner  small and single-threaded, keeps the privileges of the start, forks every plugin, at start and
 * again when one dies plugin   runs plugin_process() (plugin_process.c) They talk in typed messages over
 * socket pairs; see enum host_msg. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "base/files.h"
#include "core/gather.h"
#include "core/outlet.h"
#include "core/plugin.h"
#include "core/service.h"

/* core -> spawner: GO, END. spawner -> core: STARTED (with the plugin's control socket), EXITED, GIVEN_UP.
 * core -> plugin: PURGE_AND_QUIT, REOPEN_LOG, RELOAD, STATS, FIGURES (put yours together; the body is the
 * number of the round), ALL_FIGURES (those of the whole daemon, in a file). plugin -> core: READY, FIGURES
 * (in a file, of this round), ASK_FIGURES. */
enum host_msg {
    HOST_GO = 1,
    HOST_END,
    HOST_STARTED,
    HOST_EXITED,
    HOST_GIVEN_UP,
    HOST_READY,
    HOST_QUIT,
    HOST_REOPEN_LOG,
    HOST_RELOAD,
    HOST_STATS,
    HOST_FIGURES,
    HOST_ASK_FIGURES,
    HOST_ALL_FIGURES,
};

/* Body of HOST_STARTED, HOST_EXITED, HOST_GIVEN_UP. */
struct host_report {
    uint32_t index; /* of the plugin */
    int32_t pid;
    int32_t status;   /* wait status */
    struct sums lost; /* with a plugin that was killed */
};

/* One plugin instance, known to all three. */
struct host_plugin {
    const struct plugin_ops *ops;
    const struct plugin_conf *conf;
    const struct outlet *outlet; /* of the first worker: specification and layout are the same for all */
    unsigned n_shards;           /* threads that take records (plugin_workers) */
    struct ring **rings;         /* one for each worker and shard: those of a worker side by side */
    unsigned n_rings;
    /* core */
    int control;      /* our end of the control socket, -1: none */
    uv_poll_t *watch; /* on it; freed when it is closed */
    pid_t pid;
    bool ready, over;
    unsigned seen_dead;     /* how often the core heard that it died */
    struct gather_ask asks; /* for all figures */
    bool asking;
    struct host *host;
    /* spawner */
    int64_t died_us[5]; /* when it last died: five within 60 s are too many */
    unsigned deaths;
    int64_t restart_us; /* 0: none due */
};

struct host {
    const char *progname;
    char daemon;
    bool file_input;
    const struct config *core;                 /* the core's configuration */
    const struct service_ops *const *services; /* what runs in each plugin's process too; NULL: nothing */
    struct file_modes modes;                   /* of pidfiles */
    struct log_sink *sink;
    struct log log;
    struct host_plugin *plugins;
    unsigned n;
    /* core */
    int spawner;   /* our end of the socket */
    bool orphaned; /* the spawner died: the core sees by their sockets when plugins end */
    pid_t spawner_pid;
    uv_poll_t watch;
    bool ending;
    struct gather *gather;         /* NULL: nobody asks for figures */
    unsigned alive;                /* plugins that run or will be started again */
    void (*on_ready)(void *owner); /* all plugins have opened or failed */
    void (*on_over)(
        void *owner,
        bool failed); /* all plugins ended: after host_end (false), or because too many died (true) */
    void *owner;
};

/* Forks the spawner. Rings and configuration must be complete; nothing that plugins must not inherit may be
 * open yet. -1: e. Core only. */
int host_fork_spawner(struct host *h, struct err *e);
/* Tells the spawner to start the plugins, and hangs the host into the loop. Core. */
int host_start(struct host *h, uv_loop_t *loop, struct err *e);
/* Asks all plugins to take what is in their rings, write everything out and quit; on_over follows. */
void host_end(struct host *h);
/* Sends a message without body to all plugins. */
void host_tell_all(struct host *h, enum host_msg type);
/* Asks all plugins for their figures; returns how many were asked. Each becomes a part of the round. */
unsigned host_ask_figures(struct host *h, uint32_t round);
/* What the core knows of its plugins' processes. */
void host_figures(const struct host *h, struct figures *f);
/* Forwards a signal to all plugin processes (propagate_signals). */
void host_signal_all(struct host *h, int sig);
void host_close(struct host *h);

/* What a plugin had taken and not confirmed, when it is dead. */
struct sums host_lost_with(const struct host_plugin *p);
/* It does not come back: its rings take no more. */
void host_abandon(const struct host_plugin *p);

/* Spawner's main loop; returns its exit status (spawner.c). */
int spawner_run(struct host *h, int sock);
/* A plugin's process from fork to its exit status (plugin_process.c). `control` is its end of the control
 * socket. */
int plugin_process(struct host *h, struct host_plugin *p, int control);

enum { PLUGIN_EXIT_CANNOT_OPEN = 3 }; /* exit status: starting it again would not help */

#endif
