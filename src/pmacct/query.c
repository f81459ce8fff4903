/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries as text → terms of a request. */
#include "pmacct/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "pmacct/value.h"

/* Words that are no field, or stand for one. */
static const struct {
    const char *word;
    struct want want;
} special[] = {
    { "none", { NULL, WANT_NOTHING } },
    { "flows", { NULL, WANT_FLOWS } },
    { "sum", { &fields[FIELD_src_host], WANT_FIELD } },
    { "sum_host", { &fields[FIELD_src_host], WANT_FIELD } },
    { "sum_net", { &fields[FIELD_src_net], WANT_FIELD } },
    { "sum_as", { &fields[FIELD_src_as], WANT_FIELD } },
    { "sum_port", { &fields[FIELD_src_port], WANT_FIELD } },
    { "sum_mac", { &fields[FIELD_src_mac], WANT_FIELD } },
};

static bool want_find(const char *word, size_t len, struct want *out)
{
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (strlen(special[i].word) == len && !strncasecmp(special[i].word, word, len)) {
            *out = special[i].want;
            return true;
        }
    out->kind = WANT_FIELD;
    out->field = field_find(word, len);
    return out->field != NULL;
}

int wants_parse(const char *list, struct wants *w, struct err *e)
{
    w->n = 0;
    for (const char *p = list; *p;) {
        size_t lead = strspn(p, ", \t"), len = strcspn(p + lead, ", \t");
        p += lead;
        if (!len)
            break;
        if (w->n == WANTS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d primitives", WANTS_MAX);
        if (!want_find(p, len, &w->want[w->n]))
            return err_set(e, ERR_FORMAT, "unknown primitive '%.*s'", (int)len, p);
        w->n++;
        p += len;
    }
    return w->n ? 0 : err_set(e, ERR_FORMAT, "no primitives");
}

/* Room for one more query, none of whose values are given. */
static struct value *query_add(struct query_list *q, struct err *e)
{
    if (q->n == IMT_QUERIES_MAX) {
        err_set(e, ERR_LIMIT, "more than %d queries", IMT_QUERIES_MAX);
        return NULL;
    }
    if (q->n == q->cap) {
        unsigned cap = q->cap ? q->cap * 2 : 16;
        struct value *more = realloc(q->value, cap * q->wants->n * sizeof(*more));
        if (!more) {
            err_sys(e, "no memory for queries");
            return NULL;
        }
        q->value = more;
        q->cap = cap;
    }
    struct value *v = &q->value[q->n++ * q->wants->n];
    for (unsigned i = 0; i < q->wants->n; i++)
        v[i] = (struct value){ .kind = VALUE_MISSING };
    return v;
}

static int value_parse(struct query_list *q, const struct want *w, const char *text, bool utc,
                       struct value *v, struct err *e)
{
    static const struct field flows = { .name = "flows", .kind = FK_U64, .size = sizeof(uint64_t) };
    v->kind = VALUE_ANY;
    if (w->kind == WANT_NOTHING || !strcmp(text, "*"))
        return 0;
    v->kind = VALUE_GIVEN;
    v->at = q->octets.len;
    if (value_put(w->kind == WANT_FLOWS ? &flows : w->field, text, utc, &q->octets, e) == -1)
        return -1;
    v->len = (uint32_t)(q->octets.len - v->at);
    return 0;
}

/* One query, changed while it is parsed. Values beyond the primitives asked for are ignored. */
static int query_parse(struct query_list *q, char *text, bool utc, struct err *e)
{
    struct value *v = query_add(q, e);
    if (!v)
        return -1;
    for (unsigned i = 0; i < q->wants->n && text; i++) {
        const char *one = strsep(&text, ",");
        if (value_parse(q, &q->wants->want[i], one, utc, &v[i], e) == -1)
            return -1;
    }
    return 0;
}

/* Cuts blanks and the line's end off. */
static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int file_parse(struct query_list *q, const char *name, bool utc, struct err *e)
{
    FILE *f = fopen(name, "re");
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    if (!f)
        return err_set(e, ERR_SYS, "file '%s' not found", name);
    while (rc == 0 && getline(&line, &size, f) != -1) {
        char *text = trim(line);
        if (*text && *text != '!')
            rc = query_parse(q, text, utc, e);
    }
    free(line);
    fclose(f);
    if (rc == 0 && !q->n)
        return err_set(e, ERR_FORMAT, "file '%s' holds no query", name);
    return rc;
}

int query_list_parse(const char *text, const struct wants *w, bool utc, struct query_list *q, struct err *e)
{
    *q = (struct query_list){ .wants = w };
    strbuf_init(&q->octets, IMT_REQUEST_MAX);
    if (!strncmp(text, "file:", 5))
        return file_parse(q, text + 5, utc, e);
    char *copy = strdup(text), *rest = copy, *one;
    int rc = copy ? 0 : err_sys(e, "no memory for queries");
    while (rc == 0 && (one = strsep(&rest, ";")))
        if (*one || (!rest && !q->n)) /* `a;` is one query; nothing at all is one too, of an empty value */
            rc = query_parse(q, trim(one), utc, e);
    free(copy);
    return rc;
}

void query_list_free(struct query_list *q)
{
    free(q->value);
    strbuf_free(&q->octets);
    q->value = NULL;
}

/* ---- the request */

/* The column that a place of -c means in this table: its number, IMT_TERM_FLOWS, or -1 when the table has
 * none. */
static int column_of(const struct want *w, const struct layout *l)
{
    if (w->kind == WANT_FLOWS)
        return IMT_TERM_FLOWS;
    for (unsigned i = 0; i < l->n; i++)
        if (l->col[i].field == w->field)
            return (int)i;
    return -1;
}

/* A field that the table does not have was never set. */
static bool never_set(const uint8_t *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (p[i])
            return false;
    return true;
}

/* A value as the key of this table holds it. */
static void term_put(struct strbuf *out, const struct layout *l, int column, const uint8_t *p, uint32_t len)
{
    uint8_t octets[sizeof(struct addr)];
    if (column != IMT_TERM_FLOWS && l->col[column].place == PLACE_ADDR && len == sizeof(struct addr)) {
        struct addr a;
        memcpy(&a, p, sizeof(a));
        len = addr_compact(&a, octets);
        p = octets;
    }
    imt_term_put(out, (uint16_t)column, p, len);
}

static void query_put(const struct query_list *q, const struct value *v, const struct layout *l,
                      const int *column, struct strbuf *out)
{
    uint16_t terms = 0;
    bool never = false;
    for (unsigned i = 0; i < q->wants->n; i++) {
        const uint8_t *p = (const uint8_t *)q->octets.p + v[i].at;
        bool absent = v[i].kind == VALUE_GIVEN && column[i] == -1;
        never |= v[i].kind == VALUE_MISSING || (absent && !never_set(p, v[i].len));
    }
    size_t at = imt_query_begin(out, never);
    for (unsigned i = 0; i < q->wants->n && !never; i++) {
        if (v[i].kind != VALUE_GIVEN || column[i] == -1)
            continue;
        term_put(out, l, column[i], (const uint8_t *)q->octets.p + v[i].at, v[i].len);
        terms++;
    }
    imt_query_end(out, at, terms);
}

int query_list_request(const struct query_list *q, const struct layout *l, enum imt_op op, uint8_t flags,
                       struct strbuf *out, const struct field **absent, struct err *e)
{
    int column[WANTS_MAX];
    *absent = NULL;
    for (unsigned i = 0; i < q->wants->n; i++) {
        column[i] = column_of(&q->wants->want[i], l);
        if (column[i] == -1 && !*absent)
            *absent = q->wants->want[i].field;
    }
    size_t at = imt_request_begin(out, op, flags, (uint16_t)q->n);
    for (unsigned i = 0; i < q->n; i++)
        query_put(q, &q->value[i * q->wants->n], l, column, out);
    imt_end(out, at);
    if (out->failed || out->len - at > IMT_HEADER + IMT_REQUEST_MAX)
        return err_set(e, ERR_LIMIT, "the queries are too long for one request: ask in several");
    return 0;
}
