/* SPDX-License-Identifier: BSD-2-Clause */
/* What the encoder makes is read back by a small decoder that knows nothing of it: sets, templates, sequence
 * numbers, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/cursor.h"
#include "core/custom.h"
#include "core/project.h"
#include "netflow/encode.h"

#define BOOT (INT64_C(1466000000) * 1000000)      /* June 2016 */
#define NOW (BOOT + INT64_C(100) * 1000000 + 250) /* µs past a whole second */

enum { FIELDS = 64, RECORDS = 120, TEMPLATES_MAX = 16, NAMES = 256 };

struct tmpl {
    uint16_t id, n, scopes;
    struct {
        uint32_t pen;
        uint16_t id, len;
    } field[FIELDS];
};

struct value {
    uint64_t u; /* of up to 8 octets */
    uint8_t octets[1200];
    uint16_t len; /* 0: not there */
};

/* A collector's memory. */
struct seen {
    uint8_t version;
    unsigned datagrams, records, options, resent;
    uint32_t sequence; /* expected next */
    bool started;
    uint32_t uptime, secs;
    uint32_t longest;
    struct tmpl tmpl[TEMPLATES_MAX];
    unsigned n_tmpl;
    struct value ie[RECORDS][256]; /* IANA elements of each record, by the low octet of their number */
    struct value own[RECORDS][16]; /* of others' own, whosever they are */
    uint16_t set_id[RECORDS];
    struct value option[400];
    struct value scope;
    struct {
        uint64_t key;
        char name[64];
    } told[NAMES];               /* names of applications and interfaces */
    unsigned n_told, names_seen; /* told at some time; at all times */
    uint8_t v5[RECORDS][48];
};

static struct tmpl *tmpl_of(struct seen *s, uint16_t id)
{
    for (unsigned i = 0; i < s->n_tmpl; i++)
        if (s->tmpl[i].id == id)
            return &s->tmpl[i];
    return NULL;
}

static struct value read_value(struct cursor *c, uint16_t len)
{
    if (len == 65535) {
        len = cursor_u8(c);
        if (len == 255)
            len = cursor_u16(c);
    }
    struct value v = { .len = len };
    const uint8_t *p = cursor_take(c, len);
    assert_non_null(p);
    assert_true(len <= sizeof(v.octets));
    memcpy(v.octets, p, len);
    v.u = len <= 8 ? load_be(p, len) : 0;
    return v;
}

static void read_template(struct seen *s, struct cursor *c, bool options)
{
    struct tmpl t = { .id = cursor_u16(c) };
    if (!options) {
        t.n = cursor_u16(c);
    } else if (s->version == 10) {
        t.n = cursor_u16(c);
        t.scopes = cursor_u16(c);
        assert_int_equal(t.scopes, 1);
    } else {
        t.scopes = cursor_u16(c) / 4;
        t.n = (uint16_t)(t.scopes + cursor_u16(c) / 4);
    }
    assert_in_range(t.n, 1, FIELDS);
    assert_in_range(t.id, 256, 65535);
    for (unsigned i = 0; i < t.n; i++) {
        uint16_t id = cursor_u16(c);
        t.field[i].len = cursor_u16(c);
        t.field[i].id = id & 0x7fff;
        if (id & 0x8000) {
            assert_int_equal(s->version, 10);
            t.field[i].pen = cursor_u32(c);
        }
    }
    assert_false(c->bad);
    struct tmpl *old = tmpl_of(s, t.id);
    if (old) {
        s->resent++;
        assert_memory_equal(old, &t, sizeof(t));
        return;
    }
    assert_true(s->n_tmpl < TEMPLATES_MAX);
    s->tmpl[s->n_tmpl++] = t;
}

static const char *name_of(const struct seen *s, uint64_t key)
{
    for (unsigned i = 0; i < s->n_told; i++)
        if (s->told[i].key == key)
            return s->told[i].name;
    return NULL;
}

static void note_name(struct seen *s, uint64_t key, const struct value *v)
{
    const char *known = name_of(s, key);
    s->names_seen++;
    if (known) {
        assert_int_equal(strncmp(known, (const char *)v->octets, v->len), 0);
        return;
    }
    assert_true(s->n_told < NAMES);
    s->told[s->n_told].key = key;
    snprintf(s->told[s->n_told++].name, sizeof(s->told[0].name), "%.*s", (int)v->len,
             (const char *)v->octets);
}

static void read_record(struct seen *s, const struct tmpl *t, struct cursor *c)
{
    if (t->scopes) {
        for (unsigned i = 0; i < t->n; i++) {
            struct value v = read_value(c, t->field[i].len);
            *(i < t->scopes ? &s->scope : &s->option[t->field[i].id]) = v;
            if (t->field[i].id == 96 || t->field[i].id == 82)
                note_name(s, t->field[i].id == 96 ? s->option[95].u : s->scope.u, &v);
        }
        s->options++;
        return;
    }
    assert_true(s->records < RECORDS);
    for (unsigned i = 0; i < t->n; i++) {
        struct value v = read_value(c, t->field[i].len);
        *(t->field[i].pen ? &s->own[s->records][t->field[i].id] : &s->ie[s->records][t->field[i].id & 255]) =
            v;
        if (!t->field[i].pen && t->field[i].id == 95 && v.u)
            assert_non_null(name_of(s, v.u)); /* told before it is needed */
    }
    s->set_id[s->records++] = t->id;
}

static void read_data(struct seen *s, uint16_t id, struct cursor *c)
{
    const struct tmpl *t = tmpl_of(s, id);
    size_t len = 0;
    assert_non_null(t);
    for (unsigned i = 0; i < t->n; i++)
        len += t->field[i].len == 65535 ? 1 : t->field[i].len;
    while (cursor_left(c) >= len)
        read_record(s, t, c);
    assert_true(cursor_left(c) < 4);
    while (cursor_left(c))
        assert_int_equal(cursor_u8(c), 0);
}

static void read_sets(struct seen *s, struct cursor c)
{
    const bool ipfix = s->version == 10;
    while (cursor_left(&c)) {
        uint16_t id = cursor_u16(&c), len = cursor_u16(&c);
        assert_true(len > 4 && len % 4 == 0);
        struct cursor set = cursor_sub(&c, len - 4u);
        assert_false(set.bad);
        bool templates = id == (ipfix ? 2 : 0), options = id == (ipfix ? 3 : 1);
        if (!templates && !options)
            read_data(s, id, &set);
        else
            while (cursor_left(&set) >= 4)
                read_template(s, &set, options);
    }
}

static void check_sequence(struct seen *s, uint32_t got)
{
    if (s->started)
        assert_int_equal(got, s->sequence);
    s->sequence = got;
    s->started = true;
}

static void read_v5(struct seen *s, struct cursor c, uint16_t count)
{
    s->uptime = cursor_u32(&c);
    s->secs = cursor_u32(&c);
    assert_int_equal(cursor_u32(&c), 0);
    check_sequence(s, cursor_u32(&c));
    s->sequence += count;
    cursor_skip(&c, 4);
    assert_in_range(count, 1, 30);
    for (unsigned i = 0; i < count; i++)
        memcpy(s->v5[s->records++], cursor_take(&c, 48), 48);
    assert_int_equal(cursor_left(&c), 0);
}

static void receive(void *arg, const uint8_t *p, uint32_t len)
{
    struct seen *s = arg;
    struct cursor c = cursor_of(p, len);
    assert_true(len <= ENCODE_DATAGRAM_MAX);
    s->longest = len > s->longest ? len : s->longest;
    s->datagrams++;
    s->version = (uint8_t)cursor_u16(&c);
    uint16_t count = cursor_u16(&c);
    if (s->version == 5) {
        read_v5(s, c, count);
        return;
    }
    if (s->version == 9)
        s->uptime = cursor_u32(&c);
    else
        assert_int_equal(count, len);
    s->secs = cursor_u32(&c);
    check_sequence(s, cursor_u32(&c));
    assert_int_equal(cursor_u32(&c), 77);
    unsigned before = s->records + s->options, templates = s->n_tmpl + s->resent;
    read_sets(s, c);
    if (s->version == 9)
        assert_int_equal(count, s->records + s->options - before + s->n_tmpl + s->resent - templates);
    s->sequence += s->version == 9 ? 1 : s->records + s->options - before;
}

struct rig {
    struct layout layout;
    struct projection projection;
    struct encoder_conf conf;
    struct encoder *en;
    struct seen seen;
    struct flow flow;
};

static struct rig *rig_new(uint8_t version, const char *aggregate, const struct encoder_conf *more)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct aggregate_spec spec = { 0 };
    struct err e;
    bool dropped;
    static const struct config plain;
    assert_non_null(r);
    assert_int_equal(aggregate_parse(aggregate, 'P', &spec, &dropped, &e), 0);
    spec.whole_addresses = true; /* as nfprobe has it */
    layout_make(&r->layout, &spec, false);
    projection_make(&r->projection, &r->layout, &spec, &plain);
    r->conf = *more;
    r->conf.version = version;
    r->conf.domain = 77;
    r->conf.layout = &r->layout;
    r->conf.fields = spec.set;
    r->conf.flows = spec.flows;
    r->conf.emit = receive;
    r->conf.arg = &r->seen;
    r->en = encoder_new(&r->conf, &e);
    assert_non_null(r->en);
    encoder_boot(r->en, BOOT);
    encoder_clock(r->en, NOW);
    addr_parse("10.0.0.1", &r->flow.src_host);
    addr_parse("10.0.0.2", &r->flow.dst_host);
    r->flow.src_port = 1000;
    r->flow.dst_port = 443;
    r->flow.proto = 6;
    r->flow.tos = 0xb8;
    return r;
}

static void rig_free(struct rig *r)
{
    encoder_free(r->en);
    free(r);
}

static bool add(struct rig *r, struct export_flow f)
{
    _Alignas(8) uint8_t room[2048];
    struct record *rec = (struct record *)room;
    projection_run(&r->projection, &r->flow, rec);
    f.key = rec->key;
    if (!f.first_us) {
        f.first_us = BOOT + 1234567;
        f.last_us = BOOT + 2345678;
    }
    return encoder_add(r->en, &f);
}

#define ALL                                                                                                  \
    "src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_mac,dst_mac,vlan,src_as,dst_as,src_mask,"    \
    "dst_mask,peer_dst_ip,"                                                                                  \
    "flows,tag,tag2,cos,etype,mpls_label_top"

static void values_arrive(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct rig *r = rig_new(version, ALL, &(struct encoder_conf){ 0 });
        r->flow.vlan = 100;
        r->flow.src_as = 4200000000;
        r->flow.src_mask = 24;
        r->flow.mpls_label_top = 16001;
        r->flow.tag = 0x1122334455667788;
        memcpy(r->flow.src_mac.b, "\x02\x00\x00\x00\x00\x01", 6);
        addr_parse("192.0.2.9", &r->flow.peer_dst_ip);
        struct export_flow f = { .packets = 3,
                                 .bytes = UINT64_C(5000000000),
                                 .flows = 2,
                                 .in_iface = 5,
                                 .tcpflags = 0x13,
                                 .direction = DIRECTION_IN };
        assert_true(add(r, f));
        encoder_flush(r->en);
        const struct value *ie = r->seen.ie[0];
        const uint64_t want[][2] = { { 1, 5000000000 },
                                     { 2, 3 },
                                     { 3, 2 },
                                     { 4, 6 },
                                     { 5, 0xb8 },
                                     { 6, 0x13 },
                                     { 7, 1000 },
                                     { 8, 0x0a000001 },
                                     { 9, 24 },
                                     { 10, 5 },
                                     { 11, 443 },
                                     { 12, 0x0a000002 },
                                     { 14, 0 },
                                     { 16, 4200000000 },
                                     { 18, 0xc0000209 },
                                     { 56, 0x020000000001 },
                                     { 58, 100 },
                                     { 60, 4 },
                                     { 61, 0 },
                                     { 70, 16001 << 4 },
                                     { 152, (uint64_t)BOOT / 1000 + 1234 },
                                     { 153, (uint64_t)BOOT / 1000 + 2345 } };
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
            assert_true(ie[want[i][0]].len);
            if (ie[want[i][0]].u != want[i][1])
                fail_msg("version %u, element %u: %llu", version, (unsigned)want[i][0],
                         (unsigned long long)ie[want[i][0]].u);
        }
        assert_int_equal(r->seen.set_id[0], 1024);
        assert_int_equal(r->seen.own[0][1].u, version == 10 ? 0x1122334455667788 : 0);
        assert_int_equal(r->seen.n_tmpl, 4);
        rig_free(r);
    }
}

static void families_and_directions_have_their_templates(void **state)
{
    (void)state;
    struct rig *r = rig_new(10, ALL, &(struct encoder_conf){ .instance = 3 });
    add(r, (struct export_flow){ .packets = 1, .direction = DIRECTION_OUT });
    addr_parse("2001:db8::1", &r->flow.src_host);
    addr_parse("2001:db8::2", &r->flow.dst_host);
    add(r, (struct export_flow){ .packets = 1 });
    add(r, (struct export_flow){ .packets = 1, .direction = DIRECTION_OUT });
    encoder_flush(r->en);
    static const uint16_t ids[] = { 1031, 2054, 2055 };
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(r->seen.set_id[i], ids[i]);
    assert_true(r->seen.ie[0][81].len && !r->seen.ie[0][56].len && r->seen.ie[0][59].len);
    assert_int_equal(r->seen.ie[0][61].u, 1);
    assert_int_equal(r->seen.ie[1][60].u, 6);
    assert_int_equal(r->seen.ie[1][27].len, 16);
    assert_memory_equal(r->seen.ie[1][28].octets, r->flow.dst_host.b, 16);
    assert_int_equal(r->seen.ie[1][61].u, 0);
    rig_free(r);
}

static void times_in_other_forms(void **state)
{
    (void)state;
    struct rig *r = rig_new(9, "src_host", &(struct encoder_conf){ .uptimes = true });
    add(r, (struct export_flow){ .packets = 1 });
    add(r, (struct export_flow){ .packets = 1,
                                 .first_us = BOOT - 5000000,
                                 .last_us = NOW + 5000000 }); /* outside what can be said */
    encoder_flush(r->en);
    for (unsigned i = 21; i <= 22; i++) { /* header time - (uptime - switched), exact to the millisecond */
        int64_t ms = (int64_t)r->seen.secs * 1000 - (int32_t)(r->seen.uptime - (uint32_t)r->seen.ie[0][i].u);
        assert_int_equal(ms, BOOT / 1000 + (i == 22 ? 1234 : 2345));
    }
    assert_int_equal(r->seen.ie[1][22].u, 0);
    assert_int_equal(r->seen.ie[1][21].u, r->seen.uptime);
    rig_free(r);

    r = rig_new(10, "src_host", &(struct encoder_conf){ .usec = true });
    for (int64_t us = 0; us < 1000000; us += 9973)
        add(r, (struct export_flow){ .packets = 1, .first_us = BOOT + us, .last_us = BOOT + us });
    encoder_flush(r->en);
    for (unsigned i = 0; i < r->seen.records; i++) {
        uint64_t ntp = r->seen.ie[i][154].u;
        assert_int_equal(ntp & 0x7ff, 0);
        int64_t us =
            (int64_t)((ntp >> 32) - 2208988800u) * 1000000 + (int64_t)(((ntp & UINT32_MAX) * 1000000) >> 32);
        assert_int_equal(us, BOOT + i * INT64_C(9973));
    }
    rig_free(r);
}

static void a_boot_long_ago_never_shows_as_the_future(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, "src_host", &(struct encoder_conf){ 0 });
    int64_t now = BOOT + INT64_C(100) * 86400 * 1000000; /* uptime has wrapped twice */
    encoder_clock(r->en, now);
    add(r, (struct export_flow){ .packets = 1, .first_us = now - 7000000, .last_us = now - 1000000 });
    add(r, (struct export_flow){ .packets = 1, .first_us = BOOT, .last_us = now });
    encoder_flush(r->en);
    assert_int_equal((int32_t)(r->seen.uptime - load_be32(r->seen.v5[0] + 24)), 7000);
    assert_int_equal((int32_t)(r->seen.uptime - load_be32(r->seen.v5[0] + 28)), 1000);
    assert_int_equal((int32_t)(r->seen.uptime - load_be32(r->seen.v5[1] + 24)), INT32_MAX);
    rig_free(r);
}

static void v5_records(void **state)
{
    (void)state;
    struct rig *r =
        rig_new(5, ALL, &(struct encoder_conf){ .engine_type = 1, .engine_id = 2, .sampling_rate = 100 });
    r->flow.src_as = 4200000000;
    r->flow.dst_as = 64512;
    for (unsigned i = 0; i < 65; i++)
        assert_true(add(r, (struct export_flow){
                               .packets = 3, .bytes = UINT64_C(1) << 40, .in_iface = 5, .tcpflags = 0x12 }));
    addr_parse("2001:db8::1", &r->flow.src_host);
    assert_false(add(r, (struct export_flow){ .packets = 1 }));
    encoder_flush(r->en);
    encoder_flush(r->en);
    assert_int_equal(r->seen.datagrams, 3);
    assert_int_equal(r->seen.records, 65);
    assert_int_equal(r->seen.longest, 24 + 30 * 48);
    const uint8_t *p = r->seen.v5[64];
    assert_int_equal(load_be32(p), 0x0a000001);
    assert_int_equal(load_be32(p + 4), 0x0a000002);
    assert_int_equal(load_be16(p + 12), 5);
    assert_int_equal(load_be32(p + 16), 3);
    assert_int_equal(load_be32(p + 20), UINT32_MAX); /* what does not fit is the most that does */
    assert_int_equal(load_be16(p + 32), 1000);
    assert_int_equal(load_be16(p + 34), 443);
    assert_int_equal(p[37], 0x12);
    assert_int_equal(p[38], 6);
    assert_int_equal(p[39], 0xb8);
    assert_int_equal(load_be16(p + 40), 23456);
    assert_int_equal(load_be16(p + 42), 64512);
    rig_free(r);
}

static void options_tell_sampling_and_source(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct encoder_conf c = { .sampling_rate = 1000 };
        addr_parse("192.0.2.1", &c.source);
        struct rig *r = rig_new(version, "src_host,sampling_rate", &c);
        add(r, (struct export_flow){ .packets = 1 });
        encoder_flush(r->en);
        assert_int_equal(r->seen.options, 2);
        assert_int_equal(r->seen.option[48].u, 1);
        assert_int_equal(r->seen.option[49].u, 2);
        assert_int_equal(r->seen.option[50].u, 1000);
        assert_int_equal(r->seen.option[130].u, 0xc0000201);
        assert_int_equal(r->seen.option[131].len, 16);
        assert_int_equal(r->seen.ie[0][48].u, 1);
        rig_free(r);
    }
}

/* A source that is IPv6 makes a scope of 16 octets. */
static void options_tell_a_source_of_ip6(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct encoder_conf c = { .sampling_rate = 1000 };
        addr_parse("2001:db8::1", &c.source);
        struct rig *r = rig_new(version, "src_host", &c);
        add(r, (struct export_flow){ .packets = 1 });
        encoder_flush(r->en);
        assert_int_equal(r->seen.options, 2);
        assert_int_equal(r->seen.option[130].u, 0);
        assert_memory_equal(r->seen.option[131].octets, c.source.b, 16);
        assert_int_equal(r->seen.scope.len, 16);
        assert_memory_equal(r->seen.scope.octets, c.source.b, 16);
        assert_int_equal(r->seen.option[50].u, 1000);
        rig_free(r);
    }
}

static void why_flows_ended(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct rig *r = rig_new(version, "src_host", &(struct encoder_conf){ .end_reasons = true });
        add(r, (struct export_flow){ .packets = 1, .end = 2 });
        add(r, (struct export_flow){ .packets = 1, .end = 5 });
        encoder_flush(r->en);
        assert_int_equal(r->seen.ie[0][136].u, 2);
        assert_int_equal(r->seen.ie[1][136].u, 5);
        rig_free(r);
    }
}

/* Labels of every length that a datagram holds; with them, records fill datagrams as before. */
static void labels(void **state)
{
    (void)state;
    static const uint16_t lengths[] = { 0, 1, 254, 255, 256, 1000, 1, 300, 0, 1100 };
    char text[2000];
    memset(text, 'x', sizeof(text));
    struct rig *r = rig_new(10, "src_host,tag,label,tag2", &(struct encoder_conf){ .sampling_rate = 3 });
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        text[0] = (char)('a' + i);
        r->flow.tag = i;
        r->flow.label = (struct var){ text, lengths[i] };
        assert_true(add(r, (struct export_flow){ .packets = 1 }));
    }
    r->flow.label.len = 1500;
    assert_false(add(r, (struct export_flow){ .packets = 1 }));
    encoder_flush(r->en);
    assert_int_equal(r->seen.records, sizeof(lengths) / sizeof(lengths[0]));
    for (size_t i = 0; i < r->seen.records; i++) {
        text[0] = (char)('a' + i);
        assert_int_equal(r->seen.own[i][1].u, i);
        assert_int_equal(r->seen.own[i][3].len, lengths[i]);
        assert_memory_equal(r->seen.own[i][3].octets, text, lengths[i]);
    }
    rig_free(r);
    r = rig_new(9, "src_host,label", &(struct encoder_conf){ 0 }); /* v9 leaves it out */
    r->flow.label = (struct var){ text, 1500 };
    assert_true(add(r, (struct export_flow){ .packets = 1 }));
    rig_free(r);
}

static bool iface_name(void *arg, uint32_t index, struct encode_text *out)
{
    (void)arg;
    if (index == 7)
        return false;
    snprintf(out->name, sizeof(out->name), "eth%u", index);
    snprintf(out->description, sizeof(out->description), "uplink %u", index);
    return true;
}

static void add_with_names(struct rig *r, unsigned i)
{
    memset(&r->flow.class, 0, sizeof(r->flow.class));
    if (i % 4)
        snprintf(r->flow.class.b, sizeof(r->flow.class.b), "app%u", i);
    assert_true(add(r, (struct export_flow){ .packets = 1, .in_iface = i % 10, .out_iface = 100 }));
}

/* Primitives of the site, with elements of IANA and of others, of fixed and of variable length. */
static void customs(void **state)
{
    (void)state;
    char text[] = "name=hop len=1 semantics=u_int field_type=192 packet_ptr=l3+8\n"
                  "name=own len=4 semantics=hex field_type=9:12 packet_ptr=l4+0\n"
                  "name=name len=vlen semantics=str field_type=236 packet_ptr=payload+0\n"
                  "name=lone len=2 semantics=u_int packet_ptr=l4+2\n";
    for (uint8_t version = 9; version <= 10; version++) {
        struct err e = { 0 };
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        struct customs *cs = customs_parse("primitives", copy, sizeof(text) - 1, &e);
        if (!cs)
            fail_msg("%s", e.text);
        assert_int_equal(encoder_customs(cs, 15), 7);
        struct rig *r = calloc(1, sizeof(*r));
        struct aggregate_spec spec = { .whole_addresses = true, .customs = cs, .custom = 7 };
        static const struct config plain;
        fieldset_add(&spec.set, FIELD_src_host);
        fieldset_add(&spec.set, FIELD_tag);
        layout_make(&r->layout, &spec, false);
        projection_make(&r->projection, &r->layout, &spec, &plain);
        r->conf = (struct encoder_conf){ .version = version,
                                         .domain = 77,
                                         .layout = &r->layout,
                                         .fields = spec.set,
                                         .custom = 7,
                                         .customs = cs,
                                         .emit = receive,
                                         .arg = &r->seen };
        r->en = encoder_new(&r->conf, &e);
        assert_non_null(r->en);
        encoder_clock(r->en, NOW);
        addr_parse("10.0.0.1", &r->flow.src_host);
        r->flow.tag = 5;
        assert_true(add(r, (struct export_flow){ .packets = 1 })); /* nothing of them was there */
        r->flow.custom[0] = (struct var){ "\x40", 1 };
        r->flow.custom[1] = (struct var){ "\x01\x02\x03\x04", 4 };
        r->flow.custom[2] = (struct var){ "hello", 5 };
        assert_true(add(r, (struct export_flow){ .packets = 1 }));
        encoder_flush(r->en);
        assert_int_equal(r->seen.records, 2);
        assert_int_equal(r->seen.ie[0][192].len, 1);
        assert_int_equal(r->seen.ie[0][192].u, 0);
        assert_int_equal(r->seen.ie[1][192].u, 0x40);
        assert_int_equal(r->seen.ie[1][236].len, version == 10 ? 5 : 0);
        assert_int_equal(r->seen.own[1][1].u, version == 10 ? 5 : 0);
        if (version == 10) {
            assert_int_equal(r->seen.ie[0][236].len, 0);
            assert_memory_equal(r->seen.ie[1][236].octets, "hello", 5);
            assert_int_equal(r->seen.own[0][12].len, 4);
            assert_int_equal(r->seen.own[0][12].u, 0);
            assert_int_equal(r->seen.own[1][12].u, 0x01020304);
        }
        rig_free(r);
        free(cs);
    }
}

/* The names of interfaces and applications come before the first flow that has them, and again with the
 * templates, in as many datagrams as it takes. */
static void names_come_first(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct rig *r =
            rig_new(version, "src_host,class,label", &(struct encoder_conf){ .iface = iface_name });
        for (unsigned i = 0; i < 100; i++)
            add_with_names(r, i);
        encoder_flush(r->en);
        assert_int_equal(r->seen.records, 100);
        assert_string_equal(name_of(&r->seen, 9), "eth9");
        assert_string_equal(name_of(&r->seen, 100), "eth100");
        assert_null(name_of(&r->seen, 7));
        assert_int_equal(r->seen.n_told, 75 + 9);
        for (unsigned i = 0; i < 100; i++) {
            char name[16];
            snprintf(name, sizeof(name), "app%u", i);
            assert_int_equal(r->seen.ie[i][95].len, 5);
            if (i % 4)
                assert_string_equal(name_of(&r->seen, r->seen.ie[i][95].u), name);
            else
                assert_int_equal(r->seen.ie[i][95].u, 0);
        }
        unsigned once = r->seen.names_seen, datagrams = r->seen.datagrams;
        assert_int_equal(once, 75 + 9);
        encoder_clock(r->en, NOW + INT64_C(61000000));
        add_with_names(r, 1);
        encoder_flush(r->en);
        assert_int_equal(r->seen.names_seen, 2 * once);
        assert_true(r->seen.datagrams > datagrams + 2);
        assert_int_equal(encoder_names_refused(r->en), 0);
        rig_free(r);
    }
}

/* Full datagrams, none too long, none with a gap in its sequence, templates again and again. */
static void many_flows_fill_datagrams(void **state)
{
    (void)state;
    for (uint8_t version = 9; version <= 10; version++) {
        struct rig *r = rig_new(version, ALL, &(struct encoder_conf){ .sampling_rate = 10 });
        struct addr four = r->flow.src_host, six;
        unsigned n = 0, lonely = 0;
        addr_parse("2001:db8::1", &six);
        for (; n < 8000; n++) {
            if (r->seen.records > RECORDS - 40)
                lonely += r->seen.records, r->seen.records = 0;
            r->flow.src_host = n % 3 ? four : six;
            assert_true(add(r, (struct export_flow){
                                   .packets = 1, .direction = n % 7 == 0 ? DIRECTION_OUT : DIRECTION_IN }));
        }
        encoder_flush(r->en);
        assert_int_equal(lonely + r->seen.records, n);
        assert_true(r->seen.longest > ENCODE_DATAGRAM_MAX - 200);
        unsigned told = (r->seen.datagrams + 19) / 20;
        assert_int_equal(r->seen.n_tmpl + r->seen.resent, told * 5);
        assert_int_equal(r->seen.options, told);
        rig_free(r);
    }
}

static void templates_are_told_again_after_a_minute(void **state)
{
    (void)state;
    struct rig *r = rig_new(10, "src_host", &(struct encoder_conf){ 0 });
    for (unsigned i = 0; i < 3; i++) {
        encoder_clock(r->en, NOW + i * INT64_C(40000000));
        add(r, (struct export_flow){ .packets = 1 });
        encoder_flush(r->en);
    }
    assert_int_equal(r->seen.n_tmpl, 4);
    assert_int_equal(r->seen.resent, 4);
    rig_free(r);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    struct layout l = { .n = 0 };
    struct err e;
    assert_null(encoder_new(&(struct encoder_conf){ .version = 7, .layout = &l }, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(families_and_directions_have_their_templates),
        cmocka_unit_test(times_in_other_forms),
        cmocka_unit_test(a_boot_long_ago_never_shows_as_the_future),
        cmocka_unit_test(v5_records),
        cmocka_unit_test(options_tell_sampling_and_source),
        cmocka_unit_test(options_tell_a_source_of_ip6),
        cmocka_unit_test(why_flows_ended),
        cmocka_unit_test(labels),
        cmocka_unit_test(names_come_first),
        cmocka_unit_test(customs),
        cmocka_unit_test(many_flows_fill_datagrams),
        cmocka_unit_test(templates_are_told_again_after_a_minute),
        cmocka_unit_test(other_versions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
