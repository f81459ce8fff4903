/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of information elements and its lookup; used by the template compiler, the dump and the exporter.
 */
#include "netflow/elements.h"

#include <stddef.h>
#include <stdlib.h>

#define VAR ELEMENT_VAR
#define ELEMENT(pen_, id_, name_, type_, len_, slot_, rank_)                                                 \
    { .pen = pen_,                                                                                           \
      .id = id_,                                                                                             \
      .len = len_,                                                                                           \
      .type = ET_##type_,                                                                                    \
      .slot = SLOT_##slot_,                                                                                  \
      .rank = rank_,                                                                                         \
      .name = name_ },
const struct element elements[] = {
#include "netflow/elements.def"
};
#undef ELEMENT

const unsigned n_elements = sizeof(elements) / sizeof(elements[0]);

static int order(const void *key, const void *row)
{
    const struct element *a = key, *b = row;
    if (a->pen != b->pen)
        return a->pen < b->pen ? -1 : 1;
    return (int)a->id - (int)b->id;
}

const struct element *element_find(uint32_t pen, uint16_t id)
{
    const struct element key = { .pen = pen, .id = id };
    return bsearch(&key, elements, n_elements, sizeof(elements[0]), order);
}

const struct element *element_find_v9(uint16_t type)
{
    const struct element *e = element_find(PEN_V9, type);
    if (!e && type & 0x8000)
        return element_find(PEN_CISCO, type & 0x7fff);
    return e ? e : element_find(0, type);
}
