/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between the processes of a daemon. Both ends are of one build: the header goes as it is. */
#include "base/msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct msg_head {
    uint32_t type, len;
};

union fd_control {
    char buf[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int msg_pair(int pair[2], struct err *e)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
        return err_sys(e, "cannot make a socket pair");
    return 0;
}

static void attach_fd(struct msghdr *h, union fd_control *c, int fd)
{
    memset(c, 0, sizeof(*c));
    h->msg_control = c->buf;
    h->msg_controllen = sizeof(c->buf);
    struct cmsghdr *cm = CMSG_FIRSTHDR(h);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
}

int msg_send(int sock, uint32_t type, const void *body, size_t len, int fd, struct err *e)
{
    if (len > MSG_BODY_MAX)
        return err_set(e, ERR_LIMIT, "a message of type %u is too long: %zu octets", type, len);
    struct msg_head head = { type, (uint32_t)len };
    struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)body, len } };
    struct msghdr h = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };
    union fd_control control;
    if (fd != -1)
        attach_fd(&h, &control, fd);
    ssize_t n;
    do
        n = sendmsg(sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n == -1 && errno == EINTR);
    return n == -1 ? err_sys(e, "cannot send a message of type %u", type) : 0;
}

/* The first descriptor is the message's; there must be no more, but a peer's mistake must not leak here. */
static int take_fd(struct msghdr *h)
{
    int got = -1, fd;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(fd) <= cm->cmsg_len - CMSG_LEN(0); at += sizeof(fd)) {
            memcpy(&fd, CMSG_DATA(cm) + at, sizeof(fd));
            if (got == -1)
                got = fd;
            else
                close(fd);
        }
    }
    return got;
}

int msg_recv(int sock, struct msg *m, struct err *e)
{
    struct msg_head head = { 0, 0 };
    struct iovec iov[2] = { { &head, sizeof(head) }, { m->body, sizeof(m->body) } };
    union fd_control control;
    struct msghdr h = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)
    };
    ssize_t n;
    m->fd = -1;
    m->type = m->len = 0;
    do
        n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
    while (n == -1 && errno == EINTR);
    if (n == 0 || (n == -1 && errno == ECONNRESET))
        return 0;
    if (n == -1)
        return err_sys(e, "cannot receive a message");
    m->fd = take_fd(&h);
    if ((size_t)n < sizeof(head) || head.len != (size_t)n - sizeof(head) ||
        h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        if (m->fd != -1)
            close(m->fd);
        m->fd = -1;
        errno = EBADMSG;
        return err_set(e, ERR_FORMAT, "a message of %zd octets is malformed", n);
    }
    m->type = head.type;
    m->len = head.len;
    return 1;
}

int msg_dispatch(const struct msg_rule *rules, unsigned n_rules, const struct msg *m, void *ctx,
                 struct err *e)
{
    if (m->type < n_rules && rules[m->type].handle && rules[m->type].len == m->len) {
        rules[m->type].handle(ctx, m);
        return 0;
    }
    if (m->fd != -1)
        close(m->fd);
    return err_set(e, ERR_FORMAT, "unexpected message of type %u with %u octets", m->type, m->len);
}
