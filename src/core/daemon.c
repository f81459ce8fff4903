/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a daemon: configuration, checks, plugins, input, services, signals, end. */
#include "core/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/files.h"
#include "base/title.h"
#include "core/build.h"
#include "core/coremaps.h"
#include "core/custom.h"
#include "core/gather.h"
#include "core/host.h"
#include "core/maps.h"
#include "core/notify.h"
#include "core/outlet.h"
#include "core/privs.h"
#include "core/relay.h"
#include "core/sandbox.h"
#include "core/service.h"
#include "core/view.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]), TICK_MS = 1000, SETUP_MS = 2000 };

static const struct plugin_ops *const no_plugins[] = { NULL };
static const struct input_ops *const no_inputs[] = { NULL };
enum { BESIDE_MAX = 2 }; /* inputs beside the first */

struct daemon {
    const struct daemon_spec *spec;
    const struct plugin_ops *const *plugins; /* of the spec, never NULL */
    const struct input_ops *const *inputs;
    struct config_set conf;
    const char *const *early; /* messages from before the log was open */
    struct log_sink *sink;
    struct log log;
    struct host host;
    struct aggregate_spec *aggregates; /* one for each plugin instance */
    struct outlet *outlets; /* those of the first worker, one for each plugin, then those of the next ... */
    unsigned n_outlets;     /* open ones */
    struct maps *maps;
    struct customs *customs; /* aggregate_primitives, or NULL */
    struct worker **workers;
    unsigned n_workers;
    unsigned n_relays;                 /* plugins that want datagrams */
    struct decoder_ops relay;          /* in the decoder's place, if plugins want datagrams */
    const struct decoder_ops *decoder; /* what the input feeds, or NULL */
    struct input input;                /* without ops: services are all there is */
    struct input beside[BESIDE_MAX];   /* others that feed the same decoder */
    unsigned n_beside;
    struct services *services;
    struct gather *gather; /* of figures */
    int64_t started_us;
    uv_loop_t loop;
    bool loop_made;
    uv_signal_t sig[N_SIGNALS + SERVICE_SIGNALS];
    uv_timer_t tick, setup;
    int ready_fd; /* the waiting parent of a daemonized core, -1: none */
    bool ending;
    int status;
    int end_signal;
};

/* ---- before anything starts */

static const struct plugin_ops *find_ops(const struct daemon *d, const char *type)
{
    for (const struct plugin_ops *const *o = d->plugins; *o; o++)
        if (!strcmp((*o)->name, type))
            return *o;
    return NULL;
}

/* Stitching and pro-rating need the times of each record; stitching shows them. */
static int add_times(const struct plugin_ops *ops, const struct plugin_conf *pc, struct aggregate_spec *spec,
                     struct err *e)
{
    const struct config *c = &pc->c;
    if (c->stitching && c->pro_rating)
        return err_set(e, ERR_CONFIG,
                       "Pro-rating (ie. nfacctd_pro_rating) and stitching (ie. nfacctd_stitching) are mutual "
                       "exclusive");
    if (!ops->stitches)
        return 0;
    if (c->stitching) {
        fieldset_add(&spec->set, FIELD_timestamp_min);
        fieldset_add(&spec->set, FIELD_timestamp_max);
    }
    spec->times = c->stitching || (c->pro_rating && c->history.n && !c->time_new);
    return 0;
}

/* Where AS numbers come from elsewhere, these say whose they are. */
static enum peer_as peer_as_of(const struct daemon *d, const struct plugin_conf *pc)
{
    const bool collector = d->spec->letter == 'N' || d->spec->letter == 'S';
    const bool probe = !strcmp(pc->type, "nfprobe") || !strcmp(pc->type, "sfprobe");
    if (!pc->c.peer_as || (!collector && !probe))
        return PEER_AS_OWN;
    if (!collector)
        return PEER_AS_GIVES;
    return pc->c.as_source == SOURCE_DEFAULT || pc->c.as_source == SOURCE_FLOW ? PEER_AS_TAKES : PEER_AS_OWN;
}

static int check_plugin(struct daemon *d, unsigned i, struct err *e)
{
    const struct plugin_conf *pc = &d->conf.plugins[i];
    const struct plugin_ops *ops = find_ops(d, pc->type);
    struct err why = { 0 };
    char where[256];
    bool dropped = false;
    if (!ops)
        return err_set(e, ERR_CONFIG, "plugin type '%s' is not in this build", pc->type);
    const char *list = pc->c.aggregate ? pc->c.aggregate : ops->packets || ops->datagrams ? "" : "src_host";
    if (aggregate_parse_custom(list, d->spec->letter, d->customs, &d->aggregates[i], &dropped, &why) == -1)
        return err_set(e, ERR_CONFIG, "%s: aggregate: %s",
                       config_where(&d->conf, "aggregate", pc->name, where, sizeof(where)), why.text);
    if (dropped)
        fprintf(stderr,
                "WARN ( %s/%s ): SUM aggregation is to be used as standalone: the other primitives are left "
                "out.\n",
                pc->name, pc->type);
    if (add_times(ops, pc, &d->aggregates[i], e) == -1)
        return -1;
    if (ops->check && ops->check(&d->conf, pc, &d->aggregates[i], e) == -1)
        return -1;
    d->aggregates[i].peer_as = (uint8_t)peer_as_of(d, pc);
    d->n_relays += ops->datagrams;
    d->host.plugins[i] = (struct host_plugin){
        .ops = ops, .conf = pc, .outlet = &d->outlets[i], .n_shards = 1, .control = -1
    };
    if (ops->take_shard)
        d->host.plugins[i].n_shards = (unsigned)pc->c.plugin_workers;
    else if (config_is_set(&d->conf, "plugin_workers", pc->name))
        fprintf(stderr, "WARN ( %s/%s ): plugin_workers: one thread does what this type of plugin does.\n",
                pc->name, pc->type);
    return 0;
}

/* Plugins that want datagrams stand alone, since nothing is decoded for them. */
static int choose_decoder(struct daemon *d, struct err *e)
{
    d->decoder = d->spec->decoder;
    if (d->n_relays == 0)
        return 0;
    if (d->n_relays < d->conf.n_plugins)
        return err_set(e, ERR_CONFIG,
                       "'tee' plugins are not compatible with data (memory/mysql/pgsql/etc.) plugins");
    d->relay = relay_over(d->spec->decoder);
    d->decoder = &d->relay;
    return 0;
}

static int load_maps(struct daemon *d, struct err *e)
{
    d->maps = maps_new(e);
    if (!d->maps)
        return -1;
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        if (view_load(d->maps, &d->conf.plugins[i].c, d->spec->letter, e) == -1)
            return -1;
    if (d->spec->routes && d->spec->routes->load(d->maps, &d->conf.core, d->spec->letter, e) == -1)
        return -1;
    return coremaps_load(d->maps, &d->conf.core, d->spec->letter, e);
}

static int load_customs(struct daemon *d, struct err *e)
{
    const char *path = d->conf.core.aggregate_primitives;
    struct err why = { 0 };
    if (!path || (d->customs = customs_load(path, &why)))
        return 0;
    return err_set(e, why.code, "aggregate_primitives: %s", why.text);
}

static int choose_services(struct daemon *d, struct err *e)
{
    const struct service like = { .set = &d->conf,
                                  .c = &d->conf.core,
                                  .daemon = d->spec->name,
                                  .letter = d->spec->letter,
                                  .alone = !d->spec->inputs,
                                  .maps = d->maps,
                                  .gather = d->gather };
    d->services = services_new(d->spec->services, &like, e);
    return d->services ? services_check(d->services, e) : -1;
}

/* What is made before the daemon becomes another user (spool, log, pidfile) has to be that user's. */
static void own_files(struct config *c, const struct config *core)
{
    if (c->files_uid == -1)
        c->files_uid = core->run_uid;
    if (c->files_gid == -1)
        c->files_gid = privs_group(core);
}

static int check_all(struct daemon *d, struct err *e)
{
    own_files(&d->conf.core, &d->conf.core);
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        own_files(&d->conf.plugins[i].c, &d->conf.core);
    if (load_customs(d, e) == -1)
        return -1;
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        if (check_plugin(d, i, e) == -1)
            return -1;
    if (load_maps(d, e) == -1 || choose_decoder(d, e) == -1 || choose_services(d, e) == -1)
        return -1;
    return d->spec->check ? d->spec->check(&d->conf, e) : 0;
}

static unsigned begin_figures(void *owner, struct figures *f, uint32_t round);

static int allocate(struct daemon *d, struct err *e)
{
    unsigned n = d->conf.n_plugins, w = d->spec->workers ? d->spec->workers(&d->conf) : 1;
    w = d->spec->inputs ? w : 0;
    d->n_workers = w;
    d->workers = calloc(w + 1, sizeof(struct worker *));
    d->aggregates = calloc(n + 1, sizeof(*d->aggregates));
    d->outlets = calloc((size_t)w * n + 1, sizeof(*d->outlets));
    d->host.plugins = calloc(n + 1, sizeof(*d->host.plugins));
    d->host.n = n;
    d->gather = d->host.gather = gather_new(begin_figures, d);
    return d->gather && d->workers && d->aggregates && d->outlets && d->host.plugins
               ? 0
               : err_sys(e, "no memory");
}

/* ---- log and process */

static int open_log(struct daemon *d, struct err *e)
{
    const struct config *c = &d->conf.core;
    struct log_sink_conf lc = { .file = c->logfile,
                                .syslog = c->syslog,
                                .syslog_ident = c->syslog_ident,
                                .stamp_stderr = c->log_stderr_tstamp,
                                .utc = c->timestamps_utc,
                                .modes = &d->host.modes };
    d->host.modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid);
    d->sink = log_sink_open(&lc, e);
    if (!d->sink)
        return -1;
    log_init(&d->log, d->sink, c->core_proc_name ? c->core_proc_name : "default", "core", c->debug);
    return 0;
}

static void log_banner(struct daemon *d)
{
    char path[PATH_MAX];
    log_info(&d->log, "%s, %s %s (RELEASE)", d->spec->description, d->spec->name, build_version());
    log_info(&d->log, " %s", build_arguments());
    if (!d->conf.path)
        log_info(&d->log, "Reading configuration from cmdline.");
    else
        log_info(&d->log, "Reading configuration file '%s'.",
                 realpath(d->conf.path, path) ? path : d->conf.path);
}

/* "WARN: text" at the level it names. */
static void log_early(const struct log *l, const char *line)
{
    static const struct {
        const char *word;
        enum log_level level;
    } levels[] = { { "INFO: ", LOG_LV_INFO }, { "WARN: ", LOG_LV_WARN }, { "ERROR: ", LOG_LV_ERROR } };
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        size_t n = strlen(levels[i].word);
        if (!strncmp(line, levels[i].word, n)) {
            log_at(l, levels[i].level, "%s", line + n);
            return;
        }
    }
    log_warn(l, "%s", line);
}

/* stderr has shown these already: a log file or syslog gets them too. */
static void replay_early(struct daemon *d)
{
    if (!d->conf.core.logfile && !d->conf.core.syslog)
        return;
    for (const char *const *line = d->early; line && *line; line++)
        log_early(&d->log, *line);
}

/* The parent waits until the daemon is ready (0) or has failed (its status), so that a start script knows. */
static void daemonize(struct daemon *d)
{
    int pipe_fds[2];
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        fprintf(stderr, "INFO ( %s/%s ): Daemonizing. Bye bye screen.\n", d->conf.plugins[i].name,
                d->conf.plugins[i].type);
    if (pipe(pipe_fds) == -1)
        return;
    pid_t pid = fork();
    if (pid > 0) {
        char status = 1;
        close(pipe_fds[1]);
        if (read(pipe_fds[0], &status, 1) != 1)
            status = 1;
        _exit(status);
    }
    close(pipe_fds[0]);
    setsid();
    d->ready_fd = pipe_fds[1];
    fcntl(d->ready_fd, F_SETFD, FD_CLOEXEC);
}

static void tell_parent(struct daemon *d, char status)
{
    if (d->ready_fd == -1)
        return;
    (void)!write(d->ready_fd, &status, 1);
    close(d->ready_fd);
    d->ready_fd = -1;
    int null = open("/dev/null", O_RDWR);
    if (null == -1)
        return;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

/* ---- start */

/* A worker and its outlets. */
static int open_worker(struct daemon *d, unsigned w, struct err *e)
{
    unsigned n = d->conf.n_plugins;
    for (unsigned i = 0; i < n; i++, d->n_outlets++) {
        struct err why = { 0 };
        struct outlet *o = &d->outlets[d->n_outlets];
        const struct plugin_conf *pc = &d->conf.plugins[i];
        if (outlet_open(o, pc, &d->aggregates[i], d->host.plugins[i].n_shards, &why) == -1) {
            outlet_close(o);
            return err_set(e, why.code, "plugin '%s-%s': %s", pc->name, pc->type, why.text);
        }
    }
    d->workers[w] = worker_new(&d->conf.core, &d->log, &d->outlets[w * n], n);
    if (!d->workers[w])
        return err_sys(e, "no memory for a worker");
    if (worker_use_maps(d->workers[w], d->maps, d->spec->letter, e) == -1)
        return -1;
    return d->spec->routes ? worker_use_routes(d->workers[w], d->spec->routes, d->maps, d->spec->letter, e)
                           : 0;
}

/* Services are open: workers may know what these know. */
static int connect_routes(struct daemon *d, struct err *e)
{
    for (unsigned w = 0; w < d->n_workers; w++)
        if (worker_connect_routes(d->workers[w], d->services, e) == -1)
            return -1;
    return 0;
}

/* A plugin's rings from all workers: those of its shards side by side. */
static int collect_rings(struct daemon *d, unsigned plugin, struct err *e)
{
    struct host_plugin *p = &d->host.plugins[plugin];
    p->rings = calloc((size_t)d->n_workers * p->n_shards + 1, sizeof(struct ring *));
    if (!p->rings)
        return err_sys(e, "no memory for rings");
    for (unsigned w = 0; w < d->n_workers; w++)
        for (unsigned i = 0; i < p->n_shards; i++)
            p->rings[p->n_rings++] = d->outlets[w * d->conf.n_plugins + plugin].rings[i];
    return 0;
}

static int open_workers(struct daemon *d, struct err *e)
{
    for (unsigned w = 0; w < d->n_workers; w++)
        if (open_worker(d, w, e) == -1)
            return -1;
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        if (collect_rings(d, i, e) == -1)
            return -1;
    return 0;
}

static const struct input_ops *choose_input(const struct daemon *d)
{
    const struct input_ops *const *o = d->inputs;
    while (*o && !(*o)->wanted(&d->conf.core))
        o++;
    return *o;
}

static void on_input_ended(struct input *in, int status);

static int open_beside(struct daemon *d, struct err *e)
{
    const struct input_ops *const *o = d->spec->beside;
    for (; o && *o && d->n_beside < BESIDE_MAX; o++) {
        struct input *in = &d->beside[d->n_beside];
        if (*o == d->input.ops || !(*o)->wanted(&d->conf.core))
            continue;
        *in = d->input;
        in->ops = *o;
        in->first = &d->input;
        in->state = calloc(1, in->ops->state_size);
        if (!in->state)
            return err_sys(e, "no memory for an input");
        d->n_beside++;
        if (in->ops->open(in, e) == -1)
            return -1;
    }
    return 0;
}

static int open_input(struct daemon *d, struct err *e)
{
    const struct decoder_ops *dec = d->decoder;
    struct input *in = &d->input;
    if (!d->spec->inputs)
        return 0;
    *in = (struct input){ .ops = choose_input(d),
                          .worker = d->workers[0],
                          .workers = d->workers,
                          .n_workers = d->n_workers,
                          .c = &d->conf.core,
                          .log = &d->log,
                          .loop = &d->loop,
                          .daemon = d->spec->name,
                          .decoder = dec,
                          .ended = on_input_ended,
                          .owner = d };
    if (!in->ops)
        return err_set(e, ERR_CONFIG, "the configuration names no input that %s can read", d->spec->name);
    in->state = calloc(1, in->ops->state_size);
    if (!in->state)
        return err_sys(e, "no memory for the input");
    if (input_make_decoders(in, e) == -1)
        return -1;
    for (unsigned w = 0; d->n_relays && w < in->n_workers; w++)
        relay_attach(in->decoder_states[w], d->spec->decoder);
    if (input_open_decoders(in, e) == -1 || in->ops->open(in, e) == -1 || open_beside(d, e) == -1)
        return -1;
    return input_begin_decoders(in, e);
}

static void on_all_ready(void *owner);
static void on_plugins_over(void *owner, bool failed);

static int start_plugins(struct daemon *d, struct err *e)
{
    const struct input_ops *in = choose_input(d);
    d->host.spawner = -1;
    d->host.progname = d->spec->name;
    d->host.daemon = d->spec->letter;
    d->host.file_input = in && in->file;
    d->host.core = &d->conf.core;
    d->host.services = d->spec->plugin_services;
    d->host.sink = d->sink;
    d->host.log = d->log;
    d->host.on_ready = on_all_ready;
    d->host.on_over = on_plugins_over;
    d->host.owner = d;
    return d->host.n ? host_fork_spawner(&d->host, e) : 0;
}

/* ---- running */

/* What has been received is handed over, with what services know, before these end. */
static void stop_input(struct daemon *d)
{
    for (unsigned i = 0; i < d->n_beside; i++)
        d->beside[i].ops->stop(&d->beside[i]);
    if (d->input.ops)
        d->input.ops->stop(&d->input);
    services_tell(d->services, SERVICE_STOP);
}

static void end(struct daemon *d, int status)
{
    if (d->ending)
        return;
    d->ending = true;
    d->status = status;
    notify_stopping();
    stop_input(d);
    if (d->host.n)
        host_end(&d->host);
    else
        uv_stop(&d->loop);
}

static void on_input_ended(struct input *in, int status) { end(in->owner, status); }

static void on_service_ended(void *owner, int status) { end(owner, status); }

static void on_plugins_over(void *owner, bool failed)
{
    struct daemon *d = owner;
    if (failed) {
        d->status = 1;
        if (!d->ending)
            stop_input(d);
        d->ending = true;
        if (d->host.alive) {
            host_end(&d->host); /* the others write what they have; on_plugins_over comes again */
            return;
        }
    }
    uv_stop(&d->loop);
}

static void log_ledgers(void *arg)
{
    struct daemon *d = arg;
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        outlet_log_ledger(&d->outlets[i], d->n_workers, d->conf.n_plugins, &d->log);
}

static void log_stats(struct daemon *d)
{
    services_tell(d->services, SERVICE_STATS);
    if (!d->input.ops)
        return;
    log_notice(&d->log, "+++");
    d->input.ops->stats(&d->input);
    for (unsigned i = 0; i < d->n_beside; i++)
        d->beside[i].ops->stats(&d->beside[i]);
    input_hold(&d->input, log_ledgers, d);
    log_notice(&d->log, "---");
    host_tell_all(&d->host, HOST_STATS);
}

/* ---- figures */

struct figures_of {
    struct daemon *d;
    struct figures *f;
};

static void put_ledgers(void *arg)
{
    const struct figures_of *x = arg;
    struct daemon *d = x->d;
    for (unsigned i = 0; i < d->conf.n_plugins; i++)
        outlet_figures(&d->outlets[i], d->n_workers, d->conf.n_plugins, x->f);
}

static void put_core(struct daemon *d, struct figures *f)
{
    figures_label(f, "daemon", d->spec->name);
    figures_put_of(f, FIG_BUILD, "version", build_version(), 1);
    figures_unlabel(f, 1);
    figures_put(f, FIG_START, (uint64_t)d->started_us);
    figures_put_process(f, "core");
    host_figures(&d->host, f);
}

static unsigned begin_figures(void *owner, struct figures *f, uint32_t round)
{
    struct daemon *d = owner;
    struct figures_of x = { d, f };
    put_core(d, f);
    if (d->ending)
        return 0;
    if (d->input.ops && d->input.ops->figures)
        d->input.ops->figures(&d->input, f);
    for (unsigned i = 0; i < d->n_beside; i++)
        if (d->beside[i].ops->figures)
            d->beside[i].ops->figures(&d->beside[i], f);
    if (d->input.ops)
        input_hold(&d->input, put_ledgers, &x);
    services_tell(d->services, SERVICE_FIGURES);
    return services_with_figures(d->services) + host_ask_figures(&d->host, round);
}

static void reload(struct daemon *d)
{
    notify_reloading();
    if (d->conf.core.maps_refresh)
        maps_reload_aside(d->maps, &d->log);
    if (d->input.ops)
        input_decoder_reload(&d->input);
    if (d->input.ops && d->input.ops->reload)
        d->input.ops->reload(&d->input);
    for (unsigned i = 0; i < d->n_beside; i++)
        if (d->beside[i].ops->reload)
            d->beside[i].ops->reload(&d->beside[i]);
    services_tell(d->services, SERVICE_RELOAD);
    host_tell_all(&d->host, HOST_RELOAD);
    notify_reloaded();
}

static void reopen_log(struct daemon *d)
{
    log_sink_reopen(d->sink);
    log_banner(d);
    if (d->input.ops)
        input_decoder_reopen(&d->input);
    services_tell(d->services, SERVICE_REOPEN);
    host_tell_all(&d->host, HOST_REOPEN_LOG);
}

static void on_signal(uv_signal_t *s, int signum)
{
    struct daemon *d = s->data;
    if (signum >= SIGRTMIN) {
        services_tell(d->services, SERVICE_SIGNAL + (unsigned)(signum - SIGRTMIN));
        return;
    }
    if (d->conf.core.propagate_signals)
        host_signal_all(&d->host, signum);
    switch (signum) {
    case SIGHUP:
        reopen_log(d);
        break;
    case SIGUSR1:
        log_stats(d);
        break;
    case SIGUSR2:
        reload(d);
        break;
    default:
        d->end_signal = signum;
        end(d, 0);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct daemon *d = t->data;
    notify_alive();
    if (d->input.ops && !d->ending)
        input_tick(&d->input);
}

static void on_setup_done(uv_timer_t *t)
{
    struct daemon *d = t->data;
    log_info(&d->log, "Dry run 'setup'. Exiting ..");
    end(d, 0);
}

static void on_all_ready(void *owner)
{
    struct daemon *d = owner;
    tell_parent(d, 0);
    notify_ready(d->conf.n_plugins);
    if (d->conf.core.dry_run == DRY_RUN_SETUP)
        uv_timer_start(&d->setup, on_setup_done, SETUP_MS, 0);
}

/* Signals that ask something of a daemon wait until it can answer, instead of ending it: with a long map to
 * read, a start takes a while, and who rotates logs does not know of it. Those that end it end it at once. */
static void hold_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < N_SIGNALS; i++)
        if (signals[i] != SIGINT && signals[i] != SIGTERM)
            sigaddset(&set, signals[i]);
    for (int i = 0; i < SERVICE_SIGNALS; i++)
        sigaddset(&set, SIGRTMIN + i);
    pthread_sigmask(how, &set, NULL);
}

static void watch_signals(struct daemon *d)
{
    const unsigned n = N_SIGNALS + (services_have_signals(d->services) ? SERVICE_SIGNALS : 0);
    for (unsigned i = 0; i < n; i++) {
        uv_signal_init(&d->loop, &d->sig[i]);
        d->sig[i].data = d;
        uv_signal_start(&d->sig[i], on_signal, i < N_SIGNALS ? signals[i] : SIGRTMIN + (int)(i - N_SIGNALS));
    }
    signal(SIGPIPE, SIG_IGN);
    hold_signals(SIG_UNBLOCK);
}

static int start_all(struct daemon *d, struct err *e)
{
    if (services_start(d->services, &d->loop, on_service_ended, d, e) == -1)
        return -1;
    if (!d->input.ops) {
        on_all_ready(d);
        return 0;
    }
    if (host_start(&d->host, &d->loop, e) == -1 || d->input.ops->start(&d->input, e) == -1)
        return -1;
    for (unsigned i = 0; i < d->n_beside; i++)
        if (d->beside[i].ops->start(&d->beside[i], e) == -1)
            return -1;
    return 0;
}

static int hang_in(struct daemon *d, struct err *e)
{
    watch_signals(d);
    uv_timer_init(&d->loop, &d->tick);
    uv_timer_init(&d->loop, &d->setup);
    d->tick.data = d->setup.data = d;
    uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
    d->started_us = clock_wall_us();
    if (gather_start(d->gather, &d->loop, e) == -1)
        return -1;
    return start_all(d, e);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void close_loop(struct daemon *d)
{
    uv_walk(&d->loop, close_handle, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
}

static int set_priority(struct daemon *d, struct err *e)
{
    int nice = d->conf.core.proc_priority;
    if (nice && setpriority(PRIO_PROCESS, 0, nice) == -1)
        return err_sys(e, "proc_priority: cannot set %d", nice);
    return 0;
}

/* What input and services need while they run is all that stays. */
static int confine(struct daemon *d, struct err *e)
{
    const struct config *c = &d->conf.core;
    const unsigned kept = (d->input.ops ? d->input.ops->kept : PRIVS_NONE) | services_kept(d->services);
    return privs_drop(c, kept, e) == -1 ? -1 : sandbox_enter(SANDBOX_CORE, c, &d->log, e);
}

/* From the checked configuration to the end of the loop. -1: e. */
static int run(struct daemon *d, struct err *e)
{
    const struct config *c = &d->conf.core;
    if (set_priority(d, e) == -1 || open_workers(d, e) == -1 || start_plugins(d, e) == -1)
        return -1;
    if (c->pidfile && pidfile_write(c->pidfile, &d->host.modes, e) == -1)
        return -1;
    if (uv_loop_init(&d->loop) != 0)
        return err_set(e, ERR_SYS, "cannot make an event loop");
    d->loop_made = true;
    title_set("%s: Core Process [%s]", d->spec->name, d->log.name);
    if (open_input(d, e) == -1 || services_open(d->services, &d->log, e) == -1 ||
        connect_routes(d, e) == -1 || confine(d, e) == -1 || hang_in(d, e) == -1)
        return -1;
    uv_run(&d->loop, UV_RUN_DEFAULT);
    if (d->end_signal)
        log_info(&d->log, "%s received. Exiting ...", d->end_signal == SIGINT ? "SIGINT" : "SIGTERM");
    return 0;
}

static void shut(struct daemon *d)
{
    for (unsigned i = 0; i < d->n_beside; i++)
        d->beside[i].ops->close(&d->beside[i]);
    if (d->input.ops && d->input.state)
        d->input.ops->close(&d->input);
    input_close_decoders(&d->input);
    for (unsigned w = 0; w < d->n_workers; w++)
        worker_disconnect_routes(d->workers[w]);
    services_close(d->services);
    host_close(&d->host);
    if (d->loop_made)
        close_loop(d);
    services_free(d->services);
    d->services = NULL;
    if (d->conf.core.pidfile)
        pidfile_remove(d->conf.core.pidfile);
    for (unsigned i = 0; i < d->n_outlets; i++)
        outlet_close(&d->outlets[i]);
    for (unsigned w = 0; w < d->n_workers; w++)
        worker_free(d->workers[w]);
    for (unsigned i = 0; i < d->n_beside; i++)
        free(d->beside[i].state);
    free(d->input.state);
}

static int start(struct daemon *d)
{
    struct err e = { 0 };
    if (allocate(d, &e) == -1 || check_all(d, &e) == -1) {
        fprintf(stderr, "ERROR: %s. Exiting.\n", e.text);
        return 1;
    }
    if (d->conf.check_only) {
        printf("INFO: The configuration is in order.\n");
        return 0;
    }
    if (d->conf.core.dry_run == DRY_RUN_CONFIG) {
        printf("INFO ( %s/core ): Dry run 'config'. Exiting ..\n",
               d->conf.core.core_proc_name ? d->conf.core.core_proc_name : "default");
        return 0;
    }
    if (open_log(d, &e) == -1) {
        fprintf(stderr, "ERROR: %s. Exiting.\n", e.text);
        return 1;
    }
    if (d->conf.core.daemonize && d->conf.core.dry_run == DRY_RUN_NONE)
        daemonize(d);
    log_banner(d);
    replay_early(d);
    maps_log(d->maps, &d->log);
    d->host.spawner = -1;
    privs_hide_memory(&d->conf.core);
    if (run(d, &e) == -1) {
        log_error(&d->log, "%s. Exiting.", e.text);
        d->status = 1;
        tell_parent(d, 1);
    }
    shut(d);
    return d->status;
}

int daemon_main(const struct daemon_spec *spec, int argc, char **argv)
{
    struct daemon d = { .spec = spec,
                        .plugins = spec->plugins ? spec->plugins : no_plugins,
                        .inputs = spec->inputs ? spec->inputs : no_inputs,
                        .ready_fd = -1 };
    const char *types[32];
    unsigned n = 0;
    for (; n < 31 && d.plugins[n]; n++)
        types[n] = d.plugins[n]->name;
    types[n] = NULL;
    struct config_spec cs = { .progname = spec->name,
                              .daemon = spec->letter,
                              .description = spec->description,
                              .plugin_types = types,
                              .version = build_print,
                              .list = fields_print,
                              .schema = spec->schema };
    title_init(argc, argv);
    hold_signals(SIG_BLOCK);
    int status;
    switch (config_load(&cs, argc, argv, &d.conf, &d.early)) {
    case CONFIG_EXIT_OK:
        return 0;
    case CONFIG_EXIT_ERROR:
        return 1;
    case CONFIG_RUN:
        break;
    }
    status = start(&d);
    services_free(d.services);
    gather_free(d.gather);
    if (maps_free(d.maps))
        log_sink_close(d.sink);
    free(d.customs);
    free(d.aggregates);
    free(d.outlets);
    free(d.workers);
    for (unsigned i = 0; d.host.plugins && i < d.host.n; i++)
        free(d.host.plugins[i].rings);
    free(d.host.plugins);
    config_free(&d.conf);
    return status;
}
