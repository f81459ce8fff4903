/* SPDX-License-Identifier: BSD-2-Clause */
/* The attributes of BGP routes: what is kept of them, and the pool in which each distinct set is stored once,
 * packed, counted, under a number. One UPDATE is interned once for all its NLRI. A pool belongs to one
 * writing thread; readers of the RIB (rib.h) may look sets up meanwhile without a lock. */
#ifndef RIB_ATTRS_H
#define RIB_ATTRS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

/* What a set has: bits of `has`. */
enum {
    RIB_ORIGIN = 1 << 0,
    RIB_AS_PATH = 1 << 1,
    RIB_NEXT_HOP = 1 << 2,
    RIB_MED = 1 << 3,
    RIB_LOCAL_PREF = 1 << 4,
    RIB_COMMS = 1 << 5,
    RIB_EXT_COMMS = 1 << 6,
    RIB_LRG_COMMS = 1 << 7,
    RIB_AIGP = 1 << 8,
    RIB_LABEL_INDEX = 1 << 9,
    RIB_OTC = 1 << 10,
    RIB_OTHERS = 1 << 11,
    RIB_HOP_MAPPED = 1 << 12, /* with RIB_NEXT_HOP: an IPv4 one that BMP tells as ::ffff:a.b.c.d. Sets that
                                 differ in nothing else are one, which shows it as the first of them did */
};

struct rib_octets {
    const uint8_t *p;
    uint32_t len;
};

/* Members without their bit in `has` are zero. Pointers lead into the message while it is parsed, into
 * interned storage once it is read from the pool. All numbers in host order but for what says otherwise. */
struct rib_attrs {
    uint32_t has;
    uint8_t origin;       /* 0 IGP, 1 EGP, 2 incomplete */
    struct addr next_hop; /* the global one; of a VPN route without its RD */
    uint32_t med, local_pref, otc, label_index;
    uint64_t aigp;
    struct rib_octets as_path; /* segments of RFC 4271 §4.3 (type, count, numbers), numbers of 4 octets in
                                  network order, AS4_PATH merged (RFC 6793) */
    struct rib_octets comms, ext_comms, lrg_comms; /* 4, 8, 12 octets each, in order, each once */
    struct rib_octets others; /* whole attributes (flags, type, length, value) that are kept as they came:
                                 BGP-LS, PMSI, ... */
};

struct rib_pool; /* opaque; every rib has one */

/* Number of the set, with one reference taken for the caller; 0: no memory, or octets over 65535. Never
 * moves. */
uint32_t rib_attrs_intern(struct rib_pool *pool, const struct rib_attrs *a);

/* One reference more, n more, one less. A set without references lives on until the next rib_tend and until
 * no reader can see it. */
void rib_attrs_ref(struct rib_pool *pool, uint32_t id);
void rib_attrs_put(struct rib_pool *pool, uint32_t id);

/* Unpacks a set; pointers of *a stay valid while the caller holds a reference, or as a reader until it is
 * quiescent. From any thread. `id` must be one that was given out; for 0, *a is empty. */
void rib_attrs_get(const struct rib_pool *pool, uint32_t id, struct rib_attrs *a);

/* Something that one user may keep with a set (text made of it); it goes when the set does. From any thread.
 * rib_attrs_note_new gives memory for it, to be put in the place of `was` (NULL: of none), aligned to 4
 * octets, NULL: none; it begins 4 octets behind a line of the cache. rib_attrs_set_note puts it there, where
 * readers may go on reading `was`, and returns what is there then: `made`, or what another thread was quicker
 * with, and `made` is gone. rib_attrs_note reads it, NULL: none yet. */
void *rib_attrs_note_new(struct rib_pool *pool, size_t size, void *was);
void *rib_attrs_set_note(struct rib_pool *pool, uint32_t id, void *made);
void *rib_attrs_note(const struct rib_pool *pool, uint32_t id);

/* Does a note take more than a line of the cache? */
bool rib_attrs_note_is_long(const void *note);

/* A number that one user may keep beside the note, where reading it costs no further line of the cache; 0:
 * none yet. It is to follow from the set alone: whoever writes it writes the same. */
uint64_t rib_attrs_word(const struct rib_pool *pool, uint32_t id);
void rib_attrs_set_word(struct rib_pool *pool, uint32_t id, uint64_t word);

/* Where both of them stand; not NULL, and never moves. For who has looked a route up and reads them next. */
struct rib_kept {
    _Atomic(void *) note;  /* acquire */
    _Atomic uint64_t word; /* relaxed */
};
const struct rib_kept *rib_attrs_kept(const struct rib_pool *pool, uint32_t id);

/* Fetches, in two steps, one after the other, what rib_attrs_get will read. */
enum rib_attrs_step { RIB_ATTRS_FIRST, RIB_ATTRS_SECOND };
void rib_attrs_prefetch_set(const struct rib_pool *pool, uint32_t id, enum rib_attrs_step step);

#endif
