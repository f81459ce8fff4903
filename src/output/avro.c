/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings of Avro, for rows (format_avro.c), container files and message logs. */
#include "output/avro.h"

#include "output/json.h"

/* Octets of the text once U+FFFD stands for what is no UTF-8. */
static size_t clean_len(const uint8_t *p, size_t len)
{
    size_t octets = 0;
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80 ? 1 : utf8_len(p + i, len - i);
        octets += n ? n : 3;
        i += n ? n : 1;
    }
    return octets;
}

static void add_clean(struct strbuf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80 ? 1 : utf8_len(p + i, len - i);
        if (n)
            strbuf_add(out, p + i, n);
        else
            strbuf_lit(out, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
}

void avro_string(struct strbuf *out, const void *text, size_t len)
{
    const size_t octets = clean_len(text, len);
    avro_long(out, (int64_t)octets);
    if (octets == len)
        strbuf_add(out, text, len);
    else
        add_clean(out, text, len);
}
