/* SPDX-License-Identifier: BSD-2-Clause */
/* Members of a JSON object written by hand, for rows and for the message logs (counters of sFlow, BGP, BMP,
 * telemetry). Each comes with the comma that parts it from the one before: begin an object with json_first.
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include "base/addr.h"
#include "base/strbuf.h"

/* JSON string with quotes and escapes; what is no UTF-8 becomes U+FFFD. */
void json_string(struct strbuf *out, const char *p, size_t len);
/* As json_string, without the quotes. */
void json_chars(struct strbuf *out, const uint8_t *p, size_t len);

/* Octets of the UTF-8 sequence at p, of which the first is 0x80 or more (RFC 3629 §4), or 0 when it is none.
 */
unsigned utf8_len(const uint8_t *p, size_t left);

/* A label of the form key%value,key%value (pre_tag_label_encode_as_map) as an object. */
void json_pairs(struct strbuf *out, const char *p, size_t len);

/* Names are those of the suite: they need no escapes. */
static inline void json_first(struct strbuf *s, const char *name)
{
    strbuf_lit(s, "{\"");
    strbuf_str(s, name);
    strbuf_lit(s, "\": ");
}

static inline void json_name(struct strbuf *s, const char *name)
{
    strbuf_lit(s, ", \"");
    strbuf_str(s, name);
    strbuf_lit(s, "\": ");
}

static inline void json_uint(struct strbuf *s, const char *name, uint64_t v)
{
    json_name(s, name);
    strbuf_u64(s, v);
}

static inline void json_text(struct strbuf *s, const char *name, const char *text, size_t len)
{
    json_name(s, name);
    json_string(s, text, len);
}

/* Text of the suite's own that needs no escapes. */
static inline void json_word(struct strbuf *s, const char *name, const char *word)
{
    json_name(s, name);
    strbuf_char(s, '"');
    strbuf_str(s, word);
    strbuf_char(s, '"');
}

static inline void json_addr(struct strbuf *s, const char *name, const struct addr *a)
{
    json_name(s, name);
    strbuf_char(s, '"');
    if (strbuf_room(s, ADDR_TEXT))
        s->len += addr_text(a, s->p + s->len);
    strbuf_char(s, '"');
}

#endif
