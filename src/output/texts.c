/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of text: taken in turn, free again when the last message in them is settled. */
#include "output/texts.h"

#include <stdlib.h>

enum {
    BLOCK_LEAST = 256 << 10, /* octets */
    BLOCK_MOST = 16 << 20,
    MESSAGES_A_BLOCK = 8, /* at least, but for the largest */
    KEPT_MAX = 8 << 20,   /* octets of free blocks */
};

void texts_init(struct texts *t, size_t message_octets)
{
    const size_t want = message_octets < BLOCK_MOST ? message_octets * MESSAGES_A_BLOCK : BLOCK_MOST;
    *t = (struct texts){ .size = want < BLOCK_LEAST ? BLOCK_LEAST : want > BLOCK_MOST ? BLOCK_MOST : want };
}

static void block_free(struct texts *t, struct texts_block *b)
{
    b->taken = false;
    if (b->text.max == t->size && (t->kept + 1) * t->size <= KEPT_MAX)
        t->kept++;
    else
        strbuf_free(&b->text);
}

static bool grow(struct texts *t)
{
    const unsigned n = t->n ? t->n * 2 : 64, most = TEXTS_NONE;
    struct texts_block *more = t->n < most ? realloc(t->block, (n < most ? n : most) * sizeof(*more)) : NULL;
    if (!more)
        return false;
    t->block = more;
    while (t->n < n && t->n < most)
        more[t->n++] = (struct texts_block){ 0 };
    return true;
}

/* A block that is free; one with memory if there is one and it is asked for. */
static struct texts_block *take(struct texts *t, bool with_memory)
{
    const bool kept = with_memory && t->kept;
    unsigned i = 0;
    while (i < t->n && (t->block[i].taken || (kept ? !t->block[i].text.p : t->block[i].text.p != NULL)))
        i++;
    if (i == t->n && !grow(t))
        return NULL;
    t->kept -= kept;
    t->current = i;
    return &t->block[i];
}

static struct strbuf *open_block(struct texts *t, size_t size)
{
    if (t->open)
        texts_seal(t, t->block[t->current].text.len);
    struct texts_block *b = take(t, size == t->size);
    if (!b)
        return NULL;
    b->text = (struct strbuf){ .p = b->text.p, .cap = b->text.p ? size + 1 : 0, .max = size };
    /* With a NUL behind it: as large as it will ever be, since texts must not move. */
    if (size == t->size && !strbuf_room(&b->text, size))
        return NULL;
    b->used = 0;
    b->taken = t->open = true;
    return &b->text;
}

struct strbuf *texts_here(struct texts *t)
{
    struct texts_block *b = &t->block[t->current];
    if (!t->open)
        return NULL;
    if (!b->used)
        b->text.len = 0; /* nobody waits for what is in it */
    return &b->text;
}

struct strbuf *texts_new(struct texts *t) { return open_block(t, t->size); }

struct strbuf *texts_single(struct texts *t, size_t octets) { return open_block(t, octets); }

void texts_use(struct texts *t)
{
    struct texts_block *b = &t->block[t->current];
    b->used++;
    if (b->text.max != t->size) /* it would move */
        t->open = false;
}

void texts_seal(struct texts *t, size_t from)
{
    struct texts_block *b = &t->block[t->current];
    b->text.len = from;
    t->open = false;
    if (!b->used)
        block_free(t, b);
}

void texts_release(struct texts *t, unsigned number)
{
    if (number == TEXTS_NONE)
        return;
    struct texts_block *b = &t->block[number];
    b->used--;
    if (!b->used && !(t->open && t->current == number))
        block_free(t, b);
}

void texts_trim(struct texts *t)
{
    for (unsigned i = 0; i < t->n; i++)
        if (!t->block[i].taken)
            strbuf_free(&t->block[i].text);
    t->kept = 0;
}

void texts_free(struct texts *t)
{
    for (unsigned i = 0; i < t->n; i++)
        strbuf_free(&t->block[i].text);
    free(t->block);
    t->block = NULL;
}
