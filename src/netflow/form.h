/* SPDX-License-Identifier: BSD-2-Clause */
/* What templates of the same fields have in common: the field specifiers and the plan compiled from them. A
 * thousand exporters of one make send the same templates; they share a form, which stays in the caches. One
 * set of forms a decoder, whose thread alone touches it. Called by tmpl.c and exporter.c. */
#ifndef NETFLOW_FORM_H
#define NETFLOW_FORM_H

#include "netflow/plan.h"

struct form {
    struct plan *plan; /* NULL: forms_recompile had no memory */
    struct forms *home;
    uint32_t hash, uses;
    uint32_t raw_len;
    uint16_t n_fields, n_scope; /* scope fields are the first of them */
    uint8_t version;            /* 9 or 10 */
    bool options;
    bool system;   /* options about the system as a whole */
    uint8_t raw[]; /* field specifiers as they came: a repeated template is known again by them */
};

/* Open addressing. Zeroed: empty. */
struct forms {
    struct form **slot;
    uint32_t n, cap;
};

/* The fields of a template as they came in a message: n_fields specifiers in `len` octets at p. */
struct form_key {
    const uint8_t *p;
    uint32_t len;
    uint16_t n_fields, n_scope;
    uint8_t version;
    bool options;
};

bool form_is(const struct form *f, const struct form_key *k);

/* The form of these fields, compiled for w if it is new; to be given back by form_put. `w` is the same for
 * all of one kind (data or options) until forms_recompile. NULL: e says why (ERR_FORMAT, ERR_LIMIT). */
struct form *form_get(struct forms *all, const struct form_key *k, const struct wants *w, struct err *e);
void form_put(struct form *f);

/* Octets of memory. */
size_t form_size(const struct form *f);

/* Reads a field specifier; its element is not looked up. */
struct tmpl_field form_next_field(struct cursor *c, uint8_t version, bool scope);

/* The fields again: writes at most `max` of them, returns how many there are. */
unsigned form_fields(const struct form *f, struct tmpl_field *fields, unsigned max);

/* Compiles all again, since what is wanted has changed: data of templates for w, of options templates for
 * `options`. Of those for which there is no memory the plan is NULL: who uses them gives them back at once.
 */
void forms_recompile(struct forms *all, const struct wants *w, const struct wants *options);

/* When all forms have been given back. */
void forms_free(struct forms *all);

#endif
