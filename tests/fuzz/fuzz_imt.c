/* SPDX-License-Identifier: BSD-2-Clause */
/* What the memory plugin takes from a client and what the client takes from the plugin. The first octet
 * chooses: the body of a REQUEST, answered from a small table; the body of a HELLO, and rows drawn by the
 * layout that it describes; a whole conversation. */
#include <stdlib.h>
#include <string.h>
#include "core/imt_proto.h"
#include "output/format.h"
#include "plugins/memory_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void layout_fixed(struct layout *l)
{
    struct aggregate_spec spec;
    struct err e;
    bool dropped;
    if (aggregate_parse("src_host, src_port, tcpflags, mpls_vpn_rd, as_path, flows", 'N', &spec, &dropped,
                        &e) == -1)
        abort();
    layout_make(l, &spec, false);
}

static struct table *table_small(const struct layout *l)
{
    _Alignas(8) uint8_t buf[sizeof(struct record) + 256];
    struct table *t = table_new();
    for (uint8_t i = 0; i < 8; i++) {
        memset(buf, 0, sizeof(buf));
        struct record *r = (struct record *)buf;
        *r = (struct record){ .packets = i, .flows = 1 };
        record_set_key_len(r, l->fixed + 8u);
        const uint16_t path = i % 4;
        memcpy(r->key + layout_find(l, FIELD_as_path)->off, &path, sizeof(path));
        memcpy(r->key + l->fixed, "651", path);
        r->key[layout_find(l, FIELD_src_port)->off] = i;
        agg_add(t->agg, buf, record_size(r));
    }
    return t;
}

static void on_request(struct cursor body)
{
    struct layout l;
    struct imt_request r;
    struct strbuf out;
    struct err e;
    if (imt_request_get(body, &r, &e) == -1)
        return;
    layout_fixed(&l);
    struct table *t = table_small(&l);
    struct answer *a = answer_new(&l, t, &r, &e);
    strbuf_init(&out, 1 << 20);
    while (a && !answer_step(a, &out, 0))
        ;
    answer_free(a);
    strbuf_free(&out);
    table_put(t);
}

static void on_rows(struct cursor *rows, const struct layout *l)
{
    const struct format_style style = { .kind = FORMAT_CSV, .order = ORDER_CLIENT, .client = true };
    struct format *f = format_new(l, &style);
    struct strbuf out;
    struct row r;
    uint32_t key_len;
    strbuf_init(&out, 1 << 20);
    while (f && imt_row_get(rows, l, &r, &key_len))
        format_row(f, &r, &out);
    format_free(f);
    strbuf_free(&out);
}

/* 16 bits of length, a HELLO's body of that length, rows. */
static void on_hello(struct cursor c)
{
    struct layout l;
    struct err e;
    struct cursor hello = cursor_sub(&c, cursor_u16(&c));
    if (imt_hello_get(hello, &l, &e) == 0) {
        on_rows(&c, &l);
        layout_free(&l);
    }
}

static void on_conversation(struct cursor c)
{
    struct layout l = { .own = NULL };
    struct err e;
    bool greeted = false;
    while (cursor_left(&c)) {
        struct imt_header h;
        struct imt_count count;
        struct imt_done done;
        if (imt_header_get(&c, &h, &e) == -1)
            break;
        struct cursor body = cursor_sub(&c, h.len);
        if (h.type == IMT_HELLO) {
            layout_free(&l);
            greeted = imt_hello_get(body, &l, &e) == 0;
        } else if (h.type == IMT_ROWS && greeted)
            on_rows(&body, &l);
        else if (h.type == IMT_COUNTS)
            while (imt_count_get(&body, &count))
                ;
        else if (h.type == IMT_DONE)
            imt_done_get(body, &done, &e);
    }
    layout_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor c = cursor_of(data, len);
    switch (cursor_u8(&c)) {
    case 0:
        on_request(c);
        break;
    case 1:
        on_hello(c);
        break;
    case 2:
        on_conversation(c);
        break;
    }
    return 0;
}
