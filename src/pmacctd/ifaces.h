/* SPDX-License-Identifier: BSD-2-Clause */
/* Which interfaces to capture on, with their numbers and directions: pcap_interfaces_map, or pcap_interface.
 * input_pcap.c asks at the start and at each reload. */
#ifndef PMACCTD_IFACES_H
#define PMACCTD_IFACES_H

#include <stdint.h>
#include "base/err.h"
#include "config/config.h"
#include "packet/afpacket.h"

enum { IFACE_NAME_MAX = 128, IFACES_MAX = 1000 };

struct iface_row {
    char name[IFACE_NAME_MAX];
    uint32_t ifindex; /* as the map says, 0: it does not */
    enum afpacket_direction direction;
    unsigned line;
};

struct iface_list {
    struct iface_row *row;
    unsigned n;
};

/* Reads the map; rows without a direction get the one of pcap_direction. An interface may stand there twice
 * only with `in` and `out`. -1: e names file and line. */
int iface_list_read(struct iface_list *list, const struct config *c, struct err *e);

/* The same from text (len octets, text[len] writable); `path` is for messages. */
int iface_list_parse(struct iface_list *list, const struct config *c, const char *path, char *text,
                     size_t len, struct err *e);

/* The one interface of pcap_interface; of libpcap's choice where that is not set. */
int iface_list_single(struct iface_list *list, const struct config *c, struct err *e);
void iface_list_free(struct iface_list *list);

/* The number that pcap_ifindex gives an interface. */
uint32_t iface_number(const struct iface_row *row, const struct config *c);

/* The hash of a name that pcap_ifindex: hash stands for: Bob Jenkins, "Hash functions for hash table lookup"
 * (1997), over the name without its NUL, initial value 0. Databases hold these numbers: it must not change.
 */
uint32_t iface_hash(const char *name);

#endif
