/* SPDX-License-Identifier: BSD-2-Clause */
/* One RTM_GETLINK for an interface; its speed from ethtool. */
#include "plugins/if_counters.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_MAX = 16384, WAIT_US = 200000, TRUE = 1, FALSE = 2 /* TruthValue of SMIv2 */ };

/* IANA's numbers for those of the kernel. */
static const struct {
    uint16_t hardware;
    uint8_t type;
} types[] = {
    { ARPHRD_ETHER, 6 },     { ARPHRD_LOOPBACK, 24 }, { ARPHRD_PPP, 23 },         { ARPHRD_TUNNEL, 131 },
    { ARPHRD_TUNNEL6, 131 }, { ARPHRD_SIT, 131 },     { ARPHRD_IPGRE, 131 },      { ARPHRD_IEEE80211, 71 },
    { ARPHRD_FDDI, 15 },     { ARPHRD_FRAD, 32 },     { ARPHRD_INFINIBAND, 199 },
};

struct request {
    struct nlmsghdr h;
    struct ifinfomsg i;
    struct rtattr a;
    char name[IFNAMSIZ];
};

/* What a link's message tells. */
struct link {
    struct ifinfomsg info;
    struct rtnl_link_stats64 stats;
    struct if_names names;
};

int if_counters_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct timeval wait = { .tv_usec = WAIT_US };
    if (fd != -1)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

static bool ask(int fd, const char *name, uint32_t index, uint32_t sequence)
{
    struct request r = { .h = { .nlmsg_len = sizeof(r.h) + sizeof(r.i),
                                .nlmsg_type = RTM_GETLINK,
                                .nlmsg_flags = NLM_F_REQUEST,
                                .nlmsg_seq = sequence },
                         .i = { .ifi_family = AF_UNSPEC, .ifi_index = name ? 0 : (int)index } };
    if (name) {
        size_t n = strnlen(name, IFNAMSIZ - 1);
        memcpy(r.name, name, n);
        r.a = (struct rtattr){ .rta_len = (uint16_t)(sizeof(r.a) + n + 1), .rta_type = IFLA_IFNAME };
        r.h.nlmsg_len += NLMSG_ALIGN(r.a.rta_len);
    }
    return send(fd, &r, r.h.nlmsg_len, 0) == (ssize_t)r.h.nlmsg_len;
}

static void copy(void *to, size_t size, const struct rtattr *a)
{
    size_t n = RTA_PAYLOAD(a);
    memcpy(to, RTA_DATA(a), n < size ? n : size);
}

static bool read_link(const struct nlmsghdr *h, struct link *l)
{
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(l->info)))
        return false;
    memcpy(&l->info, NLMSG_DATA(h), sizeof(l->info));
    int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(l->info)));
    const struct rtattr *a =
        (const struct rtattr *)((const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(l->info)));
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFLA_STATS64)
            copy(&l->stats, sizeof(l->stats), a);
        else if (a->rta_type == IFLA_IFNAME)
            copy(l->names.name, sizeof(l->names.name) - 1, a);
        else if (a->rta_type == IFLA_IFALIAS)
            copy(l->names.alias, sizeof(l->names.alias) - 1, a);
    }
    return true;
}

/* The answer to the request of this number; older ones, that came too late, are passed over. */
static bool answer(int fd, uint32_t sequence, struct link *l)
{
    _Alignas(struct nlmsghdr) char buf[ANSWER_MAX];
    for (;;) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
        if (n < 0 || !NLMSG_OK(h, (size_t)n))
            return false;
        if (h->nlmsg_seq == sequence)
            return h->nlmsg_type == RTM_NEWLINK && read_link(h, l);
    }
}

static void set_speed(const struct link *l, struct sflow_if_counters *out)
{
    struct ethtool_cmd cmd = { .cmd = ETHTOOL_GSET };
    struct ifreq r = { .ifr_data = (char *)&cmd };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(r.ifr_name, l->names.name, sizeof(r.ifr_name) - 1);
    if (fd != -1 && ioctl(fd, SIOCETHTOOL, &r) == 0) {
        uint32_t mbits = ethtool_cmd_speed(&cmd);
        out->speed = mbits == (uint32_t)SPEED_UNKNOWN ? 0 : (uint64_t)mbits * 1000000;
        out->direction = cmd.duplex == DUPLEX_FULL ? 1 : cmd.duplex == DUPLEX_HALF ? 2 : 0;
    }
    if (fd != -1)
        close(fd);
}

static void translate(const struct link *l, struct sflow_if_counters *out)
{
    const struct rtnl_link_stats64 *s = &l->stats;
    *out = (struct sflow_if_counters){
        .index = (uint32_t)l->info.ifi_index,
        .type = 1, /* other */
        .status = (l->info.ifi_flags & IFF_UP ? 1 : 0) | (l->info.ifi_flags & IFF_RUNNING ? 2 : 0),
        .in_octets = s->rx_bytes,
        .in_ucast = (uint32_t)(s->rx_packets - s->multicast),
        .in_multicast = (uint32_t)s->multicast,
        .in_broadcast = SFLOW_NO_COUNTER,
        .in_discards = (uint32_t)(s->rx_dropped + s->rx_missed_errors),
        .in_errors = (uint32_t)s->rx_errors,
        .in_unknown = SFLOW_NO_COUNTER,
        .out_octets = s->tx_bytes,
        .out_ucast = (uint32_t)s->tx_packets,
        .out_multicast = SFLOW_NO_COUNTER,
        .out_broadcast = SFLOW_NO_COUNTER,
        .out_discards = (uint32_t)s->tx_dropped,
        .out_errors = (uint32_t)s->tx_errors,
        .promiscuous = l->info.ifi_flags & IFF_PROMISC ? TRUE : FALSE,
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].hardware == l->info.ifi_type)
            out->type = types[i].type;
    set_speed(l, out);
}

static bool get(int fd, const char *name, uint32_t index, struct link *l)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    uint32_t sequence = (uint32_t)(now.tv_sec * 1000000 + now.tv_usec);
    return fd != -1 && (name || (index != 0 && index <= INT32_MAX)) && ask(fd, name, index, sequence) &&
           answer(fd, sequence, l);
}

bool if_counters_read(int fd, const char *name, uint32_t index, struct sflow_if_counters *out)
{
    struct link l = { 0 };
    if (!get(fd, name, index, &l))
        return false;
    translate(&l, out);
    return true;
}

bool if_names_read(int fd, const char *name, uint32_t index, struct if_names *out)
{
    struct link l = { 0 };
    if (!get(fd, name, index, &l))
        return false;
    *out = l.names;
    return true;
}
