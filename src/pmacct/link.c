/* SPDX-License-Identifier: BSD-2-Clause */
/* Connecting to a memory table, and messages over the connection. Blocking; large reads. */
#include "pmacct/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 20 };

int link_open(struct link *k, const char *path, struct err *e)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    *k = (struct link){ .fd = -1 };
    strbuf_init(&k->in, 2 * IMT_REPLY_MAX);
    if (strlen(path) >= sizeof(sa.sun_path))
        return err_set(e, ERR_LIMIT,
                       "ERROR: Unable to connect to '%s': a socket's path has at most %zu octets", path,
                       sizeof(sa.sun_path) - 1);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (k->fd != -1 && connect(k->fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
        return 0;
    if (errno == ECONNREFUSED)
        return err_set(e, ERR_SYS, "INFO: Connection refused while trying to connect to '%s'", path);
    return err_set(e, ERR_SYS, "ERROR: Unable to connect to '%s': %s%s", path, strerror(errno),
                   errno == ENOENT ? " (does a daemon with a memory plugin run? -p names its imt_path)" : "");
}

void link_close(struct link *k)
{
    if (k->fd != -1)
        close(k->fd);
    k->fd = -1;
    strbuf_free(&k->in);
}

int link_send(struct link *k, const struct strbuf *s, struct err *e)
{
    for (size_t sent = 0; sent < s->len;) {
        ssize_t n = send(k->fd, s->p + sent, s->len - sent, MSG_NOSIGNAL);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return err_sys(e, "ERROR: the daemon does not take the request");
        sent += (size_t)n;
    }
    return 0;
}

/* Reads until n octets lie unused in the buffer. */
static int fill(struct link *k, size_t n, struct err *e)
{
    if (k->used && k->in.len - k->used < n) {
        memmove(k->in.p, k->in.p + k->used, k->in.len - k->used);
        k->in.len -= k->used;
        k->used = 0;
    }
    while (k->in.len - k->used < n) {
        size_t want = n > READ_SIZE ? n : READ_SIZE;
        if (!strbuf_room(&k->in, want - (k->in.len - k->used)))
            return err_sys(e, "ERROR: no memory for the answer");
        ssize_t got = recv(k->fd, k->in.p + k->in.len, k->in.cap - k->in.len - 1, 0);
        if (got == -1 && errno == EINTR)
            continue;
        if (got == -1)
            return err_sys(e, "ERROR: cannot read the answer");
        if (got == 0)
            return err_set(e, ERR_SYS,
                           "ERROR: the daemon closed the connection before its answer was complete");
        k->in.len += (size_t)got;
    }
    return 0;
}

int link_next(struct link *k, struct imt_header *h, struct cursor *body, struct err *e)
{
    struct err why;
    if (fill(k, IMT_HEADER, e) == -1)
        return -1;
    struct cursor c = cursor_of(k->in.p + k->used, IMT_HEADER);
    if (imt_header_get(&c, h, &why) == -1)
        return err_set(e, why.code, "ERROR: the answer is %s", why.text);
    if (h->len > IMT_REPLY_MAX)
        return err_set(e, ERR_FORMAT, "ERROR: the daemon announces %u octets in one message", h->len);
    if (fill(k, IMT_HEADER + (size_t)h->len, e) == -1)
        return -1;
    *body = cursor_of(k->in.p + k->used + IMT_HEADER, h->len);
    k->used += IMT_HEADER + h->len;
    if (h->type == IMT_ERROR)
        return err_set(e, ERR_FORMAT, "ERROR: the daemon says: %.*s", (int)h->len, (const char *)body->p);
    return 0;
}
