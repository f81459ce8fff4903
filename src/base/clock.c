/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, timestamps as text, and the arithmetic of time bins. Bins are laid out in civil time (what a clock
 * on the wall shows, as seconds), and brought back to the epoch through the zone's own rules, so that zones
 * with odd offsets and days of 23 or 25 hours come out right. */
#include "base/clock.h"

#include <string.h>
#include "base/strbuf.h"

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void) { return clock_us(CLOCK_REALTIME); }

int64_t clock_mono_us(void) { return clock_us(CLOCK_MONOTONIC); }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Times that have a year of four digits in every zone; what is wrong by more is shown as the nearest of
 * these. */
#define TIME_FIRST INT64_C(-62135596800) /* 0001-01-01 */
#define TIME_LAST INT64_C(253402128000)  /* 9999-12-30 */

static void broken_down(int64_t at_s, bool utc, struct tm *tm)
{
    time_t t = at_s < TIME_FIRST ? TIME_FIRST : at_s > TIME_LAST ? TIME_LAST : at_s;
    if (utc)
        gmtime_r(&t, tm);
    else
        localtime_r(&t, tm);
}

/* ---- text */

static char *put_digits(char *p, unsigned v, int n)
{
    for (int i = n; i--; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + n;
}

static void put_zone(char *zone, long offset_s)
{
    if (!offset_s) {
        memcpy(zone, "Z", 2);
        return;
    }
    unsigned minutes = (unsigned)(offset_s < 0 ? -offset_s : offset_s) / 60;
    *zone++ = offset_s < 0 ? '-' : '+';
    zone = put_digits(zone, minutes / 60, 2);
    *zone++ = ':';
    zone = put_digits(zone, minutes % 60, 2);
    *zone = '\0';
}

#define MINUTE_TEXT 17 /* YYYY-MM-DD HH:MM: */

static void put_minute(struct time_cache *tc, const struct tm *tm)
{
    char *p = put_digits(tc->text, (unsigned)(tm->tm_year + 1900), 4);
    *p++ = '-';
    p = put_digits(p, (unsigned)tm->tm_mon + 1, 2);
    *p++ = '-';
    p = put_digits(p, (unsigned)tm->tm_mday, 2);
    *p++ = ' ';
    p = put_digits(p, (unsigned)tm->tm_hour, 2);
    *p++ = ':';
    p = put_digits(p, (unsigned)tm->tm_min, 2);
    *p = ':';
    put_zone(tc->zone, tm->tm_gmtoff);
}

/* Brings the cache to the minute of at_s; returns the second within it. */
static unsigned time_cache_fill(struct time_cache *tc, int64_t at_s, bool utc)
{
    int64_t minute = floor_div(at_s, 60);
    unsigned second = (unsigned)(at_s - minute * 60);
    if (__builtin_expect(tc->minute == minute + 1 && minute != -1, 1))
        return second;
    struct tm tm;
    broken_down(at_s, utc, &tm);
    put_minute(tc, &tm);
    /* Where minutes of this zone do not begin with those of UTC (offsets of before 1972, leap second zones),
     * or the time was out of range, the text holds for this call only. */
    bool keeps = (unsigned)tm.tm_sec == second && minute != -1 && at_s >= TIME_FIRST && at_s <= TIME_LAST;
    tc->minute = keeps ? minute + 1 : 0;
    return (unsigned)tm.tm_sec;
}

static size_t epoch_text(int64_t at_s, unsigned us, bool fraction, char *buf)
{
    char *p = buf;
    if (at_s < 0)
        *p++ = '-';
    /* -0.25 s is second -1 and 750000 µs; as text the fraction counts away from zero too. */
    if (at_s < 0 && us) {
        at_s++;
        us = (unsigned)US_PER_S - us;
    }
    p += u64_text(at_s < 0 ? -(uint64_t)at_s : (uint64_t)at_s, p);
    if (fraction) {
        *p++ = '.';
        p = put_digits(p, us, 6);
    }
    return (size_t)(p - buf);
}

size_t time_text(int64_t at_us, const struct time_style *st, bool fraction, struct time_cache *tc, char *buf)
{
    int64_t at_s = floor_div(at_us, US_PER_S);
    unsigned us = st->secs ? 0 : (unsigned)(at_us - at_s * US_PER_S);
    if (st->epoch)
        return epoch_text(at_s, us, fraction, buf);
    if (!at_us) {
        memcpy(buf, "0000-00-00 00:00:00.000000", 26);
        return fraction ? 26 : 19;
    }
    unsigned second = time_cache_fill(tc, at_s, st->utc);
    memcpy(buf, tc->text, MINUTE_TEXT);
    if (st->rfc3339)
        buf[10] = 'T';
    char *p = put_digits(buf + MINUTE_TEXT, second, 2);
    if (fraction) {
        *p++ = '.';
        p = put_digits(p, us, 6);
    }
    if (st->rfc3339)
        p = stpcpy(p, tc->zone);
    return (size_t)(p - buf);
}

/* Copies fmt with %s replaced: strftime takes it through mktime, which is wrong for a broken-down UTC. */
static bool expand_epoch(struct strbuf *out, const char *fmt, int64_t at_s)
{
    char digits[24];
    for (; *fmt; fmt++) {
        if (fmt[0] == '%' && fmt[1] == 's') {
            strbuf_add(out, digits, epoch_text(at_s, 0, false, digits));
            fmt++;
            continue;
        }
        strbuf_char(out, *fmt);
        if (fmt[0] == '%' && fmt[1])
            strbuf_char(out, *++fmt);
    }
    return !out->failed;
}

size_t time_strftime(char *buf, size_t size, const char *fmt, int64_t at_us, bool utc)
{
    struct strbuf plain;
    struct tm tm;
    size_t n = 0;
    int64_t at_s = floor_div(at_us, US_PER_S);
    strbuf_init(&plain, 1 << 16);
    broken_down(at_s, utc, &tm);
    if (expand_epoch(&plain, fmt, at_s))
        n = strftime(buf, size, strbuf_cstr(&plain), &tm);
    strbuf_free(&plain);
    return n;
}

/* ---- civil time */

/* Seconds of a civil date and time, as if it were UTC; fields may be out of range. */
static int64_t civil_seconds(struct tm tm)
{
    tm.tm_isdst = 0;
    return timegm(&tm);
}

static int64_t civil_of(int64_t at_s, bool utc, struct tm *tm)
{
    broken_down(at_s, utc, tm);
    return civil_seconds(*tm);
}

/* The first moment at which the clock on the wall shows `civil` or later: the earlier one of a time that
 * comes twice, the end of the gap for a time that never comes. */
static int64_t civil_to_epoch(int64_t civil, bool utc)
{
    if (utc)
        return civil;
    struct tm tm;
    int64_t before = civil - 86400, at = civil + 86400; /* no zone is further from UTC */
    int64_t offset = civil_of(at, false, &tm) - at;
    if (civil_of(before, false, &tm) - before == offset)
        return civil - offset; /* no change anywhere near */
    while (at - before > 1) {
        int64_t mid = before + (at - before) / 2;
        if (civil_of(mid, false, &tm) >= civil)
            at = mid;
        else
            before = mid;
    }
    return at;
}

/* ---- bins */

static int64_t unit_seconds(char unit)
{
    switch (unit) {
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400;
    case 'M':
        return 30 * 86400;
    default:
        return 1;
    }
}

int64_t span_seconds(struct span sp) { return sp.n * unit_seconds(sp.unit); }

/* Takes `unit` (60 or 3600) off the clock on the wall, by real seconds as long as no change of the offset
 * lies between. */
static int64_t floor_unit(int64_t at_s, int64_t unit, bool utc)
{
    struct tm now, then;
    int64_t civil = civil_of(at_s, utc, &now);
    int64_t wanted = floor_div(civil, unit) * unit;
    int64_t start = at_s - (civil - wanted);
    return civil_of(start, utc, &then) == wanted ? start : civil_to_epoch(wanted, utc);
}

int64_t time_roundoff(int64_t at_s, const char *letters, bool utc)
{
    if (!letters)
        letters = "";
    bool month = strchr(letters, 'M'), day = month || strchr(letters, 'd'), week = strchr(letters, 'w');
    if (!day && !week && !strchr(letters, 'h'))
        return floor_unit(at_s, strchr(letters, 'm') ? 3600 : 60, utc);

    struct tm tm;
    civil_of(at_s, utc, &tm);
    tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
    if (month)
        tm.tm_mon = 0;
    if (day)
        tm.tm_mday = 1;
    int64_t civil = civil_seconds(tm);
    if (week) { /* 1970-01-04 was a Sunday */
        int64_t days = floor_div(civil, 86400) - 3;
        civil -= (days - floor_div(days, 7) * 7) * 86400;
    }
    return civil_to_epoch(civil, utc);
}

static int days_of_month(int year, int mon)
{
    static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[mon] + (mon == 1 && leap);
}

static int64_t step_months(int64_t start_s, int64_t months, bool utc)
{
    struct tm tm;
    civil_of(start_s, utc, &tm);
    int64_t mon = (int64_t)tm.tm_year * 12 + tm.tm_mon + months;
    tm.tm_year = (int)floor_div(mon, 12);
    tm.tm_mon = (int)(mon - (int64_t)tm.tm_year * 12);
    int last = days_of_month(tm.tm_year + 1900, tm.tm_mon);
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    return civil_to_epoch(civil_seconds(tm), utc);
}

int64_t span_step(int64_t start_s, struct span sp, int steps, bool utc)
{
    if (sp.unit == 'M')
        return step_months(start_s, (int64_t)sp.n * steps, utc);
    int64_t move = span_seconds(sp) * steps;
    if (utc || (sp.unit != 'd' && sp.unit != 'w'))
        return start_s + move;
    struct tm tm;
    return civil_to_epoch(civil_of(start_s, utc, &tm) + move, utc);
}

int64_t span_floor(int64_t at_s, int64_t base_s, struct span sp, bool utc)
{
    if (at_s < TIME_FIRST || at_s > TIME_LAST)
        at_s = at_s < TIME_FIRST ? TIME_FIRST : TIME_LAST;
    if (sp.unit != 'M' && sp.unit != 'd' && sp.unit != 'w')
        return base_s + floor_div(at_s - base_s, span_seconds(sp)) * span_seconds(sp);

    struct tm at, base;
    int64_t k = floor_div(civil_of(at_s, utc, &at) - civil_of(base_s, utc, &base), span_seconds(sp));
    if (sp.unit == 'M')
        k = floor_div((at.tm_year - base.tm_year) * 12 + at.tm_mon - base.tm_mon, sp.n);
    int64_t start = span_step(base_s, sp, (int)k, utc);
    while (start > at_s)
        start = span_step(base_s, sp, (int)--k, utc);
    for (int64_t next; (next = span_step(base_s, sp, (int)(k + 1), utc)) <= at_s; k++)
        start = next;
    return start;
}
