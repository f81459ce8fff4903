/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that read UPDATEs share: an UPDATE under way. update.c goes through the message, attrs.c
 * takes its attributes, as_path.c its paths, nlri.c its routes. */
#ifndef BGP_UPDATE_IMPL_H
#define BGP_UPDATE_IMPL_H

#include "base/cursor.h"
#include "bgp/update.h"

enum { ATTR_OPTIONAL = 0x80, ATTR_TRANSITIVE = 0x40, ATTR_PARTIAL = 0x20, ATTR_EXTENDED = 0x10 };

struct attr {
    uint8_t flags, type;
    const uint8_t *whole; /* its header */
    const uint8_t *p;     /* its value */
    size_t len;           /* of the value */
};

/* MP_REACH_NLRI or MP_UNREACH_NLRI. */
struct mp_part {
    bool there;
    uint16_t afi;
    uint8_t safi;
    enum bgp_family family;
    struct addr next_hop;
    bool hop_mapped; /* it is IPv4, as an IPv6 address */
    struct cursor nlri;
};

/* Octets to put things into that are not as the message has them: paths of 2-octet numbers, attributes to
 * keep that do not stand in a row. */
struct scratch {
    uint8_t *p, *end;
};

struct upd {
    const struct bgp_session_caps *caps;
    const struct bgp_update_ops *ops;
    void *arg;
    struct bgp_error *err;
    struct scratch scratch;
    uint64_t seen[4]; /* attribute types */
    struct rib_attrs a;
    struct addr next_hop; /* NEXT_HOP; `a` has that of the routes under way */
    struct mp_part reach, unreach;
    bool table_dump; /* MP_REACH_NLRI may be a next hop alone */
    enum bgp_family table_family;
    struct rib_octets as2_path; /* AS_PATH of a session of 2-octet numbers, as it came */
    struct rib_octets as4_path;
    bool sets; /* AS_PATH has sets: they are to be put in order */
    bool has_as2_path, has_as4_path, has_aggregator, has_as4_aggregator;
    uint32_t aggregator;
    const uint8_t *others; /* the first octet kept, in the message or in scratch */
    size_t others_len;
};

/* A function of the table: checks an attribute and takes what it says. False: malformed, *what says why. */
typedef bool attr_fn(struct upd *u, const struct attr *at, const char **what);

/* attrs.c: all attributes of the message; then what is known only when all are there (AS4_PATH). Returns 0,
 * or -1 when the session must be reset. */
int upd_attributes(struct upd *u, const uint8_t *p, size_t len);

/* as_path.c. Whether the octets are segments of `width`-octet numbers, none empty. */
bool as_path_check(const uint8_t *p, size_t len, unsigned width, const char **what);
bool as_path_has_sets(struct rib_octets path4);
/* Makes the path in scratch: 4-octet numbers of 2-octet ones, AS4_PATH merged (RFC 6793 §4.2.3), the numbers
 * of sets in order and each once. */
void upd_make_as_path(struct upd *u);

/* octets.c: elements of `size` octets as numbers. Whether each is larger than the one before it; puts them in
 * order, each once, and returns the octets left. */
bool octets_ascend(const uint8_t *p, uint32_t len, uint32_t size);
uint32_t octets_sort(uint8_t *p, uint32_t len, uint32_t size);

/* nlri.c: routes of a family, each given to `put`. `withdrawn`: they stand where routes are withdrawn, and
 * have one label that means nothing (RFC 8277 §2.4). -1: they cannot be read on. */
int upd_nlri(struct cursor c, enum bgp_family f, bool withdrawn, const struct bgp_session_caps *caps,
             bgp_route_fn *put, void *arg, struct bgp_error *e);

/* A next hop as MP_REACH_NLRI has it: false when no next hop of the family has this length. */
bool nlri_next_hop(enum bgp_family f, struct cursor c, struct addr *hop);

#endif
