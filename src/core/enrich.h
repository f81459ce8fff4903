/* SPDX-License-Identifier: BSD-2-Clause */
/* What is added to a flow between decoding and projection. A row a step; only steps that some plugin needs
 * run. */
#ifndef CORE_ENRICH_H
#define CORE_ENRICH_H

#include "config/config.h"
#include "core/fields.h"

enum { ENRICH_MAX = 16 };

struct enrichment {
    unsigned n;
    void (*run[ENRICH_MAX])(struct flow *f);
};

/* Chooses the steps for what is needed, and adds to *needs what those steps read. */
void enrich_make(struct enrichment *en, struct fieldset *needs, const struct config *c);

#endif
