/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the wire cases of the sFlow decoder (tests/wire/sflow/README.md): builds the datagrams that a case
 * describes; wire_case.c does the rest. At the end of a case each of its datagrams is cut at every octet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sflow/decode.h"
#include "wire_case.h"

enum { KEPT_MAX = 64, COUNTERS_MAX = 64, LINE_MAX_OCTETS = 2048 };

/* The datagram being built. Lengths and counts are filled in when what they stand for ends, unless the case
 * gives them: then they lie. */
static struct {
    struct wire_bytes o;
    unsigned version;
    size_t count_at, sample_at, records_at, record_at; /* where the words stand, 0: nothing is open */
    uint32_t samples, records;
    long count, sample_length, record_length, record_count; /* that the case gives; -1: the truth */
    struct {
        uint8_t *p;
        size_t len;
    } kept[KEPT_MAX]; /* all datagrams of the case */
    unsigned n_kept;
    char counter[COUNTERS_MAX][LINE_MAX_OCTETS]; /* counter records as they came */
    unsigned n_counters, counters_shown;
    bool quiet; /* cutting: nobody looks at what comes */
} b;

/* ---- building */

static void patch32(size_t at, uint64_t v)
{
    for (unsigned i = 0; i < 4; i++)
        b.o.b[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

static void word(uint64_t v) { wire_put_be(&b.o, v, 4); }

static void end_record(void)
{
    if (!b.record_at)
        return;
    if (b.version == SFLOW_V5)
        patch32(b.record_at, b.record_length >= 0 ? (uint64_t)b.record_length : b.o.len - b.record_at - 4);
    b.record_at = 0;
}

static void end_sample(void)
{
    end_record();
    if (b.records_at)
        patch32(b.records_at, b.record_count >= 0 ? (uint64_t)b.record_count : b.records);
    if (b.sample_at)
        patch32(b.sample_at, b.sample_length >= 0 ? (uint64_t)b.sample_length : b.o.len - b.sample_at - 4);
    b.sample_at = b.records_at = 0;
}

static void send_datagram(struct wire_case *r)
{
    if (b.o.len == 0)
        return;
    end_sample();
    if (b.count_at)
        patch32(b.count_at, b.count >= 0 ? (uint64_t)b.count : b.samples);
    if (b.n_kept < KEPT_MAX && (b.kept[b.n_kept].p = malloc(b.o.len))) {
        memcpy(b.kept[b.n_kept].p, b.o.b, b.o.len);
        b.kept[b.n_kept++].len = b.o.len;
    }
    wire_send(r, b.o.b, b.o.len);
    b.o.len = 0;
}

static void put_address(struct wire_case *r, const char *text)
{
    struct addr a;
    if (addr_parse(text, &a) < 0)
        wire_die(r, "bad address");
    uint8_t six[16];
    addr_get_v6(&a, six);
    wire_put(&b.o, addr_is_v4(&a) ? a.b + 12 : six, addr_is_v4(&a) ? 4 : 16);
}

/* 17, -1, 64:17 (64 bits), 10.0.0.1, @10.0.0.1 (with its type), @none, "text", 02:00:00:00:00:01 (padded),
 * 0xoctets, opaque:0xoctets, float:1.5 */
static void put_value(struct wire_case *r, const char *text)
{
    static const uint8_t zero[4];
    struct addr a;
    const size_t start = b.o.len;
    if (!strcmp(text, "@none")) {
        word(SFLOW_ADDR_UNKNOWN);
    } else if (*text == '@') {
        word(strchr(text, ':') ? SFLOW_ADDR_IP6 : SFLOW_ADDR_IP4);
        put_address(r, text + 1);
    } else if (*text == '"') {
        const size_t n = strcspn(text + 1, "\"");
        word(n);
        wire_put(&b.o, text + 1, n);
    } else if (!strncmp(text, "opaque:0x", 9)) {
        word((strlen(text) - 9) / 2);
        wire_put_hex(r, &b.o, text + 9);
    } else if (!strncmp(text, "64:", 3)) {
        wire_put_be(&b.o, strtoull(text + 3, NULL, 0), 8);
    } else if (!strncmp(text, "float:", 6)) {
        const float f = strtof(text + 6, NULL);
        uint32_t bits;
        memcpy(&bits, &f, 4);
        word(bits);
    } else if (!strncmp(text, "0x", 2)) {
        wire_put_hex(r, &b.o, text + 2);
    } else if (strlen(text) == 17 && text[2] == ':' && text[14] == ':') {
        for (unsigned i = 0; i < 6; i++)
            wire_put_be(&b.o, strtoul(text + 3 * i, NULL, 16), 1);
    } else if (strpbrk(text, ".:") && addr_parse(text, &a) == 0) {
        put_address(r, text);
    } else {
        word((uint64_t)strtoll(text, NULL, 0));
    }
    wire_put(&b.o, zero, (4 - (b.o.len - start) % 4) % 4);
}

static void put_values(struct wire_case *r, char *args)
{
    char *save;
    for (char *w = strtok_r(args, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (!strchr(w, '='))
            put_value(r, w);
}

static void begin_datagram(struct wire_case *r, unsigned version, char *args)
{
    const char *agent = strstr(args, "agent=");
    char text[64] = "192.0.2.9";
    send_datagram(r);
    b.version = version;
    b.samples = 0;
    b.count = (long)wire_option(args, "count", (uint64_t)-1);
    word(version);
    if (agent)
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(agent + 6, " "), agent + 6);
    if (!strcmp(text, "none")) {
        word(SFLOW_ADDR_UNKNOWN);
    } else {
        word(strchr(text, ':') ? SFLOW_ADDR_IP6 : SFLOW_ADDR_IP4);
        put_address(r, text);
    }
    if (version == SFLOW_V5)
        word(wire_option(args, "sub", 0));
    word(wire_option(args, "seq", 1));
    word(wire_option(args, "uptime", 3600000));
    b.count_at = b.o.len;
    word(0);
}

static void begin_sample(uint32_t tag, const char *args)
{
    end_sample();
    b.samples++;
    b.records = 0;
    b.sample_length = (long)wire_option(args, "length", (uint64_t)-1);
    b.record_count = (long)wire_option(args, "records", (uint64_t)-1);
    word(tag);
    b.sample_at = b.version == SFLOW_V5 ? b.o.len : 0;
    if (b.sample_at)
        word(0);
}

static uint64_t of(const char *args, const char *name, uint64_t dflt)
{
    return wire_option(args, name, dflt);
}

static void flow_head(const char *args, bool expanded)
{
    const uint64_t type = of(args, "type", 0), source = of(args, "source", 1), rate = of(args, "rate", 1);
    word(of(args, "seq", 1));
    if (expanded)
        word(type), word(source);
    else
        word(type << 24 | source);
    word(rate);
    word(of(args, "pool", rate));
    word(of(args, "drops", 0));
    if (expanded)
        word(of(args, "in_format", 0));
    word(of(args, "in", 1));
    if (expanded)
        word(of(args, "out_format", 0));
    word(of(args, "out", 2));
}

/* v2, v4: the packet's data come in front of the count of the others. */
static void begin_records(void)
{
    b.records_at = b.o.len;
    word(0);
}

static void begin_flow(uint32_t tag, const char *args)
{
    begin_sample(tag, args);
    flow_head(args, tag == SFLOW_FLOW_EXPANDED);
    if (b.version == SFLOW_V5)
        begin_records();
}

static void begin_discarded(const char *args)
{
    begin_sample(SFLOW_DISCARDED, args);
    word(of(args, "seq", 1));
    word(of(args, "type", 0)), word(of(args, "source", 1));
    word(of(args, "drops", 0));
    word(of(args, "in", 1)), word(of(args, "out", 2));
    word(of(args, "reason", 256));
    begin_records();
}

static void begin_counters(uint32_t tag, const char *args)
{
    begin_sample(tag, args);
    word(of(args, "seq", 1));
    if (tag == SFLOW_COUNTERS_EXPANDED)
        word(of(args, "type", 0)), word(of(args, "source", 1));
    else
        word(of(args, "type", 0) << 24 | of(args, "source", 1));
    if (b.version == SFLOW_V5) {
        begin_records();
        return;
    }
    word(30); /* interval */
    word(of(args, "version", 1));
}

/* `record FORMAT VALUE...` or `record PEN:FORMAT VALUE...` */
static void put_record(struct wire_case *r, char *args)
{
    char *end, *colon;
    end_record();
    uint64_t format = strtoul(args, &colon, 0);
    if (*colon == ':')
        format = SFLOW_TAG(format, strtoul(colon + 1, &end, 0));
    else
        end = colon;
    b.records++;
    b.record_length = (long)wire_option(args, "length", (uint64_t)-1);
    word(format);
    b.record_at = b.o.len;
    if (b.version == SFLOW_V5)
        word(0);
    put_values(r, end);
    end_record();
}

/* v2, v4: the packet's data, then the count of what follows. */
static void put_data(struct wire_case *r, char *args)
{
    put_values(r, args);
    begin_records();
}

/* ---- counter records */

static bool keep_counters(void *arg, const struct sflow_counter_record *c)
{
    struct strbuf s;
    char text[ADDR_TEXT];
    (void)arg;
    if (b.quiet)
        return true;
    strbuf_init(&s, LINE_MAX_OCTETS);
    strbuf_printf(&s, "%s%s %s source=%u:%u seq=%u/%u", c->first ? "first " : "", addr_str(c->agent, text),
                  c->type, c->source_type, c->source_index, c->datagram_seq, c->sample_seq);
    for (unsigned i = 0; i < c->n; i++) {
        const struct sflow_value *v = &c->value[i];
        strbuf_printf(&s, " %s=", v->name);
        if (v->kind == SFLOW_VALUE_UINT)
            strbuf_u64(&s, v->u);
        else if (v->kind == SFLOW_VALUE_INT)
            strbuf_printf(&s, "%lld", (long long)v->u);
        else if (v->kind == SFLOW_VALUE_FLOAT)
            strbuf_printf(&s, "%g", (double)v->f);
        else
            strbuf_printf(&s, "\"%.*s\"", (int)v->text.len, v->text.len ? (const char *)v->text.p : "");
    }
    if (b.n_counters < COUNTERS_MAX)
        snprintf(b.counter[b.n_counters++], LINE_MAX_OCTETS, "%s", strbuf_cstr(&s));
    strbuf_free(&s);
    return true;
}

static void opened(struct wire_case *r)
{
    sflow_log_counters(r->state, &(struct sflow_counter_log){ .write = keep_counters });
}

static void expect_counters(struct wire_case *r, const char *want)
{
    send_datagram(r);
    const char *got = b.counters_shown < b.n_counters ? b.counter[b.counters_shown++] : "none";
    if (strcmp(want, got))
        wire_fail(r, "counters", want, got);
}

/* ---- the ledger */

#define SF_DROP(name, word, text) word,
static const char *const drop_words[] = {
#include "sflow/drops.def"
};
#define SF_COUNT(name, word) word,
static const char *const count_words[] = {
#include "sflow/drops.def"
};

static bool counter(const struct wire_case *r, const char *name, uint64_t *v)
{
    const struct sflow *sf = r->state;
    const struct sf_agent *a = sf->m.a;
    const struct {
        const char *name;
        uint64_t v;
    } others[] = { { "agents", sf->agents.n },         { "packets", a ? a->s.packets : 0 },
                   { "good", a ? a->s.seq_good : 0 },  { "forward", a ? a->s.seq_forward : 0 },
                   { "back", a ? a->s.seq_back : 0 },  { "lost", a ? a->s.seq_lost : 0 },
                   { "sources", a ? a->sources.n : 0 } };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strcmp(name, others[i].name)) {
            *v = others[i].v;
            return true;
        }
    for (unsigned i = 0; i < SF_COUNT_MAX; i++)
        if (!strcmp(name, count_words[i])) {
            *v = a ? a->count[i] : 0;
            return true;
        }
    for (unsigned i = 1; i < SF_DROP_MAX; i++)
        if (!strcmp(name, drop_words[i])) {
            *v = sf->refused[i] + (a ? a->refused[i] : 0);
            return true;
        }
    return false;
}

static uint64_t sum(const uint64_t *v, unsigned from, unsigned to)
{
    uint64_t s = 0;
    while (from < to)
        s += v[from++];
    return s;
}

/* received = decoded + refused; samples = what became of them; flows = those handed over. */
static void check_ledger(struct wire_case *r, const struct sflow *sf, const struct worker *w)
{
    uint64_t refused = sum(sf->refused, 1, SF_DROP_MAX), received = refused, decoded = 0, accounted = 0;
    const struct sender_list *const list[] = { &sf->agents.unproven, &sf->agents.proven };
    for (unsigned i = 0; i < 2; i++)
        for (const struct sender *s = list[i]->oldest; s; s = s->newer) {
            const struct sf_agent *a = (const struct sf_agent *)s;
            received += s->packets;
            decoded += a->count[SF_COUNT_DATAGRAMS];
            refused += sum(a->refused, 1, SF_DROP_MAX);
            accounted += a->count[SF_COUNT_ACCOUNTED] + (sf->discards ? a->count[SF_COUNT_DISCARDED] : 0);
            if (a->count[SF_COUNT_SAMPLES] != sum(a->count, SF_COUNT_ACCOUNTED, SF_COUNT_BAD_SAMPLES + 1))
                wire_fail(r, "ledger", "samples accounted for", "samples missing");
        }
    if (received != decoded + refused)
        wire_fail(r, "ledger", "received = decoded + refused", "not so");
    if (accounted != w->count)
        wire_fail(r, "ledger", "accounted = handed over", "not so");
}

/* ---- each datagram cut at every octet */

static void feed(struct wire_case *r, void *state, const uint8_t *p, size_t len)
{
    struct datagram d = r->from;
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact)
        abort();
    memcpy(exact, p, len);
    d.p = exact;
    d.len = (uint32_t)len;
    sflow_decoder.datagram(state, &d);
    free(exact);
}

/* A cut datagram costs itself: no more flows than the whole has, and the next one is as if it had not been.
 */
static void cut_datagram(struct wire_case *r, const uint8_t *p, size_t whole)
{
    struct err e;
    struct worker w = r->w;
    w.flow = NULL;
    w.n = w.cap = 0;
    w.count = w.packets = w.bytes = w.flows = 0;
    w.keep = false;
    struct sflow *sf = calloc(1, sflow_decoder.state_size);
    if (!sf || sflow_decoder.open(sf, &w, &e) < 0)
        abort();
    opened(&(struct wire_case){ .state = sf });
    feed(r, sf, p, whole);
    const uint64_t of_whole = w.count;
    for (size_t len = 0; len < whole; len++) {
        const uint64_t before = w.count;
        feed(r, sf, p, len);
        const uint64_t of_cut = w.count - before;
        feed(r, sf, p, whole);
        if (of_cut > of_whole || w.count - before != of_cut + of_whole)
            wire_fail(r, "cut datagram", "no trace in the next one", "other flows");
        check_ledger(r, sf, &w);
    }
    sflow_decoder.close(sf);
    free(sf);
}

static void ended(struct wire_case *r)
{
    if (r->state)
        check_ledger(r, r->state, &r->w);
    if (b.counters_shown && b.counters_shown < b.n_counters)
        wire_fail(r, "counters", "no more", b.counter[b.counters_shown]);
    b.quiet = true;
    for (unsigned i = 0; i < b.n_kept; i++) {
        cut_datagram(r, b.kept[i].p, b.kept[i].len);
        free(b.kept[i].p);
    }
    memset(&b, 0, sizeof(b));
}

/* ---- lines */

static bool begin(struct wire_case *r, const char *w, char *a)
{
    if (b.o.len == 0)
        wire_die(r, "starts no datagram");
    if (!strcmp(w, "flow"))
        begin_flow(SFLOW_FLOW, a);
    else if (!strcmp(w, "expanded"))
        begin_flow(SFLOW_FLOW_EXPANDED, a);
    else if (!strcmp(w, "discarded"))
        begin_discarded(a);
    else if (!strcmp(w, "counters"))
        begin_counters(SFLOW_COUNTERS, a);
    else if (!strcmp(w, "counters-expanded"))
        begin_counters(SFLOW_COUNTERS_EXPANDED, a);
    else if (!strcmp(w, "sample")) /* `sample TAG`: one whose body the case writes */
        begin_sample((uint32_t)strtoul(a, NULL, 0), a);
    else
        return false;
    return true;
}

static bool sflow_line(struct wire_case *r, const char *w, char *a)
{
    if (!strcmp(w, "v5"))
        begin_datagram(r, 5, a);
    else if (!strcmp(w, "v4"))
        begin_datagram(r, 4, a);
    else if (!strcmp(w, "v2"))
        begin_datagram(r, 2, a);
    else if (!strcmp(w, "datagram"))
        send_datagram(r), b.count_at = 0;
    else if (!strcmp(w, "record"))
        put_record(r, a);
    else if (!strcmp(w, "data"))
        put_data(r, a);
    else if (!strcmp(w, "raw"))
        put_values(r, a);
    else if (!strcmp(w, "octets"))
        wire_put_hex(r, &b.o, a);
    else if (!strcmp(w, "*"))
        expect_counters(r, a);
    else
        return begin(r, w, a);
    return true;
}

int main(int argc, char **argv)
{
    static const struct wire_protocol sflow = { .folder = "sflow",
                                                .ops = &sflow_decoder,
                                                .line = sflow_line,
                                                .send = send_datagram,
                                                .opened = opened,
                                                .counter = counter,
                                                .ended = ended };
    return wire_main(&sflow, argc, argv);
}
