/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory plugin: keeps all aggregates in a table and shows them to whoever connects to imt_path. The
 * table has one thread, the plugin's; clients are served from the same loop in slices, so that counting goes
 * on. */
#include "plugins/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "plugins/memory_web.h"
#include "plugins/plugins.h"

static int memory_check(const struct config_set *set, const struct plugin_conf *pc,
                        struct aggregate_spec *spec, struct err *e)
{
    (void)spec;
    struct sockaddr_un sa;
    const char *path = pc->c.imt_path ? pc->c.imt_path : IMT_PATH_DEFAULT;
    if (strlen(path) >= sizeof(sa.sun_path))
        return err_set(e, ERR_CONFIG,
                       "imt_path '%s' is longer than the %zu octets that a socket's path can have", path,
                       sizeof(sa.sun_path) - 1);
    for (unsigned i = 0; i < set->n_plugins; i++) {
        const struct plugin_conf *other = &set->plugins[i];
        const char *at = other->c.imt_path ? other->c.imt_path : IMT_PATH_DEFAULT;
        if (other != pc && !strcmp(other->type, pc->type) && !strcmp(at, path))
            return err_set(e, ERR_CONFIG,
                           "plugins '%s' and '%s' have the same imt_path '%s': give one of them its own, "
                           "imt_path[%s]: ...",
                           pc->name, other->name, path, pc->name);
    }
    return web_check(set, pc, e);
}

static bool is_answered(const struct sockaddr_un *sa)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const bool answered = fd != -1 && connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
    if (fd != -1)
        close(fd);
    return answered;
}

/* Removes what an earlier run left, which can only be a socket. */
static int path_clear(const struct memory *m, const struct sockaddr_un *sa, struct err *e)
{
    const char *path = m->path;
    struct stat st;
    if (lstat(path, &st) == -1)
        return errno == ENOENT ? 0 : err_sys(e, "imt_path '%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFIG,
                       "imt_path '%s' exists and is not a socket: name another path or remove it", path);
    if (is_answered(sa))
        log_warn(
            &m->pl->log,
            "imt_path '%s' belongs to another process that runs: nobody can ask that one any more. Give each "
            "memory plugin a path of its own",
            path);
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(e, "cannot remove the old socket '%s'", path);
}

static int listen_at(struct memory *m, struct err *e)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct stat st;
    memcpy(sa.sun_path, m->path, sizeof(m->path));
    if (path_clear(m, &sa, e) == -1)
        return -1;
    m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (m->fd == -1)
        return err_sys(e, "cannot make a socket");
    if (bind(m->fd, (struct sockaddr *)&sa, sizeof(sa)) == -1)
        return err_sys(e, "cannot bind to imt_path '%s'", m->path);
    /* Anybody on this machine may ask, unless files_umask is set. */
    const mode_t mode = 0777 & ~(m->pl->c->files_umask == -1 ? 0 : (mode_t)m->pl->c->files_umask);
    if (chmod(m->path, mode) == -1 || stat(m->path, &st) == -1 || listen(m->fd, MEMORY_CLIENTS_MAX) == -1)
        return err_sys(e, "cannot listen at imt_path '%s'", m->path);
    m->dev = st.st_dev;
    m->ino = st.st_ino;
    return 0;
}

static void on_connection(uv_poll_t *h, int status, int events)
{
    struct memory *m = h->data;
    (void)events;
    if (status < 0)
        return;
    for (unsigned i = 0; i < MEMORY_CLIENTS_MAX; i++) {
        int fd = accept4(m->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd != -1) {
            client_accept(m, fd);
            continue;
        }
        if (accept_rest_failed(&m->listener->rest, errno))
            log_limited(&m->pl->log, &m->say_accept, LOG_LV_WARN, "imt_path '%s': cannot take a client: %s",
                        m->path, strerror(errno));
        return;
    }
}

static int watch(struct memory *m, struct err *e)
{
    struct memory_listener *l = calloc(1, sizeof(*l));
    if (!l || uv_poll_init(m->pl->loop, &l->poll, m->fd)) {
        free(l);
        return err_set(e, ERR_SYS, "cannot watch the socket '%s'", m->path);
    }
    accept_rest_init(&l->rest, m->pl->loop, &l->poll, on_connection);
    l->poll.data = m;
    m->listener = l;
    return uv_poll_start(&l->poll, UV_READABLE, on_connection)
               ? err_set(e, ERR_SYS, "cannot watch the socket '%s'", m->path)
               : 0;
}

static void on_closed(uv_handle_t *h)
{
    struct memory_listener *l = h->data;
    if (--l->open == 0)
        free(l);
}

static void unwatch(struct memory_listener *l)
{
    if (!l)
        return;
    accept_rest_stop(&l->rest);
    l->open = 2;
    l->poll.data = l->rest.timer.data = l;
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->rest.timer, on_closed);
}

static void memory_close(struct plugin *pl);

static int memory_open(struct plugin *pl, struct err *e)
{
    struct memory *m = pl->state;
    const char *path = pl->c->imt_path ? pl->c->imt_path : IMT_PATH_DEFAULT;
    m->pl = pl;
    m->fd = -1;
    if (strlen(path) >= sizeof(m->path))
        return err_set(e, ERR_CONFIG, "imt_path '%s' is too long", path);
    memcpy(m->path, path, strlen(path) + 1);
    strbuf_init(&m->hello, IMT_HELLO_MAX);
    imt_hello_put(&m->hello, pl->layout);
    m->table = table_new();
    if (!m->table || m->hello.failed) {
        memory_close(pl);
        return err_set(e, ERR_SYS, "no memory for a table");
    }
    if (listen_at(m, e) == -1 || watch(m, e) == -1 || web_open(&m->web, m, e) == -1) {
        memory_close(pl);
        return -1;
    }
    log_at(&pl->log, LOG_LV_OK, "waiting for data on: '%s'", m->path);
    return 0;
}

static struct sums memory_take(struct plugin *pl, uint8_t *recs, size_t bytes)
{
    struct memory *m = pl->state;
    struct sums s = agg_add(m->table->agg, recs, bytes);
    sums_add(&m->held, &s);
    if (m->web)
        web_seen(m->web, &s);
    return s;
}

static void memory_tick(struct plugin *pl, int64_t now_us)
{
    struct memory *m = pl->state;
    const int64_t mono_us = clock_mono_us();
    clients_tick(m, mono_us);
    if (m->web)
        web_tick(m->web, now_us, mono_us);
}

static void memory_figures(struct plugin *pl, struct figures *f)
{
    const struct memory *m = pl->state;
    figures_put(f, FIG_TABLE_ENTRIES, agg_count(m->table->agg));
    figures_put(f, FIG_TABLE_BYTES, agg_memory(m->table->agg));
    figures_put(f, FIG_CLIENTS, m->n_clients);
}

static void memory_all_figures(struct plugin *pl, const struct strbuf *octets)
{
    const struct memory *m = pl->state;
    if (m->web)
        web_figures(m->web, octets);
}

static void memory_close(struct plugin *pl)
{
    struct memory *m = pl->state;
    struct stat st;
    web_close(m->web);
    m->web = NULL;
    for (unsigned i = 0; i < MEMORY_CLIENTS_MAX; i++)
        if (m->client[i])
            client_drop(m->client[i]);
    unwatch(m->listener);
    m->listener = NULL;
    if (m->fd != -1) {
        close(m->fd);
        if (m->ino && stat(m->path, &st) == 0 && st.st_ino == m->ino && st.st_dev == m->dev)
            unlink(m->path);
    }
    m->fd = -1;
    table_put(m->table);
    m->table = NULL;
    strbuf_free(&m->hello);
}

int memory_erase(struct memory *m)
{
    struct table *fresh = table_new();
    if (!fresh)
        return -1;
    table_put(m->table);
    m->table = fresh;
    m->erased_us = clock_mono_us();
    memory_reset(m, &m->held);
    m->held = (struct sums){ 0 };
    return 0;
}

void memory_reset(struct memory *m, const struct sums *s)
{
    struct sums given = *s;
    if (m->pl->ring)
        ring_confirm(m->pl->ring, &given);
    if (s == &m->held)
        return;
    m->held.packets -= given.packets;
    m->held.bytes -= given.bytes;
    m->held.flows -= given.flows;
}

const struct plugin_ops plugin_memory = {
    .name = "memory",
    .title = "IMT Plugin",
    .state_size = sizeof(struct memory),
    .check = memory_check,
    .open = memory_open,
    .take = memory_take,
    .tick = memory_tick,
    .figures = memory_figures,
    .all_figures = memory_all_figures,
    .close = memory_close,
};
