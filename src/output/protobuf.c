/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of protocol buffers, and the file that describes them. format_proto.c and body_proto.c write with
 * it, genproto.c prints docs/flow.proto. */
#include "output/protobuf.h"

#include "core/fields.h"
#include "output/json.h"

void proto_uint(struct strbuf *out, unsigned number, uint64_t v)
{
    if (!v || !strbuf_room(out, PROTO_TAG_MAX + PROTO_VARINT_MAX))
        return;
    out->len = (size_t)(proto_put(proto_put_tag(out->p + out->len, number, PROTO_VARINT), v) - out->p);
}

static void add_clean(struct strbuf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        while (i + n < len && p[i + n] < 0x80)
            n++;
        if (!n)
            n = utf8_len(p + i, len - i);
        if (n)
            strbuf_add(out, p + i, n);
        else
            strbuf_lit(out, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
}

void proto_text(struct strbuf *out, unsigned number, const void *text, size_t len)
{
    char tag[PROTO_TAG_MAX];
    if (!len)
        return;
    strbuf_add(out, tag, (size_t)(proto_put_tag(tag, number, PROTO_LEN) - tag));
    const size_t at = out->len;
    strbuf_char(out, 0);
    add_clean(out, text, len);
    proto_close(out, at, 1);
}

void proto_close(struct strbuf *out, size_t at, size_t room)
{
    char len[PROTO_VARINT_MAX];
    if (out->failed)
        return;
    const size_t octets = out->len - at - room, n = (size_t)(proto_put(len, octets) - len);
    if (n > room && !strbuf_room(out, n - room))
        return;
    if (n != room)
        memmove(out->p + at + n, out->p + at + room, octets);
    memcpy(out->p + at, len, n);
    out->len = at + n + octets;
}

/* ---- docs/flow.proto */

static const struct {
    unsigned number;
    const struct field *field; /* NULL: no primitive */
    const char *name, *type, *text;
} rows[] = {
#define PROTO(number, field) { number, &fields[FIELD_##field], NULL, NULL, NULL },
#define PROTO_MORE(number, name, type, text) { number, NULL, #name, type, text },
#include "output/protobuf.def"
#undef PROTO
#undef PROTO_MORE
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *type_of(uint8_t kind)
{
    static const char *const type[FK_MAX] = {
        [FK_U8] = "uint32",
        [FK_U16] = "uint32",
        [FK_U32] = "uint32",
        [FK_U64] = "uint64",
        [FK_ASN] = "uint32",
        [FK_TCPFLAGS] = "uint32",
        [FK_FWDSTATUS] = "uint32",
        [FK_COORDS] = "double",
        [FK_COMMS] = "repeated string",
        [FK_ASPATH] = "repeated string",
        [FK_LABELS] = "repeated uint32",
        [FK_SEGMENTS] = "repeated string",
    };
    return type[kind] ? type[kind] : "string";
}

static void print_row(FILE *f, unsigned i)
{
    const struct field *fd = rows[i].field;
    const unsigned n = rows[i].number;
    if (!fd) {
        fprintf(f, "  %s %s = %u; // %s\n", rows[i].type, rows[i].name, n, rows[i].text);
        return;
    }
    fprintf(f, "  %s %s = %u; // %s\n", type_of(fd->kind), fd->json, n, fd->text);
    if (fd->kind == FK_COORDS)
        fprintf(f, "  double lon%s = %u;\n", fd->json + 3, n + 1);
    if (fd->kind == FK_RD)
        fprintf(f, "  string %s_origin = %u; // Where that comes from: flow, bgp, ...\n", fd->json, n + 1);
}

static const char *first_fault(void)
{
    unsigned next = 1;
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        unsigned n = 0;
        for (unsigned i = 0; i < ROWS; i++)
            n += rows[i].field == &fields[id];
        if (n != 1)
            return fields[id].name;
    }
    for (unsigned i = 0; i < ROWS; i++) {
        const struct field *fd = rows[i].field;
        if (rows[i].number < next)
            return fd ? fd->name : rows[i].name;
        next = rows[i].number + (fd && (fd->kind == FK_COORDS || fd->kind == FK_RD) ? 2 : 1);
    }
    return NULL;
}

bool proto_print(FILE *f, const char **what)
{
    *what = first_fault();
    if (*what)
        return false;
    fputs("// Messages of `kafka_output: protobuf` and `amqp_output: protobuf`. Generated from the tables of "
          "fields:\n"
          "// a field keeps its number for ever.\n"
          "//\n"
          "// A message is one AcctData; with kafka_multi_values or amqp_multi_values it is an AcctBatch. "
          "What a row\n"
          "// does not have, and what is 0 or empty, is left out. Text is what JSON has, times as the "
          "timestamps_* keys\n"
          "// say; the keys that make arrays and maps of text have no effect here.\n"
          "syntax = \"proto3\";\n"
          "package pmacct;\n\n"
          "message AcctData {\n",
          f);
    for (unsigned i = 0; i < ROWS; i++)
        print_row(f, i);
    fputs("}\n\nmessage AcctBatch {\n  repeated AcctData rows = 1;\n}\n", f);
    return true;
}
