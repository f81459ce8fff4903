/* SPDX-License-Identifier: BSD-2-Clause */
/* Avro's object container files (Avro 1.11, "Object Container Files") and schema files. The sinks that write
 * files compose them with this; what is read here is the head of a file that is appended to. */
#ifndef OUTPUT_AVRO_FILE_H
#define OUTPUT_AVRO_FILE_H

#include <stdint.h>
#include "base/cursor.h"
#include "base/err.h"
#include "base/files.h"
#include "base/strbuf.h"

enum { AVRO_SYNC = 16, AVRO_SCHEMA_MAX = 1 << 20 };

/* Fills in the marker that stands behind the head and behind each block of one file: random. */
void avro_file_sync(uint8_t sync[AVRO_SYNC]);

/* The head of a file: schema as JSON of len octets, codec null. */
void avro_file_head(struct strbuf *out, const char *schema, size_t len, const uint8_t sync[AVRO_SYNC]);

/* What goes before the records of a block (octets of them), behind which stands the marker. */
void avro_file_block(struct strbuf *out, uint64_t records, size_t octets);

struct avro_head {
    struct cursor schema; /* JSON, in the bytes that were read */
    bool plain;           /* the codec is null: blocks can be added */
    uint8_t sync[AVRO_SYNC];
};

/* Reads a head off c, which moves behind it. False: it is none, or is cut off. */
bool avro_file_read_head(struct cursor *c, struct avro_head *out);

/* Finds out whether blocks of this schema can be added to the file, and with which marker. -1: e says why
 * not: another schema or codec, no container, an end within a block. */
int avro_file_joins(const char *path, const char *schema, size_t len, uint8_t sync[AVRO_SYNC], struct err *e);

/* Writes the file of avro_schema_file; the schema, as JSON in one line, stays as it is. */
int avro_schema_save(const char *path, struct strbuf *schema, const struct file_modes *m, struct err *e);

#endif
