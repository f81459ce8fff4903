/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: chunks from malloc, each twice as large as the one before up to a limit; a piece too large for a
 * chunk gets one of its own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 4096, CHUNK_LAST = 1 << 20, ALIGN = 16 };

struct chunk {
    struct chunk *next;
    size_t size, used; /* octets of data */
    _Alignas(ALIGN) uint8_t data[];
};

struct arena {
    const char *name;
    struct arena *parent, *child, *next; /* next: the parent's next child */
    struct chunk *chunks;                /* the first is the one being filled */
    size_t bytes, next_size;
};

struct arena *arena_new(struct arena *parent, const char *name)
{
    struct arena *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->name = name;
    a->next_size = CHUNK_FIRST;
    a->parent = parent;
    if (parent) {
        a->next = parent->child;
        parent->child = a;
    }
    return a;
}

static void free_chunks(struct arena *a, struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;
        a->bytes -= sizeof(*c) + c->size;
        free(c);
        c = next;
    }
}

/* Frees a whole list of children. */
static void free_family(struct arena *a)
{
    while (a) {
        struct arena *next = a->next;
        free_family(a->child);
        free_chunks(a, a->chunks);
        free(a);
        a = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    struct arena **at = a->parent ? &a->parent->child : NULL;
    while (at && *at != a)
        at = &(*at)->next;
    if (at)
        *at = a->next;
    a->next = NULL;
    free_family(a);
}

void arena_clear(struct arena *a)
{
    struct chunk *kept = a->chunks;
    free_family(a->child);
    a->child = NULL;
    if (!kept)
        return;
    free_chunks(a, kept->next);
    kept->next = NULL;
    memset(kept->data, 0, kept->used);
    kept->used = 0;
}

/* Puts a chunk of its own for n octets behind the one being filled, or, for a small n, a fresh one before it.
 */
static struct chunk *add_chunk(struct arena *a, size_t n)
{
    bool own = n > a->next_size / 4;
    size_t size = own ? n : a->next_size;
    struct chunk *c = size > SIZE_MAX - sizeof(*c) ? NULL : calloc(1, sizeof(*c) + size);
    if (!c)
        return NULL;
    c->size = size;
    a->bytes += sizeof(*c) + size;
    if (own && a->chunks) {
        c->next = a->chunks->next;
        a->chunks->next = c;
        return c;
    }
    c->next = a->chunks;
    a->chunks = c;
    if (!own && a->next_size < CHUNK_LAST)
        a->next_size *= 2;
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN)
        return NULL;
    n = n ? (n + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
    struct chunk *c = a->chunks;
    if (!c || c->size - c->used < n)
        c = add_chunk(a, n);
    if (!c)
        return NULL;
    void *p = c->data + c->used;
    c->used += n;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
    void *copy = arena_alloc(a, n);
    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
    n = strnlen(text, n);
    char *copy = arena_alloc(a, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *text) { return arena_memdup(a, text, strlen(text) + 1); }

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!text)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_bytes(const struct arena *a) { return sizeof(*a) + a->bytes; }

static void report_at(const struct arena *a, unsigned depth,
                      void (*each)(void *, unsigned, const char *, size_t), void *ctx)
{
    each(ctx, depth, a->name, arena_bytes(a));
    for (const struct arena *c = a->child; c; c = c->next)
        report_at(c, depth + 1, each, ctx);
}

void arena_report(const struct arena *a,
                  void (*each)(void *ctx, unsigned depth, const char *name, size_t bytes), void *ctx)
{
    report_at(a, 0, each, ctx);
}
