/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, and wall-clock time as text. Times are microseconds since the epoch in int64_t. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)

int64_t clock_wall_us(void); /* CLOCK_REALTIME */
int64_t clock_mono_us(void); /* CLOCK_MONOTONIC */

/* How times are written: the timestamps_* keys. */
struct time_style {
    bool utc;     /* timestamps_utc */
    bool secs;    /* timestamps_secs: the fraction is 0 */
    bool epoch;   /* timestamps_since_epoch */
    bool rfc3339; /* timestamps_rfc3339, timestamps_rfc9557 */
};

#define TIME_TEXT 48

/* Remembers the last second's broken-down form, so that rows of the same minute cost no localtime_r.
 * Zero-initialised; one for each thread and style. */
struct time_cache {
    int64_t minute; /* minute number + 1 whose text is kept */
    char text[20];  /* YYYY-MM-DD HH:MM: */
    char zone[8];   /* Z or +HH:MM */
};

/* Writes at_us in the style, without a NUL, and returns the length (< TIME_TEXT). With `fraction`
 * six digits of microseconds follow (.000000 when style->secs). at_us 0, which says "unknown", has the digits
 * of "0000-00-00 00:00:00" in every form but epoch.
 *   default  2023-11-14 22:13:20.250000
 *   rfc3339  2023-11-14T22:13:20.250000+05:30, or Z where that is UTC
 *   epoch    1700000000.250000 */
size_t time_text(int64_t at_us, const struct time_style *st, bool fraction, struct time_cache *tc, char *buf);

/* strftime(3) of at_us, local time or UTC, `$tzone` in fmt already left alone; %s is the epoch in both.
 * Returns the length or 0 when it does not fit. */
size_t time_strftime(char *buf, size_t size, const char *fmt, int64_t at_us, bool utc);

/* A span as the configuration writes it: "5m", "1h", "1M". unit is one of s m h d w M. */
struct span {
    int n;
    char unit;
};

/* Seconds of a span; a month counts as 30 days here (bins of months step with the calendar: bin_start). */
int64_t span_seconds(struct span sp);

/* Rounds a time (seconds) down as the letters of a *_history_roundoff say (any of m h d w M); `utc` as
 * timestamps_utc. */
int64_t time_roundoff(int64_t at_s, const char *letters, bool utc);

/* The start of the bin `steps` bins after (below 0: before) the one that starts at start_s. Months, weeks and
 * days step with the local calendar (a day bin begins at the same hour of the day on both sides of a change
 * of daylight saving time); the rest are seconds. */
int64_t span_step(int64_t start_s, struct span sp, int steps, bool utc);

/* The start of the bin that at_s falls into, where one bin starts at base_s (at_s may lie before it).
 * Consistent with span_step: span_step(base_s, sp, k, utc) for the greatest k that is not past at_s. sp.n is
 * above 0. */
int64_t span_floor(int64_t at_s, int64_t base_s, struct span sp, bool utc);

#endif
