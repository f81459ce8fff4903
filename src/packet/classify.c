/* SPDX-License-Identifier: BSD-2-Clause */
/* Classification by nDPI. A table of conversations has, for each, either its class or the number of an
 * inspection: nDPI's state while it looks at the first packets. There are few of those at a time, so that a
 * conversation costs 16 octets once it is known, and one without payload (a scan, a flood of SYNs) never
 * more.
 */
#include "packet/classify.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <ndpi_api.h>
#include "base/clock.h"
#include "base/cursor.h"
#include "packet/conversations.h"

enum {
    FLOWS_MAX = 10000000,
    CLASSES_MAX = 4096,        /* pairs of protocols; some dozens are seen */
    INSPECTIONS_MAX = 1 << 18, /* at a time; nDPI has about a kilobyte for each */
    COPY_MAX = 4096,           /* octets of a packet that nDPI gets to see */
    SLACK = 64,                /* zeros behind them */
    MS_PER_S = 1000,
    TCP_SYN = 2,
    TCP_ACK = 16,
};
#define NIL UINT32_MAX

/* What the value of a conversation is: 0 when nothing was inspected yet, INSPECTED | number of the
 * inspection, or the number of its class + 1. */
#define INSPECTED UINT32_C(0x80000000)

struct inspection {
    struct ndpi_flow_struct *ndpi; /* NULL: free */
    uint64_t print;                /* of its conversation */
    uint32_t seen_s;
    uint32_t class;   /* as far as it is known */
    uint32_t packets; /* that nDPI has seen; of a free one: the next free one */
};

struct classifier {
    const struct log *log;
    struct ndpi_detection_module_struct *ndpi;
    struct conversations table;
    uint32_t idle_s, giveup_tcp, giveup_udp, giveup_other;
    bool guess;
    struct inspection *inspections;
    uint32_t n_inspections, cap_inspections, free_inspection;
    uint32_t scan_each_s, scan_budget; /* for inspections that nobody goes on with */
    uint32_t next_scan_s;
    uint32_t pair[CLASSES_MAX]; /* master << 16 | application */
    struct class_name class[CLASSES_MAX];
    uint32_t n_classes;
    uint64_t recognised, given_up, busy; /* conversations; packets while there were too many inspections */
    struct log_limit full_limit;
    uint8_t copy[COPY_MAX + SLACK];
};

/* ---- classes */

/* Number of the class of a pair of protocols; 0 is the unknown one. Called for the first packets only. */
static uint32_t class_of(struct classifier *k, ndpi_protocol p)
{
    uint32_t pair = (uint32_t)p.master_protocol << 16 | p.app_protocol;
    for (uint32_t i = 0; i < k->n_classes; i++)
        if (k->pair[i] == pair)
            return i;
    if (k->n_classes == CLASSES_MAX)
        return 0;
    char name[128];
    int n = snprintf(name, sizeof(name), "%s/%s", ndpi_get_proto_name(k->ndpi, p.master_protocol),
                     ndpi_get_proto_name(k->ndpi, p.app_protocol));
    struct class_name *c = &k->class[k->n_classes];
    memcpy(c->b, name, (size_t)n < sizeof(c->b) ? (size_t)n : sizeof(c->b));
    k->pair[k->n_classes] = pair;
    return k->n_classes++;
}

bool classifier_name(struct classifier *k, uint32_t master, uint32_t app, struct class_name *c)
{
    const uint32_t known = ndpi_get_ndpi_num_supported_protocols(k->ndpi);
    if (master >= known || app >= known)
        return false;
    const char *const name[2] = { ndpi_get_proto_name(k->ndpi, (uint16_t)master),
                                  ndpi_get_proto_name(k->ndpi, (uint16_t)app) };
    size_t at = 0;
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < 2; i++) {
        if (i && at < sizeof(c->b))
            c->b[at++] = '/';
        for (const char *p = name[i]; *p && at < sizeof(c->b); p++)
            c->b[at++] = *p;
    }
    return true;
}

/* ---- inspections */

static bool add_inspections(struct classifier *k)
{
    uint32_t cap = k->cap_inspections ? k->cap_inspections * 2 : 256;
    if (cap > INSPECTIONS_MAX)
        return false;
    struct inspection *more = realloc(k->inspections, cap * sizeof(*more));
    if (!more)
        return false;
    for (uint32_t i = k->cap_inspections; i < cap; i++)
        more[i] = (struct inspection){ .packets = i + 1 < cap ? i + 1 : NIL };
    k->free_inspection = k->cap_inspections;
    k->inspections = more;
    k->cap_inspections = cap;
    return true;
}

/* The value of a conversation that is inspected from now on; 0: too many are. */
static uint32_t inspection_new(struct classifier *k, uint64_t print)
{
    if (k->free_inspection == NIL && !add_inspections(k))
        return 0;
    uint32_t i = k->free_inspection;
    struct inspection *x = &k->inspections[i];
    struct ndpi_flow_struct *ndpi = ndpi_flow_malloc(SIZEOF_FLOW_STRUCT);
    if (!ndpi)
        return 0;
    memset(ndpi, 0, SIZEOF_FLOW_STRUCT);
    k->free_inspection = x->packets;
    *x = (struct inspection){ .ndpi = ndpi, .print = print };
    k->n_inspections++;
    return INSPECTED | i;
}

static void inspection_end(struct classifier *k, uint32_t value)
{
    struct inspection *x = &k->inspections[value & ~INSPECTED];
    ndpi_free_flow(x->ndpi);
    *x = (struct inspection){ .packets = k->free_inspection };
    k->free_inspection = value & ~INSPECTED;
    k->n_inspections--;
}

/* Ends inspections of conversations that fell silent, a bounded number at a time. */
static void scan(struct classifier *k, uint32_t now_s)
{
    k->next_scan_s = now_s + k->scan_each_s;
    for (uint32_t i = 0, ended = 0; i < k->cap_inspections && ended < k->scan_budget; i++) {
        const struct inspection *x = &k->inspections[i];
        if (!x->ndpi || now_s <= x->seen_s || now_s - x->seen_s <= k->idle_s)
            continue;
        conversations_find(&k->table, x->print)->value = 0;
        inspection_end(k, i);
        ended++;
    }
}

/* ---- the table */

static bool is_over(void *owner, const struct conversation *v, uint32_t now_s)
{
    const struct classifier *k = owner;
    return conversation_idle_s(v, now_s) > k->idle_s;
}

static void gone(void *owner, const struct conversation *v)
{
    if (v->value & INSPECTED)
        inspection_end(owner, v->value);
}

/* ---- packets */

/* nDPI refuses packets that are shorter than their header says. What it gets is a copy of which the header
 * says what is there. Its length, or 0: no IP header. */
static uint16_t copy_packet(struct classifier *k, const uint8_t *ip, uint32_t len)
{
    uint32_t n = len < COPY_MAX ? len : COPY_MAX;
    uint32_t head = n && ip[0] >> 4 == 6 ? 40 : 20;
    if (n < head)
        return 0;
    memcpy(k->copy, ip, n);
    memset(k->copy + n, 0, SLACK);
    uint8_t *field = k->copy + (head == 40 ? 4 : 2);
    uint32_t told = load_be16(field) + (head == 40 ? 40u : 0u);
    if (told > n || told == (head == 40 ? 40u : 0u)) {
        uint32_t fits = head == 40 ? n - 40 : n;
        field[0] = (uint8_t)(fits >> 8);
        field[1] = (uint8_t)fits;
    } else {
        n = told; /* what lies behind is padding of the link */
    }
    return (uint16_t)n;
}

/* Whether nDPI gets the packet: TCP without payload says nothing about the application, and where nDPI reads
 * another protocol than we do (it stops at some IPv6 extension headers) it would take what it keeps for one
 * protocol, a union, for what it keeps for the other. */
static bool worth_showing(const struct classifier *k, uint8_t ours, uint16_t len)
{
    const uint8_t *l4;
    uint16_t l4_len;
    uint8_t proto;
    if (ndpi_detection_get_l4(k->copy, len, &l4, &l4_len, &proto, 0) != 0)
        return false; /* a later fragment, or nothing that nDPI can read */
    if (proto != ours)
        return false;
    return proto != IPPROTO_TCP || (l4_len > 20 && l4_len > (l4[12] >> 4) * 4);
}

static uint32_t giveup_of(const struct classifier *k, uint8_t proto)
{
    return proto == IPPROTO_TCP ? k->giveup_tcp : proto == IPPROTO_UDP ? k->giveup_udp : k->giveup_other;
}

/* Shows a packet to nDPI; returns the number of the class as far as it is known, and ends the inspection when
 * it is. */
static uint32_t inspect(struct classifier *k, struct conversation *v, uint8_t proto, uint16_t len,
                        int64_t at_us)
{
    struct inspection *x = &k->inspections[v->value & ~INSPECTED];
    x->seen_s = v->seen_s;
    ndpi_protocol p = ndpi_detection_process_packet(k->ndpi, x->ndpi, k->copy, len,
                                                    (uint64_t)(at_us / (US_PER_S / MS_PER_S)));
    bool known = p.app_protocol != NDPI_PROTOCOL_UNKNOWN;
    bool last = ++x->packets >= giveup_of(k, proto);
    if (!last && (!known || ndpi_extra_dissection_possible(k->ndpi, x->ndpi)))
        return x->class = class_of(k, p);
    if (!known) {
        uint8_t guessed;
        p = ndpi_detection_giveup(k->ndpi, x->ndpi, k->guess, &guessed);
    }
    uint32_t class = class_of(k, p);
    *(class ? &k->recognised : &k->given_up) += 1;
    inspection_end(k, v->value);
    v->value = class + 1;
    return class;
}

/* Of a packet of a conversation whose class is not known yet. */
static uint32_t first_packets(struct classifier *k, struct conversation *v, const struct flow *f,
                              const uint8_t *ip, uint32_t ip_len, int64_t at_us)
{
    uint16_t len = copy_packet(k, ip, ip_len);
    if (!len || !worth_showing(k, f->proto, len))
        return v->value ? k->inspections[v->value & ~INSPECTED].class : 0;
    if (!v->value)
        v->value = inspection_new(k, v->print);
    if (!v->value) {
        k->busy++;
        return 0;
    }
    return inspect(k, v, f->proto, len, at_us);
}

static struct conversation *conversation_of(struct classifier *k, const struct flow *f, uint32_t now_s)
{
    uint8_t direction;
    bool fresh;
    uint64_t print = conversations_print(&k->table, f, &direction);
    struct conversation *v = conversations_get(&k->table, print, now_s, &fresh);
    if (__builtin_expect(!v, 0)) {
        log_limited(k->log, &k->full_limit, LOG_LV_WARN,
                    "the classifier follows %" PRIu64
                    " flows and no more (classifier_max_flows): packets of others have no class",
                    k->table.count);
        return NULL;
    }
    bool opens = f->proto == IPPROTO_TCP && (f->tcpflags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (!fresh && __builtin_expect(opens || is_over(k, v, now_s), 0)) {
        gone(k, v);
        v->value = 0;
    }
    if (fresh || now_s > v->seen_s)
        v->seen_s = now_s;
    return v;
}

void classifier_packet(struct classifier *k, struct flow *f, const uint8_t *ip, uint32_t len, int64_t at_us)
{
    if (!ip || !addr_is_set(&f->src_host)) {
        memset(&f->class, 0, sizeof(f->class));
        f->class_pair = 0;
        return;
    }
    uint32_t now_s = (uint32_t)(at_us / US_PER_S), class = 0;
    if (__builtin_expect(now_s >= k->next_scan_s, 0))
        scan(k, now_s);
    struct conversation *v = conversation_of(k, f, now_s);
    if (v && v->value && !(v->value & INSPECTED))
        class = v->value - 1;
    else if (v)
        class = first_packets(k, v, f, ip, len, at_us);
    f->class = k->class[class];
    f->class_pair = k->pair[class];
}

/* ---- life */

static int open_ndpi(struct classifier *k, struct err *e)
{
    NDPI_PROTOCOL_BITMASK all;
    k->ndpi = ndpi_init_detection_module(ndpi_no_prefs);
    if (!k->ndpi)
        return err_set(e, ERR_SYS, "nDPI does not start");
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(k->ndpi, &all);
    ndpi_finalize_initialization(k->ndpi);
    class_of(k, (ndpi_protocol){ 0 }); /* "Unknown/Unknown" is number 0 */
    return 0;
}

static int open_table(struct classifier *k, const struct config *c, struct err *e)
{
    uint64_t most = c->classifier_max_flows ? (uint64_t)c->classifier_max_flows : FLOWS_MAX;
    struct conversations_conf conf = { .bytes_max = most * 4 * sizeof(struct conversation),
                                       .count_max = most,
                                       .is_over = is_over,
                                       .gone = gone,
                                       .owner = k };
    if (conversations_seed(&conf.seed, e) == -1)
        return -1;
    return conversations_open(&k->table, &conf, e);
}

static uint32_t seconds_of_ms(int ms) { return ((uint32_t)ms + MS_PER_S - 1) / MS_PER_S; }

struct classifier *classifier_new(const struct config *c, const struct log *l, struct err *e)
{
    struct classifier *k = calloc(1, sizeof(*k));
    if (!k) {
        err_set(e, ERR_SYS, "no memory for the classifier");
        return NULL;
    }
    k->log = l;
    k->idle_s = seconds_of_ms(c->classifier_idle_max_time);
    k->scan_each_s = seconds_of_ms(c->classifier_idle_scan_period);
    k->scan_budget = (uint32_t)c->classifier_idle_scan_budget;
    k->giveup_tcp = (uint32_t)c->classifier_giveup_tcp;
    k->giveup_udp = (uint32_t)c->classifier_giveup_udp;
    k->giveup_other = (uint32_t)c->classifier_giveup_other;
    k->guess = c->classifier_proto_guess;
    k->free_inspection = NIL;
    if (open_ndpi(k, e) == 0 && open_table(k, c, e) == 0)
        return k;
    classifier_free(k);
    return NULL;
}

void classifier_free(struct classifier *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->cap_inspections; i++)
        if (k->inspections[i].ndpi)
            ndpi_free_flow(k->inspections[i].ndpi);
    free(k->inspections);
    conversations_close(&k->table);
    if (k->ndpi)
        ndpi_exit_detection_module(k->ndpi);
    free(k);
}

void classifier_stats(const struct classifier *k, const struct log *l, const char *name)
{
    log_notice(l,
               "stats [%s] classifier_flows=%" PRIu64 " octets=%zu inspected_now=%" PRIu32
               " recognised=%" PRIu64 " given_up=%" PRIu64 " skipped_packets=%" PRIu64,
               name, k->table.count, conversations_memory(&k->table), k->n_inspections, k->recognised,
               k->given_up, k->table.refused + k->busy);
}
