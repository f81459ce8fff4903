/* SPDX-License-Identifier: BSD-2-Clause */
/* OPEN and its capabilities (RFC 4271 §4.2, 5492, 9072), both ways, and what two OPENs make of a session.
 * BMP's peer up holds both of them; the collector writes its own after it has read the peer's. */
#ifndef BGP_OPEN_H
#define BGP_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bgp/families.h"
#include "bgp/msg.h"

enum bgp_cap {
#define CAP(number, name, reader, text) BGP_CAP_##name = (number),
#include "bgp/caps.def"
#undef CAP
};

enum { BGP_OPEN_FAMILIES = 64, BGP_AS_TRANS = 23456 };

/* What an OPEN says of one family. */
struct bgp_open_family {
    uint16_t afi;
    uint8_t safi;
    bool offered;           /* capability 1 */
    uint8_t add_path;       /* capability 69: 1 receives, 2 sends, 3 both */
    uint8_t labels;         /* capability 8: how many at most; 0: not said */
    bool ext_next_hop;      /* capability 5: an IPv4 family with IPv6 next hops */
    bool restart, forwards; /* capability 64: listed; it kept its forwarding state */
    uint32_t stale_s;       /* capability 71: long-lived stale time, seconds; 0: not said */
};

struct bgp_open {
    uint8_t version;
    uint32_t as;    /* from capability 65 where there is one */
    uint16_t my_as; /* as the fixed part has it; BGP_AS_TRANS for what does not fit */
    uint16_t hold_s;
    uint8_t id[4]; /* BGP identifier, network order */
    bool as4, refresh, enhanced_refresh, ext_message;
    int8_t role;        /* RFC 9234; -1: not said */
    bool restart;       /* capability 64 is there */
    bool restarting;    /* its R bit */
    bool restart_notif; /* its N bit, RFC 8538 */
    uint16_t restart_s; /* its restart time, seconds */
    uint16_t n; /* families; a peer without capability 1 speaks IPv4 unicast, which stands here then */
    bool more_families; /* than have room here, which are left out */
    struct bgp_open_family family[BGP_OPEN_FAMILIES];
    const uint8_t *host, *domain,
        *software; /* capabilities 73, 75; lead into the message, not NUL-terminated */
    uint8_t host_len, domain_len, software_len;
};

/* Reads a whole OPEN message (header included, as bgp_frame gave it). Returns 0, or -1 with e. `each` (may be
 * NULL) is called for every capability in its order, known or not, so that a log can name it. */
typedef void bgp_cap_fn(void *arg, uint8_t code, const uint8_t *value, uint8_t len);
int bgp_open_parse(const uint8_t *msg, size_t len, struct bgp_open *o, bgp_cap_fn *each, void *arg,
                   struct bgp_error *e);

/* Writes o as a message into `room` octets (BGP_MAX suffices for anything), by RFC 9072 where 255 octets do
 * not hold the capabilities. host, domain and software are written when they are there. Returns the length;
 * 0: no room. */
size_t bgp_open_write(uint8_t *p, size_t room, const struct bgp_open *o);

/* What a passive collector answers to `peer`: the families that the peer offers and that are in families.def
 * (but for route target constraint), receiving ADD-PATH wherever the peer would send it, and of the other
 * capabilities those that the peer has and that we know what to do with. AS, identifier and hold time are the
 * caller's to set (they are 0, all zeros and the peer's); so is restart, which is off. */
void bgp_open_answer(const struct bgp_open *peer, struct bgp_open *answer);

/* A line for the log: "multiprotocol ipv4 unicast", "ADD-PATH ipv4 unicast: both", "capability 99 (4
 * octets)". */
void bgp_cap_text(struct strbuf *s, uint8_t code, const uint8_t *value, uint8_t len);

/* What was negotiated: all that is needed to read UPDATEs. Sets are bits of enum bgp_family. Zeroed is a
 * session of 2-octet AS numbers with nothing but what `families` names. */
struct bgp_session_caps {
    bool as4;              /* AS numbers have 4 octets */
    bool ext_message;      /* messages of up to 65535 octets */
    bool refresh;          /* ROUTE-REFRESH may be sent */
    bool enhanced_refresh; /* RFC 7313 */
    bool external;         /* eBGP: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are discarded (RFC 7606 §7) */
    bool
        monitored;     /* BMP: what a router tells of others is shown as it is. Attributes for which RFC 7606
                        * would    have the routes withdrawn are left out alone; without NEXT_HOP it is 0.0.0.0 */
    bool keep_all;     /* attributes that only a copy of the message needs are kept too (RIB_OTHERS) */
    uint64_t families; /* UPDATEs of other ones are skipped and counted */
    uint64_t add_path; /* a path identifier stands before each NLRI received */
    uint64_t ext_next_hop;
    uint64_t multi_labels;
};

/* What comes of two OPENs for the one who receives: `ours` was sent to him who sent `theirs`. `external` and
 * `keep_all` stay false, as does monitored. */
void bgp_negotiate(const struct bgp_open *ours, const struct bgp_open *theirs, struct bgp_session_caps *c);

#endif
