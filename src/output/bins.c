/* SPDX-License-Identifier: BSD-2-Clause */
/* Time bins and refresh deadlines; called by the purge engine. The arithmetic of zones and months is
 * base/clock's. */
#include "output/bins.h"

#include <string.h>

#include "output/purge.h"

static int64_t seconds_of(int64_t us) { return us / US_PER_S - (us % US_PER_S < 0); }

int64_t bin_of(int64_t start_us, int64_t base_s, struct span history, bool utc)
{
    return span_floor(seconds_of(start_us), base_s, history, utc);
}

void bins_init(struct bins *b, struct span history, const char *roundoff, int64_t offset_s, bool utc,
               int64_t now_s)
{
    memset(b, 0, sizeof(*b));
    b->history = history;
    b->utc = utc;
    if (!history.n)
        return;
    b->base_s = bin_of(now_s * US_PER_S, time_roundoff(now_s, roundoff, utc) - offset_s, history, utc);
    bins_limit(b, now_s * US_PER_S);
}

/* Bins before the one that the process began in have their bounds a second later, as pmacct has it: what is
 * read from captures shows the same bins. Days and longer begin when they begin. */
static int64_t bound_us(const struct bins *b, int64_t start_us)
{
    bool of_clock = b->history.unit == 's' || b->history.unit == 'm' || b->history.unit == 'h';
    return of_clock && start_us < b->base_s * US_PER_S ? US_PER_S : 0;
}

int64_t bins_find(struct bins *b, int64_t start_us)
{
    if (start_us >= b->last_from_us && start_us < b->last_to_us)
        return b->last_s;
    int64_t later_us = bound_us(b, start_us);
    b->last_s = bin_of(start_us - later_us, b->base_s, b->history, b->utc);
    b->last_from_us = b->last_s * US_PER_S + later_us;
    b->last_to_us = span_step(b->last_s, b->history, 1, b->utc) * US_PER_S + later_us;
    if (later_us && b->last_to_us > b->base_s * US_PER_S)
        b->last_to_us = b->base_s * US_PER_S;
    b->ahead |= b->last_s > b->limit_s;
    return b->last_s;
}

void bins_stamp(struct bins *b, uint8_t *recs, size_t bytes, uint16_t bin_off, int64_t now_us)
{
    for (uint8_t *p = recs, *end = recs + bytes; p < end;) {
        struct record *r = (struct record *)p;
        int64_t bin = bins_find(b, r->start_us ? r->start_us : now_us);
        memcpy(r->key + bin_off, &bin, sizeof(bin));
        p += record_size(r);
    }
}

int64_t bins_commit(const struct bins *b, int64_t now_us)
{
    if (!b->history.n)
        return 0;
    int64_t current = bin_of(now_us, b->base_s, b->history, b->utc);
    return current > b->limit_s ? span_step(current, b->history, -1, b->utc) : current;
}

void bins_limit(struct bins *b, int64_t now_us)
{
    if (!b->history.n)
        return;
    b->limit_s = bin_of(now_us, b->base_s, b->history, b->utc);
    b->last_from_us = b->last_to_us = 0; /* so that the next record is held against the new limit */
    b->ahead = false;
}

int64_t deadline_first(int64_t now_us, int refresh_s, int delay_s, const char *roundoff, bool utc)
{
    int64_t now_s = seconds_of(now_us), due = time_roundoff(now_s, roundoff, utc);
    due += (now_s - due) / refresh_s * refresh_s;
    return (due + refresh_s + delay_s) * US_PER_S;
}

int64_t deadline_next(int64_t due_us, int64_t now_us, int refresh_s)
{
    int64_t period_us = refresh_s * US_PER_S;
    if (now_us >= due_us)
        return due_us + ((now_us - due_us) / period_us + 1) * period_us;
    return due_us - now_us > period_us ? due_us - (due_us - now_us - 1) / period_us * period_us : due_us;
}
