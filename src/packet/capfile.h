/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets out of a capture file of any kind, through an optional filter: classic files by pcapmap, all others
 * by libpcap. */
#ifndef PACKET_CAPFILE_H
#define PACKET_CAPFILE_H

#include <pcap/pcap.h>
#include "base/err.h"
#include "packet/pcapmap.h"

struct capfile {
    struct pcapmap map; /* used when `pcap` is NULL */
    pcap_t *pcap;
    struct bpf_program filter;
    bool filtered;
    int dlt;             /* DLT_* */
    uint32_t since_tidy; /* packets since the map was tidied */
    const char *path;    /* the caller's */
    const char *trouble; /* why reading ended before the end, or NULL */
};

enum capfile_step {
    CAPFILE_PACKET,
    CAPFILE_FILTERED, /* there was one, the filter does not want it */
    CAPFILE_END,      /* capfile.trouble says whether the file was whole */
};

/* filter: an expression of libpcap, or NULL. */
int capfile_open(struct capfile *cf, const char *path, const char *filter, struct err *e);
void capfile_close(struct capfile *cf);

/* From the start again. */
int capfile_rewind(struct capfile *cf, struct err *e);

/* The next packet; its octets are valid until the next call, or for as many calls as capfile_holds says. */
enum capfile_step capfile_next(struct capfile *cf, struct pcapmap_packet *out);
unsigned capfile_holds(const struct capfile *cf);

#endif
