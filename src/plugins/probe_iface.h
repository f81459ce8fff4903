/* SPDX-License-Identifier: BSD-2-Clause */
/* Direction and interface numbers of what probes export: as the capture knows them, or as *_direction and
 * *_ifindex say. nfprobe and sfprobe share it. */
#ifndef PLUGINS_PROBE_IFACE_H
#define PLUGINS_PROBE_IFACE_H

#include "config/config.h"
#include "core/plugin.h"

/* Where a direction or an interface number comes from. */
enum probe_source { FROM_CAPTURE, FROM_NUMBER, FROM_TAG, FROM_TAG2 };

struct probe_iface {
    uint8_t direction_from, ifindex_from;    /* enum probe_source */
    uint8_t direction;                       /* enum flow_direction, FROM_NUMBER */
    uint32_t ifindex;                        /* FROM_NUMBER */
    bool first;                              /* the configured number goes before the captured one */
    uint16_t in_iface, out_iface, tag, tag2; /* places in the key */
};

/* Reads the keys; `prefix` ("nfprobe") begins the text of errors. 0, or -1. */
int probe_iface_parse(const struct config *c, const char *prefix, struct probe_iface *out, struct err *e);

/* Are the numbers that a capture has of interfaces those of the kernel we run on? */
bool probe_numbers_are_kernels(const struct plugin *pl);

/* Adds what the key needs for it. */
void probe_iface_needs(const struct probe_iface *pi, struct fieldset *set);

/* Finds the places, in a layout that has what was needed. */
void probe_iface_attach(struct probe_iface *pi, const struct layout *l);

/* enum flow_direction of a record that the capture knows as `captured`. */
uint8_t probe_direction(const struct probe_iface *pi, const uint8_t *key, uint8_t captured);

/* The numbers to export, 0: not known. The configured one is the input of what comes in, the output of what
 * goes out. */
struct probe_ifaces {
    uint32_t in, out;
};
struct probe_ifaces probe_ifaces(const struct probe_iface *pi, const uint8_t *key, uint8_t direction);

#endif
