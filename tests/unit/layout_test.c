/* SPDX-License-Identifier: BSD-2-Clause */
/* Packed keys: places, variable tails, orders of output. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/layout.h"

static void make(struct layout *l, const char *list, bool with_bin)
{
    struct aggregate_spec spec;
    struct err e;
    assert_int_equal(aggregate_parse(list, 'N', &spec, NULL, &e), 0);
    layout_make(l, &spec, with_bin);
}

/* "src_host@0+16 dst_host@16+16 =32" */
static const char *text_of(const struct layout *l, char *buf, size_t size)
{
    *buf = '\0';
    for (unsigned i = 0; i < l->n; i++)
        snprintf(buf + strlen(buf), size - strlen(buf), "%s@%u+%u ", l->col[i].field->name, l->col[i].off,
                 l->col[i].len);
    snprintf(buf + strlen(buf), size - strlen(buf), "=%u", l->fixed);
    return buf;
}

static void test_places(void **state)
{
    static const struct {
        const char *list, *want;
        bool bin;
        unsigned bin_off, n_tail;
    } rows[] = {
        { "none", "=0", false, LAYOUT_NO_BIN, 0 },
        { "none", "=8", true, 0, 0 },
        { "dst_host,src_host", "src_host@0+1 dst_host@1+1 =8", false, LAYOUT_NO_BIN, 2 },
        { "dst_host,src_host", "src_host@0+1 dst_host@1+1 =16", true, 8, 2 },
        { "proto,dst_port,src_port,dst_host,src_host",
          "src_port@0+2 dst_port@2+2 proto@4+1 src_host@5+1 dst_host@6+1 =8", false, LAYOUT_NO_BIN, 2 },
        { "src_net,label,vlan", "vlan@0+2 src_net@2+1 label@3+2 =8", false, LAYOUT_NO_BIN, 2 },
        { "proto", "proto@0+1 =16", true, 8, 0 },
        { "tcpflags", "tcpflags@0+0 =0", false, LAYOUT_NO_BIN, 0 },
        { "tcpflags,tag,tos,tunnel_tcpflags", "tos@0+1 tag@1+8 tcpflags@0+0 tunnel_tcpflags@0+0 =16", false,
          LAYOUT_NO_BIN, 0 },
        { "as_path,tag,std_comm", "tag@0+8 std_comm@8+2 as_path@10+2 =24", true, 16, 2 },
        { "label,as_path", "as_path@0+2 label@2+2 =8", false, LAYOUT_NO_BIN, 2 },
        { "mpls_vpn_rd,export_proto_version", "mpls_vpn_rd@0+8 export_proto_version@9+1 =16", false,
          LAYOUT_NO_BIN, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct layout l;
        char text[1024];
        make(&l, rows[i].list, rows[i].bin);
        assert_string_equal(text_of(&l, text, sizeof(text)), rows[i].want);
        assert_int_equal(l.bin_off, rows[i].bin_off);
        assert_int_equal(l.n_tail, rows[i].n_tail);
    }
    struct layout l;
    make(&l, "mpls_vpn_rd,tag", false);
    assert_int_equal(l.rd_origin_off, 16);
    make(&l, "tag,flows", false);
    assert_true(l.flows);
}

/* All at once: nothing overlaps, everything is inside, each octet of the flow that is asked for has one
 * place. */
static void test_everything(void **state)
{
    (void)state;
    struct aggregate_spec spec = { 0 };
    struct layout l;
    for (unsigned i = 0; i < FIELD_MAX; i++)
        fieldset_add(&spec.set, (enum field_id)i);
    spec.whole_addresses = true;
    layout_make(&l, &spec, true);
    assert_int_equal(l.n, FIELD_MAX);
    assert_int_equal(l.fixed % 8, 0);
    assert_int_equal(l.bin_off, l.fixed - 8);
    uint8_t *used = calloc(1, l.fixed);
    assert_non_null(used);
    used[l.rd_origin_off]++;
    for (unsigned i = 0; i < l.n; i++) {
        const struct column *c = &l.col[i];
        assert_ptr_equal(layout_find(&l, (enum field_id)(c->field - fields)), c);
        assert_int_equal(c->len, c->field->flags & (F_OR | F_STITCH) ? 0
                                 : field_is_var(c->field)            ? 2
                                                                     : c->field->size);
        for (unsigned k = 0; k < c->len; k++)
            assert_int_equal(used[c->off + k]++, 0);
    }
    for (unsigned i = l.bin_off; i < l.fixed; i++)
        assert_int_equal(used[i], 0);
    free(used);
}

static void test_var(void **state)
{
    struct layout l;
    uint8_t key[128] = { 0 };
    uint32_t len;
    static const uint16_t lens[] = { 5, 0, 7 };
    static const enum field_id ids[] = { FIELD_std_comm, FIELD_as_path, FIELD_label };
    (void)state;
    make(&l, "label,as_path,std_comm,src_port", false);
    for (int i = 0; i < 3; i++)
        memcpy(key + layout_find(&l, ids[i])->off, &lens[i], 2);
    memcpy(key + l.fixed, "65:1 k%v,x=1", 12);
    assert_memory_equal(layout_tail(&l, layout_find(&l, FIELD_std_comm), key, &len), "65:1 ", 5);
    assert_int_equal(len, 5);
    layout_tail(&l, layout_find(&l, FIELD_as_path), key, &len);
    assert_int_equal(len, 0);
    assert_memory_equal(layout_tail(&l, layout_find(&l, FIELD_label), key, &len), "k%v,x=1", 7);
    assert_int_equal(len, 7);
    assert_null(layout_find(&l, FIELD_dst_port));
}

static void test_order(void **state)
{
    static const struct {
        enum column_order by;
        const char *want;
    } rows[] = {
        { ORDER_CSV, "tag vlan in_vlan in_iface src_host dst_host tcpflags proto mpls_stack_depth " },
        { ORDER_JSON,
          "tag vlan in_vlan in_iface src_host dst_host tcpflags srv6_seg_ipv6_list proto mpls_stack_depth " },
        { ORDER_CLIENT,
          "tag in_iface vlan in_vlan src_host dst_host tcpflags proto mpls_stack_depth srv6_seg_ipv6_list " },
        { ORDER_SQL, "vlan in_vlan src_host dst_host in_iface tcpflags proto tag " },
    };
    (void)state;
    struct layout l;
    make(&l, "proto,srv6_seg_ipv6_list,tcpflags,dst_host,src_host,in_iface,mpls_stack_depth,in_vlan,vlan,tag",
         false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct column *order[COLUMNS_MAX];
        char text[512] = "";
        unsigned n = layout_order(&l, rows[i].by, order);
        for (unsigned k = 0; k < n; k++)
            strcat(strcat(text, order[k]->field->name), " ");
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_places), cmocka_unit_test(test_everything),
                                        cmocka_unit_test(test_var), cmocka_unit_test(test_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
