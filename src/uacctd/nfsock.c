/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel for packets: one configuration message a group (linux/netfilter/nfnetlink_log.h), and its
 * answer. Called by input_nflog.c when it opens and when it stops. */
#include "uacctd/nfsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ANSWER_MS = 2000, ANSWER_DATAGRAMS = 1 << 20 };

/* ---- the socket */

static size_t set_rcvbuf(int fd, size_t wanted)
{
    int value = wanted > INT32_MAX / 2 ? INT32_MAX / 2 : (int)wanted, got = 0;
    socklen_t len = sizeof(got);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &value, sizeof(value)) == -1)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value));
    return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0 ? (size_t)got : 0;
}

int nfsock_open(struct nfsock *s, size_t rcvbuf, size_t *obtained, struct err *e)
{
    s->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!s->nl)
        return err_sys(e, "cannot open a netlink socket: has the kernel nfnetlink?");
    s->fd = mnl_socket_get_fd(s->nl);
    if (mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) == -1) {
        err_sys(e, "cannot bind a netlink socket");
        nfsock_close(s);
        return -1;
    }
    *obtained = set_rcvbuf(s->fd, rcvbuf);
    /* With ENOBUFS the kernel would refuse everything until the queue is empty, and say no more than the
     * counter and the numbers of the packets do. */
    int on = 1;
    mnl_socket_setsockopt(s->nl, NETLINK_NO_ENOBUFS, &on, sizeof(on));
    return 0;
}

void nfsock_close(struct nfsock *s)
{
    if (s->nl)
        mnl_socket_close(s->nl);
    s->nl = NULL;
    s->fd = -1;
}

/* ---- requests and answers */

struct request {
    alignas(struct nlmsghdr) uint8_t octets[256];
    struct nlmsghdr *h;
};

static void request_begin(struct nfsock *s, struct request *r, uint16_t group, uint8_t command)
{
    struct nfulnl_msg_config_cmd cmd = { .command = command };
    r->h = mnl_nlmsg_put_header(r->octets);
    r->h->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    r->h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    r->h->nlmsg_seq = ++s->seq;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(r->h, sizeof(*g));
    *g = (struct nfgenmsg){ .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(group) };
    mnl_attr_put(r->h, NFULA_CFG_CMD, sizeof(cmd), &cmd);
}

/* Is the datagram the answer to our last request? Then *error is what it says: 0 or an errno. */
static bool is_answer(const struct nfsock *s, size_t n, int *error)
{
    struct nlmsghdr h;
    struct nlmsgerr body;
    if (n < sizeof(h) + sizeof(body))
        return false;
    memcpy(&h, s->buf, sizeof(h));
    memcpy(&body, s->buf + sizeof(h), sizeof(body));
    if (h.nlmsg_type != NLMSG_ERROR || h.nlmsg_seq != s->seq)
        return false;
    *error = -body.error;
    return true;
}

/* Waits for the answer; errno tells what it was. */
static int wait_answer(struct nfsock *s)
{
    for (unsigned i = 0; i < ANSWER_DATAGRAMS; i++) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        int ready = poll(&p, 1, ANSWER_MS), error = 0;
        if (ready == 0)
            break;
        ssize_t n = mnl_socket_recvfrom(s->nl, s->buf, s->buf_size);
        if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOSPC && errno != ENOBUFS)
            return -1;
        if (n <= 0)
            continue;
        if (is_answer(s, (size_t)n, &error)) {
            errno = error;
            return error ? -1 : 0;
        }
        s->packets(s->arg, s->buf, (size_t)n);
    }
    errno = ETIMEDOUT;
    return -1;
}

static int ask(struct nfsock *s, struct request *r)
{
    return mnl_socket_sendto(s->nl, r->h, r->h->nlmsg_len) == -1 ? -1 : wait_answer(s);
}

/* ---- groups */

/* The netlink port that listens to a group, 0: nobody, or we may not know. */
static unsigned long listener_of(uint16_t group)
{
    FILE *f = fopen("/proc/net/netfilter/nfnetlink_log", "re");
    unsigned long found = 0;
    char line[256];
    while (f && !found && fgets(line, sizeof(line), f)) {
        char *port;
        if (strtoul(line, &port, 10) == group && port != line)
            found = strtoul(port, NULL, 10);
    }
    if (f)
        fclose(f);
    return found;
}

static bool may_administer(void)
{
    struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];
    return syscall(SYS_capget, &h, d) == 0 && d[0].effective & 1u << CAP_NET_ADMIN;
}

/* The kernel says EPERM both to who lacks the capability and to who asks for a group of somebody else. */
static int not_permitted(uint16_t group, struct err *e)
{
    unsigned long port = listener_of(group);
    if (port)
        return err_set(
            e, ERR_CONFIG,
            "somebody else listens to NFLOG group %u already (netlink port %lu, mostly its process "
            "id): choose another uacctd_group",
            group, port);
    if (may_administer())
        return err_set(
            e, ERR_CONFIG,
            "NFLOG group %u: not permitted. Somebody else listens to it (root may read "
            "/proc/net/netfilter/nfnetlink_log), or CAP_NET_ADMIN is not of the user namespace that "
            "owns this network namespace",
            group);
    return err_set(e, ERR_CONFIG,
                   "You need superuser privileges to run this command (or the capability CAP_NET_ADMIN)");
}

static int refused(uint16_t group, struct err *e)
{
    if (errno == EPERM || errno == EBUSY)
        return not_permitted(group, e);
    if (errno == EINVAL)
        return err_sys(e, "NFLOG group %u: has the kernel nfnetlink_log (modprobe nfnetlink_log)?", group);
    return err_sys(e, "cannot listen to NFLOG group %u", group);
}

static int bind_group(struct nfsock *s, const struct nfsock_group *g)
{
    struct request r = { .h = NULL };
    struct nfulnl_msg_config_mode mode = { .copy_range = htonl(g->copy_range),
                                           .copy_mode = NFULNL_COPY_PACKET };
    uint16_t flags = NFULNL_CFG_F_SEQ | (g->connections ? NFULNL_CFG_F_CONNTRACK : 0);
    request_begin(s, &r, g->number, NFULNL_CFG_CMD_BIND);
    mnl_attr_put(r.h, NFULA_CFG_MODE, sizeof(mode), &mode);
    mnl_attr_put_u32(r.h, NFULA_CFG_NLBUFSIZ, htonl(g->octets));
    mnl_attr_put_u32(r.h, NFULA_CFG_TIMEOUT, htonl(g->timeout_cs));
    mnl_attr_put_u32(r.h, NFULA_CFG_QTHRESH, htonl(g->threshold));
    mnl_attr_put_u16(r.h, NFULA_CFG_FLAGS, htons(flags));
    return ask(s, &r);
}

int nfsock_bind_group(struct nfsock *s, struct nfsock_group *g, struct err *e)
{
    int rc = bind_group(s, g);
    if (rc == -1 && g->connections && errno == EAGAIN) /* the kernel has loaded what it takes */
        rc = bind_group(s, g);
    if (rc == -1 && g->connections && (errno == EOPNOTSUPP || errno == EAGAIN)) {
        g->connections = false;
        rc = bind_group(s, g);
    }
    return rc == 0 ? 0 : refused(g->number, e);
}

int nfsock_unbind_group(struct nfsock *s, uint16_t number, struct err *e)
{
    struct request r = { .h = NULL };
    request_begin(s, &r, number, NFULNL_CFG_CMD_UNBIND);
    return ask(s, &r) == 0 ? 0 : err_sys(e, "cannot leave NFLOG group %u", number);
}
