/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads classic capture files (pcap, both byte orders, microseconds or nanoseconds) straight from a memory
 * map: no copy and no call per packet. Whatever else libpcap can read (pcapng, compressed pipes, old
 * variants) is left to libpcap. */
#ifndef PACKET_PCAPMAP_H
#define PACKET_PCAPMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct pcapmap {
    const uint8_t *p; /* the file's octets */
    size_t len, at;   /* `at`: the next record */
    size_t done;      /* octets whose pages were given back */
    void *map;        /* to unmap, or NULL: the octets are the caller's */
    size_t map_len;
    int fd; /* -1: none */
    bool swapped, nano;
    int linktype;
    uint32_t snaplen;
};

struct pcapmap_packet {
    const uint8_t *p; /* into the map */
    uint32_t caplen, len;
    int64_t at_us; /* µs since the epoch */
};

enum pcapmap_step {
    PCAPMAP_PACKET,
    PCAPMAP_END,
    PCAPMAP_CUT,     /* the file ends within a record */
    PCAPMAP_DAMAGED, /* a record says that it is longer than any packet */
};

/* Starts reading `len` octets at p. Returns 0, or -1 when they do not start as a classic capture file does.
 */
int pcapmap_of(struct pcapmap *m, const void *p, size_t len);

/* Maps a file. 0; 1: not a classic capture file, or none that can be mapped: use libpcap; -1: cannot be
 * opened (e). */
int pcapmap_open(struct pcapmap *m, const char *path, struct err *e);
void pcapmap_close(struct pcapmap *m);

/* From the start again. */
void pcapmap_rewind(struct pcapmap *m);

/* Call it now and then between packets. Looks whether the file has become shorter than it was when it was
 * mapped; then only what is there is read (touching the rest of the map would end the process). And gives
 * back the memory of what was read. */
void pcapmap_tidy(struct pcapmap *m);

/* The next packet. At anything but PCAPMAP_PACKET, *out is not set and reading is over. */
enum pcapmap_step pcapmap_next(struct pcapmap *m, struct pcapmap_packet *out);

#endif
