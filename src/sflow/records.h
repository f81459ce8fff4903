/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flow records: {enterprise, format} to the function that fills the flow from it. */
#ifndef SFLOW_RECORDS_H
#define SFLOW_RECORDS_H

#include "base/cursor.h"
#include "config/config.h"
#include "core/fields.h"
#include "sflow/sflow.h"

struct sflow;

enum sf_row {
#define SF_RECORD(name, ...) SF_ROW_##name,
#include "sflow/records.def"
    SF_ROW_MAX
};

enum { SF_ROW_NONE = 255 }; /* not understood */
_Static_assert(SF_ROW_MAX <= 64, "a set of rows has 64 bits");

/* What the configuration needs: made once. */
struct sf_wants {
    struct fieldset fields; /* those that may come out of records */
    uint64_t rows;          /* rows whose records are read */
    bool next_hop;          /* use_ip_next_hop */
    uint8_t by_format[64];  /* enum sf_row of the common tags, see sf_row_of */
};
void sf_wants_make(struct sf_wants *w, const struct fieldset *needs, const struct config *c);

/* The row of a tag of version 5, or SF_ROW_NONE. */
uint8_t sf_row_search(uint32_t tag);
static inline uint8_t sf_row_of(const struct sf_wants *w, uint32_t tag)
{
    if (__builtin_expect(tag < 8, 1))
        return w->by_format[tag];
    if (__builtin_expect(tag - 1000 < 56, 1))
        return w->by_format[8 + tag - 1000];
    return sf_row_search(tag);
}

/* The row of packet data, or of extended data, in versions 2 and 4. */
uint8_t sf_row_old(uint32_t type, bool extended);

/* Versions 2 and 4: moves c past a record of this row; bad when it does not end within c. */
void sf_row_skip(uint8_t row, struct cursor *c, uint8_t version);

/* Reads the record of a row into sf->f. */
void sf_row_read(struct sflow *sf, uint8_t row, struct cursor *c);

#endif
