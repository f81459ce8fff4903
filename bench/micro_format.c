/* SPDX-License-Identifier: BSD-2-Clause */
/* What one row costs: csv, JSON and table of an 8-part key, the addresses of IPv4 and of IPv6. Prints ns a
 * row. */
#include <stdio.h>
#include <stdlib.h>

#include "output/format.h"

enum { ROWS = 4096, ROUNDS = 256 };

static const struct {
    const char *name;
    enum format_kind kind;
} kinds[] = { { "csv", FORMAT_CSV }, { "json", FORMAT_JSON }, { "table", FORMAT_TABLE } };

static void put(uint8_t *key, const struct layout *l, enum field_id id, const void *v, size_t n)
{
    memcpy(key + layout_find(l, id)->off, v, n);
}

static void fill(uint8_t *key, const struct layout *l, bool v6)
{
    uint8_t octets[16] = { 0x20, 0x01, 0x0d, 0xb8 };
    struct addr src, dst;
    for (int i = 4; i < 16; i++)
        octets[i] = (uint8_t)random();
    if (v6) {
        addr_set_v6(&src, octets);
        octets[15]++;
        addr_set_v6(&dst, octets);
    } else {
        addr_set_v4(&src, octets + 4);
        addr_set_v4(&dst, octets + 8);
    }
    uint16_t sport = (uint16_t)random(), dport = (uint16_t)(random() % 1024);
    uint32_t in = (uint32_t)random() % 1000, out = (uint32_t)random() % 1000;
    uint8_t proto = random() & 1 ? 6 : 17, tos = (uint8_t)random();
    put(key, l, FIELD_src_host, &src, sizeof(src));
    put(key, l, FIELD_dst_host, &dst, sizeof(dst));
    put(key, l, FIELD_src_port, &sport, sizeof(sport));
    put(key, l, FIELD_dst_port, &dport, sizeof(dport));
    put(key, l, FIELD_proto, &proto, sizeof(proto));
    put(key, l, FIELD_tos, &tos, sizeof(tos));
    put(key, l, FIELD_in_iface, &in, sizeof(in));
    put(key, l, FIELD_out_iface, &out, sizeof(out));
}

static void measure(const struct layout *l, uint8_t *keys, const char *what, int kind)
{
    struct format_style st = { .kind = kinds[kind].kind, .separator = ',', .event_type = "purge" };
    struct format *f = format_new(l, &st);
    struct strbuf out;
    strbuf_init(&out, 16 << 20);
    size_t octets = 0;
    int64_t start = clock_mono_us();
    for (int round = 0; round < ROUNDS; round++) {
        strbuf_clear(&out);
        for (int i = 0; i < ROWS; i++) {
            struct row r = { .key = keys + (size_t)i * l->fixed,
                             .packets = (uint64_t)i,
                             .bytes = (uint64_t)i * 700 };
            format_row(f, &r, &out);
        }
        octets += out.len;
    }
    double ns = (double)(clock_mono_us() - start) * 1000 / ROWS / ROUNDS;
    printf("format %-6s %-5s %6.1f ns a row, %zu octets\n", kinds[kind].name, what, ns,
           octets / ROWS / ROUNDS);
    strbuf_free(&out);
    format_free(f);
}

int main(void)
{
    struct aggregate_spec spec;
    struct layout l;
    struct err e;
    bool dropped = false;
    if (aggregate_parse("src_host,dst_host,src_port,dst_port,proto,tos,in_iface,out_iface", 'N', &spec,
                        &dropped, &e))
        return 1;
    layout_make(&l, &spec, false);
    uint8_t *keys = calloc(ROWS, l.fixed);
    if (!keys)
        return 1;
    for (int v6 = 0; v6 < 2; v6++) {
        for (size_t i = 0; i < ROWS; i++)
            fill(keys + i * l.fixed, &l, v6);
        for (int kind = 0; kind < 3; kind++)
            measure(&l, keys, v6 ? "IPv6" : "IPv4", kind);
    }
    free(keys);
    return 0;
}
