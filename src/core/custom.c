/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of aggregate_primitives. */
#include "core/custom.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config/mapfile.h"

enum key { KEY_NAME, KEY_FIELD_TYPE, KEY_PACKET_PTR, KEY_LEN, KEY_SEMANTICS };
enum { FIXED_MAX = 1024, NUMBER_WIDTHS = 8 };

static const struct mapfile_key keys[] = {
    { "name", KEY_NAME, false },
    { "field_type", KEY_FIELD_TYPE, false },
    { "packet_ptr", KEY_PACKET_PTR, true },
    { "len", KEY_LEN, false },
    { "semantics", KEY_SEMANTICS, false },
    { NULL, 0, false },
};

static const struct {
    const char *word;
    uint8_t kind;
} semantics[] = {
    { "u_int", FK_C_UINT }, { "hex", FK_C_HEX }, { "ip", FK_C_IP },
    { "mac", FK_C_MAC },    { "str", FK_C_STR }, { "raw", FK_C_RAW },
};

static const uint8_t zeros[FIXED_MAX];

/* Characters that a value takes in a table. */
static unsigned width_of(enum field_kind kind, uint16_t len)
{
    static const uint8_t of_number[NUMBER_WIDTHS + 1] = { [1] = 3, [2] = 5, [4] = 10, [8] = 20 };
    switch (kind) {
    case FK_C_UINT:
    case FK_C_HEX:
        return len <= NUMBER_WIDTHS ? of_number[len] : 20;
    case FK_C_IP:
        return ADDR_TEXT;
    case FK_C_MAC:
        return 18;
    default:
        return len;
    }
}

void custom_field(struct field *f, const char *name, enum field_kind kind, unsigned number, uint16_t len)
{
    const unsigned width = width_of(kind, len), title = (unsigned)strlen(name);
    const unsigned wide = (width > title ? width : title) + 2;
    *f = (struct field){ .name = name,
                         .daemons = "PNSU",
                         .title = name,
                         .json = name,
                         .json_client = name,
                         .sql = name,
                         .text = "",
                         .off = (uint16_t)(offsetof(struct flow, custom) + number * sizeof(struct var)),
                         .size = sizeof(struct var),
                         .kind = (uint8_t)kind,
                         .group = FG_MISC,
                         .width = (uint8_t)(wide > 62 ? 62 : wide),
                         .flags = F_CUSTOM };
}

/* ---- values */

static int set_name(struct custom *c, const char *text, struct err *e)
{
    size_t len = strlen(text);
    if (len >= sizeof(c->name))
        return err_set(e, ERR_CONFIG, "bad 'name' value: '%.70s': %d characters at most", text,
                       CUSTOM_NAME - 1);
    for (size_t i = 0; i <= len; i++) {
        if (i < len && !isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
            return err_set(e, ERR_CONFIG, "bad 'name' value: '%s': letters, digits, _ and - are expected",
                           text);
        c->name[i] = (char)tolower((unsigned char)text[i]);
    }
    if (field_find(c->name, len))
        return err_set(e, ERR_CONFIG, "bad 'name' value: '%s' is a primitive already", text);
    return 0;
}

static int set_type(struct custom *c, const char *text, struct err *e)
{
    const char *colon = strchr(text, ':');
    char pen[16];
    uint64_t v = 0;
    c->from_element = true;
    if (colon) {
        if ((size_t)(colon - text) >= sizeof(pen))
            return err_set(e, ERR_CONFIG, "bad 'field_type' value: '%.64s'", text);
        memcpy(pen, text, (size_t)(colon - text));
        pen[colon - text] = '\0';
        if (map_number("field_type", pen, 0, UINT32_MAX, &v, e) == -1)
            return -1;
        c->pen = (uint32_t)v;
    }
    if (map_number("field_type", colon ? colon + 1 : text, 1, 32767 + (colon ? 0 : 32768), &v, e) == -1)
        return -1;
    c->id = (uint16_t)v;
    return 0;
}

static int bad_place(const char *text, struct err *e)
{
    return err_set(
        e, ERR_CONFIG,
        "bad 'packet_ptr' value: '%.64s': layer[:proto][+offset] is expected, with packet, mac, vlan, "
        "mpls, l3, l4 or payload, and a protocol only with l3 and l4",
        text);
}

static int add_place(struct custom *c, const char *text, struct err *e)
{
    static const char *const layers[LAYER_MAX] = { "packet", "mac", "vlan", "mpls", "l3", "l4", "payload" };
    const size_t len = strcspn(text, ":+");
    struct custom_place *p = &c->place[c->n_places];
    char *end = NULL;
    if (c->n_places == CUSTOM_PLACES)
        return err_set(e, ERR_CONFIG, "more than %d 'packet_ptr'", CUSTOM_PLACES);
    *p = (struct custom_place){ .layer = LAYER_MAX, .any_proto = true };
    for (unsigned i = 0; i < LAYER_MAX; i++)
        if (strlen(layers[i]) == len && !memcmp(layers[i], text, len))
            p->layer = (uint8_t)i;
    if (p->layer == LAYER_MAX)
        return bad_place(text, e);
    const char *at = text + len;
    if (*at == ':') {
        unsigned long v =
            isdigit((unsigned char)at[1]) ? strtoul(at + 1, &end, at[2] == 'x' ? 16 : 10) : 65536;
        if (v > 65535 || (p->layer != LAYER_L3 && p->layer != LAYER_L4))
            return bad_place(text, e);
        p->any_proto = false;
        p->proto = (uint16_t)v;
        at = end;
    }
    if (*at == '+') {
        unsigned long v = isdigit((unsigned char)at[1]) ? strtoul(at + 1, &end, 10) : 65536;
        if (v > 65535)
            return bad_place(text, e);
        p->offset = (uint16_t)v;
        at = end;
    }
    if (*at)
        return bad_place(text, e);
    c->n_places++;
    return 0;
}

static int set_len(struct custom *c, const char *text, struct err *e)
{
    uint64_t v;
    if (!strcmp(text, "vlen"))
        return 0;
    if (map_number("len", text, 1, FIXED_MAX, &v, e) == -1)
        return -1;
    c->len = (uint16_t)v;
    return 0;
}

static int set_semantics(const char *text, uint8_t *kind, struct err *e)
{
    for (unsigned i = 0; i < sizeof(semantics) / sizeof(semantics[0]); i++)
        if (!strcmp(semantics[i].word, text)) {
            *kind = semantics[i].kind;
            return 0;
        }
    return err_set(e, ERR_CONFIG,
                   "bad 'semantics' value: '%.64s': u_int, hex, ip, mac, str or raw is expected", text);
}

/* Does the length go with what the octets mean? */
static int check_len(const struct custom *c, enum field_kind kind, struct err *e)
{
    const uint16_t n = c->len;
    switch (kind) {
    case FK_C_UINT:
    case FK_C_HEX:
        if (n == 1 || n == 2 || n == 4 || n == 8)
            return 0;
        return err_set(e, ERR_CONFIG, "'%s': u_int and hex have a len of 1, 2, 4 or 8", c->name);
    case FK_C_IP:
        if (n == 4 || n == 16)
            return 0;
        return err_set(e, ERR_CONFIG, "'%s': ip has a len of 4 or 16", c->name);
    case FK_C_MAC:
        return n == 6 ? 0 : err_set(e, ERR_CONFIG, "'%s': mac has a len of 6", c->name);
    default:
        return 0;
    }
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct customs *all = ctx;
    struct custom *c = &all->c[all->n];
    uint8_t kind = 0;
    if (all->n == CUSTOM_MAX)
        return err_set(e, ERR_LIMIT, "more than %d primitives", CUSTOM_MAX);
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < row->n; i++) {
        const char *text = row->pair[i].value;
        const enum key k = (enum key)row->pair[i].id;
        if ((k == KEY_NAME && set_name(c, text, e) == -1) ||
            (k == KEY_FIELD_TYPE && set_type(c, text, e) == -1) ||
            (k == KEY_PACKET_PTR && add_place(c, text, e) == -1) ||
            (k == KEY_LEN && set_len(c, text, e) == -1) ||
            (k == KEY_SEMANTICS && set_semantics(text, &kind, e) == -1))
            return -1;
    }
    if (!*c->name || !kind || !mapfile_value(row, KEY_LEN) || (!c->from_element && !c->n_places))
        return err_set(
            e, ERR_CONFIG,
            "Invalid entry: name=%s: 'name', 'len', 'semantics' and one of 'field_type' and 'packet_ptr' "
            "are required",
            c->name);
    if (customs_find(all, c->name, strlen(c->name)) != -1)
        return err_set(e, ERR_CONFIG, "Duplicate custom aggregate primitive name specified: %s", c->name);
    if (check_len(c, (enum field_kind)kind, e) == -1)
        return -1;
    for (unsigned i = 0; c->from_element && i < all->n; i++)
        c->occurrence += all->c[i].from_element && all->c[i].pen == c->pen && all->c[i].id == c->id;
    custom_field(&c->field, c->name, (enum field_kind)kind, all->n, c->len);
    all->n++;
    return 0;
}

static struct customs *load(const char *path, char *text, size_t len, struct err *e)
{
    static const struct mapfile_spec spec = { keys, on_row };
    struct customs *c = calloc(1, sizeof(*c));
    if (!c) {
        err_sys(e, "no memory for primitives");
        return NULL;
    }
    if ((text ? mapfile_parse(path, text, len, &spec, c, e) : mapfile_read(path, &spec, c, e)) == 0)
        return c;
    free(c);
    return NULL;
}

struct customs *customs_load(const char *path, struct err *e) { return load(path, NULL, 0, e); }

struct customs *customs_parse(const char *path, char *text, size_t len, struct err *e)
{
    return load(path, text, len, e);
}

int customs_find(const struct customs *c, const char *name, size_t len)
{
    for (unsigned i = 0; c && i < c->n; i++)
        if (strlen(c->c[i].name) == len && !strncasecmp(c->c[i].name, name, len))
            return (int)i;
    return -1;
}

uint64_t customs_of_packets(const struct customs *c)
{
    uint64_t bits = 0;
    for (unsigned i = 0; c && i < c->n; i++)
        if (c->c[i].n_places)
            bits |= UINT64_C(1) << i;
    return bits;
}

void customs_clear(const struct customs *c, uint64_t used, struct flow *f)
{
    for (unsigned i = 0; used >> i; i++)
        if (used >> i & 1)
            f->custom[i] = (struct var){ c->c[i].len ? zeros : NULL, c->c[i].len };
}
