/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches of octets that wait on disk until somebody has confirmed them: one checksummed file each, in a
 * directory of their own, in the order in which they came. A file is whole or not there: it gets its name
 * when all of it is on the disk. The purge engine keeps its purges here (output/purge.c). One thread at a
 * time. */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/files.h"

enum { SPOOL_META = 96 };

/* A batch that waits. */
struct spool_item {
    uint64_t seq;             /* rises by one with each batch, never used twice; from 1 */
    uint64_t octets;          /* on disk */
    bool later;               /* the owner's, set by spool_put_off; in memory only */
    uint8_t meta[SPOOL_META]; /* the owner's */
};

struct spool;

/* Opens a directory (made with its parents if it is not there) and finds what waits in it. It belongs to one
 * process at a time: ERR_LIMIT when another one has it. What a killed process left unfinished is removed.
 * NULL: e. */
struct spool *spool_open(const char *dir, const struct file_modes *m, struct err *e);
void spool_close(struct spool *s);

/* Files that were found damaged, by spool_open or spool_read, and set aside under another name (.damaged). */
unsigned spool_damaged(const struct spool *s);

size_t spool_count(const struct spool *s);
uint64_t spool_octets(const struct spool *s);
/* The i-th in the order of their arrival; NULL when there are fewer. Valid until the next change. */
const struct spool_item *spool_at(const struct spool *s, size_t i);

/* Writing: begin, any number of add, then commit or abandon. After a -1 of add or commit nothing is left of
 * it. */
int spool_begin(struct spool *s, const uint8_t meta[SPOOL_META], struct err *e);
int spool_add(struct spool *s, const void *p, size_t n, struct err *e);
/* On the disk when it returns. *seq: what it is called from now on. */
int spool_commit(struct spool *s, uint64_t *seq, struct err *e);
void spool_abandon(struct spool *s);

/* Maps what a batch holds, checksum verified; give back with spool_unmap. -1: e; a file that is damaged is
 * set aside and no longer counts. */
int spool_map(struct spool *s, uint64_t seq, const uint8_t **p, size_t *n, struct err *e);
void spool_unmap(const uint8_t *p, size_t n);

/* Notes that a batch is not the next one, though it came earlier. */
void spool_put_off(struct spool *s, uint64_t seq);

/* Forgets a batch: confirmed, or given up. */
void spool_remove(struct spool *s, uint64_t seq);

#endif
