/* SPDX-License-Identifier: BSD-2-Clause */
/* What one row costs: csv, JSON and table of an 8-part key, the addresses of IPv4 and of IPv6. Prints ns a
 * row. */
#include <stdio.h>
#include <stdlib.h>

#include "core/project.h"
#include "output/format.h"

enum { ROWS = 4096, ROUNDS = 256, SLOT = 256 };

static const struct {
    const char *name;
    enum format_kind kind;
} kinds[] = { { "csv", FORMAT_CSV },   { "json", FORMAT_JSON },      { "table", FORMAT_TABLE },
              { "avro", FORMAT_AVRO }, { "protobuf", FORMAT_PROTO }, { "avro_json", FORMAT_AVRO_JSON } };

/* A record as the core makes it, in SLOT octets. */
static void fill(uint8_t *slot, const struct projection *p, bool v6)
{
    struct flow f = { .src_port = (uint16_t)random(),
                      .dst_port = (uint16_t)(random() % 1024),
                      .in_iface = (uint32_t)random() % 1000,
                      .out_iface = (uint32_t)random() % 1000,
                      .proto = random() & 1 ? 6 : 17,
                      .tos = (uint8_t)random() };
    uint8_t octets[16] = { 0x20, 0x01, 0x0d, 0xb8 };
    for (int i = 4; i < 16; i++)
        octets[i] = (uint8_t)random();
    if (v6) {
        addr_set_v6(&f.src_host, octets);
        octets[15]++;
        addr_set_v6(&f.dst_host, octets);
    } else {
        addr_set_v4(&f.src_host, octets + 4);
        addr_set_v4(&f.dst_host, octets + 8);
    }
    projection_run(p, &f, (struct record *)slot);
}

static void measure(const struct layout *l, const uint8_t *slots, const char *what, int kind)
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
            struct row r = { .key = ((const struct record *)(slots + (size_t)i * SLOT))->key,
                             .packets = (uint64_t)i,
                             .bytes = (uint64_t)i * 700 };
            format_row(f, &r, &out);
        }
        octets += out.len;
    }
    double ns = (double)(clock_mono_us() - start) * 1000 / ROWS / ROUNDS;
    printf("format %-9s %-5s %6.1f ns a row, %zu octets\n", kinds[kind].name, what, ns,
           octets / ROWS / ROUNDS);
    strbuf_free(&out);
    format_free(f);
}

/* All kinds, of rows with these fields. */
static int measure_fields(const char *fields_of_rows)
{
    struct aggregate_spec spec;
    struct layout l;
    struct projection p;
    static const struct config plain;
    struct err e;
    bool dropped = false;
    printf("%s, packets, bytes:\n", fields_of_rows);
    if (aggregate_parse(fields_of_rows, 'N', &spec, &dropped, &e))
        return 1;
    layout_make(&l, &spec, false);
    projection_make(&p, &l, &spec, &plain);
    uint8_t *slots = calloc(ROWS, SLOT);
    if (!slots)
        return 1;
    for (int v6 = 0; v6 < 2; v6++) {
        for (size_t i = 0; i < ROWS; i++)
            fill(slots + i * SLOT, &p, v6);
        for (int kind = 0; kind < (int)(sizeof(kinds) / sizeof(kinds[0])); kind++)
            measure(&l, slots, v6 ? "IPv6" : "IPv4", kind);
    }
    free(slots);
    return 0;
}

int main(void)
{
    return measure_fields("src_host,dst_host,src_port,dst_port,proto,tos,in_iface,out_iface") ||
           measure_fields("src_host,dst_host,src_port,dst_port,proto,tos,in_iface,out_iface,src_as,dst_as,"
                          "tcpflags,peer_src_ip");
}
