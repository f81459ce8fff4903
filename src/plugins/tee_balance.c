/* SPDX-License-Identifier: BSD-2-Clause */
/* Sharing datagrams among the receivers of a pool. */
#include "plugins/tee_balance.h"

#include "base/hash.h"

/* Finalizer of splitmix64: every bit of the input changes half of the output. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static unsigned sticky(const struct tee_pool *p, uint64_t key)
{
    unsigned best = 0;
    uint64_t highest = 0;
    for (unsigned i = 0; i < p->n; i++) {
        uint64_t score = mix(key ^ mix(p->target[i].identity));
        if (score > highest || i == 0) {
            highest = score;
            best = i;
        }
    }
    return best;
}

/* CRC-32 of IEEE 802.3, bit by bit: 16 octets a datagram at most. */
static uint32_t crc32(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (; len; len--) {
        crc ^= *p++;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t crc_agent(const struct addr *a)
{
    uint8_t octets[16];
    return crc32(octets, addr_compact(a, octets));
}

unsigned tee_balance(struct tee_pool *p, const struct datagram_record *d)
{
    switch (p->balance) {
    case TEE_TO_ALL:
        break;
    case TEE_ROUND_ROBIN:
        p->turn = p->turn + 1 < p->n ? p->turn + 1 : 0;
        return p->turn;
    case TEE_HASH_AGENT:
        return sticky(p, hash_bytes(d->from.b, sizeof(d->from.b)));
    case TEE_STICKY_TAG:
        return sticky(p, hash_bytes(&d->tag, sizeof(d->tag)));
    case TEE_HASH_TAG:
        return (unsigned)(d->tag % p->n);
    case TEE_HASH_CRC32:
        return crc_agent(&d->from) % p->n;
    }
    return 0;
}
