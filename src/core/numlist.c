/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of ports, protocols and types of service. */
#include "core/numlist.h"

#include <stdlib.h>
#include "config/mapfile.h"
#include "core/fields.h"

const struct numlist_kind numlist_ports = { "port", 1, 65535, false };
const struct numlist_kind numlist_protos = { "protocol", 0, 254, true };
const struct numlist_kind numlist_tos = { "tos", 0, 255, false };

struct loader {
    const struct numlist_kind *kind;
    struct numlist *list;
};

static int on_line(void *ctx, unsigned line, char *text, struct err *e)
{
    struct loader *l = ctx;
    uint64_t n;
    (void)line;
    if (l->kind->protos && proto_number(text) >= 0 && proto_number(text) <= (int)l->kind->hi)
        n = (uint64_t)proto_number(text);
    else if (map_number(l->kind->what, text, l->kind->lo, l->kind->hi, &n, NULL) == -1)
        return err_set(e, ERR_CONFIG, "invalid %s specified: '%.64s': %s%u to %u", l->kind->what, text,
                       l->kind->protos ? "a name, or " : "", l->kind->lo, l->kind->hi);
    l->list->count += !numlist_has(l->list, (uint32_t)n);
    l->list->bit[n / 64] |= UINT64_C(1) << (n % 64);
    return 0;
}

struct numlist *numlist_load(const struct numlist_kind *kind, const char *path, struct err *e)
{
    struct loader l = { kind, calloc(1, sizeof(*l.list)) };
    if (!l.list) {
        err_sys(e, "no memory for a list");
        return NULL;
    }
    if (listfile_read(path, on_line, &l, e) == 0)
        return l.list;
    free(l.list);
    return NULL;
}
