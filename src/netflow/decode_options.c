/* SPDX-License-Identifier: BSD-2-Clause */
/* Options data records → the tables of the exporter. Called by decode_sets.c for each one, after its plan was
 * run. */
#include "netflow/decode.h"

static void set_address(struct addr *to, const struct record *r, const struct plan *p)
{
    static const uint8_t none[4];
    if (plan_has(p, SLOT_exporter4) && memcmp(r->exporter4.b + 12, none, 4))
        *to = r->exporter4;
    else if (plan_has(p, SLOT_exporter6))
        *to = r->exporter6;
}

/* By what the rate is to be found: a sampler's or selector's id, a template, an interface, or nothing at all.
 */
static void set_rate(struct options *o, const struct record *r, const struct plan *p)
{
    const uint32_t rate = sampling_rate_of(&r->sampling);
    if (rate == 0)
        return;
    if (plan_has(p, SLOT_selector))
        options_set_rate(o, OPTION_SELECTOR, r->sampling.selector, rate);
    else if (plan_has(p, SLOT_sampler))
        options_set_rate(o, OPTION_SAMPLER, r->sampling.sampler, rate);
    else if (plan_has(p, SLOT_template))
        options_set_rate(o, OPTION_TEMPLATE_RATE, r->sampling.tmpl, rate);
    else if (plan_has(p, SLOT_in_iface))
        options_set_rate(o, OPTION_IFACE_RATE, r->f.in_iface, rate);
    else
        options_set_rate(o, OPTION_SAMPLER, 0, rate);
}

static void set_names(struct options *o, const struct record *r, const struct plan *p)
{
    const uint32_t vrf[2] = { r->f.vrf_in, r->f.vrf_out };
    if (plan_has(p, SLOT_app_id) && plan_has(p, SLOT_app_name) && r->app_id.len)
        options_set_text(o, OPTION_APPLICATION, option_app_key(&r->app_id), r->app_name.p, r->app_name.len);
    if (plan_has(p, SLOT_in_iface) && plan_has(p, SLOT_if_name))
        options_set_text(o, OPTION_IFACE, r->f.in_iface, r->if_name.p, r->if_name.len);
    for (unsigned i = 0; i < 2; i++) {
        if (!plan_has(p, i ? SLOT_vrf_out : SLOT_vrf_in))
            continue;
        if (plan_has(p, SLOT_vrf_name))
            options_set_text(o, OPTION_VRF, vrf[i], r->vrf_name.p, r->vrf_name.len);
        if (plan_has(p, SLOT_rd))
            options_set_rd(o, vrf[i], &r->f.mpls_vpn_rd);
    }
}

void decode_option(struct netflow *nf, const struct tmpl *t)
{
    struct exporter *x = nf->m.x;
    const struct record *r = &nf->r;
    const struct plan *p = t->plan;
    const bool system = t->form->system || nf->c->disable_opt_scope_check;
    struct options *o = system ? &x->agent->options : &x->options;
    set_rate(o, r, p);
    set_names(o, r, p);
    set_address(system ? &x->agent->address : &x->address, r, p);
    if (plan_has(p, SLOT_sysinit) && r->t[T_SYSINIT])
        x->sysinit_us = r->t[T_SYSINIT];
}
