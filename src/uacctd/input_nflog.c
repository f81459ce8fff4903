/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that netfilter logs to NFLOG groups. The socket is read in batches of datagrams, each of up to
 * `uacctd_threshold` packets, without going through the event loop while more is there. What the kernel could
 * not queue is known to the packet: it numbers them. */
#include "uacctd/input_nflog.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "base/sock.h"
#include "packet/expect.h"
#include "packet/feed.h"
#include "packet/nflog.h"
#include "uacctd/nfsock.h"

enum {
    BATCH_MAX = 64, /* datagrams a system call */
    BATCH_MIN = 8,
    BATCH_OCTETS = 512 << 10,        /* what their buffers take together, about */
    OVERHEAD = 1024,                 /* octets of a message that are not packet, at most */
    PACKED = 224,                    /* the same, of a usual one: what a datagram is sized by */
    SKB_INFO = 512,                  /* what the kernel puts behind a datagram, at most */
    DATAGRAM_MAX = 16384 - SKB_INFO, /* of several packets: the kernel needs that much in one piece */
    BUFFER_MIN = 8192,
    FRAME_MAX = 1024,    /* what plugins and filters see of a frame, at most */
    ROUNDS = 16,         /* batches between two looks at the event loop */
    NAP_MS = 5,          /* packets come together before the next look */
    IDLE_NAPS = 2,       /* naps without a datagram until we wait for the next one */
    NAP_SHARE = 32,      /* but no naps while more than 1/32 of the socket's buffer fills meanwhile */
    SKB_OVERHEAD = 1024, /* octets that a datagram takes in that buffer besides its own */
    TIMEOUT_CS = 1,      /* 1/100 s that the kernel waits for a datagram to fill */
    RCVBUF_DEFAULT = 32 << 20,
    LOSSES_MS = 1000,
    STOP_BATCHES = 4096, /* read at the end, at most */
};

/* Reasons why something that came is not a packet for us, beside those of nflog_parse. */
enum refusal { REFUSED_SENDER, REFUSED_CUT, REFUSED_FRAMING, REFUSED_GROUP, REFUSED_MAX };
static const char *const refusal_names[REFUSED_MAX] = {
    [REFUSED_SENDER] = "not_from_kernel",
    [REFUSED_CUT] = "datagram_cut",
    [REFUSED_FRAMING] = "bad_message_length",
    [REFUSED_GROUP] = "unknown_group",
};

struct group {
    uint16_t number;
    uint32_t next;     /* number of the packet that comes next */
    uint64_t received; /* packets */
    uint64_t missing;  /* numbers that were passed over: packets that the kernel could not queue */
};

struct nflog_state {
    struct nfsock sock;
    bool polled; /* handles of the loop are made */
    uv_poll_t poll;
    uv_timer_t nap, loss_timer;
    unsigned idle_naps;
    bool napping, loss_waits; /* loss_waits: loss_timer runs */
    struct packet_feed feed;
    struct group group[NFLOG_GROUPS_MAX], *last; /* last: the group of the last packet */
    unsigned n_groups;
    bool connections; /* packets come with their connection, for post_nat_* */
    struct mmsghdr msg[BATCH_MAX];
    struct iovec iov[BATCH_MAX];
    struct sockaddr_nl from[BATCH_MAX];
    unsigned batch;
    size_t stride; /* octets of a buffer */
    uint8_t *memory;
    uint8_t *frame; /* FRAME_MAX octets, where plugins want frames; else NULL */
    size_t rcvbuf;  /* octets obtained */
    size_t taken;   /* of it, in this look */
    uint64_t datagrams, others;
    uint64_t refused[REFUSED_MAX], faults[NFLOG_FAULT_MAX];
    uint32_t kernel_drops; /* datagrams that the socket had no room for */
    uint64_t lost_told;    /* packets */
    struct log_limit loss_limit, error_limit, refused_limit;
};

/* ---- groups */

int nflog_groups_parse(const char *text, uint16_t groups[NFLOG_GROUPS_MAX], struct err *e)
{
    int n = 0;
    for (const char *p = text;; p++) {
        char *end;
        errno = 0;
        long number = strtol(p, &end, 10);
        if (end == p || errno || number < 0 || number > UINT16_MAX)
            return err_set(e, ERR_CONFIG, "'%s': groups are numbers from 0 to 65535, separated by commas",
                           text);
        for (int i = 0; i < n; i++)
            if (groups[i] == number)
                return err_set(e, ERR_CONFIG, "'%s': group %ld is named twice", text, number);
        if (n == NFLOG_GROUPS_MAX)
            return err_set(e, ERR_LIMIT, "'%s': more than %d groups", text, NFLOG_GROUPS_MAX);
        groups[n++] = (uint16_t)number;
        p = end + strspn(end, " \t");
        if (!*p)
            return n;
        if (*p != ',')
            return err_set(e, ERR_CONFIG, "'%s': groups are separated by commas", text);
    }
}

static struct group *find_group(struct nflog_state *s, uint16_t number)
{
    if (s->last && s->last->number == number)
        return s->last;
    for (unsigned i = 0; i < s->n_groups; i++)
        if (s->group[i].number == number)
            return s->last = &s->group[i];
    return NULL;
}

/* Packets bear the numbers 0, 1, 2... of their group, those that were lost too. */
static void follow_numbers(struct group *g, uint32_t number)
{
    uint32_t ahead = number - g->next;
    if (ahead < UINT32_C(1) << 31)
        g->missing += ahead;
    g->next = number + 1;
    g->received++;
}

/* ---- what comes */

static void tell_refused(struct input *in, const char *why)
{
    struct nflog_state *s = in->state;
    log_limited(in->log, &s->refused_limit, LOG_LV_WARN,
                "a netlink message is not used: %s (SIGUSR1 shows how many)", why);
}

static void refuse(struct input *in, enum refusal why)
{
    struct nflog_state *s = in->state;
    s->refused[why]++;
    tell_refused(in, refusal_names[why]);
}

static void take_message(struct input *in, struct cursor body)
{
    struct nflog_state *s = in->state;
    struct nflog_packet p;
    enum nflog_fault fault = nflog_parse(body, &p);
    if (__builtin_expect(fault != NFLOG_OK, 0)) {
        s->faults[fault]++;
        tell_refused(in, nflog_fault_names[fault]);
        return;
    }
    struct group *g = find_group(s, p.group);
    if (!g) {
        refuse(in, REFUSED_GROUP);
        return;
    }
    if (p.have & 1u << NFLOG_A_SEQ)
        follow_numbers(g, p.seq);
    else
        g->received++;
    if (s->frame && (p.frame_len = nflog_frame(&p, s->frame, FRAME_MAX)) != 0)
        p.frame = s->frame;
    if (s->connections)
        nflog_nat(&p, &s->feed.flow);
    packet_feed_take_nflog(&s->feed, &p, p.at_us ? p.at_us : worker_now(in->worker));
}

/* Tells the addresses of the next packets of a datagram to who looks them up. */
static void look_ahead(struct input *in, struct cursor c)
{
    const struct nflog_state *s = in->state;
    struct expecting x;
    struct nflog_packet p;
    struct cursor body;
    expecting_begin(&x);
    for (unsigned n = 0; n < EXPECTING_FLOWS && nflog_next(&c, &body) == NFLOG_STEP_PACKET; n++)
        if (nflog_parse(body, &p) == NFLOG_OK)
            packet_expect(&x, DLT_NFLOG, cursor_of(p.payload, p.payload_len));
    expecting_tell(&x, in->worker, &s->feed.flow.peer_src_ip);
}

static void take_datagram(struct input *in, const uint8_t *p, size_t len)
{
    struct nflog_state *s = in->state;
    struct cursor c = cursor_of(p, len), body;
    const bool looks_up = worker_looks_up(in->worker);
    s->datagrams++;
    s->taken += 2 * len + SKB_OVERHEAD; /* buffers are powers of two */
    for (unsigned n = 0;; n++) {
        if (looks_up && n % EXPECTING_FLOWS == 0)
            look_ahead(in, c);
        switch (nflog_next(&c, &body)) {
        case NFLOG_STEP_PACKET:
            take_message(in, body);
            break;
        case NFLOG_STEP_OTHER:
            s->others++;
            break;
        case NFLOG_STEP_BAD:
            refuse(in, REFUSED_FRAMING);
            return;
        case NFLOG_STEP_END:
            return;
        }
    }
}

static void take_received(struct input *in, unsigned i)
{
    struct nflog_state *s = in->state;
    const struct mmsghdr *m = &s->msg[i];
    if (m->msg_hdr.msg_namelen < sizeof(s->from[i]) || s->from[i].nl_pid != 0) {
        refuse(in, REFUSED_SENDER);
        return;
    }
    if (m->msg_hdr.msg_flags & MSG_TRUNC) /* what is whole of it is read all the same */
        refuse(in, REFUSED_CUT);
    take_datagram(in, s->iov[i].iov_base, m->msg_len);
}

/* One system call: returns how many datagrams were there, -1 on an error that is not "none". */
static int read_batch(struct input *in)
{
    struct nflog_state *s = in->state;
    for (unsigned i = 0; i < s->batch; i++)
        s->msg[i].msg_hdr.msg_namelen = sizeof(s->from[i]);
    int n = recvmmsg(s->sock.fd, s->msg, s->batch, MSG_DONTWAIT, NULL);
    if (n == -1) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return 0;
        if (errno == ENOBUFS) /* where NETLINK_NO_ENOBUFS is not known: counted with the others */
            return 1;
        log_limited(in->log, &s->error_limit, LOG_LV_ERROR, "cannot receive from the kernel: %s",
                    strerror(errno));
        return -1;
    }
    worker_set_now(in->worker, clock_wall_us());
    for (int i = 0; i < n; i++)
        take_received(in, (unsigned)i);
    return n;
}

/* ---- losses */

/* Packets that the kernel could not give us: numbers tell exactly how many, but for those behind the last
 * packet that came. For these there is the count of datagrams, each of one packet at least. */
static uint64_t lost_packets(struct nflog_state *s)
{
    struct sock_mem m;
    uint64_t missing = 0;
    if (sock_mem(s->sock.fd, &m) == 0)
        s->kernel_drops = m.drops;
    for (unsigned i = 0; i < s->n_groups; i++)
        missing += s->group[i].missing;
    return missing > s->kernel_drops ? missing : s->kernel_drops;
}

static void tell_losses(struct input *in)
{
    struct nflog_state *s = in->state;
    uint64_t lost = lost_packets(s);
    if (lost > s->lost_told)
        log_limited(in->log, &s->loss_limit, LOG_LV_WARN,
                    "the kernel dropped %" PRIu64 " packets (%" PRIu64
                    " since the start): more come than are taken; a larger uacctd_nl_size or "
                    "uacctd_threshold helps",
                    lost - s->lost_told, lost);
    s->lost_told = lost;
}

static void on_loss_timer(uv_timer_t *t)
{
    struct input *in = t->data;
    struct nflog_state *s = in->state;
    s->loss_waits = false;
    tell_losses(in);
}

/* After packets have come: a second later losses are looked for, once for all that come meanwhile. */
static void expect_losses(struct input *in)
{
    struct nflog_state *s = in->state;
    if (!s->loss_waits)
        uv_timer_start(&s->loss_timer, on_loss_timer, LOSSES_MS, 0);
    s->loss_waits = true;
}

/* ---- opening */

static void prepare_batch(struct nflog_state *s)
{
    for (unsigned i = 0; i < s->batch; i++) {
        s->iov[i] = (struct iovec){ .iov_base = s->memory + (size_t)i * s->stride, .iov_len = s->stride };
        s->msg[i].msg_hdr = (struct msghdr){
            .msg_name = &s->from[i], .msg_namelen = sizeof(s->from[i]), .msg_iov = &s->iov[i], .msg_iovlen = 1
        };
    }
}

/* Sizes a datagram by what is asked for. */
static void plan_group(const struct config *c, struct nfsock_group *g)
{
    uint32_t snaplen = c->snaplen > UINT16_MAX ? UINT16_MAX : (uint32_t)c->snaplen;
    uint64_t octets = (uint64_t)(snaplen + PACKED) * (unsigned)c->nflog_threshold;
    *g = (struct nfsock_group){ .copy_range = snaplen,
                                .threshold = (uint32_t)c->nflog_threshold,
                                .octets = octets < DATAGRAM_MAX ? (uint32_t)octets : DATAGRAM_MAX,
                                .timeout_cs = TIMEOUT_CS };
}

static int make_buffers(struct nflog_state *s, const struct worker *w, const struct nfsock_group *g,
                        struct err *e)
{
    size_t longest = g->copy_range + (size_t)OVERHEAD;
    if (longest < g->octets)
        longest = g->octets;
    /* The kernel fills what its allocator gives it, and that deals in powers of two. */
    size_t power = BUFFER_MIN;
    while (power < longest + SKB_INFO)
        power *= 2;
    s->stride = power + 1536; /* no power of two itself: buffers would alias in the caches */
    s->batch = BATCH_OCTETS / s->stride < BATCH_MIN   ? BATCH_MIN
               : BATCH_OCTETS / s->stride > BATCH_MAX ? BATCH_MAX
                                                      : (unsigned)(BATCH_OCTETS / s->stride);
    s->memory = malloc(s->batch * s->stride);
    if (!s->memory)
        return err_sys(e, "no memory for packets");
    prepare_batch(s);
    if (worker_wants_frames(w) && !(s->frame = malloc(FRAME_MAX)))
        return err_sys(e, "no memory for a frame");
    return 0;
}

static void early_packets(void *arg, const uint8_t *datagram, size_t len)
{
    struct input *in = arg;
    worker_set_now(in->worker, clock_wall_us());
    take_datagram(in, datagram, len);
}

static int open_socket(struct input *in, struct err *e)
{
    struct nflog_state *s = in->state;
    int target = in->c->nflog_size;
    s->sock = (struct nfsock){ .buf = s->memory, .buf_size = s->stride, .packets = early_packets, .arg = in };
    if (nfsock_open(&s->sock, target ? (size_t)target : RCVBUF_DEFAULT, &s->rcvbuf, e) == -1)
        return -1;
    if (target)
        log_info(in->log, "uacctd_nl_size: obtained=%zu target=%d.", s->rcvbuf, target);
    return 0;
}

static bool needs_connections(const struct worker *w)
{
    static const enum field_id of_nat[] = { FIELD_post_nat_src_host, FIELD_post_nat_dst_host,
                                            FIELD_post_nat_src_port, FIELD_post_nat_dst_port };
    for (unsigned i = 0; i < sizeof(of_nat) / sizeof(of_nat[0]); i++)
        if (fieldset_has(worker_needs(w), of_nat[i]))
            return true;
    return false;
}

static int nflog_open(struct input *in, struct err *e)
{
    struct nflog_state *s = in->state;
    uint16_t numbers[NFLOG_GROUPS_MAX];
    struct nfsock_group want;
    int n = nflog_groups_parse(in->c->nflog_group, numbers, e);
    plan_group(in->c, &want);
    if (n == -1 || make_buffers(s, in->worker, &want, e) == -1 || open_socket(in, e) == -1)
        return -1;
    if (packet_feed_open(&s->feed, in->worker, "nflog", DLT_NFLOG, e) == -1)
        return -1;
    s->feed.direction = (uint8_t)in->c->pcap_direction; /* enum flow_direction */
    want.connections = needs_connections(in->worker);
    const bool asked = s->connections = want.connections;
    for (; s->n_groups < (unsigned)n; s->n_groups++) {
        s->group[s->n_groups] = (struct group){ .number = numbers[s->n_groups] };
        want.number = numbers[s->n_groups];
        if (nfsock_bind_group(&s->sock, &want, e) == -1)
            return -1;
    }
    s->connections = want.connections;
    if (asked && !s->connections)
        log_warn(in->log, "the kernel does not tell packets' connections (nf_conntrack_netlink, "
                          "CONFIG_NETFILTER_NETLINK_GLUE_CT): post_nat_* will be empty");
    log_info(in->log, "Successfully connected Netlink NFLOG socket");
    return 0;
}

/* ---- running */

/* May reading pause, because plugins are full? Only while the kernel's buffer can hold what comes, or when
 * nobody could take anything anyway: then the kernel drops, and counts, cheaper than we could. */
static bool may_pause(struct input *in)
{
    struct nflog_state *s = in->state;
    struct sock_mem m;
    return worker_all_full(in->worker) || (sock_mem(s->sock.fd, &m) == 0 && m.queued < s->rcvbuf / 2);
}

static void watch(struct input *in);

static void on_nap_over(uv_timer_t *t) { watch(t->data); }

static void nap(struct input *in)
{
    struct nflog_state *s = in->state;
    if (!s->napping)
        uv_poll_stop(&s->poll);
    s->napping = true;
    uv_timer_start(&s->nap, on_nap_over, NAP_MS, 0);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    watch(p->data);
}

static void wait_for_more(struct input *in)
{
    struct nflog_state *s = in->state;
    s->idle_naps = 0;
    if (s->napping) /* starting it again would cost a system call */
        uv_poll_start(&s->poll, UV_READABLE, on_readable);
    s->napping = false;
}

/* Reads what is there. True: the loop had better go on at once, since there is more, or soon will be. */
static bool read_all(struct input *in, bool *pause)
{
    struct nflog_state *s = in->state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int n = read_batch(in);
        (void)packet_feed_tick(&s->feed, worker_now(in->worker));
        *pause = worker_flush(in->worker) && may_pause(in);
        if (*pause)
            return false;
        if (n < (int)s->batch)
            return s->taken > s->rcvbuf / NAP_SHARE;
    }
    return true;
}

/* Reads, then naps while packets come, so that many are read at a time; waits when none came. The loop sees
 * signals and timers in between. */
static void watch(struct input *in)
{
    struct nflog_state *s = in->state;
    bool pause = false;
    s->taken = 0;
    bool more = read_all(in, &pause);
    if (s->taken)
        expect_losses(in);
    s->idle_naps = s->taken ? 0 : s->idle_naps + 1;
    if (pause || (!more && s->idle_naps < IDLE_NAPS))
        nap(in);
    else
        wait_for_more(in);
}

static int nflog_start(struct input *in, struct err *e)
{
    struct nflog_state *s = in->state;
    if (uv_poll_init(in->loop, &s->poll, s->sock.fd) != 0 || uv_timer_init(in->loop, &s->nap) != 0 ||
        uv_timer_init(in->loop, &s->loss_timer) != 0)
        return err_set(e, ERR_SYS, "cannot watch the netlink socket");
    s->poll.data = s->nap.data = s->loss_timer.data = in;
    s->polled = true;
    s->napping = true; /* not watched yet */
    wait_for_more(in);
    return 0;
}

static void drain(struct input *in)
{
    for (unsigned i = 0; i < STOP_BATCHES && read_batch(in) > 0; i++)
        if (worker_flush(in->worker) && !worker_wait_room(in->worker) && worker_all_full(in->worker))
            break;
    worker_flush(in->worker);
}

/* Leaving the groups makes the kernel send what it still collects. Without the privileges for that, it does
 * so a hundredth of a second later. */
static void leave_groups(struct input *in)
{
    struct nflog_state *s = in->state;
    bool left = true;
    for (unsigned i = 0; i < s->n_groups; i++)
        left &= nfsock_unbind_group(&s->sock, s->group[i].number, NULL) == 0;
    if (!left)
        nanosleep(&(struct timespec){ .tv_nsec = 2 * TIMEOUT_CS * 10000000L }, NULL);
}

static void nflog_stop(struct input *in)
{
    struct nflog_state *s = in->state;
    if (s->polled) {
        uv_poll_stop(&s->poll);
        uv_timer_stop(&s->nap);
        uv_timer_stop(&s->loss_timer);
    }
    drain(in);
    leave_groups(in);
    drain(in);
    while (packet_feed_tick(&s->feed, INT64_MAX))
        worker_flush(in->worker);
    worker_flush(in->worker);
}

/* ---- statistics and end */

static void tell_counters(const struct nflog_state *s, const struct log *l)
{
    struct strbuf sb;
    strbuf_init(&sb, 4096);
    for (unsigned i = 0; i < REFUSED_MAX; i++)
        if (s->refused[i])
            strbuf_printf(&sb, " %s=%" PRIu64, refusal_names[i], s->refused[i]);
    for (unsigned i = NFLOG_OK + 1; i < NFLOG_FAULT_MAX; i++)
        if (s->faults[i])
            strbuf_printf(&sb, " %s=%" PRIu64, nflog_fault_names[i], s->faults[i]);
    log_notice(l, "stats [nflog] datagrams=%" PRIu64 " dropped_datagrams=%" PRIu32 "%s", s->datagrams,
               s->kernel_drops, strbuf_cstr(&sb));
    strbuf_free(&sb);
}

static void nflog_stats(struct input *in)
{
    struct nflog_state *s = in->state;
    uint64_t lost = lost_packets(s);
    int64_t now_s = clock_wall_us() / US_PER_S;
    for (unsigned i = 0; i < s->n_groups; i++)
        log_notice(in->log,
                   "stats [nflog,%u] time=%" PRId64 " received_packets=%" PRIu64 " missing_packets=%" PRIu64,
                   s->group[i].number, now_s, s->group[i].received, s->group[i].missing);
    log_notice(in->log, "stats [nflog] time=%" PRId64 " dropped_packets=%" PRIu64, now_s, lost);
    tell_counters(s, in->log);
    packet_feed_stats(&s->feed, "nflog");
}

static void nflog_figures(struct input *in, struct figures *f)
{
    const struct nflog_state *s = in->state;
    struct packet_feed_counts c = { 0 };
    figures_label(f, "input", in->ops->name);
    for (unsigned i = 0; i < s->n_groups; i++) {
        figures_label_number(f, "source", s->group[i].number);
        figures_put(f, FIG_INPUT_RECEIVED, s->group[i].received);
        figures_put(f, FIG_INPUT_KERNEL_DROP, s->group[i].missing);
        figures_unlabel(f, 1);
    }
    for (unsigned i = 0; i < REFUSED_MAX; i++)
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", refusal_names[i], s->refused[i]);
    for (unsigned i = NFLOG_OK + 1; i < NFLOG_FAULT_MAX; i++)
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", nflog_fault_names[i], s->faults[i]);
    packet_feed_counts_add(&c, &s->feed);
    packet_counts_figures(&c.decoded, f);
    figures_unlabel(f, 1);
}

static void tell_end(struct input *in)
{
    struct nflog_state *s = in->state;
    uint64_t received = 0;
    for (unsigned i = 0; i < s->n_groups; i++)
        received += s->group[i].received;
    log_notice(in->log, "+++");
    log_notice(in->log, "[nflog,%s] received_packets=%" PRIu64 " dropped_packets=%" PRIu64,
               in->c->nflog_group, received, lost_packets(s));
    log_notice(in->log, "---");
}

static void nflog_close(struct input *in)
{
    struct nflog_state *s = in->state;
    if (s->polled)
        tell_end(in);
    packet_feed_close(&s->feed);
    nfsock_close(&s->sock);
    free(s->memory);
    free(s->frame);
    s->memory = s->frame = NULL;
}

static bool nflog_wanted(const struct config *c)
{
    (void)c;
    return true;
}

const struct input_ops input_nflog = {
    .name = "nflog",
    .state_size = sizeof(struct nflog_state),
    .wanted = nflog_wanted,
    .open = nflog_open,
    .start = nflog_start,
    .stop = nflog_stop,
    .stats = nflog_stats,
    .figures = nflog_figures,
    .close = nflog_close,
};
