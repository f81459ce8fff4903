/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs wire cases; see wire_case.h. */
#include "wire_case.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_MAX = 1 << 20 };

void wire_fail(struct wire_case *r, const char *what, const char *wanted, const char *got)
{
    fprintf(stderr, "%s:%u: %s\n  wanted %s\n  got    %s\n", r->path, r->line, what, wanted, got);
    r->failed++;
}

void wire_die(const struct wire_case *r, const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", r->path, r->line, what);
    exit(2);
}

/* ---- building */

void wire_put(struct wire_bytes *d, const void *p, size_t n)
{
    if (d->len + n > sizeof(d->b))
        abort();
    memcpy(d->b + d->len, p, n);
    d->len += n;
}

void wire_put_be(struct wire_bytes *d, uint64_t v, unsigned n)
{
    while (n--) {
        const uint8_t b = n < 8 ? (uint8_t)(v >> (8 * n)) : 0;
        wire_put(d, &b, 1);
    }
}

void wire_put_hex(struct wire_case *r, struct wire_bytes *d, const char *text)
{
    unsigned v;
    for (; *text; text += 2) {
        while (*text == ' ')
            text++;
        if (!*text)
            break;
        if (sscanf(text, "%2x", &v) != 1)
            wire_die(r, "bad hex");
        wire_put_be(d, v, 1);
    }
}

uint64_t wire_option(const char *args, const char *name, uint64_t dflt)
{
    const size_t n = strlen(name);
    for (const char *p = args; (p = strstr(p, name)); p += n)
        if ((p == args || p[-1] == ' ') && p[n] == '=')
            return strtoull(p + n + 1, NULL, 0);
    return dflt;
}

static void open_decoder(struct wire_case *r)
{
    const struct wire_protocol *p = r->protocol;
    struct err e;
    if (r->state)
        return;
    r->state = calloc(1, p->ops->state_size);
    if (!r->state || p->ops->open(r->state, &r->w, &e) < 0)
        wire_die(r, "the decoder does not open");
    if (p->opened)
        p->opened(r);
}

/* Seeds for the fuzz target: each datagram behind its length, one file a case. */
static void keep_seed(const struct wire_case *r, const uint8_t *p, size_t n)
{
    const uint8_t len[2] = { (uint8_t)(n >> 8), (uint8_t)n };
    if (!r->seeds)
        return;
    fwrite(len, 1, sizeof(len), r->seeds);
    fwrite(p, 1, n, r->seeds);
}

void wire_send(struct wire_case *r, const uint8_t *p, size_t len)
{
    open_decoder(r);
    keep_seed(r, p, len);
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact)
        abort();
    memcpy(exact, p, len);
    r->from.p = exact;
    r->from.len = (uint32_t)len;
    worker_set_now(&r->w, r->from.at_us);
    r->protocol->ops->datagram(r->state, &r->from);
    free(exact);
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

static void show_flow(const struct wire_case *r, const struct flow *f, struct strbuf *s)
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

static void expect_flow(struct wire_case *r, const char *want)
{
    struct strbuf s;
    strbuf_init(&s, 1 << 16);
    if (r->shown < r->w.n)
        show_flow(r, &r->w.flow[r->shown++], &s);
    else
        strbuf_str(&s, "no flow");
    if (strcmp(want, strbuf_cstr(&s)))
        wire_fail(r, "flow", want, strbuf_cstr(&s));
    strbuf_free(&s);
}

static void expect_counts(struct wire_case *r, char *args)
{
    char *save, got[32];
    for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        uint64_t v = 0;
        char *eq = strchr(word, '=');
        if (!eq || !r->state)
            wire_die(r, "name=value, after a datagram");
        *eq = '\0';
        if (!r->protocol->counter(r, word, &v))
            wire_die(r, "no such counter");
        snprintf(got, sizeof(got), "%llu", (unsigned long long)v);
        if (strcmp(eq + 1, got))
            wire_fail(r, word, eq + 1, got);
    }
}

static void expect_log(struct wire_case *r, const char *text, bool there)
{
    static char buf[LOG_MAX];
    FILE *f = fopen(r->log_path, "re");
    const size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;
    buf[n] = '\0';
    if (f)
        fclose(f);
    if ((strstr(buf, text) != NULL) != there)
        wire_fail(r, there ? "message" : "no message like", text, buf);
}

/* ---- a case */

static const struct {
    const char *key;
    size_t off;
    bool is_int;
} settings[] = {
    { "use_ip_next_hop", offsetof(struct config, use_ip_next_hop), false },
    { "renormalize", offsetof(struct config, renormalize), false },
    { "tmp_asa_bi_flow", offsetof(struct config, tmp_asa_bi_flow), false },
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

static void set_key(struct wire_case *r, char *args)
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
        wire_die(r, "no such setting");
    r->w.log.debug = true;
}

/* Writes the allow list, one entry a word, and has it read: before the first datagram at start, then as at
 * SIGUSR2. */
static void allow(struct wire_case *r, char *args)
{
    char *save;
    FILE *f = fopen(r->allow_path, "we");
    if (!f)
        wire_die(r, strerror(errno));
    for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save))
        fprintf(f, "%s\n", word);
    fclose(f);
    r->w.c.collector_allow_file = r->allow_path;
    if (r->state)
        r->protocol->ops->reload(&r->state, 1);
}

static void stats(struct wire_case *r)
{
    open_decoder(r);
    r->protocol->ops->stats(&r->state, 1, "192.0.2.1:2100");
}

static bool expectation(struct wire_case *r, const char *word, char *args)
{
    if (!strcmp(word, ">"))
        expect_flow(r, args);
    else if (!strcmp(word, "="))
        expect_counts(r, args);
    else if (!strcmp(word, "!"))
        expect_log(r, args, true);
    else if (!strcmp(word, "!!"))
        expect_log(r, args, false);
    else
        return false;
    return true;
}

static bool circumstance(struct wire_case *r, const char *word, char *args)
{
    if (!strcmp(word, "need"))
        fake_worker_need(&r->w, args);
    else if (!strcmp(word, "set"))
        set_key(r, args);
    else if (!strcmp(word, "now"))
        r->from.at_us = strtoll(args, NULL, 10) * US_PER_S;
    else if (!strcmp(word, "allow"))
        allow(r, args);
    else if (!strcmp(word, "stats"))
        stats(r);
    else if (!strcmp(word, "from")) {
        if (addr_parse(args, &r->from.from) < 0)
            wire_die(r, "bad address");
    } else
        return false;
    return true;
}

static bool sends_first(const char *word)
{
    static const char *const words[] = { "now", "from", "allow", "stats" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(word, words[i]))
            return true;
    return strchr(">=!", *word);
}

static void run_line(struct wire_case *r, char *line)
{
    char none[1] = "", *args = strchr(line, ' ');
    if (args)
        *args++ = '\0';
    else
        args = none;
    if (sends_first(line))
        r->protocol->send(r);
    if (!expectation(r, line, args) && !circumstance(r, line, args) && !r->protocol->line(r, line, args))
        wire_die(r, "unknown line");
}

static void run_lines(struct wire_case *r, FILE *f)
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
    r->protocol->send(r);
    if (r->shown < r->w.n && r->shown)
        wire_fail(r, "flows", "no more", "more");
    if (r->protocol->ended)
        r->protocol->ended(r);
}

static int run_case(const struct wire_protocol *p, const char *path, FILE *seeds)
{
    struct wire_case r = {
        .protocol = p, .path = path, .from = { .port = 4000, .at_us = 1700000001 * US_PER_S }, .seeds = seeds
    };
    struct err e;
    FILE *f = fopen(path, "re");
    if (!f)
        wire_die(&r, strerror(errno));
    snprintf(r.log_path, sizeof(r.log_path), "wire_%s.%d.log", p->folder, (int)getpid());
    snprintf(r.allow_path, sizeof(r.allow_path), "wire_%s.%d.allow", p->folder, (int)getpid());
    unlink(r.log_path);
    struct log_sink *sink = log_sink_open(&(struct log_sink_conf){ .file = r.log_path }, &e);
    if (!sink)
        wire_die(&r, e.text);
    fake_worker_init(&r.w);
    log_init(&r.w.log, sink, "default", "core", false);
    addr_parse("127.0.0.1", &r.from.from);
    run_lines(&r, f);
    fclose(f);
    if (r.state)
        p->ops->close(r.state);
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

static int all_cases(const struct wire_protocol *p, const char *seed_dir)
{
    char dir[4096], path[8192];
    struct dirent **entry;
    int failed = 0, cases = 0;
    snprintf(dir, sizeof(dir), "%s/tests/wire/%s", getenv("srcdir") ? getenv("srcdir") : ".", p->folder);
    const int n = scandir(dir, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const size_t len = strlen(entry[i]->d_name);
        if (len > 4 && !strcmp(entry[i]->d_name + len - 4, ".txt")) {
            snprintf(path, sizeof(path), "%s/%.*s", seed_dir ? seed_dir : "", (int)len - 4, entry[i]->d_name);
            FILE *seeds = seed_dir ? fopen(path, "we") : NULL;
            snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
            failed += run_case(p, path, seeds) != 0;
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

int wire_main(const struct wire_protocol *protocol, int argc, char **argv)
{
    int failed = 0;
    if (argc == 1)
        return all_cases(protocol, NULL);
    if (argc == 3 && !strcmp(argv[1], "-seeds"))
        return all_cases(protocol, argv[2]);
    for (int i = 1; i < argc; i++)
        failed += run_case(protocol, argv[i], NULL) != 0;
    return failed != 0;
}
