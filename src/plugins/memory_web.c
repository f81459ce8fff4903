/* SPDX-License-Identifier: BSD-2-Clause */
/* Serves the live page: what came in by the second, the largest by any columns, the collector's health. */
#include "plugins/memory_web.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "core/build.h"
#include "http/httpd.h"
#include "output/json.h"
#include "plugins/memory.h"
#include "plugins/memory_top.h"

enum {
    HISTORY_S = 900,             /* seconds that are remembered */
    JOBS_MAX = 8,                /* queries under way */
    SLICE_US = 2000,             /* of a turn of the loop */
    MARK_EACH_US = 10 * 1000000, /* while somebody looks */
    MARKS_MAX = 7,               /* so the oldest is a minute old */
    MARK_ENTRIES_MAX = 500000,   /* a larger table has no marks: 12 MB each */
    WATCHED_US = 120 * 1000000,  /* after the last question, marks go on for so long */
    FIGURES_EACH_US = 2 * 1000000,
    FIGURES_MAX = 4000, /* shown */
    ANSWER_MAX = 64 << 20,
    LIMIT_DEFAULT = 10,
};

struct job {
    struct http_request *r;
    struct top *top;
    int64_t began_us, window_us;
    bool windowed;
    struct job *next;
};

struct sample {
    uint64_t packets, bytes, flows, records;
};

struct web {
    struct memory *m;
    struct httpd *http;
    char *token;
    uv_idle_t idle;
    bool working;
    struct job *jobs;
    unsigned n_jobs;
    int64_t opened_us, asked_us; /* monotonic; the last question */

    struct sums now, before; /* all that came in; until the last second */
    struct sample history[HISTORY_S];
    uint64_t seconds; /* samples ever */
    int64_t second_s; /* wall clock of the last one */

    struct top_mark *marks; /* the newest first */
    struct top_mark *marking;
    uint64_t mark_at;
    int64_t marked_us;
    struct strbuf figures;
    int64_t figures_us, figures_asked_us; /* monotonic; 0: never */
};

/* ---- configuration */

static int token_of(const struct config *c, char **out, struct err *e)
{
    return http_token(c->web_token_file ? "web_token_file" : "web_token", c->web_token_file, c->web_token,
                      out, e);
}

int web_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e)
{
    char *token = NULL, at[256];
    bool loopback = true;
    struct err why = { 0 };
    if (!pc->c.web_listen)
        return 0;
    int rc = httpd_check("web_listen", pc->c.web_listen, &loopback, &why);
    if (rc == 0)
        rc = token_of(&pc->c, &token, &why);
    if (rc == 0 && !loopback && !token)
        rc = err_set(
            &why, ERR_CONFIG,
            "web_listen: others than this machine can reach '%s': set web_token_file (or web_token) too, "
            "or listen at 127.0.0.1",
            pc->c.web_listen);
    free(token);
    return rc == 0 ? 0
                   : err_set(e, why.code, "%s: %s", config_where(set, "web_listen", pc->name, at, sizeof(at)),
                             why.text);
}

/* ---- marks: what entries counted at times gone by */

static void mark_free(struct top_mark *k)
{
    if (k)
        free(k->had);
    free(k);
}

static bool mark_is_read(const struct web *w, const struct top_mark *k)
{
    for (const struct job *j = w->jobs; j; j = j->next)
        if (top_reads(j->top, k))
            return true;
    return false;
}

/* Those of a table that is gone, and those that are too old; what a query reads stays for now. */
static void marks_trim(struct web *w)
{
    unsigned n = 0;
    for (struct top_mark **k = &w->marks; *k;) {
        struct top_mark *one = *k;
        if ((n < MARKS_MAX && one->table == w->m->table) || mark_is_read(w, one)) {
            n++;
            k = &one->next;
        } else {
            *k = one->next;
            mark_free(one);
        }
    }
}

static void mark_begin(struct web *w, int64_t mono_us)
{
    const uint64_t n = agg_count(w->m->table->agg);
    w->marked_us = mono_us;
    if (n > MARK_ENTRIES_MAX)
        return;
    struct top_mark *k = calloc(1, sizeof(*k));
    if (!k || !(k->had = calloc(n + 1, sizeof(*k->had)))) {
        free(k);
        return;
    }
    k->table = w->m->table;
    k->at_us = mono_us;
    w->marking = k;
    w->mark_at = 0;
    k->n = n;
}

/* The next entries into the mark that is being made. True: done. */
static bool mark_step(struct web *w, int64_t until_us)
{
    struct top_mark *k = w->marking;
    if (k->table != w->m->table) { /* erased meanwhile */
        mark_free(k);
        w->marking = NULL;
        return true;
    }
    /* entries come in the order of their arrival: the i-th is always the same */
    static const unsigned look_at_clock = 256;
    struct agg_entry *e = NULL;
    uint64_t *done = &k->had[k->n].packets; /* the spare one counts */
    while (*done < k->n && (e = agg_next(k->table->agg, &w->mark_at))) {
        k->had[(*done)++] = (struct counters){ e->packets, e->bytes, e->flows };
        if (*done % look_at_clock == 0 && clock_mono_us() >= until_us)
            return false;
    }
    k->next = w->marks;
    w->marks = k;
    w->marking = NULL;
    marks_trim(w);
    return true;
}

static const struct top_mark *oldest_mark(const struct web *w)
{
    const struct top_mark *k = w->marks;
    while (k && k->table == w->m->table && k->next && k->next->table == w->m->table)
        k = k->next;
    return k && k->table == w->m->table ? k : NULL;
}

static void on_idle(uv_idle_t *h);

static void work(struct web *w)
{
    if (!w->working)
        uv_idle_start(&w->idle, on_idle);
    w->working = true;
}

static void watched(struct web *w)
{
    const int64_t now = clock_mono_us();
    w->asked_us = now;
    if (!w->marking && !oldest_mark(w)) {
        marks_trim(w);
        mark_begin(w, now);
        if (w->marking)
            work(w);
    }
}

/* ---- answers */

static void put_begin(struct strbuf *out)
{
    strbuf_init(out, ANSWER_MAX);
    strbuf_lit(out, "{\"now\": ");
    strbuf_printf(out, "%" PRId64, clock_wall_us() / 1000);
}

static void put_seconds(struct strbuf *out, const char *name, int64_t us)
{
    json_name(out, name);
    strbuf_printf(out, "%.3f", (double)us / US_PER_S);
}

static void send_json(struct http_request *r, struct strbuf *out)
{
    strbuf_lit(out, "}\n");
    http_reply(r, 200, "application/json", out, false);
}

static void refuse(struct http_request *r, unsigned status, const char *why)
{
    struct strbuf out;
    strbuf_init(&out, 4096);
    json_first(&out, "error");
    json_string(&out, why, strlen(why));
    strbuf_lit(&out, "}\n");
    http_reply(r, status, "application/json", &out, false);
}

/* ---- status, history, health */

static void put_fields(const struct layout *l, struct strbuf *out)
{
    const struct column *order[COLUMNS_MAX];
    const unsigned n = layout_order(l, ORDER_JSON, order);
    bool first = true;
    strbuf_lit(out, ", \"fields\": [");
    for (unsigned i = 0; i < n; i++) {
        const struct field *f = order[i]->field;
        if (!top_column(order[i]))
            continue;
        strbuf_str(out, first ? "" : ", ");
        first = false;
        json_first(out, "name");
        json_string(out, f->name, strlen(f->name));
        json_text(out, "json", f->json, strlen(f->json));
        json_text(out, "about", f->text ? f->text : "", f->text ? strlen(f->text) : 0);
        strbuf_char(out, '}');
    }
    strbuf_char(out, ']');
}

static void on_status(struct web *w, struct http_request *r)
{
    const struct plugin *pl = w->m->pl;
    struct strbuf out;
    put_begin(&out);
    json_text(&out, "daemon", pl->progname, strlen(pl->progname));
    json_text(&out, "plugin", pl->name, strlen(pl->name));
    json_text(&out, "version", build_version(), strlen(build_version()));
    put_seconds(&out, "uptime_s", clock_mono_us() - w->opened_us);
    json_uint(&out, "entries", agg_count(w->m->table->agg));
    json_uint(&out, "memory", agg_memory(w->m->table->agg));
    json_name(&out, "shows_flows");
    strbuf_str(&out, pl->layout->flows ? "true" : "false");
    json_name(&out, "window");
    strbuf_str(&out, agg_count(w->m->table->agg) <= MARK_ENTRIES_MAX ? "true" : "false");
    json_uint(&out, "history_s", HISTORY_S);
    put_fields(pl->layout, &out);
    send_json(r, &out);
}

static unsigned number_of(const struct http_request *r, const char *name, unsigned dflt, unsigned most)
{
    const char *v = http_arg(r, name);
    char *end;
    const unsigned long n = v ? strtoul(v, &end, 10) : dflt;
    return v && (!*v || *end) ? dflt : n > most ? most : (unsigned)n;
}

static void put_row(struct strbuf *out, const struct web *w, const char *name, size_t member, uint64_t from)
{
    json_name(out, name);
    strbuf_char(out, '[');
    for (uint64_t i = from; i < w->seconds; i++) {
        uint64_t v;
        memcpy(&v, (const char *)&w->history[i % HISTORY_S] + member, sizeof(v));
        if (i > from)
            strbuf_char(out, ',');
        strbuf_u64(out, v);
    }
    strbuf_char(out, ']');
}

static void on_history(struct web *w, struct http_request *r)
{
    const unsigned s = number_of(r, "seconds", 300, HISTORY_S);
    const uint64_t from = w->seconds > s ? w->seconds - s : 0;
    struct strbuf out;
    put_begin(&out);
    json_name(&out, "last_s");
    strbuf_printf(&out, "%" PRId64, w->second_s);
    json_name(&out, "packets_total");
    strbuf_u64(&out, w->now.packets);
    json_uint(&out, "bytes_total", w->now.bytes);
    json_uint(&out, "flows_total", w->now.flows);
    json_uint(&out, "records_total", w->now.records);
    put_row(&out, w, "packets", offsetof(struct sample, packets), from);
    put_row(&out, w, "bytes", offsetof(struct sample, bytes), from);
    put_row(&out, w, "flows", offsetof(struct sample, flows), from);
    put_row(&out, w, "records", offsetof(struct sample, records), from);
    send_json(r, &out);
}

/* a="b",c="d" as members; values are escaped as JSON wants them already. */
static void put_labels(struct strbuf *out, const char *p, size_t n)
{
    bool quoted = false;
    strbuf_char(out, '{');
    if (n)
        strbuf_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (quoted && p[i] == '\\' && i + 1 < n) {
            strbuf_add(out, p + i++, 2);
            continue;
        }
        if (p[i] == '"')
            quoted = !quoted;
        if (!quoted && p[i] == '=')
            strbuf_lit(out, "\":");
        else if (!quoted && p[i] == ',')
            strbuf_lit(out, ",\"");
        else
            strbuf_char(out, p[i]);
    }
    strbuf_char(out, '}');
}

static void put_figure(struct strbuf *out, const struct figure_entry *e)
{
    const struct figure_family *f = &figure_families[e->which];
    json_first(out, "name");
    json_string(out, f->name, strlen(f->name));
    json_name(out, "labels");
    put_labels(out, e->label, e->label_len);
    json_name(out, "value");
    if (f->unit == FIGURE_MICROS)
        strbuf_printf(out, "%" PRIu64 ".%06u", e->value / US_PER_S, (unsigned)(e->value % US_PER_S));
    else
        strbuf_u64(out, e->value);
    strbuf_char(out, '}');
}

static void on_health(struct web *w, struct http_request *r)
{
    struct cursor c = w->figures.len ? cursor_of(w->figures.p, w->figures.len) : (struct cursor){ 0 };
    struct figure_entry e;
    struct strbuf out;
    uint64_t n = 0;
    const int64_t now = clock_mono_us();
    if (now - w->figures_asked_us > FIGURES_EACH_US) {
        w->figures_asked_us = now;
        plugin_ask_figures(w->m->pl);
    }
    put_begin(&out);
    json_name(&out, "age_s");
    if (w->figures_us)
        strbuf_printf(&out, "%.3f", (double)(now - w->figures_us) / US_PER_S);
    else
        strbuf_lit(&out, "null");
    strbuf_lit(&out, ", \"figures\": [");
    for (; figures_next(&c, &e); n++) {
        if (n >= FIGURES_MAX)
            continue;
        if (n)
            strbuf_lit(&out, ",\n");
        put_figure(&out, &e);
    }
    strbuf_char(&out, ']');
    json_uint(&out, "left_out", n > FIGURES_MAX ? n - FIGURES_MAX : 0);
    send_json(r, &out);
}

/* ---- the largest */

static int column_of(const struct layout *l, const char *name, size_t n)
{
    for (unsigned i = 0; i < l->n; i++) {
        const char *have = l->col[i].field->name;
        if (strlen(have) == n && !memcmp(have, name, n) && top_column(&l->col[i]))
            return (int)i;
    }
    return -1;
}

/* by=a,b;c;* : ways parted by semicolons, columns by commas, * is all of them. -1: e. */
static int parse_by(const struct layout *l, const char *by, struct top_query *q, unsigned limit,
                    unsigned offset, struct err *e)
{
    for (const char *at = by; *at || at == by;) {
        if (q->n_sets == TOP_SETS_MAX)
            return err_set(e, ERR_FORMAT, "by: %d ways are the most", TOP_SETS_MAX);
        struct top_set *s = &q->set[q->n_sets++];
        *s = (struct top_set){ .limit = limit, .offset = offset };
        const size_t len = strcspn(at, ";");
        for (const char *word = at; word < at + len && !(len == 1 && *at == '*');) {
            const size_t n = strcspn(word, ",;");
            const int column = column_of(l, word, n);
            if (column == -1 || s->n == TOP_COLUMNS_MAX)
                return err_set(e, ERR_FORMAT, "by: the table has no field '%.*s'", (int)(n < 64 ? n : 64),
                               word);
            s->column[s->n++] = (uint16_t)column;
            word += n + (word[n] == ',');
        }
        at += len + (at[len] == ';');
        if (!*at)
            break;
    }
    return 0;
}

/* where=field=value, parted by \x1f where there are several (a value may have any other character). */
static int parse_where(const struct layout *l, const char *where, struct top_query *q, struct err *e)
{
    for (const char *at = where; at && *at;) {
        const size_t len = strcspn(at, "\x1f"), name = strcspn(at, "=");
        const int column = name < len ? column_of(l, at, name) : -1;
        if (column == -1)
            return err_set(e, ERR_FORMAT, "where: '%.*s' names no field of the table",
                           (int)(name < 64 ? name : 64), at);
        if (q->n_where == TOP_WHERE_MAX || len - name - 1 >= TOP_TEXT_MAX)
            return err_set(e, ERR_FORMAT, "where: %d conditions of %d characters are the most", TOP_WHERE_MAX,
                           TOP_TEXT_MAX - 1);
        struct top_where *one = &q->where[q->n_where++];
        one->column = (uint16_t)column;
        memcpy(one->text, at + name + 1, len - name - 1);
        one->text[len - name - 1] = '\0';
        at += len + (at[len] == '\x1f');
    }
    return 0;
}

static int parse_query(const struct web *w, const struct http_request *r, struct top_query *q, struct err *e)
{
    static const char *const sorts[] = {
        [TOP_BYTES] = "bytes", [TOP_PACKETS] = "packets", [TOP_FLOWS] = "flows"
    };
    const struct layout *l = w->m->pl->layout;
    const char *by = http_arg(r, "by"), *sort = http_arg(r, "sort"), *window = http_arg(r, "window");
    const unsigned limit = number_of(r, "limit", LIMIT_DEFAULT, TOP_ROWS_MAX),
                   offset = number_of(r, "offset", 0, TOP_ROWS_MAX);
    for (unsigned i = 0; sort && i < 3; i++)
        if (!strcmp(sort, sorts[i])) {
            q->sort = (enum top_sort)i;
            sort = NULL;
        }
    if (sort)
        return err_set(e, ERR_FORMAT, "sort: bytes, packets or flows");
    if (limit + offset > TOP_ROWS_MAX)
        return err_set(e, ERR_FORMAT, "offset and limit: %d rows are the most", TOP_ROWS_MAX);
    if (window && !strcmp(window, "minute"))
        q->mark = oldest_mark(w);
    else if (window && strcmp(window, "all") != 0)
        return err_set(e, ERR_FORMAT, "window: minute or all");
    return parse_by(l, by ? by : "*", q, limit, offset, e) == -1 ? -1
                                                                 : parse_where(l, http_arg(r, "where"), q, e);
}

static void on_top(struct web *w, struct http_request *r)
{
    struct top_query q = { 0 };
    struct err e = { 0 };
    if (w->n_jobs == JOBS_MAX) {
        refuse(r, 503, "too many questions at once");
        return;
    }
    if (parse_query(w, r, &q, &e) == -1) {
        refuse(r, 400, e.text);
        return;
    }
    struct job *j = calloc(1, sizeof(*j));
    struct top *top = j ? top_new(w->m->pl->layout, w->m->table, &q, &e) : NULL;
    if (!top) {
        free(j);
        refuse(r, 500, "no memory");
        return;
    }
    const int64_t now = clock_mono_us();
    const char *window = http_arg(r, "window");
    *j = (struct job){ .r = r, .top = top, .began_us = now, .windowed = window && !strcmp(window, "minute") };
    j->window_us = q.mark ? now - q.mark->at_us : 0;
    struct job **last = &w->jobs;
    while (*last)
        last = &(*last)->next;
    *last = j;
    w->n_jobs++;
    work(w);
}

static void job_done(struct web *w, struct job *j)
{
    struct strbuf out;
    put_begin(&out);
    json_name(&out, "window_s");
    if (j->windowed && j->window_us)
        strbuf_printf(&out, "%.3f", (double)j->window_us / US_PER_S);
    else
        strbuf_lit(&out, "null");
    put_seconds(&out, "took_s", clock_mono_us() - j->began_us);
    top_write(j->top, &out);
    w->jobs = j->next;
    w->n_jobs--;
    send_json(j->r, &out);
    top_free(j->top);
    free(j);
}

/* A slice: of the mark that is being made, then of the first query. */
static void on_idle(uv_idle_t *h)
{
    struct web *w = h->data;
    const int64_t until = clock_mono_us() + SLICE_US;
    if (w->marking && !mark_step(w, until))
        return;
    if (w->jobs && top_step(w->jobs->top, until))
        job_done(w, w->jobs);
    if (w->jobs || w->marking)
        return;
    uv_idle_stop(&w->idle);
    w->working = false;
}

/* ---- requests */

static void send_page(struct http_request *r)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    strbuf_add(&out, web_page, web_page_len);
    http_reply(r, 200, "text/html; charset=utf-8", &out, false);
}

static void on_request(void *owner, struct http_request *r)
{
    static const struct {
        const char *path;
        void (*answer)(struct web *w, struct http_request *r);
    } paths[] = { { "/api/v1/status", on_status },
                  { "/api/v1/history", on_history },
                  { "/api/v1/health", on_health },
                  { "/api/v1/top", on_top } };
    struct web *w = owner;
    const char *path = http_path(r);
    if (!strcmp(path, "/")) { /* the page itself shows nothing that is secret */
        send_page(r);
        return;
    }
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(path, paths[i].path) != 0)
            continue;
        if (!http_knows_token(r)) {
            refuse(r, 401, "a token is asked for");
            return;
        }
        watched(w);
        paths[i].answer(w, r);
        return;
    }
    refuse(r, 404, "there is nothing here; docs/web-api.md says what there is");
}

/* ---- life */

void web_seen(struct web *w, const struct sums *s) { sums_add(&w->now, s); }

static void sample(struct web *w, int64_t wall_us)
{
    const int64_t s = wall_us / US_PER_S;
    const uint64_t missed =
        w->second_s && s > w->second_s && s - w->second_s < HISTORY_S ? (uint64_t)(s - w->second_s) : 1;
    if (s == w->second_s)
        return;
    for (uint64_t i = 1; i < missed; i++) /* the loop was busy: seconds without a sample of their own */
        w->history[w->seconds++ % HISTORY_S] = (struct sample){ 0 };
    w->history[w->seconds++ % HISTORY_S] = (struct sample){ .packets = w->now.packets - w->before.packets,
                                                            .bytes = w->now.bytes - w->before.bytes,
                                                            .flows = w->now.flows - w->before.flows,
                                                            .records = w->now.records - w->before.records };
    w->before = w->now;
    w->second_s = s;
}

static void drop_marks(struct web *w)
{
    while (w->marks) {
        struct top_mark *k = w->marks;
        w->marks = k->next;
        mark_free(k);
    }
}

void web_tick(struct web *w, int64_t wall_us, int64_t mono_us)
{
    sample(w, wall_us);
    if (!w->asked_us || mono_us - w->asked_us > WATCHED_US) {
        if (!w->jobs)
            drop_marks(w);
        return;
    }
    if (!w->marking && mono_us - w->marked_us >= MARK_EACH_US)
        mark_begin(w, mono_us);
    if (w->marking)
        work(w);
}

void web_figures(struct web *w, const struct strbuf *octets)
{
    strbuf_clear(&w->figures);
    strbuf_add(&w->figures, octets->p, octets->len);
    w->figures_us = clock_mono_us();
}

int web_open(struct web **out, struct memory *m, struct err *e)
{
    const struct config *c = m->pl->c;
    *out = NULL;
    if (!c->web_listen)
        return 0;
    struct web *w = calloc(1, sizeof(*w));
    if (!w)
        return err_sys(e, "no memory for the live page");
    w->m = m;
    w->opened_us = clock_mono_us();
    strbuf_init(&w->figures, FIGURES_OCTETS_MAX);
    uv_idle_init(m->pl->loop, &w->idle);
    w->idle.data = w;
    *out = w; /* from here on web_close frees it */
    if (token_of(c, &w->token, e) == -1)
        return -1;
    const struct httpd_conf hc = { .key = "web_listen",
                                   .listen = c->web_listen,
                                   .token = w->token,
                                   .log = &m->pl->log,
                                   .request = on_request,
                                   .owner = w };
    w->http = httpd_open(&hc, e);
    return w->http ? httpd_start(w->http, m->pl->loop, e) : -1;
}

static void on_closed(uv_handle_t *h) { free(h->data); }

void web_close(struct web *w)
{
    if (!w)
        return;
    while (w->jobs) {
        struct job *j = w->jobs;
        w->jobs = j->next;
        top_free(j->top);
        free(j);
    }
    httpd_close(w->http);
    drop_marks(w);
    mark_free(w->marking);
    strbuf_free(&w->figures);
    free(w->token);
    uv_close((uv_handle_t *)&w->idle, on_closed);
}
