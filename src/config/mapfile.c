/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of map files and lists. Called by whatever has a map, at start and on SIGUSR2. */
#include "config/mapfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/nearest.h"
#include "base/strbuf.h"

enum { FAULTS_SHOWN = 3, FIRST_READ = 1 << 16 };
#define FILE_MAX ((size_t)1 << 30) /* octets of a map; a list of all routes of the Internet has 40 MB */

/* A file on its way through. */
struct reader {
    const char *path;
    unsigned line, faults;
    struct strbuf said;
    struct mapfile_pair *pair;
    unsigned cap;
};

/* ---- faults */

static void fault(struct reader *r, const char *text)
{
    if (r->faults++ < FAULTS_SHOWN)
        strbuf_printf(&r->said, "%s[%s:%u] %s", r->faults > 1 ? "; " : "", r->path, r->line, text);
}

static void reader_init(struct reader *r, const char *path)
{
    *r = (struct reader){ .path = path };
    strbuf_init(&r->said, 4096);
}

static int reader_end(struct reader *r, struct err *e)
{
    int status = 0;
    if (r->faults > FAULTS_SHOWN)
        status = err_set(e, ERR_CONFIG, "%s; and %u more", strbuf_cstr(&r->said), r->faults - FAULTS_SHOWN);
    else if (r->faults)
        status = err_set(e, ERR_CONFIG, "%s", strbuf_cstr(&r->said));
    strbuf_free(&r->said);
    free(r->pair);
    return status;
}

/* ---- one row */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

static char *skip_blanks(char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

static const struct mapfile_key *find_key(const struct mapfile_spec *spec, const char *name)
{
    const struct mapfile_key *k = spec->keys;
    while (k->name && (*k->name != *name || strcmp(k->name, name) != 0))
        k++;
    return k->name ? k : NULL;
}

/* With what was probably meant, if something is near enough and it will be shown. */
static int unknown_key(const struct reader *r, const struct mapfile_spec *spec, const char *name,
                       struct err *e)
{
    const char *near = NULL;
    unsigned least = 3;
    for (const struct mapfile_key *k = spec->keys; k->name && r->faults < FAULTS_SHOWN; k++) {
        const unsigned distance = word_distance(name, strlen(name), k->name, strlen(k->name), least - 1);
        if (distance < least) {
            least = distance;
            near = k->name;
        }
    }
    if (near)
        return err_set(e, ERR_CONFIG, "unknown key '%.64s': was '%s' meant?", name, near);
    return err_set(e, ERR_CONFIG, "unknown key '%.64s'", name);
}

/* Cuts `key=value` off at *at. */
static int cut_pair(char **at, char **key, char **value, struct err *e)
{
    char *p = *at;
    *key = p;
    while (*p && *p != '=' && !is_blank(*p))
        p++;
    if (p == *key || *p != '=')
        return err_set(e, ERR_FORMAT,
                       "malformed line: key=value pairs are expected, without blanks around '=', at '%.32s'",
                       *key);
    *p++ = '\0';
    const bool quoted = *p == '\'';
    *value = p += quoted;
    while (*p && (quoted ? *p != '\'' : !is_blank(*p))) {
        if (*p == '|' && !quoted)
            return err_set(e, ERR_FORMAT, "malformed line: invalid symbol '|' at '%.32s'", p);
        p++;
    }
    if (!quoted && p == *value)
        return err_set(e, ERR_FORMAT, "malformed line: '%.64s' has no value", *key);
    char *behind = p + (quoted && *p);
    if (quoted && (!*p || (*behind && !is_blank(*behind))))
        return err_set(e, ERR_FORMAT, "malformed line: the quote of '%.64s' does not end before a blank",
                       *key);
    *at = *behind ? behind + 1 : behind;
    *p = '\0';
    return 0;
}

static int add_pair(struct reader *r, const struct mapfile_spec *spec, struct mapfile_row *row, char *key,
                    char *value, struct err *e)
{
    const struct mapfile_key *k = find_key(spec, key);
    if (!k)
        return unknown_key(r, spec, key, e);
    for (unsigned i = 0; !k->many && i < row->n; i++)
        if (r->pair[i].id == k->id)
            return err_set(e, ERR_CONFIG, "Multiple '%s' clauses part of the same statement", key);
    if (row->n == r->cap) {
        unsigned cap = r->cap ? r->cap * 2 : 16;
        struct mapfile_pair *more = realloc(r->pair, cap * sizeof(*more));
        if (!more)
            return err_sys(e, "no memory for a map");
        r->pair = more;
        r->cap = cap;
    }
    r->pair[row->n++] = (struct mapfile_pair){ .key = key, .value = value, .id = k->id };
    return 0;
}

static int parse_row(struct reader *r, const struct mapfile_spec *spec, void *ctx, char *p, struct err *e)
{
    struct mapfile_row row = { .line = r->line };
    char *key = p, *value = p;
    for (p = skip_blanks(p); *p; p = skip_blanks(p))
        if (cut_pair(&p, &key, &value, e) == -1 || add_pair(r, spec, &row, key, value, e) == -1)
            return -1;
    row.pair = r->pair;
    return spec->row(ctx, &row, e);
}

const char *mapfile_value(const struct mapfile_row *row, uint16_t id)
{
    for (unsigned i = 0; i < row->n; i++)
        if (row->pair[i].id == id)
            return row->pair[i].value;
    return NULL;
}

/* ---- lines */

/* The next line of *p .. end, ended by NUL; NULL behind the last one. */
static char *next_line(struct reader *r, char **p, char *end)
{
    char *line = *p;
    if (line >= end)
        return NULL;
    char *nl = memchr(line, '\n', (size_t)(end - line));
    char *stop = nl ? nl : end;
    *stop = '\0';
    *p = stop + 1;
    r->line++;
    if (strlen(line) != (size_t)(stop - line)) {
        fault(r, "malformed line: a NUL octet");
        *line = '\0';
    }
    return line;
}

static bool is_comment(const char *line) { return *line == '\0' || *line == '!' || *line == '#'; }

int mapfile_parse(const char *path, char *text, size_t len, const struct mapfile_spec *spec, void *ctx,
                  struct err *e)
{
    struct reader r;
    reader_init(&r, path);
    for (char *p = text, *line; (line = next_line(&r, &p, text + len)) != NULL;) {
        struct err why;
        line = skip_blanks(line);
        if (!is_comment(line) && parse_row(&r, spec, ctx, line, &why) == -1)
            fault(&r, why.text);
    }
    return reader_end(&r, e);
}

static void cut_comment(char *text)
{
    char *end = text + strcspn(text, "!#");
    while (end > text && is_blank(end[-1]))
        end--;
    *end = '\0';
}

int listfile_parse(const char *path, char *text, size_t len,
                   int (*item)(void *ctx, unsigned line, char *text, struct err *e), void *ctx, struct err *e)
{
    struct reader r;
    reader_init(&r, path);
    for (char *p = text, *line; (line = next_line(&r, &p, text + len)) != NULL;) {
        struct err why;
        line = skip_blanks(line);
        cut_comment(line);
        if (*line && item(ctx, r.line, line, &why) == -1)
            fault(&r, why.text);
    }
    return reader_end(&r, e);
}

/* ---- files */

static char *read_all(FILE *f, size_t *len)
{
    size_t cap = FIRST_READ;
    char *text = malloc(cap + 1);
    *len = 0;
    while (text) {
        *len += fread(text + *len, 1, cap - *len, f);
        if (*len < cap)
            return text;
        char *more = cap < FILE_MAX ? realloc(text, (cap *= 2) + 1) : NULL;
        if (!more)
            free(text);
        text = more;
    }
    errno = ENOMEM;
    return NULL;
}

static char *slurp(const char *path, size_t *len, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        err_sys(e, "[%s] %s", path, errno == ENOENT ? "file not found" : "cannot read the file");
        return NULL;
    }
    char *text = read_all(f, len);
    if (!text || ferror(f)) {
        err_sys(e, "[%s] cannot read the file", path);
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

int mapfile_read(const char *path, const struct mapfile_spec *spec, void *ctx, struct err *e)
{
    size_t len;
    char *text = slurp(path, &len, e);
    if (!text)
        return -1;
    const int status = mapfile_parse(path, text, len, spec, ctx, e);
    free(text);
    return status;
}

int listfile_read(const char *path, int (*item)(void *ctx, unsigned line, char *text, struct err *e),
                  void *ctx, struct err *e)
{
    size_t len;
    char *text = slurp(path, &len, e);
    if (!text)
        return -1;
    const int status = listfile_parse(path, text, len, item, ctx, e);
    free(text);
    return status;
}
