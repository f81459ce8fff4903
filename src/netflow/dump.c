/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of a new or changed template in the log, with debug only. Called by decode_sets.c. */
#include "netflow/decode.h"

#include <stdio.h>
#include <stdlib.h>

/* A name with its number, or the number alone where the element is not known. */
static void field_name(const struct tmpl_field *f, char *buf, size_t size)
{
    if (f->el)
        snprintf(buf, size, "%s [%u]", f->el->name, f->id);
    else
        snprintf(buf, size, "%s%u", f->scope ? "scope " : "", f->id);
}

static void dump_fields(const struct log *log, const struct tmpl_field *f, unsigned n)
{
    char name[96], offset[12] = "0", size[12];
    uint32_t at = 0;
    bool fixed = true;
    for (unsigned i = 0; i < n; i++) {
        const bool var = f[i].len == ELEMENT_VAR;
        field_name(&f[i], name, sizeof(name));
        if (fixed)
            snprintf(offset, sizeof(offset), "%u", at);
        else
            snprintf(offset, sizeof(offset), "tbd");
        if (var)
            snprintf(size, sizeof(size), "vlen");
        else
            snprintf(size, sizeof(size), "%u", f[i].len);
        log_at(log, LOG_LV_DEBUG, "| %10u | %-26s | %6s | %6s |", f[i].pen, name, offset, size);
        fixed &= !var;
        at += f[i].len;
    }
}

void dump_template(const struct netflow *nf, const struct tmpl *t)
{
    const struct log *log = nf->log;
    char agent[ADDR_TEXT];
    if (!log->debug)
        return;
    struct tmpl_field *f = calloc(t->form->n_fields, sizeof(*f));
    if (!f)
        return;
    const unsigned n = form_fields(t->form, f, t->form->n_fields), v = t->version;
    log_at(log, LOG_LV_DEBUG, "NfV%u agent         : %s:%u", v, addr_str(&nf->m.x->s.from, agent),
           nf->m.x->s.id);
    log_at(log, LOG_LV_DEBUG, "NfV%u template type : %s", v, t->options ? "options" : "flow");
    log_at(log, LOG_LV_DEBUG, "NfV%u template ID   : %u", v, t->id);
    log_at(log, LOG_LV_DEBUG, "-------------------------------------------------------------");
    log_at(log, LOG_LV_DEBUG, "|    pen     |         field type         | offset |  size  |");
    dump_fields(log, f, n);
    log_at(log, LOG_LV_DEBUG, "-------------------------------------------------------------");
    if (t->plan->n_tail)
        log_at(log, LOG_LV_DEBUG, "Netflow V9/IPFIX record size : tbd");
    else
        log_at(log, LOG_LV_DEBUG, "Netflow V9/IPFIX record size : %u", t->plan->fixed);
    free(f);
}
