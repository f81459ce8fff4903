/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of a log as lists of members, and these as JSON. */
#include "output/members.h"

#include <stdarg.h>
#include <stdio.h>
#include "output/json.h"

enum { MADE_MAX = 8 << 20 }; /* a TLV of a megabyte as hex digits */

void members_init(struct members *ms)
{
    ms->n = 0;
    ms->names_len = 0;
    strbuf_init(&ms->made, MADE_MAX);
}

void members_free(struct members *ms) { strbuf_free(&ms->made); }

void members_clear(struct members *ms)
{
    ms->n = 0;
    ms->names_len = 0;
    strbuf_clear(&ms->made);
}

static struct member *add(struct members *ms, const char *name, enum member_kind kind)
{
    struct member *m = ms->n < MEMBERS_MAX && name ? &ms->m[ms->n++] : &ms->left_out;
    *m = (struct member){ .name = name, .kind = kind };
    return m;
}

void members_uint(struct members *ms, const char *name, uint64_t v) { add(ms, name, MEMBER_UINT)->u = v; }

void members_text(struct members *ms, const char *name, const char *p, size_t len)
{
    struct member *m = add(ms, name, MEMBER_TEXT);
    m->text.p = p;
    m->text.len = len;
}

void members_word(struct members *ms, const char *name, const char *word)
{
    members_text(ms, name, word, strlen(word));
}

void members_label(struct members *ms, const char *name, const char *p, size_t len)
{
    struct member *m = add(ms, name, MEMBER_LABEL);
    m->text.p = p;
    m->text.len = len;
}

void members_null(struct members *ms, const char *name) { (void)add(ms, name, MEMBER_NULL); }

/* A member whose text is what stands behind `at` in ms->made. */
static void add_made(struct members *ms, const char *name, size_t at)
{
    struct member *m = add(ms, name, ms->made.failed ? MEMBER_NULL : MEMBER_TEXT);
    m->made = true;
    m->text.at = at;
    m->text.len = ms->made.len - at;
}

void members_addr(struct members *ms, const char *name, const struct addr *a)
{
    const size_t at = ms->made.len;
    char text[ADDR_TEXT];
    strbuf_add(&ms->made, text, addr_text(a, text));
    add_made(ms, name, at);
}

void members_time(struct members *ms, const char *name, int64_t at_us, const struct time_style *st,
                  bool fraction, struct time_cache *tc)
{
    const size_t at = ms->made.len;
    char text[TIME_TEXT];
    strbuf_add(&ms->made, text, time_text(at_us, st, fraction, tc, text));
    add_made(ms, name, at);
}

void members_hex(struct members *ms, const char *name, const uint8_t *p, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    const size_t at = ms->made.len;
    if (!len) {
        members_null(ms, name);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        const char octet[3] = { '-', digits[p[i] >> 4], digits[p[i] & 15] };
        strbuf_add(&ms->made, octet + !i, 3 - (size_t)!i);
    }
    add_made(ms, name, at);
}

const char *members_name(struct members *ms, const char *fmt, ...)
{
    va_list ap;
    const size_t room = sizeof(ms->names) - ms->names_len;
    char *name = ms->names + ms->names_len;
    va_start(ap, fmt);
    const int n = vsnprintf(name, room, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= room)
        return NULL;
    ms->names_len += (size_t)n + 1;
    return name;
}

const struct member *members_find(const struct members *ms, const char *name)
{
    for (unsigned i = 0; i < ms->n; i++)
        if (!strcmp(ms->m[i].name, name))
            return &ms->m[i];
    return NULL;
}

const char *member_text(const struct members *ms, const struct member *m, size_t *len)
{
    *len = m->text.len;
    return m->made ? ms->made.p + m->text.at : m->text.p;
}

static void value_json(const struct members *ms, const struct member *m, bool label_as_map,
                       struct strbuf *out)
{
    size_t len;
    const char *text;
    switch (m->kind) {
    case MEMBER_UINT:
        strbuf_u64(out, m->u);
        return;
    case MEMBER_NULL:
        strbuf_lit(out, "null");
        return;
    case MEMBER_TEXT:
    case MEMBER_LABEL:
        text = member_text(ms, m, &len);
        if (m->kind == MEMBER_LABEL && label_as_map)
            json_pairs(out, text, len);
        else
            json_string(out, text, len);
        return;
    }
}

void members_json(const struct members *ms, bool label_as_map, struct strbuf *out)
{
    for (unsigned i = 0; i < ms->n; i++) {
        if (i)
            json_name(out, ms->m[i].name);
        else
            json_first(out, ms->m[i].name);
        value_json(ms, &ms->m[i], label_as_map, out);
    }
    strbuf_str(out, ms->n ? "}" : "{}");
}
