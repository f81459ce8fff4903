/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens, reads and closes captures. libpcap knows all kinds of interfaces and filters; a handle of it is
 * opened for a moment to ask: link type, with or without link layer, and the filter as it gives it to the
 * kernel. */
#include "packet/capture.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 1024,
    ASK_BUFFER = 1 << 20,
    TIMEOUT_MS = 100,
    SNAPLEN_MAX = 262144,
};

/* ---- asking libpcap */

static int activate(pcap_t *p, const struct config *c, int buffer, bool promisc)
{
    pcap_set_snaplen(p, c->snaplen);
    pcap_set_promisc(p, promisc);
    pcap_set_timeout(p, TIMEOUT_MS);
    pcap_set_immediate_mode(p, 1);
    pcap_set_buffer_size(p, buffer);
    if (c->pcap_protocol)
        pcap_set_protocol_linux(p, c->pcap_protocol);
    return pcap_activate(p);
}

/* Why there is none, and what there is where the name was not one. */
static void cannot(const char *name, int rc, const char *more, struct err *e)
{
    const char *why = pcap_statustostr(rc);
    struct if_nameindex *all = rc == PCAP_ERROR_NO_SUCH_DEVICE ? if_nameindex() : NULL;
    char names[256] = "";
    for (size_t i = 0, n = 0; all && all[i].if_name && n + IF_NAMESIZE + 2 < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
                              i ? ", " : "; there are: ", all[i].if_name);
    if (all)
        if_freenameindex(all);
    const bool says_more = *more && strcmp(more, why) != 0;
    err_set(e, ERR_SYS, "[%s] cannot capture: %s%s%s%s", name, why, says_more ? ": " : "",
            says_more ? more : "", names);
}

/* A handle, or NULL. A buffer that the kernel refuses is halved, down to `least`. */
static pcap_t *open_handle(const char *name, const struct config *c, int64_t *buffer, int64_t least,
                           bool promisc, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE];
    for (;; *buffer /= 2) {
        pcap_t *p = pcap_create(name, text);
        if (!p) {
            err_set(e, ERR_SYS, "[%s] %s", name, text);
            return NULL;
        }
        int rc = activate(p, c, (int)*buffer, promisc);
        if (rc >= 0)
            return p;
        cannot(name, rc, pcap_geterr(p), e);
        pcap_close(p);
        if (rc != PCAP_ERROR || *buffer / 2 < least)
            return NULL;
    }
}

static int set_filter(pcap_t *p, const struct config *c, struct bpf_program *program, struct err *e)
{
    const char *text = c->pcap_filter;
    if (pcap_compile(p, program, text, 1, PCAP_NETMASK_UNKNOWN) == -1)
        return err_set(e, ERR_CONFIG, "pcap_filter '%s': %s", text, pcap_geterr(p));
    if (pcap_setfilter(p, program) == 0)
        return 0;
    pcap_freecode(program);
    return err_set(e, ERR_SYS, "pcap_filter '%s': %s", text, pcap_geterr(p));
}

static int socket_option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* Monitors of USB and the like are no packet sockets; some odd links have a header made by libpcap. */
static const char *why_not_in_place(pcap_t *p)
{
    int fd = pcap_fileno(p);
    if (fd == -1 || socket_option(fd, SO_DOMAIN) != AF_PACKET)
        return "it is no network interface";
    bool cooked = socket_option(fd, SO_TYPE) == SOCK_DGRAM;
    if (cooked && pcap_datalink(p) != DLT_LINUX_SLL)
        return "libpcap makes up its link layer";
    return NULL;
}

/* The index of the interface (any: of lo), when it is a loopback. */
static int loopback_of(const char *name, bool any)
{
    struct ifreq r = { 0 };
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", any ? "lo" : name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is = fd != -1 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_LOOPBACK;
    if (fd != -1)
        close(fd);
    return is ? (int)if_nametoindex(r.ifr_name) : 0;
}

/* The filter as libpcap attached it: offsets are those of the kernel's view. *n 0: there is none. */
static int read_filter(int fd, struct sock_filter **out, unsigned *n, struct err *e)
{
    socklen_t len = 0; /* counted in instructions */
    *out = NULL;
    *n = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) == -1 || !len)
        return 0;
    *out = calloc(len, sizeof(**out));
    if (!*out)
        return err_set(e, ERR_SYS, "out of memory");
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, *out, &len) == -1) {
        free(*out);
        *out = NULL;
        return err_sys(e, "cannot read the capture filter");
    }
    *n = len;
    return 0;
}

/* For what the kernel cannot run: packets are whole again when they are checked here, so that nothing of the
 * kernel's view (tags that it took out) may be in the program. */
static int compile_check(struct capture_plan *p, const struct config *c, struct err *e)
{
    pcap_t *dead = pcap_open_dead(p->dlt, c->snaplen);
    if (!dead)
        return err_set(e, ERR_SYS, "out of memory");
    p->checked = pcap_compile(dead, &p->check, c->pcap_filter, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!p->checked)
        err_set(e, ERR_CONFIG, "pcap_filter '%s': %s", c->pcap_filter, pcap_geterr(dead));
    pcap_close(dead);
    return p->checked ? 0 : -1;
}

static int make_filter(struct capture_plan *p, const struct sock_filter *attached, unsigned n,
                       const struct config *c, struct err *e)
{
    uint32_t snaplen = c->snaplen < SNAPLEN_MAX ? (uint32_t)c->snaplen : SNAPLEN_MAX;
    p->filter = calloc(n + AFPACKET_FILTER_MORE, sizeof(*p->filter));
    if (!p->filter)
        return err_set(e, ERR_SYS, "out of memory");
    p->n_filter = afpacket_filter(p->filter, attached, n, snaplen, p->direction,
                                  loopback_of(p->name, !p->ifindex), p->ifindex != 0);
    return 0;
}

static int plan_filter(struct capture_plan *p, pcap_t *handle, const struct config *c, struct err *e)
{
    struct sock_filter *attached = NULL;
    struct bpf_program program;
    unsigned n = 0;
    bool wanted = c->pcap_filter && *c->pcap_filter;
    if (wanted && set_filter(handle, c, &program, e) == -1)
        return -1;
    if (wanted)
        pcap_freecode(&program);
    if (!p->in_place)
        return 0;
    if (wanted && read_filter(pcap_fileno(handle), &attached, &n, e) == -1)
        return -1;
    int rc = wanted && !n ? compile_check(p, c, e) : 0;
    if (rc == 0)
        rc = make_filter(p, attached, n, c, e);
    free(attached);
    return rc;
}

int capture_plan_make(struct capture_plan *p, const char *name, enum afpacket_direction direction,
                      const struct config *c, struct err *e)
{
    int64_t buffer = ASK_BUFFER;
    *p = (struct capture_plan){ .name = name, .direction = direction };
    pcap_t *handle = open_handle(name, c, &buffer, ASK_BUFFER, false, e);
    if (!handle)
        return -1;
    p->why = why_not_in_place(handle);
    p->in_place = !p->why;
    p->dlt = pcap_datalink(handle);
    p->cooked = p->in_place && socket_option(pcap_fileno(handle), SO_TYPE) == SOCK_DGRAM;
    p->ifindex = (int)if_nametoindex(name);
    int rc = plan_filter(p, handle, c, e);
    pcap_close(handle);
    if (rc == -1)
        capture_plan_free(p);
    return rc;
}

void capture_plan_free(struct capture_plan *p)
{
    if (p->checked)
        pcap_freecode(&p->check);
    free(p->filter);
    *p = (struct capture_plan){ 0 };
}

/* ---- opening */

static struct afpacket_conf ring_conf(const struct capture_conf *conf)
{
    const struct capture_plan *plan = conf->plan;
    return (struct afpacket_conf){ .ifindex = plan->ifindex,
                                   .cooked = plan->cooked,
                                   .protocol = (uint16_t)conf->c->pcap_protocol,
                                   .promisc = conf->c->promisc,
                                   .buffer = conf->buffer,
                                   .filter = plan->filter,
                                   .n_filter = plan->n_filter,
                                   .grouped = conf->group != NULL };
}

static int open_ring(struct capture *p, const struct capture_conf *conf, struct err *e)
{
    struct afpacket_conf rc = ring_conf(conf);
    struct err why = { 0 };
    if (afpacket_open(&p->ring, &rc, conf->least, &why) == -1 ||
        (conf->group && afpacket_join(&p->ring, conf->group, &why) == -1))
        return err_set(e, why.code, "[%s] cannot capture: %s", conf->plan->name, why.text);
    p->buffer = rc.buffer;
    return 0;
}

static int open_pcap(struct capture *p, const struct capture_conf *conf, struct err *e)
{
    static const pcap_direction_t directions[] = { PCAP_D_INOUT, PCAP_D_IN, PCAP_D_OUT };
    char text[PCAP_ERRBUF_SIZE];
    struct bpf_program program;
    p->buffer = conf->buffer;
    p->pcap = open_handle(conf->plan->name, conf->c, &p->buffer, conf->least, conf->c->promisc, e);
    if (!p->pcap)
        return -1;
    if (conf->c->pcap_filter && *conf->c->pcap_filter) {
        if (set_filter(p->pcap, conf->c, &program, e) == -1)
            return -1;
        pcap_freecode(&program);
    }
    if (pcap_setnonblock(p->pcap, 1, text) == -1)
        return err_set(e, ERR_SYS, "[%s] %s", conf->plan->name, text);
    if (conf->plan->direction != AFPACKET_BOTH &&
        pcap_setdirection(p->pcap, directions[conf->plan->direction]) == -1)
        return err_set(e, ERR_UNSUPPORTED, "[%s] pcap_direction: %s", conf->plan->name, pcap_geterr(p->pcap));
    return 0;
}

int capture_open(struct capture *p, const struct capture_conf *conf, struct err *e)
{
    static const uint8_t directions[] = { DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT };
    *p = (struct capture){ .plan = conf->plan, .worker = conf->worker, .ring.fd = -1 };
    int rc = conf->plan->in_place ? open_ring(p, conf, e) : open_pcap(p, conf, e);
    if (rc == -1 || packet_feed_open(&p->feed, conf->worker, conf->label, conf->plan->dlt, e) == -1) {
        capture_close(p);
        return -1;
    }
    if (conf->tables)
        packet_feed_share(&p->feed, conf->tables);
    packet_feed_interface(&p->feed, conf->number, directions[conf->plan->direction]);
    return 0;
}

int capture_begin(struct capture *p, struct err *e)
{
    struct afpacket_conf rc = { .filter = p->plan->filter, .n_filter = p->plan->n_filter };
    return p->plan->in_place ? afpacket_begin(&p->ring, &rc, e) : 0;
}

void capture_close(struct capture *p)
{
    if (p->plan && p->plan->in_place)
        afpacket_close(&p->ring);
    if (p->pcap)
        pcap_close(p->pcap);
    p->pcap = NULL;
    packet_feed_close(&p->feed);
}

/* ---- reading */

static void on_packet(uint8_t *user, const struct pcap_pkthdr *h, const uint8_t *bytes)
{
    struct capture *p = (struct capture *)user;
    p->taken++;
    packet_feed_take(&p->feed, bytes, h->caplen, h->len, (int64_t)h->ts.tv_sec * 1000000 + h->ts.tv_usec);
}

/* Some handles report it as an error when nothing is there. */
static bool pcap_readable(const struct capture *p)
{
    int fd = pcap_get_selectable_fd(p->pcap);
    struct pollfd at = { .fd = fd, .events = POLLIN };
    return fd == -1 || poll(&at, 1, 0) > 0;
}

static enum capture_taken take_pcap(struct capture *p)
{
    int total = 0, n = 1;
    if (!p->pcap || atomic_load(&p->failed))
        return CAPTURE_NONE;
    while (n > 0 && total < BATCH && pcap_readable(p)) {
        n = pcap_dispatch(p->pcap, BATCH - total, on_packet, (uint8_t *)p);
        if (n > 0)
            total += n;
        else if (n < 0)
            atomic_store(&p->failed, true);
    }
    return total == 0 ? CAPTURE_NONE : total < BATCH ? CAPTURE_SOME : CAPTURE_MORE;
}

/* As take_block, but several packets are fed at once: they stay where they are while the block is held. */
static unsigned take_block_ahead(struct capture *p, struct tpacket_block *held, unsigned most)
{
    const struct bpf_insn *check = p->plan->checked ? p->plan->check.bf_insns : NULL;
    bool ethernet = p->plan->dlt == DLT_EN10MB, cooked = p->plan->cooked;
    struct packet_frame frames[PACKET_FRAMES];
    struct tpacket_frame f;
    unsigned n = 0, k = 0;
    for (; n < most && tpacket_next(held, ethernet, cooked, &f); n++) {
        if (k == PACKET_FRAMES) {
            packet_feed_take_all(&p->feed, frames, k);
            k = 0;
        }
        if (__builtin_expect(check && !bpf_filter(check, f.p, f.len, f.caplen), 0))
            p->filtered++;
        else
            frames[k++] = (struct packet_frame){ f.p, f.caplen, f.len, f.at_us };
    }
    packet_feed_take_all(&p->feed, frames, k);
    return n;
}

/* At most `most` packets of a block; returns how many. */
static inline unsigned take_block(struct capture *p, struct tpacket_block *held, unsigned most)
{
    const struct bpf_insn *check = p->plan->checked ? p->plan->check.bf_insns : NULL;
    bool ethernet = p->plan->dlt == DLT_EN10MB, cooked = p->plan->cooked;
    struct tpacket_block b = *held; /* out of the sight of what is called, so that it can stay in registers */
    struct tpacket_frame f;
    unsigned n = 0;
    for (; n < most && tpacket_next(&b, ethernet, cooked, &f); n++) {
        if (__builtin_expect(check && !bpf_filter(check, f.p, f.len, f.caplen), 0))
            p->filtered++;
        else
            packet_feed_take(&p->feed, f.p, f.caplen, f.len, f.at_us);
    }
    *held = b;
    return n;
}

static enum capture_taken take_ring(struct capture *p)
{
    struct tpacket_block *b = NULL;
    unsigned n = 0;
    const bool ahead = packet_feed_batch(&p->feed) > 1;
    while (n < BATCH && (b = afpacket_block(&p->ring)))
        n += ahead ? take_block_ahead(p, b, BATCH - n) : take_block(p, b, BATCH - n);
    p->taken += n;
    return b ? CAPTURE_MORE : n ? CAPTURE_SOME : CAPTURE_NONE;
}

enum capture_taken capture_take(struct capture *p)
{
    enum capture_taken t = p->plan->in_place ? take_ring(p) : take_pcap(p);
    if (packet_feed_tick(&p->feed, worker_now(p->worker)) && t == CAPTURE_NONE)
        t = CAPTURE_SOME;
    return t;
}

void capture_finish(struct capture *p)
{
    while (packet_feed_tick(&p->feed, INT64_MAX))
        worker_flush(p->worker);
    worker_flush(p->worker);
}

void capture_shut(struct capture *p)
{
    if (p->plan->in_place)
        afpacket_shut(&p->ring);
}

/* ---- state */

static void count_pcap(struct capture *p)
{
    struct pcap_stat now;
    if (!p->pcap || pcap_stats(p->pcap, &now) == -1)
        return;
    p->received += now.ps_recv - p->last.ps_recv;
    p->dropped += now.ps_drop - p->last.ps_drop;
    p->last = now;
}

void capture_count(struct capture *p)
{
    if (!p->plan->in_place) {
        count_pcap(p);
        return;
    }
    afpacket_count(&p->ring);
    p->received = p->ring.received;
    p->dropped = p->ring.dropped;
}

uint64_t capture_waiting(const struct capture *p)
{
    uint64_t gone = p->dropped + p->taken + p->ring.lost;
    return p->received > gone ? p->received - gone : 0;
}

bool capture_broken(struct capture *p, char *why, size_t size)
{
    if (!p->plan->in_place) {
        bool failed = atomic_load(&p->failed);
        if (failed)
            snprintf(why, size, "%s", pcap_geterr(p->pcap));
        return failed;
    }
    int error = afpacket_error(&p->ring);
    if (error)
        snprintf(why, size, "%s", error == ENETDOWN ? "The interface went down or away" : strerror(error));
    return error != 0;
}
