/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory, settings and messages of a configuration; see store.h. Memory is freed all at once by config_free.
 */
#include "config/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct chunk {
    struct chunk *next;
    max_align_t data[];
};

struct store *store_new(void) { return calloc(1, sizeof(struct store)); }

void store_free(struct store *st)
{
    if (!st)
        return;
    while (st->chunks) {
        struct chunk *next = st->chunks->next;
        free(st->chunks);
        st->chunks = next;
    }
    free(st->items);
    free(st->lines);
    free(st);
}

void *store_alloc(struct store *st, size_t n)
{
    struct chunk *c = calloc(1, sizeof(*c) + n);
    if (!c) {
        st->failed = true;
        return NULL;
    }
    c->next = st->chunks;
    st->chunks = c;
    return c->data;
}

char *store_text(struct store *st, const char *text, size_t len)
{
    char *copy = store_alloc(st, len + 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

/* Makes room for two more elements (a list of lines ends with NULL). False: out of memory. */
static bool room(void **list, unsigned n, unsigned *cap, size_t size)
{
    if (n + 2 <= *cap)
        return true;
    unsigned more = *cap ? *cap * 2 : 64;
    void *p = realloc(*list, more * size);
    if (!p)
        return false;
    *list = p;
    *cap = more;
    return true;
}

void store_item(struct store *st, const struct item *it)
{
    void *list = st->items;
    if (!room(&list, st->n_items, &st->cap_items, sizeof(*it)))
        st->failed = true;
    else
        ((struct item *)list)[st->n_items++] = *it;
    st->items = list;
}

const char *place_text(const struct place *at, char *buf, size_t size)
{
    if (!at->file)
        snprintf(buf, size, "cmdline");
    else if (at->line)
        snprintf(buf, size, "%s:%u", at->file, at->line);
    else
        snprintf(buf, size, "%s", at->file);
    return buf;
}

/* One write(2) a line: daemons that start at the same time share a terminal. */
static void keep_line(struct store *st, char *line, size_t len)
{
    if (!st->quiet) {
        line[len] = '\n';
        if (write(STDERR_FILENO, line, len + 1) == -1)
            len += 0; /* nobody to tell */
        line[len] = '\0';
    }
    void *list = st->lines;
    char *copy = store_text(st, line, len);
    if (!copy || !room(&list, st->n_lines, &st->cap_lines, sizeof(*st->lines)))
        st->failed = true;
    st->lines = list;
    if (!st->failed) {
        st->lines[st->n_lines++] = copy;
        st->lines[st->n_lines] = NULL;
    }
}

void store_say(struct store *st, enum weight w, const struct place *at, const char *fmt, ...)
{
    static const char *const level[SAY_MAX] = { "INFO", "WARN", "WARN", "WARN", "ERROR", "ERROR" };
    char where[600], line[12000];
    int n = snprintf(line, sizeof(line), "%s: [%s] ", level[w], place_text(at, where, sizeof(where)));
    if (at->flag)
        n += snprintf(line + n, sizeof(line) - (size_t)n, "-%c: ", at->flag);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = m < 0 ? (size_t)n : (size_t)(n + m);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' && line[i] != '\t')
            line[i] = '?'; /* a value must not forge a line of the log */
    line[len] = '\0';
    st->said[w]++;
    keep_line(st, line, len);
}
