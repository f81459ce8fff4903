/* SPDX-License-Identifier: BSD-2-Clause */
/* An UPDATE behind an octet that says what was negotiated. Attributes and routes become text; each route is
 * written as an UPDATE of its own, which must be read again as one route. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bgp/nlri_json.h"
#include "bgp/text.h"
#include "bgp/update.h"
#include "bgp/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AS4 = 1, ADD_PATH = 2, MULTI_LABELS = 4, EXTERNAL = 8, KEEP_ALL = 16 };

struct run {
    struct strbuf s;
    struct rib_attrs a;
    struct bgp_session_caps caps;
    unsigned routes, read;
};

static void attrs(void *arg, const struct rib_attrs *a)
{
    struct run *r = arg;
    r->a = *a;
    strbuf_clear(&r->s);
    bgp_text_as_path(&r->s, a->as_path);
    for (uint32_t at = 0; bgp_text_as_path_part(&r->s, a->as_path, &at);) {
    }
    bgp_text_comms(&r->s, a->comms);
    bgp_text_ext_comms(&r->s, a->ext_comms);
    bgp_text_lrg_comms(&r->s, a->lrg_comms);
    bgp_others_json(&r->s, a->others);
}

static void route(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct run *r = arg;
    strbuf_clear(&r->s);
    bgp_text_nlri(&r->s, k);
    bgp_text_labels(&r->s, labels);
    r->routes++;
}

static void none(void *arg, const struct rib_attrs *a)
{
    (void)arg;
    (void)a;
}

static void count(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct run *r = arg;
    (void)k;
    (void)labels;
    r->read++;
}

static void end(void *arg, uint16_t afi, uint8_t safi)
{
    (void)arg;
    (void)afi;
    (void)safi;
}

static void announce(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    static const struct bgp_update_ops again = { none, count, count, end };
    static uint8_t msg[2 * BGP_MAX_EXTENDED];
    struct run *r = arg;
    struct bgp_out o = { msg, msg + sizeof(msg), false };
    struct bgp_error e;
    route(arg, k, labels);
    if (r->routes > 4)
        return;
    bgp_write_update(&o, &r->a, k, labels);
    if (o.full)
        return;
    struct bgp_session_caps caps = r->caps;
    caps.as4 = true;
    unsigned before = r->read;
    if (bgp_update_parse(msg, (size_t)(o.p - msg), &caps, &again, r, &e) != 0 || r->read != before + 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bgp_update_ops ops = { attrs, announce, route, end };
    struct bgp_error e;
    if (size < 1 + BGP_HEADER || size > 1 + BGP_MAX_EXTENDED)
        return 0;
    struct run r = { .caps = { .as4 = data[0] & AS4,
                               .families = BGP_ALL_FAMILIES,
                               .add_path = data[0] & ADD_PATH ? BGP_ALL_FAMILIES : 0,
                               .multi_labels = data[0] & MULTI_LABELS ? BGP_ALL_FAMILIES : 0,
                               .external = data[0] & EXTERNAL,
                               .keep_all = data[0] & KEEP_ALL } };
    strbuf_init(&r.s, 1 << 20);
    int rc = bgp_update_parse(data + 1, size - 1, &r.caps, &ops, &r, &e);
    if ((rc == -1) != (e.action == BGP_RESET) || (e.action != BGP_NO_FAULT && !e.what))
        abort();
    strbuf_free(&r.s);
    return 0;
}
