/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes and NLRI as text, as logs, dumps and flow records have them. Hot (dumps of a million routes):
 * nothing here calls printf. Malformed octets, which the parser lets nobody see, end the text early. */
#ifndef BGP_TEXT_H
#define BGP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "rib/attrs.h"
#include "rib/rib.h"

/* "65001 65002 {1,2} (3 4) [5,6]": sequence, set, confederation sequence and set (RFC 4271, 5065). */
void bgp_text_as_path(struct strbuf *s, struct rib_octets path);

/* Communities separated by blanks: "65001:100 no-export" (RFC 1997's by name), "RT:64497:42 SoO:192.0.2.1:5
 * 0x0006000000000001", "65001:1:2". */
void bgp_text_comms(struct strbuf *s, struct rib_octets comms);
void bgp_text_ext_comms(struct strbuf *s, struct rib_octets ext_comms);
void bgp_text_lrg_comms(struct strbuf *s, struct rib_octets lrg_comms);

/* One of each, for JSON arrays: 4, 8, 12 octets. */
void bgp_text_comm(struct strbuf *s, const uint8_t *p);
void bgp_text_ext_comm(struct strbuf *s, const uint8_t *p);
void bgp_text_lrg_comm(struct strbuf *s, const uint8_t *p);

/* The same as numbers alone (bgp_comms_num): "65001:100 65535:65281"; type and subtype in front of extended
 * ones of known kinds, "0:2:64497:42". */
void bgp_text_comms_num(struct strbuf *s, struct rib_octets comms);
void bgp_text_ext_comms_num(struct strbuf *s, struct rib_octets ext_comms);
void bgp_text_comm_num(struct strbuf *s, const uint8_t *p);
void bgp_text_ext_comm_num(struct strbuf *s, const uint8_t *p);

/* Steps through a path: one AS number of a sequence, or a whole set ("{1,2}"), at a time, for JSON arrays.
 * False at its end. Start with at = 0. */
bool bgp_text_as_path_part(struct strbuf *s, struct rib_octets path, uint32_t *at);

/* Route distinguisher, type first: "0:64839:1021000042", "1:10.215.182.150:0", "2:65543:105" (RFC 4364 §4.2).
 */
void bgp_text_rd(struct strbuf *s, const uint8_t rd[8]);

/* "192.0.2.0/24"; families of prefixes only. */
void bgp_text_prefix(struct strbuf *s, const struct rib_key *k);

/* Label values, top first, separated by blanks: "24 16001". */
void bgp_text_labels(struct strbuf *s, struct rib_octets labels);

/* A route's key on one line, whatever its family: a prefix; "[2]:[0]:[48]:[02:00:00:00:00:01]" for EVPN;
 * "dst 192.0.2.0/24 proto =6" for flowspec; hex for what nobody decodes. Without RD and path identifier. */
void bgp_text_nlri(struct strbuf *s, const struct rib_key *k);

#endif
