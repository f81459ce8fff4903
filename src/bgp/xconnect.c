/* SPDX-License-Identifier: BSD-2-Clause */
/* Cross connects. Each is two sockets and a buffer for each way; a side that does not take what the other one
 * sends makes the other one wait. Called by service.c and neighbours.c. */
#include "bgp/xconnect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "config/mapfile.h"

enum { KEY_SRC, KEY_DST, BUFFER = 64 << 10 };

struct row {
    struct addr src, dst;
    uint8_t bits;      /* of src, as one of its kind */
    uint16_t src_port; /* 0: any */
    uint16_t dst_port;
};

struct side {
    int fd;
    uv_poll_t poll;
    struct xconnect *of;
    char *buf; /* what the other side is to get from this one */
    size_t from, to;
    bool ended; /* no more comes from it */
};

struct xconnect {
    struct bgp_xconnects *all;
    struct xconnect *prev, *next;
    struct side side[2]; /* the neighbour, the collector */
    bool connecting, closing;
    unsigned handles;
    char name[ADDR_TEXT];
};

struct bgp_xconnects {
    const char *path;
    const struct log *log;
    struct row *row;
    unsigned n_rows;
    struct xconnect *first;
    unsigned n;
    uint64_t taken, failed, octets[2];
    struct log_limit say;
};

/* ---- the map */

struct loader {
    struct row *row;
    unsigned n;
};

static int read_dst(const char *text, struct row *r, struct err *e)
{
    char host[64];
    r->dst_port = 0;
    if (sock_split(text, host, sizeof(host), &r->dst_port, e) == -1)
        return -1;
    if (addr_parse(host, &r->dst) == -1 || !r->dst_port)
        return err_set(e, ERR_CONFIG, "bgp_dst=%s: address:port or [address]:port is expected", text);
    return 0;
}

static int read_src(const char *text, struct row *r, struct err *e)
{
    char host[64];
    const char *slash = strchr(text, '/');
    uint64_t bits = 0;
    if (slash && (size_t)(slash - text) < sizeof(host)) {
        memcpy(host, text, (size_t)(slash - text));
        host[slash - text] = '\0';
    } else if (sock_split(text, host, sizeof(host), &r->src_port, e) == -1) {
        return -1;
    }
    if (addr_parse(host, &r->src) == -1)
        return err_set(e, ERR_CONFIG, "bgp_src=%s: an address, a prefix or address:port is expected", text);
    const unsigned most = addr_is_v4(&r->src) ? 32 : 128;
    if (slash && map_number("bgp_src", slash + 1, 0, most, &bits, e) == -1)
        return -1;
    r->bits = (uint8_t)(slash ? bits : most);
    addr_mask(&r->src, r->bits);
    return 0;
}

static int on_row(void *ctx, const struct mapfile_row *m, struct err *e)
{
    struct loader *l = ctx;
    struct row r = { 0 };
    const char *src = mapfile_value(m, KEY_SRC), *dst = mapfile_value(m, KEY_DST);
    if (!src || !dst)
        return err_set(e, ERR_CONFIG, "bgp_src and bgp_dst are both needed");
    if (read_src(src, &r, e) == -1 || read_dst(dst, &r, e) == -1)
        return -1;
    struct row *more = realloc(l->row, (l->n + 1) * sizeof(*more));
    if (!more)
        return err_sys(e, "no memory for a map");
    l->row = more;
    l->row[l->n++] = r;
    return 0;
}

static int load(const char *path, struct loader *l, struct err *e)
{
    static const struct mapfile_key keys[] = { { .name = "bgp_src", .id = KEY_SRC },
                                               { .name = "bgp_dst", .id = KEY_DST },
                                               { .name = NULL } };
    static const struct mapfile_spec spec = { keys, on_row };
    struct err why = { 0 };
    *l = (struct loader){ 0 };
    if (mapfile_read(path, &spec, l, &why) == 0)
        return 0;
    free(l->row);
    return err_set(e, why.code, "bgp_daemon_xconnect_map: %s", why.text);
}

struct bgp_xconnects *bgp_xconnects_load(const char *path, const struct log *log, struct err *e)
{
    struct loader l;
    struct bgp_xconnects *x = calloc(1, sizeof(*x));
    if (!x || load(path, &l, e) == -1) {
        if (!x)
            err_sys(e, "no memory for cross connects");
        free(x);
        return NULL;
    }
    x->path = path;
    x->log = log;
    x->row = l.row;
    x->n_rows = l.n;
    return x;
}

void bgp_xconnects_reload(struct bgp_xconnects *x)
{
    struct loader l;
    struct err e = { 0 };
    if (!x)
        return;
    if (load(x->path, &l, &e) == -1) {
        log_warn(x->log, "%s; the old map stays", e.text);
        return;
    }
    free(x->row);
    x->row = l.row;
    x->n_rows = l.n;
    log_info(x->log, "[%s] map loaded: %u cross connects", x->path, x->n_rows);
}

unsigned bgp_xconnects_count(const struct bgp_xconnects *x) { return x ? x->n_rows : 0; }

static const struct row *find(const struct bgp_xconnects *x, const struct addr *from, uint16_t port)
{
    for (unsigned i = 0; i < x->n_rows; i++) {
        const struct row *r = &x->row[i];
        struct addr net = *from;
        if (addr_is_v4(from) != addr_is_v4(&r->src) || (r->src_port && r->src_port != port))
            continue;
        addr_mask(&net, r->bits);
        if (addr_equal(&net, &r->src))
            return r;
    }
    return NULL;
}

/* ---- one cross connect */

static void on_handle_closed(uv_handle_t *h)
{
    struct xconnect *c = ((struct side *)h->data)->of;
    if (--c->handles)
        return;
    free(c->side[0].buf);
    free(c->side[1].buf);
    free(c);
}

static void close_it(struct xconnect *c)
{
    struct bgp_xconnects *x = c->all;
    if (c->closing)
        return;
    c->closing = true;
    if (c->prev)
        c->prev->next = c->next;
    else
        x->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    x->n--;
    for (unsigned i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&c->side[i].poll, on_handle_closed);
        close(c->side[i].fd);
    }
}

static void on_poll(uv_poll_t *p, int status, int events);

static void watch(struct xconnect *c)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct side *s = &c->side[i], *other = &c->side[!i];
        int events = other->to > other->from || (i == 1 && c->connecting) ? UV_WRITABLE : 0;
        if (!s->ended && s->to < BUFFER && !c->connecting)
            events |= UV_READABLE;
        if (events)
            uv_poll_start(&c->side[i].poll, events, on_poll);
        else
            uv_poll_stop(&c->side[i].poll);
    }
}

/* False: the side is broken. */
static bool read_side(struct side *s)
{
    if (s->ended || s->to == BUFFER)
        return true;
    const ssize_t n = recv(s->fd, s->buf + s->to, BUFFER - s->to, MSG_DONTWAIT);
    if (n == 0)
        s->ended = true;
    else if (n > 0)
        s->to += (size_t)n;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool write_side(struct side *from, struct side *to, uint64_t *octets)
{
    if (from->to == from->from)
        return true;
    const ssize_t n =
        send(to->fd, from->buf + from->from, from->to - from->from, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        from->from += (size_t)n;
        *octets += (uint64_t)n;
    }
    if (from->from == from->to)
        from->from = from->to = 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool pass(struct xconnect *c)
{
    for (unsigned i = 0; i < 2; i++)
        if (!read_side(&c->side[i]) || !write_side(&c->side[i], &c->side[!i], &c->all->octets[i]))
            return false;
    return !(c->side[0].ended && c->side[0].to == 0) && !(c->side[1].ended && c->side[1].to == 0);
}

static bool connected(struct xconnect *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (!c->connecting)
        return true;
    c->connecting = false;
    if (getsockopt(c->side[1].fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
        return true;
    c->all->failed++;
    log_limited(c->all->log, &c->all->say, LOG_LV_WARN, "[%s] cannot be handed through: %s", c->name,
                strerror(error));
    return false;
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    struct side *s = p->data;
    struct xconnect *c = s->of;
    (void)events;
    if (status < 0 || !connected(c) || !pass(c)) {
        log_info(c->all->log, "[%s] BGP xconnect closed.", c->name);
        close_it(c);
        return;
    }
    watch(c);
}

/* -1: no memory, or no socket. */
static int open_sides(struct xconnect *c, uv_loop_t *loop, int fd, const struct row *r)
{
    struct sockaddr_storage ss;
    const bool v6 = !addr_is_v4(&r->dst);
    const socklen_t len = addr_to_sockaddr(&r->dst, r->dst_port, v6, &ss);
    const int out = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->side[0].fd = fd;
    c->side[1].fd = out;
    if (out == -1)
        return -1;
    c->connecting = true;
    if (connect(out, (struct sockaddr *)&ss, len) == -1 && errno != EINPROGRESS) {
        close(out);
        return -1;
    }
    for (unsigned i = 0; i < 2; i++) {
        c->side[i].of = c;
        uv_poll_init(loop, &c->side[i].poll, c->side[i].fd);
        c->side[i].poll.data = &c->side[i];
    }
    c->handles = 2;
    return 0;
}

static void drop(struct bgp_xconnects *x, struct xconnect *c, int fd, const char *name)
{
    x->failed++;
    log_limited(x->log, &x->say, LOG_LV_WARN, "[%s] cannot be handed through: %s", name, strerror(errno));
    close(fd);
    if (c) {
        free(c->side[0].buf);
        free(c->side[1].buf);
    }
    free(c);
}

bool bgp_xconnects_take(struct bgp_xconnects *x, uv_loop_t *loop, int fd, const struct addr *from,
                        uint16_t port)
{
    char name[ADDR_TEXT];
    const struct row *r = x ? find(x, from, port) : NULL;
    if (!r)
        return false;
    struct xconnect *c = calloc(1, sizeof(*c));
    if (c) {
        c->side[0].buf = malloc(BUFFER);
        c->side[1].buf = malloc(BUFFER);
    }
    if (!c || !c->side[0].buf || !c->side[1].buf || open_sides(c, loop, fd, r) == -1) {
        drop(x, c, fd, addr_str(from, name));
        return true;
    }
    c->all = x;
    addr_str(from, c->name);
    c->next = x->first;
    if (x->first)
        x->first->prev = c;
    x->first = c;
    x->n++;
    x->taken++;
    log_info(x->log, "[%s] BGP xconnects usage: %u/%u", c->name, x->n, x->n_rows);
    watch(c);
    return true;
}

/* ---- all */

void bgp_xconnects_stats(const struct bgp_xconnects *x)
{
    if (x)
        log_notice(x->log,
                   "stats [BGP] xconnects=%u taken=%" PRIu64 " failed=%" PRIu64 " octets_from_peers=%" PRIu64
                   " octets_to_peers=%" PRIu64,
                   x->n, x->taken, x->failed, x->octets[0], x->octets[1]);
}

void bgp_xconnects_figures(const struct bgp_xconnects *x, struct figures *f)
{
    if (!x)
        return;
    figures_put(f, FIG_BGP_XCONNECTS, x->n);
    figures_put_of(f, FIG_BGP_XCONNECTS_ALL, "what", "taken", x->taken);
    figures_put_of(f, FIG_BGP_XCONNECTS_ALL, "what", "failed", x->failed);
    figures_put_of(f, FIG_BGP_XCONNECT_BYTES, "direction", "from_peers", x->octets[0]);
    figures_put_of(f, FIG_BGP_XCONNECT_BYTES, "direction", "to_peers", x->octets[1]);
}

void bgp_xconnects_stop(struct bgp_xconnects *x)
{
    while (x && x->first)
        close_it(x->first);
}

void bgp_xconnects_free(struct bgp_xconnects *x)
{
    if (x)
        free(x->row);
    free(x);
}
