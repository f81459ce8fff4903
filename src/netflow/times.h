/* SPDX-License-Identifier: BSD-2-Clause */
/* The algebra of times in NetFlow and IPFIX. */
#ifndef NETFLOW_TIMES_H
#define NETFLOW_TIMES_H

#include <stdint.h>

/* Seconds from 1900, where NTP counts from, to 1970. */
#define NTP_TO_UNIX INT64_C(2208988800)

/* An instant given as the exporter's uptime x, in a message sent at export_us when its uptime was `uptime`,
 * both in units of unit_us. Uptimes are 32 bits wide and wrap (milliseconds: after 49.7 days): only their
 * difference modulo 2^32 means something, and it is an age, up to 46.6 days. The last sixteenth of the circle
 * is left to clocks that lag: x is then a little ahead of the header. */
static inline int64_t age_by_uptime(uint32_t uptime, uint32_t x)
{
    const uint32_t past = uptime - x;
    return past > UINT32_C(0xf0000000) ? (int64_t)past - (INT64_C(1) << 32) : (int64_t)past;
}

static inline int64_t time_of_uptime(int64_t export_us, uint32_t uptime, uint32_t x, uint32_t unit_us)
{
    return export_us - age_by_uptime(uptime, x) * unit_us;
}

/* The same in whole seconds: those of the header, which has no fraction in v9, less those of the age. */
static inline int64_t time_of_uptime_secs(int64_t export_us, uint32_t uptime, uint32_t x, uint32_t unit_us)
{
    return (export_us / 1000000 - age_by_uptime(uptime, x) * unit_us / 1000000) * 1000000;
}

/* The 64-bit NTP format (RFC 7011 §6.1.9) in µs since the epoch, rounded. Seconds below 2^31 are of the era
 * that starts in 2036. In dateTimeMicroseconds the low 11 bits of the fraction are noise. 0 stays 0: not set.
 */
static inline int64_t time_of_ntp(uint64_t ntp, uint32_t noise)
{
    const uint32_t secs = (uint32_t)(ntp >> 32), fraction = (uint32_t)ntp & ~noise;
    if (ntp == 0)
        return 0;
    const int64_t since_1900 =
        secs < UINT32_C(0x80000000) ? (int64_t)secs + (INT64_C(1) << 32) : (int64_t)secs;
    return (since_1900 - NTP_TO_UNIX) * 1000000 +
           (int64_t)(((uint64_t)fraction * 1000000 + (UINT64_C(1) << 31)) >> 32);
}

enum { NTP_USEC_NOISE = 0x7ff };

#endif
