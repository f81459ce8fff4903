/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP-notif, a datagram at a time. Message ids go up by one for each publisher, so that what was lost is
 * known; those that come late are taken off again. */
#include "telemetry/notif.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "telemetry/reassembly.h"
#include "telemetry/telemetry.h"

enum {
    HEADER = 12,
    OPTION_SEGMENT = 1,
    PUBLISHERS = 256,   /* of one sender; the one that was silent for longest makes room */
    JUMP = 1 << 16,     /* a gap larger than this is a restart of the publisher, not a loss */
    LATE = 64,          /* messages that come so much later are known to be those that were missed */
    STRAGGLE = 1024,    /* what comes so much later is late; further back the publisher has begun anew */
    MEDIA_PRIVATE = 16, /* added to the media type where the S bit says that it is of the private space */
};

struct notif_header {
    bool old; /* of the udp-pub-channel draft */
    uint8_t media;
    uint32_t publisher, message_id;
    bool segmented;
    struct segment segment;
    struct cursor payload;
};

struct publisher {
    struct publisher *next;
    uint32_t id;
    bool known;
    uint32_t newest;  /* message id */
    uint64_t missing; /* bit n: newest - 1 - n has not come */
    uint64_t messages, lost, incomplete;
    struct reassembly unfinished;
};

struct notif_source {
    struct publisher *publishers; /* the one that sent last comes first */
    unsigned n;
};

/* ---- the header */

static void segment_option(struct notif_header *h, struct cursor value)
{
    const uint16_t v = cursor_u16(&value);
    h->segmented = true;
    h->segment.number = v >> 1;
    h->segment.last = v & 1;
}

/* False: malformed. Options that nobody knows are skipped. */
static bool options(struct notif_header *h, struct cursor c)
{
    while (cursor_left(&c)) {
        const uint8_t type = cursor_u8(&c), len = cursor_u8(&c);
        const struct cursor value = cursor_sub(&c, len < 2 ? SIZE_MAX : len - 2u);
        if (value.bad || (type == OPTION_SEGMENT && cursor_left(&value) != 2))
            return false;
        if (type == OPTION_SEGMENT)
            segment_option(h, value);
    }
    return !c.bad;
}

/* draft-ietf-netconf-udp-notif §3: version, S and media type; header length; message length; publisher;
 * message id; options. */
static bool new_header(struct notif_header *h, struct cursor c)
{
    const uint8_t first = cursor_u8(&c), header_len = cursor_u8(&c);
    const uint16_t len = cursor_u16(&c);
    h->media = (uint8_t)((first & 15) + (first & 16 ? MEDIA_PRIVATE : 0));
    h->publisher = cursor_u32(&c);
    h->message_id = cursor_u32(&c);
    if (c.bad || header_len < HEADER || header_len > len)
        return false;
    const struct cursor opts = cursor_sub(&c, header_len - (size_t)HEADER);
    h->payload = cursor_sub(&c, (size_t)len - header_len);
    return !c.bad && options(h, opts);
}

/* draft-ietf-netconf-udp-pub-channel: version and flags; encoding in the low half of an octet; message
 * length; generator; message id. */
static bool old_header(struct notif_header *h, struct cursor c)
{
    h->old = true;
    cursor_skip(&c, 1);
    h->media = cursor_u8(&c) & 15;
    const uint16_t len = cursor_u16(&c);
    h->publisher = cursor_u32(&c);
    h->message_id = cursor_u32(&c);
    if (c.bad || len < HEADER)
        return false;
    h->payload = cursor_sub(&c, len - (size_t)HEADER);
    return !c.bad;
}

static bool header(struct notif_header *h, const uint8_t *p, size_t n)
{
    const unsigned version = n ? p[0] >> 5 : 7;
    memset(h, 0, sizeof(*h));
    return version == 1 ? new_header(h, cursor_of(p, n)) : version == 0 && old_header(h, cursor_of(p, n));
}

/* What a media type is, in each of the three ways in which they have been numbered. */
static enum tele_encoding encoding_of(const struct telemetry *t, const struct notif_header *h)
{
    static const uint8_t now[] = { TELE_OTHER, TELE_JSON, TELE_XML, TELE_CBOR };
    static const uint8_t drafts[] = { TELE_CBOR, TELE_JSON, TELE_XML };
    static const uint8_t old[] = { TELE_GPB, TELE_CBOR, TELE_JSON, TELE_XML };
    if (h->old)
        return h->media < sizeof(old) ? old[h->media] : TELE_OTHER;
    if (t->k->notif_legacy)
        return h->media < sizeof(drafts) ? drafts[h->media] : TELE_OTHER;
    return h->media < sizeof(now) ? now[h->media] : TELE_OTHER;
}

/* ---- publishers */

static struct publisher *fresh(struct telemetry *t, struct notif_source *src)
{
    struct publisher *p;
    if (src->n < PUBLISHERS) {
        p = calloc(1, sizeof(*p));
        src->n += p != NULL;
        return p;
    }
    struct publisher **at = &src->publishers;
    while (*at && (*at)->next)
        at = &(*at)->next;
    p = *at;
    if (!p)
        return NULL;
    *at = NULL;
    t->total.faults[TELE_FAULT_INCOMPLETE] += reassembly_clear(&t->pool, &p->unfinished);
    *p = (struct publisher){ 0 };
    return p;
}

static struct publisher *publisher_of(struct telemetry *t, struct notif_source *src, uint32_t id)
{
    struct publisher **at = &src->publishers, *p;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    p = *at;
    if (p)
        *at = p->next;
    else if (!(p = fresh(t, src)))
        return NULL;
    p->id = id;
    p->next = src->publishers;
    src->publishers = p;
    return p;
}

/* A message id ahead of the newest one. */
static void advance(struct publisher *p, uint32_t by)
{
    p->lost += by - 1;
    if (by > LATE)
        p->missing = ~UINT64_C(0);
    else
        p->missing = (by == LATE ? 0 : p->missing << by) | ((UINT64_C(1) << (by - 1)) - 1);
    p->newest += by;
}

/* Follows the ids: new, late, or seen before. */
static void follow(struct publisher *p, uint32_t id)
{
    const uint32_t ahead = id - p->newest, behind = p->newest - id;
    if (!p->known || (ahead > JUMP && behind > JUMP) || (behind > STRAGGLE && behind <= JUMP)) {
        p->known = true;
        p->newest = id;
        p->missing = 0;
    } else if (ahead && ahead <= JUMP) {
        advance(p, ahead);
    } else if (behind && behind <= LATE && (p->missing >> (behind - 1) & 1)) {
        p->missing &= ~(UINT64_C(1) << (behind - 1));
        p->lost--;
    }
}

/* ---- datagrams */

static const enum tele_fault fault_of[] = {
    [SEGMENT_CONFLICT] = TELE_FAULT_SEGMENT,
    [SEGMENT_TOO_LONG] = TELE_FAULT_TOO_LONG,
    [SEGMENT_NO_ROOM] = TELE_FAULT_MEMORY,
};

static void take_segment(struct telemetry *t, struct tele_peer *p, struct publisher *pub,
                         struct notif_header *h, struct tele_message *m)
{
    h->segment.message_id = h->message_id;
    h->segment.media = h->media;
    h->segment.p = h->payload.p;
    h->segment.len = cursor_left(&h->payload);
    const enum reassembly_verdict v =
        reassembly_take(&t->pool, &pub->unfinished, &h->segment, t->mono_us, &t->whole);
    if (v == SEGMENT_COMPLETE) {
        m->p = (const uint8_t *)t->whole.p;
        m->len = t->whole.len;
        pub->messages++;
        if (m->len)
            tele_take(t, p, m);
    } else if (v >= SEGMENT_CONFLICT) {
        tele_fault(t, p, fault_of[v]);
    }
}

void notif_datagram(struct telemetry *t, struct tele_peer *p, const uint8_t *octets, size_t n)
{
    struct notif_header h;
    if (!header(&h, octets, n)) {
        tele_fault(t, p, TELE_FAULT_HEADER);
        return;
    }
    if (!p->notif)
        p->notif = calloc(1, sizeof(*p->notif));
    struct publisher *pub = p->notif ? publisher_of(t, p->notif, h.publisher) : NULL;
    if (!pub) {
        tele_fault(t, p, TELE_FAULT_MEMORY);
        return;
    }
    struct tele_message m = { .encoding = encoding_of(t, &h), .from_notif = true };
    follow(pub, h.message_id);
    if (h.segmented && !(h.segment.number == 0 && h.segment.last)) {
        take_segment(t, p, pub, &h, &m);
        return;
    }
    m.p = h.payload.p;
    m.len = cursor_left(&h.payload);
    pub->messages++;
    if (m.len) /* a message without a payload is legal, and says nothing */
        tele_take(t, p, &m);
}

/* ---- the rest */

void notif_gave_up(void *arg, struct reassembly *lost)
{
    struct telemetry *t = arg;
    struct publisher *p = (struct publisher *)(void *)((char *)lost - offsetof(struct publisher, unfinished));
    p->incomplete++;
    t->total.faults[TELE_FAULT_INCOMPLETE]++;
    log_limited(t->log, &t->say_incomplete, LOG_LV_WARN,
                "UDP-notif, publisher %" PRIu32 ": %s (%" PRIu64 " so far)", p->id,
                tele_fault_text(TELE_FAULT_INCOMPLETE), p->incomplete);
}

void notif_tick(struct telemetry *t) { reassembly_expire(&t->pool, clock_mono_us()); }

void notif_forget(struct telemetry *t, struct tele_peer *p)
{
    for (struct publisher *pub = p->notif ? p->notif->publishers : NULL, *next; pub; pub = next) {
        next = pub->next;
        t->total.faults[TELE_FAULT_INCOMPLETE] += reassembly_clear(&t->pool, &pub->unfinished);
        free(pub);
    }
    free(p->notif);
    p->notif = NULL;
}

void notif_stats(struct telemetry *t, const struct tele_peer *p)
{
    for (const struct publisher *pub = p->notif ? p->notif->publishers : NULL; pub; pub = pub->next)
        log_notice(t->log,
                   "stats [%s] publisher=%" PRIu32 " messages=%" PRIu64 " lost=%" PRIu64
                   " incomplete=%" PRIu64 " unfinished=%u",
                   p->name, pub->id, pub->messages, pub->lost, pub->incomplete, pub->unfinished.n);
}
