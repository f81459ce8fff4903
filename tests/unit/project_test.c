/* SPDX-License-Identifier: BSD-2-Clause */
/* From flow to record: every field arrives where the layout says, nothing else does, equal flows have equal
 * keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "core/project.h"

enum { ROOM = 4096 };

static const struct config plain;

struct made {
    struct aggregate_spec spec;
    struct layout layout;
    struct projection projection;
};

static void make(struct made *m, const char *list, bool bin, const struct config *c)
{
    bool dropped;
    struct err e = { 0 };
    if (aggregate_parse(list, 'N', &m->spec, &dropped, &e) == -1)
        fail_msg("%s", e.text);
    layout_make(&m->layout, &m->spec, bin);
    projection_make(&m->projection, &m->layout, &m->spec, c);
}

/* A flow whose every octet is set, so that whatever is copied too much shows. */
static void fill(struct flow *f, int octet)
{
    memset(f, octet, sizeof(*f));
    for (unsigned i = 0; i < FIELD_MAX; i++)
        if (field_is_var(&fields[i]))
            memset((char *)f + fields[i].off, 0, sizeof(struct var));
}

static const struct record *run(const struct made *m, const struct flow *f, uint8_t *room)
{
    memset(room, 0xa5, ROOM);
    uint32_t size = projection_size(&m->projection, f);
    projection_run(&m->projection, f, (struct record *)room);
    assert_true(record_size((struct record *)room) <= size);
    for (unsigned i = size + 16; i < ROOM; i++)
        assert_int_equal(room[i], 0xa5); /* 16 octets past the record may be used, no more */
    return (const struct record *)room;
}

/* peer_as: collectors show the flow's AS numbers as those of the neighbours, probes the other way round. */
static void as_numbers_change_places(void **state)
{
    (void)state;
    static const struct {
        uint8_t peer_as;
        uint32_t src, dst, peer_src, peer_dst;
    } rows[] = { { PEER_AS_OWN, 1, 2, 3, 4 }, { PEER_AS_TAKES, 1, 2, 1, 2 }, { PEER_AS_GIVES, 3, 4, 3, 4 } };
    static const enum field_id column[] = { FIELD_src_as, FIELD_dst_as, FIELD_peer_src_as,
                                            FIELD_peer_dst_as };
    _Alignas(8) uint8_t room[ROOM];
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;
        bool dropped;
        struct err e = { 0 };
        struct flow f = { .src_as = 1, .dst_as = 2, .peer_src_as = 3, .peer_dst_as = 4 };
        const uint32_t want[] = { rows[i].src, rows[i].dst, rows[i].peer_src, rows[i].peer_dst };
        aggregate_parse("src_as, dst_as, peer_src_as, peer_dst_as", 'N', &m.spec, &dropped, &e);
        m.spec.peer_as = rows[i].peer_as;
        layout_make(&m.layout, &m.spec, false);
        projection_make(&m.projection, &m.layout, &m.spec, &plain);
        const uint8_t *key = run(&m, &f, room)->key;
        for (unsigned k = 0; k < 4; k++) {
            uint32_t got;
            memcpy(&got, key + layout_find(&m.layout, column[k])->off, sizeof(got));
            assert_int_equal(got, want[k]);
        }
    }
}

/* Each field alone: its bytes stand at its place and all else of the key is zero. */
static void each_field_is_copied_exactly(void **state)
{
    (void)state;
    _Alignas(8) uint8_t room[ROOM];
    for (unsigned i = 0; i < FIELD_MAX; i++) {
        const struct field *fd = &fields[i];
        struct made m = { 0 };
        struct flow f;
        if (field_is_var(fd) || fd->flags)
            continue;
        fieldset_add(&m.spec.set, (enum field_id)i);
        m.spec.whole_addresses = true;
        layout_make(&m.layout, &m.spec, true);
        projection_make(&m.projection, &m.layout, &m.spec, &plain);
        fill(&f, 0x5a);
        const struct record *r = run(&m, &f, room);
        const struct column *c = layout_find(&m.layout, (enum field_id)i);
        assert_int_equal(record_key_len(r), m.layout.fixed);
        for (unsigned k = 0; k < record_key_len(r); k++) {
            bool own =
                (k >= c->off && k < c->off + c->len) || (fd->kind == FK_RD && k == m.layout.rd_origin_off);
            if (r->key[k] != (own ? 0x5a : 0))
                fail_msg("%s: octet %u of the key is %#x", fd->name, k, r->key[k]);
        }
    }
}

/* In the key an address takes no more than it needs. */
static void addresses_are_compact(void **state)
{
    (void)state;
    static const struct {
        const char *src, *dst;
        uint32_t key_len;
    } cases[] = {
        { "10.0.0.1", "10.0.0.2", 16 },
        { "2001:db8::1", "2001:db8::2", 40 },
        { "10.0.0.1", NULL, 16 },
        { NULL, NULL, 8 },
        { "::", "::1", 40 },
        { "10.0.0.1", "2001:db8::2", 32 },
    };
    _Alignas(8) uint8_t room[ROOM];
    struct made m = { 0 };
    make(&m, "src_host,dst_host,src_port,proto", false, &plain);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow f;
        struct addr a, none = { 0 };
        fill(&f, 0x77);
        f.src_host = f.dst_host = none;
        if (cases[i].src)
            addr_parse(cases[i].src, &f.src_host);
        if (cases[i].dst)
            addr_parse(cases[i].dst, &f.dst_host);
        const struct record *r = run(&m, &f, room);
        assert_int_equal(record_key_len(r), cases[i].key_len);
        layout_addr(&m.layout, layout_find(&m.layout, FIELD_src_host), r->key, &a);
        assert_memory_equal(&a, &f.src_host, sizeof(a));
        layout_addr(&m.layout, layout_find(&m.layout, FIELD_dst_host), r->key, &a);
        assert_memory_equal(&a, &f.dst_host, sizeof(a));
        uint32_t used = m.layout.fixed;
        for (unsigned k = 0; k < m.layout.n; k++)
            used += column_tail_len(&m.layout.col[k], r->key);
        for (; used < record_key_len(r); used++)
            assert_int_equal(r->key[used], 0);
    }
}

static void many_fields_keep_their_values(void **state)
{
    (void)state;
    static const char list[] =
        "src_host,dst_host,src_port,dst_port,proto,tos,in_iface,out_iface,src_mac,vlan,tag,src_as,"
        "timestamp_start,peer_src_ip,mpls_label_stack,label,tcpflags";
    _Alignas(8) uint8_t room[ROOM];
    struct made m = { 0 };
    struct flow f;
    make(&m, list, true, &plain);
    for (unsigned i = 0; i < sizeof(f); i++)
        ((uint8_t *)&f)[i] = (uint8_t)(i * 7 + 1);
    uint32_t labels[3] = { 16, 17, 18 };
    f.mpls_label_stack = (struct var){ labels, sizeof(labels) };
    f.label = (struct var){ "transit", 7 };
    const struct record *r = run(&m, &f, room);
    for (unsigned i = 0; i < m.layout.n; i++) {
        const struct column *c = &m.layout.col[i];
        uint32_t len;
        if (c->field->flags & F_OR)
            continue;
        if (c->place == PLACE_ADDR) {
            struct addr a;
            layout_addr(&m.layout, c, r->key, &a);
            assert_memory_equal(&a, (const char *)&f + c->field->off, sizeof(a));
        } else if (field_is_var(c->field)) {
            const uint8_t *p = layout_tail(&m.layout, c, r->key, &len);
            const struct var *v = (const struct var *)((const char *)&f + c->field->off);
            assert_int_equal(len, v->len);
            assert_memory_equal(p, v->p, len);
        } else {
            assert_memory_equal(r->key + c->off, (const char *)&f + c->field->off, c->len);
        }
    }
    assert_int_equal(record_key_len(r),
                     m.layout.fixed + ((3 * sizeof(struct addr) + sizeof(labels) + 7 + 7) & ~7u));
    assert_int_equal(r->packets, f.packets);
}

static void equal_flows_have_equal_keys(void **state)
{
    (void)state;
    _Alignas(8) uint8_t a[ROOM], b[ROOM];
    struct made m = { 0 };
    struct flow f, g;
    make(&m, "src_host,dst_port,proto,vlan,label", false, &plain);
    fill(&f, 0x11);
    fill(&g, 0x22);
    f.src_host = g.src_host = (struct addr){ { 1, 2, 3 } };
    f.dst_port = g.dst_port = 80;
    f.proto = g.proto = 6;
    f.vlan = g.vlan = 7;
    f.label = (struct var){ "one", 3 };
    g.label = (struct var){ "onetwo", 3 };
    const struct record *x = run(&m, &f, a), *y = run(&m, &g, b);
    assert_int_equal(record_key_len(x), record_key_len(y));
    assert_memory_equal(x->key, y->key, record_key_len(x));
}

static void values_take_the_form_asked_for(void **state)
{
    (void)state;
    _Alignas(8) uint8_t room[ROOM];
    struct made m = { 0 };
    struct flow f = { .tos = 184, .timestamp_start = INT64_C(1700000000999999) };
    struct config c = { .timestamps_secs = true, .tos_encode_as_dscp = true };
    make(&m, "tos,timestamp_start", false, &c);
    const struct record *r = run(&m, &f, room);
    int64_t t;
    memcpy(&t, r->key + layout_find(&m.layout, FIELD_timestamp_start)->off, 8);
    assert_int_equal(t, INT64_C(1700000000000000));
    assert_int_equal(r->key[layout_find(&m.layout, FIELD_tos)->off], 46);
}

static void no_key_at_all(void **state)
{
    (void)state;
    _Alignas(8) uint8_t room[ROOM];
    struct made m = { 0 };
    struct flow f = { .packets = 3 };
    make(&m, "none", false, &plain);
    const struct record *r = run(&m, &f, room);
    assert_int_equal(record_key_len(r), 0);
    assert_int_equal(r->packets, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_is_copied_exactly),
        cmocka_unit_test(as_numbers_change_places),
        cmocka_unit_test(many_fields_keep_their_values),
        cmocka_unit_test(addresses_are_compact),
        cmocka_unit_test(equal_flows_have_equal_keys),
        cmocka_unit_test(values_take_the_form_asked_for),
        cmocka_unit_test(no_key_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
