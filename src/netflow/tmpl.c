/* SPDX-License-Identifier: BSD-2-Clause */
/* Template records: read, recognised when repeated, kept. Called by decode_sets.c. */
#include "netflow/tmpl.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table */

static uint32_t place(const struct tmpl_table *t, uint16_t id)
{
    uint32_t i = id & (t->cap - 1);
    while (t->slot[i] && t->slot[i]->id != id)
        i = (i + 1) & (t->cap - 1);
    return i;
}

static void count_memory(struct tmpl_table *t, struct tmpl *x)
{
    t->memory -= x->counted;
    x->counted = sizeof(*x) + form_size(x->form);
    t->memory += x->counted;
}

static void tmpl_free(struct tmpl *x)
{
    form_put(x->form);
    free(x);
}

/* Takes the entry at i out and moves those that were pushed past it back (linear probing). */
static void take_out(struct tmpl_table *t, uint32_t i)
{
    const uint32_t mask = t->cap - 1;
    t->memory -= t->slot[i]->counted;
    tmpl_free(t->slot[i]);
    t->slot[i] = NULL;
    t->n--;
    for (uint32_t j = (i + 1) & mask; t->slot[j]; j = (j + 1) & mask) {
        const uint32_t home = t->slot[j]->id & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            t->slot[i] = t->slot[j];
            t->slot[j] = NULL;
            i = j;
        }
    }
}

void tmpl_forget(struct tmpl_table *t, uint16_t id)
{
    if (t->cap == 0)
        return;
    const uint32_t i = place(t, id);
    if (t->slot[i])
        take_out(t, i);
}

static void forget_oldest(struct tmpl_table *t)
{
    uint32_t oldest = 0;
    bool found = false;
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->slot[i] && (!found || t->slot[i]->used < t->slot[oldest]->used)) {
            oldest = i;
            found = true;
        }
    if (found)
        take_out(t, oldest);
}

static int grow(struct tmpl_table *t)
{
    struct tmpl_table more = {
        .cap = t->cap ? t->cap * 2 : 8, .n = t->n, .clock = t->clock, .memory = t->memory
    };
    more.slot = calloc(more.cap, sizeof(struct tmpl *));
    if (!more.slot)
        return -1;
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->slot[i])
            more.slot[place(&more, t->slot[i]->id)] = t->slot[i];
    more.memory += (more.cap - t->cap) * sizeof(struct tmpl *);
    free(t->slot);
    *t = more;
    return 0;
}

static int enter(struct tmpl_table *t, struct tmpl *x, unsigned max, bool *evicted)
{
    tmpl_forget(t, x->id);
    if (t->n >= max) {
        forget_oldest(t);
        *evicted = true;
    }
    if ((t->n + 1) * 2 > t->cap && grow(t) < 0)
        return -1;
    t->slot[place(t, x->id)] = x;
    t->n++;
    count_memory(t, x);
    x->used = ++t->clock;
    return 0;
}

void tmpl_table_free(struct tmpl_table *t)
{
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->slot[i])
            tmpl_free(t->slot[i]);
    free(t->slot);
    *t = (struct tmpl_table){ 0 };
}

/* ---- learning */

/* The octets of the field specifiers, or NULL when they run past the end; rec->fields moves behind them. */
static const uint8_t *specifiers(struct tmpl_record *rec, size_t *len)
{
    const uint8_t *p = rec->fields.p;
    for (unsigned i = 0; i < rec->n_fields && !rec->fields.bad; i++)
        (void)form_next_field(&rec->fields, rec->version, false);
    *len = (size_t)(rec->fields.p - p);
    return rec->fields.bad ? NULL : p;
}

static struct tmpl *make(struct forms *forms, uint16_t id, const struct form_key *k, const struct wants *w,
                         struct err *e)
{
    struct form *f = form_get(forms, k, w, e);
    if (!f)
        return NULL;
    struct tmpl *x = calloc(1, sizeof(*x));
    if (!x) {
        form_put(f);
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    x->id = id;
    x->version = k->version;
    x->options = k->options;
    x->form = f;
    x->plan = f->plan;
    return x;
}

void tmpl_renew(struct tmpl_table *t)
{
    for (uint32_t i = 0; i < t->cap;) {
        struct tmpl *x = t->slot[i];
        if (x && !x->form->plan) {
            take_out(t, i); /* another one may have moved here */
            continue;
        }
        if (x) {
            x->plan = x->form->plan;
            count_memory(t, x);
        }
        i++;
    }
}

uint32_t tmpl_expire(struct tmpl_table *t, uint32_t now_s, uint32_t after_s)
{
    const uint32_t before = t->n;
    for (uint32_t i = 0; i < t->cap;)
        if (t->slot[i] && now_s - t->slot[i]->seen_s > after_s)
            take_out(t, i); /* another one may have moved here */
        else
            i++;
    return before - t->n;
}

enum tmpl_verdict tmpl_learn(struct tmpl_table *t, struct forms *forms, struct tmpl_record *rec,
                             const struct wants *w, unsigned max, bool *evicted, struct tmpl **out,
                             struct err *e)
{
    size_t len;
    struct tmpl *old = tmpl_find(t, rec->id), *x = NULL;
    const uint8_t *raw = specifiers(rec, &len);
    const struct form_key k = { .p = raw,
                                .len = (uint32_t)len,
                                .n_fields = (uint16_t)rec->n_fields,
                                .n_scope = (uint16_t)rec->n_scope,
                                .version = rec->version,
                                .options = rec->options };
    *out = NULL;
    *evicted = false;
    if (raw && old && form_is(old->form, &k)) {
        *out = old;
        return TMPL_SAME;
    }
    if (!raw)
        err_set(e, ERR_FORMAT, "%u fields run past the end of the set", rec->n_fields);
    else if (rec->n_fields == 0 || rec->n_scope > rec->n_fields)
        err_set(e, ERR_FORMAT, "%u fields, %u of them scope", rec->n_fields, rec->n_scope);
    else
        x = make(forms, rec->id, &k, w, e);
    if (!x) {
        tmpl_forget(t, rec->id);
        return TMPL_BAD;
    }
    const bool changed = old != NULL;
    if (enter(t, x, max, evicted) < 0) {
        tmpl_free(x);
        err_set(e, ERR_LIMIT, "out of memory");
        return TMPL_BAD;
    }
    *out = x;
    return changed ? TMPL_CHANGED : TMPL_NEW;
}
