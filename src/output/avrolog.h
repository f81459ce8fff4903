/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of BGP and BMP logs and dumps as Avro records. Messages are made as JSON objects; a table of
 * records says which members become which fields. What no field is for goes into the map `more`, so nothing
 * is lost. msglog.c calls it. */
#ifndef OUTPUT_AVROLOG_H
#define OUTPUT_AVROLOG_H

#include <stdbool.h>
#include "base/strbuf.h"

/* What the configuration changes about the records. */
struct avrolog_style {
    bool tags; /* a tag map is there: tag and label */
    bool label_as_map, comms_as_array, as_path_as_array;
    bool origin_as_int;
    bool roa;    /* RPKI is on */
    bool set_pd; /* bmp_daemon_set_pd: pd and pd_origin */
};

struct avrolog; /* opaque; one thread's */

struct avrolog *avrolog_new(const struct avrolog_style *st); /* NULL: no memory */
void avrolog_free(struct avrolog *a);                        /* NULL is fine */

/* Records are numbered from 0. NULL: there are no more. */
const char *avrolog_name(unsigned record);
/* Does the record belong to dumps, to logs (some do to both), to BMP? */
bool avrolog_of_dumps(unsigned record);
bool avrolog_of_logs(unsigned record);
bool avrolog_of_bmp(unsigned record);

/* Appends a record's schema as JSON. */
void avrolog_schema(const struct avrolog *a, unsigned record, struct strbuf *out);

/* Appends the message (one JSON object) as a record: binary, or in Avro's JSON encoding. Returns the number
 * of the record, or -1: the text is none that a record is for; nothing was appended then. */
int avrolog_encode(struct avrolog *a, const char *text, size_t len, bool json, struct strbuf *out);

#endif
