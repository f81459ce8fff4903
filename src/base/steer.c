/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs for the kernel, and the same hash here. Called when listeners are opened. */
#include "base/steer.h"

#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

#define LOAD(size, at) BPF_STMT(BPF_LD | (size) | BPF_ABS, (uint32_t)(at))
#define DO(what, k) BPF_STMT(BPF_ALU | (what) | BPF_K, k)
#define DO_X(what) BPF_STMT(BPF_ALU | (what) | BPF_X, 0)
#define KEEP BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define GIVE(k) BPF_STMT(BPF_RET | BPF_K, k)

enum { V4_SOURCE = 12, V6_SOURCE = 8 };

/* Of 32 bits; every bit of an address moves the upper ones, of which the remainder is taken. */
#define MIX_1 UINT32_C(0x9e3779b1)
#define MIX_2 UINT32_C(0x85ebca6b)

static int attach(int fd, int option, struct sock_filter *code, size_t n, const char *what, struct err *e)
{
    struct sock_fprog prog;
    memset(&prog, 0, sizeof(prog)); /* the kernel is shown what lies between its members, too */
    prog.len = (unsigned short)n;
    prog.filter = code;
    if (setsockopt(fd, SOL_SOCKET, option, &prog, sizeof(prog)) == -1)
        return err_sys(e, "cannot %s", what);
    return 0;
}

int steer_shut(int fd, struct err *e)
{
    struct sock_filter none[] = { GIVE(0) };
    return attach(fd, SO_ATTACH_FILTER, none, 1, "close a socket for a moment", e);
}

static int no_multicasts(int fd, struct err *e)
{
    struct sock_filter no_broadcasts[] = {
        LOAD(BPF_B, SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* PACKET_BROADCAST */, 0, 1),
        GIVE(0),
        GIVE(UINT32_MAX),
    };
    const int off = 0;
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off));
    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof(off)); /* refused by an IPv4 socket */
    return attach(fd, SO_ATTACH_FILTER, no_broadcasts, sizeof(no_broadcasts) / sizeof(no_broadcasts[0]),
                  "open a socket", e);
}

int steer_open(int fd, bool first, struct err *e)
{
    const int none = 0;
    if (!first)
        return no_multicasts(fd, e);
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) == -1)
        return err_sys(e, "cannot open a socket");
    return 0;
}

int steer_by_sender(int fd, unsigned n, struct err *e)
{
    struct sock_filter code[] = {
        LOAD(BPF_B, SKF_NET_OFF),
        DO(BPF_RSH, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 2, 0),
        LOAD(BPF_W, SKF_NET_OFF + V4_SOURCE),
        BPF_STMT(BPF_JMP | BPF_JA, 13),
        LOAD(BPF_W, SKF_NET_OFF + V6_SOURCE),
        DO(BPF_MUL, MIX_1),
        KEEP,
        LOAD(BPF_W, SKF_NET_OFF + V6_SOURCE + 4),
        DO_X(BPF_XOR),
        DO(BPF_MUL, MIX_1),
        KEEP,
        LOAD(BPF_W, SKF_NET_OFF + V6_SOURCE + 8),
        DO_X(BPF_XOR),
        DO(BPF_MUL, MIX_1),
        KEEP,
        LOAD(BPF_W, SKF_NET_OFF + V6_SOURCE + 12),
        DO_X(BPF_XOR),
        /* A is 32 bits of address: mixed as in `mixed` */
        KEEP,
        DO(BPF_RSH, 16),
        DO_X(BPF_XOR),
        DO(BPF_MUL, MIX_1),
        KEEP,
        DO(BPF_RSH, 15),
        DO_X(BPF_XOR),
        DO(BPF_MUL, MIX_2),
        DO(BPF_RSH, 8),
        DO(BPF_MOD, n),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    return attach(fd, SO_ATTACH_REUSEPORT_CBPF, code, sizeof(code) / sizeof(code[0]),
                  "spread senders over sockets (core_workers needs Linux 4.5)", e);
}

static uint32_t mixed(uint32_t a)
{
    a = (a ^ a >> 16) * MIX_1;
    a = (a ^ a >> 15) * MIX_2;
    return a >> 8;
}

unsigned steer_of(const struct addr *from, unsigned n)
{
    uint32_t word[4], a;
    uint8_t wire[16];
    addr_get_v6(from, wire);
    memcpy(word, wire, sizeof(word));
    if (addr_is_v4(from))
        return mixed(ntohl(word[3])) % n;
    a = ntohl(word[0]);
    for (unsigned i = 1; i < 4; i++)
        a = a * MIX_1 ^ ntohl(word[i]);
    return mixed(a) % n;
}
