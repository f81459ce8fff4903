/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of BGP and BMP messages, and how a message becomes one of them: its members are found by name,
 * mostly where the one before was found. */
#include "output/avrolog.h"

#include <stdlib.h>
#include "base/cursor.h"
#include "output/avro.h"
#include "output/json.h"

enum type { INT, LONG, STRING, ARRAY, MAP };
enum { OPTIONAL = 1 };
/* When a field is there, or which form it has. */
enum when { ALWAYS, WITH_TAGS, WITH_ROA, WITH_PD, IN_LOGS, LABEL, COMMS, AS_PATH, ORIGIN };

struct field {
    const char *name;
    uint8_t type, optional, when;
};

/* ---- the tables */

static const struct field common[] = {
    { "log_type", STRING, 0, IN_LOGS },   { "seq", LONG, 0, 0 },         { "timestamp", STRING, 0, 0 },
    { "event_type", STRING, 0, 0 },       { "writer_id", STRING, 0, 0 }, { "tag", LONG, OPTIONAL, WITH_TAGS },
    { "label", STRING, OPTIONAL, LABEL },
};
static const struct field bgp_peer[] = { { "peer_ip_src", STRING, 0, 0 },
                                         { "peer_tcp_port", INT, OPTIONAL, 0 } };
static const struct field router[] = { { "bmp_router", STRING, 0, 0 },
                                       { "bmp_router_port", INT, OPTIONAL, 0 } };
static const struct field route[] = {
    { "afi", INT, 0, 0 },
    { "safi", INT, 0, 0 },
    { "ip_prefix", STRING, OPTIONAL, 0 },
    { "rd", STRING, OPTIONAL, 0 },
    { "rd_origin", STRING, OPTIONAL, 0 },
    { "bgp_nexthop", STRING, OPTIONAL, 0 },
    { "as_path", STRING, OPTIONAL, AS_PATH },
    { "as_path_id", LONG, OPTIONAL, 0 },
    { "comms", STRING, OPTIONAL, COMMS },
    { "ecomms", STRING, OPTIONAL, COMMS },
    { "lcomms", STRING, OPTIONAL, COMMS },
    { "origin", STRING, OPTIONAL, ORIGIN },
    { "local_pref", LONG, OPTIONAL, 0 },
    { "med", LONG, OPTIONAL, 0 },
    { "aigp", LONG, OPTIONAL, 0 },
    { "psid_li", LONG, OPTIONAL, 0 },
    { "otc", LONG, OPTIONAL, 0 },
    { "mpls_label", STRING, OPTIONAL, 0 },
    { "roa", STRING, 0, WITH_ROA },
};
static const struct field dump_period[] = { { "dump_period", LONG, 0, 0 } };
static const struct field entries[] = { { "entries", LONG, OPTIONAL, 0 }, { "tables", INT, OPTIONAL, 0 } };
static const struct field monitored[] = {
    { "peer_ip", STRING, 0, 0 },
    { "peer_asn", LONG, 0, 0 },
    { "bgp_id", STRING, 0, 0 },
    { "peer_tcp_port", INT, OPTIONAL, 0 },
    { "timestamp_arrival", STRING, OPTIONAL, 0 },
};
static const struct field msg_type[] = { { "bmp_msg_type", STRING, 0, 0 } };
static const struct field rib_flags[] = {
    { "bmp_rib_type", STRING, 0, 0 }, { "is_filtered", INT, 0, 0 },    { "is_in", INT, OPTIONAL, 0 },
    { "is_loc", INT, OPTIONAL, 0 },   { "is_post", INT, OPTIONAL, 0 }, { "is_out", INT, OPTIONAL, 0 },
};
static const struct field pd[] = { { "pd", STRING, OPTIONAL, WITH_PD },
                                   { "pd_origin", STRING, OPTIONAL, WITH_PD } };
static const struct field rd[] = { { "rd", STRING, OPTIONAL, 0 }, { "rd_origin", STRING, OPTIONAL, 0 } };
static const struct field bmp_head[] = {
    { "seq", LONG, 0, 0 },
    { "timestamp", STRING, 0, 0 },
    { "timestamp_event", STRING, OPTIONAL, 0 },
    { "timestamp_arrival", STRING, OPTIONAL, 0 },
    { "event_type", STRING, 0, 0 },
    { "bmp_router", STRING, 0, 0 },
    { "bmp_router_port", INT, OPTIONAL, 0 },
    { "bmp_msg_type", STRING, 0, 0 },
    { "writer_id", STRING, 0, 0 },
    { "tag", LONG, OPTIONAL, WITH_TAGS },
    { "label", STRING, OPTIONAL, LABEL },
};
static const struct field init_info[] = {
    { "bmp_init_info_string", STRING, OPTIONAL, 0 },
    { "bmp_init_info_sysdescr", STRING, OPTIONAL, 0 },
    { "bmp_init_info_sysname", STRING, OPTIONAL, 0 },
    { "bmp_init_info_reserved", STRING, OPTIONAL, 0 },
};
static const struct field term_info[] = {
    { "bmp_term_info_string", STRING, OPTIONAL, 0 },
    { "bmp_term_info_reason", STRING, OPTIONAL, 0 },
};
static const struct field peer_id[] = { { "peer_ip", STRING, 0, 0 }, { "peer_asn", LONG, 0, 0 } };
static const struct field local_as[] = { { "local_as", LONG, 0, 0 } };
static const struct field peer_type[] = { { "bgp_id", STRING, 0, 0 },
                                          { "peer_type", INT, 0, 0 },
                                          { "peer_type_str", STRING, OPTIONAL, 0 } };
static const struct field peer_type_stats[] = { { "bgp_id", STRING, 0, 0 },
                                                { "peer_type", INT, 0, 0 },
                                                { "peer_type_str", STRING, 0, 0 } };
static const struct field ports[] = { { "local_port", INT, 0, 0 },
                                      { "remote_port", INT, 0, 0 },
                                      { "local_ip", STRING, 0, 0 } };
static const struct field up_info[] = {
    { "bmp_peer_up_info_string", STRING, OPTIONAL, 0 },
    { "bmp_peer_up_info_vrf_table_name", STRING, OPTIONAL, 0 },
    { "bmp_peer_up_info_admin_label", STRING, OPTIONAL, 0 },
    { "bmp_peer_up_info_reserved", STRING, OPTIONAL, 0 },
};
static const struct field reason[] = { { "reason_type", INT, 0, 0 },
                                       { "reason_str", STRING, OPTIONAL, 0 },
                                       { "reason_loc_code", INT, OPTIONAL, 0 } };
static const struct field counter[] = {
    { "counter_type", INT, 0, 0 }, { "counter_type_str", STRING, 0, 0 }, { "counter_value", LONG, 0, 0 },
    { "afi", INT, OPTIONAL, 0 },   { "safi", INT, OPTIONAL, 0 },
};
/* Of every record, in the end. */
static const struct field more[] = { { "more", MAP, OPTIONAL, 0 } };

struct group {
    const struct field *f;
    unsigned n;
};
#define GROUP(list)                                                                                          \
    {                                                                                                        \
        list, sizeof(list) / sizeof(*(list))                                                                 \
    }

enum { GROUPS = 10 };

/* A message is the record of the first row that fits. */
static const struct record {
    const char *name, *event, *msg; /* event_type; bmp_msg_type, NULL: whatever it is */
    bool bmp, dump, log_type;
    struct group group[GROUPS];
} records[] = {
    { "bgp_msglog", "log", NULL, false, false, true, { GROUP(common), GROUP(bgp_peer), GROUP(route) } },
    { "bgp_dump", "dump", NULL, false, true, false, { GROUP(common), GROUP(bgp_peer), GROUP(route) } },
    { "bgp_loginit", "log_init", NULL, false, false, false, { GROUP(common), GROUP(bgp_peer) } },
    { "bgp_logclose", "log_close", NULL, false, false, false, { GROUP(common), GROUP(bgp_peer) } },
    { "bgp_dumpinit",
      "dump_init",
      NULL,
      false,
      true,
      false,
      { GROUP(common), GROUP(bgp_peer), GROUP(dump_period) } },
    { "bgp_dumpclose",
      "dump_close",
      NULL,
      false,
      true,
      false,
      { GROUP(common), GROUP(bgp_peer), GROUP(entries) } },
    { "bmp_init", "", "init", true, false, false, { GROUP(bmp_head), GROUP(init_info) } },
    { "bmp_term", "", "term", true, false, false, { GROUP(bmp_head), GROUP(term_info) } },
    { "bmp_peer_up",
      "",
      "peer_up",
      true,
      false,
      false,
      { GROUP(bmp_head), GROUP(peer_id), GROUP(local_as), GROUP(peer_type), GROUP(rib_flags), GROUP(rd),
        GROUP(pd), GROUP(ports), GROUP(up_info) } },
    { "bmp_peer_down",
      "",
      "peer_down",
      true,
      false,
      false,
      { GROUP(bmp_head), GROUP(peer_id), GROUP(peer_type), GROUP(rib_flags), GROUP(rd), GROUP(pd),
        GROUP(reason) } },
    { "bmp_stats",
      "",
      "stats",
      true,
      false,
      false,
      { GROUP(bmp_head), GROUP(peer_id), GROUP(peer_type_stats), GROUP(rib_flags), GROUP(rd), GROUP(pd),
        GROUP(counter) } },
    { "bmp_msglog_rm",
      "log",
      NULL,
      true,
      false,
      true,
      { GROUP(common), GROUP(route), GROUP(monitored), GROUP(router), GROUP(msg_type), GROUP(rib_flags),
        GROUP(pd) } },
    { "bmp_dump_rm",
      "dump",
      NULL,
      true,
      true,
      false,
      { GROUP(common), GROUP(route), GROUP(monitored), GROUP(router), GROUP(msg_type), GROUP(rib_flags),
        GROUP(pd) } },
    { "bmp_loginit", "log_init", NULL, true, false, false, { GROUP(common), GROUP(router) } },
    { "bmp_logclose", "log_close", NULL, true, false, false, { GROUP(common), GROUP(router) } },
    { "bmp_dumpinit",
      "dump_init",
      NULL,
      true,
      true,
      false,
      { GROUP(common), GROUP(router), GROUP(dump_period) } },
    { "bmp_dumpclose",
      "dump_close",
      NULL,
      true,
      true,
      false,
      { GROUP(common), GROUP(router), GROUP(entries) } },
};
enum { RECORDS = sizeof(records) / sizeof(records[0]), FIELDS_MAX = 64, MEMBERS = 160 };

/* ---- an instance */

struct member {
    const char *name, *value;
    uint32_t name_len, value_len; /* the value as it stands, with its quotes */
    char kind;                    /* its first character */
    bool used;
};

struct avrolog {
    struct {
        unsigned n;
        struct field f[FIELDS_MAX];
    } record[RECORDS];
    struct member m[MEMBERS];
    unsigned n;
    struct strbuf text; /* a string without its escapes */
};

static bool wanted(const struct avrolog_style *st, const struct record *r, const struct field *f)
{
    switch (f->when) {
    case WITH_TAGS:
    case LABEL:
        return st->tags;
    case WITH_ROA:
        return st->roa;
    case WITH_PD:
        return st->set_pd;
    case IN_LOGS:
        return r->log_type;
    default:
        return true;
    }
}

static struct field adapted(const struct avrolog_style *st, struct field f)
{
    if (f.when == LABEL && st->label_as_map)
        f.type = MAP;
    if (f.when == ORIGIN && st->origin_as_int)
        f.type = LONG;
    if ((f.when == COMMS && st->comms_as_array) || (f.when == AS_PATH && st->as_path_as_array)) {
        f.type = ARRAY;
        f.optional = 0;
    }
    return f;
}

static void add_group(struct avrolog *a, unsigned r, const struct avrolog_style *st, const struct field *f,
                      unsigned n)
{
    for (unsigned i = 0; i < n && a->record[r].n < FIELDS_MAX; i++)
        if (wanted(st, &records[r], &f[i]))
            a->record[r].f[a->record[r].n++] = adapted(st, f[i]);
}

struct avrolog *avrolog_new(const struct avrolog_style *st)
{
    struct avrolog *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    strbuf_init(&a->text, 4 << 20);
    for (unsigned r = 0; r < RECORDS; r++) {
        for (unsigned g = 0; g < GROUPS; g++)
            add_group(a, r, st, records[r].group[g].f, records[r].group[g].n);
        add_group(a, r, st, more, 1);
    }
    return a;
}

void avrolog_free(struct avrolog *a)
{
    if (!a)
        return;
    strbuf_free(&a->text);
    free(a);
}

const char *avrolog_name(unsigned record) { return record < RECORDS ? records[record].name : NULL; }
bool avrolog_of_dumps(unsigned record) { return records[record].dump || !*records[record].event; }
bool avrolog_of_logs(unsigned record) { return !records[record].dump; }
bool avrolog_of_bmp(unsigned record) { return records[record].bmp; }

/* ---- schemas */

static const char *const type_json[] = {
    [INT] = "\"int\"",
    [LONG] = "\"long\"",
    [STRING] = "\"string\"",
    [ARRAY] = "{\"type\": \"array\", \"items\": \"string\"}",
    [MAP] = "{\"type\": \"map\", \"values\": \"string\"}",
};
static const char *const default_json[] = {
    [INT] = "0", [LONG] = "0", [STRING] = "\"\"", [ARRAY] = "[]", [MAP] = "{}"
};

void avrolog_schema(const struct avrolog *a, unsigned record, struct strbuf *out)
{
    strbuf_printf(out, "{\"type\": \"record\", \"name\": \"%s\", \"fields\": [", records[record].name);
    for (unsigned i = 0; i < a->record[record].n; i++) {
        const struct field *f = &a->record[record].f[i];
        strbuf_printf(out, "%s{\"name\": \"%s\", \"type\": ", i ? ", " : "", f->name);
        if (f->optional)
            strbuf_printf(out, "[\"null\", %s], \"default\": null}", type_json[f->type]);
        else
            strbuf_printf(out, "%s, \"default\": %s}", type_json[f->type], default_json[f->type]);
    }
    strbuf_lit(out, "]}");
}

/* ---- reading JSON: as much as messages of the suite's own have */

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

/* From the quote that opens a string to behind the one that closes it. */
static void skip_string(struct cursor *c)
{
    if (cursor_u8(c) != '"')
        c->bad = true;
    while (!c->bad) {
        const uint8_t b = cursor_u8(c);
        if (b == '"')
            return;
        if (b == '\\')
            cursor_skip(c, 1);
    }
}

static void skip_value(struct cursor *c)
{
    unsigned depth = 0;
    do {
        if (c->p == c->end) {
            c->bad = true;
            return;
        }
        if (*c->p == '"') {
            skip_string(c);
            continue;
        }
        if (!depth && strchr(",}] \n", *c->p))
            return;
        depth += *c->p == '{' || *c->p == '[';
        depth -= *c->p == '}' || *c->p == ']';
        c->p++;
    } while (depth || (!c->bad && c->p < c->end && !strchr(",}] \n", *c->p)));
}

static bool take_member(struct cursor *c, struct member *m)
{
    skip_blanks(c);
    m->name = (const char *)c->p + 1;
    skip_string(c);
    if (c->bad)
        return false;
    m->name_len = (uint32_t)((const char *)c->p - 1 - m->name);
    skip_blanks(c);
    if (cursor_u8(c) != ':')
        return false;
    skip_blanks(c);
    m->value = (const char *)c->p;
    skip_value(c);
    m->value_len = (uint32_t)((const char *)c->p - m->value);
    m->used = false;
    if (c->bad || !m->value_len)
        return false;
    m->kind = *m->value;
    skip_blanks(c);
    return true;
}

static bool take_object(struct avrolog *a, const char *text, size_t len)
{
    struct cursor c = cursor_of(text, len);
    a->n = 0;
    skip_blanks(&c);
    if (cursor_u8(&c) != '{')
        return false;
    for (uint8_t sign = ','; sign == ',';) {
        if (a->n == MEMBERS || !take_member(&c, &a->m[a->n]))
            return false;
        a->n++;
        sign = cursor_u8(&c);
        if (sign == '}')
            return true;
    }
    return false;
}

/* Mostly it stands behind the one that was asked for before. */
static struct member *find(struct avrolog *a, const char *name, unsigned *at)
{
    const size_t len = strlen(name);
    for (unsigned k = 0; k < a->n; k++) {
        const unsigned i = (*at + k) % a->n;
        if (a->m[i].name_len != len || memcmp(a->m[i].name, name, len) != 0)
            continue;
        *at = i + 1;
        return &a->m[i];
    }
    return NULL;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (unsigned i = 0; i < 4; i++) {
        const char c = p[i];
        v = v << 4 | (unsigned)(c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) % 16;
    }
    return v;
}

static void add_code(struct strbuf *s, unsigned c)
{
    if (c < 0x80) {
        strbuf_char(s, (char)c);
    } else if (c < 0x800) {
        strbuf_char(s, (char)(0xc0 | c >> 6));
        strbuf_char(s, (char)(0x80 | (c & 63)));
    } else {
        strbuf_char(s, (char)(0xe0 | c >> 12));
        strbuf_char(s, (char)(0x80 | (c >> 6 & 63)));
        strbuf_char(s, (char)(0x80 | (c & 63)));
    }
}

/* The octets between the quotes of a string. */
static void put_string(struct avrolog *a, const char *p, size_t len, struct strbuf *out)
{
    static const char letters[] = "bfnrt", signs[] = "\b\f\n\r\t";
    if (!memchr(p, '\\', len)) {
        avro_string(out, p, len);
        return;
    }
    strbuf_clear(&a->text);
    for (size_t i = 0; i < len; i++) {
        const char *letter;
        if (p[i] != '\\' || i + 1 == len) {
            strbuf_char(&a->text, p[i]);
        } else if (p[++i] == 'u' && i + 4 < len) {
            add_code(&a->text, hex4(p + i + 1));
            i += 4;
        } else if ((letter = memchr(letters, p[i], 5)) != NULL) {
            strbuf_char(&a->text, signs[letter - letters]);
        } else {
            strbuf_char(&a->text, p[i]);
        }
    }
    avro_string(out, a->text.len ? a->text.p : "", a->text.len);
}

/* ---- the binary encoding */

/* The text of any value: strings without quotes and escapes, all else as it stands. */
static void put_text(struct avrolog *a, const struct member *m, struct strbuf *out)
{
    if (m->kind == '"')
        put_string(a, m->value + 1, m->value_len - 2, out);
    else
        avro_string(out, m->value, m->value_len);
}

static void put_number(const struct member *m, struct strbuf *out)
{
    uint64_t v = 0;
    uint32_t i = m->kind == '-';
    for (; i < m->value_len && m->value[i] >= '0' && m->value[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(m->value[i] - '0');
    avro_long(out, (int64_t)(m->kind == '-' ? 0 - v : v));
}

/* The strings in an array, or the names and values in an object. */
static void put_list(struct avrolog *a, const struct member *m, bool map, struct strbuf *out)
{
    for (int pass = 0; pass < 2; pass++) {
        struct cursor c = cursor_of(m->value + 1, m->value_len - 2);
        unsigned n = 0;
        while (!c.bad) {
            while (c.p < c.end && *c.p != '"')
                c.p++;
            if (c.p == c.end)
                break;
            const char *p = (const char *)c.p + 1;
            skip_string(&c);
            if (c.bad)
                break;
            if (pass)
                put_string(a, p, (size_t)((const char *)c.p - 1 - p), out);
            n++;
        }
        if (!pass && n / (map ? 2 : 1) == 0)
            break;
        if (!pass)
            avro_long(out, n / (map ? 2 : 1));
    }
    strbuf_char(out, 0);
}

/* Can the field hold it? */
static bool fits(const struct field *f, const struct member *m)
{
    switch (f->type) {
    case INT:
    case LONG:
        return m->kind == '-' || (m->kind >= '0' && m->kind <= '9');
    case ARRAY:
        return m->kind == '[';
    case MAP:
        return m->kind == '{';
    default:
        return m->kind != 'n';
    }
}

static void put_field(struct avrolog *a, const struct field *f, const struct member *m, struct strbuf *out)
{
    if (f->optional)
        avro_long(out, m != NULL);
    if (!m) {
        if (!f->optional)
            strbuf_char(out, 0); /* 0, or nothing in it */
        return;
    }
    if (f->type == STRING)
        put_text(a, m, out);
    else if (f->type == ARRAY || f->type == MAP)
        put_list(a, m, f->type == MAP, out);
    else
        put_number(m, out);
}

/* What no field was for. */
static void put_rest(struct avrolog *a, struct strbuf *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < a->n; i++)
        n += !a->m[i].used && a->m[i].kind != 'n';
    avro_long(out, n != 0);
    if (!n)
        return;
    avro_long(out, n);
    for (unsigned i = 0; i < a->n; i++) {
        const struct member *m = &a->m[i];
        if (m->used || m->kind == 'n')
            continue;
        avro_string(out, m->name, m->name_len);
        put_text(a, m, out);
    }
    strbuf_char(out, 0);
}

/* ---- the JSON encoding */

static void json_field(const struct field *f, const struct member *m, struct strbuf *out)
{
    static const char *const branch[] = { "int", "long", "string", "array", "map" };
    json_name(out, f->name);
    if (!m) {
        strbuf_str(out, f->optional ? "null" : default_json[f->type]);
        return;
    }
    if (f->optional)
        strbuf_printf(out, "{\"%s\": ", branch[f->type]);
    const bool quote = f->type == STRING && m->kind != '"';
    if (quote)
        json_string(out, m->value, m->value_len);
    else
        strbuf_add(out, m->value, m->value_len);
    if (f->optional)
        strbuf_char(out, '}');
}

static void json_rest(const struct avrolog *a, struct strbuf *out)
{
    bool any = false;
    strbuf_lit(out, ", \"more\": ");
    for (unsigned i = 0; i < a->n; i++) {
        const struct member *m = &a->m[i];
        if (m->used || m->kind == 'n')
            continue;
        strbuf_str(out, any ? ", \"" : "{\"map\": {\"");
        strbuf_add(out, m->name, m->name_len);
        strbuf_lit(out, "\": ");
        if (m->kind == '"')
            strbuf_add(out, m->value, m->value_len);
        else
            json_string(out, m->value, m->value_len);
        any = true;
    }
    strbuf_str(out, any ? "}}" : "null");
}

/* ---- messages */

static bool is(const struct member *m, const char *word)
{
    const size_t n = strlen(word);
    return m && m->value_len == n + 2 && !memcmp(m->value + 1, word, n);
}

static int record_of(struct avrolog *a)
{
    unsigned at = 0;
    const struct member *event = find(a, "event_type", &at), *msg = find(a, "bmp_msg_type", &at);
    const bool bmp = find(a, "bmp_router", &at) != NULL;
    for (unsigned r = 0; r < RECORDS; r++) {
        const struct record *x = &records[r];
        if (x->bmp == bmp && (x->msg ? is(msg, x->msg) : is(event, x->event)))
            return (int)r;
    }
    return -1;
}

int avrolog_encode(struct avrolog *a, const char *text, size_t len, bool json, struct strbuf *out)
{
    const int r = take_object(a, text, len) ? record_of(a) : -1;
    const size_t before = out->len;
    unsigned at = 0;
    if (r == -1)
        return -1;
    for (unsigned i = 0; i + 1 < a->record[r].n; i++) {
        const struct field *f = &a->record[r].f[i];
        struct member *m = find(a, f->name, &at);
        if (m && !fits(f, m))
            m = NULL;
        if (m)
            m->used = true;
        if (json)
            json_field(f, m, out);
        else
            put_field(a, f, m, out);
    }
    if (json) {
        json_rest(a, out);
        strbuf_char(out, '}');
    } else {
        put_rest(a, out);
    }
    if (out->failed) {
        out->len = before;
        return -1;
    }
    if (json) { /* the first comma is the brace */
        out->p[before] = '{';
        memmove(out->p + before + 1, out->p + before + 2, out->len - before - 2);
        out->len--;
    }
    return r;
}
