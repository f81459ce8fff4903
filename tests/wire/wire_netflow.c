/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the wire cases of the NetFlow decoder (tests/wire/netflow/README.md): builds the datagrams that a case
 * describes; wire_case.c does the rest. */
#include <stdlib.h>
#include <string.h>
#include "netflow/decode.h"
#include "netflow/netflow.h"
#include "wire_case.h"

enum { FIELDS_MAX = 64, TEMPLATES_MAX = 32 };

struct field_spec {
    uint32_t pen;
    uint16_t id, len;
};

struct template_spec {
    unsigned id, n;
    struct field_spec f[FIELDS_MAX];
};

struct datagram_builder {
    struct wire_bytes o;
    unsigned version;
    size_t set; /* where the open set's header stands, 0: none */
    unsigned set_id;
    unsigned records;
    long count, length; /* that the header claims; -1: the truth */
};

/* The datagram being built, and the templates that the case has defined so far. */
static struct {
    struct datagram_builder d;
    struct template_spec tmpl[TEMPLATES_MAX];
    unsigned n_tmpl;
} b;

static void patch16(struct datagram_builder *d, size_t at, uint64_t v)
{
    d->o.b[at] = (uint8_t)(v >> 8);
    d->o.b[at + 1] = (uint8_t)v;
}

static void end_set(struct datagram_builder *d)
{
    if (!d->set)
        return;
    while ((d->o.len - d->set) % 4)
        wire_put_be(&d->o, 0, 1);
    patch16(d, d->set + 2, d->o.len - d->set);
    d->set = 0;
}

static void begin_set(struct datagram_builder *d, unsigned id)
{
    if (d->set && d->set_id == id && id >= 256)
        return;
    end_set(d);
    d->set = d->o.len;
    d->set_id = id;
    wire_put_be(&d->o, id, 2);
    wire_put_be(&d->o, 0, 2);
}

static void send_datagram(struct wire_case *r)
{
    struct datagram_builder *d = &b.d;
    if (d->o.len == 0)
        return;
    end_set(d);
    if (d->version == 5 || d->version == 9)
        patch16(d, 2, d->count >= 0 ? (uint64_t)d->count : d->records);
    else if (d->version == 10)
        patch16(d, 2, d->length >= 0 ? (uint64_t)d->length : d->o.len);
    if (d->version == 5 && d->length >= 0)
        d->o.len = (size_t)d->length;
    wire_send(r, d->o.b, d->o.len);
    d->o.len = 0;
}

static void begin_datagram(struct wire_case *r, unsigned version, const char *args)
{
    struct datagram_builder *d = &b.d;
    send_datagram(r);
    *d = (struct datagram_builder){ .version = version,
                                    .count = (long)wire_option(args, "count", (uint64_t)-1),
                                    .length = (long)wire_option(args, "length", (uint64_t)-1) };
    const uint64_t secs = wire_option(args, "secs", 1700000000), seq = wire_option(args, "seq", 0),
                   up = wire_option(args, "uptime", 3600000);
    wire_put_be(&d->o, version, 2);
    wire_put_be(&d->o, 0, 2);
    if (version != 10)
        wire_put_be(&d->o, up, 4);
    wire_put_be(&d->o, secs, 4);
    if (version == 5)
        wire_put_be(&d->o, wire_option(args, "nanos", 0), 4);
    wire_put_be(&d->o, seq, 4);
    if (version == 5) {
        wire_put_be(&d->o, wire_option(args, "engine", 0), 2); /* type << 8 | id */
        wire_put_be(&d->o, wire_option(args, "sampling", 0), 2);
    } else {
        wire_put_be(&d->o, wire_option(args, "domain", 0), 4);
    }
}

/* One value of a record: 10.0.0.1, 2001:db8::1, 0x0102, "text", 17. */
static void put_value(struct wire_case *r, const char *text, unsigned len)
{
    struct wire_bytes v = { .len = 0 };
    struct datagram_builder *d = &b.d;
    struct addr a;
    if (!strncmp(text, "0x", 2)) {
        wire_put_hex(r, &v, text + 2);
    } else if (*text == '"') {
        wire_put(&v, text + 1, strcspn(text + 1, "\""));
    } else if (strpbrk(text, ".:") && addr_parse(text, &a) == 0) {
        uint8_t six[16];
        addr_get_v6(&a, six);
        wire_put(&v, addr_is_v4(&a) ? a.b + 12 : six, addr_is_v4(&a) ? 4 : 16);
    } else {
        wire_put_be(&v, strtoull(text, NULL, 0), len == ELEMENT_VAR ? 4 : len);
    }
    if (len == ELEMENT_VAR) {
        wire_put_be(&d->o, v.len < 255 ? v.len : 255, 1);
        if (v.len >= 255)
            wire_put_be(&d->o, v.len, 2);
        wire_put(&d->o, v.b, v.len);
        return;
    }
    while (v.len < len)
        wire_put_be(&v, 0, 1);
    wire_put(&d->o, v.b, len);
}

static struct template_spec *find_template(unsigned id)
{
    for (unsigned i = b.n_tmpl; i-- > 0;)
        if (b.tmpl[i].id == id)
            return &b.tmpl[i];
    return NULL;
}

static void put_specifier(struct wire_case *r, struct template_spec *t, const char *word)
{
    struct field_spec f = { 0 };
    const char *colon = strchr(word, ':'), *slash = strchr(word, '/');
    if (!slash || t->n == FIELDS_MAX)
        wire_die(r, "bad field");
    if (colon) {
        f.pen = (uint32_t)strtoul(word, NULL, 10);
        word = colon + 1;
    }
    f.id = (uint16_t)strtoul(word, NULL, 10);
    f.len = slash[1] == 'v' ? ELEMENT_VAR : (uint16_t)strtoul(slash + 1, NULL, 10);
    t->f[t->n++] = f;
    wire_put_be(&b.d.o, f.id | (f.pen ? 0x8000u : 0), 2);
    wire_put_be(&b.d.o, f.len, 2);
    if (f.pen)
        wire_put_be(&b.d.o, f.pen, 4);
}

static void put_template(struct wire_case *r, char *args, bool options)
{
    struct datagram_builder *d = &b.d;
    char *save, *word = strtok_r(args, " ", &save);
    unsigned scope = 0;
    if (!word || b.n_tmpl == TEMPLATES_MAX)
        wire_die(r, "bad template");
    struct template_spec *t = &b.tmpl[b.n_tmpl++];
    *t = (struct template_spec){ .id = (unsigned)atoi(word) };
    end_set(d);
    begin_set(d, options ? (d->version == 9 ? 1 : 3) : d->version == 9 ? 0 : 2);
    wire_put_be(&d->o, t->id, 2);
    const size_t counts = d->o.len;
    wire_put_be(&d->o, 0, options ? 4 : 2);
    while ((word = strtok_r(NULL, " ", &save))) {
        if (!strcmp(word, ":"))
            scope = t->n;
        else
            put_specifier(r, t, word);
    }
    const unsigned first = !options ? t->n : d->version == 9 ? scope * 4 : t->n;
    patch16(d, counts, first);
    if (options)
        patch16(d, counts + 2, d->version == 9 ? (t->n - scope) * 4 : scope);
    end_set(d);
    d->records++;
}

static void put_data(struct wire_case *r, char *args)
{
    char *save, *word = strtok_r(args, " ", &save);
    const struct template_spec *t = word ? find_template((unsigned)atoi(word)) : NULL;
    unsigned i = 0;
    if (!t)
        wire_die(r, "data for a template that the case did not define");
    begin_set(&b.d, t->id);
    for (; (word = strtok_r(NULL, " ", &save)) && i < t->n; i++)
        put_value(r, word, t->f[i].len);
    if (i != t->n || word)
        wire_die(r, "values and fields differ in number");
    b.d.records++;
}

static void put_v5_flow(struct wire_case *r, char *args)
{
    static const uint8_t len[] = { 4, 4, 4, 2, 2, 4, 4, 4, 4, 2, 2, 1, 1, 1, 2, 2, 1, 1 };
    char *save, *word = strtok_r(args, " ", &save);
    for (unsigned i = 0; i < sizeof(len); i++, word = strtok_r(NULL, " ", &save)) {
        if (!word)
            wire_die(r, "a v5 flow has 18 values");
        if (i == 11)
            wire_put_be(&b.d.o, 0, 1);
        put_value(r, word, len[i]);
    }
    wire_put_be(&b.d.o, 0, 2);
    b.d.records++;
}

/* ---- counters */

#define NF_DROP(name, word, text) word,
static const char *const drop_words[] = {
#include "netflow/drops.def"
};
#define NF_COUNT(name, word) word,
static const char *const count_words[] = {
#include "netflow/drops.def"
};

static bool counter(const struct wire_case *r, const char *name, uint64_t *v)
{
    const struct netflow *nf = r->state;
    const struct exporter *x = nf->m.x;
    const struct {
        const char *name;
        uint64_t v;
    } others[] = { { "exporters", nf->exporters.senders.n }, { "evicted", nf->exporters.senders.evicted },
                   { "packets", x ? x->s.packets : 0 },      { "good", x ? x->s.seq_good : 0 },
                   { "forward", x ? x->s.seq_forward : 0 },  { "back", x ? x->s.seq_back : 0 },
                   { "lost", x ? x->s.seq_lost : 0 } };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strcmp(name, others[i].name)) {
            *v = others[i].v;
            return true;
        }
    for (unsigned i = 0; i < NF_COUNT_MAX; i++)
        if (!strcmp(name, count_words[i])) {
            *v = x ? x->count[i] : 0;
            return true;
        }
    for (unsigned i = 1; i < NF_DROP_MAX; i++)
        if (!strcmp(name, drop_words[i])) {
            *v = nf->refused[i] + (x ? x->refused[i] : 0);
            return true;
        }
    return false;
}

/* ---- lines */

static bool is_body(const char *word)
{
    static const char *const words[] = { "flow", "template", "options", "data", "set-header" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

static bool body(struct wire_case *r, const char *word, char *a)
{
    if (!strcmp(word, "flow"))
        put_v5_flow(r, a);
    else if (!strcmp(word, "template"))
        put_template(r, a, false);
    else if (!strcmp(word, "options"))
        put_template(r, a, true);
    else if (!strcmp(word, "data"))
        put_data(r, a);
    else {
        end_set(&b.d);
        wire_put_be(&b.d.o, strtoul(a, &a, 10), 2);
        wire_put_be(&b.d.o, strtoul(a, NULL, 10), 2);
    }
    return true;
}

static bool netflow_line(struct wire_case *r, const char *word, char *a)
{
    if (b.d.o.len == 0 && is_body(word))
        wire_die(r, "starts no datagram");
    if (is_body(word))
        return body(r, word, a);
    if (!strcmp(word, "v5"))
        begin_datagram(r, 5, a);
    else if (!strcmp(word, "v9"))
        begin_datagram(r, 9, a);
    else if (!strcmp(word, "ipfix"))
        begin_datagram(r, 10, a);
    else if (!strcmp(word, "datagram"))
        send_datagram(r), b.d = (struct datagram_builder){ .count = -1, .length = -1 };
    else if (!strcmp(word, "raw"))
        end_set(&b.d), wire_put_hex(r, &b.d.o, a);
    else
        return false;
    return true;
}

static void ended(struct wire_case *r)
{
    (void)r;
    b.n_tmpl = 0;
}

int main(int argc, char **argv)
{
    static const struct wire_protocol netflow = { .folder = "netflow",
                                                  .ops = &netflow_decoder,
                                                  .line = netflow_line,
                                                  .send = send_datagram,
                                                  .counter = counter,
                                                  .ended = ended };
    return wire_main(&netflow, argc, argv);
}
