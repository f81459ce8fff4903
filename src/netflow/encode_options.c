/* SPDX-License-Identifier: BSD-2-Clause */
/* What the exporter tells of itself in options data: sampling, its address, names of applications and
 * interfaces. Told with the templates; a new name goes out before the first flow that needs it. */
#include "netflow/encode_impl.h"

#include <stdlib.h>
#include "base/hash.h"

enum {
    FIELDS = 3,
    SCOPE_SYSTEM = 1, /* RFC 3954 §6.1 */
    SCOPE_INTERFACE = 2,
    EXPORTING_PROCESS = 144,
    INGRESS_INTERFACE = 10,
    SAMPLING_RANDOM = 2,
    SLOTS = 2 * ENCODE_NAMES_MAX,
    VALUE_MAX = 96,
};

/* The kinds of options data, by their place among the ids of an instance. */
enum kind { SAMPLING, APPLICATION, SOURCE, INTERFACE };

static const struct {
    uint16_t scope9,
        scope; /* in v9 and in IPFIX; of 4 octets, that of the system of 16 where the source is IPv6 */
    unsigned n;
    struct template_field field[FIELDS];
} shapes[] = {
    [SAMPLING] = { SCOPE_SYSTEM, EXPORTING_PROCESS, 3, { { 0, 48, 1 }, { 0, 49, 1 }, { 0, 50, 4 } } },
    [APPLICATION] = { SCOPE_SYSTEM,
                      EXPORTING_PROCESS,
                      2,
                      { { 0, 95, ENCODE_APP_LEN }, { 0, 96, ENCODE_NAME } } },
    [SOURCE] = { SCOPE_SYSTEM, EXPORTING_PROCESS, 2, { { 0, 130, 4 }, { 0, 131, 16 } } },
    [INTERFACE] = { SCOPE_INTERFACE, INGRESS_INTERFACE, 2, { { 0, 82, 32 }, { 0, 83, 64 } } },
};

static uint16_t id_of(const struct encoder *en, enum kind k)
{
    return (uint16_t)(TEMPLATE_OPTIONS + 4 * en->c.instance + k);
}

static bool source_is_ip6(const struct encoder *en)
{
    return addr_is_set(&en->c.source) && !addr_is_v4(&en->c.source);
}

static uint16_t scope_len(const struct encoder *en, enum kind k)
{
    return shapes[k].scope9 == SCOPE_SYSTEM && source_is_ip6(en) ? 16 : 4;
}

static void tell_template(struct encoder *en, enum kind k)
{
    const bool ipfix = encode_is_ipfix(en);
    const unsigned n = shapes[k].n;
    encode_make_room(en, 10 + 4 + 4 * n);
    encode_open_set(en, ipfix ? 3 : 1);
    uint8_t *p = put_be16(en->buf + en->len, id_of(en, k));
    if (ipfix)
        p = put_be16(put_be16(p, (uint16_t)(n + 1)), 1);
    else
        p = put_be16(put_be16(p, 4), (uint16_t)(n * 4)); /* octets of the fields' specifiers */
    p = put_be16(put_be16(p, ipfix ? shapes[k].scope : shapes[k].scope9), scope_len(en, k));
    for (unsigned i = 0; i < n; i++)
        p = put_be16(put_be16(p, shapes[k].field[i].id), shapes[k].field[i].len);
    en->len = (uint32_t)(p - en->buf);
    en->records++;
    encode_close_set(en);
}

/* `scope` of 16 octets; those of a shorter one come first. */
static void tell(struct encoder *en, enum kind k, const uint8_t *scope, const uint8_t *value)
{
    uint32_t len = 0;
    for (unsigned i = 0; i < shapes[k].n; i++)
        len += shapes[k].field[i].len;
    encode_make_room(en, scope_len(en, k) + len);
    if (!en->set || en->set_id != id_of(en, k))
        encode_open_set(en, id_of(en, k));
    memcpy(en->buf + en->len, scope, scope_len(en, k));
    en->len += scope_len(en, k);
    memcpy(en->buf + en->len, value, len);
    en->len += len;
    en->records++;
    en->data_records++;
}

static void system_scope(const struct encoder *en, uint8_t scope[16])
{
    memset(scope, 0, 16);
    if (source_is_ip6(en))
        addr_get_v6(&en->c.source, scope);
    else
        memcpy(scope, en->c.source.b + 12, 4);
}

/* samplerId 1, its mode, its interval. */
static void tell_sampling(struct encoder *en, const uint8_t *scope)
{
    uint8_t value[6] = { 1, SAMPLING_RANDOM };
    put_be32(value + 2, en->c.sampling_rate);
    tell_template(en, SAMPLING);
    tell(en, SAMPLING, scope, value);
}

/* The family that is not the source's is zero. */
static void tell_source(struct encoder *en, const uint8_t *scope)
{
    uint8_t value[20] = { 0 };
    if (source_is_ip6(en))
        addr_get_v6(&en->c.source, value + 4);
    else
        memcpy(value, en->c.source.b + 12, 4);
    tell_template(en, SOURCE);
    tell(en, SOURCE, scope, value);
}

/* ---- names */

_Static_assert(ENCODE_NAME <= sizeof(((struct encode_text *)0)->name), "names of applications fit");

static int names_open(struct encode_names *names)
{
    names->e = malloc(ENCODE_NAMES_MAX * sizeof(*names->e)); /* pages exist when they are used */
    names->slot = calloc(SLOTS, sizeof(*names->slot));
    return names->e && names->slot ? 0 : -1;
}

int encode_names_open(struct encoder *en)
{
    bool apps = fieldset_has(&en->c.fields, FIELD_class) && layout_find(en->c.layout, FIELD_class);
    if (apps && names_open(&en->apps) == -1)
        return -1;
    return en->c.iface && names_open(&en->ifaces) == -1 ? -1 : 0;
}

void encode_names_close(struct encoder *en)
{
    free(en->apps.e);
    free(en->apps.slot);
    free(en->ifaces.e);
    free(en->ifaces.slot);
}

static uint16_t *slot_of(const struct encode_names *names, const uint8_t *key)
{
    uint32_t at = (uint32_t)hash_bytes(key, ENCODE_NAME) % SLOTS;
    while (names->slot[at] && memcmp(names->e[names->slot[at] - 1].key, key, ENCODE_NAME) != 0)
        at = (at + 1) % SLOTS;
    return &names->slot[at];
}

/* The entry for a key that is not there yet, or NULL: it is, or there is no room. */
static struct encode_name *enter(struct encoder *en, struct encode_names *names, const uint8_t *key)
{
    uint16_t *slot = slot_of(names, key);
    if (*slot)
        return NULL;
    if (names->n == ENCODE_NAMES_MAX) {
        en->names_refused++;
        return NULL;
    }
    struct encode_name *e = &names->e[names->n++];
    *slot = (uint16_t)names->n;
    memset(e, 0, sizeof(*e));
    memcpy(e->key, key, ENCODE_NAME);
    return e;
}

static const uint8_t *class_of(const struct encoder *en, const struct export_flow *f)
{
    return f->key + en->off[FIELD_class];
}

static void note_iface(struct encoder *en, uint32_t index)
{
    uint8_t key[ENCODE_NAME] = { 0 };
    memcpy(key, &index, sizeof(index));
    struct encode_name *e = index ? enter(en, &en->ifaces, key) : NULL;
    if (e)
        en->c.iface(en->c.arg, index, &e->text);
}

bool encode_note_names(struct encoder *en, const struct export_flow *f)
{
    static const uint8_t none[ENCODE_NAME];
    if (en->ifaces.e && (f->in_iface != en->last_in || f->out_iface != en->last_out)) {
        note_iface(en, en->last_in = f->in_iface);
        note_iface(en, en->last_out = f->out_iface);
    }
    if (en->apps.e && memcmp(class_of(en, f), none, sizeof(none)) != 0) {
        struct encode_name *e = enter(en, &en->apps, class_of(en, f));
        if (e)
            memcpy(e->text.name, e->key, ENCODE_NAME);
    }
    return en->apps.told < en->apps.n || en->ifaces.told < en->ifaces.n;
}

uint32_t encode_app_of(const struct encoder *en, const struct export_flow *f)
{
    return en->apps.e ? *slot_of(&en->apps, class_of(en, f)) : 0;
}

void encode_tell_names(struct encoder *en)
{
    uint8_t scope[16], value[VALUE_MAX];
    system_scope(en, scope);
    for (; en->apps.e && en->apps.told < en->apps.n; en->apps.told++) {
        value[0] = ENCODE_APP_ENGINE;
        put_be32(value + 1, en->apps.told + 1);
        memcpy(value + ENCODE_APP_LEN, en->apps.e[en->apps.told].text.name, ENCODE_NAME);
        tell(en, APPLICATION, scope, value);
    }
    for (; en->ifaces.e && en->ifaces.told < en->ifaces.n; en->ifaces.told++) {
        const struct encode_name *e = &en->ifaces.e[en->ifaces.told];
        uint8_t index[16] = { 0 };
        if (!*e->text.name)
            continue;
        put_be32(index, key32(e->key));
        memcpy(value, &e->text, sizeof(e->text));
        tell(en, INTERFACE, index, value);
    }
    encode_close_set(en);
}

void encode_tell_options(struct encoder *en)
{
    uint8_t scope[16];
    system_scope(en, scope);
    if (en->c.sampling_rate)
        tell_sampling(en, scope);
    if (addr_is_set(&en->c.source))
        tell_source(en, scope);
    if (en->apps.e)
        tell_template(en, APPLICATION);
    if (en->ifaces.e)
        tell_template(en, INTERFACE);
    en->apps.told = en->ifaces.told = 0;
    encode_tell_names(en);
}

uint64_t encoder_names_refused(const struct encoder *en) { return en->names_refused; }
