/* SPDX-License-Identifier: BSD-2-Clause */
/* base64, for payloads that JSON has to carry. */
#include "base/base64.h"

void base64_add(struct strbuf *out, const void *p, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *b = p;
    if (n > SIZE_MAX / 2 || !strbuf_room(out, (n + 2) / 3 * 4)) {
        out->failed = true;
        return;
    }
    char *to = out->p + out->len;
    for (; n >= 3; n -= 3, b += 3) {
        const uint32_t v = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
        *to++ = digit[v >> 18];
        *to++ = digit[v >> 12 & 63];
        *to++ = digit[v >> 6 & 63];
        *to++ = digit[v & 63];
    }
    if (n) {
        const uint32_t v = (uint32_t)b[0] << 16 | (n == 2 ? (uint32_t)b[1] << 8 : 0);
        *to++ = digit[v >> 18];
        *to++ = digit[v >> 12 & 63];
        *to++ = n == 2 ? digit[v >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->len = (size_t)(to - out->p);
}
