/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the texts of messages stay until they are confirmed: in blocks, each for many messages, which are
 * counted. Nothing is copied, and nothing allocated for a message. messages.c uses it. */
#ifndef OUTPUT_TEXTS_H
#define OUTPUT_TEXTS_H

#include "base/strbuf.h"

enum { TEXTS_NONE = 0xffff /* the number of no block */ };

struct texts_block {
    struct strbuf text;
    unsigned used; /* messages that are not settled */
    bool taken;
};

struct texts {
    size_t size; /* octets of a block */
    struct texts_block *block;
    unsigned n, current; /* current: what is written to, if open */
    unsigned kept;       /* blocks that are free, but have memory */
    bool open;
};

/* Blocks have room for several messages of this length. */
void texts_init(struct texts *t, size_t message_octets);

/* What the next message is to be appended to: the block in use, NULL if there is none; it does not move. */
struct strbuf *texts_here(struct texts *t);
/* A new block; or one for a single message of up to `octets`. NULL: out of memory. */
struct strbuf *texts_new(struct texts *t);
struct strbuf *texts_single(struct texts *t, size_t octets);

/* The number of the block in use, for texts_release. */
static inline unsigned texts_current(const struct texts *t) { return t->current; }

/* One more message of the block in use is on its way. */
void texts_use(struct texts *t);

/* The block in use is full; what stands behind `from` is no message. */
void texts_seal(struct texts *t, size_t from);

/* A message of a block is settled. */
void texts_release(struct texts *t, unsigned number);

/* Gives memory back that waits for further messages. */
void texts_trim(struct texts *t);
void texts_free(struct texts *t);

#endif
