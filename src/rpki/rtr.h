/* SPDX-License-Identifier: BSD-2-Clause */
/* RPKI to Router protocol (RFC 6810: version 0, RFC 8210: version 1): PDUs to and from octets. For
 * rtr_client.c. */
#ifndef RPKI_RTR_H
#define RPKI_RTR_H

#include <stddef.h>
#include "rpki/roa.h"

enum rtr_type {
    RTR_SERIAL_NOTIFY,
    RTR_SERIAL_QUERY,
    RTR_RESET_QUERY,
    RTR_CACHE_RESPONSE,
    RTR_IPV4_PREFIX,
    RTR_IPV6_PREFIX = 6,
    RTR_END_OF_DATA,
    RTR_CACHE_RESET,
    RTR_ROUTER_KEY,
    RTR_ERROR,
};

enum rtr_error {
    RTR_CORRUPT,
    RTR_INTERNAL,
    RTR_NO_DATA,
    RTR_INVALID_REQUEST,
    RTR_BAD_VERSION,
    RTR_BAD_TYPE,
    RTR_UNKNOWN_WITHDRAWN,
    RTR_DUPLICATE,
    RTR_UNEXPECTED_VERSION,
};

enum { RTR_HEADER = 8, RTR_PDU_MAX = 65536, RTR_QUERY_MAX = 12 };

struct rtr_pdu {
    uint8_t version, type;
    uint16_t session; /* or error code */
    uint32_t serial;
    bool announce; /* prefixes */
    struct vrp vrp;
    bool has_timers; /* End of Data of version 1, in s */
    uint32_t refresh_s, retry_s, expire_s;
    char text[128]; /* of an error, as far as it can be printed */
};

/* Reads the PDU at p. Returns its length; 0: it is not whole yet; -1: it is wrong, *why and e say what. A
 * type that is not known is returned whole; a cache may send what is newer. */
int rtr_read(const uint8_t *p, size_t len, struct rtr_pdu *out, enum rtr_error *why, struct err *e);

/* Writes a query; returns its length. */
size_t rtr_write_reset(uint8_t out[RTR_QUERY_MAX], uint8_t version);
size_t rtr_write_serial(uint8_t out[RTR_QUERY_MAX], uint8_t version, uint16_t session, uint32_t serial);
/* An error report without the PDU that it is about; at most 16 + 128 octets. */
enum { RTR_REPORT_MAX = 16 + 128 };
size_t rtr_write_error(uint8_t out[RTR_REPORT_MAX], uint8_t version, enum rtr_error code, const char *text);

const char *rtr_error_text(unsigned code);

#endif
