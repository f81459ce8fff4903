/* SPDX-License-Identifier: BSD-2-Clause */
/* The sets of NetFlow v9 and IPFIX messages: templates to be learned, data to be decoded by them. Called by
 * decode_v9.c and decode_ipfix.c. */
#include "netflow/decode.h"

#include <stdio.h>

enum { SET_HEADER = 4, FIRST_DATA_SET = 256 };

/* Set ids: RFC 3954 §5.2, §6.1; RFC 7011 §3.3.2. */
static bool is_templates(uint8_t version, uint16_t id) { return id == (version == 9 ? 0 : 2); }
static bool is_options_templates(uint8_t version, uint16_t id) { return id == (version == 9 ? 1 : 3); }

static bool all_zero(struct cursor c)
{
    for (const uint8_t *p = c.p; p < c.end; p++)
        if (*p)
            return false;
    return true;
}

/* ---- templates */

/* Reads a template record's header. False: none is left in the set, or (*bad) what is there is none. */
static bool next_template(struct netflow *nf, struct cursor *set, bool options, struct tmpl_record *rec,
                          bool *bad)
{
    *bad = false;
    if (cursor_left(set) < 4)
        return false;
    *rec = (struct tmpl_record){ .version = nf->m.version, .options = options };
    const struct cursor start = *set;
    rec->id = cursor_u16(set);
    rec->n_fields = cursor_u16(set);
    if (rec->id < FIRST_DATA_SET) {
        const bool withdraw_all = nf->m.version == 10 && rec->n_fields == 0 && (rec->id == 2 || rec->id == 3);
        *bad = !withdraw_all && !all_zero(start);
        return withdraw_all;
    }
    if (!options || (nf->m.version == 10 && rec->n_fields == 0))
        return true;
    const unsigned second = cursor_u16(set);
    if (nf->m.version == 9) { /* octets of specifiers, not their number */
        rec->n_scope = rec->n_fields / 4;
        rec->n_fields = rec->n_scope + second / 4;
    } else {
        rec->n_scope = second;
    }
    *bad = set->bad;
    return !*bad;
}

static void learned(struct netflow *nf, struct tmpl *t, bool evicted)
{
    struct exporter *x = nf->m.x;
    char text[128];
    x->count[NF_COUNT_TEMPLATES]++;
    nf->keep_changed = true;
    dump_template(nf, t);
    if (evicted) {
        x->count[NF_COUNT_TEMPLATES_EVICTED]++;
        snprintf(text, sizeof(text),
                 "more than %u templates: forgetting the one that was not used for longest",
                 nf->exporters.limits.templates);
        say_fault(nf, &x->say_limit, LOG_LV_WARN, text);
    }
    settle(nf);
}

static void say_cut(struct netflow *nf, bool options)
{
    say_fault(nf, &nf->m.x->say_template, LOG_LV_INFO,
              options ? "unable to read next Options Template Flowset (incomplete NetFlow v9/IPFIX packet)"
                      : "unable to read next Template Flowset (incomplete NetFlow v9/IPFIX packet)");
}

static void learn(struct netflow *nf, struct tmpl_record *rec)
{
    struct exporter *x = nf->m.x;
    struct tmpl *t;
    struct err why;
    bool evicted;
    char text[256];
    if (nf->m.version == 10 && rec->n_fields == 0) { /* means nothing over UDP (RFC 7011 §8.4) */
        x->count[NF_COUNT_WITHDRAWALS]++;
        return;
    }
    const struct wants *w = rec->options ? &nf->option_wants : &nf->wants;
    const enum tmpl_verdict v = tmpl_learn(&x->templates, &nf->exporters.forms, rec, w,
                                           nf->exporters.limits.templates, &evicted, &t, &why);
    if (t)
        t->seen_s = (uint32_t)(nf->clock_us / US_PER_S);
    switch (v) {
    case TMPL_SAME:
        return;
    case TMPL_NEW:
    case TMPL_CHANGED:
        learned(nf, t, evicted);
        return;
    case TMPL_BAD:
        break;
    }
    x->count[NF_COUNT_BAD_TEMPLATES]++;
    if (rec->fields.bad) {
        say_cut(nf, rec->options);
        return;
    }
    snprintf(text, sizeof(text), "invalid template %u (%.200s)", rec->id, why.text);
    say_fault(nf, &x->say_template, LOG_LV_WARN, text);
}

static void template_set(struct netflow *nf, uint16_t id, struct cursor set, bool options)
{
    struct tmpl_record rec;
    bool bad = false;
    for (const uint8_t *start = set.p; !set.bad && next_template(nf, &set, options, &rec, &bad);
         start = set.p) {
        rec.fields = set;
        learn(nf, &rec);
        set = rec.fields;
        nf->m.templates++;
        if (__builtin_expect(nf->splits, 0) && !set.bad)
            split_template(nf, id, start, (size_t)(set.p - start));
    }
    if (bad) {
        nf->m.x->count[NF_COUNT_BAD_TEMPLATES]++;
        say_cut(nf, options);
    }
}

/* ---- data */

/* Reads the records of a set with this template; `each` gets every one. Returns how many; *cut is set when
 * the last one runs past the end of the set. */
static inline __attribute__((always_inline)) unsigned
read_records(struct netflow *nf, const struct tmpl *t, struct cursor set, bool *cut,
             void (*each)(struct netflow *, const struct tmpl *))
{
    const struct plan *p = t->plan;
    unsigned n = 0;
    while (cursor_left(&set) >= p->min_len) {
        const uint8_t *rec = cursor_take(&set, p->fixed);
        plan_head(p, rec, &nf->r);
        if (p->n_tail) {
            set.p = plan_tail(p, rec + p->fixed, set.end, &nf->r);
            if (!set.p) {
                *cut = true;
                break;
            }
        }
        if (__builtin_expect(nf->splits, 0) && !t->options)
            split_record(nf, t->id, rec, (size_t)(set.p - rec), n);
        each(nf, t);
        n++;
    }
    return n;
}

/* Where records of a plan have source and destination, of 4 and of 16 octets. */
struct address_places {
    struct {
        uint16_t at;
        bool is_dst;
    } place[2];
    unsigned n;
};

static void add_place(struct address_places *a, size_t member, size_t at)
{
    const bool is_src = member == offsetof(struct record, f.src_host) ||
                        member == offsetof(struct record, src4) || member == offsetof(struct record, src6);
    const bool is_dst = member == offsetof(struct record, f.dst_host) ||
                        member == offsetof(struct record, dst4) || member == offsetof(struct record, dst6);
    if ((!is_src && !is_dst) || a->n == 2)
        return;
    a->place[a->n].at = (uint16_t)at;
    a->place[a->n++].is_dst = is_dst;
}

static void find_places(const struct plan *p, struct address_places *v4, struct address_places *v6)
{
    v4->n = v6->n = 0;
    for (unsigned i = 0; i < p->n_head; i++) {
        const struct step *s = &p->step[i];
        if (s->op == OP_V6)
            add_place(v6, s->to, s->from);
        if (s->op == OP_V4 || s->op == OP_V4_V4)
            add_place(v4, s->to, s->from);
        if (s->op == OP_V4_V4)
            add_place(v4, s->to + sizeof(struct addr), s->from + 4u);
    }
}

static void tell_addresses(struct netflow *nf, const struct plan *p, struct cursor set,
                           const struct address_places *a, unsigned octets)
{
    struct expected e[EXPECTED_MAX];
    unsigned n = 0;
    while (a->n && cursor_left(&set) >= p->min_len && n + 2 <= EXPECTED_MAX) {
        const uint8_t *rec = cursor_take(&set, p->fixed);
        for (unsigned i = 0; i < a->n; i++)
            e[n++] = (struct expected){ rec + a->place[i].at, a->place[i].is_dst };
    }
    if (n)
        worker_expect(nf->w, &nf->r.f.peer_src_ip, octets, e, n);
}

/* Tells who looks addresses up what the set has: reading them one by one would wait for memory each time. */
static void look_ahead(struct netflow *nf, const struct plan *p, struct cursor set)
{
    struct address_places v4, v6;
    if (p->n_tail)
        return;
    find_places(p, &v4, &v6);
    tell_addresses(nf, p, set, &v4, 4);
    tell_addresses(nf, p, set, &v6, 16);
}

static void account(struct netflow *nf, const struct tmpl *t) { record_finish(nf, t->plan); }

static void account_option(struct netflow *nf, const struct tmpl *t)
{
    decode_option(nf, t);
    if (nf->c->account_options)
        record_finish(nf, t->plan);
}

static void unknown_template(struct netflow *nf, uint16_t id)
{
    struct exporter *x = nf->m.x;
    char agent[ADDR_TEXT];
    x->count[NF_COUNT_UNKNOWN_SETS]++;
    nf->m.lost_units = true;
    log_debug(nf->log, "Discarded NetFlow v9/IPFIX packet (R: unknown template %u [%s:%u])", id,
              addr_str(&x->s.from, agent), x->s.id);
    log_limited(
        nf->log, &x->say_unknown, LOG_LV_WARN,
        "data for template %u, which %s has not sent yet (version %u, source id %u): skipped until it does",
        id, addr_str(&x->s.from, agent), x->s.version, x->s.id);
}

/* RFC 7011 §3.3.1 wants zeros behind the last record; some sites take anything else for a broken set. */
static bool padding_refused(struct netflow *nf, const struct tmpl *t, struct cursor set)
{
    char agent[ADDR_TEXT];
    if (!nf->c->pre_processing_checks || t->plan->n_tail)
        return false;
    cursor_skip(&set, cursor_left(&set) / t->plan->fixed * t->plan->fixed);
    if (all_zero(set))
        return false;
    nf->m.x->count[NF_COUNT_PADDED_SETS]++;
    nf->m.lost_units = true;
    log_debug(nf->log, "Discarded NetFlow v9/IPFIX flowset (R: malformed non-zero %zu-byte padding [%s:%u]).",
              cursor_left(&set), addr_str(&nf->m.x->s.from, agent), nf->m.x->s.id);
    return true;
}

static void data_set(struct netflow *nf, uint16_t id, struct cursor set)
{
    struct exporter *x = nf->m.x;
    bool cut = false;
    struct tmpl *t = tmpl_find(&x->templates, id);
    if (!t || t->version != nf->m.version) {
        unknown_template(nf, id);
        if (nf->splits)
            split_set(nf, id, set, 1);
        return;
    }
    t->used = ++x->templates.clock;
    if (padding_refused(nf, t, set))
        return;
    nf->m.rate = nf->wants.classes & NEED_SAMPLING ? message_rate(nf, id) : 0;
    record_begin(nf, t);
    if (worker_looks_up(nf->w) && !t->options)
        look_ahead(nf, t->plan, set);
    const unsigned n =
        t->options ? read_records(nf, t, set, &cut, account_option) : read_records(nf, t, set, &cut, account);
    if (nf->splits && t->options)
        split_set(nf, id, set, n);
    nf->m.units += n;
    x->count[NF_COUNT_RECORDS] += n;
    x->count[t->options && !nf->c->account_options ? NF_COUNT_OPTIONS : NF_COUNT_ACCOUNTED] += n;
    if (n)
        exporters_prove(&nf->exporters, x);
    if (t->options)
        settle(nf);
    if (cut) {
        x->count[NF_COUNT_CUT_SETS]++;
        nf->m.lost_units = true;
        say_fault(nf, &x->s.say_fault, LOG_LV_INFO,
                  "unable to read next Data Flowset (incomplete NetFlow v9/IPFIX packet)");
    }
}

/* ---- sets */

enum nf_drop decode_sets(struct netflow *nf, struct cursor c)
{
    const uint8_t version = nf->m.version;
    while (cursor_left(&c) >= SET_HEADER) {
        const uint16_t id = cursor_u16(&c), len = cursor_u16(&c);
        if (len < SET_HEADER)
            return NF_DROP_SET_ZERO;
        const struct cursor set = cursor_sub(&c, (size_t)len - SET_HEADER);
        if (set.bad)
            return NF_DROP_SET_LENGTH;
        if (id >= FIRST_DATA_SET)
            data_set(nf, id, set);
        else if (is_templates(version, id) || is_options_templates(version, id))
            template_set(nf, id, set, is_options_templates(version, id));
        else
            nf->m.x->count[NF_COUNT_RESERVED_SETS]++;
    }
    return NF_DROP_NONE;
}
