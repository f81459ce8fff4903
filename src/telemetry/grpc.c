/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry that routers dial out over gRPC (telemetry_daemon_grpc_port). A helper process speaks it
 * (src/grpc/main.cc) and hands over messages as they came; here they are put together, taken apart and
 * written. While the log has no room the helper is not read, and has the streams wait. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/hash.h"
#include "core/privs.h"
#include "telemetry/dialout.h"
#include "telemetry/grpc_wire.h"
#include "telemetry/telemetry.h"

enum {
    ROUNDS = 64, /* frames in a row */
    SLOTS = 1024,
    READY_MS = 20000,
    HELPER_FD = 3,
    STOP_FRAMES = 4096,
    PENDING_MAX = 256 << 20, /* octets of unfinished messages, of all streams */
};

struct stream {
    uint32_t id;
    struct tele_peer *peer;
    struct dialout dialout;
    struct strbuf whole; /* of a message that came in several frames */
    struct stream *chain;
};

struct grpc_state {
    int fd; /* -1: no helper */
    pid_t pid;
    uv_poll_t poll;
    bool started, gone; /* gone: the helper */
    char where[ADDR_TEXT + 16];
    struct stream *slot[SLOTS];
    unsigned n;
    size_t pending;
    uint64_t opened, refused, restarts, cut;
    struct log_limit say_unknown;
    uint8_t frame[sizeof(struct grpc_head) + GRPC_PART];
};

/* ---- streams */

static struct stream **place(struct grpc_state *st, uint32_t id)
{
    struct stream **at = &st->slot[id % SLOTS];
    while (*at && (*at)->id != id)
        at = &(*at)->chain;
    return at;
}

static void close_stream(struct tele_input *in, struct stream **at, const char *why)
{
    struct grpc_state *st = in->state;
    struct stream *s = *at;
    if (!s)
        return;
    if (dialout_end(&s->dialout) || s->whole.len) {
        st->cut++;
        tele_fault(in->t, s->peer, TELE_FAULT_CUT);
    }
    st->pending -= s->whole.len;
    log_info(in->t->log, "[%s] gRPC stream closed: %s.", s->peer->name, why);
    tele_peer_free(in->t, s->peer);
    strbuf_free(&s->whole);
    *at = s->chain;
    free(s);
    st->n--;
}

static void close_all(struct tele_input *in, const char *why)
{
    struct grpc_state *st = in->state;
    for (unsigned i = 0; i < SLOTS; i++)
        while (st->slot[i])
            close_stream(in, &st->slot[i], why);
}

static void refuse(struct tele_input *in, uint32_t id)
{
    struct grpc_state *st = in->state;
    const struct grpc_head no = { .kind = GRPC_REFUSE, .stream = id };
    st->refused++;
    (void)!send(st->fd, &no, sizeof(no), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void open_stream(struct tele_input *in, uint32_t id, const uint8_t *p, size_t n)
{
    struct grpc_state *st = in->state;
    struct grpc_peer who;
    struct addr a;
    if (n != sizeof(who) || *place(st, id))
        return;
    memcpy(&who, p, sizeof(who));
    who.method[sizeof(who.method) - 1] = '\0';
    addr_set_v6(&a, who.addr);
    const enum dialout_kind kind = dialout_kind_of(who.method);
    struct tele_peer *peer = kind && tele_may(in->t, &a) ? tele_peer_new(in->t, &a, who.port) : NULL;
    struct stream *s = peer ? calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        if (peer)
            tele_peer_free(in->t, peer);
        refuse(in, id);
        return;
    }
    s->id = id;
    s->peer = peer;
    s->dialout.kind = kind;
    strbuf_init(&s->whole, GRPC_MESSAGE_MAX + 1);
    *place(st, id) = s;
    st->n++;
    st->opened++;
    log_info(in->t->log, "[%s] gRPC stream %s", peer->name, who.method);
}

/* ---- messages */

static void message(struct tele_input *in, struct stream *s, const uint8_t *p, size_t n)
{
    struct tele_message m;
    enum tele_fault why;
    tele_received(in->t, s->peer, n);
    switch (dialout_take(&s->dialout, p, n, &m, &why)) {
    case DIALOUT_MESSAGE:
        tele_take(in->t, s->peer, &m);
        break;
    case DIALOUT_FAULT:
        tele_fault(in->t, s->peer, why);
        break;
    case DIALOUT_NOTHING:
        break;
    }
}

static void data(struct tele_input *in, uint32_t id, const uint8_t *p, size_t n, bool last)
{
    struct grpc_state *st = in->state;
    struct stream **at = place(st, id), *s = *at;
    if (!s)
        return; /* refused */
    if (last && !s->whole.len) {
        message(in, s, p, n);
        return;
    }
    strbuf_add(&s->whole, p, n);
    st->pending += s->whole.failed ? 0 : n;
    if (s->whole.failed || st->pending > PENDING_MAX) {
        tele_fault(in->t, s->peer, s->whole.failed ? TELE_FAULT_TOO_LONG : TELE_FAULT_MEMORY);
        refuse(in, id);
        close_stream(in, at, "too many unfinished messages");
        return;
    }
    if (!last)
        return;
    message(in, s, (const uint8_t *)s->whole.p, s->whole.len);
    st->pending -= s->whole.len;
    strbuf_free(&s->whole);
    strbuf_init(&s->whole, GRPC_MESSAGE_MAX + 1);
}

/* ---- the helper */

static void lost_helper(struct tele_input *in)
{
    struct grpc_state *st = in->state;
    log_error(in->t->log, "the gRPC helper has ended: no more telemetry over gRPC until a restart");
    st->gone = true;
    close_all(in, "the helper has ended");
    if (st->started)
        uv_poll_stop(&st->poll);
}

static void frame(struct tele_input *in, const struct grpc_head *h, const uint8_t *p, size_t n)
{
    struct grpc_state *st = in->state;
    switch (h->kind) {
    case GRPC_READY:
        st->restarts++;
        log_warn(in->t->log, "the gRPC helper had died and has been started again");
        close_all(in, "the helper has died");
        break;
    case GRPC_FAILED:
        log_error(in->t->log, "gRPC: %.*s", (int)n, (const char *)p);
        break;
    case GRPC_OPEN:
        open_stream(in, h->stream, p, n);
        break;
    case GRPC_DATA:
        data(in, h->stream, p, n, h->last);
        break;
    case GRPC_CLOSE:
        if (*place(st, h->stream))
            close_stream(in, place(st, h->stream), "by the router");
        break;
    default:
        log_limited(in->t->log, &st->say_unknown, LOG_LV_ERROR, "the gRPC helper is of another release");
    }
}

/* False: there is none, or there is no helper any more. */
static bool read_frame(struct tele_input *in)
{
    struct grpc_state *st = in->state;
    struct grpc_head h;
    const ssize_t n = recv(st->fd, st->frame, sizeof(st->frame), MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    if (n < (ssize_t)sizeof(h)) {
        lost_helper(in);
        return false;
    }
    memcpy(&h, st->frame, sizeof(h));
    frame(in, &h, st->frame + sizeof(h), (size_t)n - sizeof(h));
    return true;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct tele_input *in = h->data;
    (void)status, (void)events;
    tele_now(in->t);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!tele_room(in->t)) {
            uv_poll_stop(h);
            return;
        }
        if (!read_frame(in))
            return;
    }
}

/* Beside this program, as in a build tree, or where it is installed. */
static void helper_path(char *to, size_t size)
{
    char self[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        snprintf(to, size, "%s/pmacct-grpc", dirname(self));
        if (access(to, X_OK) == 0)
            return;
    }
    snprintf(to, size, "%s/pmacct-grpc", PKGLIBEXECDIR);
}

static int spawn_helper(struct tele_input *in, int its_end, struct err *e)
{
    struct grpc_state *st = in->state;
    const struct config *c = in->t->c;

    char path[PATH_MAX], uid[16], gid[16], fd[16], streams[16], name[] = "pmacct-grpc";
    char *words[] = { name, fd, st->where, streams, uid, gid, in->t->k->grpc_tls ? strdup(c->tls_path) : NULL,
                      NULL };
    posix_spawn_file_actions_t actions;
    helper_path(path, sizeof(path));
    snprintf(fd, sizeof(fd), "%d", HELPER_FD);
    snprintf(uid, sizeof(uid), "%d", c->run_uid);
    snprintf(gid, sizeof(gid), "%d", privs_group(c));
    snprintf(streams, sizeof(streams), "%d", in->t->k->max_peers);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its_end, HELPER_FD);
    const int rc = posix_spawn(&st->pid, path, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(words[6]);
    if (!rc)
        return 0;
    errno = rc;
    return err_sys(e, "telemetry_daemon_grpc_port: cannot start %s, which speaks gRPC", path);
}

/* The first it says is whether its port is open. */
static int wait_for_helper(struct grpc_state *st, struct err *e)
{
    struct pollfd p = { .fd = st->fd, .events = POLLIN };
    struct grpc_head h = { 0 };
    const ssize_t n =
        poll(&p, 1, READY_MS) == 1 ? recv(st->fd, st->frame, sizeof(st->frame), MSG_DONTWAIT) : -1;
    if (n >= (ssize_t)sizeof(h))
        memcpy(&h, st->frame, sizeof(h));
    if (h.kind == GRPC_READY)
        return 0;
    return err_set(e, ERR_SYS, "telemetry_daemon_grpc_port: %.*s",
                   h.kind == GRPC_FAILED ? (int)((size_t)n - sizeof(h)) : 29,
                   h.kind == GRPC_FAILED ? (const char *)st->frame + sizeof(h)
                                         : "the gRPC helper does not come");
}

/* ---- what the service calls */

static bool wanted(const struct telemetry_keys *k) { return k->grpc_port != 0; }

static int open_helper(struct tele_input *in, struct err *e)
{
    struct grpc_state *st = in->state;
    const struct telemetry_keys *k = in->t->k;
    int pair[2];
    st->fd = -1;
    snprintf(st->where, sizeof(st->where), k->ip && strchr(k->ip, ':') ? "[%s]:%d" : "%s:%d",
             k->ip ? k->ip : "[::]", k->grpc_port);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
        return err_sys(e, "cannot make a socket for the gRPC helper");
    const int rc = spawn_helper(in, pair[1], e);
    close(pair[1]);
    st->fd = pair[0];
    if (rc == -1 || wait_for_helper(st, e) == -1)
        return -1;
    log_info(in->t->log, "waiting for telemetry data over gRPC%s on ip=%s port=%d/tcp",
             k->grpc_tls ? " and TLS" : "", k->ip ? k->ip : "::", k->grpc_port);
    return 0;
}

static int start(struct tele_input *in, struct err *e)
{
    struct grpc_state *st = in->state;
    if (uv_poll_init(in->t->s->loop, &st->poll, st->fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the gRPC helper");
    st->poll.data = in;
    st->started = true;
    uv_poll_start(&st->poll, UV_READABLE, on_readable);
    return 0;
}

static void resume(struct tele_input *in)
{
    struct grpc_state *st = in->state;
    if (st->started)
        uv_poll_start(&st->poll, UV_READABLE, on_readable);
}

/* Who is not in the new list has to go. */
static void recheck(struct tele_input *in)
{
    struct grpc_state *st = in->state;
    for (unsigned i = 0; i < SLOTS; i++)
        for (struct stream **at = &st->slot[i]; *at;) {
            if (allow_match(in->t->allow, &(*at)->peer->addr)) {
                at = &(*at)->chain;
                continue;
            }
            refuse(in, (*at)->id);
            close_stream(in, at, "not in telemetry_daemon_allow_file any more");
        }
}

static void stats(struct tele_input *in)
{
    const struct grpc_state *st = in->state;
    log_notice(in->t->log,
               "stats [%s] gRPC streams=%u opened=%" PRIu64 " refused=%" PRIu64 " cut=%" PRIu64
               " restarts=%" PRIu64 " unfinished=%zu octets",
               st->where, st->n, st->opened, st->refused, st->cut, st->restarts, st->pending);
}

static void figures(const struct tele_input *in, struct figures *f)
{
    const struct grpc_state *st = in->state;
    figures_label(f, "source", st->where);
    figures_put(f, FIG_GRPC_UP, !st->gone);
    figures_put(f, FIG_GRPC_RESTARTS, st->restarts);
    figures_put(f, FIG_GRPC_STREAMS, st->n);
    figures_put_of(f, FIG_GRPC_STREAMS_ALL, "what", "opened", st->opened);
    figures_put_of(f, FIG_GRPC_STREAMS_ALL, "what", "refused", st->refused);
    figures_put_of(f, FIG_GRPC_STREAMS_ALL, "what", "cut", st->cut);
    figures_put(f, FIG_TELE_UNFINISHED, st->pending);
    figures_unlabel(f, 1);
}

/* What the helper has handed over is taken, as far as there is room for it. */
static void stop(struct tele_input *in)
{
    struct grpc_state *st = in->state;
    for (unsigned i = 0; i < STOP_FRAMES && tele_room(in->t) && read_frame(in); i++)
        ;
    close_all(in, "the daemon ends");
    if (st->started)
        uv_close((uv_handle_t *)&st->poll, NULL);
    st->started = false;
}

/* It ends when its socket is closed. */
static void close_helper(struct tele_input *in)
{
    const struct grpc_state *st = in->state;
    if (st->fd != -1)
        close(st->fd);
    if (st->pid > 0)
        waitpid(st->pid, NULL, 0);
}

const struct tele_input_ops tele_grpc = {
    .name = "gRPC",
    .state_size = sizeof(struct grpc_state),
    .wanted = wanted,
    .open = open_helper,
    .start = start,
    .resume = resume,
    .recheck = recheck,
    .stats = stats,
    .figures = figures,
    .stop = stop,
    .close = close_helper,
};
