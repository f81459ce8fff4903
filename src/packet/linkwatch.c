/* SPDX-License-Identifier: BSD-2-Clause */
/* rtnetlink: RTMGRP_LINK for events, RTM_GETLINK for the counters of one interface. */
#include "packet/linkwatch.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 16384 };

static int open_socket(int flags, unsigned groups)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
    struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = groups };
    if (fd != -1 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1) {
        close(fd);
        return -1;
    }
    return fd;
}

int linkwatch_open(struct err *e)
{
    int fd = open_socket(SOCK_NONBLOCK, RTMGRP_LINK);
    return fd == -1 ? err_sys(e, "cannot watch the interfaces") : fd;
}

/* An overrun (ENOBUFS) says that something happened, which is all that is asked. */
void linkwatch_drain(int fd)
{
    char scrap[MESSAGE_MAX];
    while (recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) > 0)
        ;
}

bool link_is_up(const char *name)
{
    struct ifreq r = { 0 };
    if (strlen(name) >= sizeof(r.ifr_name))
        return false;
    memcpy(r.ifr_name, name, strlen(name));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd != -1 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_UP;
    if (fd != -1)
        close(fd);
    return up;
}

static bool drops_of_stats(const struct rtattr *a, uint64_t *drops)
{
    struct rtnl_link_stats64 st = { 0 };
    size_t n = RTA_PAYLOAD(a);
    memcpy(&st, RTA_DATA(a), n < sizeof(st) ? n : sizeof(st));
    *drops = st.rx_missed_errors + st.rx_fifo_errors;
    return true;
}

bool link_drops_of(const void *message, size_t n, uint64_t *drops)
{
    const struct nlmsghdr *h = message;
    if (n < NLMSG_HDRLEN || !NLMSG_OK(h, n) || h->nlmsg_type != RTM_NEWLINK ||
        h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return false;
    size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(struct ifinfomsg));
    const struct rtattr *a = IFLA_RTA(NLMSG_DATA(h));
    while (left >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left) {
        if (a->rta_type == IFLA_STATS64)
            return drops_of_stats(a, drops);
        size_t step = RTA_ALIGN(a->rta_len);
        if (step > left)
            break;
        left -= step;
        a = (const struct rtattr *)((const char *)a + step);
    }
    return false;
}

bool link_drops(int ifindex, uint64_t *drops)
{
    struct {
        struct nlmsghdr h;
        struct ifinfomsg i;
    } ask = { .h = { .nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
              .i = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex } };
    _Alignas(8) char answer[MESSAGE_MAX];
    int fd = ifindex > 0 ? open_socket(0, 0) : -1;
    if (fd == -1)
        return false;
    /* A request for one link is answered at once, within the send. */
    ssize_t n =
        send(fd, &ask, sizeof(ask), 0) == sizeof(ask) ? recv(fd, answer, sizeof(answer), MSG_DONTWAIT) : -1;
    close(fd);
    return n > 0 && link_drops_of(answer, (size_t)n, drops);
}
