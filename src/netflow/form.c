/* SPDX-License-Identifier: BSD-2-Clause */
/* Forms of templates: found by their fields, compiled once, counted. Called by tmpl.c and exporter.c. */
#include "netflow/form.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

enum { ENTERPRISE = 0x8000, SLOTS_MIN = 16 };

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

struct tmpl_field form_next_field(struct cursor *c, uint8_t version, bool scope)
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

unsigned form_fields(const struct form *f, struct tmpl_field *out, unsigned max)
{
    struct cursor c = cursor_of(f->raw, f->raw_len);
    for (unsigned i = 0; i < f->n_fields && i < max; i++) {
        out[i] = form_next_field(&c, f->version, i < f->n_scope);
        resolve(&out[i], f->version);
    }
    return f->n_fields;
}

/* Options about the exporter as a whole: v9 says so; in IPFIX it is what a scope other than the domain cannot
 * mean, so it is never said. */
static bool about_system(const struct form *f, const struct tmpl_field *field)
{
    for (unsigned i = 0; f->options && f->version == 9 && i < f->n_scope; i++)
        if (field[i].id == V9_SCOPE_SYSTEM)
            return true;
    return false;
}

/* ---- one form */

bool form_is(const struct form *f, const struct form_key *k)
{
    return f->version == k->version && f->options == k->options && f->n_fields == k->n_fields &&
           f->n_scope == k->n_scope && f->raw_len == k->len && !memcmp(f->raw, k->p, k->len);
}

size_t form_size(const struct form *f)
{
    return sizeof(*f) + f->raw_len + (f->plan ? plan_size(f->plan) : 0);
}

static int compile(struct form *f, const struct wants *w, struct err *e)
{
    struct tmpl_field *field = calloc(f->n_fields, sizeof(*field));
    if (!field)
        return err_set(e, ERR_LIMIT, "out of memory");
    form_fields(f, field, f->n_fields);
    plan_free(f->plan);
    f->plan = plan_compile(field, f->n_fields, f->version, w, e);
    f->system = about_system(f, field);
    free(field);
    return f->plan ? 0 : -1;
}

static void form_free(struct form *f)
{
    plan_free(f->plan);
    free(f);
}

static struct form *form_make(const struct form_key *k, const struct wants *w, struct err *e)
{
    struct form *f = calloc(1, sizeof(*f) + k->len);
    if (!f) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    f->version = k->version;
    f->options = k->options;
    f->n_fields = k->n_fields;
    f->n_scope = k->n_scope;
    f->raw_len = k->len;
    memcpy(f->raw, k->p, k->len);
    if (compile(f, w, e) == 0)
        return f;
    form_free(f);
    return NULL;
}

/* ---- all of them */

static uint32_t hash_of(const struct form_key *k)
{
    return (uint32_t)hash_bytes(k->p, k->len) + k->n_scope * 2u + k->options;
}

/* Where the form of these fields is, or would be. */
static uint32_t place(const struct forms *all, uint32_t hash, const struct form_key *k)
{
    uint32_t i = hash & (all->cap - 1);
    while (all->slot[i] && (all->slot[i]->hash != hash || !form_is(all->slot[i], k)))
        i = (i + 1) & (all->cap - 1);
    return i;
}

static uint32_t free_place(const struct forms *all, uint32_t hash)
{
    uint32_t i = hash & (all->cap - 1);
    while (all->slot[i])
        i = (i + 1) & (all->cap - 1);
    return i;
}

static int grow(struct forms *all)
{
    struct forms more = { .n = all->n, .cap = all->cap ? all->cap * 2 : SLOTS_MIN };
    more.slot = calloc(more.cap, sizeof(struct form *));
    if (!more.slot)
        return -1;
    for (uint32_t i = 0; i < all->cap; i++)
        if (all->slot[i])
            more.slot[free_place(&more, all->slot[i]->hash)] = all->slot[i];
    free(all->slot);
    *all = more;
    return 0;
}

struct form *form_get(struct forms *all, const struct form_key *k, const struct wants *w, struct err *e)
{
    const uint32_t hash = hash_of(k);
    if ((all->n + 1) * 2 > all->cap && grow(all) < 0) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    const uint32_t i = place(all, hash, k);
    struct form *f = all->slot[i];
    if (!f) {
        f = form_make(k, w, e);
        if (!f)
            return NULL;
        f->home = all;
        f->hash = hash;
        all->slot[i] = f;
        all->n++;
    }
    f->uses++;
    return f;
}

/* Takes the form at i out and moves those that were pushed past it back (linear probing). */
static void take_out(struct forms *all, uint32_t i)
{
    const uint32_t mask = all->cap - 1;
    all->slot[i] = NULL;
    all->n--;
    for (uint32_t j = (i + 1) & mask; all->slot[j]; j = (j + 1) & mask) {
        const uint32_t home = all->slot[j]->hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            all->slot[i] = all->slot[j];
            all->slot[j] = NULL;
            i = j;
        }
    }
}

void form_put(struct form *f)
{
    struct forms *all = f->home;
    if (--f->uses)
        return;
    uint32_t i = f->hash & (all->cap - 1);
    while (all->slot[i] != f)
        i = (i + 1) & (all->cap - 1);
    take_out(all, i);
    form_free(f);
}

void forms_recompile(struct forms *all, const struct wants *w, const struct wants *options)
{
    for (uint32_t i = 0; i < all->cap; i++)
        if (all->slot[i])
            (void)compile(all->slot[i], all->slot[i]->options ? options : w, NULL);
}

void forms_free(struct forms *all)
{
    free(all->slot);
    *all = (struct forms){ 0 };
}
