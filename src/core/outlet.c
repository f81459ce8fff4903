/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the core's end of a plugin, and tells its ledger. */
#include "core/outlet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Octets of a ring: some 15 ms of the highest rate, and still in the caches. What does not fit waits in the
 * kernel's buffer, so a larger one buys nothing; plugin_pipe_size is a ceiling. Whole datagrams need more
 * room for as much time. */
enum { RING_DEFAULT = 4 << 20, RING_DATAGRAMS = 16 << 20, RING_LEAST = 256 << 10 };

static const char *const loss_names[LOSS_MAX] = {
    [LOSS_FILTERED] = "filtered",        [LOSS_SAMPLED_OUT] = "sampled_out",
    [LOSS_RING_FULL] = "lost_ring_full", [LOSS_NO_PLUGIN] = "lost_no_plugin",
    [LOSS_TOO_LONG] = "lost_too_long",
};

static int compile_filters(struct outlet *o, const struct config *c, struct err *e)
{
    if (c->aggregate_filter && !(o->filter = filter_compile(c->aggregate_filter, e)))
        return -1;
    if (c->pre_tag_filter && !(o->tag = tag_filter_parse(c->pre_tag_filter, e)))
        return -1;
    if (c->pre_tag2_filter && !(o->tag2 = tag_filter_parse(c->pre_tag2_filter, e)))
        return -1;
    if (c->pre_tag_label_filter && !(o->label = label_filter_parse(c->pre_tag_label_filter, e)))
        return -1;
    return 0;
}

static size_t ring_octets(const struct config *c, bool datagrams)
{
    const int most = datagrams ? RING_DATAGRAMS : RING_DEFAULT;
    if (c->plugin_pipe_size <= 0 || c->plugin_pipe_size >= most)
        return (size_t)most;
    return c->plugin_pipe_size < RING_LEAST ? RING_LEAST : (size_t)c->plugin_pipe_size;
}

/* Several share what one would have. */
static int open_rings(struct outlet *o, unsigned n, struct err *e)
{
    size_t octets = ring_octets(o->c, o->spec.datagrams) / n;
    if (octets < RING_LEAST)
        octets = RING_LEAST;
    o->rings = calloc(n, sizeof(struct ring *));
    o->scratch = n > 1 ? aligned_alloc(64, RECORD_SIZE_MAX / 64 * 64 + 128) : NULL;
    if (!o->rings || (n > 1 && !o->scratch))
        return err_sys(e, "no memory for rings");
    for (; o->n_rings < n; o->n_rings++)
        if (!(o->rings[o->n_rings] = ring_new(octets, e)))
            return -1;
    o->ring = o->rings[0];
    return 0;
}

int outlet_open(struct outlet *o, const struct plugin_conf *pc, const struct aggregate_spec *spec, unsigned n,
                struct err *e)
{
    const struct config *c = &pc->c;
    *o = (struct outlet){ .name = pc->name, .type = pc->type, .c = c, .spec = *spec };
    if (getrandom(&o->random, sizeof(o->random), GRND_NONBLOCK) != sizeof(o->random) || !o->random)
        o->random = (uint64_t)clock_wall_us() ^ (uintptr_t)o;
    o->random |= 1; /* outlets that open together do not sample the same packets */
    layout_make(&o->layout, &o->spec, c->history.n > 0);
    projection_make(&o->projection, &o->layout, &o->spec, c);
    if (compile_filters(o, c, e) == -1)
        return -1;
    o->special = o->filter || o->tag || o->tag2 || o->label || c->sampling_rate > 1 || c->post_tag ||
                 c->post_tag2 || spec->sum != SUM_NONE || spec->headers || spec->datagrams;
    o->key_less = spec->times ? sizeof(struct record_times) : 0;
    return open_rings(o, n, e);
}

void outlet_use_lists(struct outlet *o, const struct view *v)
{
    const struct config *c = o->c;
    if (!c->ports_file && !c->protos_file && !c->tos_file)
        return;
    o->lists = v;
    o->special = true;
}

void outlet_close(struct outlet *o)
{
    filter_free(o->filter);
    tag_filter_free(o->tag);
    tag_filter_free(o->tag2);
    label_filter_free(o->label);
    for (unsigned i = 0; i < o->n_rings; i++)
        ring_free(o->rings[i]);
    free(o->rings);
    free(o->scratch);
}

size_t outlet_room(const struct outlet *o)
{
    size_t least = ring_room(o->ring);
    for (unsigned i = 1; i < o->n_rings; i++) {
        const size_t room = ring_room(o->rings[i]);
        least = room < least ? room : least;
    }
    return least;
}

void outlet_needs(const struct outlet *o, struct fieldset *needs)
{
    static const enum field_id as_columns[] = { FIELD_src_as, FIELD_dst_as, FIELD_peer_src_as,
                                                FIELD_peer_dst_as };
    fieldset_or(needs, &o->spec.set);
    for (unsigned i = 0; i < sizeof(as_columns) / sizeof(as_columns[0]); i++)
        if (fieldset_has(&o->spec.set, as_columns[i]))
            fieldset_add(needs, aggregate_source(&o->spec, as_columns[i]));
    if (o->filter)
        filter_needs(needs);
    static const enum field_id sum_reads[] = {
        [SUM_MAC] = FIELD_dst_mac, [SUM_HOST] = FIELD_dst_host, [SUM_NET] = FIELD_dst_net,
        [SUM_AS] = FIELD_dst_as,   [SUM_PORT] = FIELD_dst_port,
    };
    if (o->spec.sum != SUM_NONE)
        fieldset_add(needs, sum_reads[o->spec.sum]);
    if (o->tag)
        fieldset_add(needs, FIELD_tag);
    if (o->tag2)
        fieldset_add(needs, FIELD_tag2);
    if (o->label)
        fieldset_add(needs, FIELD_label);
}

static void log_sums(const struct log *l, const struct outlet *o, const char *what, const struct sums *s)
{
    log_notice(l,
               "ledger [%s/%s] %s records=%" PRIu64 " packets=%" PRIu64 " bytes=%" PRIu64 " flows=%" PRIu64,
               o->name, o->type, what, s->records, s->packets, s->bytes, s->flows);
}

static void ledger_add(struct ring_ledger *all, const struct ring_ledger *one)
{
    sums_add(&all->handed, &one->handed);
    sums_add(&all->taken, &one->taken);
    sums_add(&all->confirmed, &one->confirmed);
    sums_add(&all->lost, &one->lost);
    sums_add(&all->spooled, &one->spooled);
    sums_add(&all->dropped, &one->dropped);
}

void outlet_ledger(const struct outlet *o, struct ring_ledger *out)
{
    *out = (struct ring_ledger){ 0 };
    for (unsigned i = 0; i < o->n_rings; i++) {
        struct ring_ledger one;
        ring_ledger(o->rings[i], &one);
        ledger_add(out, &one);
    }
}

/* A plugin's ledger: the sums over its outlets. */
struct ledger {
    struct sums accounted, loss[LOSS_MAX];
    struct ring_ledger ring;
    uint64_t ring_size, ring_used; /* octets */
};

static void ledger_sum(struct ledger *sum, const struct outlet *o, unsigned workers, unsigned stride)
{
    *sum = (struct ledger){ 0 };
    for (unsigned w = 0; w < workers; w++) {
        const struct outlet *of = &o[w * stride];
        struct ring_ledger one;
        outlet_ledger(of, &one);
        ledger_add(&sum->ring, &one);
        sums_add(&sum->accounted, &of->accounted);
        for (unsigned i = 0; i < LOSS_MAX; i++)
            sums_add(&sum->loss[i], &of->loss[i]);
        for (unsigned i = 0; i < of->n_rings; i++) {
            sum->ring_size += ring_size(of->rings[i]);
            sum->ring_used += ring_backlog(of->rings[i]);
        }
    }
}

/* Calls show for each column of the ledger; `seldom` ones are shown when there is something in them. */
static void ledger_each(const struct ledger *l,
                        void (*show)(void *arg, const char *column, const struct sums *s, bool seldom),
                        void *arg)
{
    show(arg, "accounted", &l->accounted, false);
    for (unsigned i = 0; i < LOSS_MAX; i++)
        show(arg, loss_names[i], &l->loss[i], true);
    show(arg, "handed_over", &l->ring.handed, false);
    show(arg, "taken", &l->ring.taken, false);
    show(arg, "confirmed", &l->ring.confirmed, false);
    show(arg, "lost_with_plugin", &l->ring.lost, true);
    show(arg, "in_spool", &l->ring.spooled, true);
    show(arg, "dropped", &l->ring.dropped, true);
}

struct ledger_log {
    const struct outlet *o;
    const struct log *l;
};

static void log_column(void *arg, const char *column, const struct sums *s, bool seldom)
{
    const struct ledger_log *to = arg;
    if (!seldom || s->records)
        log_sums(to->l, to->o, column, s);
}

void outlet_log_ledger(const struct outlet *o, unsigned workers, unsigned stride, const struct log *l)
{
    struct ledger sum;
    ledger_sum(&sum, o, workers, stride);
    ledger_each(&sum, log_column, &(struct ledger_log){ o, l });
}

/* What is in the spool now may become less: figures of their own. */
static void put_column(void *arg, const char *column, const struct sums *s, bool seldom)
{
    struct figures *f = arg;
    (void)seldom;
    if (!strcmp(column, "in_spool")) {
        figures_put(f, FIG_SPOOL_RECORDS, s->records);
        figures_put(f, FIG_SPOOL_BYTES, s->bytes);
        return;
    }
    figures_label(f, "stage", column);
    figures_put(f, FIG_PLUGIN_RECORDS, s->records);
    figures_put(f, FIG_PLUGIN_PACKETS, s->packets);
    figures_put(f, FIG_PLUGIN_BYTES, s->bytes);
    figures_put(f, FIG_PLUGIN_FLOWS, s->flows);
    figures_unlabel(f, 1);
}

void outlet_figures(const struct outlet *o, unsigned workers, unsigned stride, struct figures *f)
{
    struct ledger sum;
    ledger_sum(&sum, o, workers, stride);
    figures_label(f, "plugin", o->name);
    figures_label(f, "type", o->type);
    ledger_each(&sum, put_column, f);
    figures_put(f, FIG_RING_SIZE, sum.ring_size);
    figures_put(f, FIG_RING_USED, sum.ring_used);
    figures_unlabel(f, 2);
}
