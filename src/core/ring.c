/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory ring between a core worker and a plugin process, and the ledger in its header. */
#include "core/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RING_MIN = 64 * 1024 };

/* A set of sums that a process killed at any instruction leaves readable: the new values are written into the
 * slot that is not in force, then `now` flips. One writer. */
struct snapshot {
    struct {
        uint64_t tail; /* consumer only */
        struct sums sums;
    } slot[2];
    _Atomic uint32_t now;
};

struct ring_shared {
    _Alignas(64) _Atomic uint64_t head; /* octets ever published; the producer's */
    _Alignas(64) _Atomic uint64_t tail; /* octets ever given back; the consumer's */
    _Alignas(64) _Atomic uint32_t
        sleeping;               /* enum ring_wake: what the consumer wants to be woken for; 0: nothing */
    _Atomic uint32_t abandoned; /* the supervisor's: nobody will read this again */
    _Alignas(64) struct snapshot handed;    /* producer */
    struct snapshot lost;                   /* core, when no consumer lives */
    _Alignas(64) struct snapshot taken;     /* consumer */
    _Alignas(64) struct snapshot confirmed; /* the consumer's writer thread; core when no consumer lives */
    struct snapshot spooled, dropped;       /* the consumer's writer thread */
};

static struct sums snapshot_read(const struct snapshot *s, uint64_t *tail)
{
    /* Acquire: the slot that `now` names was written before it was named (pairs with the release in
     * snapshot_write). */
    unsigned i = atomic_load_explicit(&s->now, memory_order_acquire) & 1;
    if (tail)
        *tail = s->slot[i].tail;
    return s->slot[i].sums;
}

static void snapshot_write(struct snapshot *s, const struct sums *add, uint64_t tail)
{
    unsigned i = atomic_load_explicit(&s->now, memory_order_relaxed) & 1;
    s->slot[!i].sums = s->slot[i].sums;
    sums_add(&s->slot[!i].sums, add);
    s->slot[!i].tail = tail;
    atomic_store_explicit(&s->now, !i, memory_order_release);
}

/* Maps the memory file once for the header and twice, back to back, for the data. */
static int ring_map(struct ring *r, int fd, struct err *e)
{
    size_t head = (sizeof(struct ring_shared) + 4095) & ~(size_t)4095;
    if (ftruncate(fd, (off_t)(head + r->size)) == -1)
        return err_sys(e, "cannot size a ring of %zu octets", r->size);
    r->mapped = head + 2 * r->size;
    uint8_t *base = mmap(NULL, r->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return err_sys(e, "cannot reserve room for a ring of %zu octets", r->size);
    int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED;
    r->sh = (struct ring_shared *)base;
    r->data = base + head;
    if (mmap(base, head + r->size, prot, flags, fd, 0) == MAP_FAILED ||
        mmap(r->data + r->size, r->size, prot, flags, fd, (off_t)head) == MAP_FAILED) {
        err_sys(e, "cannot map a ring of %zu octets", r->size);
        munmap(base, r->mapped);
        return -1;
    }
    return 0;
}

struct ring *ring_new(size_t bytes, struct err *e)
{
    struct ring *r = calloc(1, sizeof(*r));
    if (!r) {
        err_sys(e, "no memory for a ring");
        return NULL;
    }
    for (r->size = RING_MIN; r->size < bytes;)
        r->size *= 2;
    r->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int fd = memfd_create("ring", MFD_CLOEXEC);
    if (r->efd == -1 || fd == -1)
        err_sys(e, "cannot make a ring");
    else if (ring_map(r, fd, e) == 0) {
        close(fd);
        return r;
    }
    if (fd != -1)
        close(fd);
    if (r->efd != -1)
        close(r->efd);
    free(r);
    return NULL;
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    munmap(r->sh, r->mapped);
    close(r->efd);
    free(r);
}

size_t ring_size(const struct ring *r) { return r->size; }

bool ring_has_room(struct ring *r, uint32_t size)
{
    /* Acquire: what the consumer gave back has been read by it (pairs with the release in ring_release). */
    r->tail_seen = atomic_load_explicit(&r->sh->tail, memory_order_acquire);
    return r->head + size + RING_SLACK - r->tail_seen <= r->size;
}

/* The consumer's line is read only when what we last saw there says so. */
static bool filling(struct ring *r)
{
    return r->head - r->tail_seen > r->size / 2 && ring_room(r) < r->size / 2;
}

void ring_publish(struct ring *r)
{
    if (r->head == r->published)
        return;
    snapshot_write(&r->sh->handed, &r->batch, 0);
    r->batch = (struct sums){ 0 };
    r->published = r->head;
    /* Release: a consumer that sees this head also sees the records before it (pairs with the acquire in
     * ring_peek). Sequentially consistent together with `sleeping`, so that either we see it sleep or it sees
     * the head. */
    atomic_store_explicit(&r->sh->head, r->head, memory_order_seq_cst);
    uint32_t sleeping = atomic_load_explicit(&r->sh->sleeping, memory_order_seq_cst);
    if (sleeping == RING_WAKE_ANY || (sleeping == RING_WAKE_FILLING && filling(r))) {
        atomic_store_explicit(&r->sh->sleeping, 0, memory_order_seq_cst);
        uint64_t one = 1;
        (void)!write(r->efd, &one, sizeof(one));
    }
}

size_t ring_room(struct ring *r)
{
    r->tail_seen = atomic_load_explicit(&r->sh->tail, memory_order_acquire);
    return r->size - (size_t)(r->head - r->tail_seen);
}

size_t ring_backlog(struct ring *r) { return r->size - ring_room(r); }

/* A plugin that is started anew goes on where the dead one's last snapshot stands. */
static void ring_attach(struct ring *r)
{
    snapshot_read(&r->sh->taken, &r->tail);
    atomic_store_explicit(&r->sh->tail, r->tail, memory_order_release);
    r->attached = true;
}

uint8_t *ring_peek(struct ring *r, size_t *bytes)
{
    if (!r->attached)
        ring_attach(r);
    uint64_t head = atomic_load_explicit(&r->sh->head, memory_order_acquire);
    *bytes = (size_t)(head - r->tail);
    return r->data + (r->tail & (r->size - 1));
}

void ring_release(struct ring *r, size_t bytes, const struct sums *taken)
{
    r->tail += bytes;
    snapshot_write(&r->sh->taken, taken, r->tail);
    /* Release: our reads of these records come before the producer may overwrite them. */
    atomic_store_explicit(&r->sh->tail, r->tail, memory_order_release);
}

bool ring_sleep(struct ring *r, enum ring_wake when)
{
    if (!r->attached)
        ring_attach(r);
    atomic_store_explicit(&r->sh->sleeping, when, memory_order_seq_cst);
    if (when == RING_WAKE_FILLING || atomic_load_explicit(&r->sh->head, memory_order_seq_cst) == r->tail)
        return true;
    atomic_store_explicit(&r->sh->sleeping, 0, memory_order_relaxed);
    return false;
}

int ring_fd(const struct ring *r) { return r->efd; }

void ring_woken(struct ring *r)
{
    uint64_t n;
    (void)!read(r->efd, &n, sizeof(n));
}

void ring_confirm(struct ring *r, const struct sums *done) { snapshot_write(&r->sh->confirmed, done, 0); }

void ring_set_spooled(struct ring *r, const struct sums *now)
{
    struct sums was = snapshot_read(&r->sh->spooled, NULL);
    struct sums add = { now->records - was.records, now->packets - was.packets, now->bytes - was.bytes,
                        now->flows - was.flows };
    snapshot_write(&r->sh->spooled, &add, 0);
}

void ring_add_dropped(struct ring *r, const struct sums *more) { snapshot_write(&r->sh->dropped, more, 0); }

void ring_ledger(const struct ring *r, struct ring_ledger *out)
{
    out->handed = snapshot_read(&r->sh->handed, NULL);
    out->taken = snapshot_read(&r->sh->taken, NULL);
    out->confirmed = snapshot_read(&r->sh->confirmed, NULL);
    out->lost = snapshot_read(&r->sh->lost, NULL);
    out->spooled = snapshot_read(&r->sh->spooled, NULL);
    out->dropped = snapshot_read(&r->sh->dropped, NULL);
}

struct sums ring_plugin_died(struct ring *r)
{
    struct ring_ledger l;
    ring_ledger(r, &l);
    struct sums gone = { .records = l.taken.records - l.confirmed.records - l.lost.records,
                         .packets = l.taken.packets - l.confirmed.packets - l.lost.packets,
                         .bytes = l.taken.bytes - l.confirmed.bytes - l.lost.bytes,
                         .flows = l.taken.flows - l.confirmed.flows - l.lost.flows };
    snapshot_write(&r->sh->lost, &gone, 0);
    atomic_store_explicit(&r->sh->sleeping, 0, memory_order_relaxed);
    return gone;
}

void ring_abandon(struct ring *r) { atomic_store_explicit(&r->sh->abandoned, 1, memory_order_relaxed); }

bool ring_abandoned(const struct ring *r)
{
    return atomic_load_explicit(&r->sh->abandoned, memory_order_relaxed) != 0;
}
