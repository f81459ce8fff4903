/* SPDX-License-Identifier: BSD-2-Clause */
/* Client of a schema registry that speaks Confluent's REST interface: registers a schema under a subject,
 * gets the id that messages name it by. The writer threads of kafka use it through body_avro.c, the message
 * log from its thread; calls wait for the server, some seconds at most. */
#ifndef OUTPUT_REGISTRY_H
#define OUTPUT_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/strbuf.h"

enum { REGISTRY_HEAD = 5 /* octets before each record: 0, id (big endian) */ };

struct registry; /* opaque; one thread at a time */

/* Can this build ask one? (libcurl) */
bool registry_built(void);

/* urls: one, or several of one registry with commas between; user and password may stand in them. The text
 * outlives the client. -1: e. */
int registry_open(struct registry **out, const char *urls, struct err *e);
void registry_close(struct registry *r); /* NULL is fine */

/* Registers the schema (JSON, len octets) under the subject, unless it is there, and gets its id. -1: no
 * server answered as it should, e tells of the last one. */
int registry_id(struct registry *r, const char *subject, const char *schema, size_t len, uint32_t *id,
                struct err *e);

/* The id in what a registry answered: the number of the member "id" of the object. False: there is none. */
bool registry_answer(const char *text, size_t len, uint32_t *id);

/* Appends what goes before a record of the schema with this id. */
void registry_head(struct strbuf *out, uint32_t id);

#endif
