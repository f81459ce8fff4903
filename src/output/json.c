/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings of JSON (RFC 8259 §7), for rows (format_json.c) and for message logs. */
#include "output/json.h"

unsigned utf8_len(const uint8_t *p, size_t left)
{
    unsigned n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

static void json_escape(struct strbuf *out, uint8_t c)
{
    static const char names[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    const char *at = c ? strchr(names, c) : NULL;
    if (at) {
        strbuf_char(out, '\\');
        strbuf_char(out, letters[at - names]);
    } else {
        char u[6] = { '\\', 'u', '0', '0', "01"[c >> 4 & 1], "0123456789abcdef"[c & 15] };
        strbuf_add(out, u, sizeof(u));
    }
}

void json_chars(struct strbuf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        while (i + n < len && p[i + n] >= 0x20 && p[i + n] < 0x80 && p[i + n] != '"' && p[i + n] != '\\')
            n++;
        strbuf_add(out, p + i, n);
        i += n;
        if (i == len)
            break;
        if (p[i] < 0x80) {
            json_escape(out, p[i++]);
        } else if ((n = utf8_len(p + i, len - i)) != 0) {
            strbuf_add(out, p + i, n);
            i += n;
        } else {
            strbuf_lit(out, "\xef\xbf\xbd"); /* U+FFFD: what is no UTF-8 must not make the line unreadable */
            i++;
        }
    }
}

void json_string(struct strbuf *out, const char *p, size_t len)
{
    strbuf_char(out, '"');
    json_chars(out, (const uint8_t *)p, len);
    strbuf_char(out, '"');
}
