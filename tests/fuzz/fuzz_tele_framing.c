/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of telemetry: the first octet says which decoder and how large the pieces are in which the rest
 * comes. Where messages end must not depend on that; JSON that was found is JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "telemetry/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const framing_fn fns[] = { frame_json, frame_gpb, frame_mdt_v0, frame_mdt_v1 };

struct tally {
    uint64_t messages, hash;
    bool broken;
};

static void message(struct tally *t, const struct tele_message *m)
{
    struct json_found found;
    t->messages++;
    t->hash = t->hash * 31 + hash_bytes(m->p, m->len);
    if (m->checked && json_check_all(m->p, m->len, &found) != JSON_WHOLE)
        abort();
}

static struct tally run(framing_fn fn, const uint8_t *p, size_t n, size_t step)
{
    struct tally t = { 0 };
    struct strbuf unpacked;
    struct framing s = { .unpacked = &unpacked };
    size_t done = 0;
    strbuf_init(&unpacked, 1 << 20);
    for (size_t have = step < n ? step : n; !t.broken; have = n - have > step ? have + step : n) {
        uint8_t *copy = malloc(have - done + 1);
        memcpy(copy, p + done, have - done);
        size_t at = 0;
        while (at < have - done && !t.broken) {
            struct frame f = { 0 };
            const enum frame_verdict v = fn(&s, copy + at, have - done - at, &f);
            if (v == FRAME_MORE) {
                if (f.want <= have - done - at)
                    abort();
                break;
            }
            if (v == FRAME_MESSAGE)
                message(&t, &f.message);
            t.broken = v == FRAME_BROKEN;
            if ((!f.used && !t.broken) || f.used > have - done - at)
                abort();
            at += f.used;
        }
        done += at;
        free(copy);
        if (have == n)
            break;
    }
    framing_end(&s);
    strbuf_free(&unpacked);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || len > 1 << 16)
        return 0;
    const framing_fn fn = fns[data[0] & 3];
    const struct tally whole = run(fn, data + 1, len - 1, len),
                       parts = run(fn, data + 1, len - 1, (data[0] >> 2) + 1u);
    if (whole.messages != parts.messages || whole.hash != parts.hash || whole.broken != parts.broken)
        abort();
    return 0;
}
