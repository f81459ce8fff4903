/* SPDX-License-Identifier: BSD-2-Clause */
/* Template records: read, recognised when repeated, compiled, kept. Called by decode_sets.c. */
#include "netflow/tmpl.h"

#include <stdlib.h>
#include <string.h>

enum { ENTERPRISE = 0x8000 };

/* NetFlow v9 has a code table of its own for scopes (RFC 3954 §6.1). */
enum { V9_SCOPE_SYSTEM = 1, V9_SCOPE_INTERFACE = 2, V9_SCOPE_TEMPLATE = 5 };

/* ---- fields */

static void resolve(struct tmpl_field *f, uint8_t version)
{
    if (version == 10) {
        f->el = element_find(f->pen, f->id);
        return;
    }
    if (!f->scope) {
        f->el = element_find_v9(f->id);
        return;
    }
    f->el = f->id == V9_SCOPE_INTERFACE  ? element_find(0, 10)
            : f->id == V9_SCOPE_TEMPLATE ? element_find(0, 145)
                                         : NULL;
}

static struct tmpl_field next_field(struct cursor *c, uint8_t version, bool scope)
{
    struct tmpl_field f = { .scope = scope };
    f.id = cursor_u16(c);
    f.len = cursor_u16(c);
    if (version == 10 && f.id & ENTERPRISE) {
        f.id &= (uint16_t)~ENTERPRISE;
        f.pen = cursor_u32(c);
    }
    return f;
}

static unsigned read_fields(struct cursor *c, uint8_t version, unsigned n, unsigned n_scope,
                            struct tmpl_field *out, unsigned max)
{
    for (unsigned i = 0; i < n && i < max; i++) {
        out[i] = next_field(c, version, i < n_scope);
        resolve(&out[i], version);
    }
    return n;
}

unsigned tmpl_fields(const struct tmpl *t, struct tmpl_field *out, unsigned max)
{
    struct cursor c = cursor_of(t->raw, t->raw_len);
    return read_fields(&c, t->version, t->n_fields, t->n_scope, out, max);
}

/* Options about the exporter as a whole: v9 says so; in IPFIX it is what a scope other than the domain cannot
 * mean, so it is never said. */
static bool about_system(const struct tmpl_field *f, const struct tmpl_record *rec)
{
    for (unsigned i = 0; i < rec->n_scope; i++)
        if (rec->version == 9 && f[i].id == V9_SCOPE_SYSTEM)
            return true;
    return false;
}

/* ---- the table */

static uint32_t place(const struct tmpl_table *t, uint16_t id)
{
    uint32_t i = id & (t->cap - 1);
    while (t->slot[i] && t->slot[i]->id != id)
        i = (i + 1) & (t->cap - 1);
    return i;
}

static size_t size_of(const struct tmpl *x) { return sizeof(*x) + x->raw_len + plan_size(x->plan); }

static void tmpl_free(struct tmpl *x)
{
    plan_free(x->plan);
    free(x);
}

/* Takes the entry at i out and moves those that were pushed past it back (linear probing). */
static void take_out(struct tmpl_table *t, uint32_t i)
{
    const uint32_t mask = t->cap - 1;
    t->memory -= size_of(t->slot[i]);
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
    t->memory += size_of(x);
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
        (void)next_field(&rec->fields, rec->version, false);
    *len = (size_t)(rec->fields.p - p);
    return rec->fields.bad ? NULL : p;
}

static bool same(const struct tmpl *x, const struct tmpl_record *rec, const uint8_t *raw, size_t len)
{
    return x && x->version == rec->version && x->options == rec->options && x->n_fields == rec->n_fields &&
           x->n_scope == rec->n_scope && x->raw_len == len && !memcmp(x->raw, raw, len);
}

static struct tmpl *make(const struct tmpl_record *rec, const uint8_t *raw, size_t len, const struct wants *w,
                         struct err *e)
{
    struct cursor c = cursor_of(raw, len);
    struct tmpl_field *f = calloc(rec->n_fields, sizeof(*f));
    struct tmpl *x = calloc(1, sizeof(*x) + len);
    if (!f || !x) {
        err_set(e, ERR_LIMIT, "out of memory");
        goto bad;
    }
    x->id = rec->id;
    x->version = rec->version;
    x->options = rec->options;
    x->n_fields = (uint16_t)rec->n_fields;
    x->n_scope = (uint16_t)rec->n_scope;
    x->raw_len = (uint32_t)len;
    memcpy(x->raw, raw, len);
    read_fields(&c, rec->version, rec->n_fields, rec->n_scope, f, rec->n_fields);
    x->system = rec->options && about_system(f, rec);
    x->plan = plan_compile(f, rec->n_fields, rec->version, w, e);
    if (!x->plan)
        goto bad;
    free(f);
    return x;
bad:
    free(f);
    free(x);
    return NULL;
}

static struct plan *compile_again(const struct tmpl *x, const struct wants *w)
{
    struct tmpl_field *f = calloc(x->n_fields, sizeof(*f));
    if (!f)
        return NULL;
    tmpl_fields(x, f, x->n_fields);
    struct plan *p = plan_compile(f, x->n_fields, x->version, w, NULL);
    free(f);
    return p;
}

void tmpl_recompile(struct tmpl_table *t, const struct wants *w, const struct wants *options)
{
    for (uint32_t i = 0; i < t->cap;) {
        struct tmpl *x = t->slot[i];
        struct plan *p = x ? compile_again(x, x->options ? options : w) : NULL;
        if (x && !p) {
            take_out(t, i); /* another one may have moved here */
            continue;
        }
        if (x) {
            t->memory += plan_size(p) - plan_size(x->plan);
            plan_free(x->plan);
            x->plan = p;
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

enum tmpl_verdict tmpl_learn(struct tmpl_table *t, struct tmpl_record *rec, const struct wants *w,
                             unsigned max, bool *evicted, struct tmpl **out, struct err *e)
{
    size_t len;
    struct tmpl *old = tmpl_find(t, rec->id), *x = NULL;
    const uint8_t *raw = specifiers(rec, &len);
    *out = NULL;
    *evicted = false;
    if (raw && same(old, rec, raw, len)) {
        *out = old;
        return TMPL_SAME;
    }
    if (!raw)
        err_set(e, ERR_FORMAT, "%u fields run past the end of the set", rec->n_fields);
    else if (rec->n_fields == 0 || rec->n_scope > rec->n_fields)
        err_set(e, ERR_FORMAT, "%u fields, %u of them scope", rec->n_fields, rec->n_scope);
    else
        x = make(rec, raw, len, w, e);
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
