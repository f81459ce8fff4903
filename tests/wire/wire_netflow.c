/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the wire cases of the NetFlow decoder (tests/wire/netflow/README.md): builds the datagrams that a case
 * describes, feeds them, and compares the flows, counters and messages that come out. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../unit/fake_worker.h"
#include "base/clock.h"
#include "netflow/decode.h"
#include "netflow/netflow.h"

enum { FIELDS_MAX = 64, TEMPLATES_MAX = 32, DATAGRAM_MAX = 65536, LOG_MAX = 1 << 20 };

struct field_spec {
    uint32_t pen;
    uint16_t id, len;
};

struct template_spec {
    unsigned id, n;
    struct field_spec f[FIELDS_MAX];
};

struct datagram_builder {
    uint8_t b[DATAGRAM_MAX];
    size_t len;
    unsigned version;
    size_t set; /* where the open set's header stands, 0: none */
    unsigned set_id;
    unsigned records;
    long count, length; /* that the header claims; -1: the truth */
};

struct run {
    const char *path;
    unsigned line;
    int failed;
    struct worker w;
    void *state; /* NULL until the first datagram */
    struct datagram_builder d;
    struct template_spec tmpl[TEMPLATES_MAX];
    unsigned n_tmpl;
    struct datagram from;
    unsigned shown; /* flows compared */
    char log_path[64], allow_path[64];
};

static void fail(struct run *r, const char *what, const char *a, const char *b)
{
    fprintf(stderr, "%s:%u: %s\n  wanted %s\n  got    %s\n", r->path, r->line, what, a, b);
    r->failed++;
}

static void die(const struct run *r, const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", r->path, r->line, what);
    exit(2);
}

/* ---- seeds for the fuzz target: each datagram behind its length, one file a case */

static FILE *seeds;

static void keep_seed(const struct datagram_builder *d)
{
    const uint8_t len[2] = { (uint8_t)(d->len >> 8), (uint8_t)d->len };
    if (!seeds)
        return;
    fwrite(len, 1, sizeof(len), seeds);
    fwrite(d->b, 1, d->len, seeds);
}

/* ---- building */

static void put(struct datagram_builder *d, const void *p, size_t n)
{
    if (d->len + n > sizeof(d->b))
        abort();
    memcpy(d->b + d->len, p, n);
    d->len += n;
}

static void put_be(struct datagram_builder *d, uint64_t v, unsigned n)
{
    while (n--) {
        const uint8_t b = n < 8 ? (uint8_t)(v >> (8 * n)) : 0;
        put(d, &b, 1);
    }
}

static void patch16(struct datagram_builder *d, size_t at, uint64_t v)
{
    d->b[at] = (uint8_t)(v >> 8);
    d->b[at + 1] = (uint8_t)v;
}

static void end_set(struct datagram_builder *d)
{
    if (!d->set)
        return;
    while ((d->len - d->set) % 4)
        put_be(d, 0, 1);
    patch16(d, d->set + 2, d->len - d->set);
    d->set = 0;
}

static void begin_set(struct datagram_builder *d, unsigned id)
{
    if (d->set && d->set_id == id && id >= 256)
        return;
    end_set(d);
    d->set = d->len;
    d->set_id = id;
    put_be(d, id, 2);
    put_be(d, 0, 2);
}

static void open_decoder(struct run *r)
{
    struct err e;
    if (r->state)
        return;
    r->state = calloc(1, netflow_decoder.state_size);
    if (!r->state || netflow_decoder.open(r->state, &r->w, &e) < 0)
        die(r, "the decoder does not open");
}

static void send_datagram(struct run *r)
{
    struct datagram_builder *d = &r->d;
    if (d->len == 0)
        return;
    open_decoder(r);
    end_set(d);
    if (d->version == 5 || d->version == 9)
        patch16(d, 2, d->count >= 0 ? (uint64_t)d->count : d->records);
    else if (d->version == 10)
        patch16(d, 2, d->length >= 0 ? (uint64_t)d->length : d->len);
    if (d->version == 5 && d->length >= 0)
        d->len = (size_t)d->length;
    keep_seed(d);
    uint8_t *exact = malloc(d->len); /* so that a read past the end is seen */
    if (!exact)
        abort();
    memcpy(exact, d->b, d->len);
    r->from.p = exact;
    r->from.len = (uint32_t)d->len;
    worker_set_now(&r->w, r->from.at_us);
    netflow_decoder.datagram(r->state, &r->from);
    free(exact);
    d->len = 0;
}

static uint64_t option(const char *args, const char *name, uint64_t dflt)
{
    const size_t n = strlen(name);
    for (const char *p = args; (p = strstr(p, name)); p += n)
        if ((p == args || p[-1] == ' ') && p[n] == '=')
            return strtoull(p + n + 1, NULL, 0);
    return dflt;
}

static void begin_datagram(struct run *r, unsigned version, const char *args)
{
    struct datagram_builder *d = &r->d;
    send_datagram(r);
    *d = (struct datagram_builder){ .version = version,
                                    .count = (long)option(args, "count", (uint64_t)-1),
                                    .length = (long)option(args, "length", (uint64_t)-1) };
    const uint64_t secs = option(args, "secs", 1700000000), seq = option(args, "seq", 0),
                   up = option(args, "uptime", 3600000);
    put_be(d, version, 2);
    put_be(d, 0, 2);
    if (version != 10)
        put_be(d, up, 4);
    put_be(d, secs, 4);
    if (version == 5)
        put_be(d, option(args, "nanos", 0), 4);
    put_be(d, seq, 4);
    if (version == 5) {
        put_be(d, option(args, "engine", 0), 2); /* type << 8 | id */
        put_be(d, option(args, "sampling", 0), 2);
    } else {
        put_be(d, option(args, "domain", 0), 4);
    }
}

static void put_hex(struct run *r, const char *text)
{
    unsigned v;
    for (; *text; text += 2) {
        while (*text == ' ')
            text++;
        if (!*text)
            break;
        if (sscanf(text, "%2x", &v) != 1)
            die(r, "bad hex");
        put_be(&r->d, v, 1);
    }
}

/* One value of a record: 10.0.0.1, 2001:db8::1, 0x0102, "text", 17. */
static void put_value(struct run *r, const char *text, unsigned len)
{
    struct datagram_builder v = { .len = 0 }, *d = &r->d;
    struct addr a;
    if (!strncmp(text, "0x", 2)) {
        struct run hex = *r;
        hex.d = v;
        put_hex(&hex, text + 2);
        v = hex.d;
    } else if (*text == '"') {
        put(&v, text + 1, strcspn(text + 1, "\""));
    } else if (strpbrk(text, ".:") && addr_parse(text, &a) == 0) {
        uint8_t six[16];
        addr_get_v6(&a, six);
        put(&v, addr_is_v4(&a) ? a.b + 12 : six, addr_is_v4(&a) ? 4 : 16);
    } else {
        put_be(&v, strtoull(text, NULL, 0), len == ELEMENT_VAR ? 4 : len);
    }
    if (len == ELEMENT_VAR) {
        put_be(d, v.len < 255 ? v.len : 255, 1);
        if (v.len >= 255)
            put_be(d, v.len, 2);
        put(d, v.b, v.len);
        return;
    }
    while (v.len < len)
        put_be(&v, 0, 1);
    put(d, v.b, len);
}

static struct template_spec *find_template(struct run *r, unsigned id)
{
    for (unsigned i = r->n_tmpl; i-- > 0;)
        if (r->tmpl[i].id == id)
            return &r->tmpl[i];
    return NULL;
}

static void put_specifier(struct run *r, struct template_spec *t, const char *word)
{
    struct field_spec f = { 0 };
    const char *colon = strchr(word, ':'), *slash = strchr(word, '/');
    if (!slash || t->n == FIELDS_MAX)
        die(r, "bad field");
    if (colon) {
        f.pen = (uint32_t)strtoul(word, NULL, 10);
        word = colon + 1;
    }
    f.id = (uint16_t)strtoul(word, NULL, 10);
    f.len = slash[1] == 'v' ? ELEMENT_VAR : (uint16_t)strtoul(slash + 1, NULL, 10);
    t->f[t->n++] = f;
    put_be(&r->d, f.id | (f.pen ? 0x8000u : 0), 2);
    put_be(&r->d, f.len, 2);
    if (f.pen)
        put_be(&r->d, f.pen, 4);
}

static void put_template(struct run *r, char *args, bool options)
{
    struct datagram_builder *d = &r->d;
    char *save, *word = strtok_r(args, " ", &save);
    unsigned scope = 0;
    if (!word || r->n_tmpl == TEMPLATES_MAX)
        die(r, "bad template");
    struct template_spec *t = &r->tmpl[r->n_tmpl++];
    *t = (struct template_spec){ .id = (unsigned)atoi(word) };
    end_set(d);
    begin_set(d, options ? (d->version == 9 ? 1 : 3) : d->version == 9 ? 0 : 2);
    put_be(d, t->id, 2);
    const size_t counts = d->len;
    put_be(d, 0, options ? 4 : 2);
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

static void put_data(struct run *r, char *args)
{
    char *save, *word = strtok_r(args, " ", &save);
    const struct template_spec *t = word ? find_template(r, (unsigned)atoi(word)) : NULL;
    unsigned i = 0;
    if (!t)
        die(r, "data for a template that the case did not define");
    begin_set(&r->d, t->id);
    for (; (word = strtok_r(NULL, " ", &save)) && i < t->n; i++)
        put_value(r, word, t->f[i].len);
    if (i != t->n || word)
        die(r, "values and fields differ in number");
    r->d.records++;
}

static void put_v5_flow(struct run *r, char *args)
{
    static const uint8_t len[] = { 4, 4, 4, 2, 2, 4, 4, 4, 4, 2, 2, 1, 1, 1, 2, 2, 1, 1 };
    char *save, *word = strtok_r(args, " ", &save);
    for (unsigned i = 0; i < sizeof(len); i++, word = strtok_r(NULL, " ", &save)) {
        if (!word)
            die(r, "a v5 flow has 18 values");
        if (i == 11)
            put_be(&r->d, 0, 1);
        put_value(r, word, len[i]);
    }
    put_be(&r->d, 0, 2);
    r->d.records++;
}

/* ---- showing */

static void show_labels(struct strbuf *s, const struct var *v)
{
    uint32_t label;
    for (uint32_t at = 0; at + 4 <= v->len; at += 4) {
        memcpy(&label, (const uint8_t *)v->p + at, 4);
        strbuf_printf(s, "%s%u", at ? "_" : "", label);
    }
}

static void show_segments(struct strbuf *s, const struct var *v)
{
    char text[ADDR_TEXT];
    for (uint32_t at = 0; at + 16 <= v->len; at += 16) {
        struct addr a;
        addr_set_v6(&a, (const uint8_t *)v->p + at);
        strbuf_printf(s, "%s%s", at ? "_" : "", addr_str(&a, text));
    }
}

static void show_time(struct strbuf *s, int64_t t)
{
    strbuf_printf(s, "%lld.%06lld", (long long)(t / 1000000), (long long)(t % 1000000));
}

static void show_octets(struct strbuf *s, const uint8_t *b, unsigned n)
{
    while (n--)
        strbuf_printf(s, "%02x", *b++);
}

static void show_number(struct strbuf *s, const void *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size); /* tests run on little-endian machines; so does the ring */
    strbuf_printf(s, "%llu", (unsigned long long)v);
}

static void show_field(struct strbuf *s, const struct flow *f, const struct field *d)
{
    const void *p = (const char *)f + d->off;
    const struct var *v = p;
    char text[ADDR_TEXT];
    strbuf_printf(s, " %s=", d->name);
    switch ((enum field_kind)d->kind) {
    case FK_ADDR:
    case FK_NET:
        strbuf_str(s, addr_is_set(p) ? addr_str(p, text) : "");
        break;
    case FK_MAC:
    case FK_RD:
        show_octets(s, p, d->size);
        break;
    case FK_CLASS:
    case FK_COUNTRY:
    case FK_POCODE:
        strbuf_printf(s, "%.*s", (int)strnlen(p, d->size), (const char *)p);
        break;
    case FK_TIME:
        show_time(s, *(const int64_t *)p);
        break;
    case FK_LABELS:
        show_labels(s, v);
        break;
    case FK_SEGMENTS:
        show_segments(s, v);
        break;
    case FK_TEXT:
    case FK_MAP:
    case FK_COMMS:
    case FK_ASPATH:
        strbuf_add(s, v->p ? v->p : "", v->len);
        break;
    default:
        show_number(s, p, d->size);
    }
}

static void show_flow(const struct run *r, const struct flow *f, struct strbuf *s)
{
    static const char *const kinds[] = { "traffic", "event", "option" };
    strbuf_clear(s);
    strbuf_str(s, kinds[f->kind]);
    for (unsigned i = 0; i < FIELD_MAX; i++)
        if (fieldset_has(&r->w.needs, (enum field_id)i))
            show_field(s, f, &fields[i]);
    strbuf_printf(s, " packets=%llu bytes=%llu", (unsigned long long)f->packets,
                  (unsigned long long)f->bytes);
    if (f->flows != 1)
        strbuf_printf(s, " flows=%llu", (unsigned long long)f->flows);
}

/* ---- comparing */

static void expect_flow(struct run *r, const char *want)
{
    struct strbuf s;
    strbuf_init(&s, 1 << 16);
    if (r->shown < r->w.n)
        show_flow(r, &r->w.flow[r->shown++], &s);
    else
        strbuf_str(&s, "no flow");
    if (strcmp(want, strbuf_cstr(&s)))
        fail(r, "flow", want, strbuf_cstr(&s));
    strbuf_free(&s);
}

#define NF_DROP(name, word, text) word,
static const char *const drop_words[] = {
#include "netflow/drops.def"
};
#define NF_COUNT(name, word) word,
static const char *const count_words[] = {
#include "netflow/drops.def"
};

static bool counter(const struct netflow *nf, const char *name, uint64_t *v)
{
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

static void expect_counts(struct run *r, char *args)
{
    char *save, got[32];
    for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        uint64_t v = 0;
        char *eq = strchr(word, '=');
        if (!eq || !r->state)
            die(r, "name=value, after a datagram");
        *eq = '\0';
        if (!counter(r->state, word, &v))
            die(r, "no such counter");
        snprintf(got, sizeof(got), "%llu", (unsigned long long)v);
        if (strcmp(eq + 1, got))
            fail(r, word, eq + 1, got);
    }
}

static void expect_log(struct run *r, const char *text, bool there)
{
    static char buf[LOG_MAX];
    FILE *f = fopen(r->log_path, "re");
    const size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;
    buf[n] = '\0';
    if (f)
        fclose(f);
    if ((strstr(buf, text) != NULL) != there)
        fail(r, there ? "message" : "no message like", text, buf);
}

/* ---- a case */

static const struct {
    const char *key;
    size_t off;
    bool is_int;
} settings[] = {
    { "use_ip_next_hop", offsetof(struct config, use_ip_next_hop), false },
    { "renormalize", offsetof(struct config, renormalize), false },
    { "time_new", offsetof(struct config, time_new), false },
    { "time_secs", offsetof(struct config, time_secs), false },
    { "account_options", offsetof(struct config, account_options), false },
    { "ignore_exporter_address", offsetof(struct config, ignore_exporter_address), false },
    { "disable_opt_scope_check", offsetof(struct config, disable_opt_scope_check), false },
    { "disable_sanity_checks", offsetof(struct config, disable_sanity_checks), false },
    { "pre_processing_checks", offsetof(struct config, pre_processing_checks), false },
    { "ext_sampling_rate", offsetof(struct config, ext_sampling_rate), true },
    { "as_source", offsetof(struct config, as_source), true },
    { "net_source", offsetof(struct config, net_source), true },
};

static void set_key(struct run *r, char *args)
{
    char *value = strchr(args, ' ');
    if (value)
        *value++ = '\0';
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char *p = (char *)&r->w.c + settings[i].off;
        const int v = value ? atoi(value) : 1;
        if (strcmp(args, settings[i].key))
            continue;
        if (settings[i].is_int)
            memcpy(p, &v, sizeof(v));
        else
            *(bool *)p = v;
        return;
    }
    if (strcmp(args, "debug"))
        die(r, "no such setting");
    r->w.log.debug = true;
}

/* Writes the allow list, one entry a word, and has it read: before the first datagram at start, then as at
 * SIGUSR2. */
static void allow(struct run *r, char *args)
{
    char *save;
    send_datagram(r);
    FILE *f = fopen(r->allow_path, "we");
    if (!f)
        die(r, strerror(errno));
    for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save))
        fprintf(f, "%s\n", word);
    fclose(f);
    r->w.c.collector_allow_file = r->allow_path;
    if (r->state)
        netflow_decoder.reload(r->state);
}

static void stats(struct run *r)
{
    send_datagram(r);
    open_decoder(r);
    netflow_decoder.stats(r->state, "192.0.2.1:2100");
}

static void from(struct run *r, const char *text)
{
    send_datagram(r);
    if (addr_parse(text, &r->from.from) < 0)
        die(r, "bad address");
}

static bool is_body(const char *word)
{
    static const char *const words[] = { "flow", "template", "options", "data", "set-header" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

static void run_line(struct run *r, char *line)
{
    char *args = strchr(line, ' ');
    if (args)
        *args++ = '\0';
    char none[1] = "", *a = args ? args : none;
    if (strchr(">=!", *line))
        send_datagram(r);
    else if (r->d.len == 0 && is_body(line))
        die(r, "starts no datagram");
    if (!strcmp(line, ">"))
        expect_flow(r, a);
    else if (!strcmp(line, "="))
        expect_counts(r, a);
    else if (!strcmp(line, "!"))
        expect_log(r, a, true);
    else if (!strcmp(line, "!!"))
        expect_log(r, a, false);
    else if (!strcmp(line, "need"))
        fake_worker_need(&r->w, a);
    else if (!strcmp(line, "set"))
        set_key(r, a);
    else if (!strcmp(line, "from"))
        from(r, a);
    else if (!strcmp(line, "now"))
        send_datagram(r), r->from.at_us = strtoll(a, NULL, 10) * US_PER_S;
    else if (!strcmp(line, "v5"))
        begin_datagram(r, 5, a);
    else if (!strcmp(line, "v9"))
        begin_datagram(r, 9, a);
    else if (!strcmp(line, "ipfix"))
        begin_datagram(r, 10, a);
    else if (!strcmp(line, "datagram"))
        send_datagram(r), r->d = (struct datagram_builder){ .count = -1, .length = -1 };
    else if (!strcmp(line, "allow"))
        allow(r, a);
    else if (!strcmp(line, "stats"))
        stats(r);
    else if (!strcmp(line, "flow"))
        put_v5_flow(r, a);
    else if (!strcmp(line, "template"))
        put_template(r, a, false);
    else if (!strcmp(line, "options"))
        put_template(r, a, true);
    else if (!strcmp(line, "data"))
        put_data(r, a);
    else if (!strcmp(line, "raw"))
        end_set(&r->d), put_hex(r, a);
    else if (!strcmp(line, "set-header")) {
        end_set(&r->d);
        put_be(&r->d, strtoul(a, &a, 10), 2);
        put_be(&r->d, strtoul(a, NULL, 10), 2);
    } else
        die(r, "unknown line");
}

static void run_lines(struct run *r, FILE *f)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, f)) > 0) {
        r->line++;
        while (n && strchr(" \n", line[n - 1]))
            line[--n] = '\0';
        if (n && *line != '#')
            run_line(r, line);
    }
    free(line);
    send_datagram(r);
    if (r->shown < r->w.n && r->shown)
        fail(r, "flows", "no more", "more");
}

static int run_case(const char *path)
{
    static struct run r; /* large */
    struct err e;
    FILE *f = fopen(path, "re");
    r = (struct run){ .path = path, .from = { .port = 4000, .at_us = 1700000001 * US_PER_S } };
    if (!f)
        die(&r, strerror(errno));
    snprintf(r.log_path, sizeof(r.log_path), "wire_netflow.%d.log", (int)getpid());
    snprintf(r.allow_path, sizeof(r.allow_path), "wire_netflow.%d.allow", (int)getpid());
    unlink(r.log_path);
    struct log_sink *sink = log_sink_open(&(struct log_sink_conf){ .file = r.log_path }, &e);
    if (!sink)
        die(&r, e.text);
    fake_worker_init(&r.w);
    log_init(&r.w.log, sink, "default", "core", false);
    addr_parse("127.0.0.1", &r.from.from);
    run_lines(&r, f);
    fclose(f);
    if (r.state)
        netflow_decoder.close(r.state);
    free(r.state);
    fake_worker_free(&r.w);
    log_sink_close(sink);
    unlink(r.log_path);
    unlink(r.allow_path);
    printf("[%s ] %s\n", r.failed ? "  FAILED" : "      OK", path);
    return r.failed;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int all_cases(const char *seed_dir)
{
    char dir[4096], path[8192];
    struct dirent **entry;
    int failed = 0, cases = 0;
    snprintf(dir, sizeof(dir), "%s/tests/wire/netflow", getenv("srcdir") ? getenv("srcdir") : ".");
    const int n = scandir(dir, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const size_t len = strlen(entry[i]->d_name);
        if (len > 4 && !strcmp(entry[i]->d_name + len - 4, ".txt")) {
            snprintf(path, sizeof(path), "%s/%.*s", seed_dir ? seed_dir : "", (int)len - 4, entry[i]->d_name);
            seeds = seed_dir ? fopen(path, "we") : NULL;
            snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
            failed += run_case(path) != 0;
            cases++;
            if (seeds)
                fclose(seeds);
        }
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    printf("%d cases, %d failed\n", cases, failed);
    return failed != 0 || cases == 0;
}

/* Without arguments all cases; `-seeds DIR` also writes their datagrams for tests/fuzz/corpus/netflow. */
int main(int argc, char **argv)
{
    int failed = 0;
    if (argc == 1)
        return all_cases(NULL);
    if (argc == 3 && !strcmp(argv[1], "-seeds"))
        return all_cases(argv[2]);
    for (int i = 1; i < argc; i++)
        failed += run_case(argv[i]) != 0;
    return failed != 0;
}
