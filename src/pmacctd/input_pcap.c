/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from interfaces: opens a capture on each, one for each worker, gives them to the readers, and keeps
 * watch: interfaces that go are waited for, those that the map adds or drops come and go at SIGUSR2. All here
 * runs in the main thread; what belongs to a reader is touched through reader_call. */
#include "pmacctd/input_pcap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "packet/linkwatch.h"
#include "pmacctd/ifaces.h"
#include "pmacctd/reader.h"

enum {
    BUFFER_DEFAULT = 16 << 20, /* octets that the kernel keeps for each capture */
    BUFFERS_TOTAL = 128 << 20, /* and for all, unless that leaves less than BUFFER_MIN */
    BUFFER_MIN = 1 << 20,
    TICK_MS = 1000,
    RETRY_US = 5000000, /* pcap_interface_wait */
};

/* Counters of one interface over all workers and all times it was opened. */
struct tally {
    uint64_t received, dropped, filtered;
    uint64_t missed; /* by the interface itself */
    uint64_t left;   /* received and never taken */
    struct packet_feed_counts feed;
};

struct iface {
    struct iface_row row;
    char label[IFACE_NAME_MAX + 12]; /* "eth0,3" */
    uint32_t number;
    struct capture_plan plan;
    struct capture **capture; /* one for each worker, NULL: that worker has none */
    bool up;
    uint64_t missed_before; /* the interface's count when it was opened */
    struct tally past, now; /* of captures that are closed; with those that are open */
    uint64_t told;          /* drops that the log knows of */
    struct log_limit drop_limit, down_limit;
};

struct live {
    struct iface **iface;
    unsigned n;
    bool by_map;
    struct reader *reader;
    unsigned n_readers;
    int watch_fd;
    uv_poll_t watch;
    uv_timer_t tick;
    int64_t retry_at_us;
    bool started, stopped;
};

static bool live_wanted(const struct config *c)
{
    (void)c;
    return true;
}

/* ---- counters */

static void tally_add(struct tally *t, const struct capture *c)
{
    t->received += c->received;
    t->dropped += c->dropped;
    t->filtered += c->filtered;
    packet_feed_counts_add(&t->feed, &c->feed);
}

/* In the reader's thread: adds what its captures have counted. */
static void count_reader(struct reader *r, void *arg)
{
    struct live *s = arg;
    size_t w = (size_t)(r - s->reader);
    for (unsigned i = 0; i < s->n; i++) {
        struct iface *f = s->iface[i];
        if (!f->up || !f->capture[w])
            continue;
        capture_count(f->capture[w]);
        tally_add(&f->now, f->capture[w]);
    }
}

static void count_missed(struct iface *f)
{
    uint64_t now;
    if (f->up && link_drops(f->plan.ifindex, &now) && now > f->missed_before)
        f->now.missed = f->past.missed + now - f->missed_before;
}

/* Brings every iface's `now` up to date. */
static void count(struct live *s)
{
    for (unsigned i = 0; i < s->n; i++)
        s->iface[i]->now = s->iface[i]->past;
    for (unsigned w = 0; w < s->n_readers; w++)
        reader_call(&s->reader[w], count_reader, s);
    for (unsigned i = 0; i < s->n; i++)
        count_missed(s->iface[i]);
}

static void tell_drops(struct input *in)
{
    struct live *s = in->state;
    for (unsigned i = 0; i < s->n; i++) {
        struct iface *f = s->iface[i];
        if (f->now.dropped == f->told)
            continue;
        log_limited(in->log, &f->drop_limit, LOG_LV_WARN,
                    "[%s] the kernel dropped %" PRIu64 " packets (%" PRIu64
                    " since the start): more come than are taken",
                    f->label, f->now.dropped - f->told, f->now.dropped);
        f->told = f->now.dropped;
    }
}

static void show_tables(struct reader *r, void *arg)
{
    struct live *s = arg;
    char label[32];
    snprintf(label, sizeof(label), "worker %u", (unsigned)(r - s->reader));
    packet_feed_stats_tables(&r->tables, s->n == 1 && s->n_readers == 1 ? s->iface[0]->label : label);
}

static void live_stats(struct input *in)
{
    struct live *s = in->state;
    count(s);
    for (unsigned i = 0; i < s->n; i++) {
        struct iface *f = s->iface[i];
        log_notice(in->log,
                   "stats [%s] time=%" PRId64 " received_packets=%" PRIu64 " dropped_packets=%" PRIu64
                   " dropped_by_interface=%" PRIu64 " filtered=%" PRIu64 " lost_in_buffer=%" PRIu64 "%s",
                   f->label, clock_wall_us() / US_PER_S, f->now.received, f->now.dropped, f->now.missed,
                   f->now.filtered, f->now.left, f->up ? "" : " (waiting for the interface)");
        packet_feed_counts_show(&f->now.feed, in->log, f->label);
    }
    for (unsigned w = 0; w < s->n_readers; w++)
        reader_call(&s->reader[w], show_tables, s);
}

/* ---- one interface */

struct change {
    struct iface *f;
    unsigned w;
    bool ok;
};

static void attach(struct reader *r, void *arg)
{
    struct change *ch = arg;
    ch->ok = reader_add(r, ch->f->capture[ch->w]) == 0;
}

/* Takes what the kernel still holds, then forgets the capture. */
static void detach(struct reader *r, void *arg)
{
    struct change *ch = arg;
    struct capture *c = ch->f->capture[ch->w];
    reader_drain(r, c);
    reader_remove(r, c);
    capture_count(c);
    tally_add(&ch->f->past, c);
    ch->f->past.left += capture_waiting(c) + (c->plan->in_place ? c->ring.lost : 0);
}

static void close_capture(struct live *s, struct iface *f, unsigned w, bool attached)
{
    struct change ch = { .f = f, .w = w };
    if (!f->capture || !f->capture[w])
        return;
    if (attached)
        reader_call(&s->reader[w], detach, &ch);
    capture_close(f->capture[w]);
    free(f->capture[w]);
    f->capture[w] = NULL;
}

static void shut_interface(struct live *s, struct iface *f)
{
    for (unsigned w = 0; w < s->n_readers; w++)
        if (f->capture && f->capture[w])
            capture_shut(f->capture[w]);
}

static void close_interface(struct live *s, struct iface *f)
{
    if (f->up) {
        count_missed(f);
        f->past.missed = f->now.missed;
        shut_interface(s, f);
    }
    for (unsigned w = 0; w < s->n_readers; w++)
        close_capture(s, f, w, f->up);
    capture_plan_free(&f->plan);
    f->up = false;
}

static int64_t buffer_of(const struct input *in)
{
    const struct live *s = in->state;
    int64_t share = BUFFERS_TOTAL / ((int64_t)s->n * s->n_readers);
    if (in->c->pipe_size > 0)
        return in->c->pipe_size;
    return share > BUFFER_DEFAULT ? BUFFER_DEFAULT : share < BUFFER_MIN ? BUFFER_MIN : share;
}

static int open_captures(struct input *in, struct iface *f, unsigned n, int64_t buffer, struct err *e)
{
    struct live *s = in->state;
    int group = -1;
    for (unsigned w = 0; w < n; w++) {
        struct capture_conf conf = { .plan = &f->plan,
                                     .c = in->c,
                                     .worker = s->reader[w].worker,
                                     .label = w ? NULL : f->label,
                                     .number = f->number,
                                     .buffer = buffer,
                                     .least = buffer < BUFFER_MIN ? buffer : BUFFER_MIN,
                                     .group = n > 1 ? &group : NULL,
                                     .tables = &s->reader[w].tables };
        struct capture *c = calloc(1, sizeof(*c));
        if (!c)
            return err_set(e, ERR_SYS, "out of memory");
        if (capture_open(c, &conf, e) == -1) {
            free(c);
            return -1;
        }
        f->capture[w] = c;
    }
    for (unsigned w = 0; n > 1 && w < n; w++)
        if (capture_begin(f->capture[w], e) == -1)
            return -1;
    return 0;
}

static void tell_open(struct input *in, const struct iface *f, unsigned n, int64_t asked)
{
    const struct live *s = in->state;
    int64_t got = f->capture[0]->buffer;
    if (in->c->pipe_size)
        log_info(in->log, "%s_pipe_size: obtained=%" PRId64 " target=%" PRId64 ".", in->daemon, got, asked);
    if (f->plan.in_place)
        log_info(in->log, "[%s] capturing in place: %u worker(s), a buffer of %" PRId64 " octets each",
                 f->label, n, got);
    else
        log_info(in->log, "[%s] capturing through libpcap (%s)%s", f->label, f->plan.why,
                 s->n_readers > 1 ? ", which one worker alone can do" : "");
}

static void name_interface(const struct input *in, struct iface *f)
{
    f->number = iface_number(&f->row, in->c);
    snprintf(f->label, sizeof(f->label), "%s,%" PRIu32, f->row.name, f->number);
}

static int open_interface(struct input *in, struct iface *f, struct err *e)
{
    struct live *s = in->state;
    int64_t buffer = buffer_of(in);
    name_interface(in, f);
    if (capture_plan_make(&f->plan, f->row.name, f->row.direction, in->c, e) == -1)
        return -1;
    unsigned n = f->plan.in_place ? s->n_readers : 1;
    if (open_captures(in, f, n, buffer, e) == -1) {
        close_interface(s, f);
        return -1;
    }
    f->up = true;
    f->missed_before = 0;
    (void)link_drops(f->plan.ifindex, &f->missed_before);
    tell_open(in, f, n, buffer);
    for (unsigned w = 0; w < n; w++) {
        struct change ch = { .f = f, .w = w };
        reader_call(&s->reader[w], attach, &ch);
        if (!ch.ok) {
            close_interface(s, f);
            return err_set(e, ERR_SYS, "out of memory");
        }
    }
    return 0;
}

static void free_interface(struct iface *f)
{
    if (f)
        free(f->capture);
    free(f);
}

static struct iface *new_interface(const struct live *s, const struct iface_row *row)
{
    struct iface *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->row = *row;
    f->capture = calloc(s->n_readers, sizeof(struct capture *));
    if (f->capture)
        return f;
    free(f);
    return NULL;
}

/* ---- opening all */

static int open_readers(struct input *in, struct err *e)
{
    struct live *s = in->state;
    unsigned n = in->n_workers;
    s->reader = calloc(n, sizeof(*s->reader));
    if (!s->reader)
        return err_set(e, ERR_SYS, "out of memory");
    for (; s->n_readers < n; s->n_readers++)
        if (reader_open(&s->reader[s->n_readers], in->workers[s->n_readers], e) == -1)
            return -1;
    return 0;
}

static int add_interfaces(struct input *in, const struct iface_list *list, struct err *e)
{
    struct live *s = in->state;
    s->iface = calloc(list->n, sizeof(struct iface *));
    for (unsigned i = 0; s->iface && i < list->n; i++) {
        s->iface[i] = new_interface(s, &list->row[i]);
        if (!s->iface[i])
            break;
        s->n++;
    }
    return s->iface && s->n == list->n ? 0 : err_set(e, ERR_SYS, "out of memory");
}

static int open_interfaces(struct input *in, struct err *e)
{
    struct live *s = in->state;
    for (unsigned i = 0; i < s->n; i++) {
        if (open_interface(in, s->iface[i], e) == 0)
            continue;
        if (!in->c->pcap_interface_wait)
            return -1;
        log_warn(in->log, "%s: waiting for the interface", e->text);
    }
    return 0;
}

static int live_open(struct input *in, struct err *e)
{
    struct live *s = in->state;
    struct iface_list list;
    s->watch_fd = -1;
    s->by_map = in->c->pcap_interfaces_map != NULL;
    if (geteuid() != 0 && !in->c->pmacctd_nonroot)
        return err_set(e, ERR_CONFIG,
                       "You need superuser privileges to run this command (or the capability to capture, and "
                       "pmacctd_nonroot: true)");
    if (s->by_map)
        log_info(in->log, "[%s] (re)loading map.", in->c->pcap_interfaces_map);
    if ((s->by_map ? iface_list_read(&list, in->c, e) : iface_list_single(&list, in->c, e)) == -1)
        return -1;
    if (s->by_map)
        log_info(in->log, "[%s] map successfully (re)loaded.", in->c->pcap_interfaces_map);
    int rc = open_readers(in, e) == 0 ? add_interfaces(in, &list, e) : -1;
    iface_list_free(&list);
    s->watch_fd = rc == 0 ? linkwatch_open(e) : -1;
    return rc == 0 && s->watch_fd != -1 ? open_interfaces(in, e) : -1;
}

/* ---- interfaces that come and go */

static unsigned count_up(const struct live *s)
{
    unsigned up = 0;
    for (unsigned i = 0; i < s->n; i++)
        up += s->iface[i]->up;
    return up;
}

/* The capture no longer works. Of several interfaces, the others go on. */
static void lose_interface(struct input *in, struct iface *f, const char *why)
{
    struct live *s = in->state;
    log_limited(in->log, &f->down_limit, LOG_LV_ERROR, "[%s] capture ended: %s", f->label, why);
    close_interface(s, f);
    if (!in->c->pcap_interface_wait && !count_up(s))
        in->ended(in, 1);
}

static void find_lost(struct input *in)
{
    struct live *s = in->state;
    char why[256];
    for (unsigned i = 0; i < s->n && !s->stopped; i++) {
        struct iface *f = s->iface[i];
        for (unsigned w = 0; f->up && w < s->n_readers; w++)
            if (f->capture[w] && capture_broken(f->capture[w], why, sizeof(why)))
                lose_interface(in, f, why);
    }
}

/* Opens what has come back. `all`: also what is no network interface, or does not look as if it were up. */
static void find_back(struct input *in, bool all)
{
    struct live *s = in->state;
    for (unsigned i = 0; i < s->n && !s->stopped; i++) {
        struct iface *f = s->iface[i];
        struct err e = { 0 };
        if (f->up || (!all && !link_is_up(f->row.name)))
            continue;
        if (open_interface(in, f, &e) == -1)
            log_limited(in->log, &f->down_limit, LOG_LV_WARN, "%s: waiting for the interface", e.text);
    }
}

static void on_watch(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    struct input *in = p->data;
    struct live *s = in->state;
    linkwatch_drain(s->watch_fd);
    find_lost(in);
    find_back(in, false);
}

static void on_tick(uv_timer_t *t)
{
    struct input *in = t->data;
    struct live *s = in->state;
    int64_t now = clock_mono_us();
    find_lost(in);
    if (s->stopped)
        return;
    bool all = now >= s->retry_at_us;
    if (all)
        s->retry_at_us = now + RETRY_US;
    find_back(in, all);
    count(s);
    tell_drops(in);
}

static int live_start(struct input *in, struct err *e)
{
    struct live *s = in->state;
    if (uv_timer_init(in->loop, &s->tick) != 0 || uv_poll_init(in->loop, &s->watch, s->watch_fd) != 0)
        return err_set(e, ERR_SYS, "cannot watch the interfaces");
    s->tick.data = s->watch.data = in;
    s->started = true;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    uv_poll_start(&s->watch, UV_READABLE, on_watch);
    s->retry_at_us = clock_mono_us() + RETRY_US;
    for (unsigned w = 0; w < s->n_readers; w++)
        if (reader_start(&s->reader[w], s->n_readers == 1 ? in->loop : NULL, e) == -1)
            return -1;
    return 0;
}

/* ---- reload */

static bool same_place(const struct iface_row *a, const struct iface_row *b)
{
    return !strcmp(a->name, b->name) && a->direction == b->direction;
}

static struct iface *find_interface(const struct live *s, const struct iface_row *row)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->iface[i] && same_place(&s->iface[i]->row, row))
            return s->iface[i];
    return NULL;
}

static bool is_listed(const struct iface_list *list, const struct iface_row *row)
{
    for (unsigned i = 0; i < list->n; i++)
        if (same_place(&list->row[i], row))
            return true;
    return false;
}

static void renumber(struct reader *r, void *arg)
{
    struct change *ch = arg;
    struct packet_feed *pf = &ch->f->capture[ch->w]->feed;
    (void)r;
    packet_feed_interface(pf, ch->f->number, pf->direction);
}

static void live_figures(struct input *in, struct figures *f)
{
    struct live *s = in->state;
    count(s);
    figures_label(f, "input", in->ops->name);
    for (unsigned i = 0; i < s->n; i++) {
        const struct iface *one = s->iface[i];
        figures_label(f, "source", one->label);
        figures_put(f, FIG_INPUT_RECEIVED, one->now.received);
        figures_put(f, FIG_INPUT_KERNEL_DROP, one->now.dropped);
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", "dropped_by_interface", one->now.missed);
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", "filtered", one->now.filtered);
        figures_put_of(f, FIG_INPUT_REFUSED, "reason", "lost_in_buffer", one->now.left);
        packet_counts_figures(&one->now.feed.decoded, f);
        figures_unlabel(f, 1);
    }
    figures_unlabel(f, 1);
}

/* The same interface, perhaps by another number: packets go on coming. */
static void keep_interface(struct input *in, struct iface *f, const struct iface_row *row)
{
    struct live *s = in->state;
    uint32_t before = f->number;
    f->row = *row;
    name_interface(in, f);
    if (f->number == before)
        return;
    log_info(in->log, "[%s] has the number %" PRIu32 " now (%" PRIu32 " before)", f->label, f->number,
             before);
    for (unsigned w = 0; f->up && w < s->n_readers; w++) {
        struct change ch = { .f = f, .w = w };
        if (f->capture[w])
            reader_call(&s->reader[w], renumber, &ch);
    }
}

static void tell_end(const struct input *in, const struct iface *f)
{
    log_notice(in->log, "[%s] received_packets=%" PRIu64 " dropped_packets=%" PRIu64, f->label,
               f->now.received, f->now.dropped);
}

static void drop_unlisted(struct input *in, const struct iface_list *list)
{
    struct live *s = in->state;
    unsigned kept = 0;
    for (unsigned i = 0; i < s->n; i++) {
        struct iface *f = s->iface[i];
        if (is_listed(list, &f->row)) {
            s->iface[kept++] = f;
            continue;
        }
        close_interface(s, f);
        f->now = f->past;
        log_info(in->log, "[%s] no longer in the map: capture ended", f->label);
        tell_end(in, f);
        free_interface(f);
    }
    s->n = kept;
}

static void add_listed(struct input *in, const struct iface_list *list)
{
    struct live *s = in->state;
    for (unsigned i = 0; i < list->n; i++) {
        struct iface *f = find_interface(s, &list->row[i]);
        struct err e = { 0 };
        if (f) {
            keep_interface(in, f, &list->row[i]);
            continue;
        }
        f = new_interface(s, &list->row[i]);
        if (!f) {
            log_error(in->log, "[%s] no memory to capture", list->row[i].name);
            continue;
        }
        s->iface[s->n++] = f;
        if (open_interface(in, f, &e) == -1)
            log_warn(in->log, "%s: waiting for the interface", e.text);
    }
}

/* Room for all that are there and all that may come. */
static int grow(struct live *s, const struct iface_list *list)
{
    struct iface **more = realloc(s->iface, (s->n + list->n + 1) * sizeof(struct iface *));
    if (!more)
        return -1;
    s->iface = more;
    return 0;
}

static void live_reload(struct input *in)
{
    struct live *s = in->state;
    const char *path = in->c->pcap_interfaces_map;
    struct iface_list list = { 0 };
    struct err e = { 0 };
    if (!path || s->stopped || !in->c->maps_refresh)
        return;
    log_info(in->log, "[%s] (re)loading map.", path);
    int rc = iface_list_read(&list, in->c, &e);
    if (rc == 0 && !list.n)
        rc = err_set(&e, ERR_CONFIG, "[%s] names no interface", path);
    if (rc == 0 && grow(s, &list) == -1)
        rc = err_set(&e, ERR_SYS, "out of memory");
    if (rc == -1) {
        log_error(in->log, "%s", e.text);
        log_warn(in->log, "[%s] Rolling back old map.", path);
    } else {
        drop_unlisted(in, &list);
        add_listed(in, &list);
        log_info(in->log, "[%s] map successfully (re)loaded.", path);
    }
    iface_list_free(&list);
}

/* ---- calls of the core into a worker's thread */

struct core_call {
    void (*fn)(void *arg);
    void *arg;
};

static void run_core_call(struct reader *r, void *arg)
{
    const struct core_call *c = arg;
    (void)r;
    c->fn(c->arg);
}

static void live_call(struct input *in, unsigned w, void (*fn)(void *arg), void *arg)
{
    struct live *s = in->state;
    reader_call(&s->reader[w], run_core_call, &(struct core_call){ .fn = fn, .arg = arg });
}

/* ---- the end */

static void drain_reader(struct reader *r, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < r->n; i++)
        reader_drain(r, r->capture[i]);
}

static void live_stop(struct input *in)
{
    struct live *s = in->state;
    if (s->stopped)
        return;
    s->stopped = true;
    for (unsigned i = 0; i < s->n; i++)
        shut_interface(s, s->iface[i]);
    for (unsigned w = 0; w < s->n_readers; w++) {
        reader_call(&s->reader[w], drain_reader, NULL);
        reader_stop(&s->reader[w]);
    }
    count(s);
    if (!s->started)
        return;
    uv_timer_stop(&s->tick);
    uv_poll_stop(&s->watch);
}

static void live_close(struct input *in)
{
    struct live *s = in->state;
    if (s->started)
        log_notice(in->log, "+++");
    for (unsigned i = 0; i < s->n; i++) {
        if (s->started)
            tell_end(in, s->iface[i]);
        close_interface(s, s->iface[i]);
        free_interface(s->iface[i]);
    }
    if (s->started) {
        log_notice(in->log, "---");
        uv_close((uv_handle_t *)&s->tick, NULL);
        uv_close((uv_handle_t *)&s->watch, NULL);
    }
    for (unsigned w = 0; w < s->n_readers; w++) {
        reader_stop(&s->reader[w]);
        reader_close(&s->reader[w]);
    }
    if (s->watch_fd > 0)
        close(s->watch_fd);
    free(s->reader);
    free(s->iface);
    s->n = s->n_readers = 0; /* the handles in *s stay until the loop has closed them */
    s->started = false;
}

const struct input_ops input_pcap = {
    .name = "interface",
    .state_size = sizeof(struct live),
    .kept = PRIVS_CAPTURE, /* interfaces come back, the map adds some */
    .wanted = live_wanted,
    .open = live_open,
    .start = live_start,
    .stop = live_stop,
    .stats = live_stats,
    .figures = live_figures,
    .reload = live_reload,
    .close = live_close,
    .call = live_call,
};
