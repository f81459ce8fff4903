/* SPDX-License-Identifier: BSD-2-Clause */
/* BGP messages (RFC 4271 §4): framing, and those that are short: KEEPALIVE, NOTIFICATION, ROUTE-REFRESH. What
 * is wrong with a message is a struct bgp_error: what a NOTIFICATION would say, and what a log line says. */
#ifndef BGP_MSG_H
#define BGP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { BGP_HEADER = 19, BGP_MAX = 4096, BGP_MAX_EXTENDED = 65535 }; /* octets; the latter: RFC 8654 */

enum bgp_type {
    BGP_OPEN = 1,
    BGP_UPDATE,
    BGP_NOTIFICATION,
    BGP_KEEPALIVE,
    BGP_ROUTE_REFRESH,
    BGP_CAPABILITY
};

enum bgp_code {
    BGP_ERR_HEADER = 1,
    BGP_ERR_OPEN,
    BGP_ERR_UPDATE,
    BGP_ERR_HOLD_TIMER,
    BGP_ERR_FSM,
    BGP_ERR_CEASE,
    BGP_ERR_REFRESH,
    BGP_ERR_SEND_HOLD_TIMER
};

/* What is done about a fault, the stronger the higher (RFC 7606 §2). */
enum bgp_action { BGP_NO_FAULT, BGP_DISCARD, BGP_WITHDRAW, BGP_RESET };

/* A fault in a message. `data` is what belongs into the NOTIFICATION's data; it leads into the message or to
 * a constant. */
struct bgp_error {
    enum bgp_action action; /* the strongest that was needed */
    uint8_t code, subcode;  /* of the NOTIFICATION, RFC 4271 §4.5 */
    uint8_t attr;           /* type of the attribute concerned, 0: none */
    uint16_t data_len;
    uint16_t faults; /* how many there were; the other members tell of the first one of the strongest kind */
    const uint8_t *data;
    const char *what; /* a literal, for the log */
};

/* Looks at the `len` octets received so far. Returns the length of the first message, header included, once
 * its header is there (it may be longer than len: wait for the rest); 0 when more is needed to tell; -1 when
 * this is no BGP: e says what a NOTIFICATION would. `extended`: UPDATE, NOTIFICATION and ROUTE-REFRESH may
 * have up to 65535 octets. */
int bgp_frame(const uint8_t *p, size_t len, bool extended, struct bgp_error *e);

/* The type of a message that bgp_frame has accepted. */
static inline enum bgp_type bgp_type(const uint8_t *msg) { return (enum bgp_type)msg[18]; }

/* Writes marker, length (header included) and type; returns what comes behind. */
uint8_t *bgp_header_write(uint8_t *p, size_t len, enum bgp_type type);

/* Each writes a whole message at p and returns its length. NOTIFICATION: as e says, at most BGP_MAX octets.
 */
size_t bgp_keepalive_write(uint8_t p[BGP_HEADER]);
size_t bgp_notification_write(uint8_t *p, size_t room, const struct bgp_error *e);
enum { BGP_REFRESH_LEN = 23 };
size_t bgp_refresh_write(uint8_t p[BGP_REFRESH_LEN], uint16_t afi, uint8_t safi, uint8_t subtype);

/* ROUTE-REFRESH (RFC 2918, 7313): subtype 0 asks, 1 and 2 begin and end a refresh. */
struct bgp_refresh {
    uint16_t afi;
    uint8_t subtype, safi;
};
int bgp_refresh_parse(const uint8_t *msg, size_t len, struct bgp_refresh *r, struct bgp_error *e);

/* NOTIFICATION. `data` leads into the message. */
struct bgp_notification {
    uint8_t code, subcode;
    const uint8_t *data;
    size_t data_len;
};
int bgp_notification_parse(const uint8_t *msg, size_t len, struct bgp_notification *n, struct bgp_error *e);

/* "cease, administrative shutdown: upgrade tonight": names of code and subcode, and the message that RFC 9003
 * puts into the data of a shutdown (control characters and what is not UTF-8 become `?`). Behind a hard reset
 * (RFC 8538) the notification that it wraps. */
void bgp_notification_text(struct strbuf *s, const struct bgp_notification *n);

/* Names of code and subcode, for messages; never NULL. */
const char *bgp_code_name(uint8_t code);
const char *bgp_subcode_name(uint8_t code, uint8_t subcode);

/* Fills e, unless it tells of something stronger, and returns -1. */
int bgp_fault(struct bgp_error *e, enum bgp_action action, uint8_t code, uint8_t subcode, const char *what);

#endif
