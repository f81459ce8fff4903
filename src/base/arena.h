/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that lives and dies with its owner: a configuration, a batch, a peer. Pieces are not freed one by
 * one; the whole goes at once, and what its children hold with it. An arena belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena; /* opaque */

/* A new arena that dies with `parent` (NULL: with nobody) if not before. `name` (a literal) tells it apart in
 * reports. NULL: no memory. */
struct arena *arena_new(struct arena *parent, const char *name);

/* Frees the arena, everything in it and its children. NULL is fine. */
void arena_free(struct arena *a);

/* Forgets everything in it, children too, but keeps one chunk for what comes next. */
void arena_clear(struct arena *a);

/* n octets, zeroed, aligned for anything. NULL: no memory. */
void *arena_alloc(struct arena *a, size_t n);

/* n elements; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);

void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Octets that it has from the system, without its children. */
size_t arena_bytes(const struct arena *a);

/* Calls `each` for the arena and everything below it, parents first. */
void arena_report(const struct arena *a,
                  void (*each)(void *ctx, unsigned depth, const char *name, size_t bytes), void *ctx);

#endif
