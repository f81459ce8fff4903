/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of classic capture files: draft-ietf-opsawg-pcap. */
#include "packet/pcapmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    KEEP = 16 << 20,     /* octets read whose pages are given back at once; a power of two */
    CAPLEN_MAX = 262144, /* libpcap's own bound */
};

static inline uint32_t word(const struct pcapmap *m, size_t at)
{
    uint32_t v;
    memcpy(&v, m->p + at, sizeof(v));
    return m->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t half(const struct pcapmap *m, size_t at)
{
    uint16_t v;
    memcpy(&v, m->p + at, sizeof(v));
    return m->swapped ? __builtin_bswap16(v) : v;
}

/* The first word tells byte order and unit of the times. */
static const struct magic {
    uint32_t word;
    bool swapped, nano;
} magics[] = {
    { 0xa1b2c3d4, false, false },
    { 0xd4c3b2a1, true, false },
    { 0xa1b23c4d, false, true },
    { 0x4d3cb2a1, true, true },
};

static const struct magic *find_magic(const uint8_t *p)
{
    uint32_t first;
    memcpy(&first, p, sizeof(first));
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (magics[i].word == first)
            return &magics[i];
    return NULL;
}

int pcapmap_of(struct pcapmap *m, const void *p, size_t len)
{
    *m = (struct pcapmap){ .p = p, .len = len, .at = FILE_HEADER, .fd = -1 };
    const struct magic *magic = len >= FILE_HEADER ? find_magic(p) : NULL;
    if (!magic)
        return -1;
    m->swapped = magic->swapped;
    m->nano = magic->nano;
    if (half(m, 4) != 2 || half(m, 6) != 4) /* version 2.4; older ones order the lengths otherwise */
        return -1;
    m->snaplen = word(m, 16);
    m->linktype = (int)(word(m, 20) & 0xffff); /* above: length of frame check sequences */
    return 0;
}

/* Maps what fd is open on; false when it cannot be mapped or is no classic capture. */
static bool map_file(struct pcapmap *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size < FILE_HEADER)
        return false;
    size_t len = (size_t)st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return false;
    if (pcapmap_of(m, map, len) == -1) {
        munmap(map, len);
        return false;
    }
    madvise(map, len, MADV_SEQUENTIAL);
    m->map = map;
    m->map_len = len;
    m->fd = fd;
    return true;
}

int pcapmap_open(struct pcapmap *m, const char *path, struct err *e)
{
    *m = (struct pcapmap){ .fd = -1 };
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a FIFO's writer must not see us come and go */
        return 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return err_sys(e, "cannot open the capture file '%s'", path);
    if (map_file(m, fd))
        return 0;
    close(fd);
    return 1;
}

void pcapmap_close(struct pcapmap *m)
{
    if (m->map)
        munmap(m->map, m->map_len);
    if (m->fd != -1)
        close(m->fd);
    *m = (struct pcapmap){ .fd = -1 };
}

void pcapmap_rewind(struct pcapmap *m)
{
    m->at = FILE_HEADER;
    m->done = 0;
}

void pcapmap_tidy(struct pcapmap *m)
{
    struct stat st;
    if (m->fd == -1)
        return;
    if (fstat(m->fd, &st) == 0 && (size_t)st.st_size < m->len)
        m->len = (size_t)st.st_size;
    if (m->at < m->done + KEEP)
        return;
    size_t behind = (m->at - m->done) & ~(size_t)(KEEP - 1);
    madvise((uint8_t *)m->map + m->done, behind, MADV_DONTNEED);
    m->done += behind;
}

enum pcapmap_step pcapmap_next(struct pcapmap *m, struct pcapmap_packet *out)
{
    if (__builtin_expect(m->at + RECORD_HEADER > m->len, 0))
        return m->at >= m->len ? PCAPMAP_END : PCAPMAP_CUT;
    uint32_t caplen = word(m, m->at + 8);
    if (__builtin_expect(caplen > CAPLEN_MAX, 0))
        return PCAPMAP_DAMAGED;
    if (__builtin_expect(caplen > m->len - m->at - RECORD_HEADER, 0))
        return PCAPMAP_CUT;
    uint32_t fraction = word(m, m->at + 4), len = word(m, m->at + 12);
    out->p = m->p + m->at + RECORD_HEADER;
    out->caplen = caplen;
    out->len = len < caplen ? caplen : len;
    out->at_us = (int64_t)word(m, m->at) * 1000000 + (m->nano ? fraction / 1000 : fraction);
    m->at += RECORD_HEADER + caplen;
    return PCAPMAP_PACKET;
}
