/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines on their way from an event loop to the thread that writes files: chunks of memory, filled without a
 * lock and handed over whole, so that a line costs one copy. What the file sink of the message log stands on.
 */
#ifndef OUTPUT_MSGLOG_CHUNKS_H
#define OUTPUT_MSGLOG_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "output/msglog_thread.h"

/* A run of lines for one place, or an order with its text; `len` octets follow, then up to 7 of padding. */
struct msglog_run {
    void *to;
    uint32_t len;
    uint32_t lines; /* 0: an order */
    uint32_t order;
    uint32_t unused;
};

struct msglog_chunk {
    struct msglog_chunk *next;
    uint32_t size, used; /* octets */
    _Alignas(8) char bytes[];
};

/* What the thread does, all of it in the thread but for `free`. */
struct msglog_writer {
    const char *what; /* where lines go, for the log */
    /* Writes all runs of all chunks, in order; frees none. Counts (msglog_chunks_count). */
    void (*write)(void *arg, const struct msglog_chunk *list);
    void (*end)(void *arg);
    void (*free)(void *arg);
    void *arg;
    void (*has_room)(void *arg); /* the thread calls it when there is room again; may be NULL */
    void *room_arg;
};

struct msglog_chunks;

/* Starts the thread. NULL with e set: arg stays the caller's. */
struct msglog_chunks *msglog_chunks_start(const struct msglog_writer *w, const struct log *l, struct err *e);

/* The loop's side; never waits. One line for `to`, a newline is added. False: there is no room. */
bool msglog_chunks_add(struct msglog_chunks *c, void *to, const char *text, size_t len);
/* The same for who writes the line himself: room for len octets and a newline, or NULL; then commit says how
 * many there are. Without a commit nothing has been added. */
char *msglog_chunks_reserve(struct msglog_chunks *c, void *to, size_t len);
void msglog_chunks_commit(struct msglog_chunks *c, size_t len);
/* The same for an order (> 0). */
bool msglog_chunks_order(struct msglog_chunks *c, void *to, uint32_t order, const char *text, size_t len);
/* Hands over what was added. While the thread is at work, little stays for the next time, unless `now`. */
void msglog_chunks_flush(struct msglog_chunks *c, bool now);
/* Would it be better to read no more for now? Room for several thousand lines is left when it says no. */
bool msglog_chunks_room(struct msglog_chunks *c);

/* What was put, written and lost; what is not handed over yet is none of it. */
struct msglog_count *msglog_chunks_count(struct msglog_chunks *c);

/* Waits two seconds at most for what is there, says how much is lost. A thread that hangs in a system call
 * keeps its memory. */
void msglog_chunks_stop(struct msglog_chunks *c);

static inline const struct msglog_run *msglog_run_at(const struct msglog_chunk *c, uint32_t at)
{
    return at < c->used ? (const struct msglog_run *)(const void *)(c->bytes + at) : NULL;
}

static inline uint32_t msglog_run_next(uint32_t at, const struct msglog_run *r)
{
    return at + (uint32_t)sizeof(*r) + ((r->len + 7) & ~7u);
}

#endif
