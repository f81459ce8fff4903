/* SPDX-License-Identifier: BSD-2-Clause */
/* The table made from fields.def, and what is said in its words: `aggregate`, the list of -a, names of IP
 * protocols. Used at start-up only. */
#include "core/fields.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/nearest.h"
#include "core/custom.h"

const struct field fields[FIELD_MAX] = {
#define FIELD(NAME, KIND, GROUP, DAEMONS, TITLE, W, JSON, CLIENT, JR, CR, SR, LR, SQL, FLAGS, TEXT)          \
    [FIELD_##NAME] = { .name = #NAME,                                                                        \
                       .daemons = DAEMONS,                                                                   \
                       .title = TITLE,                                                                       \
                       .json = JSON,                                                                         \
                       .json_client = CLIENT,                                                                \
                       .sql = SQL,                                                                           \
                       .text = TEXT,                                                                         \
                       .off = offsetof(struct flow, NAME),                                                   \
                       .size = sizeof(((struct flow *)0)->NAME),                                             \
                       .kind = FK_##KIND,                                                                    \
                       .group = FG_##GROUP,                                                                  \
                       .width = W,                                                                           \
                       .flags = FLAGS,                                                                       \
                       .json_rank = JR,                                                                      \
                       .client_rank = CR,                                                                    \
                       .sql_rank = SR,                                                                       \
                       .list_rank = LR },
#include "core/fields.def"
#undef FIELD
};

/* The proof that each row's kind is the kind of its member: outputs load values by the kind alone. */
#define TYPE_U8 uint8_t
#define TYPE_U16 uint16_t
#define TYPE_U32 uint32_t
#define TYPE_U64 uint64_t
#define TYPE_ASN uint32_t
#define TYPE_ETYPE uint16_t
#define TYPE_MAC struct mac
#define TYPE_ADDR struct addr
#define TYPE_NET struct addr
#define TYPE_PROTO uint8_t
#define TYPE_TCPFLAGS uint8_t
#define TYPE_RD struct rd
#define TYPE_ROA uint8_t
#define TYPE_DIRECTION uint8_t
#define TYPE_FWDSTATUS uint8_t
#define TYPE_CLASS struct class_name
#define TYPE_COUNTRY struct country
#define TYPE_POCODE struct pocode
#define TYPE_COORDS struct coords
#define TYPE_TIME int64_t
#define TYPE_TEXT struct var
#define TYPE_MAP struct var
#define TYPE_COMMS struct var
#define TYPE_ASPATH struct var
#define TYPE_LABELS struct var
#define TYPE_SEGMENTS struct var
#define FIELD(NAME, KIND, ...)                                                                               \
    _Static_assert(_Generic(((struct flow *)0)->NAME, TYPE_##KIND : 1, default : 0), "kind of " #NAME);
#include "core/fields.def"
#undef FIELD

void fieldset_or(struct fieldset *s, const struct fieldset *more)
{
    for (size_t i = 0; i < sizeof(s->w) / sizeof(s->w[0]); i++)
        s->w[i] |= more->w[i];
}

bool fieldset_within(const struct fieldset *s, const struct fieldset *in)
{
    uint64_t more = 0;
    for (size_t i = 0; i < sizeof(s->w) / sizeof(s->w[0]); i++)
        more |= s->w[i] & ~in->w[i];
    return !more;
}

bool fieldset_empty(const struct fieldset *s)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof(s->w) / sizeof(s->w[0]); i++)
        any |= s->w[i];
    return !any;
}

/* ---- words of `aggregate` */

enum word_kind { WORD_FIELD, WORD_SUM, WORD_FLOWS, WORD_NONE };

struct word {
    const char *name;
    uint8_t kind;  /* enum word_kind */
    uint8_t value; /* enum field_id or enum sum_kind */
};

/* The words that are no rows of fields.def. */
static const struct word more_words[] = {
    { "sum_mac", WORD_SUM, SUM_MAC },
    { "sum_host", WORD_SUM, SUM_HOST },
    { "sum", WORD_SUM, SUM_HOST },
    { "sum_net", WORD_SUM, SUM_NET },
    { "sum_as", WORD_SUM, SUM_AS },
    { "sum_port", WORD_SUM, SUM_PORT },
    { "flows", WORD_FLOWS, 0 },
    { "none", WORD_NONE, 0 },
    { "class_frame", WORD_FIELD, FIELD_class },
    { "export_proto_time", WORD_FIELD, FIELD_timestamp_export },
};
enum { N_MORE_WORDS = sizeof(more_words) / sizeof(more_words[0]), N_WORDS = FIELD_MAX + N_MORE_WORDS };

static struct word word_at(unsigned i)
{
    if (i < FIELD_MAX)
        return (struct word){ fields[i].name, WORD_FIELD, (uint8_t)i };
    return more_words[i - FIELD_MAX];
}

static bool word_is(const struct word *w, const char *text, size_t len)
{
    return strlen(w->name) == len && !strncasecmp(w->name, text, len); /* text may hold a NUL */
}

static bool word_aggregates(const struct word *w)
{
    return w->kind != WORD_FIELD || !(fields[w->value].flags & F_STITCH);
}

enum field_id aggregate_source(const struct aggregate_spec *spec, enum field_id column)
{
    static const enum field_id pairs[][2] = { { FIELD_peer_src_as, FIELD_src_as },
                                              { FIELD_peer_dst_as, FIELD_dst_as } };
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (spec->peer_as == PEER_AS_TAKES && column == pairs[i][0])
            return pairs[i][1];
        if (spec->peer_as == PEER_AS_GIVES && column == pairs[i][1])
            return pairs[i][0];
    }
    return column;
}

const struct field *field_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < N_WORDS; i++) {
        struct word w = word_at(i);
        if (w.kind == WORD_FIELD && word_is(&w, name, len))
            return &fields[w.value];
    }
    return NULL;
}

static int unknown_word(const char *text, size_t len, struct err *e)
{
    static const char *const counters[] = { "packets", "bytes" };
    for (unsigned i = 0; i < 2; i++)
        if (len == strlen(counters[i]) && !strncasecmp(text, counters[i], len))
            return err_set(e, ERR_CONFIG,
                           "Unknown primitive '%.*s': packets and bytes are always counted, leave it out",
                           (int)len, text);
    const char *best = NULL;
    unsigned best_distance = UINT_MAX;
    for (unsigned i = 0; i < N_WORDS; i++) {
        struct word w = word_at(i);
        unsigned distance = word_distance(text, len, w.name, strlen(w.name), best_distance);
        if (word_aggregates(&w) && distance < best_distance) {
            best = w.name;
            best_distance = distance;
        }
    }
    return err_set(e, ERR_CONFIG, "Unknown primitive '%.*s', did you mean '%s'? All of them: -a", (int)len,
                   text, best);
}

static int add_word(struct aggregate_spec *out, unsigned *n_sums, const char *text, size_t len, struct err *e)
{
    const int own = customs_find(out->customs, text, len);
    if (own != -1) {
        out->custom |= UINT64_C(1) << own;
        return 0;
    }
    for (unsigned i = 0; i < N_WORDS; i++) {
        struct word w = word_at(i);
        if (!word_aggregates(&w) || !word_is(&w, text, len))
            continue;
        if (w.kind == WORD_FIELD)
            fieldset_add(&out->set, (enum field_id)w.value);
        else if (w.kind == WORD_FLOWS)
            out->flows = true;
        else if (w.kind == WORD_SUM &&
                 (!(*n_sums)++ || w.value < out->sum)) /* of several, the first in the enum */
            out->sum = w.value;
        return 0;
    }
    return unknown_word(text, len, e);
}

/* A sum stands alone: what remains beside its source field are the tags, the class and the flows counter. */
static void keep_sum(struct aggregate_spec *out, unsigned n_sums, bool *dropped)
{
    static const uint8_t source[] = { [SUM_MAC] = FIELD_src_mac,
                                      [SUM_HOST] = FIELD_src_host,
                                      [SUM_NET] = FIELD_src_net,
                                      [SUM_AS] = FIELD_src_as,
                                      [SUM_PORT] = FIELD_src_port };
    static const uint8_t beside[] = { FIELD_tag, FIELD_tag2, FIELD_class };
    struct fieldset kept = { { 0 } };
    for (unsigned i = 0; i < sizeof(beside); i++)
        if (fieldset_has(&out->set, beside[i])) {
            fieldset_add(&kept, beside[i]);
            fieldset_del(&out->set, beside[i]);
        }
    *dropped = n_sums > 1 || !fieldset_empty(&out->set) || out->custom;
    fieldset_add(&kept, source[out->sum]);
    out->set = kept;
    out->custom = 0;
}

/* Takes the next word of a comma list, without its blanks; NULL at the end. */
static const char *next_word(const char *at, char *word, size_t size, size_t *len)
{
    size_t n = 0;
    if (!*at)
        return NULL;
    for (; *at && *at != ','; at++)
        if (!isspace((unsigned char)*at) && n < size)
            word[n++] = *at;
    *len = n;
    return *at ? at + 1 : at;
}

/* Each daemon takes every word, as configurations shared by several daemons rely on; what a daemon cannot
 * fill stays empty. */
int aggregate_parse(const char *list, char daemon, struct aggregate_spec *out, bool *dropped, struct err *e)
{
    return aggregate_parse_custom(list, daemon, NULL, out, dropped, e);
}

int aggregate_parse_custom(const char *list, char daemon, const struct customs *customs,
                           struct aggregate_spec *out, bool *dropped, struct err *e)
{
    (void)daemon;
    char word[128];
    size_t len;
    bool lost = false;
    unsigned n_sums = 0;
    *out = (struct aggregate_spec){ .sum = SUM_NONE, .customs = customs };
    for (const char *at = list; (at = next_word(at, word, sizeof(word), &len));) {
        if (len && add_word(out, &n_sums, word, len, e) == -1)
            return -1;
    }
    if (out->sum != SUM_NONE)
        keep_sum(out, n_sums, &lost);
    out->none = fieldset_empty(&out->set) && !out->custom;
    if (dropped)
        *dropped = lost;
    return 0;
}

/* ---- -a */

static const char *const group_names[FG_MAX] = {
    [FG_L2] = "L2",         [FG_L3] = "L3",     [FG_L4] = "L4",     [FG_BGP] = "BGP",   [FG_NAT] = "NAT",
    [FG_TUNNEL] = "TUNNEL", [FG_MPLS] = "MPLS", [FG_MISC] = "MISC", [FG_TIME] = "TIME",
};

static void print_word(const char *name, const char *text) { printf("%-33s: %-64s\n", name, text); }

enum { FLOWS_LIST_RANK = 2 }; /* under MISC; the one counter that has to be asked for */

static void print_group(enum field_group group, char daemon)
{
    puts(group_names[group]);
    for (unsigned rank = 1; rank <= UINT8_MAX; rank++) {
        if (group == FG_MISC && rank == FLOWS_LIST_RANK && daemon == 'N')
            print_word("flows", "Number of flows, as a counter beside packets and bytes");
        for (const struct field *f = fields; f < fields + FIELD_MAX; f++)
            if (f->group == group && f->list_rank == rank && strchr(f->daemons, daemon) &&
                !(f->flags & F_STITCH))
                print_word(f->name, f->text);
    }
    putchar('\n');
}

void fields_print(char daemon)
{
    for (unsigned group = 0; group < FG_MAX; group++)
        print_group((enum field_group)group, daemon);
}

/* ---- IP protocols */

static const char *const protos[256] = {
    [1] = "icmp",        [2] = "igmp",       [3] = "ggp",      [4] = "ipencap",    [6] = "tcp",
    [8] = "egp",         [9] = "igp",        [17] = "udp",     [18] = "mux",       [41] = "ipv6",
    [43] = "ipv6-route", [44] = "ipv6-frag", [46] = "rsvp",    [47] = "gre",       [50] = "esp",
    [51] = "ah",         [55] = "mobile",    [56] = "tlsp",    [58] = "ipv6-icmp", [59] = "ipv6-nonxt",
    [60] = "ipv6-opts",  [80] = "iso-ip",    [83] = "vines",   [88] = "eigrp",     [89] = "ospf",
    [91] = "larp",       [94] = "ipip",      [98] = "encap",   [102] = "pnni",     [103] = "pim",
    [111] = "ipx-in-ip", [112] = "vrrp",     [115] = "l2tp",   [124] = "isis",     [132] = "sctp",
    [133] = "fc",        [143] = "ethernet", [255] = "others",
};

const char *proto_name(uint8_t proto) { return protos[proto]; }

int proto_number(const char *text)
{
    for (int i = 0; i < 256; i++)
        if (protos[i] && !strcasecmp(protos[i], text))
            return i;
    int v = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at) && v < 256; at++)
        v = v * 10 + *at - '0';
    return at == text || *at || v > 255 ? -1 : v;
}
