/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON of telemetry: whatever is taken as a value is copied as one line that is a value again; in pieces its
 * end is found where it is found in one. */
#include <stdlib.h>
#include <string.h>
#include "telemetry/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void copied(const uint8_t *p, size_t len, bool breaks)
{
    struct strbuf s;
    struct json_found again;
    strbuf_init(&s, 1 << 20);
    json_copy(&s, p, len, breaks);
    if (!s.failed && (json_check_all((const uint8_t *)s.p, s.len, &again) != JSON_WHOLE ||
                      (s.len && memchr(s.p, '\n', s.len))))
        abort();
    strbuf_free(&s);
}

/* Objects and arrays alone have brackets to go by. */
static void framed(const uint8_t *p, size_t len, size_t step)
{
    struct json_frame f = { 0 };
    size_t at = 0;
    bool whole = false;
    for (; at < len && !whole; at += step < len - at ? step : len - at) {
        const size_t n = step < len - at ? step : len - at, used = json_frame(&f, p + at, n, &whole);
        if (used > n)
            abort();
        if (whole && at + used != len)
            abort();
    }
    if (!whole)
        abort();
}

/* What is whole by itself is so with a blank behind it, which ends numbers, and the other way round. */
static void ended(const uint8_t *p, size_t len)
{
    struct json_found found, again;
    uint8_t *more = malloc(len + 1);
    if (!more)
        return;
    if (len)
        memcpy(more, p, len);
    more[len] = ' ';
    if (json_check_all(p, len, &found) != json_check_all(more, len + 1, &again))
        abort();
    free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct json_found found;
    ended(data, len);
    const enum json_verdict v = json_check(data, data + len, &found);
    if (v == JSON_SHORT)
        return 0;
    if (found.end < data || found.end > data + len)
        abort();
    if (v == JSON_BAD)
        return 0;
    const uint8_t *begin = data;
    while (begin < found.end && strchr(" \t\r\n", *begin))
        begin++;
    const size_t n = (size_t)(found.end - begin);
    struct json_found whole;
    if (json_check_all(begin, n, &whole) != JSON_WHOLE)
        abort();
    copied(begin, n, whole.breaks);
    if (n && (*begin == '{' || *begin == '['))
        framed(begin, n, 1 + len % 7);
    return 0;
}
