/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes as JSON: every member, in its order, in each of its forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bgp/route_json.h"

static const uint8_t path[] = { 2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0, 0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2 };
static const uint8_t comms[] = { 0xfd, 0xe9, 0, 7, 0xfd, 0xe9, 0, 8 };
static const uint8_t ext_comms[] = { 0, 2, 0xfb, 0xf1, 0, 0, 0, 42 };
static const uint8_t lrg_comms[] = { 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2 };

static struct rib_attrs all(void)
{
    struct rib_attrs a = { .has = UINT32_MAX,
                           .origin = 2,
                           .med = 10,
                           .local_pref = 100,
                           .otc = 65000,
                           .label_index = 3,
                           .aigp = UINT64_C(1) << 40,
                           .as_path = { path, sizeof(path) },
                           .comms = { comms, sizeof(comms) },
                           .ext_comms = { ext_comms, sizeof(ext_comms) },
                           .lrg_comms = { lrg_comms, sizeof(lrg_comms) } };
    addr_set_v4(&a.next_hop, (const uint8_t[]){ 192, 0, 2, 1 });
    return a;
}

static void check_attrs(const struct rib_attrs *a, const struct bgp_json_style *st, const char *want)
{
    struct strbuf s;
    strbuf_init(&s, 4096);
    bgp_attrs_json(&s, a, st);
    assert_string_equal(strbuf_cstr(&s), want);
    strbuf_free(&s);
}

static void attrs(void **state)
{
    struct rib_attrs a = all();
    (void)state;
    check_attrs(
        &a, &(struct bgp_json_style){ 0 },
        ", \"bgp_nexthop\": \"::ffff:192.0.2.1\", \"as_path\": \"65001 65536 {1,2}\", \"comms\": \"65001:7 "
        "65001:8\", "
        "\"ecomms\": \"RT:64497:42\", \"lcomms\": \"65001:1:2\", \"origin\": \"u\", \"local_pref\": 100, "
        "\"med\": 10, \"aigp\": 1099511627776, \"psid_li\": 3, \"otc\": 65000");
    check_attrs(
        &a,
        &(struct bgp_json_style){ .comms_as_array = true, .as_path_as_array = true, .origin_as_int = true },
        ", \"bgp_nexthop\": \"::ffff:192.0.2.1\", \"as_path\": [\"65001\", \"65536\", \"{1,2}\"], \"comms\": "
        "[\"65001:7\", \"65001:8\"], \"ecomms\": [\"RT:64497:42\"], \"lcomms\": [\"65001:1:2\"], "
        "\"origin\": 2, \"local_pref\": 100, \"med\": 10, \"aigp\": 1099511627776, \"psid_li\": 3, "
        "\"otc\": 65000");
    a = (struct rib_attrs){ .has = RIB_ORIGIN | RIB_AS_PATH };
    check_attrs(&a, &(struct bgp_json_style){ 0 }, ", \"as_path\": \"\", \"origin\": \"i\"");
    check_attrs(&a, &(struct bgp_json_style){ .as_path_as_array = true },
                ", \"as_path\": [], \"origin\": \"i\"");
    a.has = 0;
    check_attrs(&a, &(struct bgp_json_style){ 0 }, "");
}

static void routes(void **state)
{
    static const uint8_t label[] = { 0x27, 0x10, 0x11 }, type5[] = { 9, 9 };
    static const struct {
        struct rib_key key;
        uint32_t labels;
        char roa;
        const char *want;
    } row[] = {
        { { .afi = 1, .safi = 1, .bits = 24, .addr = { 203, 0, 113 } },
          0,
          0,
          ", \"afi\": 1, \"safi\": 1, \"ip_prefix\": \"203.0.113.0/24\", \"x\": 1" },
        { { .afi = 2,
            .safi = 1,
            .bits = 32,
            .has_path_id = true,
            .path_id = 7,
            .addr = { 0x20, 1, 0xd, 0xb8 } },
          0,
          'v',
          ", \"afi\": 2, \"safi\": 1, \"ip_prefix\": \"2001:db8::/32\", \"as_path_id\": 7, \"x\": 1, "
          "\"roa\": \"v\"" },
        { { .afi = 1,
            .safi = 128,
            .bits = 8,
            .has_rd = true,
            .rd = { 0, 0, 0xfb, 0xf3, 0, 0, 0, 94 },
            .addr = { 10 } },
          3,
          0,
          ", \"afi\": 1, \"safi\": 128, \"ip_prefix\": \"10.0.0.0/8\", \"x\": 1, \"rd\": \"0:64499:94\", "
          "\"rd_origin\": \"bgp\", \"mpls_label\": \"160001\"" },
        { { .afi = 25, .safi = 99, .nlri = { type5, 2 } },
          0,
          0,
          ", \"afi\": 25, \"safi\": 99, \"nlri\": \"0909\", \"x\": 1" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct strbuf s;
        strbuf_init(&s, 4096);
        bgp_route_json(&s, &row[i].key, (struct rib_octets){ label, row[i].labels }, ", \"x\": 1", 8,
                       row[i].roa);
        assert_string_equal(strbuf_cstr(&s), row[i].want);
        strbuf_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(attrs), cmocka_unit_test(routes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
