/* SPDX-License-Identifier: BSD-2-Clause */
/* pmacct --top: asks the table every few seconds, shows the lines that count most. */
#include "pmacct/top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "pmacct/link.h"
#include "pmacct/screen.h"
#include "pmacct/snapshot.h"

enum {
    WIDTH_MAX = 40,  /* of a column */
    PLAIN_ROWS = 20, /* where there is no terminal and -T says nothing */
    HEAD_LINES = 3,  /* above the rows, and one below */
    FILTER_MAX = 64,
    EVERY_MAX = 3600,
};

enum sort { SORT_BYTES, SORT_PACKETS, SORT_FLOWS };

struct top {
    const struct options *o;
    const struct query_list *q;
    struct screen screen;
    struct layout l;
    bool has_layout;
    struct format *text;
    struct snapshot all[2]; /* by turns: now and before */
    unsigned turn;
    bool has_before;
    struct snapshot shown; /* filtered, summed up */
    const struct column *order[COLUMNS_MAX];
    unsigned n_columns;
    int by; /* place in order[], -1: all columns */
    enum sort sort;
    bool totals; /* sorted by what was counted ever */
    bool paused, typing, help;
    unsigned first; /* line at the top */
    int every_s;
    char filter[FILTER_MAX];
    struct strbuf out, cell;
    struct err trouble; /* of the last question */
};

/* ---- asking */

static int ask(struct top *t, struct link *k, struct err *e)
{
    struct strbuf s;
    struct err why = { 0 };
    const struct field *absent;
    int rc = 0;
    strbuf_init(&s, 2 * IMT_REQUEST_MAX);
    if (t->q->n)
        rc = query_list_request(t->q, &t->l, IMT_OP_MATCH, 0, &s, &absent, &why);
    else
        imt_end(&s, imt_request_begin(&s, IMT_OP_TABLE, 0, 0));
    rc = rc == -1 ? err_set(e, why.code, "ERROR: %s", why.text) : link_send(k, &s, e);
    strbuf_free(&s);
    return rc;
}

static int take_rows(struct top *t, struct cursor body, struct snapshot *now, const struct snapshot *before,
                     struct err *e)
{
    struct row r;
    uint32_t key_len;
    while (imt_row_get(&body, &t->l, &r, &key_len))
        if (snapshot_add(now, &r, key_len, before) == -1)
            return err_set(e, ERR_LIMIT, "ERROR: no memory for the table");
    return body.bad ? err_set(e, ERR_FORMAT, "ERROR: the answer makes no sense") : 0;
}

static int take_answer(struct top *t, struct link *k, struct err *e)
{
    struct snapshot *now = &t->all[t->turn], *before = &t->all[!t->turn];
    struct imt_header h;
    struct cursor body;
    snapshot_begin(now, clock_mono_us());
    do {
        if (link_next(k, &h, &body, e) == -1)
            return -1;
        if (h.type == IMT_ROWS && take_rows(t, body, now, t->has_before ? before : NULL, e) == -1)
            return -1;
    } while (h.type != IMT_DONE);
    return 0;
}

/* A column of another layout means another daemon: begin anew. */
static int take_layout(struct top *t, struct cursor body, struct err *e)
{
    const struct format_style style = { .kind = FORMAT_CSV,
                                        .order = ORDER_CLIENT,
                                        .separator = ',',
                                        .client = true,
                                        .num_protos = t->o->style.num_protos };
    struct err why;
    if (t->has_layout) {
        struct layout again;
        if (imt_hello_get(body, &again, &why) == -1)
            return err_set(e, ERR_FORMAT, "ERROR: %s", why.text);
        const bool same = again.n == t->l.n && again.fixed == t->l.fixed && again.bin_off == t->l.bin_off;
        layout_free(&again);
        return same ? 0 : err_set(e, ERR_FORMAT, "ERROR: the table has other fields now");
    }
    if (imt_hello_get(body, &t->l, &why) == -1)
        return err_set(e, ERR_FORMAT, "ERROR: %s", why.text);
    t->has_layout = true;
    t->text = format_new(&t->l, &style);
    t->n_columns = layout_order(&t->l, ORDER_CSV, t->order);
    t->all[0].l = t->all[1].l = t->shown.l = &t->l;
    t->shown.text = t->text;
    return t->text ? 0 : err_set(e, ERR_SYS, "ERROR: no memory");
}

static int refresh(struct top *t, struct err *e)
{
    struct link k;
    struct imt_header h;
    struct cursor body;
    int rc = link_open(&k, t->o->path, e);
    if (rc == 0)
        rc = link_next(&k, &h, &body, e);
    if (rc == 0 && h.type != IMT_HELLO)
        rc = err_set(e, ERR_FORMAT, "ERROR: no table answers at this socket");
    if (rc == 0)
        rc = take_layout(t, body, e);
    t->turn = !t->turn;
    if (rc == 0)
        rc = ask(t, &k, e);
    if (rc == 0)
        rc = take_answer(t, &k, e);
    if (rc == -1)
        t->turn = !t->turn;
    link_close(&k);
    return rc;
}

/* ---- sorting */

static uint64_t counter_of(const struct counters *c, enum sort by)
{
    return by == SORT_PACKETS ? c->packets : by == SORT_FLOWS ? c->flows : c->bytes;
}

struct ranked {
    uint64_t first, second;
    size_t line;
};

static int by_rank(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    if (a->first != b->first)
        return a->first > b->first ? -1 : 1;
    if (a->second != b->second)
        return a->second > b->second ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static struct ranked *rank(const struct top *t)
{
    const struct snapshot *s = &t->shown;
    struct ranked *all = calloc(s->n + 1, sizeof(*all));
    const bool totals = t->totals || !t->has_before;
    for (size_t i = 0; all && i < s->n; i++) {
        const uint64_t since = counter_of(&s->line[i].since, t->sort),
                       ever = counter_of(&s->line[i].sum, t->sort);
        all[i] = (struct ranked){ totals ? ever : since, totals ? since : ever, i };
    }
    if (all && s->n > 1)
        qsort(all, s->n, sizeof(*all), by_rank);
    return all;
}

/* ---- drawing */

static void si(struct strbuf *out, double v, const char *unit)
{
    static const char *const prefix[] = { "", "k", "M", "G", "T", "P", "E" };
    char number[32], text[48];
    unsigned i = 0;
    for (; v >= 999.5 && i < 6; i++)
        v /= 1000;
    snprintf(number, sizeof(number), "%.*f",
             i == 0 && v == (double)(uint64_t)v ? 0
             : v < 9.995                        ? 2
             : v < 99.95                        ? 1
                                                : 0,
             v);
    snprintf(text, sizeof(text), "%s %s%s", number, prefix[i], unit);
    strbuf_printf(out, "%12s", text);
}

static void style(struct top *t, const char *sgr)
{
    if (t->screen.terminal)
        strbuf_printf(&t->out, "\033[%sm", sgr);
}

/* Ends a line at the screen's edge, whatever was on it before. */
static void end_line(struct top *t)
{
    if (t->screen.terminal)
        strbuf_lit(&t->out, "\033[K\r");
    strbuf_char(&t->out, '\n');
}

static void value(struct top *t, unsigned column, const struct row *r)
{
    strbuf_clear(&t->cell);
    format_value(t->text, t->order[column], r, &t->cell);
    for (size_t i = 0; i < t->cell.len; i++) /* whatever it is, it does not command the terminal */
        if ((unsigned char)t->cell.p[i] < ' ' || t->cell.p[i] == 0x7f)
            t->cell.p[i] = '?';
}

static bool is_shown(const struct top *t, unsigned column) { return t->by < 0 || (unsigned)t->by == column; }

static void measure(struct top *t, const struct ranked *r, size_t from, size_t to, unsigned *width)
{
    struct row row;
    for (unsigned c = 0; c < t->n_columns; c++) {
        width[c] = is_shown(t, c) ? (unsigned)strlen(t->order[c]->field->title) : 0;
        for (size_t i = from; i < to && is_shown(t, c); i++) {
            if (!snapshot_row(&t->all[t->turn], &t->shown.line[r[i].line], &row))
                continue;
            value(t, c, &row);
            width[c] = t->cell.len > width[c] ? (unsigned)t->cell.len : width[c];
        }
        width[c] = width[c] > WIDTH_MAX ? WIDTH_MAX : width[c];
    }
}

/* How many columns of values fit beside the counters. */
static unsigned fitting(const struct top *t, const unsigned *width)
{
    const unsigned counters = t->l.flows ? 48 : 36;
    unsigned used = counters, c = 0;
    for (; c < t->n_columns; c++) {
        used += width[c] ? width[c] + 2 : 0;
        if (t->screen.terminal && used > t->screen.columns)
            break;
    }
    return c;
}

static void draw_titles(struct top *t, const unsigned *width, unsigned columns)
{
    static const struct {
        const char *text;
        enum sort sort;
        bool totals;
    } counters[] = { { "BITS", SORT_BYTES, false },
                     { "PACKETS", SORT_PACKETS, false },
                     { "FLOWS", SORT_FLOWS, false },
                     { "BYTES EVER", SORT_BYTES, true } };
    style(t, "7");
    for (unsigned c = 0; c < columns; c++)
        if (width[c])
            strbuf_printf(&t->out, "%-*.*s  ", (int)width[c], (int)width[c], t->order[c]->field->title);
    for (unsigned i = 0; i < 4; i++) {
        if (counters[i].sort == SORT_FLOWS && !t->l.flows)
            continue;
        const bool sorted = counters[i].totals ? t->totals : counters[i].sort == t->sort && !t->totals;
        char text[16];
        snprintf(text, sizeof(text), "%s%s", sorted ? ">" : "", counters[i].text);
        strbuf_printf(&t->out, "%12s", text);
    }
    style(t, "0");
    end_line(t);
}

static void draw_counters(struct top *t, const struct snapshot_line *line, double seconds)
{
    const double s = t->has_before ? seconds : 0;
    if (s > 0) {
        si(&t->out, (double)line->since.bytes * 8 / s, "b/s");
        si(&t->out, (double)line->since.packets / s, "/s");
        if (t->l.flows)
            si(&t->out, (double)line->since.flows / s, "/s");
    } else {
        strbuf_printf(&t->out, t->l.flows ? "%12s%12s%12s" : "%12s%12s", "-", "-", "-");
    }
    si(&t->out, (double)line->sum.bytes, "B");
}

static void draw_line(struct top *t, const struct snapshot_line *line, const unsigned *width,
                      unsigned columns, double seconds)
{
    struct row row;
    if (!snapshot_row(&t->all[t->turn], line, &row))
        return;
    const bool silent = t->has_before && !(line->since.packets | line->since.bytes);
    if (silent && t->screen.colour)
        style(t, "2");
    for (unsigned c = 0; c < columns; c++) {
        if (!width[c])
            continue;
        value(t, c, &row);
        strbuf_printf(&t->out, "%-*.*s  ", (int)width[c], (int)width[c], strbuf_cstr(&t->cell));
    }
    draw_counters(t, line, seconds);
    if (silent && t->screen.colour)
        style(t, "0");
    end_line(t);
}

static void draw_head(struct top *t, double seconds)
{
    const struct snapshot *s = &t->shown;
    struct strbuf *out = &t->out;
    if (t->screen.colour)
        style(t, "1");
    strbuf_printf(out, "%s  %llu aggregates", t->o->path, (unsigned long long)s->entries);
    if (t->has_before && seconds > 0) {
        si(out, (double)s->since.bytes * 8 / seconds, "b/s");
        si(out, (double)s->since.packets / seconds, "/s");
        strbuf_lit(out, " packets");
    }
    if (t->screen.colour)
        style(t, "0");
    end_line(t);
    if (t->typing)
        strbuf_printf(out, "Only what has: %s_", t->filter);
    else if (t->trouble.text[0])
        strbuf_printf(out, "%s", t->trouble.text);
    else
        strbuf_printf(out, "every %d s%s   by %s%s%s", t->every_s, t->paused ? ", paused" : "",
                      t->by < 0 ? "all fields" : t->order[t->by]->field->name,
                      t->filter[0] ? "   only what has: " : "", t->filter);
    end_line(t);
}

static void draw_help(struct top *t)
{
    static const char *const lines[] = {
        "b p f    sort by bits, packets, flows a second",
        "t        sort by what was counted ever, or a second",
        "g G      sum up by the next field, the one before",
        "/        show only what has a text in one of its values; an empty one: all",
        "up down page-up page-down home end    move",
        "+ -      look more seldom, more often",
        "space    pause",
        "q        end",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        strbuf_printf(&t->out, "  %s", lines[i]);
        end_line(t);
    }
}

static size_t room(const struct top *t)
{
    if (!t->screen.terminal)
        return t->o->top ? (size_t)t->o->top : PLAIN_ROWS;
    return t->screen.lines > HEAD_LINES + 1 ? t->screen.lines - HEAD_LINES - 1 : 1;
}

static void draw_rows(struct top *t, double seconds)
{
    unsigned width[COLUMNS_MAX] = { 0 };
    struct ranked *r = rank(t);
    const size_t most = room(t), n = t->shown.n;
    if (!r)
        return;
    if (t->first + most > n)
        t->first = n > most ? (unsigned)(n - most) : 0;
    const size_t to = t->first + most < n ? t->first + most : n;
    measure(t, r, t->first, to, width);
    const unsigned columns = fitting(t, width);
    draw_titles(t, width, columns);
    for (size_t i = t->first; i < to; i++)
        draw_line(t, &t->shown.line[r[i].line], width, columns, seconds);
    free(r);
}

static bool draw(struct top *t)
{
    const struct snapshot *now = &t->all[t->turn], *before = &t->all[!t->turn];
    const double seconds = t->has_before ? (double)(now->at_us - before->at_us) / US_PER_S : 0;
    const struct column *by = t->by < 0 ? NULL : t->order[t->by];
    strbuf_clear(&t->out);
    if (snapshot_sum(&t->shown, now, by, t->filter) == -1)
        err_set(&t->trouble, ERR_LIMIT, "ERROR: no memory");
    draw_head(t, seconds);
    if (t->help)
        draw_help(t);
    else
        draw_rows(t, seconds);
    if (t->screen.terminal)
        strbuf_lit(&t->out, "q end  b p f t sort  g sum up  / filter  ? help\033[K");
    else
        strbuf_char(&t->out, '\n');
    return screen_show(&t->screen, &t->out);
}

/* ---- keys */

static void type(struct top *t, int key)
{
    const size_t n = strlen(t->filter);
    if (key == '\n' || key == '\r' || key == KEY_ESCAPE)
        t->typing = false;
    else if ((key == 127 || key == '\b') && n)
        t->filter[n - 1] = '\0';
    else if (key >= ' ' && key < 127 && n + 1 < sizeof(t->filter))
        t->filter[n] = (char)key, t->filter[n + 1] = '\0';
    if (key == KEY_ESCAPE)
        t->filter[0] = '\0';
}

static void sort_by(struct top *t, enum sort s)
{
    t->sort = s;
    t->totals = false;
    t->first = 0;
}

static void sum_by(struct top *t, int step)
{
    const int n = (int)t->n_columns + 1;
    t->by = (t->by + 1 + step + n) % n - 1;
    t->first = 0;
}

static void move(struct top *t, int64_t by)
{
    const int64_t to = (int64_t)t->first + by;
    t->first = to < 0 ? 0 : to > (int64_t)t->shown.n ? (unsigned)t->shown.n : (unsigned)to;
}

static void press(struct top *t, int key)
{
    const int64_t page = (int64_t)room(t);
    switch (key) {
    case 'b':
        sort_by(t, SORT_BYTES);
        break;
    case 'p':
        sort_by(t, SORT_PACKETS);
        break;
    case 'f':
        sort_by(t, t->l.flows ? SORT_FLOWS : SORT_BYTES);
        break;
    case 't':
        t->totals = !t->totals;
        break;
    case 'g':
        sum_by(t, 1);
        break;
    case 'G':
        sum_by(t, -1);
        break;
    case '/':
        t->typing = true;
        t->filter[0] = '\0';
        break;
    case KEY_ESCAPE:
        t->filter[0] = '\0';
        t->help = false;
        break;
    case '+':
        t->every_s += t->every_s < EVERY_MAX;
        break;
    case '-':
        t->every_s -= t->every_s > 1;
        break;
    case ' ':
        t->paused = !t->paused;
        break;
    case '?':
    case 'h':
        t->help = !t->help;
        break;
    case KEY_UP:
    case KEY_DOWN:
        move(t, key == KEY_UP ? -1 : 1);
        break;
    case KEY_PAGE_UP:
    case KEY_PAGE_DOWN:
        move(t, key == KEY_PAGE_UP ? -page : page);
        break;
    case KEY_FIRST:
    case KEY_LAST:
        move(t, key == KEY_FIRST ? -(int64_t)t->first : (int64_t)t->shown.n);
        break;
    default:
        break;
    }
}

/* Until the next look at the table. False: it ends. */
static bool wait(struct top *t, int64_t due_us)
{
    for (;;) {
        const int key = screen_key(&t->screen, due_us);
        if (key == KEY_END || (key == 'q' && !t->typing))
            return false;
        if (key == KEY_NOTHING && !t->paused)
            return true;
        if (key == KEY_NOTHING)
            due_us = clock_mono_us() + t->every_s * US_PER_S;
        else if (t->typing)
            type(t, key);
        else if (key != KEY_RESIZED)
            press(t, key);
        if (key != KEY_NOTHING && !draw(t))
            return false;
    }
}

/* ---- all of it */

static enum sort sort_of(enum counter c)
{
    return c == COUNTER_PACKETS ? SORT_PACKETS : c == COUNTER_FLOWS ? SORT_FLOWS : SORT_BYTES;
}

static int loop(struct top *t, struct err *e)
{
    int64_t due_us = clock_mono_us();
    for (unsigned done = 0;;) {
        struct err why = { 0 };
        const int rc = refresh(t, &why);
        if (rc == -1 && !t->has_layout) { /* nothing to show ever */
            *e = why;
            return -1;
        }
        t->trouble = rc == -1 ? why : (struct err){ 0 };
        t->has_before &= rc == 0;
        if (!draw(t) || (t->o->times && ++done >= t->o->times))
            return 0;
        t->has_before = rc == 0;
        due_us += t->every_s * US_PER_S;
        if (due_us < clock_mono_us())
            due_us = clock_mono_us() + t->every_s * US_PER_S;
        if (!wait(t, due_us))
            return 0;
    }
}

int top_run(const struct options *o, const struct query_list *q, struct err *e)
{
    struct top *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_SYS, "ERROR: no memory");
    *t = (struct top){ .o = o, .q = q, .by = -1, .sort = sort_of(o->sort), .every_s = o->every_s };
    strbuf_init(&t->out, 64 << 20);
    strbuf_init(&t->cell, 1 << 20);
    int rc = screen_open(&t->screen, e);
    if (rc == 0)
        rc = loop(t, e);
    screen_close(&t->screen);
    snapshot_free(&t->all[0]);
    snapshot_free(&t->all[1]);
    snapshot_free(&t->shown);
    format_free(t->text);
    if (t->has_layout)
        layout_free(&t->l);
    strbuf_free(&t->out);
    strbuf_free(&t->cell);
    free(t);
    return rc;
}
