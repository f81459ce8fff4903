/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of a gRPC stream: the first octet is the service, then each has its length, 2 octets, in front.
 * What gNMI makes of one is JSON; octets that are kept stay within the bound. */
#include <stdint.h>
#include <stdlib.h>
#include "base/cursor.h"
#include "telemetry/dialout.h"
#include "telemetry/gnmi.h"
#include "telemetry/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void as_json(const struct tele_message *m)
{
    struct strbuf out;
    struct json_found found;
    strbuf_init(&out, 1 << 22);
    if (gnmi_json(m->p, m->len, &out) == 0 && !out.failed &&
        json_check_all((const uint8_t *)out.p, out.len, &found) != JSON_WHOLE)
        abort();
    strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor c = cursor_of(data, len);
    struct dialout d = { .kind = DIALOUT_CISCO + cursor_u8(&c) % 3 };
    while (cursor_left(&c) && !c.bad) {
        struct tele_message m;
        enum tele_fault why = TELE_FAULT_NONE;
        const uint16_t n = cursor_u16(&c);
        const struct cursor one = cursor_sub(&c, n < cursor_left(&c) ? n : cursor_left(&c));
        const enum dialout_verdict v = dialout_take(&d, one.p, cursor_left(&one), &m, &why);
        if ((v == DIALOUT_FAULT) != (why != TELE_FAULT_NONE) || (v == DIALOUT_MESSAGE && !m.len))
            abort();
        if (v == DIALOUT_MESSAGE)
            as_json(&m);
        if (d.parts.len > TELE_MESSAGE_MAX)
            abort();
    }
    dialout_end(&d);
    return 0;
}
