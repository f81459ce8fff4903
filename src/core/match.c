/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes conditions from the rows of maps.def, and tests those that take more than a comparison. */
#include "core/match.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "config/mapfile.h"

/* What a value may be and how it is compared. */
enum how {
    HOW_NUMBER,
    HOW_HEX,
    HOW_PROTO,
    HOW_DIRECTION,
    HOW_ROA,
    HOW_ADDR,
    HOW_PREFIX,
    HOW_MAC,
    HOW_RD,
    HOW_CVLAN,
    HOW_VRF,
    HOW_MULTICAST,
    HOW_FWD,
    HOW_TRAIT,
    HOW_SAMPLE,
    HOW_REGEX,
    HOW_FILTER,
    HOW_COMMS,
};

struct match_key {
    const char *name, *daemons, *area;
    uint64_t lo, hi;
    uint16_t off, size; /* of the member in struct flow */
    uint16_t reads[2];
    uint8_t how;
    bool negatable;
};

#define MATCH(name_, how_, member, lo_, hi_, reads_, reads_too, negatable_, daemons_, area_, help)           \
    { .name = #name_,                                                                                        \
      .daemons = daemons_,                                                                                   \
      .area = area_,                                                                                         \
      .lo = lo_,                                                                                             \
      .hi = hi_,                                                                                             \
      .off = offsetof(struct flow, member),                                                                  \
      .size = sizeof(((struct flow *)0)->member),                                                            \
      .reads = { reads_, reads_too },                                                                        \
      .how = how_,                                                                                           \
      .negatable = negatable_ },
#define ACTION(...)
static const struct match_key keys[] = {
#include "core/maps.def"
};
#undef MATCH
#undef ACTION
enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

unsigned match_keys(void) { return N_KEYS; }
const char *match_key_name(unsigned key) { return keys[key].name; }
bool match_key_of_sender(unsigned key) { return keys[key].off == offsetof(struct flow, peer_src_ip); }

unsigned match_key_first(unsigned key)
{
    unsigned first = 0;
    while (keys[first].off != keys[key].off || keys[first].how != keys[key].how ||
           keys[first].lo != keys[key].lo)
        first++;
    return first;
}

void match_key_reads(unsigned key, struct fieldset *needs)
{
    fieldset_add(needs, keys[key].reads[0]);
    fieldset_add(needs, keys[key].reads[1]);
    if (keys[key].how == HOW_FILTER)
        filter_needs(needs);
}

/* ---- values */

static enum match_op op_of_size(unsigned size)
{
    return size == 1 ? MATCH_8 : size == 2 ? MATCH_16 : size == 4 ? MATCH_32 : MATCH_64;
}

static int set_number(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    m->op = (uint8_t)op_of_size(k->size);
    return map_number(k->name, value, k->lo, k->hi, &m->v[0], e);
}

static int set_proto(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    const int proto = proto_number(value);
    m->op = MATCH_8;
    if (proto < 0)
        return err_set(e, ERR_CONFIG,
                       "bad '%s' value: '%.64s': a number up to 255 or a name such as tcp is expected",
                       k->name, value);
    m->v[0] = (uint64_t)proto;
    return 0;
}

/* Flows count from 0, as element 61 does, packets from 1. */
static int set_direction(struct match *m, const struct match_key *k, const char *value, char daemon,
                         struct err *e)
{
    const bool flows = daemon == 'N' || daemon == 'S';
    m->op = MATCH_8;
    if (!strcmp(value, "in") || !strcmp(value, "out")) {
        m->v[0] = value[0] == 'i' ? DIRECTION_IN : DIRECTION_OUT;
        return 0;
    }
    if (map_number(k->name, value, flows ? 0 : 1, flows ? 1 : 2, &m->v[0], e) == -1)
        return -1;
    m->v[0] += flows;
    return 0;
}

static int set_roa(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    static const char words[] = "uivVU";
    const char *at = *value && !value[1] ? strchr(words, *value) : NULL;
    m->op = MATCH_8;
    if (!at)
        return err_set(e, ERR_CONFIG, "bad '%s' value: '%.64s': u, i, v, V or U is expected", k->name, value);
    m->v[0] = (uint64_t)(at - words);
    return 0;
}

static int set_addr(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    struct addr a;
    m->op = MATCH_ADDR;
    if (map_addr(k->name, value, &a, e) == -1)
        return -1;
    memcpy(m->v, &a, sizeof(a));
    return 0;
}

static int set_prefix(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    struct addr net;
    m->op = MATCH_PREFIX;
    if (map_prefix(k->name, value, &net, &m->bits, e) == -1)
        return -1;
    memcpy(m->v, &net, sizeof(net));
    return 0;
}

static int set_mac(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    uint8_t mac[6];
    m->op = MATCH_MAC;
    if (map_mac(k->name, value, mac, e) == -1)
        return -1;
    memcpy(&m->v[0], mac, sizeof(mac));
    return 0;
}

static int set_rd(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    uint8_t rd[8];
    m->op = MATCH_64;
    if (map_rd(k->name, value, rd, e) == -1)
        return -1;
    memcpy(&m->v[0], rd, sizeof(rd));
    return 0;
}

static int set_bool(struct match *m, const struct match_key *k, const char *value, enum match_op op,
                    struct err *e)
{
    bool b;
    m->op = (uint8_t)op;
    if (map_bool(k->name, value, &b, e) == -1)
        return -1;
    m->v[0] = b;
    m->v[1] = k->lo;
    return 0;
}

enum sample_kind { KIND_FLOW, KIND_IP4, KIND_IP6, KIND_MPLS4, KIND_MPLS6, KIND_EVENT, KIND_OPTION };

static int set_sample(struct match *m, const struct match_key *k, const char *value, char daemon,
                      struct err *e)
{
    static const char *const words[] = { "flow",           "flow-ipv4", "flow-ipv6", "flow-mpls-ipv4",
                                         "flow-mpls-ipv6", "event",     "option" };
    char enterprise[24];
    uint64_t vendor, format;
    const size_t len = strcspn(value, ":");
    if (daemon == 'S' && value[len] && len < sizeof(enterprise)) {
        memcpy(enterprise, value, len);
        enterprise[len] = '\0';
        m->op = MATCH_SAMPLE;
        if (map_number(k->name, enterprise, 0, (1 << 20) - 1, &vendor, e) == -1 ||
            map_number(k->name, value + len + 1, 0, (1 << 12) - 1, &format, e) == -1)
            return -1;
        m->v[0] = vendor << 12 | format;
        return 0;
    }
    m->op = MATCH_KIND;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(words[i], value)) {
            m->v[0] = i;
            return 0;
        }
    return err_set(
        e, ERR_CONFIG,
        "bad '%s' value: '%.64s': flow, flow-ipv4, flow-ipv6, flow-mpls-ipv4, flow-mpls-ipv6, event "
        "or option is expected%s",
        k->name, value, daemon == 'S' ? ", or enterprise:format" : "");
}

static int set_regex(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    char why[128];
    m->op = MATCH_REGEX;
    m->regex = malloc(sizeof(*m->regex));
    if (!m->regex)
        return err_sys(e, "no memory for a map");
    const int rc = regcomp(m->regex, value, REG_EXTENDED | REG_NOSUB);
    if (rc == 0)
        return 0;
    regerror(rc, m->regex, why, sizeof(why));
    free(m->regex);
    m->regex = NULL;
    return err_set(e, ERR_CONFIG, "bad '%s' value: '%.64s' is no regular expression: %s", k->name, value,
                   why);
}

static int set_filter(struct match *m, const char *value, struct err *e)
{
    struct err why;
    m->op = MATCH_FILTER;
    m->filter = filter_compile(value, &why);
    return m->filter ? 0 : err_set(e, ERR_CONFIG, "malformed filter: %s", why.text);
}

static int set_comms(struct match *m, const struct match_key *k, const char *value, struct err *e)
{
    char word[64];
    m->op = MATCH_COMMS;
    m->comms = calloc(1, strlen(value) + 2);
    if (!m->comms)
        return err_sys(e, "no memory for a map");
    char *to = m->comms;
    for (const char *at = value; at;) {
        if (!map_list_next(&at, word, sizeof(word)))
            return err_set(e, ERR_CONFIG,
                           "bad '%s' value: '%.64s': a list such as 64500:1,64500:2.. is expected", k->name,
                           value);
        const size_t len = strlen(word);
        memcpy(to, word, len);
        to += len + 1;
    }
    return 0;
}

static int set_value(struct match *m, const struct match_key *k, const char *value, char daemon,
                     struct err *e)
{
    switch ((enum how)k->how) {
    case HOW_NUMBER:
        return set_number(m, k, value, e);
    case HOW_HEX:
        m->op = MATCH_8;
        return map_hex(k->name, value, k->hi, &m->v[0], e);
    case HOW_PROTO:
        return set_proto(m, k, value, e);
    case HOW_DIRECTION:
        return set_direction(m, k, value, daemon, e);
    case HOW_ROA:
        return set_roa(m, k, value, e);
    case HOW_ADDR:
        return set_addr(m, k, value, e);
    case HOW_PREFIX:
        return set_prefix(m, k, value, e);
    case HOW_MAC:
        return set_mac(m, k, value, e);
    case HOW_RD:
        return set_rd(m, k, value, e);
    case HOW_CVLAN:
        m->op = MATCH_CVLAN;
        return map_number(k->name, value, k->lo, k->hi, &m->v[0], e);
    case HOW_VRF:
        m->op = MATCH_VRF;
        return map_number(k->name, value, k->lo, k->hi, &m->v[0], e);
    case HOW_MULTICAST:
        return set_bool(m, k, value, MATCH_MULTICAST, e);
    case HOW_FWD:
        m->op = MATCH_FWD;
        return map_number(k->name, value, k->lo, k->hi, &m->v[0], e);
    case HOW_TRAIT:
        return set_bool(m, k, value, MATCH_TRAIT, e);
    case HOW_SAMPLE:
        return set_sample(m, k, value, daemon, e);
    case HOW_REGEX:
        return set_regex(m, k, value, e);
    case HOW_FILTER:
        return set_filter(m, value, e);
    case HOW_COMMS:
        return set_comms(m, k, value, e);
    }
    return -1;
}

int match_make(struct match *m, unsigned key, const char *value, char daemon, struct err *e)
{
    const struct match_key *k = &keys[key];
    *m = (struct match){ .key = (uint16_t)match_key_first(key), .off = k->off };
    if (!strchr(k->daemons, daemon))
        return err_set(e, ERR_CONFIG, "key '%s' not applicable: what this daemon reads has none", k->name);
    if (k->area)
        return err_set(e, ERR_UNSUPPORTED, "'%s' needs %s, which this build does not have", k->name, k->area);
    const char *rest = map_negation(value, &m->negated);
    if (m->negated && !k->negatable)
        return err_set(e, ERR_CONFIG, "bad '%s' value: '%.64s': this key cannot be negated", k->name, value);
    if (set_value(m, k, rest, daemon, e) == 0)
        return 0;
    match_free(m);
    return -1;
}

void match_free(struct match *m)
{
    if (m->op == MATCH_REGEX && m->regex) {
        regfree(m->regex);
        free(m->regex);
    } else if (m->op == MATCH_FILTER) {
        filter_free(m->filter);
    } else if (m->op == MATCH_COMMS) {
        free(m->comms);
    }
    m->filter = NULL;
}

/* ---- names: an expression is run once for each name, not for each flow */

enum { REMEMBERED = 1024 }; /* answers, a power of two */

struct match_memory {
    uint64_t seen[REMEMBERED]; /* hash of expression and name; its lowest bit is the answer. 0: free */
};

struct match_memory *match_memory_new(void) { return calloc(1, sizeof(struct match_memory)); }
void match_memory_free(struct match_memory *m) { free(m); }

static bool run_regex(const regex_t *re, const struct var *name)
{
    char text[256];
    const uint32_t len = name->len < sizeof(text) ? name->len : sizeof(text) - 1;
    if (len)
        memcpy(text, name->p, len);
    text[len] = '\0';
    return regexec(re, text, 0, NULL, 0) == 0;
}

static bool test_regex(const struct match *m, const struct flow *f, struct match_memory *mem)
{
    const struct var *name = (const struct var *)((const char *)f + m->off);
    if (name->len == 0)
        return false;
    const uint64_t hash = XXH3_64bits_withSeed(name->p, name->len, (uintptr_t)m->regex);
    uint64_t *place = &mem->seen[hash >> 32 & (REMEMBERED - 1)];
    if ((*place | 1) == (hash | 1) && *place)
        return *place & 1;
    const bool is = run_regex(m->regex, name);
    *place = (hash & ~UINT64_C(1)) | is;
    return is;
}

/* ---- the other slow ones */

static bool word_is(const char *pattern, const char *word, size_t len)
{
    if (strlen(pattern) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (pattern[i] != '.' && pattern[i] != word[i])
            return false;
    return true;
}

/* Is one of the flow's communities (text, parted by blanks or underscores) like one of the patterns? */
static bool test_comms(const struct match *m, const struct flow *f)
{
    const struct var *list = (const struct var *)((const char *)f + m->off);
    const char *at = list->p, *end = list->len ? at + list->len : at;
    while (at < end) {
        const char *word = at;
        while (at < end && *at != ' ' && *at != '_' && *at != ',')
            at++;
        for (const char *p = m->comms; *p; p += strlen(p) + 1)
            if (word_is(p, word, (size_t)(at - word)))
                return true;
        at++;
    }
    return false;
}

static bool test_kind(uint64_t kind, const struct flow *f)
{
    switch ((enum sample_kind)kind) {
    case KIND_FLOW:
        return f->kind == FLOW_TRAFFIC;
    case KIND_IP4:
        return f->kind == FLOW_TRAFFIC && f->etype == 0x0800;
    case KIND_IP6:
        return f->kind == FLOW_TRAFFIC && f->etype == 0x86dd;
    case KIND_MPLS4:
        return f->kind == FLOW_TRAFFIC && f->etype == 0x0800 && f->mpls_label_top;
    case KIND_MPLS6:
        return f->kind == FLOW_TRAFFIC && f->etype == 0x86dd && f->mpls_label_top;
    case KIND_EVENT:
        return f->kind == FLOW_EVENT;
    case KIND_OPTION:
        return f->kind == FLOW_OPTION;
    }
    return false;
}

bool match_slowly(const struct match *m, const struct flow *f, struct match_memory *mem)
{
    switch ((enum match_op)m->op) {
    case MATCH_CVLAN:
        return (f->in_cvlan ? f->in_cvlan : f->out_cvlan) == m->v[0];
    case MATCH_VRF:
        return f->vrf_in == m->v[0] || f->vrf_out == m->v[0];
    case MATCH_MULTICAST:
        return (f->dst_mac.b[0] & 1) == m->v[0];
    case MATCH_FWD:
        return m->v[0] & 0x3f ? f->fwd_status == m->v[0] : f->fwd_status >> 6 == m->v[0] >> 6;
    case MATCH_TRAIT:
        return ((f->traits & m->v[1]) != 0) == m->v[0];
    case MATCH_KIND:
        return test_kind(m->v[0], f);
    case MATCH_SAMPLE:
        return f->sample_type == m->v[0];
    case MATCH_REGEX:
        return test_regex(m, f, mem);
    case MATCH_FILTER:
        return filter_match(m->filter, f);
    case MATCH_COMMS:
        return test_comms(m, f);
    default:
        return false;
    }
}
