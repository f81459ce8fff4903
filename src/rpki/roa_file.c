/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of payloads as rpki-client, Routinator, StayRTR and the RIPE validator write them. One pass over the
 * text, nothing but payloads is kept: such a file has a million of them. */
#include "rpki/roa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTED_MAX = 64, WORD_MAX = 64 };

struct reader {
    const char *p, *end;
    bool bad; /* no JSON from here on */
};

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

/* The next character that is no blank, 0 at the end. */
static char peek(struct reader *r)
{
    skip_blanks(r);
    return r->p < r->end && !r->bad ? *r->p : '\0';
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->p++;
    return true;
}

static void expect(struct reader *r, char c) { r->bad |= !take(r, c); }

/* A string; what it says as far as `buf` holds it. Escapes are kept as they are: none of the words read here
 * has any. */
static void read_string(struct reader *r, char buf[WORD_MAX])
{
    size_t n = 0;
    expect(r, '"');
    while (!r->bad && r->p < r->end && *r->p != '"') {
        if (*r->p == '\\' && ++r->p == r->end)
            break;
        if (n < WORD_MAX - 1)
            buf[n++] = *r->p;
        r->p++;
    }
    buf[n] = '\0';
    r->bad |= r->p >= r->end;
    r->p += !r->bad;
}

/* A number, true, false or null, as text. */
static void read_word(struct reader *r, char buf[WORD_MAX])
{
    size_t n = 0;
    skip_blanks(r);
    while (r->p < r->end && !strchr(",:]} \t\r\n\"{[", *r->p)) {
        if (n < WORD_MAX - 1)
            buf[n++] = *r->p;
        r->p++;
    }
    buf[n] = '\0';
    r->bad |= n == 0;
}

static void skip_value(struct reader *r)
{
    char word[WORD_MAX];
    unsigned depth = 0;
    do {
        const char c = peek(r);
        if (c == '{' || c == '[') {
            r->bad |= ++depth > NESTED_MAX;
            r->p++;
        } else if (c == '}' || c == ']') {
            r->bad |= depth == 0;
            depth -= depth > 0;
            r->p++;
        } else if (depth && (c == ',' || c == ':'))
            r->p++;
        else if (c == '"')
            read_string(r, word);
        else
            read_word(r, word);
    } while (depth && !r->bad);
}

/* A value that is a string or a word; something else is skipped and is no text. */
static void read_scalar(struct reader *r, char buf[WORD_MAX])
{
    const char c = peek(r);
    buf[0] = '\0';
    if (c == '"')
        read_string(r, buf);
    else if (c == '{' || c == '[')
        skip_value(r);
    else
        read_word(r, buf);
}

struct loader {
    struct reader r;
    struct vrp *vrp;
    size_t n, room;
    int64_t now_s;
    uint64_t element;
    void (*bad)(void *arg, const char *what);
    void *arg;
};

static void tell(struct loader *l, const char *what, const char *text)
{
    char line[1024];
    snprintf(line, sizeof(line), "ROA #%llu: %s%s%s%s", (unsigned long long)l->element, what,
             text ? " '" : "", text ? text : "", text ? "'" : "");
    if (l->bad)
        l->bad(l->arg, line);
}

/* "AS65000", "65000", 65000. */
static bool read_as(const char *text, uint32_t *as)
{
    char *end;
    if ((text[0] == 'A' || text[0] == 'a') && (text[1] == 'S' || text[1] == 's'))
        text += 2;
    const unsigned long long n = strtoull(text, &end, 10);
    *as = (uint32_t)n;
    return *text >= '0' && *text <= '9' && !*end && n <= UINT32_MAX;
}

static bool read_length(const char *text, unsigned *n)
{
    char *end;
    const unsigned long v = strtoul(text, &end, 10);
    *n = (unsigned)v;
    return *text >= '0' && *text <= '9' && !*end && v <= 128;
}

/* What an element says. */
struct element {
    char prefix[WORD_MAX], as[WORD_MAX], max[WORD_MAX], expires[WORD_MAX];
};

static void add(struct loader *l, struct element *x)
{
    struct vrp v;
    struct addr a;
    struct err e = { 0 };
    unsigned bits, max;
    uint32_t as;
    bool cut;
    char *slash = strchr(x->prefix, '/');
    if (!x->prefix[0] || !x->as[0]) {
        tell(l, x->prefix[0] ? "no 'asn' element" : "no 'prefix' element", NULL);
        return;
    }
    if (!read_as(x->as, &as)) {
        tell(l, "bad 'asn'", x->as);
        return;
    }
    if (slash)
        *slash = '\0';
    if (!slash || addr_parse(x->prefix, &a) == -1 || !read_length(slash + 1, &bits)) {
        tell(l, "bad 'prefix'", x->prefix);
        return;
    }
    max = bits;
    if (x->max[0] && !read_length(x->max, &max)) {
        tell(l, "bad 'maxLength'", x->max);
        return;
    }
    if (vrp_make(&v, &a, bits, max, as, &cut, &e) == -1) {
        tell(l, e.text, NULL);
        return;
    }
    if (cut)
        tell(l, "bits behind the prefix are not zero, taken without them:", x->prefix);
    if (l->now_s && x->expires[0] && strtoll(x->expires, NULL, 10) < l->now_s)
        return;
    if (l->n == l->room) {
        const size_t room = l->room ? l->room * 2 : 1024;
        struct vrp *more = realloc(l->vrp, room * sizeof(*more));
        if (!more) {
            l->r.bad = true;
            return;
        }
        l->vrp = more;
        l->room = room;
    }
    l->vrp[l->n++] = v;
}

static void read_element(struct loader *l)
{
    struct element x = { "", "", "", "" };
    char name[WORD_MAX];
    const struct {
        const char *name;
        char *to;
    } members[] = {
        { "prefix", x.prefix }, { "asn", x.as }, { "maxLength", x.max }, { "expires", x.expires }
    };
    if (peek(&l->r) != '{') {
        skip_value(&l->r);
        tell(l, "not an object", NULL);
        return;
    }
    l->r.p++;
    for (bool more = peek(&l->r) != '}'; more && !l->r.bad; more = take(&l->r, ',')) {
        unsigned i = 0;
        read_string(&l->r, name);
        expect(&l->r, ':');
        while (i < 4 && strcmp(members[i].name, name) != 0)
            i++;
        if (i < 4)
            read_scalar(&l->r, members[i].to);
        else
            skip_value(&l->r);
    }
    expect(&l->r, '}');
    if (!l->r.bad)
        add(l, &x);
}

static void read_roas(struct loader *l)
{
    expect(&l->r, '[');
    for (bool more = !l->r.bad && peek(&l->r) != ']'; more && !l->r.bad; more = take(&l->r, ',')) {
        l->element++;
        read_element(l);
    }
    expect(&l->r, ']');
}

static bool read_top(struct loader *l)
{
    char name[WORD_MAX];
    bool found = false;
    expect(&l->r, '{');
    for (bool more = !l->r.bad && peek(&l->r) != '}'; more && !l->r.bad; more = take(&l->r, ',')) {
        read_string(&l->r, name);
        expect(&l->r, ':');
        if (!strcmp(name, "roas") && peek(&l->r) == '[') {
            found = true;
            read_roas(l);
        } else
            skip_value(&l->r);
    }
    expect(&l->r, '}');
    return found;
}

struct roa_table *roa_parse(const char *text, size_t len, int64_t now_s,
                            void (*bad)(void *arg, const char *what), void *arg, struct err *e)
{
    struct loader l = { .r = { text, text + len, false }, .now_s = now_s, .bad = bad, .arg = arg };
    struct roa_table *t = NULL;
    const bool found = read_top(&l);
    if (l.r.bad)
        err_set(e, ERR_FORMAT, "not JSON from octet %zu on", (size_t)(l.r.p - text));
    else if (!found)
        err_set(e, ERR_FORMAT, "no array 'roas' in it");
    else if (!(t = roa_build(l.vrp, l.n)))
        err_sys(e, "no memory for ROAs");
    free(l.vrp);
    return t;
}

static char *read_file(const char *path, size_t *len, struct err *e)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    long size = -1;
    if (f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
        text = malloc((size_t)size + 1);
    if (text)
        *len = fread(text, 1, (size_t)size, f);
    else
        err_sys(e, "%s: cannot be read", path);
    if (f)
        fclose(f);
    return text;
}

struct roa_table *roa_load(const char *path, int64_t now_s, void (*bad)(void *arg, const char *what),
                           void *arg, struct err *e)
{
    size_t len;
    char *text = read_file(path, &len, e);
    if (!text)
        return NULL;
    struct err why = { 0 };
    struct roa_table *t = roa_parse(text, len, now_s, bad, arg, &why);
    free(text);
    if (!t)
        err_set(e, why.code, "%s: %s", path, why.text);
    return t;
}
