/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of map files and lists over any text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "config/mapfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    uint64_t number;
    struct addr a;
    uint8_t octets[8], bits;
    bool b;
    (void)ctx;
    for (unsigned i = 0; i < row->n; i++) {
        const char *key = row->pair[i].key, *value = map_negation(row->pair[i].value, &b);
        map_number(key, value, 0, UINT32_MAX, &number, e);
        map_hex(key, value, 255, &number, e);
        map_bool(key, value, &b, e);
        map_addr(key, value, &a, e);
        map_mac(key, value, octets, e);
        map_rd(key, value, octets, e);
        if (map_prefix(key, value, &a, &bits, e) == 0)
            map_in_prefix(&a, &a, bits);
        char item[16];
        for (const char *at = value; at;)
            map_list_next(&at, item, sizeof(item));
    }
    return row->n % 3 ? 0 : err_set(e, ERR_CONFIG, "refused");
}

static int on_item(void *ctx, unsigned line, char *text, struct err *e)
{
    (void)ctx;
    return line % 3 ? 0 : err_set(e, ERR_CONFIG, "refused: %s", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct mapfile_key keys[] = {
        { "ip", 0, false },
        { "id", 1, false },
        { "rd", 2, true },
        { NULL, 0, false },
    };
    static const struct mapfile_spec spec = { keys, on_row };
    struct err e;
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    mapfile_parse("fuzz", text, len, &spec, NULL, &e);
    memcpy(text, data, len);
    listfile_parse("fuzz", text, len, on_item, NULL, &e);
    free(text);
    return 0;
}
