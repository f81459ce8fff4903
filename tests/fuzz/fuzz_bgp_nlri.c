/* SPDX-License-Identifier: BSD-2-Clause */
/* NLRI of one family: the first octet is its number in families.def, the second says how to read it. Each
 * route becomes text, and is written; what is written must be read as the same route. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bgp/evpn.h"
#include "bgp/nlri_json.h"
#include "bgp/text.h"
#include "bgp/update.h"
#include "bgp/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ADD_PATH = 1, MULTI_LABELS = 2, WITHDRAWN = 4 };

struct run {
    struct strbuf s;
    struct bgp_session_caps caps;
    enum bgp_family family;
    bool withdrawn;
    const struct rib_key *key; /* the one that was written */
    struct rib_octets labels;
    unsigned same;
};

static void compare(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct run *r = arg;
    const struct rib_key *was = r->key;
    r->same += k->bits == was->bits && k->path_id == was->path_id && !memcmp(k->addr, was->addr, 16) &&
               !memcmp(k->rd, was->rd, 8) && k->nlri.len == was->nlri.len &&
               (!k->nlri.len || !memcmp(k->nlri.p, was->nlri.p, k->nlri.len)) &&
               labels.len == r->labels.len && (!labels.len || !memcmp(labels.p, r->labels.p, labels.len));
}

static void route(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct run *r = arg;
    struct bgp_error e;
    struct evpn evpn;
    uint8_t nlri[8192];
    struct bgp_out o = { nlri, nlri + sizeof(nlri), false };
    strbuf_clear(&r->s);
    bgp_text_nlri(&r->s, k);
    bgp_text_labels(&r->s, labels);
    if (r->family == BGP_EVPN)
        (void)evpn_decode(k->nlri, labels, &evpn);
    bgp_nlri_json(&r->s, k, labels);
    (void)bgp_key_rd(k);
    bgp_write_nlri(&o, k, labels);
    if (o.full)
        return;
    r->key = k;
    r->labels = labels;
    r->same = 0;
    if (bgp_nlri_parse(nlri, (size_t)(o.p - nlri), r->family, r->withdrawn, &r->caps, compare, r, &e) != 0 ||
        r->same != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bgp_error e;
    if (size < 2 || size > BGP_MAX_EXTENDED)
        return 0;
    struct run r = { .family = (enum bgp_family)(data[0] % BGP_FAMILIES),
                     .withdrawn = data[1] & WITHDRAWN,
                     .caps = { .add_path = data[1] & ADD_PATH ? BGP_ALL_FAMILIES : 0,
                               .multi_labels = data[1] & MULTI_LABELS ? BGP_ALL_FAMILIES : 0 } };
    strbuf_init(&r.s, 1 << 16);
    (void)bgp_nlri_parse(data + 2, size - 2, r.family, r.withdrawn, &r.caps, route, &r, &e);
    strbuf_free(&r.s);
    return 0;
}
