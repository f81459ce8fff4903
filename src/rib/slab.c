/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks of pieces of one size. A chunk lies at a multiple of its size, so that a piece finds it; what is
 * bigger than SLAB_LARGEST comes from malloc. Chunks that become empty keep their address and lose their
 * memory. */
#include "rib/slab.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/pages.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum {
    CHUNK = 1 << 16,
    HUGE_PAGE = 1 << 21,
    REGION = 2 * HUGE_PAGE,
    FEW_CHUNKS = 16, /* before huge pages are asked for: who has little should take little */
    IDLE_MAX = 16,
    HEADER = 64,
};

struct piece {
    struct piece *next;
};

struct slab_chunk {
    struct slab_chunk *next, *prev; /* in its list */
    struct piece *free;
    uint32_t size;  /* of a piece */
    uint32_t fresh; /* offset of the first octet that was never given out */
    uint32_t live;
    uint32_t class;
};
_Static_assert(sizeof(struct slab_chunk) <= HEADER, "the header has its room");

struct slab_region {
    struct slab_region *next;
    void *mapped;
};

static unsigned class_of(size_t size)
{
    return (unsigned)(size <= 1024 ? (size + 15) / 16 - 1 : 63 + (size - 1024 + 127) / 128);
}

static size_t class_size(unsigned class) { return class < 64 ? (class + 1) * 16 : 1024 + (class - 63) * 128; }

void slab_init(struct slab *s) { memset(s, 0, sizeof(*s)); }

void slab_clear(struct slab *s)
{
    while (s->regions) {
        struct slab_region *r = s->regions;
        s->regions = r->next;
        ASAN_UNPOISON_MEMORY_REGION(r->mapped, REGION + HUGE_PAGE);
        munmap(r->mapped, REGION + HUGE_PAGE);
        free(r);
    }
    slab_init(s);
}

static void push(struct slab_chunk **list, struct slab_chunk *c)
{
    c->prev = NULL;
    c->next = *list;
    if (c->next)
        c->next->prev = c;
    *list = c;
}

static void unlink_chunk(struct slab_chunk **list, struct slab_chunk *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        *list = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

static int map_region(struct slab *s)
{
    struct slab_region *r = malloc(sizeof(*r));
    if (!r)
        return -1;
    r->mapped = mmap(NULL, REGION + HUGE_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r->mapped == MAP_FAILED) {
        free(r);
        return -1;
    }
    r->next = s->regions;
    s->regions = r;
    uintptr_t at = ((uintptr_t)r->mapped + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
    if (s->region_count++)
        madvise((void *)at, REGION, MADV_HUGEPAGE); /* lookups go all over it; refused: no harm */
    /* Only the first is linked: each links the next when it is taken, so that none is touched before its
     * time. */
    struct slab_chunk *c = (struct slab_chunk *)at;
    c->class = REGION / CHUNK - 1; /* how many untouched ones follow */
    c->next = s->away;
    s->away = c;
    return 0;
}

/* An empty chunk. */
static struct slab_chunk *take_chunk(struct slab *s)
{
    struct slab_chunk *c = s->idle;
    if (c) {
        s->idle = c->next;
        s->idle_count--;
        return c;
    }
    if (!s->away && map_region(s))
        return NULL;
    c = s->away;
    s->away = c->next;
    if (c->class) {
        struct slab_chunk *follower = (struct slab_chunk *)((uintptr_t)c + CHUNK);
        follower->class = c->class - 1;
        follower->next = s->away;
        s->away = follower;
        if (s->region_count == 1 && c->class == REGION / CHUNK - FEW_CHUNKS)
            pages_make_huge((uint8_t *)c - (FEW_CHUNKS - 1) * CHUNK, REGION);
    }
    s->held += CHUNK;
    return c;
}

static void give_back(struct slab *s, struct slab_chunk *c)
{
    ASAN_UNPOISON_MEMORY_REGION(c, CHUNK);
    if (s->idle_count < IDLE_MAX) {
        c->next = s->idle;
        s->idle = c;
        s->idle_count++;
        return;
    }
    madvise(c, CHUNK, MADV_DONTNEED);
    c->class = 0;
    c->next = s->away;
    s->away = c;
    s->held -= CHUNK;
}

static struct slab_chunk *open_chunk(struct slab *s, unsigned class)
{
    struct slab_chunk *c = take_chunk(s);
    if (!c)
        return NULL;
    *c = (struct slab_chunk){ .size = (uint32_t)class_size(class), .fresh = HEADER, .class = class };
    ASAN_POISON_MEMORY_REGION((uint8_t *)c + HEADER, CHUNK - HEADER);
    push(&s->open[class], c);
    return c;
}

static void *alloc_large(struct slab *s, size_t size)
{
    void *p = malloc(size);
    if (p) {
        s->used += size;
        s->held += size;
    }
    return p;
}

void *slab_alloc(struct slab *s, size_t size)
{
    if (size > SLAB_LARGEST)
        return alloc_large(s, size);
    unsigned class = class_of(size);
    struct slab_chunk *c = s->open[class];
    if (!c && !(c = open_chunk(s, class)))
        return NULL;
    void *p = c->free;
    if (p) {
        ASAN_UNPOISON_MEMORY_REGION(p, c->size);
        c->free = c->free->next;
    } else {
        p = (uint8_t *)c + c->fresh;
        ASAN_UNPOISON_MEMORY_REGION(p, c->size);
        c->fresh += c->size;
    }
    c->live++;
    if (!c->free && c->fresh + c->size > CHUNK)
        unlink_chunk(&s->open[class], c);
    s->used += c->size;
    return p;
}

void slab_free(struct slab *s, void *p, size_t size)
{
    if (size > SLAB_LARGEST) {
        s->used -= size;
        s->held -= size;
        free(p);
        return;
    }
    struct slab_chunk *c = (struct slab_chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1));
    bool was_full = !c->free && c->fresh + c->size > CHUNK;
    struct piece *piece = p;
    piece->next = c->free;
    c->free = piece;
    ASAN_POISON_MEMORY_REGION(p, c->size);
    s->used -= c->size;
    c->live--;
    if (was_full)
        push(&s->open[c->class], c);
    if (!c->live) {
        unlink_chunk(&s->open[c->class], c);
        give_back(s, c);
    }
}
